"""What gives points and findings."""
