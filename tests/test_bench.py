"""The bench: taking turns, missing peers, what moved, and figures no older than the code."""

import json
import sys
from types import SimpleNamespace

import pytest

from benchmarks import measure, report

pytestmark = pytest.mark.unit


def row(ours, theirs, **more):
    values = {"llmlib": ours, "peer": theirs}
    return (
        dict(
            name="job", unit="CPU s", better="less", goals={"peer": 2.0}, limit=None, values=values
        )
        | more
    )


def test_contenders_take_turns():
    calls = []
    jobs = {name: (lambda name=name: calls.append(name) or 1.0) for name in "ab"}
    values = measure.run(measure.Comparison("x", "items/s", jobs, repeats=3))
    assert calls == ["a", "b"] + ["a", "b"] + ["b", "a"] + ["a", "b"]
    assert values == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_time_is_measured():
    values = measure.run(measure.Comparison("x", "CPU s", {"a": lambda: sum(range(300_000))}))
    assert len(values["a"]) == 5 and min(values["a"]) > 0


def test_a_missing_peer_is_one_line_and_the_rest_goes_on(capsys):
    def missing():
        measure.peer("no_such_package")

    jobs = {"a": lambda: 1.0, "b": missing, "c": lambda: 2.0}
    values = measure.run(measure.Comparison("x", "items/s", jobs))
    assert list(values) == ["a", "c"]
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "without b: no_such_package is not installed" in said


def test_ratio_above_one_means_better():
    assert measure.ratios(row([1.0, 2.0], [3.0, 4.0]), "peer") == [3.0, 2.0]
    assert measure.ratios(row([3.0], [1.5], better="more"), "peer") == [2.0]
    assert "2.50× peer ≥ 2.00× ✓" in report.in_short(row([1.0, 2.0], [3.0, 4.0]))
    assert "✗" in report.in_short(row([1.0], [1.5]))
    assert "≤ 1.50 ✗" in report.in_short(row([2.0], [9.0], limit=1.5))


@pytest.mark.parametrize(
    "new, said",
    [([1.1, 1.0, 0.9], "none moved"), ([3.0, 3.1, 3.2], "job, llmlib: 1.00 → 3.10 CPU s")],
)
def test_what_moved_by_more_than_the_spread(new, said):
    run, recorded = (
        {"benchmarks": {"x": [{"machine": "m", "rows": [row(values, [2.0, 2.0, 2.0])]}]}}
        for values in (new, [0.9, 1.0, 1.1])
    )
    assert said in "\n".join(report.moved(run, recorded))
    run["benchmarks"]["x"][0]["machine"] = "another"
    elsewhere = "\n".join(report.moved(run, recorded))
    assert "ratios only" in elsewhere and "CPU s" not in elsewhere


def test_the_plot_and_table_are_written(tmp_path, monkeypatch):
    rows = [row([1.0, 1.2], [3.0, 2.0])]
    run = {"benchmarks": {"tokenizer": [{"machine": "M 1, 2 cores", "rows": rows}]}}
    report.write(run, tmp_path)
    assert "against peer" in (tmp_path / "speed.svg").read_text()
    written = (tmp_path / "speed.md").read_text()
    assert "| job | llmlib | 1.10 CPU s | 1.00–1.20 |" in written
    assert "On M 1, 2 cores:" in written


def recording(machine, theirs, code="now"):
    rows = [row([1.0], [theirs], name="train 4,096 merges on 2 MB")]
    return {"machine": f"{machine}, 2 cores", "code": code, "rows": rows}


def test_a_recording_leaves_those_of_other_processors_and_the_same_code():
    recorded = {"tokenizer": [recording("A", 5.0), recording("B", 3.0), recording("C", 4.0, "old")]}
    run = {"tokenizer": [recording("A", 2.0)]}
    kept = report._beside({"benchmarks": run}, {"benchmarks": recorded})["tokenizer"]
    assert kept == [recording("A", 2.0), recording("B", 3.0)]


def test_readme_and_the_plot_show_every_processor(tmp_path):
    run = {"benchmarks": {"tokenizer": [recording("A", 2.0), recording("B", 3.0)]}}
    block = "<!-- figures of make bench -->\n<!-- end of figures -->"
    text = report.with_figures(block, run)
    assert "| train 4,096 merges on 2 MB | A | 1.00 CPU s | peer 2.00× |" in text
    assert "| train 4,096 merges on 2 MB | B | 1.00 CPU s | peer 3.00× |" in text
    assert "Measured on A, 2 cores; and on B, 2 cores." in text
    report.write(run, tmp_path)
    drawn = (tmp_path / "speed.svg").read_text()
    assert drawn.count("against peer") == 1 and ">2×<" in drawn and ">3×<" in drawn


def test_a_run_is_compared_with_the_recording_of_its_own_machine():
    recorded = {"benchmarks": {"tokenizer": [recording("A", 9.0), recording("B", 3.0)]}}
    said = report.moved({"benchmarks": {"tokenizer": [recording("B", 3.0)]}}, recorded)
    assert said == ["3 figures against the recorded run: none moved"]


def test_a_recording_ages_with_the_code_that_it_measures(tmp_path, monkeypatch):
    """That of a file, or of one definition in it; comments and docstrings do not count."""
    monkeypatch.setattr(report, "ROOT", tmp_path)

    def prints(code):
        (tmp_path / "engine.py").write_text(code, encoding="utf-8")
        for place in ("engine.py", "engine.py:load"):
            monkeypatch.setitem(sys.modules, "benchmarks.any", SimpleNamespace(CODE=[place]))
            yield report.fingerprint("any")

    code = 'def load():\n    """Reads."""\n    return 1\n\n\ndef find():\n    return 2\n'
    whole, load = prints(code)
    assert [whole, load] == list(prints(code.replace("Reads", "Loads").replace("1", "1  # one")))
    in_load, in_find = (list(prints(code.replace(f"return {n}", "return 3"))) for n in (1, 2))
    assert in_load[0] != whole and in_load[1] != load
    assert in_find[0] != whole and in_find[1] == load


def test_readme_says_what_was_recorded_of_the_code_as_it_is():
    text = report.README.read_text(encoding="utf-8")
    block = report.BLOCK.search(text)
    if not report.RECORDED.exists():
        assert block is None or "×" not in block[0]
        return
    run = json.loads(report.RECORDED.read_text(encoding="utf-8"))
    assert report.with_figures(text, run) == text, 'run make bench ARGS="--record"'
    assert block and block[0].count("\n") > 1
    old = [
        name
        for name, recordings in run["benchmarks"].items()
        if {each["code"] for each in recordings} != {report.fingerprint(name)}
    ]
    assert not old, f"README's figures are older than the code of {old}: make bench ARGS='--record'"
