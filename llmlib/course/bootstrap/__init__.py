"""The parts of setup.py, which runs before anything is installed: standard library only."""
