"""What the learner's Validate button needs to know."""

c = get_config()  # noqa: F821 (nbgrader provides it)

# Seconds that one cell may run.
c.Execute.timeout = 300
