"""Keep the grader's trusted side, outside of the sandbox."""
