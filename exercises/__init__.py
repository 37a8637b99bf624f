"""Describe the exercises: how one is written down, what its check tries, what it disallows."""
