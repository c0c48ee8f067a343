"""A recipe in a user's terms: honest probabilities, the decision of an aim, and what it yields on held-out rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.pipeline import Pipeline

from equipoise.decisions import PriorCorrectedClassifier, correct_prior
from equipoise.experiments.arms import weighted_priors
from equipoise.experiments.outcome import PER, most_probable
from equipoise.experiments.possible import possible
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.sample_size import as_equal_rows, wilson
from equipoise.experiments.statistics import Interval, corrected_interval, within
from equipoise.metrics import Floats, Indices
from equipoise.rules import Rule, most_alarms
from equipoise.text import listed, number

if TYPE_CHECKING:
    from equipoise.experiments.comparison import Comparison

CAPACITIES = (10, 50, 100, 500)
"""Alarms of `PER` rows that the report shows."""
OUTCOMES = ("alarms", "caught", "false", "missed", "recall", "precision", "lift", "cost")
_FEW_FOLDS = 5  # results below which their spread tells little: of three, an interval may be 0.004% to 100%
_ENDS = ("lowest cost", "highest cost")  # of any decisions on the rows


def natural(
    recipe: str, classifier: ClassifierMixin, counts: ArrayLike, trained: ArrayLike, mass: ArrayLike | None = None
) -> ClassifierMixin:
    """Return a classifier whose probabilities stand for the class priors of its rows, where its own are known.

    ``counts`` are the rows of each class and ``trained`` the sums of their weights in training; ``mass`` is what a
    sample by class stands for, if they are one.
    """
    learned, rows = learned_priors(recipe, counts), np.asarray(trained if mass is None else mass, dtype=np.float64)
    learned = None if learned is None else weighted_priors(learned, counts, trained)
    if learned is None or np.allclose(learned, rows / rows.sum()):
        return classifier
    target = "observed" if mass is None else rows / rows.sum()
    return PriorCorrectedClassifier(classifier, training_priors=learned, target_priors=target)


@dataclass(frozen=True, eq=False)
class HeldOutFold:
    """Classes and weights ``(n,)`` of the test rows of a fold, and their natural probabilities ``(n, K)``."""

    repeat: int
    fold: int
    rows: Indices
    codes: Indices
    proba: Floats
    weights: Floats


class InTerms:
    """What a recipe of a comparison yields in a user's terms.

    `aim` is that of the comparison; without terms, of costs by which a miss costs as many false alarms as there are
    other rows to a positive one. `assumed` tells that the costs are this default: without costs of the user, whatever
    other terms there are.
    """

    def __init__(self, comparison: "Comparison", recipe: str | None = None) -> None:
        self.comparison = comparison
        self.recipe = recipe or comparison.winner
        self.aim, self.assumed = comparison.aim, comparison.aim.costs is None
        if not self.aim.decides:
            self.aim = replace(self.aim, costs=self.costs)

    @classmethod
    def of(cls, comparison: "Comparison", recipe: str | None = None) -> Self:
        """Return that of a recipe, by default the winner, which is made once a comparison: its rules take time."""
        return comparison.in_terms.setdefault(recipe := recipe or comparison.winner, cls(comparison, recipe))

    @property
    def positive(self) -> int:
        """Code of the class to raise an alarm for."""
        return self.aim.positive

    @cached_property
    def costs(self) -> Floats:
        """Costs (K, K): those of the user, or the default."""
        if self.comparison.aim.costs is not None:
            return self.comparison.aim.costs
        counts = np.asarray(self.comparison.problem["counts"], dtype=np.float64)
        p = self.comparison.aim.positive
        costs = 1 - np.eye(len(counts))
        costs[p] *= max(1.0, round((counts.sum() - counts[p]) / counts[p]))
        return costs

    @property
    def folds(self) -> list[HeldOutFold]:
        """Held-out rows of each fold that is scored; by time, the first is not."""
        return [fold for fold in self._every_fold if fold.fold or not self.comparison.protocol.by_time]

    @property
    def batch(self) -> float:
        """Mean number of rows of a test fold, which is a batch of a capacity."""
        return sum(len(fold.codes) for fold in self.folds) / len(self.folds)

    @cached_property
    def _every_fold(self) -> list[HeldOutFold]:
        """Held-out rows of each fold that has a result."""
        found = []
        for cell in self.comparison.cells:
            if cell.arm != self.recipe or cell.probabilities is None:
                continue
            fold = self.comparison.folds[cell.repeat, cell.fold]
            proba = cell.probabilities.astype(np.float64)
            proba /= proba.sum(axis=1, keepdims=True)
            if cell.priors is not None:
                mass = np.asarray(fold.train_mass, dtype=np.float64)
                proba = correct_prior(proba, np.asarray(cell.priors), mass / mass.sum())
            weights = np.ones(len(proba)) if fold.test_weights is None else fold.test_weights
            found.append(HeldOutFold(cell.repeat, cell.fold, fold.test_rows, fold.test_codes, proba, weights))
        return found

    def joined(self, folds: Sequence[HeldOutFold] | None = None) -> tuple[Indices, Floats, Floats]:
        """Return classes, probabilities and weights of the rows of folds, by default of all, one after the other."""
        chosen = self._every_fold if folds is None else folds
        columns = zip(*((fold.codes, fold.proba, fold.weights) for fold in chosen), strict=True)
        codes, proba, weights = map(np.concatenate, columns)
        return codes, proba, weights

    @cached_property
    def rule(self) -> Rule:
        """The decision, tuned on all held-out rows."""
        return self.aim.rule(*self.joined())

    @cached_property
    def rules(self) -> list[Rule]:
        """The decision of each fold, tuned on the other (by time, on the earlier) folds of its repeat."""
        return [self.aim.rule(*self.joined(self._others(fold))) for fold in self.folds]

    def _others(self, fold: HeldOutFold) -> list[HeldOutFold]:
        others = [other for other in self._every_fold if other.repeat == fold.repeat and other.fold != fold.fold]
        if self.comparison.protocol.by_time:
            others = [other for other in others if other.fold < fold.fold]
        return others or [fold]

    def range_of_threshold(self) -> tuple[float, float, float] | None:
        """Return the threshold, and the lowest and the highest of those that folds are decided by; None where none is.

        It is tuned on the rows of all folds, so it may lie outside the range of the others, see `range_in_words`.
        """
        chosen = self.rule.cut(self.positive)
        if chosen is None:
            return None
        others = [cut for rule in self.rules if (cut := rule.cut(self.positive)) is not None]
        return chosen, min(others), max(others)

    @property
    def cut_is_least(self) -> bool:
        """Whether rows above the threshold may have no alarm: it is of costs, beside a capacity."""
        return self.rule.capacity is not None

    def range_in_words(self) -> str:
        """Say what the threshold is tuned on, which ones other rows would give, and its alarms; empty without one."""
        found = self.range_of_threshold()
        if found is None:
            return ""
        chosen, low, high = (f"{value:.3g}" for value in found)
        others = "on earlier folds only" if self.comparison.protocol.by_time else "without one fold"
        by_costs = None if self.aim.costs is None else Rule(costs=self.aim.costs).cut(self.positive)
        of_costs = by_costs is not None and bool(np.isclose(found[0], by_costs))
        said = "it follows from the costs" if of_costs else "tuned on all held-out rows"
        if not of_costs or len(set(found)) > 1:
            said += f"; {low} to {high} if tuned {others}"
        if not of_costs and not float(low) <= float(chosen) <= float(high):
            said += ", so a few rows decide where it lies"
        return f"{said}; it gives {number(self.alarms_as_shipped, 1)} alarms of {PER:,} of these rows"

    @property
    def alarms_as_shipped(self) -> float:
        """Alarms of `PER` held-out rows by the shipped `rule`; `by_fold` has those of `rules`, which may differ."""
        alarms = [fold.weights @ (self.rule.decide(fold.proba, fold.weights) == self.positive) for fold in self.folds]
        return PER * float(np.mean([sum_ / fold.weights.sum() for sum_, fold in zip(alarms, self.folds)]))

    def sentence(self) -> str:
        """Return the decision in words, with its threshold, and the range of those that the folds are decided by."""
        found = self.range_of_threshold()
        if found is None:
            return str(self.aim)
        label = repr(self.aim.labels.tolist()[self.positive])
        cut = f"{label} from a probability of {found[0]:.3g}"
        if self.cut_is_least:
            cut = f"no {label} below a probability of {found[0]:.3g}"
        return f"{self.aim}; {cut} ({self.range_in_words()})"

    @cached_property
    def by_fold(self) -> pd.DataFrame:
        """The outcomes of the decision per `PER` rows, each fold decided as the other folds tell; a row a fold.

        Columns: `OUTCOMES`, and the least and the most that any decisions on the rows cost.
        """
        return self.of_decisions(
            (fold, rule.decide(fold.proba, fold.weights)) for fold, rule in zip(self.folds, self.rules)
        )

    def of_decisions(self, decisions: Iterable[tuple[HeldOutFold, Indices]]) -> pd.DataFrame:
        """Return the outcomes, as `by_fold`, of any decisions ``(n,)`` on folds."""
        tables = {}
        for fold, decided in decisions:
            found = self._outcomes(fold, decided == self.positive, self.costs[fold.codes, decided])
            tables[fold.repeat, fold.fold] = found
        return pd.DataFrame.from_dict(tables, orient="index")

    @cached_property
    def decisions(self) -> Floats:
        """Rows of `PER` that are decided for each class ``(K,)``: means over folds, each decided as the others tell."""
        k = len(self.comparison.classes)
        decided = [np.bincount(r.decide(f.proba, f.weights), f.weights, k) for f, r in zip(self.folds, self.rules)]
        return PER * np.mean([sums / sums.sum() for sums in decided], axis=0)

    def chosen(self) -> dict[str, Interval]:
        """Return the outcomes of `by_fold` with intervals over folds."""
        return self.with_intervals(self.by_fold)

    def blind(self) -> dict[str, dict[str, Interval]]:
        """Return the outcomes of `blind_by_fold` with intervals over folds."""
        return {name: self._intervals(frame) for name, frame in self.blind_by_fold().items()}

    def blind_by_fold(self) -> dict[str, pd.DataFrame]:
        """Return the outcomes, as `by_fold`, of decisions that look at no feature.

        Of two classes: never an alarm, and one for every row or, with a capacity, for as many random rows. Of more
        classes, where costs are stated: the one class for all rows that costs the least in training; with a capacity,
        of those without an alarm.
        """
        if len(self.costs) == 2:
            most = "an alarm for every row" if self.aim.capacity is None else "the capacity at random"
            return {"never an alarm": self._at_random(0.0), most: self._at_random(1.0)}
        if self.comparison.aim.costs is None:
            return {}
        tables, labels = {}, []
        for fold in self.folds:
            mass = np.asarray(self.comparison.folds[fold.repeat, fold.fold].train_mass, dtype=np.float64)
            costs = mass @ self.costs
            costs[self.positive] += 0 if self.aim.capacity is None else np.inf
            code = int(costs.argmin())
            alarm = np.full(len(fold.codes), float(code == self.positive))
            tables[fold.repeat, fold.fold] = self._outcomes(fold, alarm, self.costs[fold.codes, code])
            labels.append(f"“{self.comparison.classes[code]}”")
        frame = pd.DataFrame.from_dict(tables, orient="index")
        return {f"{listed(dict.fromkeys(labels), 'or')} for every row": frame}

    def _at_random(self, share: float) -> pd.DataFrame:
        """Outcomes by fold of alarms for random rows, a share of all that the capacity allows."""
        tables = {}
        for fold in self.folds:
            n, capacity = len(fold.codes), self.aim.capacity
            most = 1.0 if capacity is None else most_alarms(capacity, n) / n
            alarm = np.full(n, share * most)
            tables[fold.repeat, fold.fold] = self._outcomes(fold, alarm, self._alarm_costs(fold, alarm))
        return pd.DataFrame.from_dict(tables, orient="index")

    def at_capacity(self, alarms: float) -> dict[str, Interval]:
        """Return the outcomes per `PER` rows where the most probable ``alarms`` of them get an alarm.

        A part of a row counts in proportion.
        """
        tables = []
        for fold in self.folds:
            alarm = most_probable(fold.proba[:, self.positive], fold.weights, alarms / PER)
            costs = self._alarm_costs(fold, alarm) if len(self.costs) == 2 else np.full(len(alarm), np.nan)
            tables.append(self._outcomes(fold, alarm, costs))
        return self.with_intervals(pd.DataFrame(tables))

    def _alarm_costs(self, fold: HeldOutFold, alarm: Floats) -> Floats:
        p, n = self.positive, 1 - self.positive
        costs = self.costs[fold.codes]
        return alarm * costs[:, p] + (1 - alarm) * costs[:, n]

    def _outcomes(self, fold: HeldOutFold, alarm: NDArray[np.number], costs: Floats) -> dict[str, float]:
        weights, is_positive = fold.weights, fold.codes == self.positive
        n, alarms, all_positive = weights.sum(), weights @ alarm, weights @ is_positive
        caught = weights @ (alarm * is_positive)
        precision = caught / alarms if alarms else np.nan
        values = (
            PER * alarms / n,
            PER * caught / n,
            PER * (alarms - caught) / n,
            PER * (all_positive - caught) / n,
            caught / all_positive if all_positive else np.nan,
            precision,
            precision / (all_positive / n) if all_positive else np.nan,
            PER * (weights @ costs) / n,
        )
        known = self.costs[fold.codes]
        ends = {
            name: PER * float(weights @ cost) / n for name, cost in zip(_ENDS, (known.min(axis=1), known.max(axis=1)))
        }
        return dict(zip(OUTCOMES, map(float, values))) | ends

    def _intervals(self, frame: pd.DataFrame) -> dict[str, Interval]:
        share = self.comparison.test_share
        alarms = _over_folds(frame["alarms"], share, (0.0, PER))
        least, most = (frame[name].to_numpy() for name in _ENDS)
        limits = possible(frame, alarms, PER) | {"cost": (least, most)}
        found = {name: _over_folds(frame[name], share, limits[name]) for name in OUTCOMES if name != "alarms"}
        return {"alarms": alarms} | found

    def with_intervals(self, frame: pd.DataFrame) -> dict[str, Interval]:
        """Return outcomes by fold as means with intervals."""
        found = self._intervals(frame)
        return found | self._by_rows(found, frame)

    def _by_rows(self, found: dict[str, Interval], frame: pd.DataFrame) -> dict[str, Interval]:
        """Intervals of the rows of one repeat, where folds tell none: they are few, or agree on a share of 0 or 1.

        They are Wilson's, of the shares and of the counts that follow from them; none where other folds do.
        """
        few, positives = len(frame) < _FEW_FOLDS, float((frame["caught"] + frame["missed"]).mean())
        repeat = self.folds[0].repeat
        n = as_equal_rows(np.concatenate([fold.weights for fold in self.folds if fold.repeat == repeat])) / PER
        alarms, shares, ends = found["alarms"], dict[str, NDArray[np.float64]](), dict[str, NDArray[np.float64]]()
        as_many = not few or bool(np.isclose(alarms.low, alarms.high))  # in every fold
        if not as_many:
            ends["alarms"] = PER * _wilson(alarms.mean / PER, n * PER)
            alarms = Interval(alarms.mean, *ends["alarms"])
            negatives = PER - positives
            ends["false"] = negatives * _wilson(found["false"].mean / negatives, n * negatives)
        for name, counted in (("recall", positives), ("precision", alarms.mean)):
            agreed = _at_end(found[name]) and np.isclose(found[name].mean, round(found[name].mean))
            told = few and (not as_many or counted == min(positives, alarms.mean))
            if np.isfinite(found[name].mean) and counted and (agreed or told):
                shares[name] = _wilson(found[name].mean, n * counted)
        if not shares:
            return {}
        recall = shares["recall"] if "recall" in shares else shares["precision"] * alarms.mean / positives
        of_recall = recall * positives / alarms.mean if alarms.mean else np.zeros(2)
        precision = shares.get("precision", of_recall)
        ends = {
            "caught": positives * recall,
            "false": alarms.mean * (1 - precision[::-1]),
            "missed": positives * (1 - recall[::-1]),
            "recall": recall,
            "precision": precision,
            "lift": PER / positives * precision,
        } | ends
        limits = possible(frame, alarms, PER) | {"alarms": (np.zeros(1), np.full(1, PER))}
        return {
            name: _around(found[name].mean, *np.clip(ends[name], *(end.mean() for end in limits[name])))
            for name in ends
            if few or _at_end(found[name])
        }


def _wilson(share: float, n: float) -> NDArray[np.float64]:
    return np.clip(wilson(min(max(share, 0.0), 1.0), n), 0, 1)


def _around(mean: float, low: float, high: float) -> Interval:
    return Interval(mean, min(mean, float(low)), max(mean, float(high)))


def _at_end(interval: Interval) -> bool:
    """Whether the mean is an end of its interval."""
    return any(np.isclose(interval.mean, end) for end in interval[1:])


def _over_folds(column: pd.Series, test_share: float, limits: tuple[float | Floats, float | Floats]) -> Interval:
    """Interval over folds within the mean of the limits of each; without one where there are too few folds."""
    known = column.notna().to_numpy()
    values = column.to_numpy()[known]
    if len(values) < 2:
        return Interval(float(values.mean()) if len(values) else np.nan, np.nan, np.nan)
    least, most = (float(np.broadcast_to(limit, known.shape)[known].mean()) for limit in limits)
    interval = corrected_interval(values, test_share=test_share)
    ends = (interval.mean if np.isclose(interval.mean, end) else end for end in (least, most))  # but for rounding
    return within(interval, *ends)


def with_decision(comparison: "Comparison", recipe: str, fitted: Pipeline, labels: NDArray[np.generic]) -> Pipeline:
    """Return a fitted pipeline whose last step decides by the comparison's aim, tuned on its held-out rows."""
    codes, proba, weights = InTerms.of(comparison, recipe).joined()
    (name, inner), aim = fitted.steps[-1], replace(comparison.aim, labels=labels)
    return Pipeline([*fitted.steps[:-1], (name, aim.classifier(inner).tune_on(inner, labels[codes], proba, weights))])
