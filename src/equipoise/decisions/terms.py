"""Decisions in a user's terms: costs and benefits, a capacity, floors of recall and precision.

`Terms` are what a user states; `Aim` is what they mean for the classes of a table. Costs by name are those of the
four outcomes of an alarm (Elkan 2001, The Foundations of Cost-Sensitive Learning, IJCAI, table 1).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from equipoise.decisions.capacity import CapacityClassifier
from equipoise.decisions.costs import Costs, cost_matrix, weighted_costs
from equipoise.decisions.thresholds import tune_offsets
from equipoise.decisions.tuned_thresholds import TunedThresholdsClassifier
from equipoise.metrics import Floats, Indices
from equipoise.rules import Rule, capacity_in_words
from equipoise.text import exact, listed

FLOORS = ("min_recall", "min_precision")

OUTCOMES = ("miss", "alarm", "catch", "pass")
"""Of a positive row without and a negative row with an alarm; of a positive with and a negative without one."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What decisions are for, as a user states it.

    Parameters
    ----------
    cost : dict, DataFrame or array-like of shape (K, K), optional
        ``{"miss": 20, "alarm": 1}`` for two classes: costs of a positive row without an alarm, and of an alarm for a
        negative row; ``"catch"`` and ``"pass"`` for right decisions, 0 by default. Or costs by label, as
        ``equipoise.decisions.costs.cost_matrix`` reads them.
    benefit : dict, DataFrame or array-like of shape (K, K), optional
        The same with gains, which count as negative costs.
    capacity : int or float, optional
        Rows of a batch that can be reviewed, 1 or more; or, within (0, 1), their share of its rows, rounded down. With
        costs, alarms are at most as many.
    min_recall, min_precision : float, optional
        Floors in (0, 1], for the positive class.
    positive : label, optional
        Class to raise an alarm for; the minority class by default.

    Raises
    ------
    ValueError
        If a number is out of range, or a capacity stands beside a floor.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.decisions import Terms
    >>> aim = Terms(cost={"miss": 20, "alarm": 1}).aim(np.array(["fraud", "ok"]), rare="fraud")
    >>> print(aim)
    the lowest total cost (miss 20, alarm 1; positive class 'fraud')
    >>> aim.costs
    array([[ 0., 20.],
           [ 1.,  0.]])
    """

    cost: Costs | Mapping[str, float] | None = None
    benefit: Costs | Mapping[str, float] | None = None
    capacity: int | float | None = None
    min_recall: float | None = None
    min_precision: float | None = None
    positive: Any = None

    def __post_init__(self) -> None:
        for name in ("capacity", *FLOORS):
            if not isinstance(getattr(self, name), Real | None):
                raise ValueError(f"{name} must be a number, such as 0.05 for 5%, got {getattr(self, name)!r}.")
        for name in FLOORS:
            floor = getattr(self, name)
            if floor is not None and not 0 < floor <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, such as 0.8, got {floor!r}.")
        if self.capacity is None:
            return
        if not self.capacity > 0 or (self.capacity >= 1 and self.capacity != int(self.capacity)):
            raise ValueError(
                f"capacity must be a number of rows, 1 or more, or a share within 0 and 1, got {self.capacity!r}."
            )
        if floors := [name for name in FLOORS if getattr(self, name) is not None]:
            raise ValueError(f"A capacity goes with costs, not with {listed(floors)}: choose one.")

    def __bool__(self) -> bool:
        """Whether there are any, beside the positive class."""
        return any(getattr(self, name) is not None for name in _DECIDING)

    def aim(self, labels: NDArray[Any], rare: Any) -> "Aim":
        """Return what the terms mean for some classes.

        Parameters
        ----------
        labels : ndarray of shape (K,)
            Classes in ascending order.
        rare : label
            The minority class.

        Raises
        ------
        ValueError
            If costs or the positive class do not fit the classes, or one decision would be best for every row.
        """
        by_text = {str(label): label for label in labels.tolist()}
        names = list(by_text)
        positive = str(rare if self.positive is None else self.positive)
        if positive not in by_text:
            raise ValueError(f"There is no class {positive!r} to be positive: choose from {listed(names, 'or')}.")
        code = names.index(positive)
        costs = None
        if self.cost is not None or self.benefit is not None:
            costs = _matrix(self.cost, names, code, "cost") - _matrix(self.benefit, names, code, "benefit")
            if not costs.any():
                raise ValueError(
                    "All costs and benefits are 0, so there is nothing to decide: state what an error costs."
                )
            _check_open(cost_matrix(costs, labels), names)
        return Aim(labels, code, costs, self.capacity, self.min_recall, self.min_precision)


_DECIDING = ("cost", "benefit", "capacity", *FLOORS)


@dataclass(frozen=True, eq=False)
class Aim:
    """Terms for the classes of a table.

    Attributes
    ----------
    labels : ndarray of shape (K,)
    positive : int
        Position of the class to raise an alarm for.
    costs : ndarray of shape (K, K) or None
        Rows = true class, columns = decided class; benefits are negative.
    capacity, min_recall, min_precision
        As of `Terms`.
    """

    labels: NDArray[Any]
    positive: int
    costs: Floats | None = None
    capacity: int | float | None = None
    min_recall: float | None = None
    min_precision: float | None = None

    @property
    def decides(self) -> bool:
        """Whether there are terms beside the positive class."""
        return any(value is not None for name, value in vars(self).items() if name not in ("labels", "positive"))

    def classifier(
        self, estimator: ClassifierMixin, **parameters: Any
    ) -> TunedThresholdsClassifier | CapacityClassifier:
        """Return an unfitted classifier that decides so; further parameters are ``cv`` and ``n_jobs``."""
        label = self.labels.tolist()[self.positive]
        if self.capacity is not None:
            return CapacityClassifier(estimator, capacity=self.capacity, positive=label, costs=self.costs, **parameters)
        return TunedThresholdsClassifier(estimator, metric=self.costs, **self._floors(label), **parameters)

    def rule(self, codes: Indices, proba: Floats, weights: Floats | None = None) -> Rule:
        """Return the rule that is best on rows ``(n,)`` with probabilities ``(n, K)``, which the model has not seen."""
        positive = None if self.capacity is None else self.positive
        if self.costs is not None:
            costs = weighted_costs(self.costs, self._offsets(codes, proba, weights))
            return Rule(costs=costs, positive=positive, capacity=self.capacity)
        if self.capacity is not None:
            return Rule(positive=positive, capacity=self.capacity)
        return Rule(offsets=self._offsets(codes, proba, weights))

    def _offsets(self, codes: Indices, proba: Floats, weights: Floats | None) -> Floats:
        labels, floors = np.arange(len(self.labels)), self._floors(self.positive)
        return tune_offsets(codes, proba, metric=self.costs, labels=labels, sample_weight=weights, **floors)

    def _floors(self, label: Any) -> dict[str, Any]:
        """Return the floors by name, as `tune_offsets` takes them, of a label for the positive class."""
        return {name: {label: floor} for name in FLOORS if (floor := getattr(self, name)) is not None}

    def __str__(self) -> str:
        label = repr(self.labels.tolist()[self.positive])
        if self.capacity is not None:
            number = capacity_in_words(self.capacity)
            if self.costs is None:
                return f"an alarm for the {number} of a batch with the highest probability of {label}"
            first = f"with the highest probability of {label}" if len(self.labels) == 2 else "where it saves the most"
            at_most = f"with alarms for at most {number} of a batch, those {first}"
            return f"the lowest total cost ({self._costs_in_words()}) {at_most}"
        floors = []
        if self.min_recall is not None:
            floors.append(f"at least {100 * self.min_recall:.6g}% of {label} is found")
        if self.min_precision is not None:
            floors.append(f"at least {100 * self.min_precision:.6g}% of the alarms are right")
        goal = "the fewest false alarms" if self.min_recall is not None else f"the most {label} found"
        if self.costs is not None:
            goal = f"the lowest total cost ({self._costs_in_words()})"
        return f"{goal} while {listed(floors)}" if floors else goal

    def _costs_in_words(self) -> str:
        assert self.costs is not None
        if len(self.labels) > 2:
            return "by a table of costs"
        p, n = self.positive, 1 - self.positive
        by_name = dict(zip(OUTCOMES, (self.costs[p, n], self.costs[n, p], self.costs[p, p], self.costs[n, n])))
        named = [f"{name} {exact(value)}" for name, value in by_name.items() if value or name in ("miss", "alarm")]
        return f"{', '.join(named)}; positive class {self.labels.tolist()[p]!r}"

    def as_dict(self) -> dict[str, Any]:
        """Return the aim as json holds it, without the labels."""
        values = asdict(self) | {"costs": None if self.costs is None else self.costs.tolist()}
        return {name: value for name, value in values.items() if name != "labels"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], labels: NDArray[Any]) -> "Aim":
        """Read what `as_dict` gave."""
        costs = values["costs"]
        return cls(labels, **{**values, "costs": None if costs is None else np.asarray(costs, dtype=np.float64)})


def _or_leave_out(names: list[str]) -> str:
    """Say what to do about classes that look like missing labels."""
    from equipoise.tables.finding import option
    from equipoise.tables.formats import unstated  # costs pyarrow

    absent = unstated(names)
    if not absent:
        return ""
    stand = "stands" if len(absent) == 1 else "stand"
    how = option("--missing-values", *absent)
    return f" If {listed(map(repr, absent))} {stand} for no label, leave these rows out ({how})."


def _matrix(given: Any, names: list[str], positive: int, kind: str) -> Floats:
    """Return costs or benefits as a matrix; labels are told apart by their text, as on the command line."""
    zeros = np.zeros((len(names),) * 2)
    if given is None:
        return zeros
    if isinstance(given, Mapping) and given and set(given) <= set(OUTCOMES):
        if len(names) != 2:
            raise ValueError(
                f"{kind}: {listed(OUTCOMES)} are outcomes of two classes, but there are {len(names)}. Give a table "
                f"with a row for each true class and a column for each decided class.{_or_leave_out(names)}"
            )
        p, n = positive, 1 - positive
        for name, place in zip(OUTCOMES, ((p, n), (n, p), (p, p), (n, n))):
            zeros[place] = given.get(name, 0)
        return cost_matrix(zeros, np.array(names)) if zeros.any() else zeros
    if isinstance(given, pd.DataFrame):
        given = given.to_dict(orient="index")
    if isinstance(given, Mapping):
        rows = {str(true): row for true, row in given.items()}
        if all(isinstance(row, Mapping) for row in rows.values()):
            given = {true: {str(decided): value for decided, value in row.items()} for true, row in rows.items()}
    return cost_matrix(given, np.array(names, dtype=object))


def _check_open(costs: Floats, names: list[str]) -> None:
    """Refuse costs by which one decision is never worse than another one, whatever the row."""
    for decided, name in enumerate(names):
        if (costs[:, [decided]] <= costs).all():
            raise ValueError(
                f"By these costs and benefits, {name!r} is the best decision for every row, so there is nothing to "
                "decide. An error must cost more than the right decision; what is not named costs 0."
            )
