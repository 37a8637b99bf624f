"""Read the format of a notebook's source, for learners' checks, the grader and the build."""
