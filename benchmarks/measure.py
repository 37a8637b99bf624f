"""Side-by-side measurement: contenders take turns, so that a busy machine slows them all alike.

A benchmark is a module of this folder with `CODE`, the files (or definitions in them) that it
measures, and a function `comparisons(quick)`, which yields one `Comparison` after another and
prepares each just before it is run.
"""

import importlib
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class Unavailable(Exception):
    """A contender cannot run here, or a comparison cannot: the sentence says why, and the rest
    goes on.
    """


@dataclass
class Comparison:
    """Contenders for one job, the project's own first.

    Each is a function without arguments. In the unit "CPU s" (of this process) it is timed; in
    any other it returns its value. `better` is "less" or "more".
    `goals`: by what factor the first is to be better than each peer. `limit`: a bound on the
    first's own median.
    """

    name: str
    unit: str
    contenders: dict[str, Callable]
    better: str = "less"
    goals: dict[str, float] = field(default_factory=dict)
    limit: float | None = None
    repeats: int = 5
    warm_up: int = 1


def peer(module, install='pip install -c constraints.txt -e ".[bench]"'):
    """Import a package that only benchmarks need. Raises `Unavailable`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Unavailable(f"{error.name or module} is not installed: {install}") from None


def run(comparison, say=print):
    """Warm up, then let the contenders take turns: {contender: [a value a round]}. Raises
    `Unavailable` if the first is.

    Each round starts with another contender, so that none always has the warm cache.
    """

    def once(job):
        start = time.process_time()
        value = job()
        return time.process_time() - start if comparison.unit == "CPU s" else value

    running, names = {}, list(comparison.contenders)
    for name, job in comparison.contenders.items():
        try:
            for _ in range(comparison.warm_up):
                once(job)
            running[name] = job
        except Unavailable as reason:
            if name == names[0]:
                raise
            say(f"  {comparison.name}: without {name}: {reason}")
    values = {name: [] for name in running}
    for round_ in range(comparison.repeats):
        order = list(running)
        shift = round_ % len(order)
        for name in order[shift:] + order[:shift]:
            values[name].append(once(running[name]))
    return values


def ratios(row, name):
    """By what factor the first contender was better than `name`, round by round."""
    ours, theirs = next(iter(row["values"].values())), row["values"][name]
    less = row["better"] == "less"
    return [(b / a if less else a / b) for a, b in zip(ours, theirs)]


def summary(values):
    """(median, smallest, largest)"""
    return statistics.median(values), min(values), max(values)


def processor(recording):
    """Which processor a recording was made on, in short: "Intel Xeon", "AMD EPYC"."""
    return recording["machine"].split(",")[0].replace("(R)", "").removesuffix(" Processor")
