"""Scores and costs of every way, how near each comes to all rows, and the tests against rows at random."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from equipoise.experiments.scores import METRICS
from equipoise.reports.plots import calm, legend, new_figure
from equipoise.reports.svg import MUTED, SERIES, drawing
from equipoise.text import number, p_value, signed
from equipoise_reproductions.mubo_large.choices import WAYS
from equipoise_reproductions.mubo_large.models import MODELS
from equipoise_reproductions.over_sets import wilcoxon_holm

NEAR, A_FIFTH = 0.002, 0.2
_SHARE = 0.05
_UNIT = ["set", "fold"]
_ROWS = ["model", "way"]
_TESTED = ("average_precision", "log_loss")


def of(scores: pd.DataFrame, model: str, reading: str = "corrected", share: float | None = _SHARE) -> pd.DataFrame:
    """Results of a model in a reading; of one share of the majority rows, or of each."""
    found = scores[(scores["model"] == model) & (scores["reading"] == reading)]
    return found if share is None else found[found["share"] == share]


def wide(scores: pd.DataFrame, metric: str, model: str, reading: str = "corrected") -> pd.DataFrame:
    """Values of a metric, a row a set and fold and a column a way, in the order of `WAYS`."""
    table = of(scores, model, reading).pivot(index=_UNIT, columns="way", values=metric)
    return table[[way for way in WAYS if way in table]]


def every_set(scores: pd.DataFrame, metric: str, model: str, digits: int = 3) -> pd.DataFrame:
    """Mean over folds of a metric on each set."""
    return wide(scores, metric, model).groupby("set").mean().map(lambda value: number(value, digits))


def nearness(scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """On how many sets each way is as good as all rows, in what share of the time."""
    precision, seconds = (
        wide(scores, name, model).groupby("set").mean() for name in ("average_precision", "cpu_seconds")
    )
    rows = {}
    for way in precision.columns.drop("all"):
        gains, times = precision[way] - precision["all"], seconds[way] / seconds["all"]
        near, fast, n = gains >= -NEAR, times <= A_FIFTH, int(gains.notna().sum())
        rows[way] = {
            f"within {NEAR} of all rows": f"{int(near.sum())} of {n}",
            "in a fifth of the time": f"{int(fast.sum())} of {n}",
            "both": f"{int((near & fast).sum())} of {n}",
            "difference, median": signed(gains.median()),
            "worst": signed(gains.min()),
            "best": signed(gains.max()),
            "share of the time, median": number(times.median(), 2),
        }
    return pd.DataFrame(rows).T.rename_axis("way")


def near_by_set(scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """Average precision of each way less that of all rows."""
    table = wide(scores, "average_precision", model).groupby("set").mean()
    return table.drop(columns="all").sub(table["all"], axis=0).map(signed)


def tests(scores: pd.DataFrame, model: str, reading: str = "corrected") -> pd.DataFrame:
    """Differences of every way to class-balanced random rows over sets and folds; Wilcoxon's p, corrected by Holm."""
    rows, rival = [], "balanced"
    for metric in _TESTED:
        table = wide(scores, metric, model, reading).drop(columns="all", errors="ignore")
        table = table.dropna(subset=[rival, "score"]).dropna(axis=1)
        sign = METRICS[metric].sign
        tested = wilcoxon_holm(sign * table, rival)
        for way, line in tested.iterrows():
            gains = sign * (table[way] - table[rival])
            rows.append(
                {
                    "metric": METRICS[metric].title,
                    "way": way,
                    "better on": f"{int((gains > 0).sum())} of {len(gains)}",
                    "median gain": number(gains.median(), 4),
                    "p (Holm)": p_value(line["pvalue_holm"]),
                }
            )
    return pd.DataFrame(rows).set_index("metric")


def readings(scores: pd.DataFrame) -> pd.DataFrame:
    """Weights against corrected odds, on the same rows: mean over the sets that were read in both ways."""
    found = scores[scores["way"].isin(["balanced", "score"]) & (scores["share"] == _SHARE)]
    both = found.groupby("set")["reading"].nunique()
    found = found[found["set"].isin(both.index[both > 1])]
    columns = {
        f"{METRICS[metric].title}, {reading}": part.groupby(_ROWS, sort=False)[metric].mean().map(number)
        for metric in _TESTED
        for reading, part in found.groupby("reading", sort=False)
    }
    table = pd.DataFrame(columns)
    return table.set_axis([f"{MODELS[model]}, {way}" for model, way in table.index]).rename_axis("rows")


def by_share(scores: pd.DataFrame, model: str) -> pd.DataFrame:
    """Average precision and log loss by the share of majority rows, means over the sets that all were run on."""
    found = of(scores, model, share=None)
    found = found[found["way"].isin(["balanced", "score"])]
    shares = found.groupby("set")["share"].nunique()
    found = found[found["set"].isin(shares.index[shares == shares.max()])]
    titles = {name: METRICS[name].title for name in _TESTED} | {"cpu_seconds": "CPU seconds"}
    columns = {
        f"{title}, {way}": part.groupby("share")[name].mean().map(number)
        for name, title in titles.items()
        for way, part in found.groupby("way")
    }
    table = pd.DataFrame(columns)
    return table.set_axis([f"{share:.0%}" for share in table.index]).rename_axis("majority rows")


def verdicts(scores: pd.DataFrame) -> Iterator[str]:
    """Say for each model whether the targets are met by the score."""
    for model in scores["model"].unique():
        near, tested = nearness(scores, model).loc["score"], tests(scores, model).reset_index()
        own = tested[tested["way"] == "score"].set_index("metric")
        found = [
            f"{metric} better on {line['better on']}, median gain {line['median gain']}, p {line['p (Holm)']}"
            for metric, line in own.iterrows()
        ]
        yield (
            f"{MODELS[model]}: the score is within {NEAR} of average precision of all rows on "
            f"{near.iloc[0]} tables, in a fifth of the time on {near.iloc[1]}, both on {near.iloc[2]}. Against "
            f"class-balanced random rows: {'; '.join(found)}."
        )


def against_rows(scores: pd.DataFrame, model: str) -> Figure:
    """Draw average precision over CPU seconds, a panel a set, a mark a way."""
    precision, seconds = (
        wide(scores, name, model).groupby("set").mean() for name in ("average_precision", "cpu_seconds")
    )
    sets = list(precision.index)
    figure = new_figure(190 * -(-len(sets) // 4) + 60, 860)
    with drawing():
        panels = figure.subplots(-(-len(sets) // 4), min(4, len(sets)), squeeze=False).flat
        for panel in panels[len(sets) :]:
            panel.remove()
        for panel, name in zip(panels, sets, strict=False):
            calm(panel, grid="y")
            for color, way in zip([*SERIES, *SERIES], precision.columns, strict=False):
                mark = "o" if way in ("all", "balanced", "score") else "x"
                panel.plot(seconds.loc[name, way], precision.loc[name, way], mark, color=color, label=way)
            panel.set_title(name, color=MUTED, fontsize=9)
        legend(figure, figure.axes[0])
    return figure
