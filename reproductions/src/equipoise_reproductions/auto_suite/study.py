"""How `auto` does against boosting and other references: the study, and what its page speaks of."""

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import datasets
from equipoise.experiments import Arm
from equipoise.progress import OnProgress
from equipoise.text import count, number
from equipoise_reproductions.auto_suite import tables
from equipoise_reproductions.auto_suite.arms import LIMITS, N_DRAWS, TITLES, arms, missing_packages
from equipoise_reproductions.auto_suite.halves import halves
from equipoise_reproductions.auto_suite.references import BOOSTING, EXTRAS
from equipoise_reproductions.auto_suite.scores import EQUAL, FITS, failures, of_sets, over_folds, scores_by_fold
from equipoise_reproductions.auto_suite.targets import as_table, best_booster, of_auto, targets
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.study import Effort, Limits, Study
from equipoise_reproductions.suite import loaders

FULL = Effort(n_folds=2, n_members=1, most_rows=100_000, n_repeats=5)
QUICK = Effort(n_folds=2, n_members=1, most_rows=500, most_sets=2)


def auto(
    out: Path, quick: bool, on_progress: OnProgress, only: Collection[str] | None = None
) -> Iterator[dict[str, Any]]:
    """Run auto and the references over the comparison suite: halves of the rows, five times on sets that are not long.

    ``only`` names arms, in place of all whose packages are installed; the others may be run into the same stores later.
    """
    chosen = [arm for arm in arms(quick=quick) if only is None or arm.name in only]
    run = [arm for arm in chosen if not missing_packages(arm.name)]
    effort, cells = QUICK if quick else FULL, out / "cells"
    study = Study(loaders(), run, effort, datasets.suite(), limits=LIMITS, stacked=False)
    missing = study.run(cells, on_progress)
    by_fold = scores_by_fold(cells)
    yield {
        "scores": over_folds(by_fold),
        "effort": effort,
        "missing": missing,
        "failed": failures(cells),
        "quick": quick,
        "sets": of_sets(cells).to_dict("index"),
        "few": tables.on_few_sets(by_fold),
    }


def auto_page(
    scores: pd.DataFrame, effort: Effort, quick: bool, sets: dict[str, dict[str, int]], **facts: Any
) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    judged = targets(scores)
    seen, unseen = (scores[scores["set"].isin(half)] for half in halves())
    rivals = dict.fromkeys(best_booster(scores, metric) for metric in EQUAL)
    pairs = {f"over {TITLES[name]}": (of_auto(EQUAL[0]), name) for name in rivals}
    return {
        "tables": tables,
        "targets": targets,
        "as_table": as_table,
        "met": sum(target.met for target in judged),
        "judged": judged,
        "cuts": cuts(arms(quick=quick), effort),
        "absent": absent(scores, arms(quick=quick)),
        "seen": seen,
        "unseen": unseen,
        "gains": gain_dots(scores, [metric.name for metric in EQUAL], pairs),
        "like": pd.DataFrame(sets).T.rename_axis("set").astype(int),
        "ratios": {BOOSTING[name]: number(tables.median_ratio(scores, name), 0) for name in ("lightgbm", "catboost")},
        "equal": EQUAL,
        "fits": FITS,
        "count": count,
        "n_draws": N_DRAWS,
    }


def cuts(every: list[Arm], effort: Effort) -> list[str]:
    """Say which arms are run on less, from their limits."""
    found = []
    for arm in every:
        own = LIMITS.get(arm.name, Limits())
        limits = [f"sets of at most {count(own.cells)} rows times columns"] if own.cells < math.inf else []
        if own.repeats < effort.n_repeats:
            limits.append(f"{own.repeats} of {effort.n_repeats} repeats")
        found += [f"{arm.title}: {', '.join(limits)}"] if limits else []
    return found


def absent(scores: pd.DataFrame, every: list[Arm]) -> str:
    """Say which arms have no result, and what to install for them; nothing if there are none."""
    without = [arm for arm in every if arm.name not in set(scores["method"])]
    extras = dict.fromkeys(EXTRAS[package] for arm in without for package in missing_packages(arm.name))
    remedy = f": pip install {' '.join(repr(f'equipoise[{extra}]') for extra in extras)}" if extras else ""
    return f"Not run: {'; '.join(arm.title for arm in without)}{remedy}." if without else ""
