"""The AutoBalance reproduction: tables and long tails, images, groups and the split; what the pages speak of."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from equipoise import datasets
from equipoise.experiments.splits import StratifiedFolds
from equipoise.progress import OnProgress
from equipoise_reproductions.autobalance import claims, plots, splits, tables
from equipoise_reproductions.autobalance import images as clothes
from equipoise_reproductions.autobalance.adult import adult
from equipoise_reproductions.autobalance.arms import DEFAULT, GAMMAS, GROUPS, TABLES, TAUS, TITLES, VS_GAMMAS, VS_TAUS
from equipoise_reproductions.autobalance.scores import SCORED, by_fold, group_scores, over_folds
from equipoise_reproductions.autobalance.tails import SETS, LongTailed
from equipoise_reproductions.study import Effort, Study
from equipoise_reproductions.suite import loaders

SUITE = Effort(n_folds=3, n_members=2, most_rows=6000, most_steps=300)
TAILS = Effort(n_folds=5, n_members=2, most_rows=20_000, most_steps=600)
ADULT = Effort(n_folds=3, n_members=2, most_rows=50_000, most_steps=1000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=600, most_steps=60, most_sets=2)
_QUICK_TAILS = Effort(n_folds=2, n_members=1, most_steps=60, most_sets=1)
_STRENGTHS = {"taus": TAUS, "gammas": GAMMAS, "vs_taus": VS_TAUS, "vs_gammas": VS_GAMMAS}
GRIDS = {name: ", ".join(f"{value:g}" for value in values) for name, values in _STRENGTHS.items()}

Facts = dict[str, Any]


def tables_studies(*, quick: bool) -> tuple[Study, Study]:
    """All losses on small sets of the suite, and on long tails."""
    tails = {name: partial(datasets.load, full) for name, full in SETS.items()}
    return (
        Study(loaders(), TABLES, QUICK if quick else SUITE, datasets.suite(), stacked=False),
        Study(tails, TABLES, _QUICK_TAILS if quick else TAILS, splits=LongTailed, stacked=False),
    )


def losses(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Run all losses on small sets and on long tails."""
    suite, tails = tables_studies(quick=quick)
    missing = [*suite.run(out / "suite", on_progress), *tails.run(out / "tails", on_progress)]
    parts = (by_fold(out / "suite").assign(part="suite"), by_fold(out / "tails").assign(part="long tail"))
    efforts = {"effort": suite.effort, "tails_effort": tails.effort}
    yield {"scores": pd.concat(parts), "missing": missing, "quick": quick, **efforts}


def losses_page(scores: pd.DataFrame, **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    suite, tails = (scores[scores["part"] == part].drop(columns="part") for part in ("suite", "long tail"))
    found = over_folds(suite)
    judged = claims.table_claims(found, suite, tails)
    shared = {"methods": tables.METHODS, "default": DEFAULT, "titles": TITLES, "metrics": SCORED, **GRIDS}
    return {"tables": tables, "found": found, "suite": suite, "tails": tails, "claims": judged, **shared}


def images(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Run all losses on Fashion-MNIST-LT with a small CNN."""
    effort, folder = clothes.QUICK if quick else clothes.FULL, out / "images"
    clothes.run_images(folder, effort, on_progress)
    path = folder / f"{clothes.NAME}.sqlite"
    frames = {"image_scores": by_fold(folder), "image_classes": clothes.by_class(path)}
    chosen = clothes.strengths(path)
    yield {**frames, "strengths": tables.strengths(chosen).to_dict("index"), "effort": effort, "quick": quick}


def images_page(
    image_scores: pd.DataFrame, image_classes: pd.DataFrame, strengths: dict[str, dict[str, str]], **facts: Any
) -> Facts:
    """Return what the page speaks of, beside its facts."""
    of_one = image_classes.drop_duplicates(["seed", "class"]).query("seed == 0")["images"]
    return {
        "tables": tables,
        "of_one": of_one,
        "chosen": pd.DataFrame(strengths).T.rename_axis("method"),
        "errors": plots.by_class(image_classes),
        "found": plots.found(image_classes),
        "claims": claims.image_claims(image_scores),
    }


def groups(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Run adult with sex as the group, and searches with three validation shares."""
    of_splits, folder = splits.QUICK if quick else splits.FULL, out / "groups"
    study = groups_study(quick=quick)
    study.run(folder, on_progress)
    scores = group_scores(folder / "adult.sqlite", np.asarray(adult().groups))
    looks = splits.courses(out / "splits", of_splits, on_progress)
    efforts = {"effort": study.effort, "searches": of_splits}
    yield {"group_scores": scores, "splits": looks, "quick": quick, **efforts}


def groups_study(*, quick: bool) -> Study:
    """Arms that know of groups, and some that do not, on adult; rows are divided whatever their group."""
    ungrouped = partial(StratifiedFolds, grouped=False)
    effort = Effort(n_folds=2, n_members=1, most_steps=60) if quick else ADULT
    return Study({"adult": adult}, GROUPS, effort, splits=ungrouped, stacked=False)


def groups_page(group_scores: pd.DataFrame, splits: pd.DataFrame, **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    return {
        "tables": tables,
        "arms": [arm.name for arm in GROUPS],
        "trade_off": plots.trade_off(group_scores),
        "courses": {searched: plots.courses(splits, searched) for searched in splits["searched"].unique()},
        "claims": claims.group_claims(group_scores, splits),
        **GRIDS,
    }
