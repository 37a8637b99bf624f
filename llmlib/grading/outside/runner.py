"""The trusted half: test cells run here and reach the learner's functions in the sandbox by name.

`Runner.grade` turns a notebook's source and the cells that were handed in into a `Graded`. Nothing
of the submission is executed, imported or unpickled in this process.
"""

import ast
import contextlib
import io
import time
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from llmlib.course import handed_in
from llmlib.course.cells import Exercise, Notebook
from llmlib.course.forbidden import sentence
from llmlib.grading import analysis, wording
from llmlib.grading.outside import kit, told
from llmlib.grading.outside.alarm import alarm
from llmlib.grading.outside.names import Names
from llmlib.grading.outside.remote import Limits, RemoteProcess
from llmlib.grading.outside.sandbox import Sandbox
from llmlib.grading.outside.told import Died, Exceeded, Failure
from llmlib.grading.results import Graded, Outcome

SLACK = 15  # seconds beyond a notebook's limit, for our own part of the work


class Runner:
    """Grades submissions one after the other in one sandbox. `notebooks` are those whose imports
    are loaded before; `partial` is the share of an exercise's points that its visible tests give
    alone."""

    def __init__(
        self,
        notebooks: Iterable[Notebook],
        unsafe: bool = False,
        limits: Limits = Limits(),
        partial: float = 0.0,
    ) -> None:
        self.unsafe, self.limits, self.partial = unsafe, limits, partial
        self.sandbox = Sandbox(sorted(set().union(*map(modules, notebooks))), unsafe)

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[handed_in.Cell]) -> Graded:
        """Grade one submission of `notebook` (a `cells.Notebook`); `cells` is its list of
        `handed_in.Cell`."""
        try:
            marking = Marking(self, notebook, analysis.of(notebook, cells))
        except handed_in.Unreadable as fault:
            lost = (Outcome(each.name, 0, each.points, str(fault)) for each in notebook.exercises)
            return Graded(tuple(lost), (), self.unsafe)
        limit = Exceeded("")
        try:
            with alarm(self.limits.notebook + SLACK, "the notebook"):
                marking.run()
        except Exceeded as error:
            limit = error
        finally:
            marking.stop()
        outcomes = tuple(marking.outcome(each, limit) for each in notebook.exercises)
        notes = tuple(map(wording.line, marking.learner.notes))
        findings = tuple(map(wording.line, marking.findings))
        return Graded(outcomes, notes, self.unsafe, marking.learner.job.steps, findings)


