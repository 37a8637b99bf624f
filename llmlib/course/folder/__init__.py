"""The learner's folder `work/`, and how a newer edition takes its answers along."""
