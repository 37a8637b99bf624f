"""Make the learner's folder `work/`, and take its answers along into a newer edition."""
