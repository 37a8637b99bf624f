"""What is run of all that `make proof` runs, chosen by the commit.

`make test`: no test marked `proof`, of the browser's journeys those marked `journey`, and of the
answers in tests/answers a sample of each exercise (`pytest --sample=SEED`).

`.ci/run`: everything, but of a crowd of like tests (marked `crowd`) a quarter, of answers in the
sandbox a quarter of each exercise's (`pytest --crowd=SEED`). Each night the crowd is whole.
"""

import random

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


class Crowd:
    """Leaves out three quarters of each group of like tests, and says so at the end."""

    SHARE = 4

    def __init__(self, config, seed):
        self.seed, self.worker = seed, hasattr(config, "workerinput")
        self.counts = 0, 0  # of a crowd's tests those that run, and all

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.counts = max(self.counts, getattr(node, "workeroutput", {}).get("crowd", (0, 0)))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        groups = {}
        for item in items:
            if item.get_closest_marker("crowd"):
                groups.setdefault(group_of(item), []).append(item)
        left_out = set()
        for key, group in groups.items():
            count = len(group) - -(-len(group) // self.SHARE)
            left_out.update(random.Random(f"{self.seed} {key}").sample(group, count))
        total = sum(map(len, groups.values()))
        self.counts = total - len(left_out), total
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]

    def pytest_sessionfinish(self, session):
        if self.worker:
            session.config.workeroutput["crowd"] = self.counts

    def pytest_terminal_summary(self, terminalreporter):
        some, total = (f"{count:,}" for count in self.counts)
        line = f"Of {total} tests of crowds {some} were run, chosen by {self.seed}."
        terminalreporter.write_line(f"{line} `make proof` runs everything.")


def group_of(item):
    """The tests that are like this one: of the same function, and the same kind of answer to the
    same exercise."""
    function = item.nodeid.partition("[")[0]
    answer = answer_of(item)
    return (function, answer.notebook, answer.function, answer.kind) if answer else (function,)


def only_proof(item):
    journeys = item.get_closest_marker("browser") and not item.get_closest_marker("journey")
    return bool(journeys or item.get_closest_marker("proof"))


def answer_of(item):
    """The answer that a test is about, if it is about one of tests/answers (not a line of code)."""
    answer = item.callspec.params.get("answer") if hasattr(item, "callspec") else None
    return answer if hasattr(answer, "notebook") else None
