"""Compute nbgrader's checksum of a cell, without nbgrader, which a learner may lack."""

import hashlib
from collections.abc import Mapping


def checksum(source: str, kind: str, marks: Mapping) -> str:
    """Return that of a cell of this `kind` ("code"); `marks`: its metadata under "nbgrader"."""
    grade, solution = bool(marks.get("grade")), bool(marks.get("solution"))
    is_locked = not solution and (grade or bool(marks.get("locked")))
    points = float(marks.get("points") or 0) if grade else ""
    text = f"{source}{kind}{grade}{solution}{is_locked}{marks.get('grade_id')}{points}"
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
