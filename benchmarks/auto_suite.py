"""``python -m benchmarks.auto_suite``: `AutoClassifier` over the comparison suite, beside the scores of references.

Folds, seeds and inputs are those of ``equipoise reproduce auto-suite``: two halves of the rows, five times on sets of
at most 5,000 rows. References are not run again: their scores, and those of an earlier `auto`, stand in
``docs/reproductions/auto/scores.csv``. Sets come in the order of their size, and the budget in minutes ends the run
after a fold; what is done is kept, so that the same command goes on. Needs the suite's data, see
``EQUIPOISE_DATA_HOME``.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from scipy.stats import wilcoxon

from equipoise import datasets, recipes
from equipoise.decisions import correct_prior
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import StratifiedFolds
from equipoise.metrics import macro_f1_score
from equipoise_reproductions.auto_suite import halves
from equipoise_reproductions.auto_suite.study import FULL

EQUAL, NATURAL = ("g_mean", "balanced_brier"), ("log_loss", "average_precision", "roc_auc")
RIVALS = ("auto", "catboost", "hist", "lightgbm", "xgboost")
_MOST_REPEATED = 5000  # rows of a set whose halves are drawn several times
_KEPT = Path(__file__).parents[1] / "docs" / "reproductions" / "auto"


def folds() -> Iterator[tuple[str, Path, PreparedFold]]:
    """Yield set, name of the file and numbers of every fold, the smallest sets first."""
    loaded = {name: datasets.load(name) for half in halves() for name in half}
    for name in sorted(loaded, key=lambda name: loaded[name].X.size):
        dataset = loaded[name]
        _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
        for repeat in range(FULL.n_repeats if len(codes) <= _MOST_REPEATED else 1):
            for fold in StratifiedFolds(2).folds(dataset, codes, repeat):
                yield name, Path(f"{name}-{repeat}-{fold.number}.npz"), PreparedFold.of(dataset, codes, fold)


def fitted(fold: PreparedFold) -> dict[str, Any]:
    """Fit auto to the training side, and return its answers on the test side and CPU seconds."""
    started = time.process_time()
    model = recipes.classifier("auto", random_state=fold.fold.seed)
    model.fit(fold.X_train, fold.y_train, groups=fold.groups)
    cpu, started = time.process_time() - started, time.process_time()
    proba = model.predict_proba(fold.X_test)
    predict = (time.process_time() - started) / len(proba) * 1e4
    decided = model.predict_from_proba(proba, "macro_f1")
    return {"q": proba, "y": fold.y_test, "counts": fold.counts, "f1": decided, "cpu": cpu, "predict": predict}


def scores(kept: Any) -> dict[str, float]:
    """Score the answers on a fold, those for equal shares after prior correction."""
    proba, codes, counts = (kept[name] for name in ("q", "y", "counts"))
    even: NDArray[np.float64] = correct_prior(proba, counts / counts.sum(), np.full(len(counts), 1 / len(counts)))
    rare, read = int(counts.argmin()), dict.fromkeys(EQUAL, even) | dict.fromkeys(NATURAL, proba)
    found = {name: METRICS[name].score(codes, answers, rare) for name, answers in read.items()}
    return found | {"macro_f1": macro_f1_score(codes, kept["f1"]), "cpu": float(kept["cpu"])}


def of_sets(out: Path) -> pd.DataFrame:
    """Mean scores of each set whose folds are all there."""
    rows = [
        {"set": path.stem.rsplit("-", 2)[0], **scores(np.load(path))} for path in sorted(out.glob("*-[0-9]-[01].npz"))
    ]
    sizes = {name: len(datasets.load(name).y) for name in {row["set"] for row in rows}}
    table = pd.DataFrame(rows).groupby("set").agg(["mean", "count"])
    wanted = pd.Series({name: 2 * (FULL.n_repeats if size <= _MOST_REPEATED else 1) for name, size in sizes.items()})
    whole = table["g_mean"]["count"] == wanted.reindex(table.index)
    return table.xs("mean", axis=1, level=1)[whole]


def beside(mine: pd.DataFrame, kept: pd.DataFrame, rival: str) -> pd.DataFrame:
    """Gain of auto over a reference by metric, above 0 where auto is better; the mean over the sets of a source."""
    own, even, decided = (kept[kept["method"] == rival + way].set_index("set") for way in ("", "-prior", "-macro_f1"))
    theirs = {name: (even if name in EQUAL else own)[name] for name in (*EQUAL, *NATURAL)}
    theirs["macro_f1"] = (decided if len(decided) else own)["tuned_macro_f1"]
    family, gains = own["family"].reindex(mine.index), {}
    for name, values in theirs.items():
        sign = 1 if METRICS[name].greater_is_better else -1
        gains[name] = (sign * (mine[name] - values.reindex(mine.index))).groupby(family).mean()
    return pd.DataFrame(gains)


def summary(gains: pd.DataFrame) -> pd.DataFrame:
    """Median gain, sources won and p of Wilcoxon's test for each metric."""
    return pd.DataFrame(
        {
            name: {"median gain": values.median(), "won": (values > 0).sum(), "of": len(values), "p": _p(values)}
            for name, values in gains.items()
        }
    ).T


def _p(values: pd.Series) -> float:
    return float(wilcoxon(values).pvalue) if (values != 0).sum() > 5 else float("nan")


def main() -> None:
    """Run what is missing within the budget, and print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto_suite", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("auto-suite"), help="folder of what is kept")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="after which no further fold is begun; 0 only prints"
    )
    arguments, console, started = parser.parse_args(), Console(width=150), time.monotonic()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    arguments.out.mkdir(exist_ok=True)
    for name, file, fold in folds() if arguments.minutes else ():
        if time.monotonic() - started > 60 * arguments.minutes:
            console.print(f"Stopped at {name}: {arguments.minutes:g} minutes are over.")
            break
        if not (arguments.out / file).exists():
            np.savez_compressed(arguments.out / file, **fitted(fold))
    mine, kept = of_sets(arguments.out), pd.read_csv(_KEPT / "scores.csv")
    console.print(mine.round(4).to_string(), highlight=False)
    for half, sets in zip(("seen", "unseen"), halves(), strict=True):
        for rival in RIVALS:
            table = summary(beside(mine[mine.index.isin(sets)], kept, rival))
            console.print(f"\n{half} half, gain over {rival}:\n{table.round(4).to_string()}", highlight=False)
    for rival in RIVALS:
        table = summary(beside(mine, kept, rival))
        console.print(f"\nboth halves, gain over {rival}:\n{table.round(4).to_string()}", highlight=False)


if __name__ == "__main__":
    main()
