"""`AutoClassifier` on 20,000 rows of 50 numbers: seconds a fit, and how many fits of boosting they are.

The peers are scikit-learn's histogram boosting and, if it is installed, LightGBM, at their defaults, on the same rows
in the same rounds and with the same number of threads.
"""

import statistics
import time
from importlib.util import find_spec
from typing import Any

from rich.console import Console
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.measure import Effort, machine, save, threads
from equipoise import AutoClassifier

_ROWS, _COLUMNS = 20_000, 50
_MOST_SECONDS = 60.0
_AUTO = "auto"


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Fit all of them in each round, print the medians and save every time."""
    X, y = make_classification(_ROWS, _COLUMNS, n_informative=20, weights=[0.95], flip_y=0.02, random_state=0)
    result: dict[str, Any] = {"machine": machine(n_threads), "rows": _ROWS, "columns": _COLUMNS}
    seconds: dict[str, list[float]] = {}
    with threads(n_threads):
        for _ in range(effort.rounds):
            for contestant, model in _contestants(n_threads).items():
                started = time.perf_counter()
                model.fit(X, y)
                seconds.setdefault(contestant, []).append(time.perf_counter() - started)
    medians = {contestant: statistics.median(times) for contestant, times in seconds.items()}
    met = medians[_AUTO] <= _MOST_SECONDS
    result |= {"seconds": seconds, "target": _MOST_SECONDS, "met": met}
    for contestant, median in medians.items():
        low, high = min(seconds[contestant]), max(seconds[contestant])
        of_auto = "" if contestant == _AUTO else f"; auto takes {medians[_AUTO] / median:.0f} of them"
        console.print(f"{contestant}: {median:.1f} s a fit ({low:.1f} to {high:.1f}){of_auto}", highlight=False)
    console.print(f"{'[green]met' if met else '[red]missed'}[/]: at most {_MOST_SECONDS:g} s", highlight=False)
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _contestants(n_threads: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        _AUTO: AutoClassifier(random_state=0),
        "scikit-learn's boosting": HistGradientBoostingClassifier(random_state=0),
    }
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier  # an extra

        found["LightGBM"] = LGBMClassifier(n_jobs=n_threads, verbosity=-1, random_state=0)
    return found
