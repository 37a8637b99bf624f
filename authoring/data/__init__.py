"""Record the data in llmlib/data: hours of computing, done once."""
