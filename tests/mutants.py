"""`python tests/mutants.py [NOTEBOOK.EXERCISE …]`: change the official solutions a little; which
changes do the test cells miss?

Each mutant is one small change of one solution (an operator, a comparison, a constant, a
condition, a line left out). A mutant that passes the visible and the hidden tests survived: a test
is missing, or the change changes nothing.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import answer_runner as A  # noqa: E402
import evidence  # noqa: E402

from grader.mutations import mutants  # noqa: E402

GAP = "**a gap**"
COUNTS = ["exercise", "mutants", "fail a test cell", "survive"]
SURVIVORS = ["exercise", "change that survives", "why"]
EQUIVALENT = {  # why a survivor is no gap: (exercise, change) -> reason
    "USub dropped: -1": "`-1` became `1`, the same axis of a two-dimensional tensor",
    "merge_heads: USub dropped: -2": "`-2` became `2`, the same axis of a four-dimensional tensor",
    "looks_ahead: Gt -> GtE": "differs only where a difference is exactly 1e-5",
    "accept_draft: Lt -> LtE": (
        "differs only where a drawn number equals the ratio exactly, which has probability 0"
    ),
    "backward_by_hand: Gt -> GtE": "differs only where a hidden value is exactly 0",
    "chance_level: 21 -> 22": "pairs each answer with one word more: as good a control",
    "gradient_is_right: LtE -> Lt": "differs only where an error is exactly the tolerance",
    "cache_test: 6 -> 7": "asks for one more token: as good a test",
    "cache_test: 8 -> 9": "asks for one more token: as good a test",
    "compare_filters: Lt -> LtE": "differs only where an entropy is exactly h",
    "compare_filters: 30 -> 31": "halves the interval once more, below the tolerance",
    "compare_filters: 100.0 -> 101.0": "moves the end of the search, which no temperature reaches",
    "repetition_penalty: Gt -> GtE": "a logit of 0 is 0 both multiplied and divided",
    "fit_power_law: Sub -> Add": (
        "the other factor has mean 0, so a shift of this one adds nothing to the sum"
    ),
    "fit_power_law: Lt -> LtE": "a floor of exactly 0 is pinned to 0",
    "fit_power_law: 1000 -> 1001": (
        "moves the grid of exponents by a thousandth of itself, below the tolerance"
    ),
    "fit_power_law: 1 -> 2": "moves the start of the exponents' grid, which no tested fit reaches",
    "fit_power_law: 2001 -> 2002": (
        "moves the end of the grid of exponents by a thousandth, below the tolerance"
    ),
    "attend: 10000.0 -> 10001.0": ("changes angles by less than the tolerance at the tested sizes"),
    "beam_search: 0 -> 1": (
        "`beam[0] and` guards the first step, at which no beam has an id or a score"
    ),
    "write_cache: 2 -> 3": "a number in the text of an error message",
    "stream_decode: 3 -> 4": "a character has at most four bytes, so at most three wait",
    "stream_decode: 192 -> 193": "the byte 192 begins no character",
    "stream_decode: GtE -> Gt": "the byte 192 begins no character",
    "top_k: True -> False": "torch sorts small tensors stably in any case",
    "top_p: True -> False": "torch sorts small tensors stably in any case",
}


def reason(answer):
    """Why this survivor is equivalent, or None."""
    change = answer.title.split(": ", 1)[1]
    return EQUIVALENT.get(f"{answer.function}: {change}") or EQUIVALENT.get(change)


def main(parts):
    """Run the mutants of all exercises, or of `parts`, and write their rows of
    docs/evidence/mutants.md."""
    A.SECONDS = 10
    counts, survivors = [], []
    for part in parts or evidence.INPUTS["mutants"]():
        name, _, function = part.partition(".")
        exercises = {each.name: each for each in A.notebook(name).exercises}
        made = mutants(exercises[function].solution)
        survived = [row for row in (survivor(part, each) for each in made) if row]
        counts.append([part, len(made), len(made) - len(survived), len(survived)])
        survivors += survived
    counts = sorted([*counts, *evidence.others("mutants", COUNTS, parts)])
    survivors += evidence.others("mutants", SURVIVORS, parts)
    survivors.sort(key=lambda row: row[0])
    total, failed, left = (sum(int(row[column]) for row in counts) for column in (1, 2, 3))
    gaps = sum(row[-1] == GAP for row in survivors)
    lead = f"{total} mutants of the solutions: {failed} fail a test cell, {left} survive, "
    lead += f"of which {gaps} show a gap."
    print(lead)
    tables = [evidence.table(COUNTS, counts), evidence.table(SURVIVORS, survivors)]
    evidence.write("mutants", "\n\n".join([lead, *tables]), parts)


def survivor(part, mutant):
    """The row of a mutant that no test notices; None for another one."""
    name, _, function = part.partition(".")
    title = f"line {mutant.line}: {mutant.words}"
    title += f": {mutant.before}" * ("USub" in mutant.words)
    answer = A.Answer(name, function, "mutant", title, mutant.source)
    if A.verdict(answer, hidden=True) is not None:
        return None
    row = [part, title, reason(answer) or GAP]
    print("survived:", *row, flush=True)
    return row


if __name__ == "__main__":
    about = "Change the solutions a little; which changes do the test cells miss?"
    main(evidence.asked(about, [*evidence.INPUTS["mutants"]()], "exercise"))
