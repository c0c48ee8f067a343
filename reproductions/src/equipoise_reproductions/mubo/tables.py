"""The paper's Tables 1 to 3 beside ours."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from equipoise.text import count, number
from equipoise_reproductions.mubo.protocol import (
    BY_CLASS,
    COLUMNS,
    METRICS,
    PRINTED_1,
    PRINTED_3,
    SEARCHES,
    Method,
    Source,
)
from equipoise_reproductions.mubo.results import BALANCED, NATURAL, implied

TITLES = {method.name: method.title for method in COLUMNS}
TEST_TITLES = {NATURAL: "natural shares", BALANCED: "balanced resample"}
_PAPER = "the paper"
_CLASS_TITLES = {"": "", "_m": ", minority", "_M": ", majority"}


def table1(scores: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Build a data set's part of Table 1: a row a metric and reading, a column a method."""
    rows = {}
    for metric, title in METRICS.items():
        printed = [_printed(source, metric, method) for method in COLUMNS]
        rows[title, _PAPER] = [number(value, 2) for value in printed]
        for reading, test in _readings(source):
            means = _means(scores, source, test)
            rows[title, reading] = [number(_value(means, method.name, metric)) for method in COLUMNS]
    return _headed(pd.DataFrame(rows, index=[method.title for method in COLUMNS]).T)


def table3(scores: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Build a data set's part of Table 3: a row a method and reading, a column a metric of both classes or of one."""
    gbo = next(method for method in COLUMNS if method.printed == "GBO")
    rows = {}
    for method in (gbo, *SEARCHES):
        if method.printed:
            rows[method.title, _PAPER] = [
                number(float(PRINTED_3[column][source.title, method.printed]), 2) for column in BY_CLASS
            ]
        for reading, test in _readings(source):
            means = _means(scores, source, test)
            rows[method.title, reading] = [number(_value(means, method.name, column)) for column in BY_CLASS]
    titles = [f"{METRICS[c.partition('_')[0]]}{_CLASS_TITLES[c[len(c.partition('_')[0]) :]]}" for c in BY_CLASS]
    return _headed(pd.DataFrame(rows, index=titles).T)


def f1_markdown(scores: pd.DataFrame, sources: Sequence[Source]) -> str:
    """Write the macro-F1 of all columns as a Markdown table, a row a data set.

    A cell is as printed / ours on the paper's test rows / ours at natural shares.
    """
    lines = [["", *(method.title for method in COLUMNS)], ["---"] * (len(COLUMNS) + 1)]
    for source in sources:
        means = [_means(scores, source, test) for test in (implied(source), NATURAL)]
        cells = [
            [number(_printed(source, "f1", method), 2), *(number(_value(m, method.name, "f1")) for m in means)]
            for method in COLUMNS
        ]
        lines.append([source.title, *(" / ".join(cell) for cell in cells)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _readings(source: Source) -> list[tuple[str, str]]:
    """Both ways to draw the test rows, named."""
    test = implied(source)
    return [(f"ours, as the paper ({TEST_TITLES[test]})", test), (f"ours, {TEST_TITLES[NATURAL]}", NATURAL)]


def _headed(table: pd.DataFrame) -> pd.DataFrame:
    """Write the two keys of a row in one."""
    table.index = pd.Index([": ".join(key) for key in table.index])
    return table


def _printed(source: Source, metric: str, method: Method) -> float:
    return float(PRINTED_1[method.printed][source.title, metric]) if method.printed else np.nan


def _means(scores: pd.DataFrame, source: Source, test: str) -> pd.DataFrame:
    part = scores[(scores["set"] == source.title) & (scores["test"] == test)]
    return part.groupby("method")[list(BY_CLASS)].mean()


def _value(means: pd.DataFrame, method: str, metric: str) -> float:
    return float(means[metric].get(method, np.nan))


def table2(sources: Sequence[Source], found: Sequence[Source]) -> pd.DataFrame:
    """Build Table 2: the data sets as they are beside what the paper prints; those that are missing, too."""
    return pd.DataFrame([_line(source, source in found) for source in sources]).fillna("missing").set_index("data set")


def _line(source: Source, is_found: bool) -> dict[str, str]:
    instances, features, share = source.printed
    line = {
        "data set": source.title,
        "instances (paper)": count(instances),
        "instances": "",
        "features (paper)": count(features),
        "features": "",
        "minority (paper)": f"{share:g}%",
        "minority": "",
    }
    if not is_found:
        return {key: value for key, value in line.items() if value}
    data = source.load()
    rare = (data.y == data.rare).mean()
    return line | {
        "instances": count(len(data.y)),
        "features": count(data.X.shape[1]),
        "inputs": count(pd.get_dummies(data.X).shape[1]),
        "minority": f"{100 * rare:.2f}%",
        "minority rows": count((data.y == data.rare).sum()),
        "rows that repeat": count(data.X.duplicated().sum()),
        "what it is": source.is_what or data.source,
    }


def spreads(scores: pd.DataFrame, sources: Sequence[Source], method: Method) -> pd.DataFrame:
    """Mean and variance of a method's macro-F1 over the runs, for both ways to draw test rows."""
    part = scores[scores["method"] == method.name]
    grouped = part.groupby(["set", "test"])["f1"].agg(["mean", "var"]).unstack("test")
    order = [source.title for source in sources if source.title in grouped.index]
    return pd.DataFrame(
        {
            f"F1, {TEST_TITLES[test]}: {title}": [text(float(grouped[key, test][name])) for name in order]
            for test in (BALANCED, NATURAL)
            for key, title, text in (("mean", "mean", number), ("var", "variance", _tiny))
        },
        index=pd.Index(order, name="data set"),
    )


def _tiny(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "–"


def searches(histories: pd.DataFrame, shares: dict[str, int]) -> pd.DataFrame:
    """How the searches went, a row a data set and mode: means over the runs."""
    rows = []
    for (name, method), part in histories.groupby(["set", "method"], sort=False):
        chains = part.groupby("chain")
        rows.append(
            {
                "search": f"{name}: {TITLES[str(method)]}",
                "outer steps": count(round(chains["step"].max().mean(), 1)),
                "accepted": count(round(chains["accepted"].sum().mean(), 1)),
                "majority rows / m": number(chains["size"].last().mean() / shares[str(name)], 2),
                "epochs a step": count(round(part["epochs"].mean(), 1)),
                "J at the end": _tiny(part[part["accepted"]].groupby("chain")["objective"].last().mean()),
            }
        )
    return pd.DataFrame(rows).set_index("search")


def health(figures: pd.DataFrame) -> pd.DataFrame:
    """How like real rows those are that GANs made, a row a data set and method: means over the runs."""
    shown = {
        "real_accuracy": "real rows found by the discriminator",
        "made_accuracy": "made rows",
        "two_sample_accuracy": "two-sample accuracy",
        "spread_ratio": "spread",
        "n_steps": "steps",
    }
    means = figures.groupby(["set", "method"], sort=False)[list(shown)].mean()
    table = means.apply(lambda column: column.map(count if column.name == "n_steps" else number))
    table.index = pd.Index([f"{name}: {TITLES[method]}" for name, method in means.index], name="rows")
    return table.rename(columns=shown)
