"""``python -m benchmarks.default_network``: the search for the network that all recipes of `compare` share.

Every candidate is a network and its regularisation, the same under each treatment. It is chosen on the half of the
comparison suite's sources that choices are made on (`equipoise_reproductions.auto_suite.halves`), one of two folds a
set, long sets sampled by class. ``--half unseen`` reports the other half, and is for the candidate chosen. A row a
set, recipe and candidate is appended to ``--out`` as it is done, so that the same command goes on. Needs the suite's
data, see ``EQUIPOISE_DATA_HOME``.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import wilcoxon
from sklearn.metrics import roc_curve

from equipoise import datasets, recipes
from equipoise.classifiers.auto_members import sample_by_class
from equipoise.decisions import correct_prior
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import StratifiedFolds
from equipoise_reproductions.auto_suite import halves
from equipoise_reproductions.networks import plain

SMALL: dict[str, Any] = {"hidden_layer_sizes": (128, 64), "dropout": 0.3}
CODED = SMALL | {"n_bins": 12}
CANDIDATES: dict[str, dict[str, Any]] = {
    "without": {},
    "dropout .3": {"dropout": 0.3},
    "smaller, dropout .3": SMALL,
    "smaller, dropout .3, weight decay 1": SMALL | {"weight_decay": 1.0},
    "smaller, dropout .3, weight decay 3": SMALL | {"weight_decay": 3.0},
    "smaller, dropout .1, weight decay 1": SMALL | {"dropout": 0.1, "weight_decay": 1.0},
    "smaller, dropout .5, weight decay 1": SMALL | {"dropout": 0.5, "weight_decay": 1.0},
    "codes": CODED | {"dropout": 0.0},
    "codes, weight decay 1": CODED | {"dropout": 0.0, "weight_decay": 1.0},
    "codes, dropout .3": CODED,
    "codes, dropout .5": CODED | {"dropout": 0.5},
    "codes, dropout .3, half the steps": CODED | {"max_epochs": 20},
    "codes, dropout .3, weight decay .1": CODED | {"weight_decay": 0.1},
    "codes, dropout .3, weight decay 1": CODED | {"weight_decay": 1.0},
    "codes, dropout .3, weight decay 3": CODED | {"weight_decay": 3.0},
    "codes, dropout .5, weight decay 1": CODED | {"dropout": 0.5, "weight_decay": 1.0},
    "codes, dropout .3, stopped early": CODED | {"early_stopping": "balanced_log_loss"},
    "codes, dropout .3, averaged": CODED | {"weight_averaging": 0.2},
    "codes, dropout .3, wider": CODED | {"hidden_layer_sizes": (256, 128)},
}
"""Changes to the network that a recipe's class has by default."""

RECIPES = ("none", "cost", "under", "remix")
SCORED = {
    "average_precision": "average precision",
    "log_loss": "log loss",
    "g_mean": "G-mean, as decided",
    "g_mean_even": "G-mean, corrected",
    "g_mean_best": "G-mean, best threshold",
}
_LESS_IS_BETTER = ("log_loss", "cpu")
_MOST_ROWS = 2500  # of a side of a fold
_MOST_INPUTS, _FEWEST_BINS = 400, 3
_FEWEST = 6  # differences for a test


def folds(half: list[str], most_rows: int) -> Iterator[tuple[str, PreparedFold]]:
    """Yield the first fold of each set, the smallest sets first, at most so many rows a side."""
    loaded = {name: datasets.load(name) for name in half}
    for name in sorted(loaded, key=lambda name: loaded[name].X.size):
        dataset = loaded[name]
        _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
        fold = next(StratifiedFolds(2).folds(dataset, codes, 0))
        sides = (fold.train, fold.test)
        train, test = (rows[sample_by_class(codes[rows], most_rows, fold.seed)] for rows in sides)
        yield name, PreparedFold.of(dataset, codes, replace(fold, train=train, test=test))


def scores(name: str, parameters: dict[str, Any], n_members: int, fold: PreparedFold) -> dict[str, float]:
    """Train a recipe on a fold, and score it on the test rows."""
    if "n_bins" in parameters:
        parameters = parameters | {"n_bins": _bins(parameters["n_bins"], fold.X_train.shape[1])}
    started = time.process_time()
    model = plain(recipes.classifier(name, random_state=fold.fold.seed, n_members=n_members)).set_params(**parameters)
    model.fit(fold.X_train, fold.y_train)
    cpu = time.process_time() - started
    return scored(model.predict_proba(fold.X_test), learned_priors(name, fold.counts), fold) | {"cpu": cpu}


