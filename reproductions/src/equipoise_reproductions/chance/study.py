"""Whether MUBO's choice of rows is better than chance, and why: the study, and what its page speaks of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import datasets
from equipoise.experiments import METRICS, results
from equipoise.experiments.readings import DECIDED
from equipoise.progress import OnProgress
from equipoise_reproductions.chance import plots, tables
from equipoise_reproductions.chance.arms import EXPLORED, PARTS, RECIPES, TITLES, arms
from equipoise_reproductions.chance.ledger import SETS, book
from equipoise_reproductions.chance.tables import SCORED
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.study import Effort, Limits, Study
from equipoise_reproductions.suite import loaders

FULL, QUICK = Effort(), Effort(n_folds=2, n_members=2, most_steps=300, most_sets=5)
MOST_ROWS, _QUICK_ROWS = 5500, 600  # of a set that all arms are run on
_GAINS = {f"over {rival}": ("mubo", rival) for rival in ("under", "cost")}


def chance(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run MUBO, its parts and its rivals over the comparison suite, and book what its printed rule accepts by."""
    most_rows = _QUICK_ROWS if quick else MOST_ROWS
    limits = dict.fromkeys(PARTS, Limits(rows=most_rows))
    study = Study(loaders(), arms(), QUICK if quick else FULL, datasets.suite(), limits=limits)
    missing = study.run(out / "cells", on_progress)
    brief: dict[str, int] = {"n_steps": 5, "inner_steps": 20} if quick else {}
    ledger = book(out / "cells" / "ledger.csv", ["yeast_2_vs_4"] if quick else SETS, **brief)
    yield {
        "scores": scores(out / "cells"),
        "ledger": ledger,
        "effort": study.effort,
        "most_rows": most_rows,
        "missing": missing,
        "quick": quick,
    }


def scores(folder: Path) -> pd.DataFrame:
    """Read the mean scores over folds: ``set``, ``family``, ``method``, ``seconds`` a fit, and the `SCORED` metrics."""
    found = results(folder, metrics=[METRICS[name] for name in SCORED], readings=[DECIDED])
    found = found.drop(columns=["reading", "repeat", "fold"]).rename(columns={"arm": "method"})
    return found.groupby(["set", "family", "method"], sort=False).mean().reset_index()


def chance_page(scores: pd.DataFrame, ledger: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    return {
        "tables": tables,
        "gains": gain_dots(scores, SCORED[:3], _GAINS),
        "bars": plots.ledger_bars(ledger),
        "unseen": scores[~scores["set"].isin(EXPLORED)],
        "explored": EXPLORED,
        "recipes": RECIPES,
        "all": [*RECIPES, *PARTS],
        "titles": TITLES,
        "metrics": [METRICS[name] for name in SCORED],
    }
