"""What a run of the benchmarks says: a table, a plot, what moved against the recorded run, and
README's figures.
"""

import ast
import datetime
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path

from authoring import code_digest
from benchmarks import plot
from benchmarks.measure import processor, ratios, summary

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
RECORDED = ROOT / "benchmarks" / "recorded.json"
EVIDENCE = ROOT / "docs" / "evidence"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- figures of make bench -->\n).*?(<!-- end of figures -->)", re.DOTALL)
VERSIONS = ("torch", "transformers", "tokenizers")
HEADLINES = (  # the comparisons in README and in the plot; docs/evidence/speed.md has them all
    "write after 500 tokens: int4",
    "write after 500 tokens: float32",
    "write after 500 tokens: my_llm.py",
    "first token after 500 tokens: float32",
    "train 4,096 merges on 2 MB",
    "encode 10 MB, one string",
    "train to nanoGPT's final loss",
    "grade each of 8 solved notebooks",
)
STALE = "**Stale:** the code that this measures has changed since."
DAGGER = "†"  # in README, a figure of code that has changed since


def machine():
    """The processor and the versions that figures hold for."""
    cpu = platform.processor()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        cpu = found[1] if found else cpu
    versions = [f"{name} {importlib.metadata.version(name)}" for name in VERSIONS]
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}, " + ", ".join(
        versions
    )


def fingerprint(name):
    """A hash of the code that a benchmark measures: of Python files, or of a definition in one with
    what it uses there ("llmlib/pretrained.py:load"), without comments, docstrings and layout; of
    others, the bytes."""
    digest = hashlib.sha256()
    for place in importlib.import_module(f"benchmarks.{name}").CODE:
        file, _, only = place.partition(":")
        if not file.endswith(".py"):
            digest.update((ROOT / file).read_bytes())
            continue
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        if only:
            tree = code_digest.definition(tree, only)
        digest.update(repr(code_digest.plain(tree)).encode())
    return digest.hexdigest()[:16]


def number(value):
    """Three significant digits, without exponent."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:,.{digits}f}"


def _goal(row, name):
    """The goal of one line of the table with ✓ or ✗, "" where there is none."""
    first, less = next(iter(row["values"])), row["better"] == "less"
    if name == first:
        goal, value, mark = row["limit"], summary(row["values"][name])[0], ""
    else:
        goal, value, mark, less = row["goals"].get(name), summary(ratios(row, name))[0], "×", False
    if goal is None:
        return ""
    met = value <= goal if less else value >= goal
    return f"{'≤' if less else '≥'} {number(goal)}{mark} {'✓' if met else '✗'}"


def in_short(row):
    """One comparison in one line."""
    first, *peers = row["values"]
    said = [f"{number(summary(row['values'][first])[0])} {row['unit']}"]
    said += [
        f"{number(summary(ratios(row, name))[0])}× {name} {_goal(row, name)}".strip()
        for name in peers
    ]
    return "; ".join([*said, *filter(None, [_goal(row, first)])])


def table(rows):
    """A markdown table, one line a contender. "ours is 1.20×" always means better: quicker, or
    more a second.
    """
    lines = ["| | | median | spread | ours is | goal |", "|---|---|---:|---:|---:|---:|"]
    for row in rows:
        for i, (name, values) in enumerate(row["values"].items()):
            median, low, high = map(number, summary(values))
            ratio = "" if i == 0 else "{}× ({}–{})".format(*map(number, summary(ratios(row, name))))
            spread = f"{low}–{high}" if len(values) > 1 else ""
            what = row["name"] if i == 0 else ""
            goal = _goal(row, name)
            lines.append(
                f"| {what} | {name} | {median} {row['unit']} | {spread} | {ratio} | {goal} |"
            )
    return "\n".join(lines)


def moved(run, recorded):
    """Lines that say which medians differ from the recorded run's by more than the larger of the
    two spreads.

    Ratios are compared always, values only on the machine of the recorded run.
    """
    lines, compared, elsewhere = [], 0, False
    for name, (benchmark,) in run["benchmarks"].items():
        olds = recorded["benchmarks"].get(name, [])
        here = [old for old in olds if old["machine"] == benchmark["machine"]]
        old = (here or olds or [benchmark | {"rows": ()}])[0]
        before = {row["name"]: row for row in old["rows"]}
        same = benchmark["machine"] == old["machine"]
        elsewhere |= not same
        for row in benchmark["rows"]:
            if row["name"] not in before:
                continue
            for unit, new, old, label in _pairs(row, before[row["name"]], same):
                compared += 1
                (a, *span_a), (b, *span_b) = summary(old), summary(new)
                spread = max(span_a[1] - span_a[0], span_b[1] - span_b[0])
                if abs(b - a) > max(spread, 0.02 * abs(a)):
                    lines.append(f"moved: {row['name']}, {label}: {number(a)} → {number(b)}{unit}")
    where = " (another machine or other versions: ratios only)" if elsewhere else ""
    return [
        f"{compared} figures against the recorded run{where}: {len(lines) or 'none'} moved",
        *lines,
    ]


def _pairs(row, before, same):
    for i, name in enumerate(row["values"]):
        if name in before["values"]:
            if same:
                yield " " + row["unit"], row["values"][name], before["values"][name], name
            if i:
                yield "×", ratios(row, name), ratios(before, name), f"llmlib against {name}"


def recorded():
    """The recorded run."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def stale(run):
    """The benchmarks of which a recording was made before their code changed, with that code's
    fingerprint: {name: the fingerprint of today}."""
    now = {name: fingerprint(name) for name in run["benchmarks"]}
    return {
        name: now[name]
        for name, recordings in run["benchmarks"].items()
        if any(each["code"] != now[name] for each in recordings)
    }


