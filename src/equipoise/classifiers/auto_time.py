"""Time limit of `AutoClassifier`: fewer steps of networks first, then fewer folds, then fewer rows and no networks."""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from equipoise.text import count, listed
from equipoise.text import seconds as length
from equipoise.training import Task, fit

FEWEST_STEPS = 100
"""Fewest gradient steps of networks; where time does not allow so many, there are no networks."""

ENOUGH_STEPS = 300
"""Fewer steps than these, and than those of a fit without a limit, are warned of."""

_CHEAP_SHARE = 0.6  # of the time, for trees, boosting and a line
_ALONE_SHARE = 0.85  # of the time, for them where rows are cut, so that there is none for networks
_NETWORK_SHARE = 0.7  # of the time left, for networks; the rest is for out-of-fold predictions and delays
_PROBE_ROWS, _PROBE_PART, _PROBE_STEPS = 500, 0.2, 5
_PROBE_MORE, _PROBE_SHARE = 4, 0.1  # more rows of the next trial, if it takes so little of the time left
_GROWTH = 0.8  # power of the number of rows that time grows by, at most
_LEAST_SLOPE = 0.25  # of the mean time a row, that one more row takes at least
_FEWEST_ROWS = 500


@dataclass(frozen=True)
class Plan:
    """Size of a fit."""

    n_rows: int  # rows that are trained on
    n_folds: int
    steps: int  # gradient steps of the networks; 0 without networks

    def words(self, other: "Plan") -> str:
        """Say what of it differs from another plan."""
        networks = f"{count(self.steps)} gradient steps of networks" if self.steps else "no networks"
        said = {"n_rows": f"{count(self.n_rows)} rows", "n_folds": f"{self.n_folds} folds", "steps": networks}
        return listed([words for name, words in said.items() if getattr(self, name) != getattr(other, name)])


class LittleTimeWarning(UserWarning):
    """A time limit that makes a model weaker.

    ``allowed`` says what it allows, instead of what.
    """

    def __init__(self, allowed: str, limit: str, remedy: str) -> None:
        super().__init__(allowed, limit, remedy)
        self.allowed = allowed

    def __str__(self) -> str:
        allowed, limit, remedy = self.args
        return f"{limit} allows {allowed}: the model is weaker. {remedy}, or give fewer rows or columns."


class Clock:
    """Time left of a limit."""

    def __init__(self, max_time: float | None) -> None:
        self.max_time, self._started = max_time, time.monotonic()

    def left(self) -> float:
        """Seconds left, below 0 once they are over; infinite without a limit."""
        passed = time.monotonic() - self._started
        return float("inf") if self.max_time is None else self.max_time - passed


@dataclass(frozen=True)
class _Pace:
    """Time of a fit of the members other than networks on a number of rows."""

    n_rows: int
    seconds: float
    a_row: float | None = None  # seconds of one more row, as two numbers of rows tell

    def after(self, n_rows: int, seconds: float) -> "_Pace":
        """Return the pace that more rows tell."""
        slope = (seconds - self.seconds) / (n_rows - self.n_rows)
        return _Pace(n_rows, seconds, max(slope, _LEAST_SLOPE * seconds / n_rows))

    def rows_in(self, seconds: float) -> float:
        """Return on how many rows a fit takes so long: what every fit costs does not grow with its rows."""
        by_power = self.n_rows * max(0.0, seconds / self.seconds) ** (1 / _GROWTH)
        return by_power if self.a_row is None else max(by_power, self.n_rows + (seconds - self.seconds) / self.a_row)


def affordable(whole: Plan, clock: Clock, probe: Callable[[int, float], None]) -> Plan:
    """Return the plan of most rows and folds that fits in a limit, else the smallest; without networks if rows are cut.

    ``probe`` fits the members other than networks on a number of rows with a part of their trees; it is called if there
    is a limit.
    """
    if clock.max_time is None:
        return whole
    n_rows = min(_PROBE_ROWS, whole.n_rows)
    pace: _Pace | None = None
    probe(n_rows, 0.0)  # the first fit of a process waits for imports and threads
    while True:
        started = time.monotonic()
        probe(n_rows, _PROBE_PART)
        one = max(1e-9, (time.monotonic() - started) / _PROBE_PART)
        pace = _Pace(n_rows, one) if pace is None else pace.after(n_rows, one)
        plan = _largest(whole, pace, clock)
        n_rows *= _PROBE_MORE
        cost = _PROBE_PART * one * _PROBE_MORE**_GROWTH
        enough = plan == whole or n_rows > whole.n_rows or (pace.a_row is not None and plan.n_rows < n_rows)
        if enough or cost > _PROBE_SHARE * clock.left():
            return plan


def _largest(whole: Plan, pace: _Pace, clock: Clock) -> Plan:
    """Return the largest plan whose members other than networks can be fitted at a pace."""

    def allowed(plan: Plan, share: float) -> float:
        of_folds = plan.n_folds * (1 - 1 / plan.n_folds) ** _GROWTH  # each without its held-out rows
        return pace.rows_in(share * clock.left() / (of_folds + 1))  # and once more, on all rows

    for n_folds in (whole.n_folds, 2):
        plan = replace(whole, n_folds=n_folds)
        if allowed(plan, _CHEAP_SHARE) >= whole.n_rows:
            return plan
    most = int(allowed(plan, _ALONE_SHARE))
    return replace(plan, steps=0, n_rows=min(whole.n_rows, max(most, min(_FEWEST_ROWS, whole.n_rows))))


def affordable_steps(steps: int, clock: Clock, tasks: Sequence[Task]) -> int:
    """Return the steps that tasks can make in the time left, at most ``steps``; 0 if they are too few."""
    if clock.max_time is None:
        return steps
    least = min(FEWEST_STEPS, steps)
    if clock.left() <= 0 or not steps:
        return 0
    short = [replace(task, settings=replace(task.settings, max_steps=_PROBE_STEPS, min_steps=0)) for task in tasks]
    seconds = sum(network.seconds for network in fit(short)) / _PROBE_STEPS
    found = int(_NETWORK_SHARE * clock.left() / seconds)
    return min(steps, found) if found >= least else 0


def warn_of_little_time(max_time: float | None, plan: Plan, whole: Plan) -> None:
    """Warn if a time limit reduces rows, folds or networks, or leaves few steps."""
    enough = min(whole.steps, ENOUGH_STEPS)
    if replace(plan, steps=whole.steps) != whole or plan.steps < enough:
        allowed = f"{plan.words(whole)} instead of {whole.words(plan)}"
        limit = f"The time limit of {length(max_time or 0.0)} (max_time)"
        warnings.warn(LittleTimeWarning(allowed, limit, "Raise max_time"), stacklevel=6)
