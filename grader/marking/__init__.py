"""Give points and findings."""
