"""Arithmetic of size: parameters, FLOPs, bandwidth, and the power laws that tie them to the loss."""
