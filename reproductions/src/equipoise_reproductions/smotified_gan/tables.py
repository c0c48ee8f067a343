"""Tables of the page, ready to print."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import Interval, corrected_interval
from equipoise.text import count, number, signed
from equipoise_reproductions.smotified_gan.protocol import NOT_RUN, TITLES, Effort, Score, Source
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND, gains, means

READINGS = {"mae": "ours, mean absolute error", "logistic": "ours, logistic loss"}
RIVALS = ("none", "smote", "gan")
"""What SMOTified-GAN is held against."""


def protocol_table(sources: Sequence[Source], counts: Mapping[str, tuple[int, ...]], effort: Effort) -> pd.DataFrame:
    """Protocol of each set, and whether the authors' split is had: classes of both sides, theirs and ours."""
    rows = {
        source.title: {
            "train; test (authors)": _sides(source.counts),
            "here": "the same" if counts[source.title] == source.counts else _sides(counts[source.title]),
            "split seed": str(source.seed),
            "first row": "lost" if source.loses_a_row else "kept",
            "features": "0 to 1, by all rows" if source.scaled else "as they are",
            "epochs": count(effort.epochs_of(source)),
            "epochs of the GAN": count(source.gan_epochs),
            "of these here": count(effort.gan_epochs_of(source)),
            "classifiers": count(min(effort.repeats, source.repeats)),
        }
        for source in sources
    }
    return pd.DataFrame(rows).T.rename_axis("set")


def _sides(counts: Sequence[int]) -> str:
    train, test = (", ".join(f"{n:,}" for n in counts[i : i + 2]) for i in (0, 2))
    return f"{train}; {test}"


def plus_minus(mean: float, deviation: float) -> str:
    """Write a mean and a standard deviation; a dash where there is none."""
    return f"{number(mean)} ± {number(deviation)}" if np.isfinite(mean) else "–"


def beside(scores: pd.DataFrame, sources: Sequence[Source]) -> pd.DataFrame:
    """Printed F1 beside ours on the authors' split, mean ± standard deviation over classifiers."""
    part = scores[scores["split"] == AUTHORS].set_index(["set", "loss", "method"])["f1"]
    cells: dict[Any, dict[str, str]] = _mean_and_deviation(part).fillna("–").to_dict("index")  # type: ignore[assignment]
    rows = {}
    for source in sources:
        if source.printed:
            rows[f"{source.title}: notebook"] = _printed(source.printed)
        for loss, reading in READINGS.items():
            rows[f"{source.title}: {reading}"] = [cells[source.title, loss].get(name, "–") for name in TITLES]
    return pd.DataFrame(rows, index=list(TITLES.values())).T


def _mean_and_deviation(values: pd.Series) -> pd.DataFrame:
    """Print mean and standard deviation of values under equal keys, the last of these, the method, in columns."""
    found = values.groupby(level=list(values.index.names), sort=False).agg(["mean", "std"])
    texts = [plus_minus(mean, deviation) for mean, deviation in zip(found["mean"], found["std"], strict=True)]
    return pd.DataFrame({"text": texts}, index=found.index)["text"].unstack(sort=False)


def _printed(printed: Mapping[str, Score]) -> list[str]:
    return [plus_minus(*printed.get(name, (np.nan, np.nan))) for name in TITLES]


def not_run() -> pd.DataFrame:
    """What the authors printed that is not run here, and why."""
    rows = {
        other.title: {TITLES[name]: plus_minus(*score) for name, score in other.printed.items()} | {"why": other.why}
        for other in NOT_RUN
    }
    return pd.DataFrame(rows).T


