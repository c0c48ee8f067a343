"""Effects of the parts on images: the folds of a set are the blocks, and each set is judged by itself."""

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.text import number
from equipoise_reproductions.together import effects
from equipoise_reproductions.together.design import ARMS, NATURAL, SCORED, read


def of_set(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the scores of a set on the folds that have every subset, each fold as a family."""
    part = scores[scores["set"] == name]
    subsets = part["method"].where(part["method"].isin(ARMS))
    whole = subsets.groupby(part["fold"]).transform("nunique") == len(ARMS)
    return part[whole].assign(family=part["fold"])


def n_folds(scores: pd.DataFrame, name: str) -> int:
    """Return the number of folds of a set that have every subset."""
    return of_set(scores, name)["fold"].nunique()


def finished(scores: pd.DataFrame) -> list[str]:
    """Return the names of the sets that have two such folds or more."""
    return [name for name in scores["set"].unique() if n_folds(scores, name) > 1]


def means(scores: pd.DataFrame, name: str, reading: str) -> pd.DataFrame:
    """Mean and standard deviation over folds, a row a subset and a column a metric."""
    grouped = read(of_set(scores, name), reading).groupby("method")
    columns = {
        METRICS[metric].title: grouped[metric].mean().map(number) + " ± " + grouped[metric].std().map(number)
        for metric in SCORED
    }
    return pd.DataFrame(columns).loc[[arm for arm in ARMS if arm in grouped.groups]].rename_axis("subset")


def longer(scores: pd.DataFrame, name: str, names: dict[str, str]) -> pd.DataFrame:
    """Mean scores as decided of some arms, and of the same arms trained for longer, by the names of both.

    On the folds that all of them were run on.
    """
    arms = [arm for pair in names.items() for arm in pair]
    both = read(of_set(scores, name), NATURAL)
    both = both[both["method"].isin(arms)]
    whole = both.groupby("family")["method"].transform("nunique") == len(arms)
    found = both[whole].groupby("method")[list(SCORED)].mean()
    return found.reindex(arms).dropna().map(number).rename(columns={metric: METRICS[metric].title for metric in SCORED})


def answers(scores: pd.DataFrame, found: pd.DataFrame, name: str) -> list[str]:
    """Answer "should I combine them?" for a set of images."""
    return effects.answers(of_set(scores, name), found, effects.over_folds)
