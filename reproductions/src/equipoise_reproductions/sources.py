"""Tables over sources of data: ranks, paired tests, and the scores of every set. A source counts once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from equipoise.experiments.scores import Metric
from equipoise.experiments.statistics import mean_ranks, wilcoxon_holm
from equipoise.reports.text import number, p_value


def by_source(scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Score of each method on each source, the mean over its sets; sources that all methods were run on."""
    wide = scores.pivot_table(index=["family", "set"], columns="method", values=metric).reindex(columns=list(methods))
    return wide.dropna().groupby("family").mean()


@dataclass(frozen=True)
class SourceTables:
    """Tables of some metrics, ready to print.

    Attributes
    ----------
    metrics : sequence of Metric
    titles : mapping of str to str
        What methods are called.
    """

    metrics: Sequence[Metric]
    titles: Mapping[str, str]

    def ranks(self, scores: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
        """Mean rank and mean score of each method over sources, a pair of columns a metric."""
        columns: dict[str, list[str]] = {}
        for metric in self.metrics:
            table = by_source(scores, metric.name, methods)
            means = mean_ranks(table, greater_is_better=metric.greater_is_better)
            columns[f"{metric.title}, mean rank"] = [number(means[name], 2) for name in methods]
            columns[f"{metric.title}, mean"] = [number(table[name].mean()) for name in methods]
        return pd.DataFrame(columns, index=pd.Index([self.titles[name] for name in methods], name="method"))

    def tests(self, scores: pd.DataFrame, methods: Sequence[str], reference: str) -> pd.DataFrame:
        """Differences of a reference to each rival: sources won, their median, and Wilcoxon's p corrected by Holm."""
        rows = []
        for metric in self.metrics:
            table, sign = by_source(scores, metric.name, methods), 1 if metric.greater_is_better else -1
            tested = wilcoxon_holm(table * sign, reference)
            for rival, line in tested.iterrows():
                gains = sign * (table[reference] - table[str(rival)])
                rows.append(
                    {
                        "metric": metric.title,
                        f"{self.titles[reference]} against": self.titles[str(rival)],
                        "better on": f"{int((gains > 0).sum())} of {len(gains)}",
                        "median gain": number(-line["median_difference"]),
                        "p (Holm)": p_value(line["pvalue_holm"]),
                    }
                )
        return pd.DataFrame(rows).set_index("metric")

    def every_set(self, scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
        """Score of each method on each set."""
        wide = scores.pivot_table(index="set", columns="method", values=metric, sort=False)
        wide = wide.reindex(columns=[name for name in methods if name in wide])
        return wide.map(number).rename(columns=dict(self.titles))
