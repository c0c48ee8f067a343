"""How many labelled rows an evaluation needs, before they are collected.

Recall and precision are shares of rows: Wilson's score interval (Wilson 1927, JASA 22, 209-212), whose coverage is
near the nominal one also for shares near 0 or 1 (Brown, Cai and DasGupta 2001, Statistical Science 16(2)). Average
precision: the logit interval with as many trials as there are positive rows (Boyd, Eng and Page 2013, Area under the
Precision-Recall Curve: Point Estimates and Confidence Intervals, ECML PKDD, section 4). Two methods on the same rows:
McNemar's test of the positive rows on which they differ, its sample size by Connor 1987 (Biometrics 43, 207-211).
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import nbinom, norm

CHANCE = 0.9
"""Chance that so many rows hold as many positive ones as are needed; and power of a comparison."""


@dataclass(frozen=True)
class Need:
    """Rows that a goal needs."""

    goal: str  # what is to be measured, in words
    counted: int  # rows that the interval counts: positive ones, or alarms
    rows: int  # labelled rows in all
    says_little: bool = False  # an interval that is wider than the expected value


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share of n rows.

    >>> [round(end, 3) for end in wilson(0.8, 100)]
    [0.711, 0.867]
    """
    z2 = norm.ppf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return float(centre - half), float(centre + half)


def as_equal_rows(weights: NDArray[np.float64]) -> float:
    """Return how many equal rows tell as much as rows of some weights do (Kish).

    >>> as_equal_rows(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def logit_interval(score: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of an average precision by n positive rows, within (0, 1).

    >>> [round(end, 3) for end in logit_interval(0.6, 100)]
    [0.501, 0.691]
    """
    half = norm.ppf((1 + confidence) / 2) / math.sqrt(n * score * (1 - score))
    return float(expit(logit(score) - half)), float(expit(logit(score) + half))


def counted_for(interval: Callable[[float, float, float], tuple[float, float]], value: float, margin: float) -> int:
    """Return the fewest rows whose 95% interval of a value reaches no further than a margin on average of its sides.

    ``interval`` is ``(value, n, confidence) -> (low, high)``, narrower for more rows.

    >>> counted_for(wilson, 0.8, 0.05)
    245
    """

    def suffices(n: int) -> bool:
        low, high = interval(value, n, 0.95)
        return (high - low) / 2 <= margin

    most = next(most for most in (2**power for power in count()) if suffices(most))
    return bisect_left(range(most), True, lo=most // 2 + 1, key=suffices) if most > 1 else 1


def rows_with(counted: int, share: float) -> int:
    """Return how many rows hold so many of a share of all, with a chance of `CHANCE`.

    >>> rows_with(244, 0.01)
    26412
    """
    return counted + int(nbinom.ppf(CHANCE, counted, share)) if share < 1 else counted


def paired_positives(recall: float, difference: float, discordant: float) -> int:
    """Return the positive rows on which McNemar's test settles a difference of two recalls, with a power of `CHANCE`.

    ``discordant`` is the share of positive rows that only one of the two finds, at least the difference.

    >>> paired_positives(0.8, 0.05, 0.15)
    627
    """
    if not abs(difference) <= discordant <= 1:
        raise ValueError(f"discordant must be from the difference, {difference!r}, to 1, got {discordant!r}.")
    z, power, d2 = norm.ppf(0.975), norm.ppf(CHANCE), difference**2
    return math.ceil((z * math.sqrt(discordant) + power * math.sqrt(discordant - d2)) ** 2 / d2)


def needs(
    prior: float, *, recall: float, precision: float, average_precision: float, margin: float, difference: float
) -> list[Need]:
    """Return the labelled rows for 95% intervals of a half-width, and for a comparison of two methods.

    ``margin`` is half of an interval's width; alarms are raised for ``prior * recall / precision`` of all rows. Raises
    ValueError if a number is not within (0, 1), or more alarms would be needed than there are rows.

    >>> found = needs(0.01, recall=0.8, precision=0.3, average_precision=0.5, margin=0.05, difference=0.05)
    >>> [(need.counted, need.rows) for need in found[:2]]
    [(245, 26516), (320, 12856)]
    """
    given = {"prior": prior, "recall": recall, "precision": precision, "average precision": average_precision}
    for name, value in (given | {"margin": margin, "difference": difference}).items():
        if not 0 < value < 1:
            raise ValueError(f"The {name} must be above 0 and below 1, got {value!r}.")
    alarms = prior * recall / precision
    if alarms > 1:
        raise ValueError(
            f"A precision of {precision:g} at a recall of {recall:g} needs more alarms than there are rows at a "
            f"prior of {prior:g}: expect a precision of {prior * recall:.3g} or more."
        )
    by_recall, by_precision = counted_for(wilson, recall, margin), counted_for(wilson, precision, margin)
    by_score = counted_for(logit_interval, average_precision, margin)
    other = min(recall + difference, 1.0) if recall + difference <= 1 else recall - difference
    unlike = recall * (1 - other) + other * (1 - recall)
    alike = max(unlike / 3, difference)
    apart = f"recalls {difference:g} apart"
    goals = [
        (f"recall {recall:g} ± {margin:g}", by_recall, prior, recall),
        (f"precision {precision:.3g} ± {margin:g}, {alarms:.2%} alarms", by_precision, alarms, precision),
        (f"average precision {average_precision:.3g} ± {margin:g}", by_score, prior, average_precision),
        (f"{apart}, similar methods", paired_positives(recall, difference, alike), prior, 1.0),
        (f"{apart}, independent methods", paired_positives(recall, difference, unlike), prior, 1.0),
    ]
    return [Need(goal, n, rows_with(n, share), says_little=2 * margin > value) for goal, n, share, value in goals]
