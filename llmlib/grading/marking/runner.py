"""What a submission comes to: cells in, points and their reasons out. Which tests run when, and
what is lent where, is decided here; `host/run_test_cell.py` runs a test cell."""

import time
from collections.abc import Iterable
from functools import partial

from llmlib.course.authoring.notebooks import Exercise, Notebook
from llmlib.course.checking import submission
from llmlib.course.checking.definitions import definitions
from llmlib.course.checking.run_tests import TestNamespace
from llmlib.course.feedback import DISALLOWED
from llmlib.grading.host import run_test_cell
from llmlib.grading.host.limits import Died, Exceeded, Limits, OutOfTime
from llmlib.grading.host.rpc import RemoteProcess
from llmlib.grading.marking import analysis, library_slice, messages, starvation_retry
from llmlib.grading.marking.messages import Failure
from llmlib.grading.marking.proxy import Proxy
from llmlib.grading.marking.reference_calls import ReferenceCalls
from llmlib.grading.results import Graded, Outcome


class Runner:
    """Grades submissions one after the other in one sandbox. The imports of `notebooks` are loaded
    before; `partial` is the share of an exercise's points that its visible tests give alone."""

    def __init__(
        self,
        notebooks: Iterable[Notebook],
        unsafe: bool = False,
        limits: Limits = Limits(),
        partial: float = 0.0,
    ) -> None:
        self.unsafe, self.limits, self.partial = unsafe, limits, partial
        imported = {each.origin for each in definitions(map(submission.given_imports, notebooks))}
        loaded = (name for name in imported if not name.startswith("llmlib."))
        self.sandbox = starvation_retry.MeteredSandbox(sorted(loaded), unsafe)

    def close(self) -> None:
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[submission.Cell]) -> Graded:
        """Grade one submission of `notebook`."""
        try:
            shown = analysis.analyse(notebook, cells)
        except submission.Unreadable as fault:
            lost = {e.name: Outcome(e.name, 0, e.points, str(fault)) for e in notebook.exercises}
            theirs = (submission.Step(each.grade_id or "", each.source, True) for each in cells)
            written = tuple(step for step in theirs if step.title in lost)
            return Graded(tuple(lost.values()), (), self.unsafe, written)
        marking, limit = Marking(self, notebook, shown), Exceeded("")
        try:
            with run_test_cell.within_limits(self.limits, marking.learner, marking.lender.process):
                marking.run()
        except Exceeded as error:
            limit = error
        outcomes = (marking.outcome(each, limit) for each in notebook.exercises)
        notes = tuple(map(messages.line, marking.learner.notes))
        findings = tuple(map(messages.line, marking.findings))
        return Graded(tuple(outcomes), notes, self.unsafe, shown.job.steps, findings)


class Marking:
    """One submission while it is graded.

    What its code says of a visible test is written down before the first hidden one runs: what it
    saw of a hidden input it cannot tell later.
    """

    def __init__(self, runner: Runner, notebook: Notebook, shown: analysis.Analysis) -> None:
        self.exercises, self.shown, self.partial = notebook.exercises, shown, runner.partial
        self.sandbox, self.limits = runner.sandbox, runner.limits
        given, limits = library_slice.cut(notebook), runner.limits
        self.answers, self.lender = given.answers, ReferenceCalls(self.sandbox, given, limits)
        answer, ours = self.lender.answer, run_test_cell.ours(notebook)
        self.learner = RemoteProcess(self.sandbox, shown.job, given.reduced, limits, answer)
        theirs = partial(Proxy, self.learner.call)
        self.spaces = {each.name: TestNamespace(ours, theirs) for each in self.exercises}
        self.findings = list(shown.findings)
        self.failed: dict[str, Failure] = {}
        self.seen: set[str] = set()  # whose visible tests pass
        self.passed: set[str] = set()
        self.wrong: set[str] = set()  # failed as they stand, whatever became of them since
        self.instead: dict[str, list[str]] = {}  # by exercise, earlier ones that are the course's

    def run(self) -> None:
        for each in self.exercises:
            used = self.shown.used[each.name]
            failed = (
                Failure(DISALLOWED.format(used[0]), "", True) if used else self._half(each, False)
            )
            self._note(each, failed, self.seen)
        if self.instead:  # what was lent is forgotten before an earlier exercise is tried again
            self.learner.stop()
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
        failed = self.failed.get(name) or Failure(str(limit), "", False)
        share = self.partial if name in self.seen else 0.0
        claim, detail = messages.line(failed.claim) or "it failed", messages.line(failed.detail)
        return Outcome(name, share * points, points, claim, detail, failed.named, failed.raised)

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
        """Why the visible or the hidden half of a test cell fails; None where it passes."""
        raised = self._raised(exercise, hidden)
        called = {
            f"{exercise.name} called {name}, which is not allowed" for name in self.learner.refused
        }
        self.findings += sorted(called - set(self.findings))
        if raised is None:
            return None
        if hidden:
            return messages.hidden(exercise, raised)
        return messages.visible(exercise, raised, self.learner.errors.get(exercise.name))

    def _raised(self, exercise: Exercise, hidden: bool) -> BaseException | None:
        """What that half raised. It runs once more if the process died: that may have been for want
        of memory elsewhere; and, with longer limits, if time ran out while the process waited for a
        processor, or for whatever it waits."""
        space, lent = self.spaces[exercise.name], self.instead.get(exercise.name, [])
        given = (name for name, whole in self.answers.items() if whole not in exercise.disallowed)
        self.lender.may_ask = {*given, *lent}
        for limits in (self.limits, starvation_retry.longer(self.limits)):
            self.learner.limits = self.lender.process.limits = limits
            had = self.sandbox.share()
            raised = run_test_cell.run(self.learner, exercise, hidden, space, lent)
            if isinstance(raised, Died):
                raised = run_test_cell.run(self.learner, exercise, hidden, space, lent)
            waited = isinstance(raised, OutOfTime) and had() < starvation_retry.ENOUGH
            if not waited or time.monotonic() > self.learner.deadline:
                break
        why = f"{exercise.name} ran out of time, mostly without a processor: it waits for "
        why += "something, or this machine had too much to do: grade it --again"
        if waited and why not in self.findings:
            self.findings.append(why)
        return raised
