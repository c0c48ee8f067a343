"""Which majority rows a large table needs: what is compared, and what the page speaks of."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise.experiments import METRICS, Arm, results
from equipoise.experiments.arms import observed_priors
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import CORRECTED, DECIDED, TUNED, figures
from equipoise.progress import OnProgress
from equipoise_reproductions.mubo_large.choices import WAYS
from equipoise_reproductions.mubo_large.models import MODELS, OnChosenRows, installed
from equipoise_reproductions.mubo_large.sets import loaders
from equipoise_reproductions.study import Effort, Limits, Study

SHARE = 0.05
SHARES = (0.01, SHARE, 0.2)
SCORED = {"average_precision": DECIDED, "log_loss": DECIDED, "g_mean": TUNED, "balanced_brier": CORRECTED}
"""Metrics, each in the reading that asks what the probabilities know."""

FULL = Effort(n_folds=2, n_members=1)
QUICK = Effort(n_folds=2, n_members=1, most_rows=15_000, most_sets=1)
_MOST_ROWS = 120_000  # of the ways whose cost grows with the square of the rows, of networks and of other shares
_SLOW = ("k-centre", "search")
_KEY = ["way", "model", "reading", "share"]


def arms() -> list[Arm]:
    """Every way with LightGBM (without it, scikit-learn's boosting), and the ways that matter most with all models."""
    first, *others = [model for model in MODELS if installed(model)]
    found = [(way, first, "corrected", SHARE) for way in WAYS]
    found += [(way, first, "corrected", share) for way in ("balanced", "score") for share in SHARES if share != SHARE]
    found += [(way, model, "corrected", SHARE) for model in others for way in ("all", "balanced", "score")]
    found += [(way, model, "weighted", SHARE) for model in (first, *others) for way in ("balanced", "score")]
    return [_arm(*key) for key in found]


def _arm(way: str, model: str, reading: str, share: float) -> Arm:
    name = "/".join([way, model, reading, str(share)])
    make = partial(_model, way, model, reading, share)
    return Arm(name, name, make, observed_priors)


def limits(compared: list[Arm]) -> dict[str, Limits]:
    """Return the limits of arms whose cost forbids to run them everywhere."""
    found = {}
    for arm in compared:
        way, model, _, share = arm.name.split("/")
        if way in _SLOW or model == "network" or float(share) != SHARE:
            found[arm.name] = Limits(rows=_MOST_ROWS)
    return found


def _model(way: str, model: str, reading: str, share: float, fold: PreparedFold, protocol: Protocol) -> OnChosenRows:
    return OnChosenRows(way, model, reading, share, fold.fold.seed)


def large(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every way to choose rows over the tables: halves of the rows."""
    cells, effort = out / "cells", QUICK if quick else FULL
    compared = arms()
    missing = Study(loaders(), compared, effort, limits=limits(compared), stacked=False).run(cells, on_progress)
    yield {"scores": scores(cells), "missing": missing, "quick": quick}


def scores(folder: Path) -> pd.DataFrame:
    """Read scores and costs, a row a set, fold, way, model, reading and share."""
    key = ["set", "family", "arm", "repeat", "fold"]
    found = results(folder, metrics=[METRICS[name] for name in SCORED], readings=(DECIDED, CORRECTED, TUNED))
    read = {name: found[found["reading"] == reading].set_index(key)[name] for name, reading in SCORED.items()}
    table = pd.DataFrame(read)
    table = table.join(figures(folder).set_index(key)).reset_index()
    parts = table["arm"].str.split("/", expand=True).set_axis(_KEY, axis=1).astype({"share": float})
    return pd.concat([table[["set", "family", "fold"]], parts, table.drop(columns=key)], axis=1)


def large_page(scores: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    from equipoise_reproductions.mubo_large import tables

    models = [model for model in MODELS if model in set(scores["model"])]
    return {
        "tables": tables,
        "models": models,
        "titles": MODELS,
        "metrics": [METRICS[name] for name in SCORED],
        "share": SHARE,
        "chart": tables.against_rows(scores, models[0]),
    }
