"""The page on images, Figure 6: what is run, the claims and the tables."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from equipoise.experiments.statistics import corrected_interval
from equipoise.progress import OnProgress
from equipoise.reports.plots import FONT, calm, legend, new_figure
from equipoise.reports.svg import INK, SERIES, drawing
from equipoise.text import number
from equipoise_reproductions.claims import Claim, Statement
from equipoise_reproductions.data import judged
from equipoise_reproductions.remix import claims, pictures, results, runs, tables
from equipoise_reproductions.remix.pictures import ALPHA_METHODS, AUGMENT, REMIX_AUGMENT, SEVEN
from equipoise_reproductions.remix.protocol import (
    ALPHA,
    BASELINE,
    COST,
    FULL,
    MIXUP,
    PRIOR_CORRECTED,
    REMIX,
    SMOTE,
    Effort,
)
from equipoise_reproductions.remix.text import gain, gains

Facts = dict[str, Any]
METRICS = tuple(results.METRICS)
TITLES = {method.name: method.title for method in SEVEN} | {PRIOR_CORRECTED: tables.TITLES[PRIOR_CORRECTED]}
PAPERS_SET = "CIFAR-10"
QUICK = Effort(epochs=2, repeats=1)


def images(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Train Figure 6's methods on sets of images; then ReMix at other alphas, and some methods for longer."""
    effort, folder = QUICK if quick else FULL, out / "image-cells"
    found, missing = pictures.obtainable()
    if not found:
        raise FileNotFoundError(" ".join(missing.values()))
    stages: list[list[runs.Job]] = [[(p, SEVEN) for p in found if p.source == s] for s in pictures.SOURCES]
    if (cell := pictures.cell_of_curves()) in found:
        more = [*ALPHA_METHODS, *pictures.longer(min(effort.epochs, cell.source.epochs))]
        stages.append([(cell, more)])
    for jobs in filter(None, stages):  # a page after each, so that a run that is stopped has one, too
        runs.run_jobs(folder, jobs, effort, on_progress, pictures.ImageRows)
        yield {"image_scores": results.scores(folder, found), "missing": missing, "effort": effort}


