"""A grader's errors on the replies of one run, from labels of a sample that was drawn by the grader's own answers."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from eval.stats.graders import Labels, reaches_floor
from eval.stats.rates import clopper_pearson

OWN = "own replies"
"""In a file, what a table was measured on where it was not on labelled replies of others."""
Counts = list[int] | dict[str, list[int]]


@dataclass(frozen=True)
class OwnLabels:
    """One grader's errors on the replies of one run, from a random sample of those it answers yes to and of the others.

    People label a part of each, so a row of the 2x2 table is a simple random sample and a column is none. With p1 and p0
    the shares that have the criterion among the replies answered yes and no, and w the known share answered yes,

        sensitivity = w p1 / (w p1 + (1 - w) p0)
        specificity = (1 - w)(1 - p0) / ((1 - w)(1 - p0) + w (1 - p1))

    (Begg & Greenes 1983, Biometrics 39:207). Both, and their sum, rise with p1 and fall with p0. So their bounds stand at
    the corners of two Clopper-Pearson intervals that hold together (Bonferroni), and hold together themselves at any n.
    They are bounds for the replies of this run, however alike those are: only the draw is random.
    """

    yes: int
    """Replies of the run that the grader says have it."""
    yes_labelled: int
    yes_present: int
    """Those labelled ones that have it."""
    no: int
    """Replies of the run that the grader says do not have it."""
    no_labelled: int
    no_present: int

    def __post_init__(self) -> None:
        rows = (self.yes, self.yes_labelled, self.yes_present), (self.no, self.no_labelled, self.no_present)
        if not all(0 <= present <= labelled <= said for said, labelled, present in rows):
            raise ValueError(f"no sample of labels: {self}")

    def counts(self) -> tuple[int, int, int, int]:
        """Labelled replies, not weighted: found, present, clear, absent, as in `Labels`."""
        clear = self.no_labelled - self.no_present
        wrong = self.yes_labelled - self.yes_present
        return self.yes_present, self.yes_present + self.no_present, clear, clear + wrong

    def sensitivity(self, confidence: float = 0.95) -> tuple[float, float]:
        """Bounds, each one-sided; 0 and 1 where nothing was labelled."""
        low, high = (self._of_those(self.yes * p1, self.no * p0) for p1, p0 in self._corners(confidence))
        return low or 0.0, 1.0 if high is None else high

    def specificity(self, confidence: float = 0.95) -> tuple[float, float]:
        """Bounds, each one-sided; 0 and 1 where nothing was labelled."""
        corners = self._corners(confidence)
        low, high = (self._of_those(self.no * (1 - p0), self.yes * (1 - p1)) for p1, p0 in corners)
        return low or 0.0, 1.0 if high is None else high

    def youden(self, confidence: float = 0.95) -> float:
        """Lower bound of sensitivity + specificity - 1: both are lowest at the same corner."""
        return self.sensitivity(confidence)[0] + self.specificity(confidence)[0] - 1

    def admissible(self, confidence: float = 0.95) -> bool:
        """Whether the grader is good enough to be used on this run's replies."""
        return reaches_floor(self, confidence)

    def _corners(self, confidence: float) -> tuple[tuple[float, float], tuple[float, float]]:
        """(p1, p0) where the grader is worst, and where it is best."""
        each = 1 - (1 - confidence) / 2
        p1 = clopper_pearson(self.yes_present, self.yes_labelled, each) if self.yes_labelled else (0.0, 1.0)
        p0 = clopper_pearson(self.no_present, self.no_labelled, each) if self.no_labelled else (0.0, 1.0)
        return (p1[0], p0[1]), (p1[1], p0[0])

    @staticmethod
    def _of_those(right: float, wrong: float) -> float | None:
        return right / (right + wrong) if right + wrong else None


def counts_of(one: Labels | OwnLabels) -> Counts:
    """A table as it stands in a file."""
    counts = list(astuple(one))
    return {OWN: counts} if isinstance(one, OwnLabels) else counts


def table_of(counts: Counts) -> Labels | OwnLabels:
    """The table that a file has."""
    return OwnLabels(*counts[OWN]) if isinstance(counts, dict) else Labels(*counts)
