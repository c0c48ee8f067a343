"""Every subset of the three papers' parts on the comparison suite: what is trained, and what the page speaks of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import NeuralClassifier, datasets
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.experiments import METRICS, Arm, results
from equipoise.experiments.arms import Make
from equipoise.experiments.readings import CALIBRATED, DECIDED, TUNED, TUNED_FOR
from equipoise.progress import OnProgress
from equipoise_reproductions.study import Effort, Study
from equipoise_reproductions.suite import loaders
from equipoise_reproductions.together import effects, plots
from equipoise_reproductions.together.design import ARMS, CORRECTED, NATURAL, READINGS, SCORED, TWICE
from equipoise_reproductions.together.parts import parts

FULL = Effort(n_folds=3, n_members=1, most_rows=6000, most_steps=300)
QUICK = Effort(n_folds=2, n_members=1, most_rows=600, most_steps=60, most_sets=2)
_QUICK_OUTER_STEPS = 3


def _make(name: str, outer_steps: int) -> Make:
    def make(fold: Any, protocol: Any) -> NeuralClassifier:
        return NeuralClassifier(
            **parts(name, outer_steps, protocol.max_steps),
            n_members=protocol.n_members,
            max_steps=protocol.max_steps,
            standardize=False,
            random_state=fold.fold.seed,
        )

    return make


def arms(*, quick: bool) -> list[Arm]:
    """Every subset of the three parts, and `TWICE`."""
    return [Arm(name, name, _make(name, _QUICK_OUTER_STEPS if quick else OUTER_STEPS)) for name in (*ARMS, TWICE)]


def together(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every subset of the three parts over the smaller sets of the comparison suite."""
    effort, cells = QUICK if quick else FULL, out / "cells"
    missing = Study(loaders(), arms(quick=quick), effort, datasets.suite(), stacked=False).run(cells, on_progress)
    yield {"scores": scores(cells), "effort": effort, "missing": missing, "quick": quick}


def scores(folder: Path, *, by_fold: bool = False) -> pd.DataFrame:
    """Read mean scores over folds, a row a set and arm: ``seconds``, and ``<reading>_<metric>`` for both readings.

    A row also for each ``fold`` if ``by_fold``.

    `CORRECTED`: thresholds are tuned for G-mean and macro F1, and probabilities calibrated for balanced Brier and log
    loss, on the test rows of the other folds. Average precision stays as it is.
    """
    found = results(folder, metrics=[METRICS[name] for name in SCORED], readings=[DECIDED, TUNED, CALIBRATED])
    found = found.drop(columns="repeat").rename(columns={"arm": "method"})
    key = ["set", "family", *(["fold"] if by_fold else []), "method"]
    means = found.groupby(["reading", *key], sort=False).mean().drop(columns="fold", errors="ignore")
    natural, tuned, calibrated = (means.loc[reading] for reading in (DECIDED, TUNED, CALIBRATED))
    ranked = [name for name in SCORED if not METRICS[name].at_threshold and METRICS[name].priors is None]
    corrected = calibrated[list(SCORED)].assign(**tuned[list(TUNED_FOR)], **natural[ranked])
    table = natural[["seconds"]].join(natural[list(SCORED)].add_prefix(f"{NATURAL}_"))
    return table.join(corrected.add_prefix(f"{CORRECTED}_")).reset_index()


def together_page(scores: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    found = effects.effects(scores)
    return {
        "tables": effects,
        "found": found,
        "readings": READINGS,
        "chart": plots.effect_chart(found),
        "arms": ARMS,
        "metrics": [METRICS[name] for name in SCORED],
        "n_sources": scores["family"].nunique(),
        "n_sets": scores["set"].nunique(),
        "outer_steps": OUTER_STEPS,
    }
