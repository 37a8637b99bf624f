"""Compute what the taught functions compute, faster: fewer and larger operations, fewer bits,
compiled loops."""
