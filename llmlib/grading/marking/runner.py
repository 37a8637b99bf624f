"""What a submission earns: cells in, points and their reasons out. It decides which tests run when;
`host/run_test_cell.py` runs them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from llmlib.course.checking import submission
from llmlib.course.checking.definitions import definitions
from llmlib.course.checking.run_tests import TestNamespace
from llmlib.course.format.notebooks import Exercise, Notebook
from llmlib.grading.host import run_test_cell
from llmlib.grading.host.rpc import RemoteProcess
from llmlib.grading.host.sandbox import Sandbox
from llmlib.grading.host.time_limits import Exceeded, Limits
from llmlib.grading.marking import analysis, library_slice, messages
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
        books = [*notebooks]
        imported = {each.origin for each in definitions(map(submission.given_imports, books))}
        loaded = (name for name in imported if not name.startswith("llmlib."))
        exercises = (each for book in books for each in book.exercises)
        disallowed = dict.fromkeys(name for each in exercises for name in each.disallowed)
        self.sandbox = Sandbox(sorted(loaded), unsafe, disallowed)

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[submission.Cell]) -> Graded:
        """Grade one submission of `notebook`. Raises `Starved` where this machine had no time or
        no memory for it."""
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
            notes = tuple(map(messages.line, marking.learner.notes))
            findings = tuple(map(messages.line, marking.findings))
        return Graded(outcomes, notes, self.unsafe, shown.job.steps, findings)


@dataclass
class State:
    """How far one exercise of a submission has come."""

    exercise: Exercise
    space: TestNamespace  # its test cell's globals
    leans_on: list[str]  # earlier exercises whose functions its answer calls
    failed: Failure | None = None  # why, in the learner's words as long as only visible tests ran
    seen: bool = False  # its visible tests pass
    passed: bool = False
    wrong: bool = False  # it failed as it stands, whatever became of it since
    instead: list[str] = field(default_factory=list)  # earlier ones that are the course's in it
    told: list[str] = field(default_factory=list)  # those of them that the page names


class Marking:
    """One submission while it is graded.

    What its code says of a visible test is written down before the first hidden one runs: it
    cannot say later what it saw of a hidden input. From then on there are two pages for each
    exercise, one where its hidden tests pass and one where they do not, for whatever reason.
    """

    def __init__(self, runner: Runner, notebook: Notebook, shown: analysis.Analysis) -> None:
        given, limits = library_slice.cut(notebook), runner.limits
        self.partial, self.answers = runner.partial, given.answers
        self.reference = ReferenceCalls(runner.sandbox, given, limits)
        answer, ours = self.reference.answer, run_test_cell.ours(notebook)
        self.learner = RemoteProcess(runner.sandbox, shown.job, given.reduced, limits, answer)
        theirs = partial(Proxy, self.learner.call)
        # In the quiz nothing replaces an answer: they are letters.
        leans_on = {} if notebook.number is None else shown.leans_on
        self.states = {
            each.name: State(each, TestNamespace(ours, theirs), leans_on.get(each.name, []))
            for each in notebook.exercises
        }
        self.findings = list(shown.findings)
        self.lent = False  # has the course's function replaced an earlier one so far?

    def run(self) -> None:
        """All tests in order: every visible half before the first hidden one."""
        for state in self.states.values():
            state.failed = self._half(state, False)
            state.seen, state.told = state.failed is None, list(state.instead)
        if self.lent:  # a new process: the code may have kept what these functions returned
            self.learner.stop()
        for state in self.states.values():
            # Since then a hidden test may have shown an earlier one wrong.
            failed = state.failed and self._with_reference(state, False, state.failed)
            if failed is None:
                if not state.seen:  # of those that failed, which the learner reads anyway
                    state.told = [name for name in state.instead if not self.states[name].passed]
                state.passed = self._half(state, True) is None

    def outcome(self, exercise: Exercise, limit: Exceeded) -> Outcome:
        """What an exercise came to; `limit` is why those that were not reached have no points."""
        state, name, points = self.states[exercise.name], exercise.name, float(exercise.points)
        if state.passed:
            lent, told = ", ".join(state.instead), ", ".join(state.told)
            return Outcome(name, points, points, instead=lent, told=told)
        failed = messages.hidden(exercise) if state.seen else state.failed
        failed = failed or Failure(str(limit), "", False)
        share = self.partial if state.seen else 0.0
        claim, detail = messages.line(failed.claim) or "it failed", messages.line(failed.detail)
        found = Outcome(name, share * points, points, claim, detail, failed.named, failed.raised)
        return replace(found, summary=failed.summary)

    def _half(self, state: State, hidden: bool) -> Failure | None:
        """Why one half of a test cell fails; None where it passes."""
        failed = self._part(state, hidden, state.instead)
        if failed is None:
            return None
        state.wrong = True
        return self._with_reference(state, hidden, failed)

    def _wrong(self, state: State) -> list[str]:
        return [name for name in state.leans_on if self.states[name].wrong]

    def _with_reference(self, state: State, hidden: bool, failed: Failure) -> Failure | None:
        """Try a half that has `failed` with the course's functions in place of earlier ones that
        are wrong. It counts only if one of these was asked for: else it has failed on its own."""
        wrong = self._wrong(state)
        if not wrong or wrong == state.instead:
            return failed
        again, self.lent = self._part(state, hidden, wrong), True
        if self.reference.asked.isdisjoint(wrong):
            return failed
        state.instead = wrong
        return again

    def _part(self, state: State, hidden: bool, lent: list[str]) -> Failure | None:
        """Why the visible or the hidden half of a test cell fails; None where it passes. In it the
        earlier functions `lent` are the course's."""
        exercise = state.exercise
        given = (name for name, whole in self.answers.items() if whole not in exercise.disallowed)
        self.reference.begin({*given, *lent})
        raised = run_test_cell.run(self.learner, exercise, hidden, state.space, lent)
        refused = sorted(self.learner.refused)
        called = [f"{exercise.name} called {name}, which is not allowed" for name in refused]
        self.findings += [each for each in called if each not in self.findings]
        if raised is None:
            return None
        if hidden:
            return messages.hidden(exercise)
        if refused:  # what broke may be what came of it
            return messages.disallowed(refused[0])
        return messages.visible(exercise, raised, self.learner.errors.get(exercise.name))
