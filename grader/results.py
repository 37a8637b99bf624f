"""Hold what grading one notebook comes to. No points are decided by the wording of a message."""

from dataclasses import dataclass

from classroom.checking.submission import Step

UNSAFE = "graded without a sandbox (--unsafe)"  # what every score of such a run says


@dataclass(frozen=True)
class Outcome:
    """Record one exercise: the points it got of what it is `worth`. Where its test cell failed,
    `claim` says what is wrong, `detail` on what values or where; `named`: a check names the
    mistake; `raised` is Python's class of what the learner's code raised in a visible test."""

    exercise: str
    points: float
    worth: float
    claim: str | None = None
    detail: str = ""
    named: bool = False
    raised: str = ""
    instead: str = ""  # the learner's earlier functions, with the course's of which it is solved
    told: str = ""  # those of them that the learner is told: a visible test has shown them wrong
    summary: str = ""  # the claim without the learner's words, where it has some

    @property
    def solved(self) -> bool:
        """Say whether all its checks passed."""
        return self.claim is None

    @property
    def message(self) -> str:
        """Return what the learner reads; empty where it is solved."""
        return f"{self.claim} ({self.detail})" if self.detail else self.claim or ""


@dataclass(frozen=True)
class Graded:
    """Hold a graded notebook, with the `steps` that ran."""

    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...]
    unsafe: bool
    steps: tuple[Step, ...] = ()
    findings: tuple[str, ...] = ()  # for the instructor, who should read these places

    @property
    def points(self) -> float:
        """Return the sum over all exercises."""
        return sum(outcome.points for outcome in self.outcomes)

    @property
    def worth(self) -> float:
        """Return the most that there is to get."""
        return sum(outcome.worth for outcome in self.outcomes)

    def __getitem__(self, exercise: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.exercise == exercise)


@dataclass(frozen=True)
class NotGraded:
    """Hold a submission that could not be graded; the reason is a sentence for its author. `yet`:
    this machine had no time for it, so it is to be tried again."""

    reason: str
    yet: bool = False


Result = Graded | NotGraded


def from_json(tree: dict) -> Graded:
    """Rebuild a `Graded` from what `dataclasses.asdict` made of it."""
    outcomes = tuple(Outcome(**outcome) for outcome in tree["outcomes"])
    steps = tuple(Step(*step) for step in tree["steps"])
    return Graded(outcomes, tuple(tree["notes"]), tree["unsafe"], steps, tuple(tree["findings"]))
