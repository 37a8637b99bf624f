"""A file is written whole or not at all, whatever stops the program in between."""

import os
from pathlib import Path


def write(path: Path | str, data: str | bytes) -> None:
    """Write `data` to `path`: beside it first, then moved there in one step. Makes the folder.
    Half a character, as a learner's text may hold, becomes a "?". Raises OSError."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
