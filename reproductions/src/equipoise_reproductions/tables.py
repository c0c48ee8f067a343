"""Tables over families of data sets: ranks, paired tests, and the scores of every set. A family counts once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from equipoise.experiments.scores import Metric
from equipoise.text import number, p_value
from equipoise_reproductions.over_sets import mean_ranks, wilcoxon_holm


def by_family(scores: pd.DataFrame, metric: str, arms: Sequence[str]) -> pd.DataFrame:
    """Score of each arm on each family, the mean over its sets; families that all arms were run on.

    Parameters
    ----------
    scores : DataFrame
        With columns ``set``, ``family``, ``method`` (an arm in a reading) and the metric.
    metric : str
    arms : sequence of str
    """
    wide = scores.pivot_table(index=["family", "set"], columns="method", values=metric).reindex(columns=list(arms))
    return wide.dropna().groupby("family").mean()


@dataclass(frozen=True)
class Tables:
    """Tables of some metrics, ready to print.

    Attributes
    ----------
    metrics : sequence of Metric
    titles : mapping of str to str
        What arms are called.
    """

    metrics: Sequence[Metric]
    titles: Mapping[str, str]

    def ranks(self, scores: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
        """Mean rank and mean score of each arm over families, a pair of columns a metric."""
        columns: dict[str, list[str]] = {}
        for metric in self.metrics:
            table = by_family(scores, metric.name, arms)
            means = mean_ranks(table, greater_is_better=metric.greater_is_better)
            columns[f"{metric.title}, mean rank"] = [number(means[name], 2) for name in arms]
            columns[f"{metric.title}, mean"] = [number(table[name].mean()) for name in arms]
        return pd.DataFrame(columns, index=pd.Index([self.titles[name] for name in arms], name="method"))

    def tests(self, scores: pd.DataFrame, arms: Sequence[str], reference: str) -> pd.DataFrame:
        """Differences of a reference to each rival: families won, their median, and Wilcoxon's p corrected by Holm."""
        rows = []
        for metric in self.metrics:
            table = by_family(scores, metric.name, arms) * metric.sign
            tested = wilcoxon_holm(table, reference)
            for rival, line in tested.iterrows():
                gains = table[reference] - table[str(rival)]
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

    def every_set(self, scores: pd.DataFrame, metric: str, arms: Sequence[str]) -> pd.DataFrame:
        """Score of each arm on each set."""
        wide = scores.pivot_table(index="set", columns="method", values=metric, sort=False)
        wide = wide.reindex(columns=[name for name in arms if name in wide])
        return wide.map(number).rename(columns=dict(self.titles))