def images_page(image_scores: pd.DataFrame, effort: Effort, missing: dict[str, str], **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    seven = image_scores[image_scores["method"].isin(TITLES)]
    by_kind = seven.assign(source=seven["source"] + ", " + seven["kind"])
    others = {name: title for name, title in TITLES.items() if name != BASELINE.name}
    cell = pictures.cell_of_curves()
    of_cell = image_scores[image_scores["problem"] == cell.name]
    papers = seven[seven["source"] == PAPERS_SET]
    absent = {p.name for p in pictures.problems() if p.source.title not in missing} - set(seven["problem"])
    return {
        "quick": effort != FULL,
        "alpha": ALPHA,
        "cells": cells(effort),
        "not_run": ", ".join(sorted(absent)),
        "claims": [
            *([_claim6(papers)] if len(papers) else []),
            *([claims.alpha_claim(of_cell, "image_claims")] if _has_alphas(of_cell) else []),
        ],
        "alphas": _has_alphas(of_cell),
        "cell": cell.name,
        "figure": gain_dots(papers) if len(papers) else None,
        "gains": {metric: gains(by_kind, metric, others) for metric in METRICS},
        "longer": longer(of_cell),
        "means": {metric: means(seven, metric) for metric in (*METRICS, "brier")},
        "titles": tables.METRIC_TITLES,
    }


def cells(effort: Effort) -> pd.DataFrame:
    """Return what is trained on each set."""
    lines = {
        f"{source.title}, {claims.KINDS[source.multiclass]}": {
            "images not cut down": f"{min(source.printed[1], source.most):,}",
            "cut down": ", ".join(source.minority) or "as it comes",
            "N+/N-": ", ".join(f"{ratio:g}" for ratio in source.ratios),
            "batch": str(source.batch_size),
            "repeats": str(min(effort.repeats, source.repeats)),
            "epochs": str(min(effort.epochs, source.epochs)),
        }
        for source in pictures.SOURCES
    }
    return pd.DataFrame.from_dict(lines, orient="index")


def _has_alphas(scores: pd.DataFrame) -> bool:
    return {method.name for method in ALPHA_METHODS} <= set(scores["method"])


def _claim6(scores: pd.DataFrame) -> Claim:
    """Judge R6 on the paper's set, over its ratios."""
    best = {"binary": (REMIX_AUGMENT, AUGMENT), "multi-class": (AUGMENT, REMIX_AUGMENT)}
    statements = []
    for kind, part in scores.groupby("kind", sort=False):
        first, second = best[str(kind)]
        pairs = [*((REMIX, other) for other in (MIXUP, COST, SMOTE)), (first, second), (first, REMIX)]
        for metric in METRICS:
            for method, other in pairs:
                text = f"{kind}: {tables.METRIC_TITLES[metric]} of {TITLES[method.name]} over {TITLES[other.name]}"
                values = gain(part, metric, method.name, other.name)
                statements.append(Statement(text, corrected_interval(values, test_share=0.5)))
    return judged("remix", "image_claims", R6=statements)[0]


def means(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean and standard deviation over folds of each method, a row a cell."""
    grouped = scores.groupby(["problem", "method"], sort=False)[metric]
    text = grouped.mean().map(number) + " ± " + grouped.std().map(number)
    return text.unstack("method").reindex(scores["problem"].unique())[list(TITLES)].rename(columns=TITLES)


def longer(scores: pd.DataFrame) -> pd.DataFrame | None:
    """Scores of the methods that were trained for longer, a row a method and a column a metric and length."""
    lengths = {"1x": ""} | {f"{factor}x": f"@{factor}x" for factor in pictures.LENGTHS}
    names = sorted({name.partition("@")[0] for name in scores["method"] if name.endswith("x") and "@" in name})
    found = scores.groupby("method")[list(METRICS)].mean()
    rows = {
        TITLES[name]: {
            f"{results.METRICS[metric]}, {times}": number(found.loc[name + ending, metric])
            for metric in METRICS
            for times, ending in lengths.items()
        }
        for name in names
    }
    return pd.DataFrame.from_dict(rows, orient="index") if rows else None


def gain_dots(scores: pd.DataFrame) -> Figure:
    """Figure 6: mean gain of each method over the baseline by ratio; G-mean above, balanced Brier below."""
    kinds = [kind for kind in claims.KINDS if kind in set(scores["kind"])]
    names = [name for name in TITLES if name not in (BASELINE.name, PRIOR_CORRECTED)]
    figure = new_figure(560, 860)
    panels = figure.subplots(2, len(kinds), squeeze=False, sharey=True)
    with drawing():
        for row, metric in enumerate(METRICS):
            for column, kind in enumerate(kinds):
                panel, part = panels[row, column], scores[scores["kind"] == kind]
                calm(panel, grid="x")
                _dots(panel, part, metric, names)
                panel.set_yticks(range(len(names)), [TITLES[name] for name in names])
                panel.set_title(f"{tables.METRIC_TITLES[metric]} gain, {kind}", fontsize=FONT, color=INK, loc="left")
        panels[0, 0].invert_yaxis()
        legend(figure, panels[0, 0])
    return figure


def _dots(panel: Any, scores: pd.DataFrame, metric: str, names: Iterable[str]) -> None:
    for (ratio, part), colour in zip(scores.groupby("ratio", sort=False), SERIES):
        values = [gain(part, metric, name, BASELINE.name).mean() for name in names]
        panel.plot(values, range(len(values)), "o", color=colour, markersize=6, label=f"N+/N- = {ratio:g}")
    panel.axvline(0, color=INK, linewidth=1)
