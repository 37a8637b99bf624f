"""The page that `make lab` opens, as HTML: what this is, a model to play with, the way from text to
text with the learner's own progress on it, where to go on, and how it works.

`llmlib/course/lab/labextensions/llmlib` shows it in JupyterLab and opens what is clicked.
"""

import json
import re
from functools import cache
from html import escape
from pathlib import Path

from llmlib.course.checking.check_notebooks import DONE, FAILING, UNTOUCHED, Status
from llmlib.course.format import course_map, notebooks

RECORDED = Path(__file__).with_name("live_recorded.json")  # `live` makes it
TALK = (
    '<button type="button" class="llm-talk">Talk with your engine so far</button> '
    "Functions that pass their checks are yours, the others the course's."
)
LIVE = """<section class="llm-live" aria-label="A language model to play with" data-recorded="{}">
<label for="llm-live-text">Type a text. The model reads it as you type.</label>
<textarea id="llm-live-text" rows="2" spellcheck="false">{}</textarea>
<p class="llm-live-said" role="status"></p>
<div class="llm-live-panes">
<div><h2 id="llm-live-next">What comes next</h2><div class="llm-live-next" role="group"
aria-labelledby="llm-live-next"></div></div>
<div><h2 id="llm-live-tokens">Its tokens, and where one looks</h2><div class="llm-live-tokens"
role="group" aria-labelledby="llm-live-tokens"></div><p class="llm-live-looks"></p></div>
<div><h2 id="llm-live-head">An attention head</h2>
<select aria-labelledby="llm-live-head">
<option value="induction">Induction (head 18.6)</option>
<option value="previous">Previous token (16.0)</option></select>
<div class="llm-live-head"></div></div>
</div></section>"""
LOOP = 6  # notebooks 1 to 6 are the loop that writes a text; the others are drawn below it
HOW = """
<li><b>Run a cell</b> with Shift + Enter, from the top down. Where a cell asks for your guess, click
it; what explains the answer opens once you have run on.</li>
<li><b>Exercises</b> ask for one function each. Stuck? Unfold a <b>hint</b>: the first is a nudge,
the last is nearly the answer.</li>
<li><b>The cell below an exercise checks it</b> and names the mistake. <b>✓ Check</b>, above the
notebook, checks all of its exercises at once; <b>Solution</b>, beside it, asks before it shows
one. <b>Talk</b> opens a chat with your engine so far.</li>
<li><b>Sliders and buttons</b> come alive once the cell above them has run. Nothing you do here can
break anything, and no network is needed.</li>
<li><b>Memory</b>: a notebook takes 2 to 4 GB by its end, and keeps it when you close its tab. If a
kernel dies or everything is slow, choose Kernel, Shut Down All Kernels. Then run the notebook that
you need again. The model on this page takes 1 GB while you play with it.</li>
"""


def page(statuses: list[Status] | None, folder: Path, news: str = "") -> str:
    """The page's HTML; without `statuses` it says that progress is being looked up. `news` is what
    `llmlib.course.folder.work` said, in lines."""
    lines = "".join(f'<p class="llm-news">{escape(line)}</p>' for line in news.splitlines())
    known = {status.name: status for status in statuses or ()}
    makes = {each.name: each.makes for each in course_map.stations()}
    boxes = [_box(name, makes.get(name, ""), known.get(name)) for name in notebooks.names()]
    arrow = '<span class="llm-arrow" aria-hidden="true">→</span>'
    return f"""<div class="llm-start">
<h1>From Tokens to Tokens</h1>
<p class="llm-lead">Learn how a large language model works by writing one. Your functions become an
engine that runs a real model on this computer. It writes the same tokens as the usual library.</p>
{_next(statuses, folder)}
{lines}
{_live()}
<section class="llm-map" aria-label="The course and your progress">
<div class="llm-loop"><span class="llm-end">text</span>{arrow}{arrow.join(boxes[:LOOP])}{arrow}<span
class="llm-end">text</span></div>
<div class="llm-back">↑ append the new id, and again from 2</div>
<div class="llm-rest">{"".join(boxes[LOOP:])}</div>
</section>
<section><h2>How it works</h2><ul>{HOW}</ul>
<p>A notebook takes two to three hours, most of it for the exercises. Save your
work, and this page follows.</p></section>
</div>"""


