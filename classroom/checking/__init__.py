"""Read and run what a learner wrote: `llmlib check`, and what the grader shares with it."""
