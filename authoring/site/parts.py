"""A download for the reader's browser, in parts: any web host takes them, each is checked by its
hash when it arrives (web/engine/download.js), and a lost connection costs one of them."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write(folder: Path, parts: Iterable[tuple[str, bytes]], **more: Any) -> dict[str, Any]:
    """Write the parts (name, content) into `folder`, which is made or emptied, and manifest.json
    beside them; returns that: {…more, size, parts: [{name, size, sha256}]}."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    listed: list[dict[str, Any]] = []
    for name, content in parts:
        (folder / name).write_bytes(content)
        listed.append({"name": name} | described(content))
    manifest = more | {"size": sum(each["size"] for each in listed), "parts": listed}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def described(content: bytes) -> dict[str, Any]:
    """The size of a file in bytes, and its hash."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
