"""Decide what a submission earns and which tests run when; `host/run_test_cell.py` runs them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial

from classroom.checking import submission
from classroom.checking.definitions import definitions
from classroom.checking.run_tests import TestNamespace
from classroom.checking.snapshots import judged
from exercises.course_packages import is_inside
from exercises.format.notebooks import Exercise, Notebook
from exercises.format.source import given_imports
from grader.host import run_test_cell
from grader.host.rpc import RemoteProcess
from grader.host.sandbox import Sandbox
from grader.host.time_limits import Exceeded, Limits
from grader.marking import analysis, library_slice, messages
from grader.marking.messages import Failure
from grader.marking.proxy import Proxy
from grader.marking.reference_calls import ReferenceCalls
from grader.results import Graded, Outcome


class Runner:
    """Grade submissions one after the other in one sandbox. The imports of `notebooks` are loaded
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
        origins = {definition.origin for definition in definitions(map(given_imports, books))}
        preload = (name for name in origins if not is_inside(name))
        exercises = (exercise for book in books for exercise in book.exercises)
        disallowed = dict.fromkeys(name for exercise in exercises for name in exercise.disallowed)
        self.sandbox = Sandbox(sorted(preload), unsafe, disallowed)

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()

    def grade(self, notebook: Notebook, cells: list[submission.Cell]) -> Graded:
        """Grade one submission of `notebook`. Raises `Starved` where time or memory ran out."""
        try:
            report = analysis.analyse(notebook, cells)
        except submission.Unreadable as fault:
            zeros = {e.name: Outcome(e.name, 0, e.points, str(fault)) for e in notebook.exercises}
            steps = (submission.Step(cell.grade_id or "", cell.source, True) for cell in cells)
            answers = tuple(step for step in steps if step.title in zeros)
            return Graded(tuple(zeros.values()), (), self.unsafe, answers)
        marking, limit = Marking(self, notebook, report), Exceeded("")
        with run_test_cell.within_limits(marking.learner, marking.reference.process):
            try:
                marking.run()
            except Exceeded as error:
                limit = error
            # Inside the limits: a learner's texts become words here.
            outcomes = tuple(marking.outcome(exercise, limit) for exercise in notebook.exercises)
            notes = tuple(map(messages.line, marking.learner.notes))
            findings = tuple(map(messages.line, marking.findings))
        return Graded(outcomes, notes, self.unsafe, report.job.steps, findings)


@dataclass
class State:
    """Record how far one exercise of a submission has come."""

    exercise: Exercise
    space: TestNamespace  # its test cell's globals
    leans_on: list[str]  # earlier exercises whose functions its answer calls
    failed: Failure | None = None  # why, in the learner's words as long as only visible tests ran
    seen: bool = False  # its visible tests pass
    passed: bool = False
    wrong: bool = False  # it failed as it stands, whatever became of it since
    instead: list[str] = field(default_factory=list)  # earlier ones that are the course's in it
    told: list[str] = field(default_factory=list)  # those of them that the page names
    # With the names that its own cell left, not those of one that defines it again.
    own: bool = True
    findings: list[str] = field(default_factory=list)


