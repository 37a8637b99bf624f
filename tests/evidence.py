"""What `make build` writes into the documents: docs/evidence and README's hours and figures.

python tests/evidence.py    counts the answers again, quotes the claims as they are worded now, adds
                            up the hours, and marks rows and figures whose code has changed

A page of docs/evidence names its parts, such as a notebook, each with a digest of the code that
its rows measure: without text, comments and docstrings, and without the engine, which has tests of
its own.
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
from exercises.format.reading_time import hours, reading_time  # noqa: E402
from llmlib import files  # noqa: E402

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
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if getattr(node.func.value, "id", None) == "check":
                del node.args[-1:]
    return tree


def inputs(name):
    """{part of the page: a digest of the code that it measures}"""
    return {part: code_digest.digest(code) for part, code in INPUTS[name]().items()}


def made_from(text):
    """{part of a page: what its rows were made from}"""
    found = MARKER.search(text)
    return dict(re.findall(r"([\w.]+) (\w+)", found[1])) if found else {}


def stale(text, now):
    """The parts of a page whose code is another one `now`."""
    made = made_from(text)
    return sorted(part for part in now if made.get(part) != now[part])


def page(name):
    """A page of docs/evidence as it is."""
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def with_rows(old, rows, now, parts=None):
    """The page `old` with the measured `rows`, as made from the code of `now`: all of it, or what
    it says of `parts`, while the rest is as old as before."""
    made = made_from(old) | {part: now[part] for part in parts or now}
    told = ", ".join(f"{part} {made.get(part, 'unknown')}" for part in now)
    lead = STALE.sub("", old.partition("<!-- inputs:")[0])
    return marked(f"{lead}<!-- inputs: {told} -->\n\n{rows.strip()}\n", now)


def write(name, rows, parts=None):
    """Put what was measured, of all or of `parts`, on its page."""
    files.write(FOLDER / f"{name}.md", with_rows(page(name), rows, inputs(name), parts))


def others(name, head, parts):
    """The rows of a page's table that are of none of `parts`, which its first column names; none
    where all is measured."""
    rows = rows_of(page(name), head) if parts else []
    return [row for row in rows if row[0] in inputs(name) and row[0] not in parts]


def marked(text, now):
    """The page with its word on which parts are stale."""
    text = STALE.sub("", text)
    if not (old := stale(text, now)):
        return text
    what = f"what {', '.join(old)} measures"
    what = what if len(old) <= MOST else f"what {len(old)} rows measure"
    what = "what this page measures" if len(old) == len(now) else what
    line = f"**Stale:** {what} has changed since then.\n\n"
    return text.replace("<!-- inputs:", f"{line}<!-- inputs:", 1)


def quoted(text, now, claims):
    """The page of claims with sentences and controls as `claims`, {notebook: [[sentences,
    control]]}, word them now. Where a notebook's rows are stale, they are left as they are."""
    rows, old, worded = rows_of(text, CLAIMS), stale(text, now), []
    for notebook in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == notebook]
        if notebook not in old:
            pairs = zip(claims[notebook], mine, strict=True)
            mine = [[notebook, *words, row[-1]] for words, row in pairs]
        worded += mine
    return text.replace(table(CLAIMS, rows), table(CLAIMS, worded))


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


def with_hours(readme):
    """README with the minutes that each notebook's opening states, and their sum."""
    times = {notebook.heading: reading_time(notebook) for notebook in notebooks.lessons()}
    times = {heading.replace(" · ", " "): time for heading, time in times.items() if time}
    for title, time in times.items():
        row = f"| {hours(time.core)} + {hours(time.further)} |"
        readme = re.sub(rf"(?m)^(\| {re.escape(title)} )\|.*?\|", rf"\1{row}", readme)
    quiz = re.search(r"(?m)^\| Quiz \| (\d+) min \|", readme)
    total = sum(time.core for time in times.values()) + int(quiz[1] if quiz else 0)
    return re.sub(r"\d+(?= hours for all cores)", str(round(total / 60)), readme)


def renewed():
    """({file: its text as today's code has it}, what of them was measured of older code)"""
    import answer_runner
    from claims import claim_runner

    from benchmarks import report

    now, found, told = {name: inputs(name) for name in INPUTS}, {}, []
    for name in INPUTS:
        text = page(name)
        if name == "answers":
            text = with_rows(text, answer_runner.answers_table(), now[name])
        if name == "claims":
            text = quoted(text, now[name], claim_runner.worded())
        found[FOLDER / f"{name}.md"] = marked(text, now[name])
        if old := stale(text, now[name]):
            told.append(f"{len(old)} of {len(now[name])} parts of {name}")
    run, readme = report.recorded(), report.README.read_text(encoding="utf-8")
    found[report.README] = with_hours(report.with_figures(readme, run))
    found[FOLDER / "speed.md"] = report.page(run)
    return found, told + [f"speed of {name}" for name in report.stale(run)]


def main():
    """Write what has changed."""
    import other_processors

    other_processors.write_page()
    texts, old = renewed()
    for path, text in texts.items():
        if path.read_text(encoding="utf-8") != text:
            files.write(path, text)
            print(f"{path.relative_to(ROOT)}: written again")
    print("Measured before the code changed, and marked so:", ", ".join(old) or "nothing")


if __name__ == "__main__":
    main()