def _bins(most: int, n_features: int) -> int | None:
    """Bins of codes that leave a network of about the cost of one without: none on wide tables."""
    bins = min(most, _MOST_INPUTS // n_features - 1)
    return bins if bins >= _FEWEST_BINS else None


def scored(proba: NDArray[np.float64], learned: NDArray[np.float64] | None, fold: PreparedFold) -> dict[str, float]:
    """Score the answers on the test rows of two classes, given the class priors that they stand for."""
    shares, even, rare = fold.counts / fold.counts.sum(), np.full(2, 0.5), int(fold.counts.argmin())
    natural, balanced = (proba if learned is None else correct_prior(proba, learned, to) for to in (shares, even))
    read = {"average_precision": natural, "log_loss": natural, "g_mean": proba}
    found = {metric: METRICS[metric].score(fold.y_test, answers, rare) for metric, answers in read.items()}
    found["g_mean_even"] = METRICS["g_mean"].score(fold.y_test, balanced, rare)
    return found | {"g_mean_best": best_g_mean(fold.y_test == rare, proba[:, rare])}


def best_g_mean(rare: NDArray[np.bool_], proba: NDArray[np.float64]) -> float:
    """G-mean at the threshold that is best on the test rows: what no decision could exceed."""
    false_alarms, found, _ = roc_curve(rare, proba, drop_intermediate=False)
    return float(np.sqrt(found * (1 - false_alarms)).max())


def run(arguments: argparse.Namespace, console: Console) -> pd.DataFrame:
    """Run what is not in the file yet, within the minutes of a processor."""
    done = pd.read_csv(arguments.out) if arguments.out.exists() else pd.DataFrame()
    keys = set() if done.empty else set(zip(done["set"], done["recipe"], done["candidate"], strict=True))
    half = dict(zip(("seen", "unseen"), halves(), strict=True))[arguments.half]
    for name, fold in folds(half, _MOST_ROWS) if arguments.minutes else ():
        for recipe in arguments.recipes:
            for candidate in arguments.candidates:
                if (name, recipe, candidate) in keys:
                    continue
                if time.process_time() > 60 * arguments.minutes:
                    console.print(f"Stopped at {name}: {arguments.minutes:g} minutes are over.")
                    return pd.read_csv(arguments.out)
                key = {"set": name, "recipe": recipe, "candidate": candidate}
                found = scores(recipe, CANDIDATES[candidate], arguments.members, fold)
                row = pd.DataFrame([key | found])
                row.to_csv(arguments.out, mode="a", header=not arguments.out.exists(), index=False)
    return pd.read_csv(arguments.out)


def gains(table: pd.DataFrame, candidate: str, rival: str) -> pd.DataFrame:
    """Gains of a candidate over another, above 0 where it is better: a row a recipe and source."""
    own, theirs = (table[table["candidate"] == name].set_index(["recipe", "set"]) for name in (candidate, rival))
    found = own[[*SCORED]] - theirs[[*SCORED]]
    found[[name for name in SCORED if name in _LESS_IS_BETTER]] *= -1
    found["cpu"] = own["cpu"] / theirs["cpu"]
    found = found.dropna().rename(index=datasets.suite(), level="set")
    return found.groupby(level=["recipe", "set"]).mean()


def compared(table: pd.DataFrame, candidate: str, rival: str) -> pd.DataFrame:
    """Median and mean gains, sources won, and p of Wilcoxon's test, for each recipe; and the ratio of CPU seconds."""
    rows = {}
    for recipe, found in gains(table, candidate, rival).groupby(level="recipe", sort=False):
        for name, title in SCORED.items():
            values = found[name]
            tests = (values != 0).sum() >= _FEWEST
            rows[recipe, title] = {
                "median": values.median(),
                "mean": values.mean(),
                "won": (values > 0).sum(),
                "of": len(values),
                "p": wilcoxon(values).pvalue if tests else np.nan,
                "CPU": found["cpu"].median(),
            }
    return pd.DataFrame(rows).T


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Mean scores and mean ranks of every candidate under each recipe."""
    ranked = table.set_index(["recipe", "candidate", "set"])[[*SCORED, "cpu"]]
    for name in SCORED:
        signed = ranked[name] * (1 if name in _LESS_IS_BETTER else -1)
        ranked[f"rank, {name}"] = signed.groupby(level=["recipe", "set"]).rank()
    return ranked.groupby(level=["recipe", "candidate"], sort=False).mean()


def main() -> None:
    """Run what is missing, and print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.default_network", description=__doc__)
    parser.add_argument("--half", choices=("seen", "unseen"), default="seen")
    parser.add_argument("--out", type=Path, default=Path("default-network.csv"), help="file of what is kept")
    parser.add_argument("--minutes", type=float, default=25.0, help="CPU time; 0 only prints")
    parser.add_argument("--members", type=int, default=2, help="networks of a fit")
    parser.add_argument("--recipes", nargs="+", default=[*RECIPES])
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=[*CANDIDATES])
    arguments, console = parser.parse_args(), Console(width=180)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    table = run(arguments, console)
    table = table[table["candidate"].isin(arguments.candidates) & table["recipe"].isin(arguments.recipes)]
    n_run = table.groupby(["set", "recipe"])["candidate"].transform("nunique")
    table = table[n_run == len(arguments.candidates)]
    console.print(means(table).round(4).to_string(), highlight=False)
    first = arguments.candidates[0]
    for candidate in arguments.candidates[1:]:
        console.print(f"\n{candidate}, gain over {first}:", highlight=False)
        console.print(compared(table, candidate, first).round(4).to_string(), highlight=False)


if __name__ == "__main__":
    main()
