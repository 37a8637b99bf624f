"""The pages of docs/evidence: what measured tables were made from, and whether that has changed.

python tests/evidence.py    counts the answers again, quotes the claims as they are worded now, and
                            marks the pages whose inputs have changed

A page names its parts, such as a notebook, each with a digest of the code that its rows measure.
Text, comments and docstrings are not in it, nor the engine, which has tests of its own.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from authoring import code_digest  # noqa: E402
from exercises.format import notebooks  # noqa: E402

TESTS = Path(__file__).parent
FOLDER = ROOT / "docs" / "evidence"
MARKER = re.compile("<!-- inputs: (.*) -->")
STALE = re.compile(r"\*\*Stale:\*\* .*\n\n")
MOST = 9  # stale parts that a page names
CLAIMS = ["notebook", "claim", "control", "figures"]
GRADER = ["grader.worker_pool", "grader.marking.runner"]
REFUSALS = ["check.py", "torch_blocker.py", "operators.py"]
CASES = "exercises"  # the package with the cases of a notebook's checks


def of_answers():
    """They are counted again each time: nothing of them is ever stale."""
    return {}


def of_claims():
    """Of each notebook the claims, the functions that they use, and what demonstrations measure."""
    found = {}
    for path in sorted(ROOT.glob("tests/claims/[0-9][0-9]_*.py")):
        used = {path.stem, *re.findall(r'solved\("(\w+)"\)', path.read_text(encoding="utf-8"))}
        functions = [cell for name in sorted(used) for cell in _cells(name, "given", "solution")]
        found[path.stem] = [
            path,
            *functions,
            *code_digest.closure([path], only={"demonstrations", "data"}),
        ]
    return found


def of_mutants():
    """Of each exercise its solution, the given cells, its test but for what it says, and what makes
    mutants and checks."""
    tools = [ROOT / "grader/mutations.py", ROOT / "exercises/check.py"]
    parts = {}
    for path in sorted(ROOT.glob("solutions/[0-9][0-9]_*.py")):
        notebook, given = notebooks.load(path.stem, ROOT), _cells(path.stem, "given")
        for exercise in notebook.exercises:
            tests = map(_without_messages, _test(exercise))
            code = [*given, ast.parse(exercise.solution), *tests, *tools]
            parts[f"{path.stem}.{exercise.name}"] = code
    return parts


def of_attacks():
    """The attacks, and of the grader what reads a submission, runs it and judges."""
    grader = code_digest.closure(GRADER, only={"grader", "checking", *REFUSALS})
    return {"attacks": [*sorted(ROOT.glob("tests/attacks/*.py")), *grader]}


def of_processors():
    """Of each notebook the code that computes its outputs, and how adding is turned."""
    found = {}
    for path in sorted(ROOT.glob("solutions/*.py")):
        code = _cells(path.stem, "demo", "given", "solution")
        library = code_digest.closure([path], only={"llmlib"})
        found[path.stem] = [*code, *library, TESTS / "adding_order.py"]
    return found


INPUTS = {
    "answers": of_answers,
    "claims": of_claims,
    "mutants": of_mutants,
    "attacks": of_attacks,
    "processors": of_processors,
}


def _cells(name, *kinds):
    """The code of the cells of these kinds, as syntax trees."""
    cells = notebooks.load(name, ROOT).cells
    return [ast.parse(cell.source) for cell in cells if notebooks.kind(cell) in kinds]


def _test(exercise):
    """The test cell of an exercise, and what of its module of cases it runs, as syntax trees."""
    cell = ast.parse(exercise.full)
    code, names = [cell], {node.attr for node in ast.walk(cell) if isinstance(node, ast.Attribute)}
    for node in ast.walk(cell):
        if isinstance(node, ast.ImportFrom) and node.module == CASES:
            file = ROOT / CASES / f"{node.names[0].name}.py"
            module = ast.parse(file.read_text(encoding="utf-8"))
            functions = {each.name for each in module.body if isinstance(each, ast.FunctionDef)}
            for name in sorted(functions & names):
                code += code_digest.definition(module, name)
    return code


def _without_messages(tree):
    """A test cell, or its cases, without the last argument of each check, which says what is
    wrong."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("check."):
            del node.args[-1:]
    return tree


