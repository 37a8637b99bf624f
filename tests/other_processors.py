"""Run solution notebooks with the arithmetic of other processors, and say which outputs move.

python tests/other_processors.py [NOTEBOOK …]    runs what has changed, and writes
                                                 docs/evidence/processors.md

Each pair of a notebook and a kind of arithmetic takes one to four minutes. `make proof` does the
same, and keeps what it saw in build/processors/, from which `make evidence` writes the page.
"""

import json
import re
import shutil
import tempfile
from functools import cache, partial
from pathlib import Path

import compare_outputs
import evidence
import kernel_set_up
import nbformat
from nbval.plugin import coalesce_streams, get_sanitize_patterns

from authoring import build
from exercises.format import notebooks
from llmlib.fast import kernels

ROOT = notebooks.ROOT
SEEN = ROOT / "build" / "processors"
SECONDS = 3600  # a cell's limit: only one that hangs runs into it
OLDER = {
    "ATEN_CPU_CAPABILITY": "default",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "LLMLIB_FEW_ROWS": "linear",
    "LLMLIB_LONG_PROMPT": "flash",
}
# kind of arithmetic: the variables of a kernel
KINDS = {
    "order 1": {kernel_set_up.ORDER: "1"},
    "order 2": {kernel_set_up.ORDER: "2"},
    "order 3": {kernel_set_up.ORDER: "3"},
    "older": OLDER,
    "two threads": {},
}
NOT_COMPARED = "nbval-ignore-output"
KINDS_OF_OUTPUT = "image/png", "image/jpeg", build.VIEW  # not compared
COUNTS = ["notebook", "compared cells", *KINDS]
MOVED = ["notebook", "cell", "arithmetic", "what moved"]
FAR = "more than a unit"


def measure(name, kind):
    """Execute a notebook with a kind of arithmetic; returns the cells that moved, as [cell, what
    moved, whether that is more than a unit of the last place], and keeps them in SEEN."""
    stored = nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4)
    new = nbformat.from_dict(stored)
    with tempfile.TemporaryDirectory() as folder:  # some cells write files beside the notebook
        shutil.copytree(ROOT / "solutions", Path(folder, "solutions"))
        try:
            build.execute(name, new, Path(folder), partial(_variables, kind=kind), SECONDS)
        except notebooks.SourceError as error:  # a check that failed, say
            cells = [["", str(error), True]]
        else:
            pairs = zip(_code(stored), _code(new), strict=True)
            cells = [[title(pair[0]), *found] for pair in pairs if (found := moved(*pair))]
    SEEN.mkdir(parents=True, exist_ok=True)
    seen = {"of": evidence.inputs("processors")[name], "cells": cells}
    (SEEN / f"{name} {kind}.json").write_text(json.dumps(seen), encoding="utf-8")
    return cells


def _variables(folder, kind):
    threads = 2 if kind == "two threads" else 1
    return kernel_set_up.variables(folder, threads) | KINDS[kind]


def _code(node):
    return [cell for cell in node.cells if cell.cell_type == "code"]


def title(cell):
    """A cell's name of nbgrader's, or its first line of code."""
    lines = [line for line in cell.source.splitlines() if line and not line.startswith("#")]
    return notebooks.grade_id(cell) or (lines or ["empty"])[0]


def moved(stored, new):
    """What differs in an executed cell from the stored one, (words, whether it is more than a unit
    of the last printed place); None where nothing does. Of a cell that is not compared only what
    `reveal` says counts, but for its numbers: a clock's."""
    before, after = texts(stored), texts(new)
    if NOT_COMPARED in stored.metadata.get("tags", ()):
        before, after = revealed(stored, before), revealed(new, after)
    if before == after:
        return None
    if len(before) != len(after):
        return f"{len(before)} outputs, here {len(after)}", True
    pairs = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    if found := next(filter(None, (compare_outputs.difference(*pair) for pair in pairs)), None):
        return found, True
    numbers = [zip(*map(compare_outputs.NUMBER.findall, pair), strict=True) for pair in pairs]
    apart = dict.fromkeys((a.strip(), b.strip()) for each in numbers for a, b in each if a != b)
    more = f" and {len(apart) - 1} more" if len(apart) > 1 else ""
    old, new = next(iter(apart))
    return f"{old}, here {new}{more}", False


def texts(cell):
    """What nbval compares of a cell: each stream's text, each output of each kind."""
    found = []
    for output in coalesce_streams([nbformat.from_dict(each) for each in cell.outputs]):
        if output.output_type == "stream":
            found.append(f"{output.name}: {output.text}")
        elif output.output_type == "error":
            found.append(f"{output.ename}: {output.evalue}")
        for kind, value in sorted(output.get("data", {}).items()):
            if kind not in KINDS_OF_OUTPUT:
                text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
                found.append(f"{kind}: {_sanitized(text)}")
    return found


def revealed(cell, found):
    """What `reveal` says in a cell, without numbers."""
    said = [text for text in found if re.match(r"text/plain: .*\bIt is ", text)]
    return [re.sub(r"\d[\d.,]*", "…", text) for text in said] if "reveal(" in cell.source else []


def _sanitized(text):
    for pattern, replacement in _patterns():
        text = re.sub(pattern, replacement, text)
    return text


@cache
def _patterns():
    return get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text(encoding="utf-8"))


def seen_now():
    """{(notebook, kind): cells that moved} of the runs that are of today's code."""
    now, found = evidence.inputs("processors"), {}
    for name in now:
        for kind in KINDS:
            path = SEEN / f"{name} {kind}.json"
            run = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            if run.get("of") == now[name]:
                found[name, kind] = run["cells"]
    return found


def write_page():
    """Write docs/evidence/processors.md of the notebooks that have been run with all KINDS; what it
    says of others stays."""
    seen = seen_now()
    parts = [name for name in notebooks.names() if all((name, kind) in seen for kind in KINDS)]
    if not parts:
        return
    counts = evidence.others("processors", COUNTS, parts)
    cells = evidence.others("processors", MOVED, parts)
    for name in parts:
        node = nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4)
        compared = [NOT_COMPARED not in cell.metadata.get("tags", ()) for cell in _code(node)]
        counts.append([name, sum(compared), *(len(seen[name, kind]) for kind in KINDS)])
        for kind in KINDS:
            for cell, what, far in seen[name, kind]:
                cells.append([name, f"`{cell}`", kind, f"{FAR}: {what}" if far else what])
    evidence.write("processors", told(sorted(counts), sorted(cells, key=lambda row: row[0])), parts)


def told(counts, cells):
    """What the page says of these rows."""
    far = sum(row[-1].startswith(FAR) for row in cells)
    lead = f"{len(counts)} notebooks with {sum(int(row[1]) for row in counts):,} compared cells, "
    lead += f"{len(counts) * len(KINDS)} runs: {len(cells)} outputs moved, "
    lead += f"{far or 'none'} of them by more than one unit of the last printed place."
    has = kernels.this_processor()
    lead += f" Here torch computes with {has.instructions}{' and MKL' * has.mkl}."
    tables = [evidence.table(COUNTS, counts)] + [evidence.table(MOVED, cells)] * bool(cells)
    return "\n\n".join([lead, *tables])


def main(names):
    """Run what has changed of all notebooks, or of these, and write the page."""
    seen = seen_now()
    for name in names or notebooks.names():
        for kind in KINDS:
            if (name, kind) not in seen:
                print(name, kind, *measure(name, kind), sep="\n  ", flush=True)
    write_page()


if __name__ == "__main__":
    about = "Run notebooks with other processors' arithmetic; which outputs move?"
    main(evidence.asked(about, notebooks.names()))
