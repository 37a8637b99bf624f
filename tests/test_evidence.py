"""The pages of docs/evidence say what they were made from, and what of it has changed since."""

import shutil

import answer_runner
import evidence
import pytest
from claims import claim_runner

from exercises.format import notebooks

pytestmark = pytest.mark.unit
RUN = "run `make evidence`"
NAME = "03_attention"
CASES = "exercises/attention.py"
FIRST = f"{NAME}.{notebooks.load(NAME).exercises[0].name}"
CHECK = "def check_causal_mask(causal_mask: Callable) -> None:\n"


def page(name):
    return (evidence.FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_the_table_of_answers_counts_the_answers_there_are():
    assert page("answers").endswith(f"{answer_runner.answers_table()}\n"), RUN


@pytest.mark.slow  # it reads all claims
def test_the_table_of_claims_quotes_them_as_they_are_worded():
    assert evidence.quoted(page("claims"), claim_runner.worded()) == page("claims"), RUN


@pytest.mark.parametrize("name", evidence.INPUTS)
def test_a_page_whose_inputs_have_changed_says_so(name):
    assert evidence.marked(name, page(name)) == page(name), RUN


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """(the folder of a copy of what the pages measure, its inputs)"""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("solutions", "exercises", "classroom/checking", "tests/claims", "tests/attacks"):
        shutil.copytree(
            evidence.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("*.ipynb")
        )
    for file in ("grader/mutations.py",):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(evidence.ROOT / file, root / file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "ROOT", root)
        return root, {name: evidence.inputs(name) for name in evidence.INPUTS}


@pytest.mark.slow  # a second each
@pytest.mark.parametrize(
    "file, old, new, stale",
    [
        (
            f"solutions/{NAME}.py",
            "<summary>Hint 1</summary>\n",
            "<summary>Hint 1</summary>\n# Look.",
            {},
        ),
        (CASES, "looks at position", "sees position", {}),
        (
            f"solutions/{NAME}.py",
            "### BEGIN SOLUTION\n",
            "### BEGIN SOLUTION\n    pass\n",
            {"claims": [NAME, "04_layers"], "mutants": [FIRST], "processors": [NAME]},
        ),
        (
            f"solutions/{NAME}.py",
            "### BEGIN HIDDEN TESTS\n",
            "### BEGIN HIDDEN TESTS\n_seed = 1\n",
            {"mutants": [FIRST]},
        ),
        (CASES, CHECK, f"{CHECK}    assert True\n", {"mutants": [f"{NAME}.causal_mask"]}),
        (
            f"tests/claims/{NAME}.py",
            "    assert ",
            "    assert True\n    assert ",
            {"claims": [NAME]},
        ),
        ("exercises/check.py", '"""', '"""Plainly: ', {}),
        ("tests/attacks/known.py", "\nimport ", "\nONE = 1\nimport ", {"attacks": ["attacks"]}),
    ],
    ids=[
        "a hint",
        "a message",
        "a solution",
        "a test",
        "a case",
        "a claim",
        "a docstring",
        "an attack",
    ],
)
def test_a_page_is_stale_only_if_what_it_measures_has_changed(
    copy, monkeypatch, file, old, new, stale
):
    root, before = copy
    monkeypatch.setattr(evidence, "ROOT", root)
    text = (root / file).read_text(encoding="utf-8")
    assert old in text
    (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    try:
        now = {name: evidence.inputs(name) for name in evidence.INPUTS}
    finally:
        (root / file).write_text(text, encoding="utf-8")
    changed = {
        name: [part for part in parts if parts[part] != before[name][part]]
        for name, parts in now.items()
    }
    assert {name: parts for name, parts in changed.items() if parts} == stale


def test_a_change_makes_a_part_stale_and_a_new_run_makes_it_fresh(tmp_path, monkeypatch):
    code, head, path = {"a": ["1"], "b": ["1"]}, ["notebook", "found"], tmp_path / "p.md"
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    monkeypatch.setattr(evidence, "INPUTS", {"p": lambda: code})

    def measure(parts, found):
        rows = [[part, found] for part in parts or code] + evidence.others("p", head, parts)
        evidence.write("p", evidence.table(head, sorted(rows)), parts)

    path.write_text("# P\n\nWhat it is.\n\n<!-- inputs: 6c3594537618ea0f -->\n\nold\n")
    assert (
        evidence.mark_all() == {"p": ["a", "b"]} and "what this page measures" in path.read_text()
    )
    measure([], "one | two")
    assert evidence.mark_all() == {} and "Stale" not in path.read_text()
    code["a"] = ["2"]
    assert evidence.mark_all() == {"p": ["a"]} and "**Stale:** what a measures" in path.read_text()
    measure(["a"], "three")
    text = path.read_text()
    assert evidence.mark_all() == {} and text.startswith("# P\n\nWhat it is.\n\n<!-- inputs: a ")
    assert text.endswith("| a | three |\n| b | one \\| two |\n")


def test_a_claim_is_quoted_as_it_is_worded_now(monkeypatch):
    monkeypatch.setattr(evidence, "INPUTS", {"claims": lambda: {"a": ["1"], "b": ["1"]}})
    now = evidence.inputs("claims")["a"]
    rows = [["a", "old", "old control", "1 | 2"], ["b", "old", "old control", "3"]]
    page = f"# C\n\n<!-- inputs: a {now}, b 0 -->\n\n{evidence.table(evidence.CLAIMS, rows)}\n"
    worded = evidence.quoted(page, {"a": [["new", "new control"]], "b": [["new", "new control"]]})
    assert evidence.rows_of(worded, evidence.CLAIMS) == [
        ["a", "new", "new control", "1 | 2"],
        rows[1],
    ]
