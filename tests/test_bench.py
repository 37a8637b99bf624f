"""The bench: taking turns, missing peers, what moved, and figures older than the code."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from benchmarks import measure, memory, report

pytestmark = pytest.mark.unit


def row(ours, theirs, **more):
    values = {"llmlib": ours, "peer": theirs}
    told = {"name": "job", "unit": "CPU s", "better": "less", "goals": {"peer": 2.0}, "limit": None}
    return told | {"values": values} | more


def test_contenders_take_turns():
    calls = []
    jobs = {name: (lambda name=name: calls.append(name) or 1.0) for name in "ab"}
    values = measure.run(measure.Comparison("x", "items/s", jobs, repeats=3))
    assert calls == ["a", "b"] + ["a", "b"] + ["b", "a"] + ["a", "b"]
    assert values == {"a": [1.0] * 3, "b": [1.0] * 3}


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


def recording(machine, theirs, code="now"):
    rows = [row([1.0], [theirs], name="train 4,096 merges on 2 MB")]
    return {"machine": f"{machine}, 2 cores", "code": code, "rows": rows}


def test_a_recording_leaves_those_of_other_processors_and_the_same_code():
    recorded = {"tokenizer": [recording("A", 5.0), recording("B", 3.0), recording("C", 4.0, "old")]}
    run = {"tokenizer": [recording("A", 2.0)]}
    kept = report._beside({"benchmarks": run}, {"benchmarks": recorded})["tokenizer"]
    assert kept == [recording("A", 2.0), recording("B", 3.0)]


BLOCK = "before\n<!-- figures of make bench -->\n<!-- end of figures -->\nafter"


def test_readme_and_the_plot_show_the_newest_recording_and_the_page_all(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "fingerprint", lambda name: "now")
    run = {"benchmarks": {"tokenizer": [recording("A", 2.0), recording("B", 3.0)]}}
    text = report.with_figures(BLOCK, run)
    assert text.startswith("before\n") and text.endswith("after")
    assert "| train 4,096 merges on 2 MB | 1.00 CPU s | peer 2.00× |" in text
    assert "Measured on A, 2 cores.\n" in text and "3.00×" not in text
    report.write(run, tmp_path)
    drawn, page = ((tmp_path / f"speed.{end}").read_text("utf-8") for end in ("svg", "md"))
    assert drawn.count("against peer") == 1 and ">2×<" in drawn
    assert "| train 4,096 merges on 2 MB | llmlib | 1.00 CPU s |" in page
    assert "On A, 2 cores:" in page and "On B, 2 cores:" in page and "Stale" not in page


@pytest.mark.parametrize("code, stale", [("now", False), ("old", True)])
def test_figures_of_code_that_has_changed_since_are_marked(monkeypatch, code, stale):
    """The row and the caption in README, the section of the page; no other."""
    monkeypatch.setattr(report, "fingerprint", lambda name: "now")
    other = [row([1.0], [4.0], name="train to nanoGPT's final loss")]
    run = {"tokenizer": [recording("A", 2.0, code)]}
    run["training"] = [{"machine": "A, 2 cores", "code": "now", "rows": other}]
    run = {"benchmarks": run}
    assert [*report.stale(run)] == (["tokenizer"] if stale else [])
    text, page = report.with_figures(BLOCK, run), report.page(run)
    assert ("| train 4,096 merges on 2 MB † |" in text) == stale
    assert ("† Measured before a change" in text) == stale and text.count("†") == 2 * stale
    assert page.count(report.STALE) == stale
    assert not stale or page.index(report.STALE) < page.index("## Training")


def test_readme_s_rows_are_recorded():
    assert len(report.headlines(report.recorded())) == len(report.HEADLINES)


def test_a_run_is_compared_with_the_recording_of_its_own_machine():
    recorded = {"benchmarks": {"tokenizer": [recording("A", 9.0), recording("B", 3.0)]}}
    said = report.moved({"benchmarks": {"tokenizer": [recording("B", 3.0)]}}, recorded)
    assert said == ["3 figures against the recorded run: none moved"]


def test_a_recording_ages_with_the_code_that_it_measures(tmp_path, monkeypatch):
    """That of a file, or of a definition in it with what it uses there; comments and docstrings do
    not count."""
    monkeypatch.setattr(report, "ROOT", tmp_path)

    def prints(code):
        (tmp_path / "engine.py").write_text(code, encoding="utf-8")
        for place in ("engine.py", "engine.py:load"):
            monkeypatch.setitem(sys.modules, "benchmarks.any", SimpleNamespace(CODE=[place]))
            yield report.fingerprint("any")

    code = 'def load():\n    """Reads."""\n    return read()\n\n\ndef find():\n    return 2\n'
    code += "\n\ndef read():\n    return 1\n"
    whole, load = prints(code)
    assert [whole, load] == list(prints(code.replace("Reads", "Loads").replace("1", "1  # one")))
    assert [whole, load] == list(prints(code.replace('    """Reads."""\n', "")))
    in_load, in_find = (list(prints(code.replace(f"return {n}", "return 3"))) for n in (1, 2))
    assert in_load[0] != whole and in_load[1] != load
    assert in_find[0] != whole and in_find[1] == load
    constants = "LOW, HIGH = 1, 2\nLAST: int = 3\n\n\ndef load():\n    return LOW + LAST\n"
    _, load = prints(constants)
    assert all(list(prints(constants.replace(n, "4")))[1] != load for n in "13")
    monkeypatch.setitem(sys.modules, "benchmarks.any", SimpleNamespace(CODE=["kernel.c"]))
    (tmp_path / "kernel.c").write_text("int one = 1;", encoding="utf-8")
    kernel = report.fingerprint("any")
    (tmp_path / "kernel.c").write_text("int one = 2;", encoding="utf-8")
    assert report.fingerprint("any") != kernel


HOLDS = "held = bytearray(b'x' * 200_000_000); print(flush=True); input()"


@pytest.mark.proof
@pytest.mark.skipif("sys.platform != 'linux'", reason="left out: /proc needs Linux")
def test_memory_is_that_of_a_process_and_of_what_it_starts():
    alone = [sys.executable, "-c", HOLDS]
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS!r}])"
    for command in (alone, [sys.executable, "-c", inner]):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            resident, private = memory.taken(process.pid)
            process.communicate(b"\n")
        assert 0.2 < private <= resident < 0.3


def test_what_a_class_needs_is_the_private_memory_of_all_and_once_what_they_share(monkeypatch):
    monkeypatch.setattr(report, "machine", lambda: "M 1")
    rows = {memory.SERVER: (0.25, 0.2, 0.2), memory.LIVE: (1.2, 0.5, 0.6)}
    rows |= {memory.TALK: (0.7, 0.3, 0.3)}
    rows |= {f"{memory.KERNEL} of 1": (2.0, 1.0, 1.1), f"{memory.KERNEL} of 2": (2.8, 1.8, 2.1)}
    page = memory.page(rows)
    assert "| kernel of 2 | 2.80 GB | 1.80 GB | 2.10 GB |" in page and "On M 1." in page
    off = "in the largest notebook, live machine and Talk off | 2.0 GB | 61 GB | 401 GB |"
    on = "in the largest notebook, with live machine and Talk | 2.8 GB | 85 GB | 561 GB |"
    assert off in page and on in page
    assert "2.5 GB with the live machine and Talk off, 3.5 GB with" in page
