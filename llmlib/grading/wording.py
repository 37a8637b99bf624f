"""The words for a visible test that failed. Of that the learner reads everything, what their own
process said included."""

from llmlib.course.cells import Exercise
from llmlib.course.check import Mistake
from llmlib.course.forbidden import sentence
from llmlib.grading.outside.told import Failure, LearnerError, Told

LONGEST = 700  # characters of a message


def visible(exercise: Exercise, error: Exception, broke: Told | None) -> Failure:
    """The words for what a test cell raised. `broke` is what its solution cell raised before."""
    if isinstance(error, Mistake):
        return Failure(error.claim, error.detail, True)
    if isinstance(error, LearnerError):
        return Failure(*_words(exercise, error, broke), False)
    detail = f"{type(error).__name__}: {error}"
    return Failure(f"the check could not use what `{exercise.name}` returned", detail, False)


def _words(exercise: Exercise, error: LearnerError, broke: Told | None) -> tuple[str, str]:
    """(claim, detail) of an exception of the learner's."""
    told = error.told
    if told is None:
        return str(error), ""
    if told.kind == "Off" and told.text in exercise.off:
        return sentence(told.text), ""
    if told.kind == "NotPlain":
        return f"`{exercise.name}` returned {told.text}", ""
    if told.kind == "NotImplementedError":
        return f"`{exercise.name}` is not written yet", ""
    if told.kind == "Missing" and not broke:
        return f"`{exercise.name}` is not defined: write it and run its cell", ""
    told = broke if broke and told.builtin == "NameError" else told
    if told.kind == "Off":
        return f"`{told.text}` is not there while your notebook is graded", told.place
    return f"your code raised {told.kind}: {told.text}", told.place


def line(message: object) -> str:
    """One line of printable text, bounded."""
    text = " ".join(str(message).encode("utf-8", "replace").decode().split())
    return "".join(each for each in text if each.isprintable())[:LONGEST]
