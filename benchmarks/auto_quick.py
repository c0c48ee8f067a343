"""``python -m benchmarks.auto_quick``: `AutoClassifier` with ``max_time=2`` beside itself without a limit.

One of two folds of each set of a half of the comparison suite, at most 5,000 training rows. The clock of this process
is its CPU time, so that a busy machine does not count. Rows are appended to ``--out`` as they are done, so that the
same command goes on. Needs the suite's data, see ``EQUIPOISE_DATA_HOME``.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from benchmarks.default_network import compared, folds, means, scored
from equipoise import recipes
from equipoise.experiments.prepared import PreparedFold
from equipoise_reproductions.auto_suite import halves

WHOLE, SHARES = "no limit", "class shares"
_MOST_ROWS = 5000  # of a side of a fold


def fitted(seconds: float | None, fold: PreparedFold) -> dict[str, float]:
    """Fit auto within some seconds, and score it on the test rows."""
    started = time.process_time()
    model = recipes.classifier(recipes.AUTO, max_time=seconds, random_state=fold.fold.seed)
    model.fit(fold.X_train, fold.y_train, groups=fold.groups)
    cpu = time.process_time() - started
    found = scored(model.predict_proba(fold.X_test), fold.counts / fold.counts.sum(), fold)
    return found | {"cpu": cpu, "networks": sum("networks" in name for name in model.members_)}


def shares(fold: PreparedFold) -> dict[str, float]:
    """Score the class shares of the training rows as the answer for every row."""
    priors = fold.counts / fold.counts.sum()
    return scored(np.tile(priors, (len(fold.y_test), 1)), priors, fold) | {"cpu": 0.0, "networks": 0}


def run(half: str, out: Path, seconds: list[float], minutes: float) -> pd.DataFrame:
    """Run what is not in the file yet, within the minutes."""
    done = pd.read_csv(out) if out.exists() else pd.DataFrame({"set": [], "candidate": []})
    keys = set(zip(done["set"], done["candidate"], strict=True))
    limits: dict[str, float | None] = {WHOLE: None} | {f"max_time={limit:g}": limit for limit in seconds}
    fitted(1.0, next(folds(["ecoli"], 300))[1])  # the first steps of a process are slow
    for name, fold in folds(dict(zip(("seen", "unseen"), halves(), strict=True))[half], _MOST_ROWS):
        for candidate in (*limits, SHARES):
            if (name, candidate) in keys or time.process_time() > 60 * minutes:
                continue
            found = shares(fold) if candidate == SHARES else fitted(limits[candidate], fold)
            row = pd.DataFrame([{"set": name, "recipe": recipes.AUTO, "candidate": candidate} | found])
            row.to_csv(out, mode="a", header=not out.exists(), index=False)
    return pd.read_csv(out)


def main() -> None:
    """Run what is missing, and print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto_quick", description=__doc__)
    parser.add_argument("--half", choices=("seen", "unseen"), default="seen")
    parser.add_argument("--out", type=Path, default=Path("auto-quick.csv"), help="file of what is kept")
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0])
    parser.add_argument("--minutes", type=float, default=10.0, help="CPU time")
    arguments, console = parser.parse_args(), Console(width=180)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    time.monotonic = time.perf_counter = time.process_time
    table = run(arguments.half, arguments.out, arguments.seconds, arguments.minutes)
    console.print(means(table).round(4).to_string(), highlight=False)
    for seconds in arguments.seconds:
        for rival in (WHOLE, SHARES):
            console.print(f"\nmax_time={seconds:g}, gain over {rival}:", highlight=False)
            console.print(compared(table, f"max_time={seconds:g}", rival).round(4).to_string(), highlight=False)


if __name__ == "__main__":
    main()
