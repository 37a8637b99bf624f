"""The quiz: every question has one right option and feedback for all four, and its key is what
the engine says."""

import contextlib
import io
import re
from contextlib import closing
from dataclasses import replace

import answer_runner as A
import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from patient_runner import PatientRunner

from authoring import quiz_source
from classroom import quiz_cells
from classroom.checking import submission
from classroom.quiz import LETTERS, check_answer, deobfuscate, feedback_for, quiz_key
from exercises.check import Mistake
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from llmlib import output_head, pretrained

pytestmark = pytest.mark.verdict("solutions/*.py", "solutions/quiz.toml", "notebooks/*.ipynb")
unit = pytest.mark.unit
QUESTIONS = {question.name: question for question in quiz_source.read()}
EACH = pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)


@unit
def test_what_is_built_from_the_source_is_up_to_date():
    assert (ROOT / "solutions/quiz.py").read_text(encoding="utf-8") == quiz_source.source(
        list(QUESTIONS.values())
    )
    assert (ROOT / "classroom/quiz.json").read_text(encoding="utf-8") == quiz_source.key_text(
        list(QUESTIONS.values())
    )


@unit
def test_no_letter_is_a_good_guess():
    """Not in the whole quiz, in neither half (the middle question is in both), nor at the end."""
    keys = "".join(question.right for question in QUESTIONS.values())
    half, counts = (len(keys) + 1) // 2, {letter: keys.count(letter) for letter in LETTERS}
    assert max(counts.values()) <= 12, counts
    for part in (keys[:half], keys[-half:]):
        assert all(part.count(letter) <= 7 for letter in LETTERS), part
    assert all(keys[-8:].count(letter) <= 3 for letter in LETTERS), keys[-8:]
    assert not re.search(r"(.)\1\1", keys), keys


@unit
def test_no_question_needs_what_stands_under_further():
    """No code of a question imports a function that the learner wrote under Further, if at all."""
    optional = {
        each.name
        for lesson in notebooks.lessons()
        for each in notebooks.load(lesson.name).exercises
        if each.points == 0
    }
    assert "layer_norm" in optional
    for question in QUESTIONS.values():
        imported = re.findall(r"^from llmlib\S* import (.*)", question.run, re.MULTILINE)
        assert not optional & words(" ".join(imported)), question.name


# What somebody who knows nothing may go by: a number for an option, given the other three and the
# question.
def plain(text):
    return re.sub(r"[`*]", "", text)


def words(text):
    return set(re.findall(r"\w+", plain(text).lower()))


def first_number(text):
    return next(iter(numbers(text)), 0)


def has(pattern):
    return lambda option, others, ask: bool(re.search(pattern, option, re.IGNORECASE))


TRICKS = {
    "long": lambda option, others, ask: len(plain(option)),
    "a number in the middle": lambda option, others, ask: (
        all(map(first_number, [option, *others]))
        and sorted([first_number(option), *map(first_number, others)]).index(first_number(option))
        in (1, 2)
    ),
    "like the others": lambda option, others, ask: sum(
        len(words(option) & words(each)) / len(words(option) | words(each)) for each in others
    ),
    "words of the question": lambda option, others, ask: len(words(option) & words(ask)),
    "gives a reason": has(r"[:;,]|\b(since|because|so|as|for|that)\b"),
    "has a number": has(r"\d"),
    "absolute": has(r"\b(all|none|no|not|never|only|alone|every|each|both|neither|nothing)\b"),
    "hedged": has(r"\b(about|nearly|almost|mostly|some|other|may|most|depends)\b"),
}


@pytest.mark.proof
@unit
@pytest.mark.parametrize("sign", [1, -1], ids=["most", "least"])
@pytest.mark.parametrize("trick", TRICKS)
def test_no_trick_beats_chance_by_more_than_one(trick, sign):
    hits = 0.0
    for question in QUESTIONS.values():
        options = [text for text, _ in question.options]
        cues = [
            sign * TRICKS[trick](each, [o for o in options if o is not each], question.ask)
            for each in options
        ]
        best = [letter for letter, cue in zip(LETTERS, cues) if cue == max(cues)]
        hits += (question.right in best) / len(best)
    assert hits <= len(QUESTIONS) / 4 + 1


