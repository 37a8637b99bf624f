"""Set up a clone. This runs before anything is installed: standard library only."""
