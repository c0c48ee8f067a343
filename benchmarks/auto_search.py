"""``python -m benchmarks.auto_search``: the search by which the members of `AutoClassifier` were found.

All members are fitted once on each fold of the half of the comparison suite that choices are made on
(`equipoise_reproductions.auto_suite.halves`); the other half is not touched. A candidate is a few of these members,
pooled as `AutoClassifier` does it, so that any number of candidates costs the fits of the members alone. Sets of many
rows are left out for time, as the budget says. Needs the suite's data, see ``EQUIPOISE_DATA_HOME``.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.measure import machine, save
from equipoise import AutoClassifier, datasets
from equipoise.classifiers.auto_members import CHEAP, Kind, answers
from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.decisions.pool import LogPool
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.readings import one_hot
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import StratifiedFolds
from equipoise.training import fit
from equipoise_reproductions.auto_suite import halves

SCORED = ("g_mean", "balanced_brier", "macro_f1", "log_loss", "average_precision", "roc_auc")

NETWORKS = AutoClassifier.kinds[0].name
KINDS = (
    *AutoClassifier.kinds,
    Kind("networks, codes not scaled", codes=True, sharpness=0.0, dropout=0.3),
    Kind("networks, codes scaled less", codes=True, sharpness=0.5, dropout=0.3),
    Kind("networks, dropout .5", codes=True, sharpness=1.0, dropout=0.5),
    Kind("networks, no dropout", codes=True, sharpness=1.0, dropout=0.0),
    Kind("networks, features", codes=False, sharpness=0.5, dropout=0.3),
)
WHOLE = (*CHEAP, NETWORKS)
CANDIDATES: dict[str, tuple[str, ...]] = {
    "auto": WHOLE,
    "without networks": CHEAP,
    **{f"without {name}": tuple(member for member in WHOLE if member != name) for name in CHEAP},
    **{f"{name} alone": (name,) for name in WHOLE},
    **{f"{kind.name}, in place of auto's": (*CHEAP, kind.name) for kind in KINDS[1:]},
    "auto and networks on features": (*WHOLE, KINDS[-1].name),
}


class _EveryKind(AutoClassifier):
    """All kinds of networks at once."""

    kinds = KINDS


@dataclass(frozen=True)
class Answers:
    """Probabilities of each member on one fold of a set: out-of-fold ones of training rows, and those of test rows."""

    codes: NDArray[np.int64]
    test_codes: NDArray[np.int64]
    held_out: dict[str, NDArray[np.float64]]
    test: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, fold: PreparedFold) -> "Answers":
        """Fit all members to the training side."""
        classifier = _EveryKind(standardize=False, random_state=fold.fold.seed)
        job = classifier.prepare(fold.X_train, fold.y_train, groups=fold.groups)
        encoder = job.encoder
        model = job.finish(fit(job.tasks))
        scaled = model.scaled(fold.X_test)
        coded = scaled if encoder is None else encoder.encode(scaled)
        test = {name: answers(member, coded, scaled.shape[1], fold.n_classes) for name, member in job.members.items()}
        return cls(job.codes, fold.y_test, job.answers, test)

    def scores(self, members: tuple[str, ...], *, rare: int) -> dict[str, float]:
        """Score a pool of some members on the test rows."""
        held_out, test = (np.stack([of[name] for name in members]) for of in (self.held_out, self.test))
        pool = LogPool.fit(held_out, self.codes)
        proba, n_classes = pool.proba(test), test.shape[-1]
        shares = np.bincount(self.codes, minlength=n_classes) / len(self.codes)
        even = correct_prior(proba, shares, np.full(n_classes, 1 / n_classes))
        offsets = tune_offsets(self.codes, pool.proba(held_out), metric="macro_f1", labels=np.arange(n_classes))
        read = {"g_mean": even, "balanced_brier": even, "macro_f1": one_hot(decide(proba, offsets), n_classes)}
        return {name: METRICS[name].score(self.test_codes, read.get(name, proba), rare) for name in SCORED}


def search(console: Console, most_rows: int, n_repeats: int, minutes: float) -> pd.DataFrame:
    """Return the scores of every candidate: a row a set, fold and candidate."""
    rows: list[dict[str, Any]] = []
    started = time.monotonic()
    for name, number, fold, rare in _folds(most_rows, n_repeats):
        if time.monotonic() - started > 60 * minutes:
            console.print(f"Stopped before {name}: {minutes:g} minutes are over.")
            break
        of_fold = Answers.of(fold)
        rows += [
            {"set": name, "fold": number, "candidate": candidate} | of_fold.scores(members, rare=rare)
            for candidate, members in CANDIDATES.items()
        ]
        console.print(f"{name}, fold {number}: {time.monotonic() - started:.0f} s so far", highlight=False)
    return pd.DataFrame(rows)


def _folds(most_rows: int, n_repeats: int) -> Iterator[tuple[str, int, PreparedFold, int]]:
    loaded = [(name, datasets.load(name)) for name in halves()[0]]
    for name, dataset in sorted(loaded, key=lambda pair: pair[1].X.size):
        _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
        if len(codes) > most_rows:
            continue
        rare = int(np.bincount(codes).argmin())
        for repeat in range(n_repeats):
            for fold in StratifiedFolds(2).folds(dataset, codes, repeat):
                yield name, 2 * repeat + fold.number, PreparedFold.of(dataset, codes, fold), rare


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of each candidate over the sets, by metric and over all metrics, the best first."""
    means = scores.groupby(["set", "candidate"], sort=False)[list(SCORED)].mean()
    table = pd.DataFrame(
        {
            METRICS[name].title: means[name]
            .unstack()
            .round(12)
            .rank(axis=1, ascending=not METRICS[name].greater_is_better)
            .mean()
            for name in SCORED
        }
    )
    return table.assign(all=table.mean(axis=1)).sort_values("all")


def main() -> None:
    """Run the search and print the mean ranks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto_search", description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="all cores by default")
    parser.add_argument("--most-rows", type=int, default=7000, help="of a set")
    parser.add_argument("--repeats", type=int, default=1, help="divisions into two halves")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which no further fold is begun")
    arguments, console = parser.parse_args(), Console(width=150)
    torch.set_num_threads(arguments.threads)
    started = time.monotonic()
    scores = search(console, arguments.most_rows, arguments.repeats, arguments.minutes)
    table = ranks(scores)
    console.print(f"Mean ranks of {len(table)} candidates over {scores['set'].nunique()} sets:")
    console.print(table.round(2).to_string(), highlight=False)
    result = {
        "machine": machine(arguments.threads),
        "seconds": time.monotonic() - started,
        "sets": scores["set"].unique().tolist(),
        "ranks": table.round(3).to_dict("index"),
    }
    console.print(f"Written: {save('auto-search', result)}")


if __name__ == "__main__":
    main()