@unit
@EACH
def test_one_option_is_right_and_all_four_have_their_feedback(question):
    passed = []
    for letter, (_, feedback) in zip(LETTERS, question.options, strict=True):
        assert feedback_for(question.name, letter) == (letter == question.right, feedback)
        try:
            check_answer(question.name, letter)
            passed.append(letter)
        except Mistake as mistake:
            assert str(mistake) == f"{letter} is not it. {feedback}".replace("*", "")  # plain text
    assert passed == [question.right]
    assert len({feedback for _, feedback in question.options}) == 4


@unit
@pytest.mark.parametrize(
    "letter", ["E", "", "AB", "ABCD", 1, 3.5, ["A"], True, "\N{CYRILLIC CAPITAL LETTER A}"]
)
def test_what_is_no_letter_is_refused_in_one_sentence(letter):
    with pytest.raises(Mistake, match="q01 is .*: give one of the letters A, B, C and D"):
        check_answer("q01", letter)


@unit
def test_an_open_question_says_what_to_do_and_small_letters_count():
    with pytest.raises(Mistake, match="q01 has no answer yet: click one of its options, or put"):
        check_answer("q01", None)
    check_answer("q01", f" {QUESTIONS['q01'].right.lower()}\n")


@unit
@EACH
def test_nothing_gives_an_answer_away(question):
    node = nbformat.read(ROOT / "notebooks/quiz.ipynb", as_version=4)
    released = "\n".join(cell.source for cell in node.cells)
    kept = (ROOT / "classroom/quiz.json").read_text(encoding="utf-8")
    for _, feedback in question.options:
        assert feedback not in released and feedback not in kept
    for line in question.run.splitlines():  # not even the code that will show it
        assert len(line) < 20 or (line not in released and line not in kept)
    assert not re.search(rf"{question.name}\s*=\s*.?[ABCD]\b", released.replace('`q01 = "A"`', ""))
    other = next(letter for letter in LETTERS if letter != question.right)
    with pytest.raises((UnicodeDecodeError, AssertionError)):  # another letter does not decode it
        text = quiz_key()[question.name][question.right]
        assert deobfuscate(question.name, other, text)[1:] in dict(question.options).values()


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
    "two merges are possible at once": lambda out: (
        "The merge that was learned first"
        if re.findall(r"give (.*)", out) == ["[97, 256]", "[256, 99]", "[97, 256]"]
        else "The merge that stands"
    ),
    "What would show whether it counted": lambda out: (
        "The same examples with"
        if [set(re.findall(r"model says (\d)", part)) for part in out.split("after ")[1:]]
        == [{"3"}, {"1"}]
        and "dog: the model says 3 (0.47)" in out
        else "?"
    ),
    "decode them one by one": lambda out: (
        "Three replacement"
        if out.count("'\N{REPLACEMENT CHARACTER}'") == 3 and "🦜" in out
        else "?"
    ),
    "the gradient in row 5": lambda out: f"{numbers(out.splitlines()[0])[1]:g} at every",
    "nothing is reordered": lambda out: (
        "They are right for equal"
        if [n[1] == n[2] for n in map(numbers, out.splitlines())] == [True, False, False]
        else "?"
    ),
    "The tokens of the prompt are shuffled": lambda out: (
        "They are shuffled" if out.endswith("True") else "?"
    ),
    "turned for 105 and 103": lambda out: (
        "It stays" if len({line.split()[-1] for line in out.splitlines()[:2]}) == 1 else "?"
    ),
    "do its outputs at": lambda out: "Not at all" if out.endswith("True") else "?",
    "divide each score": lambda out: (
        f"{numbers(out)[-1]:g}" if numbers(out)[1::2] == [24, 8] else "?"
    ),
    "masks *after* the softmax": lambda out: (
        "The other weights"
        if out
        and all(
            "1.0000 before" in line and "sums to 1.0000 masked" not in line
            for line in out.splitlines()
        )
        else "Nothing, the"
    ),
    "make three times smaller": lambda out: (
        "The number of vectors" if numbers(out)[1] == 3 * numbers(out)[3] else "?"
    ),
    "What shows best whether": lambda out: (
        "All the logits of a long"
        if out.count("ids True") == 2
        and [numbers(line)[-4] > 0.01 for line in out.splitlines()] == [True, False]
        and all(numbers(line)[-2] > 1 for line in out.splitlines())
        else "?"
    ),
    "SmolLM2's 134,515,008 parameters": lambda out: {
        "feed-forward": "In the feed",
        "attention": "In attention",
        "embedding": "In the emb",
    }[max(out.splitlines()[:4], key=lambda line: numbers(line)[-1]).split()[0]],
    "What does the block do": lambda out: (
        "It returns its input unchanged"
        if re.search("19 .*: False\n.*20 .*: True\n Paris", out, re.MULTILINE)
        else "?"
    ),
    'say about " capital"': lambda out: (
        "It may carry all"
        if [line.split(": ")[1].replace("-", "") for line in out.splitlines()][0]
        == "0.00 0.00 0.00 0.00"
        and numbers(out.splitlines()[1].split(": ")[1])[0] == 1
        else "It carries"
    ),
    "multiplied by 10": lambda out: {10: "A tenth", 1: "As large", 100: "A hundredth"}[
        round(numbers(out.splitlines()[0])[-1] / numbers(out.splitlines()[1])[-1])
    ],
    "leaves all the probabilities": lambda out: {"+ 100": "Adding 100", "doubled": "Doubling"}[
        next(
            line.split("[")[0].strip()
            for line in out.splitlines()[1:]
            if line.split("[")[1] == out.splitlines()[0].split("[")[1]
        )
    ],
    "Which of the two predicts the page better": lambda out: (
        "A, with less loss" if (n := numbers(out))[0] < n[-3] and n[2] < n[-1] else "B"
    ),
    "About what loss": lambda out: str(numbers(out)[1]),
    "From how many predictions": lambda out: f"{int(numbers(out)[1])}",
    "What does that say about the model": lambda out: next(
        f"It is {line.split()[0]}"
        for line in out.splitlines()
        if 0.68 < numbers(line)[0] < 0.72 and 0.5 < numbers(line)[1] < 0.6
    ),
    "`loss.backward()` has run": lambda out: (
        "They are as"
        if len({line[27:40] for line in out.splitlines()[:2]}) == 1
        and out.splitlines()[1][27:40] != out.splitlines()[2][27:40]
        and "None" in out.splitlines()[0]
        and "None" not in out.splitlines()[1]
        else "?"
    ),
    "What is the gradient of the loss": lambda out: re.sub(
        "[^\\d., −]", "", out.splitlines()[0].replace("-", "−")
    ).strip(),
    "How many does top-p": lambda out: out.split()[0],
    "How many times as likely is it at": lambda out: f"{numbers(out)[3]:.0f} times",
    "What happens, from the first copy": lambda out: (
        "It rises with" if (p := numbers(out)) == sorted(p) and 0.85 < p[-1] < 0.95 else "It stays"
    ),
    "For which filter": lambda out: next(
        line.split()[0]
        for line in out.splitlines()
        if numbers(line.split("first:")[1])[0] == numbers(line)[-1]
    ),
    "What does a KV cache change": lambda out: (
        "100 token computations"
        if re.findall(r"(\d+) passes.* (\d+) in all", out) == [("10", "55"), ("10", "10")]
        else "?"
    ),
    "such a pass mostly wait for": lambda out: (
        "For the weights" if (n := numbers(out))[0] > 100 * n[2] and n[4] > 100 * n[5] else "?"
    ),
    "made the law fail": lambda out: (
        "One more run at"
        if [round(numbers(line)[1], 2) for line in out.splitlines()] == [0.1, 0]
        else "?"
    ),
    "drawn at random from a model": lambda out: (
        f"{numbers(out)[0]:g}"
        if min(out.splitlines()[2:], key=lambda line: numbers(line)[-1]).split()[5] == "0.7:"
        else "?"
    ),
    "that it did not read before": lambda out: (
        "The keys and values"
        if (ms := [numbers(line)[-1] for line in out.splitlines()])[2] < 1.1 * ms[0]
        and ms[5] > 2 * ms[3]
        else "The matrices"
    ),
    "What suffers": lambda out: (
        "Only the speed"
        if [(numbers(line)[1], line.endswith("True")) for line in out.splitlines()]
        == [(3, True), (12, True)]
        else "Both of"
    ),
    "rounded to int8 with one scale": lambda out: (
        "They are all rounded to 0."
        if (left := [numbers(line)[-3] for line in out.splitlines()])[0] == 1 and left[1] > 560
        else "?"
    ),
    "A new cache is tried": lambda out: (
        "Later tokens"
        if [numbers(line.split("right")[1])[0] for line in out.splitlines()][0] == 5
        and max(numbers(line.split("right")[1])[0] for line in out.splitlines()[1:]) < 5
        and numbers(out.splitlines()[0])[-2] < 10
        else "?"
    ),
    "What shape has the causal mask": lambda out: "{:g} rows and {:g} columns".format(
        *numbers(out)[:2]
    ),
    "What do these two runs show": lambda out: (
        "Here, text"
        if [line.split("loss ")[1][:5] for line in out.splitlines()[:2]] == ["1.158", "1.222"]
        and 1.12 <= (n := [numbers(line) for line in out.splitlines()])[1][2] / n[0][2] <= 1.15
        and n[2][4] < n[0][4]
        else "?"
    ),
    "How large is its cache": lambda out: (
        f"{n[0]:.0f} MB" if (n := numbers(out))[0] == n[1] and n[2:] == [69, 540] else "?"
    ),
}


