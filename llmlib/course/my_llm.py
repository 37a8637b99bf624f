"""`llmlib my-llm`: a learner's functions out of their notebooks, put together into one file that runs a real model.

The file is `my_llm_template.py` with the learner's code in its middle. It needs torch, safetensors and regex, and
nothing of this course.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from llmlib.assets import smollm2_folder
from llmlib.course import cells, handed_in, harvest, progress

PIECES = {  # in the order in which data flows
    "01_tokens": ("merge", "encode", "stream_decode"),
    "02_embeddings": ("embed", "apply_rope"),
    "03_attention": (
        "causal_mask",
        "scaled_dot_product_attention",
        "split_heads",
        "merge_heads",
        "repeat_kv",
    ),
    "04_layers": ("rms_norm", "swiglu", "pre_norm_block"),
    "05_output_head": ("unembed", "softmax"),
    "06_sampling": (
        "draw",
        "apply_temperature",
        "top_k",
        "top_p",
        "min_p",
        "filter_logits",
        "sample",
    ),
    "07_kv_cache_and_scaling": ("write_cache", "generate_cached"),
}
FUNCTIONS = {function for functions in PIECES.values() for function in functions}
TEMPLATE = Path(__file__).with_name("my_llm_template.py")
IN_TEMPLATE = {
    "argparse",
    "json",
    "os",
    "Path",
    "SimpleNamespace",
    "regex",
    "torch",
    "load_file",
    "linear",
    "split",
}
HEADER = '''"""my_llm.py: an LLM engine, written exercise by exercise by me. It runs SmolLM2-135M.

    python my_llm.py "The capital of France is"

The functions under a notebook's name come from my notebooks. Around them stand the tokenizer's tables, the weights,
and the order in which the functions are called.
"""
'''


@dataclass(frozen=True)
class Gap:
    """A function that cannot be used as it is, and why."""

    notebook: str
    function: str
    why: str

    def __str__(self):
        statement = next(
            e.statement for e in cells.load(self.notebook).exercises if e.name == self.function
        )
        number = re.search(r"Exercise (\d+\.\d+)", statement)
        return (
            f"{self.notebook}, exercise {number[1] if number else ''} {self.function}: {self.why}"
        )


def collect(folder, fill=False, seconds=progress.SECONDS):
    """(the file's text, gaps) from the notebooks in `folder`; with `fill`, the course's own function stands in each gap.

    Without `fill` the text is None if there is a gap: a function that is not written, fails its check, or uses a name
    that no cell of its notebook defines. The checks are run, in processes of their own, for at most `seconds` a notebook.
    """
    official = (
        Path(folder).resolve() == cells.ROOT / "solutions"
    )  # proven by the tests, and so not checked again
    reasons = {} if official else _reasons(Path(folder), seconds)
    gaps, imports, parts, taken = [], [], [], {}
    for notebook, functions in PIECES.items():
        ours = [
            (cells.grade_id(cell), cell.source)
            for cell in cells.load(notebook).cells
            if cell.cell_type == "code"
        ]
        theirs = (
            ours
            if official or None in reasons[notebook]
            else handed_in.plan(
                cells.load(notebook), handed_in.load(Path(folder) / f"{notebook}.ipynb")
            ).cells
        )
        chosen = []
        for function in functions:
            why = (
                None if official else reasons[notebook].get(None) or reasons[notebook].get(function)
            )
            code = None if why else harvest.piece(function, theirs)
            if code is not None:
                code, missing = harvest.with_what_it_uses(code, theirs, FUNCTIONS | IN_TEMPLATE)
                why = (
                    f"it uses {', '.join(missing)}, which no cell of its notebook defines"
                    if missing
                    else None
                )
            if code is None or why:
                gaps.append(Gap(notebook, function, why or "its cell is missing or is not Python"))
                code, _ = harvest.with_what_it_uses(
                    harvest.piece(function, ours), ours, FUNCTIONS | IN_TEMPLATE
                )
                code = "# Filled in from llmlib, not mine.\n" + code
            chosen.append(code)
        lines, code = harvest.without_imports(_once(chosen))
        imports += lines
        code = harvest.without_clashes(code, f"_of_{notebook[:2]}", taken, FUNCTIONS)
        parts.append(f"# {f' {notebook} ':-^110}\n\n\n{code}\n")
    if gaps and not fill:
        return None, gaps
    return _file(imports, parts), gaps


def _reasons(folder, seconds):
    """{notebook: {function: why it cannot be used}}; under None, why the whole notebook cannot."""
    reasons = {}
    for status in progress.check(list(PIECES), folder, seconds):
        reasons[status.name] = {
            f: m or "not written yet" for f, state, m in status.exercises if state != progress.DONE
        }
        if status.fault:
            reasons[status.name] = {None: status.fault}
    return reasons


def _once(codes):
    """The codes joined; a helper that several of them brought along stands once."""
    seen, kept = set(), []
    for block in "\n\n\n".join(codes).split("\n\n\n"):
        if block not in seen or block.startswith(
            (" ", "\n")
        ):  # the inside of a function is not looked at
            kept.append(block)
        seen.add(block)
    return "\n\n\n".join(kept)


def _file(imports, parts):
    before, _, after = TEMPLATE.read_text(encoding="utf-8").partition(
        "# The learner's functions go here.\n"
    )
    before = before.partition("\n")[2]  # without the line that quiets the linter
    there, rest = before.split("\n\n", 1)
    lines = sorted(
        set(imports) - set(before.split("\n")) | set(there.split("\n")),
        key=lambda line: (line[:5] == "from ", line),
    )
    engine = f"# {' the engine ':-^110}\n\n\n"
    return (
        HEADER
        + "\n".join(lines)
        + "\n\n"
        + rest
        + "\n\n".join(parts)
        + "\n\n"
        + engine
        + after.lstrip("\n")
    )


def add_arguments(parser):
    parser.add_argument(
        "prompt",
        nargs="?",
        default="The capital of France is",
        metavar="PROMPT",
        help="what to run it on",
    )
    parser.add_argument(
        "--notebooks",
        type=Path,
        metavar="DIR",
        help="where they are (default: this folder, else notebooks/)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("my_llm.py"),
        metavar="FILE",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--fill",
        action="store_true",
        help="use the course's own function where one is missing or wrong",
    )


def run(args):
    """Write the file and run it. 1: something is missing or wrong, and nothing was written."""
    folder = args.notebooks or progress.default_folder()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    smollm2_folder()
    return make(folder, args.output, args.prompt, args.fill)


def make(folder, output, prompt, fill=False):
    """Write `output` from the notebooks in `folder`, say what is missing, and run it on `prompt`; returns its status."""
    text, gaps = collect(folder, fill)
    for gap in gaps:
        print(f"{'filled in from llmlib: ' if fill else ''}{gap}")
    if text is None:
        print(
            f"{len({gap.function for gap in gaps})} of {len(FUNCTIONS)} functions are missing or wrong, so {output} was "
            "not written. Write them, or use the course's own in their place with: llmlib my-llm --fill"
        )
        return 1
    Path(output).write_text(text, encoding="utf-8")
    print(
        f"{output}: {len(text.splitlines())} lines, {len(FUNCTIONS) - len(gaps)} functions of your own",
        flush=True,
    )
    with subprocess.Popen(
        [sys.executable, str(output), prompt], stdout=subprocess.PIPE, text=True
    ) as process:
        while letter := process.stdout.read(1):  # as it comes, also into a notebook
            print(letter, end="", flush=True)
    return process.returncode
