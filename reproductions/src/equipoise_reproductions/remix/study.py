"""The ReMix reproduction, Tables 1 and 2 and the figures: what is run, and what the pages speak of."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import corrected_interval
from equipoise.progress import OnProgress
from equipoise.reports.svg import drawing
from equipoise.text import count, number
from equipoise_reproductions.claims import Claim, Statement, in_words
from equipoise_reproductions.data import judged
from equipoise_reproductions.remix import (
    claims,
    plots,
    protocol,
    results,
    runs,
    sketches,
    spread,
    surfaces,
    tables,
    third_class,
)
from equipoise_reproductions.remix.protocol import (
    ALPHA,
    ALPHAS,
    BOOSTED,
    FULL,
    LONGER,
    NETWORKS,
    PAPER,
    QUICK,
    Effort,
    Problem,
)
from equipoise_reproductions.study import check_found

Facts = dict[str, Any]
Counted = dict[str, pd.DataFrame]

_ALPHA_SETS = {"musk2-binary": "Musk", "seizure-binary": "Seizure"}
_SHOWN_LONGER = (0.025, 0.1)  # the ratio, for two classes and for more, on which longer training is tried
_COUNTED = ("segment-binary-0.05", "segment-binary-0.01", "satimage-binary-0.05", "satimage-binary-0.01")
_COUNTED_REPEATS = 2


def table1(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """The data sets as they are built, beside the paper's Table 1; nothing is trained."""
    found, missing = runs.obtainable(protocol.problems())
    yield {"table1": tables.table1(found), "missing": missing}


def table1_page(**facts: Any) -> Facts:
    """Return nothing: the facts are all that the page speaks of."""
    return {}


