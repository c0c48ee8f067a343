"""Wall time of ``equipoise compare``, as typed, on the satimage set with its rare class."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from imblearn.datasets import fetch_datasets
from rich.console import Console

from benchmarks.measure import machine, save
from equipoise import recipes

_MOST_SECONDS = 300.0
_COMMAND = ("compare", "satimage.csv", "--target", "target", "--folds", "5", "--out", "report")


def run(console: Console) -> None:
    """Time the command in a process of its own, and save the time; without the data, say so."""
    result: dict[str, Any] = {"machine": machine(os.cpu_count() or 1), "command": " ".join(("equipoise", *_COMMAND))}
    with tempfile.TemporaryDirectory() as folder:
        reason = _write_table(Path(folder) / "satimage.csv")
        if reason:
            console.print(f"compare skipped: {reason}", highlight=False)
            return
        start = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("equipoise"), *_COMMAND], cwd=folder, check=True)
        seconds = time.perf_counter() - start
        n_recipes = len(pd.read_csv(Path(folder) / "report" / "leaderboard.csv"))
    every = len(recipes.names())
    met = seconds <= _MOST_SECONDS and n_recipes == every
    result |= {"seconds": seconds, "recipes": n_recipes, "target": _MOST_SECONDS, "met": met}
    console.print(f"compare: {n_recipes} recipes in {seconds:.0f} s (target: all {every} in {_MOST_SECONDS:.0f} s)")
    console.print(f"{'[green]met' if met else '[red]missed'}[/]\nWritten: {save('compare', result)}", highlight=False)


def _write_table(path: Path) -> str | None:
    """Write the set as a csv file, or say why that cannot be."""
    home = os.environ.get("EQUIPOISE_DATA_HOME")
    if home is None:
        return "EQUIPOISE_DATA_HOME does not name the folder that holds imbalanced-learn's satimage set."
    try:
        sets = fetch_datasets(data_home=home, filter_data=("satimage",), download_if_missing=False)
    except OSError as error:
        return f"imbalanced-learn's satimage set is not in {home}: {error}"
    table = pd.DataFrame(sets["satimage"].data).add_prefix("x").assign(target=sets["satimage"].target)
    table.to_csv(path, index=False)
    return None