@pytest.mark.proof
@unit
@pytest.mark.slow
@pytest.mark.parametrize("part", TRUE)
def test_the_key_is_what_is_measured(part, model):
    [question] = [question for question in QUESTIONS.values() if part in question.ask]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(question.run, {"model": model, "torch": torch, "math": __import__("math")})
    bears_out = TRUE[part](printed.getvalue().strip())
    holds = [
        letter for letter, (text, _) in zip(LETTERS, question.options) if text.startswith(bears_out)
    ]
    assert holds == [question.right], (
        f"{question.name}: {printed.getvalue()!r} bears out {bears_out!r}"
    )


@unit
@pytest.mark.slow
def test_what_the_feedback_says_of_a_loop(model):
    encode, sentence = model.tokenizer.encode, " Never again will I trust a talking fish."
    start = encode("In the morning I was in the car.")
    ids = encode("In the morning I was in the car." + 24 * sentence)
    losses = output_head.token_losses(model(ids)[0, :-1], torch.tensor(ids[1:]))
    copies = (-losses[len(start) - 1 :].view(24, -1).mean(1)).exp()
    assert copies.argmax() in range(6, 14) and copies[-1] < copies.max() - 0.1
    assert (copies[:6].diff() > 0).all()


@unit
def test_every_question_with_a_cell_is_measured():
    asked = [question for question in QUESTIONS.values() if question.run]
    assert len(asked) == len(TRUE) == len(QUESTIONS) - 5