def table2(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Train every method on every cell that can be had."""
    effort, folder = QUICK if quick else FULL, out / "cells"
    found, missing = _problems()
    longer = [p for p in found if p.ratio in _SHOWN_LONGER and p.source.epochs < FULL.epochs and not quick]
    jobs: list[runs.Job] = [(p, NETWORKS) for p in found] + [(p, LONGER) for p in longer]
    runs.run_jobs(folder, [*jobs, *((p, [BOOSTED]) for p in found)], effort, on_progress)
    yield {"scores": results.scores(folder, found), "missing": missing, "effort": effort}


def table2_page(scores: pd.DataFrame, effort: Effort, **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    kinds = [kind for kind in claims.KINDS if kind in set(scores["kind"])]
    return {
        "quick": effort != FULL,
        "alpha": ALPHA,
        "repeats": _limit("repeats", effort.repeats),
        "epochs": _limit("epochs", effort.epochs),
        "tables": tables,
        "kinds": kinds,
        "metrics": results.METRICS,
        "claims": claims.table_claims(scores),
        "gains": plots.gain_bars(scores),
        "longer": longer(scores),
    }


def _limit(name: str, usual: int) -> str:
    """Say how much of something is run, and on which sources it is less."""
    less = [s for s in protocol.SOURCES if getattr(s, name) < usual]
    exceptions = ", ".join(f"{s.title} ({claims.KINDS[s.multiclass]}): {getattr(s, name)}" for s in less)
    return f"{usual} ({exceptions})" if less else str(usual)


def longer(scores: pd.DataFrame) -> pd.DataFrame | None:
    """Compare 500 epochs with fewer, a row a problem and method that has both; None if there are none."""
    rows = []
    for method in LONGER:
        short = method.name.partition("@")[0]
        for problem, part in scores[scores["method"].isin([method.name, short])].groupby("problem", sort=False):
            if set(part["method"]) == {method.name, short}:
                rows.append({"problem": problem, "method": tables.TITLES[short]} | _change(part, method.name, short))
    return pd.DataFrame(rows).set_index("problem") if rows else None


def _change(scores: pd.DataFrame, longer: str, shorter: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for metric, title in results.METRICS.items():
        table = scores.pivot_table(index=["repeat", "fold"], columns="method", values=metric).dropna()
        change = corrected_interval(table[longer] - table[shorter], test_share=0.5)
        texts |= {
            f"{title}, fewer": number(table[shorter].mean()),
            f"{title}, 500": number(table[longer].mean()),
            f"{title}, change": in_words(change),
        }
    return texts


def figures(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Train for Figures 1, 5 and 7, and count what the paper says of the rows that ReMix makes."""
    effort, folder = QUICK if quick else FULL, out / "cells"
    found, missing = _problems()
    shown = [p for p in found if p.name.startswith(tuple(_ALPHA_SETS))]
    by_alpha = [(p, [protocol.remix_at(alpha)]) for alpha in ALPHAS for p in shown]
    runs.run_jobs(folder, [*((p, PAPER) for p in found), *by_alpha], effort, on_progress)
    yield {
        "scores": results.scores(folder, found),
        "missing": missing,
        "ring": surfaces.train_surfaces(),
        "counts": {p.name: counted(p) for p in found if p.name in _COUNTED},
    }


def figures_page(
    scores: pd.DataFrame, ring: surfaces.Surfaces, counts: dict[str, list[Counted]], **facts: Any
) -> Facts:
    """Return what the page speaks of, beside its facts."""
    of_alpha = scores[scores["problem"].str.startswith(tuple(_ALPHA_SETS))]
    sets = {start: title for start, title in _ALPHA_SETS.items() if of_alpha["problem"].str.startswith(start).any()}
    alpha, made = claims.alpha_claim(of_alpha), spread_claim(counts)
    with drawing():
        drawn = {
            "decision_surfaces": surfaces.decision_surfaces(ring),
            "one_batch": sketches.made_rows(),
            "ten_batches": sketches.made_rows(n_batches=10),
            "densities": sketches.densities(),
            "gains": plots.gain_bars(scores),
            "curves": plots.alpha_curves(of_alpha, sets) if sets else None,
            "harmful": third_class.harmful_mixes(),
        }
    tabled = {f"{name}: {title}": _formatted(frame) for name, of in counts.items() for title, frame in of[0].items()}
    return {**drawn, "tabled": tabled, "alpha_claim": alpha, "rows_claim": made, "claims": [alpha, made]}


def _problems() -> tuple[list[Problem], dict[str, str]]:
    found, missing = runs.obtainable(protocol.problems())
    check_found(found)
    return found, missing


_REPEATED, _UNSEEN, _OUTSIDE = (
    "rows shown in 200 batches",
    "share of the majority not yet seen, by epochs",
    "rare rows outside the hull of the rare class",
)


def counted(problem: Problem) -> list[Counted]:
    """Count what batches hold, on the training rows of each of a few folds of a problem."""
    rows = runs.Rows(problem)
    return [_counted_on(rows.scaled(f)[0], rows.y[f.train], f.seed) for f in rows.folds(_COUNTED_REPEATS)]


def _counted_on(X: np.ndarray, y: np.ndarray, seed: int) -> Counted:
    return {
        _REPEATED: spread.repetition(X, y, alpha=ALPHA, random_state=seed),
        _UNSEEN: spread.unseen_majority(X, y, random_state=seed),
        _OUTSIDE: spread.outside_hull(X, y, alpha=ALPHA, random_state=seed),
    }


def spread_claim(counted: dict[str, list[Counted]]) -> Claim:
    """Judge R10 by what was counted."""
    statements = []
    for name, folds in counted.items():
        for text, values in pd.DataFrame([differences(found) for found in folds]).items():
            statements.append(Statement(f"{name}: {text}", corrected_interval(values, test_share=0.5)))
    return judged("remix", R10=statements)[0]


def differences(counted: Counted) -> dict[str, float]:
    """What ReMix's batches hold less, or more, than those of other methods."""
    repeated, outside = counted[_REPEATED]["rare_repeated"], counted[_OUTSIDE]["outside"]
    unseen = counted[_UNSEEN].iloc[-1]
    return {
        "rare rows repeated by over-sampling, less by ReMix": repeated["over-sampling"] - repeated["ReMix"],
        "rare rows repeated by in-batch SMOTE, less by ReMix": repeated["SMOTE"] - repeated["ReMix"],
        "majority never seen by under-sampling, less by ReMix": unseen["under-sampling"] - unseen["ReMix"],
        "rare rows outside the hull by ReMix, less by SMOTE": outside["ReMix"] - outside["SMOTE"],
    }


def _formatted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(lambda value: count(value) if value > 1 else number(value))
