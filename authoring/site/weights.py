"""The page's weights: the course's own GGUF file, cut into parts that any web host takes and that a
lost connection costs one of."""

import hashlib
import json
from pathlib import Path
from typing import Any

from llmlib import assets

PART = 8 * 2**20  # bytes; web hosts refuse files above 25 MB


def write(folder: Path) -> dict[str, Any]:
    """Write weights/manifest.json and the parts beside it into the site's `folder`, and return the
    manifest: {file, size, sha256, parts: [{name, size, sha256}]}. FileNotFoundError without the
    model package."""
    source, folder = assets.smollm2_gguf(), folder / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    parts: list[dict[str, Any]] = []
    for start in range(0, len(content), PART):
        part = content[start : start + PART]
        name = f"{source.name}.part-{len(parts) + 1:02}"
        (folder / name).write_bytes(part)
        parts.append({"name": name} | _described(part))
    manifest = {"file": source.name} | _described(content) | {"parts": parts}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _described(content: bytes) -> dict[str, Any]:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
