"""The quiz: every question has one right option and feedback for all four, and its key is what
the engine says."""

import contextlib
import io
import json
import re
from dataclasses import replace

import nbformat
import proofs as A
import pytest
import torch

from llmlib import pretrained
from llmlib.course import cells, questions
from llmlib.course.cells import ROOT
from llmlib.course.check import Mistake
from llmlib.course.handed_in import Cell
from llmlib.course.quiz import LETTERS, check_answer, unveil
from llmlib.grading.outside.runner import Runner

unit = pytest.mark.unit
QUESTIONS = {question.name: question for question in questions.read()}
EACH = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


@unit
def test_what_is_built_from_the_source_is_up_to_date():
    assert (ROOT / "solutions/quiz.py").read_text(encoding="utf-8") == questions.source(
        list(QUESTIONS.values())
    )
    assert (ROOT / "llmlib/data/quiz.json").read_text(encoding="utf-8") == questions.veiled(
        list(QUESTIONS.values())
    )


@unit
def test_the_course_in_five_and_four_on_each_notebook():
    about = [question.about for question in QUESTIONS.values()]
    assert about.count("course") == 5
    assert all(about.count(name) >= 4 for name in cells.names() if name != "quiz")
    assert (
        len(
            [
                question
                for question in QUESTIONS.values()
                if "**Predict" in question.ask and question.run
            ]
        )
        >= 7
    )


@unit
def test_no_letter_is_a_good_guess():
    keys = "".join(question.right for question in QUESTIONS.values())
    assert all(4 <= keys.count(letter) <= 0.4 * len(keys) for letter in LETTERS), keys


@unit
@EACH
def test_one_option_is_right_and_all_four_have_their_feedback(question, capsys):
    passed = []
    for letter, (_, feedback) in zip(LETTERS, question.options, strict=True):
        try:
            check_answer(question.name, letter)
            passed.append(letter)
            assert feedback in capsys.readouterr().out
        except Mistake as mistake:
            assert feedback in str(mistake)
    assert passed == [question.right]
    assert len({feedback for _, feedback in question.options}) == 4


@unit
@pytest.mark.parametrize(
    "letter", ["E", "", "AB", "ABCD", 1, 3.5, ["A"], True, "А"]
)  # the last one is Cyrillic
def test_what_is_no_letter_is_refused_in_one_sentence(letter):
    with pytest.raises(Mistake, match="q01 is .*: give one of the letters A, B, C and D"):
        check_answer("q01", letter)


@unit
def test_an_open_question_says_what_to_do_and_small_letters_count():
    with pytest.raises(Mistake, match="q01 has no answer yet: put a letter"):
        check_answer("q01", None)
    check_answer("q01", f" {QUESTIONS['q01'].right.lower()}\n")


@unit
@EACH
def test_nothing_gives_an_answer_away(question):
    node = nbformat.read(ROOT / "notebooks/quiz.ipynb", as_version=4)
    released = "\n".join(cell.source for cell in node.cells)
    veiled = (ROOT / "llmlib/data/quiz.json").read_text(encoding="utf-8")
    for _, feedback in question.options:
        assert feedback not in released and feedback not in veiled
    assert not re.search(rf"{question.name}\s*=\s*.?[ABCD]\b", released.replace("`q01 = A`", ""))
    other = next(letter for letter in LETTERS if letter != question.right)
    with pytest.raises(
        (UnicodeDecodeError, AssertionError)
    ):  # one letter's veil is not lifted by another
        text = json.loads(veiled)[question.name][question.right]
        assert unveil(question.name, other, text)[1] in dict(question.options).values()


# What is true, measured: by a part of each question, from what its own cell printed to how the
# right option begins.
@pytest.fixture(scope="module")
def model():
    return pretrained.load("smollm2")


