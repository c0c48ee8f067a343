"""Time limit of `AutoClassifier`: fewer steps first, then fewer folds and kinds of networks."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from equipoise.classifiers.auto_members import FoldInputs, Kind
from equipoise.training import Settings, Table, Task, fit

FEWEST_STEPS = 100
"""Fewest gradient steps of a network, whatever the time limit."""

_ENOUGH_STEPS = 300  # fewer folds and kinds rather than fewer steps than this
_PROBE_ROWS, _PROBE_STEPS = 1000, 5
_TRAINING_SHARE = 0.8  # of the time left; the rest is for out-of-fold predictions and delays


@dataclass(frozen=True)
class Plan:
    """Size of a fit.

    Attributes
    ----------
    n_folds : int
    kinds : tuple of Kind
    steps : int
        Gradient steps of the kind that trains longest.
    """

    n_folds: int
    kinds: tuple[Kind, ...]
    steps: int

    def __str__(self) -> str:
        return f"{self.n_folds} folds, {len(self.kinds)} kind(s) of networks and {self.steps} gradient steps"


@dataclass(frozen=True)
class Costs:
    """Measured seconds of the inputs of a fold, and of a gradient step of each kind."""

    inputs: float
    steps: dict[Kind, float]

    @classmethod
    def measured(
        cls,
        inputs_of: Callable[[NDArray[np.int64]], FoldInputs],
        X: NDArray[np.float32],
        codes: NDArray[np.int64],
        settings: dict[Kind, Settings],
    ) -> "Costs":
        """Time the inputs of a sample of rows, and a few steps of each kind on it."""
        rows = np.random.default_rng(0).permutation(len(X))[:_PROBE_ROWS]
        rows = np.union1d(rows, np.unique(codes, return_index=True)[1])  # one of each class
        started = time.monotonic()
        inputs = inputs_of(rows)
        of_inputs = (time.monotonic() - started) * len(X) / len(rows)
        n_classes = int(codes.max()) + 1
        steps = {}
        for kind, how in settings.items():
            short = replace(how, max_steps=_PROBE_STEPS, min_steps=0, batch_size=min(how.batch_size, len(rows)))
            task = Task(Table(inputs.view(X[rows], kind), codes[rows], n_classes), 0, short)
            steps[kind] = min(fit([task])[0].seconds for _ in range(2)) / _PROBE_STEPS
        return cls(of_inputs, steps)

    def affordable_steps(self, plan: Plan, seconds: float) -> int:
        """Return the gradient steps within a time limit, for the folds and kinds of a plan."""
        in_a_step = plan.n_folds * sum(kind.share_of_steps * self.steps[kind] for kind in plan.kinds)
        return int((_TRAINING_SHARE * seconds - plan.n_folds * self.inputs) / in_a_step)


def plan_within(seconds: float, whole: Plan, costs: Costs) -> Plan:
    """Return the largest plan with enough steps in the time limit, else the smallest plan."""
    enough = min(whole.steps, _ENOUGH_STEPS)
    for plan in _smaller(whole):
        steps = costs.affordable_steps(plan, seconds)
        if steps >= enough:
            return replace(plan, steps=min(steps, whole.steps))
    return replace(plan, steps=min(max(steps, FEWEST_STEPS), whole.steps))


def _smaller(whole: Plan) -> Iterator[Plan]:
    few, one = whole.kinds[:2], sorted(whole.kinds, key=lambda kind: kind.codes)[:1]
    options: Sequence[tuple[int, Sequence[Kind]]] = ((8, whole.kinds), (4, whole.kinds), (4, few), (2, few), (2, one))
    for n_folds, kinds in options:
        yield replace(whole, n_folds=min(n_folds, whole.n_folds), kinds=tuple(kinds))


def warn_of_little_time(max_time: float, plan: Plan, whole: Plan) -> None:
    """Warn if the time limit reduces folds or kinds of networks, or leaves few steps."""
    enough = min(whole.steps, _ENOUGH_STEPS)
    if replace(plan, steps=whole.steps) != whole or plan.steps < enough:
        warnings.warn(
            f"max_time={max_time!r} seconds allow {plan} instead of {whole}: the model is weaker. Raise max_time, or "
            "give fewer rows or columns.",
            UserWarning,
            stacklevel=6,
        )
