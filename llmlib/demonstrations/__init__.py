"""What the notebooks' demonstrations need but need not show: a file for each notebook."""
