"""The page's weights: the course's own GGUF file in parts."""

from pathlib import Path
from typing import Any

from authoring.site import parts
from llmlib import assets

PART = 8 * 2**20  # bytes; web hosts refuse files above 25 MB


def write(folder: Path) -> dict[str, Any]:
    """Write weights/manifest.json and the parts beside it into the site's `folder`, and return the
    manifest: {file, sha256, size, parts: [{name, size, sha256}]}. FileNotFoundError without the
    model package."""
    source = assets.smollm2_gguf()
    content = source.read_bytes()
    pieces = [content[start : start + PART] for start in range(0, len(content), PART)]
    named = ((f"{source.name}.part-{i:02}", piece) for i, piece in enumerate(pieces, 1))
    whole = parts.described(content)["sha256"]
    return parts.write(folder / "weights", named, file=source.name, sha256=whole)
