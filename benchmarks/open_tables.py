"""Fits and predictions on a folder of parquet files that memory need not hold.

    python -m benchmarks.open_tables FOLDER --files 20

writes 20 files of a million rows and 30 columns to FOLDER/table, unless they are there, and runs each job in a process
of its own, whose anonymous resident memory counts beyond that after the imports. The rate of prediction is compared
with `predict_proba` and `predict_from_proba` on a data frame in memory, written to a file. Results are added to
FOLDER/results.jsonl; what is there is not measured again.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scale import anonymous

_ROWS, _COLUMNS, _GROUP = 1_000_000, 30, 250_000
_FITS: dict[str, dict[str, Any]] = {"auto": {}, "mubo": {}, "remix-dataset": {"n_members": 4}, "none": {"n_members": 4}}
_PART = 500_000  # rows in memory, for the rate to compare with


def fit(recipe: str, folder: str, steps: int) -> int:
    """Fit a recipe, with so many gradient steps of its networks, and save the model."""
    from equipoise import persistence
    from equipoise.datasets import open_table
    from equipoise.datasets.checked import checked
    from equipoise.experiments import fit_recipe

    data = checked(open_table(f"{folder}/table").sample("y"))
    given = _FITS[recipe] if recipe == "auto" else _FITS[recipe] | {"max_steps": steps}
    model = fit_recipe(recipe, data, random_state=0, **given)
    persistence.save(model, f"{folder}/{recipe}", about={"target": "y", "recipe": recipe})
    return data.n_rows


def predict(recipe: str, folder: str, steps: int) -> int:
    """Score the folder, file by file."""
    from equipoise.cli.predict import predict as command

    command(Path(folder, recipe), Path(folder, "table"), out=Path(folder, f"scored-{recipe}"))
    return sum(pq.ParquetFile(path).metadata.num_rows for path in Path(folder, "table").iterdir())


def in_memory(recipe: str, folder: str, steps: int) -> int:
    """Score rows in memory, and write them to a file."""
    from equipoise import persistence

    path = min(Path(folder, "table").iterdir())
    rows, model = pd.read_parquet(path).iloc[:_PART], persistence.load(f"{folder}/{recipe}")
    proba = model.predict_proba(rows.drop(columns="y"))
    labels = model.classes_[proba.argmax(axis=1)]
    rows.assign(prediction=labels, probability=proba[:, 1]).to_parquet(Path(folder, f"memory-{recipe}.parquet"))
    return len(rows)


def work(job: str, recipe: str, folder: str, steps: int) -> None:
    """Do the work of a watched process: say when imports are done, then the seconds and the rows."""
    import equipoise.cli.predict
    import equipoise.experiments
    import equipoise.persistence  # noqa: F401

    print("ready", flush=True)
    start, cpu = time.perf_counter(), time.process_time()
    n_rows = {"fit": fit, "predict": predict, "in memory": in_memory}[job](recipe, folder, steps)
    print("\n", time.perf_counter() - start, time.process_time() - cpu, n_rows, flush=True)


def _write(folder: Path, n_files: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    slopes = np.random.default_rng(1).normal(size=_COLUMNS).astype(np.float32) / 5
    for number in range(n_files):
        path, rng = folder / f"part-{number:02d}.parquet", np.random.default_rng([7, number])
        if path.exists():
            continue
        X = rng.standard_normal((_ROWS, _COLUMNS), dtype=np.float32)
        y = np.where(rng.random(_ROWS) < 1 / (1 + np.exp(9.0 - 2 * (X @ slopes))), "rare", "common")
        columns = {f"x{j}": X[:, j] for j in range(_COLUMNS)} | {"y": pa.array(y)}
        pq.write_table(pa.table(columns), path, row_group_size=_GROUP, compression="zstd")


def _watched(job: str, recipe: str, folder: Path, steps: int) -> dict[str, Any]:
    code = f"from benchmarks.open_tables import work; work({job!r}, {recipe!r}, {str(folder)!r}, {steps})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = most = anonymous(process.pid)
        while process.poll() is None:
            most = max(most, anonymous(process.pid))
            time.sleep(0.05)
        seconds, cpu, n_rows = process.stdout.read().split()[-3:]
    return {
        "job": job,
        "recipe": recipe,
        "rows": int(n_rows),
        "seconds": round(float(seconds), 1),
        "cpu_seconds": round(float(cpu), 1),
        "megabytes": round(most - before),
        "rows_a_cpu_second": round(int(n_rows) / float(cpu)),
    }


def main() -> None:
    """Write the table, run what is not there yet, and print all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_tables", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    results = arguments.folder / "results.jsonl"
    _write(arguments.folder / "table", arguments.files)
    found = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(each["job"], each["recipe"]) for each in found}
    jobs = [("fit", recipe) for recipe in _FITS]
    jobs += [(job, recipe) for recipe in ("none", "auto") for job in ("in memory", "predict")]
    for job, recipe in jobs:
        if (job, recipe) not in done:
            found.append(_watched(job, recipe, arguments.folder, arguments.steps))
            with results.open("a") as file:
                file.write(json.dumps(found[-1]) + "\n")
    print(pd.DataFrame(found).to_string(index=False))


if __name__ == "__main__":
    main()
