"""llmlib: an LLM engine in plain functions, one file for each notebook of the course "From Tokens
to Tokens"."""

from llmlib.generation import complete, generate

__all__ = ["complete", "generate"]
