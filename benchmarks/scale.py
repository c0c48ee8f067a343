"""Tables that memory need not hold: MUBO, and imbalanced-learn's samplers, on 20 million memory-mapped rows.

30 float32 columns, 2.4 GB on disk, 0.05% rare. Each sampler runs in a process of its own, whose anonymous resident
memory (RssAnon: what the system cannot drop and read again) is watched, and counts beyond that after the imports and a
small first call. The yardstick of time is the same search, with the same rare rows and gradient steps, on a hundredth
of the table.
"""

import math
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from imblearn.under_sampling import NearMiss, RandomUnderSampler
from numpy.lib.format import open_memmap
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable

from benchmarks.measure import machine, save
from equipoise import MUBO

_ROWS, _QUICK_ROWS, _COLUMNS, _RARE, _PART = 20_000_000, 2_000_000, 30, 0.0005, 100
_SEARCH: dict[str, Any] = {"max_iter": 10, "max_steps": 3000, "random_state": 0}
_MOST_MEGABYTES, _MOST_TIMES = 600.0, 2.0  # targets
_STOP_MEGABYTES = 8000.0  # a rival that takes more is stopped, for the sake of what else runs
_AT_ONCE = 1 << 18
_SAMPLERS = {
    "MUBO": lambda: MUBO(**_SEARCH),
    "RandomUnderSampler": lambda: RandomUnderSampler(random_state=0),
    "NearMiss": NearMiss,
}


def run(console: Console, n_threads: int, *, quick: bool, minutes: float, name: str) -> None:
    """Make the tables, watch each sampler, print and save; rivals are stopped after some minutes."""
    n = _QUICK_ROWS if quick else _ROWS
    result: dict[str, Any] = {"machine": machine(n_threads), "rows": n, "columns": _COLUMNS, "search": _SEARCH}
    with tempfile.TemporaryDirectory() as folder, Progress(console=console, transient=True) as progress:
        bar = progress.add_task("writing a table", total=None)
        whole, part = Path(folder) / "whole", Path(folder) / "part"
        _write(whole, part, n)
        runs = {}
        for title, sampler, table in (("MUBO, a hundredth", "MUBO", part), *((s, s, whole) for s in _SAMPLERS)):
            progress.update(bar, description=title)
            runs[title] = _watched(sampler, table, n_threads, math.inf if sampler == "MUBO" else 60 * minutes)
    console.print(_table(n, runs))
    times = runs["MUBO"]["seconds"] / runs["MUBO, a hundredth"]["seconds"]
    result |= {
        "runs": runs,
        "targets": [
            {
                "figure": "megabytes",
                "value": runs["MUBO"]["megabytes"],
                "target": _MOST_MEGABYTES,
                "met": runs["MUBO"]["megabytes"] <= _MOST_MEGABYTES,
            },
            {"figure": "times a hundredth", "value": times, "target": _MOST_TIMES, "met": times <= _MOST_TIMES},
        ],
    }
    for t in result["targets"]:
        verdict = "[green]met" if t["met"] else "[red]missed"
        console.print(f"{t['figure']}: {t['value']:.1f} (target: at most {t['target']:g}), {verdict}[/]")
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


def _write(whole: Path, part: Path, n: int) -> None:
    """Write a table, and the part of it that has all rare rows and a hundredth of all."""
    rng = np.random.default_rng(0)
    y = np.zeros(n, dtype=np.int8)
    y[rng.choice(n, round(_RARE * n), replace=False)] = 1
    rows = np.sort(np.concatenate([np.flatnonzero(y), np.flatnonzero(y == 0)[: n // _PART - y.sum(dtype=int)]]))
    for folder, length in ((whole, n), (part, len(rows))):
        folder.mkdir()
        np.save(folder / "y.npy", y if folder == whole else y[rows])
        X = open_memmap(folder / "X.npy", "w+", np.float32, (length, _COLUMNS))
        for start in range(0, length, _AT_ONCE):
            end = min(start + _AT_ONCE, length)
            if folder == whole:
                X[start:end] = rng.standard_normal((end - start, _COLUMNS), dtype=np.float32) + 0.5 * y[start:end, None]
            else:
                X[start:end] = np.load(whole / "X.npy", mmap_mode="r")[rows[start:end]]
        X.flush()


def resample(sampler: str, folder: str, n_threads: int) -> None:
    """Do the work of the watched process: say when imports are done, resample, say the seconds it took."""
    torch.set_num_threads(n_threads)
    rng = np.random.default_rng(0)
    _SAMPLERS[sampler]().set_params(**({"max_steps": 20} if sampler == "MUBO" else {})).fit_resample(
        rng.standard_normal((2000, _COLUMNS), dtype=np.float32), np.arange(2000) % 10 == 0
    )
    X, y = (np.load(Path(folder) / file, mmap_mode="r") for file in ("X.npy", "y.npy"))
    print("ready", flush=True)
    start, cpu = time.perf_counter(), time.process_time()
    rows, _ = _SAMPLERS[sampler]().fit_resample(X, y)
    print(time.perf_counter() - start, time.process_time() - cpu, len(rows), flush=True)


def _watched(sampler: str, folder: Path, n_threads: int, stop: float) -> dict[str, Any]:
    """Run a sampler and watch its memory; stop it after so many seconds, or where it takes too much."""
    code = f"from benchmarks.scale import resample; resample({sampler!r}, {str(folder)!r}, {n_threads})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        before = most = anonymous(process.pid)
        start, stopped = time.perf_counter(), ""
        while process.poll() is None and not stopped:
            most = max(most, anonymous(process.pid))
            if time.perf_counter() - start > stop:
                stopped = f"stopped after {stop / 60:g} minutes"
            elif most - before > _STOP_MEGABYTES:
                stopped = f"stopped beyond {_STOP_MEGABYTES / 1000:g} GB"
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        if stopped:
            process.kill()
        told = process.stdout.read().split()
    if not stopped and process.returncode:
        stopped = "killed" if process.returncode < 0 else "failed"
    if not ready or (stopped and sampler == "MUBO"):
        raise RuntimeError(f"{sampler} on {folder} gave no figure: {stopped or 'it did not start'}.")
    return {
        "seconds": seconds if stopped else float(told[0]),
        "cpu_seconds": None if stopped else float(told[1]),
        "megabytes": most - before,
        "outcome": stopped or f"{int(told[2]):,} rows",
    }


def anonymous(pid: int) -> float:
    """Anonymous resident memory of a process in MB; 0 once it has ended."""
    try:
        found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except FileNotFoundError:
        return 0.0
    return 0.0 if found is None else int(found[1]) * 1024 / 1e6


def _table(n: int, runs: dict[str, dict[str, Any]]) -> RichTable:
    table = RichTable(title=f"{n:,} memory-mapped rows of {_COLUMNS} columns, {_RARE:.2%} rare")
    table.add_column()
    for column in ("seconds", "of a core", "RssAnon, MB", "outcome"):
        table.add_column(column, justify="right")
    for title, r in runs.items():
        cpu = "" if r["cpu_seconds"] is None else f"{r['cpu_seconds']:.1f}"
        table.add_row(title, f"{r['seconds']:.1f}", cpu, f"{r['megabytes']:,.0f}", r["outcome"])
    return table
