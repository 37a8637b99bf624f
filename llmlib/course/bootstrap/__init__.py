"""The set-up of a clone, which runs before anything is installed: standard library only."""
