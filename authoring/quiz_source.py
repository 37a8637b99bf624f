"""Turn solutions/quiz.toml, all of the quiz, into solutions/quiz.py and classroom/quiz.json."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from classroom.quiz import LETTERS, obfuscate
from exercises.format.course_map import stations
from exercises.format.notebooks import ROOT, SourceError
from llmlib import files

SOURCE = ROOT / "solutions" / "quiz.toml"
COURSE = "course", "The course in five questions"
SETUP = '''from classroom.quiz_cells import score, see

A, B, C, D = "ABCD"


def answer(name):
    """The letter that was given to a question, or None."""
    return globals().get(name)'''
CHECK = """from classroom.quiz_cells import check_answer

check_answer("{0}", answer("{0}"))"""


@dataclass(frozen=True)
class Question:
    """Hold one question; `options` are (text, feedback) in the order of the letters."""

    name: str
    about: str
    ask: str
    options: tuple[tuple[str, str], ...]
    right: str
    run: str


@cache
def titles() -> dict[str, str]:
    """Return {what a question may be about: its heading}."""
    return dict([COURSE]) | {
        station.name: station.title for station in stations() if station.number
    }


def read() -> list[Question]:
    """Read all questions, in order. Raises `SourceError`."""
    try:
        table = _source()
        pairs = zip(table["question"], table["letters"])
        return [_question(number, *pair) for number, pair in enumerate(pairs, 1)]
    except (KeyError, ValueError) as error:  # TOML's errors are ValueErrors
        raise SourceError(f"{SOURCE.name}: {error}") from error


def _source() -> dict[str, Any]:
    table = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    for name in ("opening", "closing", "letters", "question"):
        if name not in table:
            raise ValueError(f"it has no {name}")
    if len(table["letters"]) != len(table["question"]):
        raise ValueError("letters has one for each question")
    return table


def _question(number: int, entry: dict[str, Any], letter: str) -> Question:
    name = f"q{number:02d}"
    if entry["about"] not in titles():
        raise ValueError(f"{name}: about is {entry['about']!r}; known: {', '.join(titles())}")
    ask, run = entry["ask"].strip(), entry.get("run", "").strip()
    options = [(text, feedback) for text, feedback in entry["wrong"]]
    options.sort(key=lambda option: hashlib.sha256(f"{option[0]}\n{ask}".encode()).digest())
    options.insert(LETTERS.index(letter), tuple(entry["right"]))
    feedbacks = all(feedback.strip() for _, feedback in options)
    if len({text for text, _ in options}) != 4 or not feedbacks:
        raise ValueError(f"{name} needs four different options, each with its feedback")
    return Question(name, entry["about"], ask, tuple(options), letter, run)


def source(questions: list[Question]) -> str:
    """Return the text of solutions/quiz.py."""
    around = _source()
    cells = [
        _markdown(around["opening"].format(count=len(questions)), 'makes="what stuck"'),
        _code(SETUP, 'given setup jupyter={"source_hidden": true}'),
    ]
    about = None
    for number, question in enumerate(questions, 1):
        if question.about != about:
            about = question.about
            cells.append(_markdown(f"## {titles()[about]}"))
        pairs = zip(LETTERS, question.options)
        options = "\n".join(f"- **{letter}**  {text}" for letter, (text, _) in pairs)
        cells.append(_markdown(f"### Question {number}\n\n{question.ask}\n\n{options}"))
        name = question.name
        answer = f'### BEGIN SOLUTION\n{name} = "{question.right}"\n### END SOLUTION'
        cells.append(_code(answer, f'solution {name} stub="{name} = None"'))
        cells.append(_code(CHECK.format(name), f"test {name} points=1"))
        cells += [_code(f'see("{name}")')] if question.run else []
    return "\n\n".join([*cells, _markdown(around["closing"]), _code("score()")]) + "\n"


def key_text(questions: list[Question]) -> str:
    """Return the text of classroom/quiz.json."""
    key: dict[str, dict[str, str]] = {}
    for question in questions:
        key[question.name] = entry = {}
        for letter, (_, feedback) in zip(LETTERS, question.options):
            entry[letter] = obfuscate(
                question.name, letter, f"{int(letter == question.right)}{feedback}"
            )
        entry |= {
            "run": obfuscate(question.name, question.right, question.run),
            "about": titles()[question.about],
        }
    return json.dumps(key, indent=1) + "\n"


def write() -> None:
    """Write both files where they differ. Raises `SourceError`."""
    questions = read()
    texts = {"solutions/quiz.py": source(questions), "classroom/quiz.json": key_text(questions)}
    for path, text in texts.items():
        if not (ROOT / path).exists() or (ROOT / path).read_text(encoding="utf-8") != text:
            files.write(ROOT / path, text)


def _markdown(text: str, marker: str = "") -> str:
    lines = (f"# {line}".rstrip() for line in text.split("\n"))
    return _code("\n".join(lines), f"[markdown] {marker}")


def _code(text: str, marker: str = "") -> str:
    return f"# %% {marker}".rstrip() + f"\n{text}"