def numbers(text):
    return [float(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*\.?\d*", text)]


TRUE = {
    "What does `merge` make of": lambda out: f"`{out}`",
    "How many tokens do the two have in common": lambda out: (
        "One"
        if set.intersection(*(set(numbers(line.split("]")[0])) for line in out.splitlines()))
        else "None"
    ),
    "about four characters": lambda out: {"English": "A page of English"}[
        min(out.splitlines(), key=lambda line: abs(numbers(line)[0] - 4)).split()[0]
    ],
    'how often o occurs in "dog"': lambda out: re.search(r"o in dog: the model says (\d)", out)[1],
    "what id 7043 is": lambda out: "Something unrelated" if "' chick'" in out else "?",
    "has the largest *dot product*": lambda out: (
        "A fragment"
        if re.search(r"dot product +\[' strugg'.*\ncosine +\[' Monday', ' Tuesday'", out)
        else "?"
    ),
    "The tokens of the prompt are shuffled": lambda out: (
        "They are the same outputs" if out.endswith("True") else "?"
    ),
    "stand at 105 and 103": lambda out: (
        "It stays" if len({line.split()[-1] for line in out.splitlines()[:2]}) == 1 else "?"
    ),
    "do SmolLM2's outputs at": lambda out: "Not at all" if out.endswith("True") else "A good deal",
    "divide the score": lambda out: str(round(numbers(out)[0])),
    "masks *after* the softmax": lambda out: (
        "The shares that"
        if all(
            "1.0000 before" in line and "sums to 1.0000 masked" not in line
            for line in out.splitlines()
        )
        else "Nothing"
    ),
    "make three times smaller": lambda out: (
        "The KV cache" if numbers(out)[1] == 3 * numbers(out)[3] else "?"
    ),
    "SmolLM2's 134,515,008 parameters": lambda out: {
        "feed-forward": "In the feed",
        "attention": "In attention",
        "embedding": "In the emb",
        "norms": "In the norms",
    }[max(out.splitlines(), key=lambda line: numbers(line)[-1]).split()[0]],
    "What does the block do": lambda out: (
        "It returns its input as" if out.startswith("Paris") else "It makes the model useless"
    ),
    "5 is added to every entry": lambda out: {
        (True, False): "RMSNorm's only",
        (False, True): "LayerNorm's only",
    }[tuple(numbers(line)[:4] == numbers(line)[5:] for line in out.splitlines())],
    "multiplied by 10": lambda out: "The same" if out.endswith("True") else "10 times",
    "leaves all the probabilities": lambda out: {"+ 100": "Adding 100", "doubled": "Doubling"}[
        next(
            line.split("[")[0].strip()
            for line in out.splitlines()[1:]
            if line.split("[")[1] == out.splitlines()[0].split("[")[1]
        )
    ],
    "final norm is left out": lambda out: (
        "Another token"
        if "Paris" not in (line := out.splitlines()[1]) and numbers(line)[0] > 0.99
        else '" Paris"'
    ),
    "About which loss": lambda out: str(numbers(out)[1]),
    "From how many predictions": lambda out: f"{int(numbers(out)[1])}",
    "How many does top-p": lambda out: out,
    "How does the probability": lambda out: (
        "It rises, to" if (p := numbers(out)) == sorted(p) and 0.85 < p[-1] < 0.95 else "?"
    ),
    "left for those 100": lambda out: (
        f"About {100 * numbers(out)[-1]:.0f} %" if abs(numbers(out)[3] - 0.69) < 0.005 else "?"
    ),
    "Of which filter": lambda out: next(
        line.split()[0]
        for line in out.splitlines()
        if numbers(line.split("first:")[1])[0] == numbers(line)[-1]
    ),
    "What does a KV cache change": lambda out: (
        "100 token computations in place of 5"
        if re.findall(r"(\d+) passes.* (\d+) in all", out) == [("10", "55"), ("10", "10")]
        else "?"
    ),
    "not written 50 times faster": lambda out: (
        "A pass over one" if numbers(out)[0] > 100 * numbers(out)[2] else "Reading the cache"
    ),
    "take in float32": lambda out: out,
    "What suffers": lambda out: (
        "Only the speed" if out.endswith("['0.50', '0.30', '0.20']") else "The quality"
    ),
}


@unit
@pytest.mark.slow
@pytest.mark.parametrize("part", TRUE)
def test_the_key_is_what_is_measured(part, model):
    [question] = [question for question in QUESTIONS.values() if part in question.ask]
    printed = io.StringIO()
    *lines, last = question.run.splitlines()
    if not last.startswith((" ", "print")):
        last = f"print({last})"
    with contextlib.redirect_stdout(printed):
        exec(
            "\n".join([*lines, last]), {"model": model, "torch": torch, "math": __import__("math")}
        )
    bears_out = TRUE[part](printed.getvalue().strip())
    holds = [
        letter for letter, (text, _) in zip(LETTERS, question.options) if text.startswith(bears_out)
    ]
    assert holds == [question.right], (
        f"{question.name}: {printed.getvalue()!r} bears out {bears_out!r}"
    )


@unit
def test_every_question_with_a_cell_is_measured():
    asked = [question for question in QUESTIONS.values() if question.run]
    assert len(asked) == len(TRUE) == len(QUESTIONS) - 5


@pytest.mark.security
def test_the_trusted_grader_reads_a_letter():
    notebook = A.notebook("quiz")
    runner = Runner([notebook])
    try:
        right = QUESTIONS["q02"].right
        wrong = next(letter for letter in LETTERS if letter != right)
        task = replace(
            notebook, exercises=tuple(each for each in notebook.exercises if each.name == "q02")
        )
        for given, says in [
            (f'"{right}"', None),
            (right, None),  # A, B, C and D are names as well
            (wrong, f"{wrong} is not it."),
            ("None", "q02 has no answer yet"),
            ('"Z"', "give one of the letters"),
        ]:
            handed_in = [
                Cell(
                    each.cell_type,
                    name := cells.grade_id(each),
                    f"q02 = {given}" if name == "q02" else each.source,
                )
                for each in notebook.cells
            ]
            outcome = runner.grade(task, handed_in)["q02"]
            assert outcome.solved if says is None else says in outcome.message, outcome
            assert outcome.points == (1 if says is None else 0)
    finally:
        runner.close()
