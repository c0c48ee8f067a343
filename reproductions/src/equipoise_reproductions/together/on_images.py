"""Effects of the parts on images: the folds of a set are the blocks, and each set is judged by itself."""

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.text import number
from equipoise_reproductions.together import effects
from equipoise_reproductions.together.design import ARMS, NATURAL, SCORED, read


def of_set(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the scores of a set, each fold as a family."""
    part = scores[scores["set"] == name]
    return part.assign(family=part["fold"])


def finished(scores: pd.DataFrame) -> list[str]:
    """Return the names of the sets on which two folds or more have every subset."""
    whole = scores[scores["method"].isin(ARMS)].groupby(["set", "fold"], sort=False)["method"].nunique() == len(ARMS)
    n_folds = whole.groupby("set", sort=False).sum()
    return list(n_folds.index[n_folds > 1])


def n_folds(scores: pd.DataFrame, name: str) -> int:
    """Return the number of folds of a set that have every subset."""
    return int((of_set(scores, name).query("method in @ARMS").groupby("fold")["method"].nunique() == len(ARMS)).sum())


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
    both = read(of_set(scores, name), NATURAL).query("method in @names or method in @names.values()")
    whole = both.groupby("family")["method"].transform("nunique") == 2 * len(names)
    found = both[whole].groupby("method")[list(SCORED)].mean()
    arms = [arm for pair in names.items() for arm in pair if arm in found.index]
    return found.loc[arms].map(number).rename(columns={metric: METRICS[metric].title for metric in SCORED})


def answers(scores: pd.DataFrame, found: pd.DataFrame, name: str) -> list[str]:
    """Answer "should I combine them?" for a set of images."""
    return effects.answers(of_set(scores, name), found, effects.over_folds)
