"""``python -m benchmarks.auto_suite``: `AutoClassifier` over the comparison suite, beside boosting and references.

Folds, seeds and inputs are those of ``equipoise reproduce auto-suite``: two halves of the rows, five times on sets of
at most 5,000 rows, one repeat of all sets after the other, small sets first. Boosting is fitted on the same folds:
plain, calibrated on out-of-fold answers, and pooled; with ``--parts networks`` RealMLP-TD, too, if pytabkit is
installed. What is printed is of the repeats that all parts in the folder have. Scores of an earlier `auto` and of other
references stand in ``docs/reproductions/auto/scores.csv``. The budget in minutes ends the run after a fold; what is
done is kept, so that the same command goes on. Needs the suite's data, see ``EQUIPOISE_DATA_HOME``.
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

from benchmarks import auto_rivals
from benchmarks.auto_rivals import POOL
from equipoise import datasets, recipes
from equipoise.decisions import correct_prior
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import StratifiedFolds
from equipoise.metrics import macro_f1_score
from equipoise_reproductions.auto_suite import halves
from equipoise_reproductions.auto_suite.references import BOOSTING
from equipoise_reproductions.auto_suite.study import FULL

Scores = dict[str, float]

EQUAL, NATURAL = ("g_mean", "balanced_brier"), ("log_loss", "average_precision", "roc_auc")
SIX = (*EQUAL, *NATURAL, "macro_f1")
BEFORE = "auto before"
"""The earlier `auto`, whose scores are kept."""

_MOST_REPEATED = 5000  # rows of a set whose halves are drawn several times
_KEPT = Path(__file__).parents[1] / "docs" / "reproductions" / "auto"
_FEWEST_SOURCES = 6  # for a test


def folds() -> Iterator[tuple[str, Path, PreparedFold]]:
    """Yield set, name of the file and numbers of every fold."""
    loaded = {name: datasets.load(name) for half in halves() for name in half}
    for repeat in range(FULL.n_repeats):
        for name in sorted(loaded, key=lambda name: loaded[name].X.size):
            dataset = loaded[name]
            _, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
            if repeat == 0 or len(codes) <= _MOST_REPEATED:
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
    kept = {"q": proba, "f1": decided, "cpu": cpu, "predict": predict}
    return {"y": fold.y_test, "counts": fold.counts} | {f"auto|{name}": value for name, value in kept.items()}


PARTS = {"auto": fitted, "boosting": auto_rivals.fitted, "networks": auto_rivals.of_networks}


def scores(proba: NDArray[np.float64], decided: NDArray[Any], codes: NDArray[Any], counts: NDArray[Any]) -> Scores:
    """Score the answers on a fold, those for equal shares after prior correction."""
    even: NDArray[np.float64] = correct_prior(proba, counts / counts.sum(), np.full(len(counts), 1 / len(counts)))
    rare, read = int(counts.argmin()), dict.fromkeys(EQUAL, even) | dict.fromkeys(NATURAL, proba)
    found = {name: METRICS[name].score(codes, answers, rare) for name, answers in read.items()}
    return found | {"macro_f1": macro_f1_score(codes, decided)}


def of_folds(out: Path) -> pd.DataFrame:
    """Scores and CPU seconds of each set, method and fold that is there."""
    rows = []
    for path in sorted(out.glob("*/*.npz")):
        kept = np.load(path)
        for name in [key.removesuffix("|q") for key in kept.files if key.endswith("|q")]:
            proba, decided, cpu, predict = (kept[f"{name}|{part}"] for part in ("q", "f1", "cpu", "predict"))
            found = scores(proba, decided, kept["y"], kept["counts"])
            at = {"set": path.stem.rsplit("-", 2)[0], "fold": path.stem, "method": name}
            rows.append(at | found | {"cpu": float(cpu), "predict": float(predict)})
    return pd.DataFrame(rows)


def of_sets(found: pd.DataFrame) -> pd.DataFrame:
    """Mean scores of each set and method, over the repeats whose two folds are there for all methods."""
    n_methods = found["method"].nunique()
    repeats = found["fold"].str.rsplit("-", n=1).str[0]
    whole = found.groupby(repeats)["method"].size() == 2 * n_methods
    return found[repeats.map(whole)].drop(columns="fold").groupby(["set", "method"]).mean()


def before(sets: pd.Index) -> pd.DataFrame:
    """Scores of the earlier auto, as `of_sets` has them."""
    kept = pd.read_csv(_KEPT / "scores.csv")
    own, even, decided = (kept[kept["method"] == f"auto{way}"].set_index("set") for way in ("", "-prior", "-macro_f1"))
    found = {name: own[name] for name in NATURAL} | {name: even[name] for name in EQUAL}
    found |= {"macro_f1": decided["tuned_macro_f1"], "cpu": own["seconds"]}
    return pd.DataFrame(found).reindex(sets)


def gains(table: pd.DataFrame, rival: str) -> pd.DataFrame:
    """Gain of auto over a method by metric, above 0 where auto is better; the mean over the sets of a source."""
    own, theirs = (table.xs(name, level="method") for name in ("auto", rival))
    signs = pd.Series({name: 1 if METRICS[name].greater_is_better else -1 for name in SIX})
    families = pd.Series(datasets.suite()).reindex(own.index)
    return pd.DataFrame((own[[*SIX]] - theirs[[*SIX]]) * signs).groupby(families).mean()


def tested(table: pd.DataFrame, rival: str) -> pd.DataFrame:
    """Median gain of auto over a method, sources won, and p of Wilcoxon's test for each metric."""
    found = gains(table, rival)
    return pd.DataFrame(
        {
            name: {"median gain": values.median(), "won": (values > 0).sum(), "of": len(values), "p": _p(values)}
            for name, values in found.items()
        }
    ).T


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Mean rank of each method by metric, a source counting once; 1 is best."""
    families = datasets.suite()
    ranked = {}
    for name in SIX:
        wide = table[name].unstack("method")
        wide = wide.groupby(pd.Series(families).reindex(wide.index)).mean()
        ranked[name] = wide.rank(axis=1, ascending=not METRICS[name].greater_is_better).mean()
    return pd.DataFrame(ranked).sort_values("log_loss")


def _p(values: pd.Series) -> float:
    return float(wilcoxon(values).pvalue) if (values != 0).sum() >= _FEWEST_SOURCES else float("nan")


def main() -> None:
    """Run what is missing within the budget, and print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto_suite", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("auto-suite"), help="folder of what is kept")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="after which no further fold is begun; 0 only prints"
    )
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=["auto", "boosting"], help="what is run; two may run at once"
    )
    arguments, console, started = parser.parse_args(), Console(width=150), time.monotonic()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for part in arguments.parts:
        (arguments.out / part).mkdir(exist_ok=True, parents=True)
    for name, file, fold in folds() if arguments.minutes else ():
        if time.monotonic() - started > 60 * arguments.minutes:
            console.print(f"Stopped at {name}: {arguments.minutes:g} minutes are over.")
            break
        for part in arguments.parts:
            if not (arguments.out / part / file).exists():
                np.savez_compressed(arguments.out / part / file, **PARTS[part](fold))
    _show(of_sets(of_folds(arguments.out)), arguments.out, console)


def _show(table: pd.DataFrame, out: Path, console: Console) -> None:
    """Print ranks, costs and tests, and write the scores."""
    table.to_csv(out / "scores.csv", float_format="%.6g")
    sets = table.index.get_level_values("set").unique()
    console.print(f"{len(sets)} sets. Mean ranks:\n{mean_ranks(table).round(2).to_string()}", highlight=False)
    costs = table[["cpu", "predict"]].unstack("method")
    for what in ("cpu", "predict"):
        ratios = costs[what].div(costs[what]["catboost"], axis=0).median().round(2)
        console.print(f"\n{what}, in CatBoost's, median over sets:\n{ratios.to_string()}", highlight=False)
    old = before(sets).assign(method=BEFORE).set_index("method", append=True)
    table = pd.concat([table, old])
    for half, part in (*zip(("seen", "unseen"), halves(), strict=True), ("both", list(sets))):
        of_half = table[table.index.get_level_values("set").isin(part)]
        for rival in (BEFORE, "catboost", *(f"{name}+calibrated" for name in BOOSTING), "catboost+mean", POOL):
            console.print(f"\n{half}, gain over {rival}:\n{tested(of_half, rival).round(4)}", highlight=False)


if __name__ == "__main__":
    main()
