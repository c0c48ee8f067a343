"""Time limit of `AutoClassifier`: fewer steps of networks first, then none, then fewer folds and rows."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from equipoise.text import count
from equipoise.training import Task, fit

FEWEST_STEPS = 100
"""Fewest gradient steps of networks; where time does not allow so many, there are no networks."""

ENOUGH_STEPS = 300
"""Fewer steps than these, and than those of a fit without a limit, are warned of."""

_CHEAP_SHARE = 0.6  # of the time, for trees, boosting and a line
_NETWORK_SHARE = 0.7  # of the time left, for networks; the rest is for out-of-fold predictions and delays
_PROBE_ROWS, _PROBE_PART, _PROBE_STEPS = 500, 0.2, 5
_GROWTH = 0.8  # power of the number of rows that time grows by
_FEWEST_ROWS = 500


@dataclass(frozen=True)
class Plan:
    """Size of a fit.

    Attributes
    ----------
    n_rows : int
        Rows that are trained on.
    n_folds : int
    steps : int
        Gradient steps of the networks; 0 without networks.
    """

    n_rows: int
    n_folds: int
    steps: int

    def __str__(self) -> str:
        networks = f"{self.steps} gradient steps of networks" if self.steps else "no networks"
        return f"{count(self.n_rows)} rows, {self.n_folds} folds and {networks}"


class Clock:
    """Time left of a limit.

    Parameters
    ----------
    max_time : float or None
        Seconds from now; None without a limit.
    """

    def __init__(self, max_time: float | None) -> None:
        self.max_time, self._started = max_time, time.monotonic()

    def left(self) -> float:
        """Seconds left, below 0 once they are over; infinite without a limit."""
        passed = time.monotonic() - self._started
        return float("inf") if self.max_time is None else self.max_time - passed


def affordable(whole: Plan, clock: Clock, probe: Callable[[int, float], None]) -> Plan:
    """Return the most rows and folds whose members other than networks fit in a limit, else the fewest.

    Parameters
    ----------
    whole : Plan
        The plan without a limit.
    clock : Clock
    probe : callable
        Fits the members on a number of rows, with a part of their trees; called if there is a limit.
    """
    if clock.max_time is None:
        return whole
    n_rows, started = min(_PROBE_ROWS, whole.n_rows), time.monotonic()
    probe(n_rows, _PROBE_PART)
    one = (time.monotonic() - started) / _PROBE_PART
    for plan in _smaller(whole):
        seconds = (plan.n_folds + 1) * one * (plan.n_rows / n_rows) ** _GROWTH  # once more, on all rows
        if seconds <= _CHEAP_SHARE * clock.left():
            break
    return plan


def _smaller(whole: Plan) -> Iterator[Plan]:
    yield whole
    for n_folds in (3, 2):
        yield replace(whole, n_folds=min(n_folds, whole.n_folds))
    n_rows = whole.n_rows // 2
    while n_rows >= _FEWEST_ROWS:
        yield replace(whole, n_folds=min(2, whole.n_folds), n_rows=n_rows)
        n_rows //= 2


def affordable_steps(steps: int, clock: Clock, tasks: Sequence[Task]) -> int:
    """Return the steps that tasks can make in the time left, at most ``steps``; 0 if they are too few."""
    if clock.max_time is None:
        return steps
    least = min(FEWEST_STEPS, steps)
    if clock.left() <= 0:
        return 0
    short = [replace(task, settings=replace(task.settings, max_steps=_PROBE_STEPS, min_steps=0)) for task in tasks]
    seconds = sum(network.seconds for network in fit(short)) / _PROBE_STEPS
    found = int(_NETWORK_SHARE * clock.left() / seconds)
    return min(steps, found) if found >= least else 0


def warn_of_little_time(max_time: float | None, plan: Plan, whole: Plan) -> None:
    """Warn if a time limit reduces rows, folds or networks, or leaves few steps."""
    enough = min(whole.steps, ENOUGH_STEPS)
    if replace(plan, steps=whole.steps) != whole or plan.steps < enough:
        warnings.warn(
            f"max_time={max_time:.3g} seconds allow {plan} instead of {whole}: the model is weaker. Raise max_time, or "
            "give fewer rows or columns.",
            UserWarning,
            stacklevel=6,
        )
