"""What a page knows of an exercise that its reader writes in the page."""

import hashlib

from exercises.format.notebooks import Exercise, Notebook


def edition(exercise: Exercise) -> str:
    """A fingerprint of its cell to fill in and its visible check. What a browser keeps as solved
    was solved in an edition, and is checked again in another."""
    return hashlib.sha256(f"{exercise.stub}\n{exercise.visible}".encode()).hexdigest()[:8]


def editions(notebook: Notebook) -> dict[str, str]:
    """{name: edition} of the exercises that give points."""
    return {each.name: edition(each) for each in notebook.core}
