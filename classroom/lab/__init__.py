"""Set up JupyterLab for learners: start page, what its buttons ask the server for, settings."""