@pytest.fixture
def shell(monkeypatch):
    """The quiz in an IPython of this process: `shell(source)` runs a cell and returns what it
    showed; `shell.next` is what the cell was rewritten to."""
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(colors="nocolor")
    monkeypatch.setattr(quiz_cells, "_first", {})
    quiz_cells.switch_on()

    def run(source):
        made.rl_next_input = None
        with capture_output() as shown:
            run.result = made.run_cell(source)
        run.next = made.rl_next_input
        return [each.data["text/plain"] for each in shown.outputs], shown.stdout

    yield run
    InteractiveShell.clear_instance()


def letters(name):
    """(the right letter, the first of the others)."""
    right = QUESTIONS[name].right
    return right, next(letter for letter in LETTERS if letter != right)


@unit
@pytest.mark.parametrize("form", ['{} = "{}"', "{}='{}'", "{} = {}", '{} = "{}"  # sure'])
def test_an_answer_is_told_at_once_and_a_changed_one_keeps_its_first(shell, form):
    right, wrong = letters("q07")
    (said,), _ = shell(form.format("q07", wrong))
    assert said == f"✗ {wrong} is not it. {feedback_for('q07', wrong)[1]}" and shell.next is None
    (said,), _ = shell(form.format("q07", right))
    assert said == f"✓ {right} is right. {feedback_for('q07', right)[1]}"
    start = form.format("q07", right).partition("  #")[0]
    assert shell.next == f"{start}  # first: {wrong}"
    assert quiz_cells.answers(shell.next) == {"q07": (right, wrong)}
    shell(shell.next)
    assert shell.next is None  # noted once


