"""The parts of setup.py. They need nothing but the standard library: setup.py runs before anything is installed."""
