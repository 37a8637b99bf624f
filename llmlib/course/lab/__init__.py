"""JupyterLab for learners: the start page, what its buttons ask the server for, the settings."""