@unit
def test_first_answers_are_counted_from_the_cells():
    right, wrong = letters("q07")
    sources = ["x = 1", f'q07 = "{right}"', f'q08 = "{letters("q08")[0]}"  # first: C']
    right_at_once = 1 + (QUESTIONS["q08"].right == "C")
    assert quiz_cells.first_answers(sources) == (right_at_once, len(QUESTIONS))
    assert quiz_cells.first_answers([f'q07 = "{right}"  # first: {wrong}']) == (0, len(QUESTIONS))


@unit
def test_what_is_no_answer_is_let_be(shell):
    inside = 'if 1:\n    q07 = "A"'
    for source in ("q07 = None", 'q99 = "A"', 'x = "q07"', 'q07 = "E"', inside, "1/0"):
        assert shell(source)[0] == [] and shell.next is None, source


@unit
def test_no_cell_fails_where_the_first_was_skipped(shell):
    right, _ = letters("q01")
    check = quiz_source.CHECK.format("q01")
    shell(check)
    assert isinstance(shell.result.error_in_exec, Mistake)  # no answer yet, in one sentence
    shell(f"q01 = {right}")
    for source in (check, 'see("q06")', "score()"):
        shell(source)
        assert shell.result.success, source


@unit
def test_the_score_counts_answers_and_first_answers(shell):
    said = "\n".join(shell("score()")[0])
    assert said.startswith(f"0 of {len(QUESTIONS)} right.") and "Run All Cells" in said
    for name in QUESTIONS:
        right, wrong = letters(name)
        comment = f"  # first: {wrong}" if name in ("q06", "q07", "q11") else ""
        shell(f'{name} = "{wrong if name == "q12" else right}"{comment}')
    said = "\n".join(shell("score()")[0])
    count = len(QUESTIONS)
    assert f"{count - 1} of {count} right. First answers right: {count - 4} of {count}." in said
    assert "Not right yet: question 12." in said
    assert "1 · Tokens (2), 2 · Embeddings (1)" in said


@unit
def test_the_code_is_shown_and_run_once_the_answer_is_right(shell):
    right, wrong = letters("q06")
    for before in ("None", f'"{wrong}"'):
        shell(f"q06 = {before}")
        assert shell('see("q06")') == (["Answer question 6 first: this shows why."], "")
    shell(f'q06 = "{right}"')
    assert shell('see("q06")') == ([QUESTIONS["q06"].run], "[256, 97, 98]\n")


@pytest.mark.security
def test_the_trusted_grader_reads_a_letter():
    notebook, (right, wrong) = A.notebook("quiz"), letters("q02")
    task = replace(notebook, exercises=(A.exercise("quiz", "q02"),))
    with closing(PatientRunner([notebook])) as runner:
        for given, says in [
            (f'"{right}"', None),
            (right, None),  # A, B, C and D are names as well
            (f'"{right}"  # first: {wrong}', None),
            (wrong, f"{wrong} is not it."),
            ("None", "q02 has no answer yet"),
            ('"Z"', "give one of the letters"),
        ]:
            node = A.handed_in_notebook("quiz", {"q02": f"q02 = {given}"})
            outcome = runner.grade(task, submission.parse(node))["q02"]
            assert outcome.solved if says is None else says in outcome.message, outcome
            assert outcome.points == (1 if says is None else 0)
