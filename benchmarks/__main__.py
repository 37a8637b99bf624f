"""Measure the engine and the grader side by side with their peers.

    make bench                             everything, an hour or two on two quiet cores
    make bench ARGS="--only tokenizer"     one benchmark (or several)
    make bench ARGS="--quick"              small inputs, two repeats: does it all still run?
    make bench ARGS="--record"             also make this the recorded run, and README's figures

Prints a table with medians, spread and ratios, and what moved against the recorded run by more
than the spread; writes build/bench/speed.md and speed.svg. The peers are pinned in the extra
`bench`; one that is missing is left out by name.
"""

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path

from benchmarks import measure, report

BENCHMARKS = sorted(
    path.stem
    for path in Path(__file__).parent.glob("*.py")
    if "\ndef comparisons(" in path.read_text(encoding="utf-8")
)


def main(argv=None):
    """Returns the exit status: 1 if a benchmark failed (a peer that is not installed is no
    failure).
    """
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, metavar="NAME", default=BENCHMARKS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args(argv)
    if args.quick and args.record:
        parser.error("a quick run is too rough to be recorded: leave one of the two out")
    run, failed = {"benchmarks": {}}, False
    for name in args.only:
        start = time.time()
        print(f"{name} …", flush=True)
        try:
            rows = measured(name, args.quick)
        except measure.Unavailable as reason:
            print(f"  left out: {reason}", flush=True)
            continue
        except Exception:  # noqa: BLE001 - the other benchmarks go on
            traceback.print_exc()
            failed = True
            continue
        marks = {"machine": report.machine(), "code": report.fingerprint(name)}
        run["benchmarks"][name] = [marks | {"rows": rows}]
        print(report.table(rows), flush=True)
        print(f"  ({time.time() - start:.0f} s)\n", flush=True)
    recorded = None
    if report.RECORDED.exists():
        recorded = json.loads(report.RECORDED.read_text(encoding="utf-8"))
    if recorded and not args.quick:
        print("\n".join(report.moved(run, recorded)))
    report.write(run, report.BUILD)
    if args.record and not failed:
        report.record(run, recorded)
    return int(failed)


def measured(name, quick):
    """Run one benchmark: its rows, ready to be written as JSON. Raises `Unavailable`."""
    module, rows = importlib.import_module(f"benchmarks.{name}"), []
    for comparison in module.comparisons(quick):
        if quick:
            comparison.repeats = min(comparison.repeats, 2)
        try:
            values = measure.run(comparison)
        except measure.Unavailable as reason:
            print(f"  {comparison.name}: left out: {reason}", flush=True)
            continue
        row = {
            key: getattr(comparison, key) for key in ("name", "unit", "better", "goals", "limit")
        }
        rows.append(row | {"values": values})
        print(f"  {comparison.name}: {report.in_short(rows[-1])}", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