class Marking:
    """One submission while it is graded.

    Its visible tests all run before the first hidden one: what the learner's code saw of a hidden
    input it cannot tell later, since from then on nothing in its own words is written down.
    """

    def __init__(self, runner: Runner, notebook: Notebook, shown: analysis.Analysis) -> None:
        self.exercises, self.shown, parts = notebook.exercises, shown, kit.of(notebook)
        self.answers, sandbox, limits = parts.answers, runner.sandbox, runner.limits
        self.course = RemoteProcess(sandbox, parts.official, parts.whole, limits)
        self.learner = RemoteProcess(sandbox, shown.job, parts.reduced, limits, self._ask)
        ours = trusted_names(notebook)
        self.spaces = {each.name: Names(ours, self.learner.call) for each in self.exercises}
        self.partial, self.findings = runner.partial, list(shown.findings)
        self.failed: dict[str, Failure] = {}
        self.seen: set[str] = set()  # whose visible tests pass
        self.passed: set[str] = set()
        self.wrong: set[str] = set()  # failed as they stand, whatever became of them since
        self.instead: dict[str, list[str]] = {}  # by exercise, earlier ones that are the course's

    def stop(self) -> None:
        self.learner.stop()
        self.course.stop()

    def run(self) -> None:
        for each in self.exercises:
            used = self.shown.used[each.name]
            failed = Failure(sentence(used[0]), "", True) if used else self._half(each, False)
            self._note(each, failed, self.seen)
        for each in self.exercises:
            if each.name not in self.seen and not self.shown.used[each.name] and self._lend(each):
                if self._part(each, False) is None:  # a hidden test has shown an earlier one wrong
                    self.seen.add(each.name)
            if each.name in self.seen:
                self._note(each, self._half(each, True), self.passed)

    def _note(self, exercise: Exercise, failed: Failure | None, good: set[str]) -> None:
        if failed:
            self.failed[exercise.name] = failed
        else:
            good.add(exercise.name)

    def outcome(self, exercise: Exercise, limit: Exceeded) -> Outcome:
        """What an exercise came to; `limit` is why those that were not reached have no points."""
        name, points = exercise.name, float(exercise.points)
        if name in self.passed:
            return Outcome(name, points, points, instead=", ".join(self.instead.get(name, ())))
        claim, detail, named = self.failed.get(name) or Failure(str(limit), "", False)
        share = self.partial if name in self.seen else 0.0
        claim, detail = wording.line(claim) or "it failed", wording.line(detail)
        return Outcome(name, share * points, points, claim, detail, named)

    def _half(self, exercise: Exercise, hidden: bool) -> Failure | None:
        """Why one half of a test cell fails; None where it passes. A function that calls earlier
        ones that are wrong is tried with the course's: what fails then is its own fault."""
        failed = self._part(exercise, hidden)
        if failed is None:
            return None
        self.wrong.add(exercise.name)
        return self._part(exercise, hidden) if self._lend(exercise) else failed

    def _lend(self, exercise: Exercise) -> bool:
        """Put the course's in place of the earlier ones that are wrong; False where that is so."""
        wrong = [name for name in self.shown.leans_on[exercise.name] if name in self.wrong]
        if not wrong or wrong == self.instead.get(exercise.name):
            return False
        self.instead[exercise.name] = wrong
        return True

    def _part(self, exercise: Exercise, hidden: bool) -> Failure | None:
        """Why the visible or the hidden half of a test cell fails; None where it passes. Once more
        if the process died: that may have been for want of memory elsewhere."""
        with contextlib.suppress(Died):
            return self._once(exercise, hidden)
        try:
            return self._once(exercise, hidden)
        except Died as limit:
            return Failure(str(limit), "", False)

    def _once(self, exercise: Exercise, hidden: bool) -> Failure | None:
        learner, instead = self.learner, self.instead.get(exercise.name, [])
        given = (name for name, whole in self.answers.items() if whole not in exercise.off)
        learner.may_ask = frozenset([*given, *instead])
        source = hidden_half(exercise) if hidden else exercise.visible
        failed: Failure | None = None
        try:
            learner.begin(exercise.off, instead)
            try:
                self._exec(source, exercise.name)
            except Exception as error:  # noqa: BLE001 - it stumbled over what came back
                if hidden:
                    failed = told.hidden(exercise, error)
                else:
                    failed = wording.visible(exercise, error, learner.errors.get(exercise.name))
            learner.end(exercise.off)
        except Exceeded as limit:
            learner.stop()
            if isinstance(limit, Died) and not failed:
                raise
            return failed or Failure(str(limit), "" if hidden else limit.detail, False)
        called = (f"{exercise.name} called {name}, which is off" for name in learner.refused)
        self.findings += sorted(set(called) - set(self.findings))
        return failed

    def _exec(self, source: str, name: str) -> None:
        """Run half a test cell, within a limit of its own and with random numbers of its own."""
        seconds = min(self.learner.limits.test, max(1.0, self.learner.deadline - time.monotonic()))
        with torch.random.fork_rng(devices=()), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(0)
            with alarm(seconds, "the check"):
                exec(compile(source, f"<test_{name}>", "exec"), self.spaces[name])

    def _ask(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> Any:
        """The course's own function, called in a process of the course's own."""
        try:
            if self.course.child is None:
                self.course.begin(())
            return self.course.call(name, args, kwargs)
        except Exceeded:
            self.course.stop()
            raise


def hidden_half(exercise: Exercise) -> str:
    """The part of a test cell that a learner does not get; it goes on from the visible one."""
    begin = exercise.full.find("### BEGIN HIDDEN TESTS")
    return exercise.full[begin:] if begin >= 0 else ""


def modules(notebook: Notebook) -> set[str]:
    """The names of the modules that a notebook's given cells import, but for llmlib's."""
    found: set[str] = set()
    for line in ast.parse(handed_in.imports(notebook)).body:
        if isinstance(line, ast.Import):
            found |= {alias.name for alias in line.names}
        elif isinstance(line, ast.ImportFrom) and line.module:
            found.add(line.module)
    return {name for name in found if name.partition(".")[0] != "llmlib"}


def trusted_names(notebook: Notebook) -> dict[str, Any]:
    """What the given cells import: in a test cell these names are ours, not the learner's."""
    space: dict[str, Any] = {}
    exec(handed_in.imports(notebook), space)
    return {name: space[name] for name in space.keys() - {each.name for each in notebook.exercises}}
