"""What `make test`, and so `.ci/run`, runs of what `make proof` runs, chosen by the commit: no
test marked `proof`, of the browser's those marked `journey`, of a function's tests marked
`some(number)` so many, and of tests/answers a sample of each exercise (`pytest --sample=SEED`).
"""

import random
import re

import pytest

KINDS = {"right": 1, "wrong": 1}  # how many answers of each exercise


def chosen(answers, seed):
    """The sample of the answers: the same for the same seed."""
    groups = {}
    for each in answers:
        groups.setdefault((each.notebook, each.function, each.kind), []).append(each)
    return [
        each
        for key, found in groups.items()
        for each in random.Random(f"{seed} {key}").sample(found, min(KINDS[key[2]], len(found)))
    ]


class Sample:
    """Leaves out what `make proof` alone runs, and says so at the end."""

    def __init__(self, config, seed):
        self.seed, self.worker = seed, hasattr(config, "workerinput")
        self.left = 0  # tests left out; an interrupted worker does not tell

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.left = max(self.left, getattr(node, "workeroutput", {}).get("left", 0))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        some = {None, *(self.answers() if any(map(answer_of, items)) else ())}
        kept = [item for item in items if not only_proof(item) and answer_of(item) in some]
        left_out = of_some(kept, self.seed)
        kept = [item for item in kept if item not in left_out]
        self.left = len(items) - len(kept)
        config.hook.pytest_deselected(items=list(set(items) - set(kept)))
        items[:] = kept

    def answers(self):
        import answer_runner  # here: it reads the notebooks

        return chosen(answer_runner.answers(), self.seed)

    def pytest_sessionfinish(self, session):
        if self.worker:
            session.config.workeroutput["left"] = self.left

    def pytest_terminal_summary(self, terminalreporter):
        write, titles = terminalreporter.write_line, {}
        for each in self.answers():
            key = f"{each.notebook} {each.function}"
            titles.setdefault(key, []).append(f"{each.kind}: {each.title}")
        write("The answers that were tried:")
        for key, each in titles.items():
            write(f"  {key}: {'; '.join(each)}")
        write(f"{sum(map(len, titles.values()))} answers were chosen by {self.seed}.")
        left = f"{self.left:,} tests, all other answers among them" if self.left else "all others"
        write(f"Left out: {left}. `make proof` runs everything.")


def of_some(items, seed):
    """The tests marked `some(number)` that the seed leaves out: of each function all but so
    many."""
    groups, left = {}, set()
    for item in items:
        if mark := item.get_closest_marker("some"):
            groups.setdefault((item.nodeid.partition("[")[0], mark.args[0]), []).append(item)
    for (function, number), group in groups.items():
        few = random.Random(f"{seed} {function}").sample(group, min(number, len(group)))
        left.update(item for item in group if item not in few)
    return left


def leaves_out(text):
    """Whether a sample holds no test of a file, as far as its marks for all of them show that."""
    marks = "".join(re.findall(r"^pytestmark = (?:\[[^\]]*\]|.*)$", text, re.M))
    journeys = "mark.browser" in marks and "mark.journey" not in text
    return "mark.proof" in marks or journeys


def only_proof(item):
    journeys = item.get_closest_marker("browser") and not item.get_closest_marker("journey")
    return bool(journeys or item.get_closest_marker("proof"))


def answer_of(item):
    """The answer that a test is about, if it is about one of tests/answers (not a line of code)."""
    answer = item.callspec.params.get("answer") if hasattr(item, "callspec") else None
    return answer if hasattr(answer, "notebook") else None