def inputs(name):
    """{part of the page: a digest of the code that it measures}"""
    return {part: code_digest.digest(code) for part, code in INPUTS[name]().items()}


def made_from(page):
    """{part of a page: what its rows were made from}"""
    found = MARKER.search(page)
    return dict(re.findall(r"([\w.]+) (\w+)", found[1])) if found else {}


def stale(name, page):
    """The parts of a page whose code has changed since."""
    made, now = made_from(page), inputs(name)
    return sorted(part for part in now if made.get(part) != now[part])


def write(name, text, parts=None):
    """Put the measured `text` on the page `name`, as made from today's code: all of it, or what it
    says of `parts`, while the rest is as old as before."""
    path, now = FOLDER / f"{name}.md", inputs(name)
    page = path.read_text(encoding="utf-8")
    made = made_from(page) | {part: now[part] for part in parts or now}
    told = ", ".join(f"{part} {made.get(part, 'unknown')}" for part in now)
    lead = STALE.sub("", page.partition("<!-- inputs:")[0])
    page = f"{lead}<!-- inputs: {told} -->\n\n{text.strip()}\n"
    path.write_text(marked(name, page), encoding="utf-8", newline="\n")


def others(name, head, parts):
    """The rows of a page's table that are of none of `parts`, which its first column names; none
    where all is measured."""
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8") if parts else ""
    return [row for row in rows_of(page, head) if row[0] in inputs(name) and row[0] not in parts]


def marked(name, page):
    """The page with its word on which parts are stale."""
    page = STALE.sub("", page)
    if not (old := stale(name, page)):
        return page
    what = (
        f"what {', '.join(old)} measures" if len(old) <= MOST else f"what {len(old)} rows measure"
    )
    what = "what this page measures" if old == [*inputs(name)] else what
    line = f"**Stale:** {what} has changed since then.\n\n"
    return page.replace("<!-- inputs:", f"{line}<!-- inputs:", 1)


def mark_all():
    """Say on every page what is stale; returns {page: its stale parts}."""
    found = {}
    for name in INPUTS:
        path = FOLDER / f"{name}.md"
        before = path.read_text(encoding="utf-8")
        after = marked(name, before)
        if after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
        if old := stale(name, after):
            found[name] = old
    return found


def quoted(page, claims):
    """The page of claims with sentences and controls as `claims`, {notebook: [[sentences,
    control]]}, word them now. Where a notebook's rows are stale, they are left as they are."""
    rows, old, worded = rows_of(page, CLAIMS), stale("claims", page), []
    for notebook in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == notebook]
        if notebook not in old:
            pairs = zip(claims[notebook], mine, strict=True)
            mine = [[notebook, *words, row[-1]] for words, row in pairs]
        worded += mine
    return page.replace(table(CLAIMS, rows), table(CLAIMS, worded))


def asked(about, known, what="notebook"):
    """The notebooks, or parts of a page, named on the command line, all of them `known`; [] for
    every one."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("names", nargs="*", metavar=what.upper(), help=", ".join(known))
    chosen = parser.parse_args().names
    for name in set(chosen) - set(known):
        parser.error(f"there is no {what} {name}: choose from {', '.join(known)}")
    return chosen


def table(head, rows):
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def rows_of(page, head):
    """The rows of the table with this head; none where there is no such table."""
    _, found, after = page.partition(table(head, []) + "\n")
    lines = after.partition("\n\n")[0].splitlines() if found else []
    cells = (re.split(r"(?<!\\) \| ", line[2:-2]) for line in lines)
    return [[cell.replace("\\|", "|") for cell in row] for row in cells]


def main():
    """Write the pages again, with what they say now and what is stale."""
    import answer_runner
    import other_processors
    from claims import claim_runner

    from benchmarks import report

    write("answers", answer_runner.answers_table())
    path = FOLDER / "claims.md"
    page = quoted(path.read_text(encoding="utf-8"), claim_runner.worded())
    path.write_text(page, encoding="utf-8", newline="\n")
    other_processors.write_page()
    pages = (f"{name} ({', '.join(parts)})" for name, parts in mark_all().items())
    print("Stale pages:", ", ".join(pages) or "none")
    print("Stale figures of make bench:", ", ".join(report.mark()) or "none")


if __name__ == "__main__":
    main()
