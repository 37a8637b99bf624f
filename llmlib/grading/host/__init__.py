"""The grader's trusted side, outside of the sandbox."""
