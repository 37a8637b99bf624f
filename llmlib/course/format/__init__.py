"""The format of a notebook's source, which learners' checks, the grader and the build read."""
