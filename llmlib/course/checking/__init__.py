"""Reading and running what a learner wrote: `llmlib check`, and what the grader shares with it."""
