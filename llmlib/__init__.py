"""Hold an LLM engine in plain functions, a file or two for each notebook of the course "From Tokens
to Tokens"."""

__all__ = ["complete", "generate"]


def __getattr__(name: str):
    """Import the two only when they are asked for, so that what needs no model starts without
    torch."""
    if name in __all__:
        from llmlib import generation

        return getattr(generation, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
