"""The pages of docs/evidence: what measured tables were made from, and whether that has changed.

python tests/evidence.py    counts the answers again, and marks the pages whose inputs have changed
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "evidence"
SHARED = "check environment checking/definitions checking/disallowed checking/submission"
SHARED += " checking/plain_data checking/run_cells checking/scopes"
SHARED += " format/notebooks format/source"
INPUTS = {  # what each page's numbers depend on
    "answers": ["tests/answers/*/*.py"],
    "claims": ["solutions/0*.py", "tests/claims/*.py"],
    "mutants": ["solutions/0*.py", "tests/mutants.py", "llmlib/grading/mutations.py"]
    + ["llmlib/course/check.py"],
    "attacks": ["tests/attacks/*.py", "llmlib/grading/**/*.py"]
    + [f"llmlib/course/{name}.py" for name in SHARED.split()],  # what the grader shares with check
}
STALE = "**Stale:** what this page measures has changed since it was made.\n\n"


def inputs(name):
    """A fingerprint of the files that a page's numbers depend on."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in INPUTS[name] for path in ROOT.glob(pattern)):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def write(name, text):
    """Put the measured `text` on the page `name`, as made from today's inputs."""
    path = FOLDER / f"{name}.md"
    lead = path.read_text(encoding="utf-8").partition("<!-- inputs:")[0]
    page = f"{lead}<!-- inputs: {inputs(name)} -->\n\n{text.strip()}\n"
    path.write_text(marked(name, page), encoding="utf-8", newline="\n")


def marked(name, page):
    """The page with its word on whether it is stale."""
    page = page.replace(STALE, "")
    made = re.search(r"<!-- inputs: (\w+) -->", page)[1]
    if made == inputs(name):
        return page
    return page.replace("<!-- inputs:", f"{STALE}<!-- inputs:", 1)


def mark_all():
    """Say on every page whether it is stale; returns the names of those that are."""
    stale = []
    for name in INPUTS:
        path = FOLDER / f"{name}.md"
        before = path.read_text(encoding="utf-8")
        after = marked(name, before)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
        stale += [name] if STALE in after else []
    return stale


def asked(about, known):
    """The notebooks named on the command line, all of them `known`; [] for every one."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=", ".join(known))
    chosen = parser.parse_args().notebooks
    for name in set(chosen) - set(known):
        parser.error(f"there is no notebook {name}: choose from {', '.join(known)}")
    return chosen


def table(head, rows):
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    import answer_runner

    from benchmarks import report

    write("answers", answer_runner.answers_table())
    print("Stale pages:", ", ".join(mark_all()) or "none")
    print("Stale figures of make bench:", ", ".join(report.mark()) or "none")
