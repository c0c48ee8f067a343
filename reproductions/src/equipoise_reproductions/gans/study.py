"""Whether over-sampling by GANs is worth its time: what is compared, how it is read, and what the page speaks of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import datasets
from equipoise.experiments import METRICS, Arm, results
from equipoise.experiments.readings import CORRECTED, DECIDED, TUNED, TUNED_FOR, figures
from equipoise.progress import OnProgress
from equipoise.recipes import RECIPES
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.networks import plain_arms, plain_recipe
from equipoise_reproductions.study import Effort, Study
from equipoise_reproductions.suite import loaders

UNTREATED, RETUNED = "none", "none-tuned"
GANS = tuple(name for name, recipe in RECIPES.items() if recipe.slow and "sampler" in (recipe.parts or {}))
METHODS = (UNTREATED, RETUNED, "cost", "over", "smote", "svm-smote", *GANS)
TITLES: dict[str, str] = {name: name for name in METHODS} | {RETUNED: "none, threshold-tuned"}
SCORED = ("g_mean", "macro_f1", "balanced_brier", "average_precision")
FULL = Effort(n_members=1, most_rows=6000, most_steps=1000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=500, most_steps=60, most_sets=2)
_QUICK_EPOCHS = 20
_GAINS = {f"{TITLES[gan]} over {TITLES[rival]}": (gan, rival) for gan in GANS[:1] for rival in ("smote", RETUNED)}


def arms(*, quick: bool) -> list[Arm]:
    """What is trained; `RETUNED` is a reading of the untreated network."""
    trained = plain_arms([name for name in METHODS if name not in (RETUNED, *GANS)])
    short = {"sampler__max_epochs": _QUICK_EPOCHS} if quick else {}
    return [*trained, *(Arm(name, name, plain_recipe(name, **short)) for name in GANS)]


def gans(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run GAN over-samplers and their rivals over the smaller sets of the comparison suite."""
    effort, cells = QUICK if quick else FULL, out / "cells"
    missing = Study(loaders(), arms(quick=quick), effort, datasets.suite(), stacked=False).run(cells, on_progress)
    health = figures(cells).rename(columns={"arm": "method"}).drop(columns="repeat")
    yield {"scores": scores(cells), "health": health, "effort": effort, "missing": missing, "quick": quick}


def scores(folder: Path) -> pd.DataFrame:
    """Read mean scores over folds, a row a set and method; ``tuned_<metric>`` are threshold-tuned.

    The method `RETUNED` is the untreated network read so, its probabilities corrected to equal shares.
    """
    found = results(folder, metrics=[METRICS[name] for name in SCORED])
    means = found.drop(columns=["repeat", "fold"]).groupby(["reading", "set", "family", "arm"], sort=False).mean()
    tuned = means.loc[TUNED, list(TUNED_FOR)]
    table = means.loc[DECIDED].join(tuned.add_prefix("tuned_"))
    untreated = table.xs(UNTREATED, level="arm", drop_level=False)
    corrected = means.loc[CORRECTED].loc[untreated.index, "balanced_brier"]
    reread = untreated.assign(**{name: tuned[name] for name in TUNED_FOR}, balanced_brier=corrected)
    return (
        pd.concat([table, reread.rename({UNTREATED: RETUNED}, level="arm")])
        .rename_axis(index={"arm": "method"})
        .reset_index()
    )


def gans_page(scores: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    from equipoise_reproductions.gans import tables

    return {
        "tables": tables,
        "gains": gain_dots(scores, SCORED[:3], _GAINS),
        "metrics": [METRICS[name] for name in SCORED],
        "gans": GANS,
        "methods": METHODS,
        "titles": TITLES,
    }
