"""``python -m benchmarks.auto_search``: the search by which the constants of `AutoClassifier` were found.

Networks of every kind are trained once on each fold of the half of the comparison suite that choices are made on
(`equipoise_reproductions.auto_suite.halves`); the other half is not touched. A candidate is a few of these kinds, put
together as `AutoClassifier` does it, so that any number of candidates costs the training of the kinds alone. Sets of
many rows are left out for time, as the budget says. Needs the suite's data, see ``EQUIPOISE_DATA_HOME``.
"""

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.measure import machine, save
from equipoise import AutoClassifier, datasets
from equipoise.classifiers.auto_members import BINS, FoldInputs, Kind
from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.decisions.pool import fit_pool, pool
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.readings import one_hot
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import StratifiedFolds
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import fit
from equipoise_reproductions.auto_suite import halves

SCORED = ("g_mean", "balanced_brier", "macro_f1", "log_loss", "average_precision", "roc_auc")

WARY = {"dropout": 0.5, "share_of_steps": 0.5}
KINDS: dict[str, Kind] = {
    "features": Kind(codes=False, sharpness=0.0),
    "features, scaled": Kind(codes=False, sharpness=0.5),
    "features, scaled, dropout": Kind(codes=False, sharpness=0.5, dropout=0.25),
    "features, sharp, wary": Kind(codes=False, sharpness=1.0, **WARY),
    "features, sharp, dropout .5": Kind(codes=False, sharpness=1.0, dropout=0.5),
    "codes": Kind(codes=True, sharpness=0.0),
    "codes, scaled": Kind(codes=True, sharpness=0.5),
    "codes, scaled, dropout": Kind(codes=True, sharpness=0.5, dropout=0.25),
    "codes, scaled, dropout .5": Kind(codes=True, sharpness=0.5, dropout=0.5),
    "codes, scaled, dropout, no mixing": Kind(codes=True, sharpness=0.5, dropout=0.25, alpha=0.0),
    "codes, scaled, dropout, alpha 1": Kind(codes=True, sharpness=0.5, dropout=0.25, alpha=1.0),
    "codes, sharp, wary": Kind(codes=True, sharpness=1.0, **WARY),
}
QUANTILE = "quantile codes, scaled, dropout"
"""The kind of networks whose bins end at quantiles; it needs inputs of its own."""

_MIXED = ("codes, scaled, dropout", "features, scaled", "codes, sharp, wary")
POOLS: dict[str, tuple[str, ...]] = {
    "two": _MIXED[::2],
    "three": _MIXED,
    "four, wary features": (*_MIXED, "features, sharp, wary"),
    "four, sharp features": (*_MIXED, "features, sharp, dropout .5"),
    "four, without dropout": ("codes, scaled", "features, scaled", "codes, sharp, wary", "features, sharp, dropout .5"),
    "four, without mixing": ("codes, scaled, dropout, no mixing", *_MIXED[1:], "features, sharp, dropout .5"),
    "four, quantile codes": (QUANTILE, *_MIXED[1:], "features, sharp, dropout .5"),
    "all": (*KINDS, QUANTILE),
}
EQUAL = "four, equal weights"


class _QuantileInputs(FoldInputs):
    """Inputs of a fold with bins that end at quantiles."""

    @classmethod
    def of(cls, X: Any, codes: Any, *others: Any) -> Self:
        """Look at training rows as `FoldInputs` does."""
        inputs = super().of(X, codes, *others)
        return cls(inputs.feature_importances_, PiecewiseLinearEncoder(BINS).fit(X))


class _EveryKind(AutoClassifier):
    """All kinds at once."""

    kinds = tuple(KINDS.values())


class _QuantileKind(AutoClassifier):
    """The kind with quantile codes."""

    fold_inputs = _QuantileInputs
    kinds = (KINDS["codes, scaled, dropout"],)