class Marking:
    """Grade one submission.

    What its code says of a visible test is written down before the first hidden one runs: it
    cannot say later what it saw of a hidden input. From then on there are two pages for each
    exercise, one where its hidden tests pass and one where they do not, for whatever reason.
    """

    def __init__(self, runner: Runner, notebook: Notebook, report: analysis.Analysis) -> None:
        library, limits = library_slice.cut(notebook), runner.limits
        self.partial, self.answers = runner.partial, library.answers
        self.reference = ReferenceCalls(runner.sandbox, library, limits)
        answer, course_names = self.reference.answer, run_test_cell.ours(notebook)
        self.learner = RemoteProcess(runner.sandbox, report.job, library.reduced, limits, answer)
        proxy = partial(Proxy, self.learner.call)
        # In the quiz nothing replaces an answer: they are letters.
        leans_on = {} if notebook.number is None else report.leans_on
        self.states = {
            e.name: State(e, TestNamespace(course_names, proxy), leans_on.get(e.name, []))
            for e in notebook.exercises
        }
        self.homes, self.shown = report.job.homes, report.findings
        self.lent = False  # has the course's function replaced an earlier one so far?

    def run(self) -> None:
        """Run all tests in order: every visible half before the first hidden one."""
        for state in [*self.states.values()]:
            self._visible(state)
        if self.lent:  # a new process: the code may have kept what these functions returned
            self.learner.stop()
        for state in self.states.values():
            # Since then a hidden test may have shown an earlier one wrong.
            failure = state.failed and self._with_reference(state, False, state.failed)
            if failure is None:
                if not state.seen:  # of those that failed, which the learner reads anyway
                    written_names = [name for name in state.instead if name in self.homes]
                    state.told = [name for name in written_names if not self.states[name].passed]
                state.passed = self._half(state, True) is None

    @property
    def findings(self) -> list[str]:
        """Return what an instructor may want to see: the text's, then each exercise's."""
        findings = (finding for state in self.states.values() for finding in state.findings)
        return list(dict.fromkeys([*self.shown, *findings]))

    def _visible(self, state: State) -> None:
        """Run the visible half of an exercise's test, with the names that decide."""
        name, tries = state.exercise.name, dict[bool, State]()

        def attempt(own_names: bool) -> Failure | None:
            trial = tries[own_names] = replace(state, own=own_names, findings=[])
            return self._half(trial, False)

        failure, own_names = judged(self.homes.get(name), attempt)
        state = tries[own_names]
        mentions = [earlier for earlier in state.instead if earlier in self.homes]
        self.states[name] = replace(state, failed=failure, seen=failure is None, told=mentions)

    def outcome(self, exercise: Exercise, limit: Exceeded) -> Outcome:
        """Return what an exercise came to; `limit` is why one not reached has no points."""
        state, name, points = self.states[exercise.name], exercise.name, float(exercise.points)
        if state.passed:
            substitutes, mentions = ", ".join(state.instead), ", ".join(state.told)
            return Outcome(name, points, points, instead=substitutes, told=mentions)
        failure = messages.hidden(exercise) if state.seen else state.failed
        failure = failure or Failure(str(limit), "", False)
        share = self.partial if state.seen else 0.0
        claim, detail = messages.line(failure.claim) or "it failed", messages.line(failure.detail)
        outcome = Outcome(name, share * points, points, claim, detail, failure.named)
        return replace(outcome, raised=failure.raised, summary=failure.summary)

    def _half(self, state: State, hidden: bool) -> Failure | None:
        """Return why one half of a test cell fails; None where it passes."""
        failure = self._part(state, hidden, state.instead)
        if failure is None:
            return None
        state.wrong = True
        return self._with_reference(state, hidden, failure)

    def _wrong(self, state: State) -> list[str]:
        return [name for name in state.leans_on if self.states[name].wrong]

    def _with_reference(self, state: State, hidden: bool, failure: Failure) -> Failure | None:
        """Try a half that failed again, with the course's functions in place of earlier ones that
        are wrong. It counts only if one of these was asked for: else it has failed on its own."""
        wrong = self._wrong(state)
        if not wrong or wrong == state.instead:
            return failure
        again, self.lent = self._part(state, hidden, wrong), True
        substitutes = [name for name in wrong if name in self.reference.asked]
        if not substitutes:
            return failure
        state.instead = wrong
        return messages.without_gradient(again, substitutes) if again and not hidden else again

    def _part(self, state: State, hidden: bool, substitutes: list[str]) -> Failure | None:
        """Return why the visible or the hidden half of a test cell fails; None where it passes. In
        it the earlier functions `substitutes` are the course's."""
        exercise = state.exercise
        names = (name for name, whole in self.answers.items() if whole not in exercise.disallowed)
        self.reference.begin({*names, *substitutes})
        mode = substitutes, state.own
        error = run_test_cell.run(self.learner, exercise, hidden, state.space, mode)
        calls = sorted(self.learner.refused)
        state.findings += [f"{exercise.name} called {name}, which is not allowed" for name in calls]
        if error is None:
            return None
        if hidden:
            return messages.hidden(exercise)
        if calls:  # what broke may be what came of it
            return messages.disallowed(calls[0])
        return messages.visible(exercise, error, self.learner.errors.get(exercise.name))
