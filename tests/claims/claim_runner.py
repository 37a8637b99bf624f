"""Claims of the notebooks as functions: each computes what a sentence says, and the control for it.

python tests/claims/claim_runner.py              all claims -> docs/evidence/claims.md
python tests/claims/claim_runner.py 01_tokens    one notebook's: its rows of the table

`tests/claims/NN_name.py` holds one function a claim. Its docstring quotes the notebook's sentence
in “ ” and then says what the control is; its body computes both, asserts, and returns the figures
as one short line of text. In each section of a notebook one of them is `@central`. Where that one
reads a clock or takes more than ten seconds, it is `@proof_only` as well.
"""

import importlib.util
import inspect
import os
import re
import sys
import time
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent)]
import evidence  # noqa: E402

for _name, _value in {
    "OMP_NUM_THREADS": "2",
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "10000",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}.items():
    os.environ.setdefault(_name, _value)
THREADS = int(os.environ["OMP_NUM_THREADS"])  # two, as in the notebooks; beside other tests, one


@cache
def model():
    """SmolLM2, loaded once for all claims."""
    import torch

    from llmlib import pretrained

    torch.set_num_threads(THREADS)
    return pretrained.load("smollm2")


@cache
def solved(notebook):
    """What the given and solution cells of a notebook define: its official functions."""
    import torch

    from exercises.format import notebooks

    space = {"__name__": "__main__"}
    for cell in notebooks.load(notebook).cells:
        if notebooks.kind(cell) in ("given", "solution"):
            exec(compile(cell.source, f"<{notebook} {notebooks.grade_id(cell)}>", "exec"), space)
    torch.set_num_threads(THREADS)  # whatever a given cell asked for
    return space


def central(claim):
    """Marks the claim that its section is about: `make test` runs it, `make proof` runs all."""
    claim.central = True
    return claim


def proof_only(claim):
    """Marks a central claim that `make test` leaves out, as it reads a clock or takes long."""
    claim.proof_only = True
    return claim


def false_where(name, **given):
    """Names an input on which a claim is false: given that in place of its own, the claim fails."""

    def mark(claim):
        claim.false_where = (name, given)
        return claim

    return mark


@cache
def prose(notebook):
    """A notebook's source as one line of text: no comment marks, one space between words."""
    return " ".join(sections(notebook).values())


@cache
def sections(notebook):
    """{heading: the section's source as one line of text}; what is above the first has none."""
    source = (ROOT / "solutions" / f"{notebook}.py").read_text(encoding="utf-8")
    head, *parts = re.split("^# ## (.+)$", source, flags=re.M)
    pieces = {"": head} | {
        title: f"# ## {title}{text}" for title, text in zip(parts[::2], parts[1::2])
    }
    return {
        title: " ".join(
            " ".join(line.lstrip().removeprefix("#") for line in text.splitlines()).split()
        )
        for title, text in pieces.items()
    }


def section(notebook, claim):
    """The heading of the section that a claim's first sentence stands in."""
    first = read(claim)[0][0]
    return next(title for title, text in sections(notebook).items() if first in text)


def names():
    """The notebooks that have claims, in order."""
    return sorted(path.stem for path in HERE.glob("[0-9][0-9]_*.py"))


@cache
def claims(notebook):
    """The claims of a notebook: {name: function} in the order of the file."""
    spec = importlib.util.spec_from_file_location(f"claims_{notebook}", HERE / f"{notebook}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: each
        for name, each in vars(module).items()
        if inspect.isfunction(each) and each.__module__ == spec.name and not name.startswith("_")
    }


def read(claim):
    """(the sentences it quotes, what its control is)."""
    text = " ".join((claim.__doc__ or "").split())
    return re.findall("“(.+?)”", text), re.sub("“.+?”", "", text).strip()


def words(claim):
    """[what a claim quotes, what its control is] as the table says them."""
    quoted, control = read(claim)
    return [" … ".join(quoted), control]


def worded():
    """{notebook: the words of its claims}; nothing is run."""
    return {name: [words(claim) for claim in claims(name).values()] for name in names()}


def main(only):
    """Run the claims and write the table; exit status 1 if one fails."""
    rows, failed = [], 0
    for notebook in only or names():
        for name, claim in claims(notebook).items():
            start = time.time()
            try:
                figures = claim()
            except AssertionError as error:
                failed, figures = failed + 1, f"**fails** {error}"
            rows.append([notebook, *words(claim), figures])
            print(f"{notebook} {name} ({time.time() - start:.1f} s): {figures}", flush=True)
    rows = sorted(
        [*rows, *evidence.others("claims", evidence.CLAIMS, only)], key=lambda row: row[0]
    )
    evidence.write("claims", evidence.table(evidence.CLAIMS, rows), only)
    return int(failed > 0)


if __name__ == "__main__":
    about = "Run the claims of the notebooks and write their rows of docs/evidence/claims.md."
    sys.exit(main(evidence.asked(about, names())))