def nearness(scores: pd.DataFrame, sources: Sequence[Source]) -> pd.DataFrame:
    """How far ours are from the notebooks under the authors' loss, a row a set: what is printed, tested, and met.

    Columns are the printed methods' F1, ours less theirs, ``tolerance``, ``within`` and ``below``: whether the
    untreated network is below SMOTE.
    """
    ours: dict[str, dict[str, float]] = means(scores, AUTHORS, "mae").to_dict("index")  # type: ignore[assignment]
    rows: dict[str, dict[str, Any]] = {}
    for source in sources:
        own = ours[source.title]
        differences = {name: own[name] - mean for name, (mean, _) in source.printed.items()}
        rows[source.title] = differences | {
            "tolerance": source.tolerance,
            "within": max(map(abs, differences.values())) <= source.tolerance if differences else None,
            "below": own["none"] < own["smote"],
        }
    return pd.DataFrame(rows).T


def nearness_table(near: pd.DataFrame) -> pd.DataFrame:
    """Print `nearness`."""
    said = {True: "yes", False: "no", None: "–"}
    columns = {
        f"{TITLES[name]}: ours less printed": [_signed(v) for v in near[name]] for name in TITLES if name in near
    }
    columns["within the tolerance"] = [
        "–" if row["within"] is None else f"{said[row['within']]} (±{row['tolerance']:g})" for _, row in near.iterrows()
    ]
    columns["untreated below SMOTE"] = [said[value] for value in near["below"]]
    return pd.DataFrame(columns, index=near.index.rename("set"))


def _signed(value: float) -> str:
    return signed(value) if np.isfinite(value) else "–"


def left_of_gain(scores: pd.DataFrame, sources: Sequence[Source], rival: str) -> pd.DataFrame:
    """Gain of SMOTified-GAN in F1 over a rival: printed, under both losses, and on the folds with its interval."""
    rows: dict[str, dict[str, str]] = {}
    for source in sources:
        printed, absent = source.printed, (np.nan, np.nan)
        gain = printed.get("smotified-gan", absent)[0] - printed.get(rival, absent)[0]
        rows[source.title] = {"notebook": _signed(gain)}
    for loss, reading in READINGS.items():
        own = means(scores, AUTHORS, loss)
        for title, gain in (own["smotified-gan"] - own[rival]).items():
            rows[str(title)][reading] = signed(gain)
    for metric, heading in (("f1", "stratified folds"), ("average_precision", "there, average precision")):
        for title, row in rows.items():
            row[heading] = _with_interval(over_folds(scores, title, rival, metric))
    return pd.DataFrame(rows).T.rename_axis("set")


def over_folds(scores: pd.DataFrame, title: str, rival: str, metric: str = "f1") -> Interval:
    """Mean gain of SMOTified-GAN over a rival on the folds of a set, with its corrected interval."""
    differences = gains(scores, title, "smotified-gan", rival, metric)
    return corrected_interval(differences, test_share=1 / len(differences))


def _with_interval(interval: Interval) -> str:
    return f"{signed(interval.mean)} ({signed(interval.low)} to {signed(interval.high)})"


def on_folds(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Score on the stratified folds: mean ± standard deviation over the folds."""
    part = scores[scores["split"] == SOUND]
    by_fold = part.groupby(["set", "method", "fold"], sort=False)[metric].mean()
    return _titled(_mean_and_deviation(by_fold.droplevel("fold")))


def health_table(health: pd.DataFrame, split: str) -> pd.DataFrame:
    """Print 1-NN accuracy and spread ratio of the made rows, a row a set; means over folds."""
    grouped = health[health["split"] == split].groupby(["set", "method"], sort=False)
    found = grouped[["two_sample_accuracy", "spread_ratio"]].mean().map(lambda value: number(value, 2))
    table = (found["two_sample_accuracy"] + " / " + found["spread_ratio"]).unstack("method", sort=False)
    return _titled(table.fillna("–"))


def _titled(table: pd.DataFrame) -> pd.DataFrame:
    """Put a table's columns in the methods' order, and head them."""
    names = [name for name in TITLES if name in table]
    return table[names].set_axis([TITLES[name] for name in names], axis=1)
