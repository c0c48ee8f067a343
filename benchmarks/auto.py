"""`AutoClassifier` beside boosting at its defaults: CPU seconds of a fit and of 10,000 predictions, by size of table.

The peers are scikit-learn's histogram boosting and, if they are installed, LightGBM and CatBoost, on the same rows in
the same rounds, all on one thread, whose CPU seconds are its own. A figure is the least of the rounds, as other
processes only ever add to it; ratios are to CatBoost, or to scikit-learn's boosting without it.
"""

import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.measure import Effort, machine, save, threads
from equipoise import AutoClassifier
from equipoise.classifiers.boosting import TITLES, BoostingClassifier

_SIZES = {(1000, 50): 2.0, (20_000, 50): 15.0, (5000, 500): 20.0}  # rows, columns: CPU seconds of a fit, at most
_CELLS = 50_000  # of a table that is fitted in every round; larger ones in fewer
_PREDICTED = 10_000
_FIT_AT_MOST, _PREDICTION_AT_MOST = 1.5, 5.0  # in CatBoost's
_AUTO, _PEER, _REFERENCE = "auto", "scikit-learn's boosting", TITLES["catboost"]


def _contestants() -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {
        _AUTO: lambda: AutoClassifier(random_state=0),
        _PEER: lambda: HistGradientBoostingClassifier(random_state=0),
    }
    for library in ("lightgbm", "catboost"):
        if find_spec(library):
            found[TITLES[library]] = lambda library=library: BoostingClassifier(library, random_state=0)  # type: ignore[misc]
    return found


def _cpu(call: Callable[..., object], *arguments: object) -> float:
    started = time.process_time()
    call(*arguments)
    return time.process_time() - started


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Fit all of them in each round, print the least times beside their targets and save every time."""
    result: dict[str, Any] = {"machine": machine(1)}
    with threads(1):
        for size in _SIZES:
            times = _times(*size, max(1, effort.rounds * _CELLS // math.prod(size)))
            console.print(_table(size, times))
            result["{} x {}".format(*size)] = times
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _times(n_rows: int, n_columns: int, rounds: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of each contestant's fits and predictions."""
    total = n_rows + _PREDICTED
    X, y = make_classification(total, n_columns, n_informative=20, weights=[0.95], flip_y=0.02, random_state=0)
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for contestant, make in _contestants().items():
            model, found = make(), times.setdefault(contestant, {"fit": [], "predict": []})
            model.fit(X[:200], y[:200]).predict_proba(X[:1])  # imports, and the first steps of a process, are slow
            found["fit"].append(_cpu(model.fit, X[:n_rows], y[:n_rows]))
            model.predict_proba(X[:1])  # a reader is made at first use
            found["predict"].append(_cpu(model.predict_proba, X[n_rows:]))
    return times


def _table(size: tuple[int, int], times: dict[str, dict[str, list[float]]]) -> RichTable:
    table = RichTable(title="{:,} rows x {} columns: CPU seconds of one thread".format(*size))
    reference = _REFERENCE if _REFERENCE in times else _PEER
    for column in ("", "a fit", f"in {reference}'s", "10,000 predictions", f"in {reference}'s"):
        table.add_column(column, justify="right" if column else "left")
    least = {name: {part: min(values) for part, values in found.items()} for name, found in times.items()}
    for name, found in least.items():
        ratios = {part: found[part] / least[reference][part] for part in found}
        table.add_row(
            name,
            f"{found['fit']:.2f}" + _verdict(name, found["fit"] <= _SIZES[size]),
            f"{ratios['fit']:.2f}" + _verdict(name, ratios["fit"] <= _FIT_AT_MOST),
            f"{found['predict']:.3f}",
            f"{ratios['predict']:.2f}" + _verdict(name, ratios["predict"] <= _PREDICTION_AT_MOST),
        )
    table.caption = (
        f"Targets of auto: a fit in {_SIZES[size]:g} s and {_FIT_AT_MOST:g} of {_REFERENCE}'s, "
        f"predictions in {_PREDICTION_AT_MOST:g} of its"
    )
    return table


def _verdict(name: str, met: bool) -> str:
    return "" if name != _AUTO else " [green]met[/]" if met else " [red]missed[/]"