def headlines(run):
    """(benchmark, its newest recording, row) of each of HEADLINES, in their order."""
    found = {
        row["name"]: (name, recordings[0], row)
        for name, recordings in run["benchmarks"].items()
        for row in recordings[0]["rows"]
    }
    return [found[headline] for headline in HEADLINES if headline in found]


def peers(row):
    """The contenders that are others' programs."""
    return [name for name in list(row["values"])[1:] if not name.startswith("llmlib")]


def write(run, folder):
    """speed.md and speed.svg in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    plot.ratios_of([(row, peers(row)) for _, _, row in headlines(run)], folder / "speed.svg")
    (folder / "speed.md").write_text(page(run), encoding="utf-8", newline="\n")


def page(run):
    """The text of speed.md, with a word on what is stale."""
    old = stale(run)
    text = [
        "# Speed, side by side",
        "Generated by `make bench`. Contenders take turns; a figure is the median of the repeats, "
        "the spread their smallest and largest. “CPU s” are processor seconds. "
        "Ours, llmlib or a learner's engine, stands first; “ours is 2×”: twice as good.",
        "![By what factor ours is better than each peer, in README's eight rows](speed.svg)",
    ]
    for name, recordings in run["benchmarks"].items():
        doc = importlib.import_module(f"benchmarks.{name}").__doc__
        text += [f"## {name.capitalize()}", doc.strip()]
        for recording in recordings:
            text += [STALE] if old.get(name, recording["code"]) != recording["code"] else []
            text += [f"On {recording['machine']}:", table(recording["rows"])]
    return "\n\n".join(text) + "\n"


def record(run, recorded):
    """Make `run` the recorded one; benchmarks that it leaves out keep their rows, and so do the
    recordings of the same code on other processors.
    """
    if recorded:
        run = run | {"benchmarks": recorded["benchmarks"] | _beside(run, recorded)}
    run = run | {"date": datetime.date.today().isoformat()}
    text = json.dumps(run, indent=1, ensure_ascii=False) + "\n"
    RECORDED.write_text(text, encoding="utf-8", newline="\n")
    write(run, EVIDENCE)
    text = with_figures(README.read_text(encoding="utf-8"), run)
    README.write_text(text, encoding="utf-8", newline="\n")


def _beside(run, recorded):
    """Each benchmark's new recording, then those of other processors that are no older than it."""
    return {
        name: [new]
        + [
            old
            for old in recorded["benchmarks"].get(name, ())
            if processor(old) != processor(new) and old["code"] == new["code"]
        ]
        for name, (new,) in run["benchmarks"].items()
    }


def with_figures(text, run):
    """README with its block of figures made from `run`: a line for each headline. Those whose code
    has changed since bear a mark, and the caption says so.
    """
    lines, machines, now = ["| | ours | against |", "|---|---:|---|"], {}, stale(run)
    is_old = False
    for name, recording, row in headlines(run):
        old = now.get(name, recording["code"]) != recording["code"]
        median = summary(next(iter(row["values"].values())))[0]
        than = (f"{peer} {number(summary(ratios(row, peer))[0])}×" for peer in peers(row))
        said = f"{row['name']} {DAGGER}" if old else row["name"]
        lines.append(f"| {said} | {number(median)} {row['unit']} | {' · '.join(than)} |")
        machines[recording["machine"]] = None
        is_old |= old
    caption = f"Measured on {'; and on '.join(machines)}."
    caption += f" {DAGGER} Measured before a change of the code that it measures." if is_old else ""
    block = [*lines, "", caption, ""]
    return BLOCK.sub(lambda found: "\n".join([found[1], *block, found[2]]), text)
