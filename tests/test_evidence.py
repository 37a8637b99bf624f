"""What `make build` writes into the documents: which rows are stale, and how claims are quoted."""

import shutil

import evidence
import pytest

from exercises.format import notebooks

pytestmark = pytest.mark.unit
NAME = "03_attention"
SOURCE, CASES, CLAIMS = f"solutions/{NAME}.py", "exercises/attention.py", f"tests/claims/{NAME}.py"
FIRST = f"{NAME}.{notebooks.load(NAME).exercises[0].name}"
CHECK = "def check_causal_mask(causal_mask: Callable) -> None:\n"
HINT, SOLUTION = "<summary>Hint 1</summary>\n", "### BEGIN SOLUTION\n"
HIDDEN = "### BEGIN HIDDEN TESTS\n"
SOLVED = {"claims": [NAME], "mutants": [FIRST], "processors": [NAME]}
CHANGES = {  # what changes: (its file, the text behind which it comes, itself, what is then stale)
    "a hint": (SOURCE, HINT, "# Look.", {}),
    "a message": (CASES, "looks at position", " now", {}),
    "a docstring": ("exercises/check.py", '"""', "Plainly: ", {}),
    "a solution": (SOURCE, SOLUTION, "    pass\n", SOLVED),
    "a test": (SOURCE, HIDDEN, "_seed = 1\n", {"mutants": [FIRST]}),
    "a case": (CASES, CHECK, "    assert True\n", {"mutants": [f"{NAME}.causal_mask"]}),
    "a claim": (CLAIMS, "    assert ", "True\n    assert ", {"claims": [NAME]}),
    "an attack": ("tests/attacks/known.py", "\nimport ", "os\nimport ", {"attacks": ["attacks"]}),
}


@pytest.mark.slow
def test_a_row_is_stale_only_if_what_it_measures_has_changed(tmp_path, monkeypatch):
    """In a copy with one notebook."""
    for name in (SOURCE, CLAIMS, "grader/mutations.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(evidence.ROOT / name, tmp_path / name)
    for folder in ("exercises", "tests/attacks"):
        shutil.copytree(evidence.ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    before = {name: evidence.inputs(name) for name in evidence.INPUTS}
    for what, (file, behind, new, stale) in CHANGES.items():
        path = tmp_path / file
        text = path.read_text(encoding="utf-8")
        assert behind in text
        path.write_text(text.replace(behind, behind + new, 1), encoding="utf-8")
        now = {name: evidence.inputs(name) for name in evidence.INPUTS}
        path.write_text(text, encoding="utf-8")
        changed = {
            name: [part for part in parts if parts[part] != before[name][part]]
            for name, parts in now.items()
        }
        assert {name: parts for name, parts in changed.items() if parts} == stale, what


def test_a_change_makes_a_part_stale_and_a_new_run_makes_it_fresh(tmp_path, monkeypatch):
    code, head, path = {"a": ["1"], "b": ["1"]}, ["notebook", "found"], tmp_path / "p.md"
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    monkeypatch.setattr(evidence, "INPUTS", {"p": lambda: code})

    def measure(parts, found):
        rows = [[part, found] for part in parts or code] + evidence.others("p", head, parts)
        evidence.write("p", evidence.table(head, sorted(rows)), parts)
        return evidence.page("p")

    def marked():
        return evidence.marked(evidence.page("p"), evidence.inputs("p"))

    path.write_text("# P\n\nWhat it is.\n\n<!-- inputs: 6c3594537618ea0f -->\n\nold\n")
    assert "**Stale:** what this page measures" in marked()
    text = measure([], "one | two")
    assert marked() == text and "Stale" not in text
    code["a"] = ["2"]
    assert "**Stale:** what a measures" in marked()
    text = measure(["a"], "three")
    assert marked() == text and text.startswith("# P\n\nWhat it is.\n\n<!-- inputs: a ")
    assert text.endswith("| a | three |\n| b | one \\| two |\n")


def test_a_claim_is_quoted_as_it_is_worded_now_unless_its_figures_are_stale():
    rows = [["a", "old", "old control", "1 | 2"], ["b", "old", "old control", "3"]]
    page = f"# C\n\n<!-- inputs: a 1, b 1 -->\n\n{evidence.table(evidence.CLAIMS, rows)}\n"
    words = {name: [["new", "new control"]] for name in "ab"}
    page = evidence.quoted(page, {"a": "1", "b": "2"}, words)
    assert evidence.rows_of(page, evidence.CLAIMS) == [
        ["a", "new", "new control", "1 | 2"],
        rows[1],
    ]


@pytest.mark.slow  # it reads all claims
def test_the_build_writes_each_page_and_the_hours_of_each_notebook():
    texts, _ = evidence.renewed()
    names = {path.stem for path in evidence.FOLDER.glob("*.md")} - {"memory"}
    assert {path.stem for path in texts} == {*names, "README"}
    readme = texts[evidence.ROOT / "README.md"]
    for notebook in notebooks.lessons():
        title, time = notebook.heading.replace(" · ", " "), evidence.reading_time(notebook)
        row = f"| {title} | {evidence.hours(time.core)} + {evidence.hours(time.further)} |"
        assert row in readme
    wrong = readme.replace(" h ", " h 1").replace(" hours for", "1 hours for")
    assert evidence.with_hours(wrong) == readme
