"""The paper's Tables 1 and 2 beside ours, and the scores behind them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from equipoise.text import count, number
from equipoise_reproductions.remix.protocol import (
    BASELINE,
    BOOSTED,
    CONTROL,
    COST,
    PAPER,
    PRIOR_CORRECTED,
    REMIX_DATASET,
    Problem,
    problems,
)
from equipoise_reproductions.remix.ranking import Scoreboard
from equipoise_reproductions.remix.runs import Rows

PRINTED = pd.DataFrame(
    {
        ("binary", "g_mean"): [65, 70, 36, 77, 22],
        ("binary", "bbs"): [63, 66, 54, 63, 22],
        ("multi-class", "g_mean"): [31, 28, 24, 40, 12],
        ("multi-class", "bbs"): [38, 36, 30, 22, 9],
    },
    index=[method.name for method in PAPER],
)
"""Table 2 of the paper: sums of ranks."""

PRINTED_CELLS = {"binary": 18, "multi-class": 9}
"""Data sets x ratios that the paper's sums are over; they follow from the totals of its columns."""

TITLES = {method.name: method.title for method in (*PAPER, CONTROL, REMIX_DATASET)} | {
    PRIOR_CORRECTED: "Baseline, prior-corrected",
    BOOSTED.name: BOOSTED.title,
}
METRIC_TITLES = {"g_mean": "GM", "bbs": "BBS", "brier": "Brier"}


def table1(found: Sequence[Problem]) -> pd.DataFrame:
    """Build Table 1: dimensions and rows as they are, beside what the paper prints; sets that are missing too."""
    lines = [_line(problem, Rows(problem)) if problem in found else _heading(problem) for problem in problems()]
    return pd.DataFrame(lines).fillna("missing").set_index("data set")


def _heading(problem: Problem) -> dict[str, str]:
    source = problem.source
    return {
        "data set": source.title,
        "kind": "multi-class" if source.multiclass else "binary",
        "cut down": ", ".join(source.minority),
        "N+/N-": f"{problem.ratio:g}",
        "dim (paper)": count(source.printed[0]),
        "instances (paper)": count(source.printed[1]),
    }


def _line(problem: Problem, data: Rows) -> dict[str, str]:
    counts = data.counts()
    return _heading(problem) | {
        "dim": count(data.X.shape[1]),
        "rows before the cut": count(data.n_before),
        "rows": count(len(data.y)),
        "rows of each class as built": ", ".join(f"{label}: {count(n)}" for label, n in counts.items()),
    }


def table2(scores: pd.DataFrame, metric: str, kind: str) -> pd.DataFrame:
    """Build one column of Table 2: the paper's sums and means of ranks beside ours."""
    names = [method.name for method in PAPER]
    board = Scoreboard.of(scores, metric, names)
    places = board.of_kind(kind)
    ranks = pd.DataFrame(board.ranks()[places], columns=names)
    printed = PRINTED[kind, metric]
    cells = PRINTED_CELLS[kind]
    table = pd.DataFrame(
        {
            f"paper: sum ({cells} cells)": [count(printed[name]) for name in names],
            "paper: mean rank": [number(printed[name] / cells, 2) for name in names],
            f"ours: sum ({len(places)} cells)": [count(round(ranks[name].sum(), 1)) for name in names],
            "ours: mean rank": [number(ranks[name].mean(), 2) for name in names],
            "95% interval": [_interval(board, name, kind) for name in names],
            "mean rank, weights ignored": _mean_ranks_without_weights(scores, metric, kind),
        },
        index=pd.Index([TITLES[name] for name in names], name="method"),
    )
    return table


def _mean_ranks_without_weights(scores: pd.DataFrame, metric: str, kind: str) -> list[str]:
    """Rank again with the baseline at other seeds in the place of Cost adjusted, as the authors' code may have run."""
    names = [CONTROL.name if method is COST else method.name for method in PAPER]
    board = Scoreboard.of(scores, metric, names)
    return [number(rank, 2) for rank in board.ranks()[board.of_kind(kind)].mean(axis=0)]


def _interval(board: Scoreboard, name: str, kind: str) -> str:
    kinds, place = (board.problems["kind"] == kind).to_numpy(), board.methods.index(name)
    _, *ends = board.interval(
        lambda means, drawn: board.ranks(means[kinds[drawn]])[:, place].mean(), board.of_kind(kind)
    )
    low, high = np.clip(ends, 1, len(board.methods))
    return f"{number(low, 2)} to {number(high, 2)}"


def tests_sentence(scores: pd.DataFrame, metric: str, kind: str) -> str:
    """Say what a test over the sources, which count once each, tells apart."""
    names = [method.name for method in PAPER]
    board = Scoreboard.of(scores, metric, names)
    result = board.tests(kind)
    n_sources = board.problems.loc[board.of_kind(kind), "source"].nunique()
    if result is None:
        return f"Ranks over the {kind} cells by {METRIC_TITLES[metric]}: one source, so there is no test."
    pvalues = result.pairwise.to_numpy(dtype=float)
    told = [
        f"{TITLES[a]} and {TITLES[b]} (p = {pvalues[i, j]:.3f})"
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i < j and pvalues[i, j] < 0.05
    ]
    return (
        f"{METRIC_TITLES[metric]}, {kind}: Friedman's test over {n_sources} sources, each with its mean over ratios, "
        f"has p = {result.pvalue:.3f}; Nemenyi's critical difference is {result.critical_difference:.2f} mean ranks "
        f"and tells apart: {'; '.join(told) or 'no two methods'}."
    )


def values(scores: pd.DataFrame, metric: str, kind: str, methods: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation over folds of each method on each cell, as the paper's supplement has them."""
    part = scores[(scores["kind"] == kind) & scores["method"].isin(methods)]
    grouped = part.groupby(["problem", "method"], sort=False)[metric]
    text = grouped.mean().map(number) + " ± " + grouped.std().map(number)
    table = text.unstack("method").reindex(part["problem"].unique())
    return table.reindex(columns=[m for m in methods if m in table]).rename(columns=TITLES).fillna("–")


def extended(scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Mean score and mean rank of every method of ours, over the cells where all have results."""
    names = [name for name in TITLES if name in set(scores["method"])]
    columns: dict[str, list[str]] = {}
    for metric in ("g_mean", "bbs", "brier"):
        board = Scoreboard.of(scores, metric, names)
        places = board.of_kind(kind)
        means, ranks = board.means.to_numpy()[places], board.ranks()[places]
        title = METRIC_TITLES[metric]
        columns[f"{title}, mean of {len(places)} cells"] = [number(v) for v in means.mean(axis=0)]
        columns[f"{title}, mean rank"] = [number(v, 2) for v in ranks.mean(axis=0)]
    return pd.DataFrame(columns, index=pd.Index([TITLES[name] for name in names], name="method"))


def gains(scores: pd.DataFrame, metric: str, kind: str) -> pd.DataFrame:
    """Figure 5: mean gain over the baseline by ratio, and over all; a row a method and a column a ratio."""
    others = [method.name for method in PAPER if method is not BASELINE]
    board = Scoreboard.of(scores, metric, [method.name for method in PAPER])
    places = board.of_kind(kind)
    means, ratios = board.means.to_numpy()[places], board.problems["ratio"].to_numpy()[places]
    table = pd.DataFrame({name: board.gains(means, name, BASELINE.name) for name in others})
    by_ratio = table.groupby(ratios).mean().sort_index(ascending=False)
    by_ratio.index = pd.Index([f"{ratio:g}" for ratio in by_ratio.index])
    by_ratio.loc["All"] = table.mean()
    return by_ratio.T
