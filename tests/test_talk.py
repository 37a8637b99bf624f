"""`llmlib chat` without a MODEL: the learner's engine so far, and whose functions it is made of."""

import io
import sys

import answer_runner
import forked_checks
import nbformat
import pytest

from classroom import cli, talk
from classroom.lab.chat_process import ChatProcess
from classroom.my_llm import learner_functions
from exercises.format import notebooks as course_notebooks
from exercises.format.notebooks import ROOT
from llmlib.serve import chat

pytestmark = [
    pytest.mark.graders,
    pytest.mark.verdict(
        "solutions/*", "notebooks/*", "llmlib/**/*", "classroom/**/*", "exercises/**/*"
    ),
]
PARIS = "The capital of France is Paris."


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    forked_checks.checks(monkeypatch)


def notebooks(folder, solved, **answers):
    """A learner's notebooks, those in `solved` done but for what `answers` says of a function."""
    for name in learner_functions.engine_notebooks():
        exercises = course_notebooks.load(name).exercises if name in solved else ()
        code = {each.name: answers.get(each.name, each.solution) for each in exercises}
        nbformat.write(answer_runner.handed_in_notebook(name, code), folder / f"{name}.ipynb")
    return folder


def asked(engine):
    ids = chat.prompt_ids(engine, [{"role": "user", "content": "What is the capital of France?"}])
    return "".join(token.text for token in chat.Reply(engine, ids, 20, settings={"temperature": 0}))


@pytest.mark.slow
@pytest.mark.parametrize("done", [1, 4, 7])
def test_after_each_notebook_the_engine_talks_and_says_whose_it_is(tmp_path, done):
    names = learner_functions.engine_notebooks()
    engine = talk.engine_so_far(notebooks(tmp_path, names[:done]))
    every = learner_functions.engine_exercises()
    mine = [f for f, exercise in every.items() if exercise.notebook in names[:done]]
    assert asked(engine) == PARIS and engine.name == "my_llm.py"
    if done == len(names):
        assert engine.makers == (f"Your engine: all {len(every)} functions are yours.",)
        return
    about, *lines = engine.makers
    solved = sum(len(course_notebooks.load(name).core) for name in names[:done])
    functions = f"{len(mine)} of this engine's {len(every)} functions are yours."
    assert about == f"{solved} exercises solved: {functions}"
    assert len(lines) == len(names)
    for name, line in zip(names, lines):
        whose = "yours" if name in names[:done] else "the course's"
        functions = ", ".join(f for f, exercise in every.items() if exercise.notebook == name)
        assert line == f"{course_notebooks.load(name).heading}: {whose}: {functions}"


@pytest.mark.slow
def test_a_wrong_function_is_the_courses_and_named(tmp_path):
    wrong = "def apply_rope(x, positions, theta=10000.0):\n    return x\n"
    engine = talk.engine_so_far(notebooks(tmp_path, ["02_embeddings"], apply_rope=wrong))
    assert "2 Embeddings: yours: embed; the course's: apply_rope (wrong)" in engine.makers
    assert asked(engine) == PARIS


@pytest.mark.slow
def test_of_untouched_notebooks_no_function_is_tested_and_the_engine_is_the_quick_one(
    tmp_path, monkeypatch
):
    def run_job(*_):
        raise AssertionError("there is nothing to test")

    monkeypatch.setattr(learner_functions, "run_job", run_job)
    engine = talk.engine_so_far(notebooks(tmp_path, []))
    assert engine.model is not None
    assert engine.makers[0] == (
        "No exercise solved yet. "
        "The first function that this engine will take from you is merge (exercise 1.2)."
    )


@pytest.mark.slow
def test_what_is_solved_is_said_though_the_engine_does_not_call_it(tmp_path):
    every = {each.name: each for each in course_notebooks.load("01_tokens").exercises}
    code = {name: each.stub for name, each in every.items()}
    code["count_pairs"] = every["count_pairs"].solution
    notebooks(tmp_path, [])
    handed_in = answer_runner.handed_in_notebook("01_tokens", code)
    nbformat.write(handed_in, tmp_path / "01_tokens.ipynb")
    about, *lines = talk.engine_so_far(tmp_path).makers
    assert about.startswith("1 exercise solved: count_pairs. The first function")
    assert lines[0] == "1 Tokens: the course's: merge, encode, decode"


@pytest.mark.slow
def test_the_command_finds_the_notebooks_and_says_first_whose_the_engine_is(
    tmp_path, monkeypatch, capsys
):
    notebooks(tmp_path, ["01_tokens"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{chat.STARTERS[0]}\n\n"))
    assert cli.main(["chat", "--max-new-tokens", "20"]) == 0
    said, told = capsys.readouterr()
    assert said == f"{PARIS}\n"
    assert "1 Tokens: yours: merge, encode, decode\n" in told
    assert sorted(each.suffix for each in tmp_path.iterdir()) == [".ipynb"] * 7  # nothing is left


@pytest.mark.proof
@pytest.mark.slow
def test_the_process_of_the_lab_s_button_serves_the_learner_s_engine(tmp_path):
    import urllib.request

    process = ChatProcess()
    try:
        port, token = process.running(notebooks(tmp_path, ["01_tokens"]))
        address = f"http://127.0.0.1:{port}/?token={token}"
        with urllib.request.urlopen(address, timeout=60) as answer:
            page = answer.read().decode()
        assert "exercises solved: 3 of this engine" in page and chat.STARTERS[0] in page
        process.process.stdin.close()  # as when JupyterLab is killed
        assert process.process.wait(60) == 0
    finally:
        process.stop()
    with pytest.raises(OSError, match="there is no folder"):
        process.restart(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--folder", "x", "smollm2"], "leave one out"),
        (["--folder", "nowhere"], "there is no folder nowhere"),
        (["--weights", "int4"], "name a model"),
        (["--temperature", "-1"], "temperature is -1.0"),
    ],
)
def test_a_mistake_in_what_was_asked_is_one_sentence(words, says, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert cli.main(["chat", *words]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1
