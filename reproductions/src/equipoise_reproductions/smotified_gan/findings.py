"""What the scores and the made rows say, in sentences computed from them."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import Interval, t_interval
from equipoise.text import listed, number, percent, signed
from equipoise_reproductions.smotified_gan.protocol import TITLES, Source
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND, gains, means
from equipoise_reproductions.smotified_gan.tables import RIVALS, over_folds

_OFF, _COLLAPSED, _FEW = 0.9, 0.5, 12


def counts_found(sources: Sequence[Source], counts: Mapping[str, tuple[int, ...]]) -> str:
    """Say on which sets the authors' split is had."""
    others = [source.title for source in sources if counts[source.title] != source.counts]
    text = f"Classes of both sides are those of the authors on {len(sources) - len(others)} of {len(sources)} sets"
    return f"{text}, but not on {listed(others)}." if others else f"{text}."


def nearness_found(near: pd.DataFrame) -> str:
    """Say how many sets meet what a faithful run was to meet."""
    tested = near[near["within"].notna()]
    text = (
        f"All methods that are printed are within the tolerance on {int(tested['within'].sum())} of {len(tested)} sets "
        f"with a notebook; the untreated network is below SMOTE on {int(near['below'].sum())} of {len(near)}."
    )
    outside = tested.index[~tested["within"].astype(bool)].tolist()
    return f"{text} Outside: {listed(outside)}." if outside else text


def gains_found(scores: pd.DataFrame) -> list[str]:
    """Say what is left of SMOTified-GAN's gain with a loss that fits, and on stratified folds; means over sets."""
    mae, logistic = (means(scores, AUTHORS, loss) for loss in ("mae", "logistic"))
    titles = {rival: "no sampling" if rival == "none" else TITLES[rival] for rival in RIVALS}
    sentences = [
        f"On the authors' split the logistic loss alone gives the untreated network "
        f"{signed((logistic['none'] - mae['none']).mean())} of F1, mean over {len(mae)} sets; under mean absolute "
        f"error {percent(_never(scores))} of its networks never find a rare row, under the logistic loss "
        f"{percent(_never(scores, 'logistic'))}."
    ]
    for rival, title in titles.items():
        first, second = (signed((table["smotified-gan"] - table[rival]).mean()) for table in (mae, logistic))
        f1, precision = (
            t_interval([gains(scores, name, "smotified-gan", rival, metric).mean() for name in scores["set"].unique()])
            for metric in ("f1", "average_precision")
        )
        sentences.append(
            f"SMOTified-GAN over {title}, F1, means over the sets: {first} with the authors' loss, {second} with the "
            f"logistic one, {_text(f1)} on stratified folds; average precision there {_text(precision)}."
        )
    return [*sentences, _sure(scores), _leaders(scores), _deviations(scores)]


def _never(scores: pd.DataFrame, loss: str = "mae") -> float:
    part = scores[(scores["split"] == AUTHORS) & (scores["loss"] == loss) & (scores["method"] == "none")]
    return float((part["tp"] == 0).mean())


def _text(interval: Interval) -> str:
    if not np.isfinite(interval.low):
        return f"{signed(interval.mean)} (one set gives no interval)"
    return f"{signed(interval.mean)} (95% interval over the sets {signed(interval.low)} to {signed(interval.high)})"


def _sure(scores: pd.DataFrame) -> str:
    parts = []
    for rival in RIVALS:
        found = {name: over_folds(scores, name, rival) for name in scores["set"].unique()}
        better = [name for name, interval in found.items() if interval.low > 0]
        worse = [name for name, interval in found.items() if interval.high < 0]
        parts.append(
            f"over {TITLES[rival]}, better on {listed(better) or 'none'} and worse on {listed(worse) or 'none'}"
        )
    return f"Sets whose own interval on the folds leaves out zero, F1 of SMOTified-GAN: {'; '.join(parts)}."


def _leaders(scores: pd.DataFrame) -> str:
    table = means(scores, SOUND, "logistic")
    best = table.idxmax(axis=1).value_counts()
    counted = [f"{TITLES[str(name)]} on {n}" for name, n in best.items()]
    ranks = table.rank(axis=1, ascending=False).mean().sort_values()
    ranked = [f"{TITLES[str(name)]} {number(rank, 2)}" for name, rank in ranks.items()]
    return f"Best F1 on the folds: {listed(counted)}, of {len(table)} sets; mean ranks: {listed(ranked)}."


def _deviations(scores: pd.DataFrame) -> str:
    part = scores[(scores["loss"] == "logistic") & (scores["method"] == "smotified-gan")]
    authors = part[part["split"] == AUTHORS].groupby("set")["f1"].std()
    by_fold = part[part["split"] == SOUND].groupby(["set", "fold"])["f1"].mean()
    return (
        f"The standard deviation of SMOTified-GAN's F1 over classifiers on one split, which the authors give, is "
        f"{number(authors.mean())} (mean over the sets); over folds it is "
        f"{number(by_fold.groupby('set').std().mean())}."
    )


def health_found(health: pd.DataFrame) -> list[str]:
    """Say how many sets' made rows lie off the data or have collapsed, and how far the repair helps."""
    return [_ways(health, split, where) for split, where in ((AUTHORS, "As the authors run it"), (SOUND, "Repaired"))]


def _ways(health: pd.DataFrame, split: str, where: str) -> str:
    part = health[health["split"] == split]
    table = part.groupby(["method", "set"], sort=False)[["two_sample_accuracy", "spread_ratio"]].mean()
    texts = []
    for name in ("smote", "gan", "smotified-gan"):
        own = table.loc[name]
        texts.append(
            f"{TITLES[name]} {number(own['two_sample_accuracy'].min(), 2)} to "
            f"{number(own['two_sample_accuracy'].max(), 2)} (median {number(own['two_sample_accuracy'].median(), 2)}; "
            f"{_OFF:g} or more on {int((own['two_sample_accuracy'] >= _OFF).sum())} of {len(own)} sets, spread below "
            f"{_COLLAPSED:g} on {int((own['spread_ratio'] < _COLLAPSED).sum())})"
        )
    return f"{where}, a nearest neighbour tells made rows from real ones with an accuracy of: {'; '.join(texts)}."


def out_of_reach(health: pd.DataFrame) -> str:
    """Say on which sets real values lie where the authors' generator cannot get."""
    part = health[(health["split"] == AUTHORS) & (health["method"] == "smotified-gan")]
    shares = part.set_index("set")["unreachable"]
    found = [f"{name} {percent(share)}" for name, share in shares.items() if share > 0]
    return f"Values of the rare class outside 0 to 1: {listed(found)}." if found else "Here no rare value is."


def few_tested(counts: Mapping[str, tuple[int, ...]]) -> str:
    """Say how few rare rows the authors' split tests on."""
    tested = {name: sides[3] for name, sides in counts.items()}
    few = [f"{name} {n}" for name, n in tested.items() if n <= _FEW]
    return f"Rare rows that are tested: {listed(few)}." if few else "Here more than a dozen rare rows are tested."
