"""The page on text: what is run, the claim and the tables."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise.experiments.statistics import corrected_interval
from equipoise.progress import OnProgress
from equipoise.text import number
from equipoise_reproductions.claims import Claim, Statement, in_words
from equipoise_reproductions.data import judged
from equipoise_reproductions.remix import results, runs, tables, texts
from equipoise_reproductions.remix.protocol import ALPHA, BASELINE, FULL, PAPER, PRIOR_CORRECTED, QUICK, REMIX, Effort
from equipoise_reproductions.remix.ranking import GREATER_IS_BETTER, Scoreboard

Facts = dict[str, Any]
METRICS = tuple(results.METRICS)
TITLES = {name: tables.TITLES[name] for name in (*(method.name for method in PAPER[1:]), PRIOR_CORRECTED)}
"""Methods that are compared with the baseline."""


def text(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Train Table 2's methods on sets of texts."""
    effort, folder = QUICK if quick else FULL, out / "text-cells"
    cells = [p for p in texts.problems() if p.reading == texts.N_GRAMS or texts.can_embed()]
    found, missing = runs.obtainable(cells)
    if not found:
        raise FileNotFoundError(" ".join(missing.values()))
    if not texts.can_embed():
        missing["embeddings"] = f"pip install 'equipoise[text]' {texts.MODEL.replace('_', '-')}."
    runs.run_jobs(folder, [(problem, PAPER) for problem in found], effort, on_progress, texts.TextRows)
    yield {"text_scores": results.scores(folder, found), "missing": missing, "effort": effort}


def text_page(text_scores: pd.DataFrame, effort: Effort, **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    return {
        "quick": effort != FULL,
        "alpha": ALPHA,
        "repeats": text_scores.groupby("source", sort=False)["repeat"].nunique().to_dict(),
        "epochs": {p.source.title: min(effort.epochs, p.source.epochs) for p in texts.problems()},
        "claims": [claim(text_scores)],
        "ranks": ranks(text_scores),
        "gains": {metric: gains(text_scores, metric) for metric in METRICS},
        "means": {metric: means(text_scores, metric) for metric in (*METRICS, "brier")},
        "titles": tables.METRIC_TITLES,
    }


def claim(scores: pd.DataFrame) -> Claim:
    """Judge R11: ReMix against each other method of Table 2, by set and reading, over its ratios."""
    others = [method for method in PAPER if method is not REMIX]
    statements = [
        Statement(f"{source}: {tables.METRIC_TITLES[metric]} gained over {other.title}", interval)
        for metric in METRICS
        for source, part in scores.groupby("source", sort=False)
        for other in others
        for interval in [corrected_interval(gain(part, metric, REMIX.name, other.name), test_share=0.5)]
    ]
    return judged("remix", R11=statements)[0]


def gains(scores: pd.DataFrame, metric: str, titles: Mapping[str, str] = TITLES) -> pd.DataFrame:
    """Mean gain of methods over the baseline and its 95% interval, over the ratios of a source; a row a source."""
    rows = {
        str(source): {
            title: in_words(corrected_interval(gain(part, metric, name, BASELINE.name), test_share=0.5))
            for name, title in titles.items()
        }
        for source, part in scores.groupby("source", sort=False)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def gain(scores: pd.DataFrame, metric: str, method: str, other: str) -> pd.Series:
    """How much better a method is than another, a row a repeat and fold, the mean over ratios."""
    wide = scores.pivot_table(index=["repeat", "fold"], columns="method", values=metric)
    return (wide[method] - wide[other]) * (1 if GREATER_IS_BETTER[metric] else -1)


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean ranks of Table 2's methods over cells, by metric."""
    names = [method.name for method in PAPER]
    boards = {metric: Scoreboard.of(scores, metric, names) for metric in METRICS}
    columns = {tables.METRIC_TITLES[metric]: board.ranks().mean(axis=0) for metric, board in boards.items()}
    return pd.DataFrame(columns, index=[tables.TITLES[name] for name in names]).map(lambda rank: number(rank, 2))


def means(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean and standard deviation over folds of each method, a row a cell."""
    kinds = scores["kind"].unique()
    return pd.concat([tables.values(scores, metric, kind, list(tables.TITLES)) for kind in kinds])
