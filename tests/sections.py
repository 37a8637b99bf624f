"""Generated parts of INSTRUCTORS.md: each stands between `<!-- NAME -->` and `<!-- /NAME -->`."""

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[1] / "INSTRUCTORS.md"


def write(name, text):
    """Put `text` in the guide's section `name`."""
    guide, mark = GUIDE.read_text(encoding="utf-8"), re.escape(name)
    new, count = re.subn(
        rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)",
        lambda m: f"{m[1]}{text.strip()}\n{m[2]}",
        guide,
        flags=re.DOTALL,
    )
    if count != 1:
        raise SystemExit(f"INSTRUCTORS.md has no section <!-- {name} -->")
    GUIDE.write_text(new, encoding="utf-8")


def table(head, rows):
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )
