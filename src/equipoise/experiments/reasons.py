"""Why a recipe decides as it does: importance of columns and response curves, over the folds of a comparison.

Models of folds are not kept, so the recipe is fitted again on the folds of the first repeat, with the same rows and
seeds, and asked on their held-out rows. Predictions take about `_SECONDS` a fold, or what the time limit leaves: fewer
permutations, then fewer rows are taken for slow models. What was found is kept in the store, so a comparison that goes
on does not do it again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from equipoise import recipes
from equipoise.datasets import Dataset
from equipoise.deadline import Deadline
from equipoise.decisions import correct_prior
from equipoise.experiments.arms import recipe_arms
from equipoise.experiments.asked import AskedColumns
from equipoise.experiments.by_terms import goal_of
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.costs import Watch, seconds_to_report
from equipoise.experiments.importance import CURVE_ROWS, CURVES, Answers, Asked, explain_fold
from equipoise.experiments.outcome import Outcome
from equipoise.experiments.prepared import PreparedFold, PreparedFolds
from equipoise.experiments.readings import at_most
from equipoise.experiments.scores import METRICS
from equipoise.experiments.statistics import t_interval
from equipoise.experiments.store import Cell, Store
from equipoise.experiments.terms import InTerms
from equipoise.machines import n_workers
from equipoise.metrics import Floats
from equipoise.processes import side_by_side
from equipoise.progress import OnProgress

SHOWN = 6
"""Response curves that are kept."""

_SECONDS, _LEAST_SECONDS = 30.0, 1.0  # of predictions in a fold
_PERMUTATIONS = 5
_OF_A_CLASS = (1000, 100)  # test rows of a fold, at most, and where predictions are slow
_QUICK = 5.0  # seconds of work that no other process is begun for
_RESERVED = 3.0  # times a fit, which the model of all rows may take


def score_and_explain(
    comparison: Comparison, dataset: Dataset, store: Store, deadline: Deadline, on_progress: OnProgress
) -> float:
    """Derive the scores of a comparison that ended, explain its winner, and return about the seconds of a report.

    Raises
    ------
    ValueError
        If every recipe failed.
    """
    if not comparison.recipes:
        raise ValueError(f"Every recipe failed; the first reason: {comparison.failures[0].error}")
    on_progress("scoring", 0, 0)
    with Watch() as scoring:
        comparison.leaderboard  # noqa: B018 - derived once, and kept
    to_report = seconds_to_report(scoring)
    explain(comparison, dataset, store, deadline, on_progress, to_report)
    return to_report


def explain(
    comparison: Comparison,
    dataset: Dataset,
    store: Store,
    deadline: Deadline,
    on_progress: OnProgress = lambda kind, done, total: None,
    to_report: float = 0.0,
) -> None:
    """Find what the winner of a comparison uses, and keep it in `Comparison.reasons` and the store.

    Nothing is done without a winner, for images, and where it is known already.

    The deadline is that of the comparison, with the model of all rows to come, and then a report of ``to_report``
    seconds; ``on_progress`` is called with "explaining", the folds done and all of them.
    """
    known, aim = comparison.reasons, comparison.aim
    folds, comparison.prepared = comparison.prepared, None
    what = {"recipe": comparison.winner, "by": str(aim) if aim.decides else comparison.metric}
    if comparison.obstacle or dataset.images or (known and what.items() <= known.items() and known["importance"]):
        return
    comparison.reasons = what | {"importance": [], "curves": [], "notes": []}
    comparison.reasons |= _reasons(comparison, dataset, folds, deadline, on_progress, to_report)
    store.put("reasons", comparison.reasons)


def _reasons(
    comparison: Comparison,
    dataset: Dataset,
    folds: PreparedFolds | None,
    deadline: Deadline,
    on_progress: OnProgress,
    to_report: float,
) -> dict[str, Any]:
    costs: Any = comparison.leaderboard.set_index("recipe").loc[comparison.winner]
    a_fit, predicting = float(costs["seconds"]), float(np.nan_to_num(costs["predicting"])) / 10_000
    reserved = _RESERVED * a_fit + 0.02 * deadline.limit + to_report
    late = {
        "notes": [f"There was no time for it within the limit of {deadline}: repeat the command; results are kept."]
    }
    if deadline.left < reserved + a_fit:
        return late
    codes = np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
    columns = AskedColumns.of(dataset, codes)
    each = (deadline.left - reserved) * n_workers() / comparison.protocol.n_folds - a_fit
    effort = float(np.clip(each, _LEAST_SECONDS, _SECONDS))
    n_permutations, of_a_class = _effort(len(columns.groups) * len(comparison.classes) * predicting, effort)
    [arm] = recipe_arms([comparison.winner])
    cells = {c.fold: c for c in comparison.readings.cells if (c.arm, c.repeat) == (comparison.winner, 0)}
    jobs = []
    folds = folds or PreparedFolds(dataset, codes, comparison.protocol.splits, native=arm.native)
    for fold in folds.of(0):
        if fold.number in cells:
            prepared = folds.numbers(fold)
            asked = _asked(comparison, cells[fold.number], prepared, columns, n_permutations, of_a_class)
            jobs.append((arm, comparison.protocol, prepared.seen(native=arm.native), asked))
        if deadline.left < reserved + a_fit:
            break
    asked_rows = [len(job[-1].rows) for job in jobs]
    predictions = sum(asked_rows) * len(columns.groups) * n_permutations + len(jobs) * CURVES * 10 * CURVE_ROWS
    n_jobs = 1 if len(jobs) * a_fit + predictions * predicting < _QUICK else min(n_workers(), len(jobs))
    on_progress("explaining", 0, len(jobs))
    answers, notes = [], list(columns.notes)
    seconds = max(0.0, deadline.left - reserved)
    for done, (_, found) in enumerate(side_by_side(explain_fold, jobs, n_jobs, seconds), start=1):
        if isinstance(found, Answers):
            answers.append(found)
        elif not isinstance(found, TimeoutError):
            notes.append(f"It failed on a fold: {type(found).__name__}: {found}")
        on_progress("explaining", done, len(jobs))
    if not answers:
        return {"notes": notes} if notes else late
    if len(answers) < len(cells):
        notes.append(f"Models of {len(answers)} of {len(cells)} folds were asked within the limit of {deadline}.")
    return {
        "n_folds": len(answers),
        "n_permutations": n_permutations,
        "n_rows": round(float(np.mean(asked_rows))),
        "sampled": any(len(job[2].y_test) > n for job, n in zip(jobs, asked_rows)),
        **_joined(comparison, columns, answers),
        "notes": notes,
    }


def _effort(seconds_of_a_row: float, seconds: float) -> tuple[int, int]:
    """Return permutations, and test rows of a class, that take some seconds, from those of one over all columns."""
    most, least = _OF_A_CLASS
    for n_permutations in range(_PERMUTATIONS, 1, -1):
        if n_permutations * most * seconds_of_a_row <= seconds:
            return n_permutations, most
    return 1, int(np.clip(seconds / max(seconds_of_a_row, 1e-12), least, most))


def _asked(
    comparison: Comparison, cell: Cell, fold: PreparedFold, columns: AskedColumns, n_permutations: int, of_a_class: int
) -> Asked:
    metric, reading = METRICS[comparison.metric], comparison.at_best.of(cell)[0]
    if metric.takes_weights or comparison.aim.decides:
        rows, weights = at_most(fold.y_test, fold.weights_test, of_a_class)
    else:
        rows, weights = np.linspace(0, len(fold.y_test) - 1, min(len(fold.y_test), 2 * of_a_class)).astype(int), None
    if weights is not None and (weights == weights[0]).all():
        weights = None
    sources = np.array(fold.sources(native=recipes.get(cell.arm).native), dtype=object)
    natural: Callable[[Any], Any] = np.asarray
    if cell.priors is not None:
        to_priors = fold.mass / fold.mass.sum()
        natural = partial(correct_prior, from_priors=np.asarray(cell.priors), to_priors=to_priors)
    return Asked(
        rows,
        weights,
        [np.flatnonzero(np.isin(sources, np.array(group, dtype=object))) for group in columns.groups],
        columns.donors(fold.fold),
        comparison.readings.reader(cell, metric, reading),
        natural,
        metric,
        comparison.rare,
        comparison.aim.positive,
        n_permutations,
        _outcome(comparison, cell, fold) if comparison.aim.decides else None,
    )


def _outcome(comparison: Comparison, cell: Cell, fold: PreparedFold) -> Outcome:
    read = InTerms.of(comparison, cell.arm)
    [rule] = [r for f, r in zip(read.folds, read.rules) if (f.repeat, f.fold) == (cell.repeat, cell.fold)]
    return Outcome(goal_of(comparison.aim), rule, read.costs, read.positive, len(fold.y_test))


def _point(values: Floats) -> dict[str, Any]:
    """Return mean and band of a curve, or of a point of it, as json holds them."""
    return dict(zip(("mean", "low", "high"), values.tolist()))


def _joined(comparison: Comparison, columns: AskedColumns, answers: list[Answers]) -> dict[str, Any]:
    """Join the answers of folds: importance with intervals, most important first, and the first curves."""
    found = []
    for number, group in enumerate(columns.groups):
        losses = np.array([answer.losses[number] for answer in answers])
        if len(answers) > 1:
            interval = comparison.interval_of(pd.Series(losses.mean(axis=1)))
        else:
            interval = t_interval(losses[0])
        found.append((number, {"columns": group, **interval._asdict()}))
    found.sort(key=lambda pair: -pair[1]["mean"])
    curves: list[dict[str, Any]] = []
    for number, _ in found:
        own = [answer.curves[number] for answer in answers if number in answer.curves]
        if not own or len(columns.grids[number]) < 2 or len(curves) == SHOWN:
            continue
        known = np.atleast_1d(~np.isnan(own).all(axis=(0, 2)))
        points = np.nanmean(np.array(own)[:, known], axis=0)
        values = [value for value, is_known in zip(columns.grids[number], known) if is_known]
        kind, group = columns.kinds[number], columns.groups[number]
        missing = None
        if pd.isna(values[-1]):
            *values, _ = values
            *points, last = points
            missing = _point(last)
        values = values if kind in ("number", "date") else [str(value) for value in values]
        curves.append(
            {"columns": group, "kind": kind, "values": values, **_point(np.array(points).T), "missing": missing}
        )
    return {"importance": [record for _, record in found], "curves": curves}
