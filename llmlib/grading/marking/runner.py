"""What a submission earns: cells in, points and their reasons out. It decides which tests run when;
`host/run_test_cell.py` runs them."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from llmlib.course.authoring.notebooks import Exercise, Notebook
from llmlib.course.checking import submission
from llmlib.course.checking.definitions import definitions
from llmlib.course.checking.run_tests import TestNamespace
from llmlib.course.feedback import DISALLOWED
from llmlib.grading.host import run_test_cell
from llmlib.grading.host.limits import Died, Exceeded, Limits
from llmlib.grading.host.rpc import RemoteProcess
from llmlib.grading.host.sandbox import Sandbox
from llmlib.grading.marking import analysis, library_slice, machine_faults, messages
from llmlib.grading.marking.messages import Failure
from llmlib.grading.marking.proxy import Proxy
from llmlib.grading.marking.reference_calls import ReferenceCalls
from llmlib.grading.results import Graded, Outcome


class Runner:
    """Grades submissions one after the other in one sandbox. The imports of `notebooks` are loaded
    first; `partial` is the share of an exercise's points that its visible tests earn alone."""

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
        self.sandbox = Sandbox(sorted(loaded), unsafe)

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[submission.Cell]) -> Graded:
        """Grade one submission of `notebook`. Raises `Starved` where this machine had no time for
        it."""
        try:
            shown = analysis.analyse(notebook, cells)
        except submission.Unreadable as fault:
            lost = {e.name: Outcome(e.name, 0, e.points, str(fault)) for e in notebook.exercises}
            theirs = (submission.Step(each.grade_id or "", each.source, True) for each in cells)
            written = tuple(step for step in theirs if step.title in lost)
            return Graded(tuple(lost.values()), (), self.unsafe, written)
        marking, limit = Marking(self, notebook, shown), Exceeded("")
        with run_test_cell.within_limits(marking.learner, marking.reference.process):
            try:
                marking.run()
            except Exceeded as error:
                limit = error
            # Inside the limits: a learner's texts become words here.
            outcomes = tuple(marking.outcome(each, limit) for each in notebook.exercises)
            notes = tuple(map(messages.line, (*marking.learner.notes, *marking.notes)))
            findings = tuple(map(messages.line, marking.findings))
        return Graded(outcomes, notes, self.unsafe, shown.job.steps, findings)


class Marking:
    """One submission while it is graded.

    What its code says of a visible test is written down before the first hidden one runs: it
    cannot say later what it saw of a hidden input.
    """

    def __init__(self, runner: Runner, notebook: Notebook, shown: analysis.Analysis) -> None:
        self.exercises, self.partial = notebook.exercises, runner.partial
        self.used = shown.used
        # In the quiz nothing replaces an answer: they are letters.
        self.leans_on = {} if notebook.number is None else shown.leans_on
        given, limits = library_slice.cut(notebook), runner.limits
        self.answers, self.reference = given.answers, ReferenceCalls(runner.sandbox, given, limits)
        answer, ours = self.reference.answer, run_test_cell.ours(notebook)
        self.learner = RemoteProcess(runner.sandbox, shown.job, given.reduced, limits, answer)
        theirs = partial(Proxy, self.learner.call)
        self.spaces = {each.name: TestNamespace(ours, theirs) for each in self.exercises}
        self.findings, self.notes = list(shown.findings), list[str]()
        self.failed: dict[str, Failure] = {}
        self.seen: set[str] = set()  # whose visible tests pass
        self.passed: set[str] = set()
        self.wrong: set[str] = set()  # failed as they stand, whatever became of them since
        self.replaced = False  # has the course's function replaced an earlier one so far?
        self.instead: dict[str, list[str]] = {}  # by exercise, earlier ones that are the course's

    def run(self) -> None:
        """All tests in order: every visible half before the first hidden one."""
        for each in self.exercises:
            used = self.used[each.name]
            said = Failure(DISALLOWED.format(used[0]), "", True) if used else None
            failed = said or self._half(each, False)
            self._note(each, failed, self.seen)
        if self.replaced:  # a new process: the code may have kept what these functions returned
            self.learner.stop()
        for each in self.exercises:
            if each.name not in self.seen and not self.used[each.name]:
                # Since then a hidden test may have shown an earlier one wrong.
                if self._with_reference(each, False, self.failed[each.name]) is None:
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
        found = Outcome(name, share * points, points, claim, detail, failed.named, failed.raised)
        return replace(found, summary=failed.summary)

    def _half(self, exercise: Exercise, hidden: bool) -> Failure | None:
        """Why one half of a test cell fails; None where it passes."""
        failed = self._part(exercise, hidden, self.instead.get(exercise.name, []))
        if failed is None:
            return None
        self.wrong.add(exercise.name)
        return self._with_reference(exercise, hidden, failed)

    def _with_reference(self, exercise: Exercise, hidden: bool, failed: Failure) -> Failure | None:
        """Try a half that has `failed` with the course's functions in place of earlier ones that
        are wrong. It counts only if one of these was asked for: else it has failed on its own."""
        wrong = [name for name in self.leans_on.get(exercise.name, ()) if name in self.wrong]
        if not wrong or wrong == self.instead.get(exercise.name):
            return failed
        again, self.replaced = self._part(exercise, hidden, wrong), True
        if self.reference.asked.isdisjoint(wrong):
            return failed
        self.instead[exercise.name] = wrong
        return again

    def _part(self, exercise: Exercise, hidden: bool, reference: list[str]) -> Failure | None:
        """Why the visible or the hidden half of a test cell fails; None where it passes."""
        raised = self._raised(exercise, hidden, reference)
        refused = self.learner.refused
        called = {f"{exercise.name} called {name}, which is not allowed" for name in refused}
        self.findings += sorted(called - set(self.findings))
        if raised is None:
            return None
        if hidden:
            return messages.hidden(exercise)
        return messages.visible(exercise, raised, self.learner.errors.get(exercise.name))

    def _raised(
        self, exercise: Exercise, hidden: bool, reference: list[str]
    ) -> BaseException | None:
        """What that half raised. It runs again only if its process was ended because this
        machine's memory ran out, and the result says so."""
        given = (name for name, whole in self.answers.items() if whole not in exercise.disallowed)
        self.reference.may_ask, self.reference.asked = {*given, *reference}, set()
        words, before = (self.learner, exercise, hidden), machine_faults.out_of_memory()
        raised = run_test_cell.run(*words, self.spaces[exercise.name], reference)
        if isinstance(raised, Died) and machine_faults.out_of_memory() != before:
            note = f"{exercise.name} was tested again, as memory ran out on this machine."
            self.notes += [note] * (note not in self.notes)
            raised = run_test_cell.run(*words, self.spaces[exercise.name], reference)
        return raised