def next_step(statuses: list[Status], folder: Path) -> tuple[str, str | None] | None:
    """(notebook, exercise) to go on with: in the notebook that was saved last of those begun, else
    the first that is not done. None when all is done."""
    left = [each for each in statuses if each.found and not each.fault and not each.done]
    begun = [each for each in left if each.begun]
    if not begun:
        return (left[0].name, None) if left else None
    status = max(begun, key=lambda each: (folder / f"{each.name}.ipynb").stat().st_mtime)
    return status.name, (status.functions(FAILING) + status.functions(UNTOUCHED))[0]


def _next(statuses: list[Status] | None, folder: Path) -> str:
    if statuses is None:
        said = "Looking up where you were …"
    elif not any(status.found for status in statuses):
        said = "There are no notebooks of the course in this folder."
    elif not (step := next_step(statuses, folder)) and not all(each.done for each in statuses):
        said = "The notebooks that are left are missing or cannot be read: see below."
    elif step is None:
        said = (
            "<b>All done.</b> In a terminal (File, New, Terminal) <code>llmlib my-llm</code> "
            "writes your engine to one file."
        )
    else:
        said = _go_on(*step, begun=any(status.begun for status in statuses))
    return f'<p class="llm-next">{said}</p>\n<p>{TALK}</p>'


@cache
def _live() -> str:
    """The live machine with its recorded figure; the model is loaded once somebody goes to it."""
    recorded = RECORDED.read_text(encoding="utf-8").strip()
    return LIVE.format(escape(recorded), escape(json.loads(recorded)["text"]))


def _go_on(name: str, function: str | None, begun: bool) -> str:
    notebook = notebooks.load(name)
    word = "Continue" if begun else "Begin"
    if function is None:
        return _link(name, None, f"{word}: {notebook.heading}", "llm-go")
    number = next(each.number for each in notebook.exercises if each.name == function)
    where = f"{number} {function}".strip()
    return (
        f"{_link(name, function, 'Continue where you were', 'llm-go')} "
        f"<span>{escape(notebook.heading)}, exercise {escape(where)}</span>"
    )


def _link(name: str, function: str | None, text: str, kind: str) -> str:
    at = f' data-exercise="{escape(function)}"' if function else ""
    return f'<a class="{kind}" data-notebook="{name}.ipynb"{at}>{escape(text)}</a>'


def _box(name: str, makes: str, status: Status | None) -> str:
    """One notebook: its title, what it makes, how far it is, and what is missing."""
    notebook = notebooks.load(name)
    total = len(notebook.exercises)
    parts = [_link(name, None, notebook.heading, "llm-title"), f"<small>{escape(makes)}</small>"]
    if status is None:
        parts.append(f'<span class="llm-count">{_size(notebook)}</span>')
    elif status.fault:
        said = "cannot be read" if status.found else "not in this folder"
        parts.append(f'<span class="llm-count llm-wrong">{said}</span>')
    else:
        done = len(status.functions(DONE))
        bar = f"width:{100 * done / total:.0f}%"
        parts.append(f'<span class="llm-bar" aria-hidden="true"><i style="{bar}"></i></span>')
        count = f"{done} of {total} done" if status.begun else _size(notebook)
        parts.append(f'<span class="llm-count">{"✓ " * status.done}{count}</span>')
        parts += _missing(status) if status.begun and not status.done else []
    return f'<div class="llm-box">{"".join(parts)}</div>'


def _size(notebook: notebooks.Notebook) -> str:
    statements = "\n".join(each.statement for each in notebook.exercises)
    minutes = sum(map(int, re.findall(r"### (?:Exercise|Experiment) .* (\d+) min", statements)))
    if not minutes:
        return f"{len(notebook.exercises)} questions"
    return f"{len(notebook.exercises)} exercises<br>{minutes} min"


def _missing(status: Status) -> list[str]:
    """What is wrong, and the first that is not written, each a link to its cell."""
    wrong, todo = status.functions(FAILING), status.functions(UNTOUCHED)
    parts = [f"✗ {_link(status.name, name, name, 'llm-wrong')}" for name in wrong[:2]]
    parts += [f"next: {_link(status.name, name, name, 'llm-todo')}" for name in todo[:1]]
    more = len(wrong[2:]) + len(todo[1:])
    parts += [f"+ {more} more"] if more else []
    return [f"<small>{part}</small>" for part in parts]