@dataclass(frozen=True)
class Answers:
    """Probabilities of each kind on one fold of a set: held-out ones of training rows, and those of test rows."""

    codes: NDArray[np.int64]
    test_codes: NDArray[np.int64]
    held_out: dict[str, NDArray[np.float64]]
    test: dict[str, NDArray[np.float64]]

    @classmethod
    def of(cls, fold: PreparedFold, groups: NDArray[Any] | None) -> Self:
        """Train the networks of every kind."""
        held_out, test = {}, {}
        for model, names in ((_EveryKind, list(KINDS)), (_QuantileKind, [QUANTILE])):
            classifier = model(standardize=False, random_state=fold.fold.seed)
            job = classifier.prepare(fold.X_train, fold.y_train, groups=groups)
            rows, codes, unseen = job.rows, job.codes, job.held_out
            job.finish(fit(job.tasks))
            answers = np.empty((len(names), len(rows), fold.n_classes))
            for number, part in enumerate(unseen):
                answers[:, part] = classifier.fold_probabilities(number, rows[part])
            of_test = np.mean([classifier.fold_probabilities(n, fold.X_test) for n in range(len(unseen))], axis=0)
            held_out |= dict(zip(names, answers, strict=True))
            test |= dict(zip(names, of_test, strict=True))
        return cls(codes, fold.y_test, held_out, test)

    def scores(self, kinds: tuple[str, ...], *, equal: bool, rare: int) -> dict[str, float]:
        """Score a pool of some kinds on the test rows."""
        held_out, test = (np.stack([of[kind] for kind in kinds]) for of in (self.held_out, self.test))
        weights = np.full(len(kinds), 1 / len(kinds)) if equal else fit_pool(held_out, self.codes)
        proba, n_classes = pool(test, weights), test.shape[-1]
        shares = np.bincount(self.codes, minlength=n_classes) / len(self.codes)
        even = correct_prior(proba, shares, np.full(n_classes, 1 / n_classes))
        offsets = tune_offsets(self.codes, pool(held_out, weights), metric="macro_f1", labels=np.arange(n_classes))
        read = {"g_mean": even, "balanced_brier": even, "macro_f1": one_hot(decide(proba, offsets), n_classes)}
        return {name: METRICS[name].score(self.test_codes, read.get(name, proba), rare) for name in SCORED}


def search(console: Console, most_rows: int, n_repeats: int, minutes: float) -> pd.DataFrame:
    """Return the scores of every candidate: a row a set, fold and candidate."""
    candidates = {name: (name,) for name in (*KINDS, QUANTILE)} | POOLS | {EQUAL: POOLS["four, sharp features"]}
    rows: list[dict[str, Any]] = []
    started = time.monotonic()
    for name, number, fold, groups, rare in _folds(most_rows, n_repeats):
        if time.monotonic() - started > 60 * minutes:
            console.print(f"Stopped before {name}: {minutes:g} minutes are over.")
            break
        answers = Answers.of(fold, groups)
        rows += [
            {"set": name, "fold": number, "candidate": candidate}
            | answers.scores(kinds, equal=candidate == EQUAL, rare=rare)
            for candidate, kinds in candidates.items()
        ]
        console.print(f"{name}, fold {number}: {time.monotonic() - started:.0f} s so far", highlight=False)
    return pd.DataFrame(rows)


def _folds(most_rows: int, n_repeats: int) -> Iterator[tuple[str, int, PreparedFold, NDArray[Any] | None, int]]:
    loaded = [(name, datasets.load(name)) for name in halves()[0]]
    for name, dataset in sorted(loaded, key=lambda pair: pair[1].X.size):
        _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
        if len(codes) > most_rows:
            continue
        rare = int(np.bincount(codes).argmin())
        for repeat in range(n_repeats):
            for fold in StratifiedFolds(2).folds(dataset, codes, repeat):
                groups = None if dataset.groups is None else np.asarray(dataset.groups)[fold.train]
                yield name, 2 * repeat + fold.number, PreparedFold.of(dataset, codes, fold), groups, rare


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
