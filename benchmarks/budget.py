"""Wall time of ``--budget`` beside it: `compare` on 30,000, 150,000 and 2,000,000 rows, `fit` on those of a folder."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.measure import machine, save

_MOST = 1.1  # of the budget
_ROWS, _COLUMNS, _RARE = 150_000, 10, 0.03
_PARTS = 20  # files of a folder, of 100,000 rows each
_COMMAND = ("--budget", "{minutes:g}", "--out", "{out}")
_BUSY = "while True: pass"


def run(console: Console, minutes: float, name: str) -> None:
    """Time the command as typed, on an idle machine and beside a busy loop on each core, and save the ratios."""
    results: list[dict[str, Any]] = []
    table = Table(title=f"--budget {minutes:g}, at most {_MOST} times the budget")
    for heading in ("table", "beside", "load before", "seconds", "ratio", "recipes", "exit"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as folder:
        _write_table(Path(folder) / "made.csv")
        (Path(folder) / "parts").mkdir()
        for number in range(_PARTS):
            _frame(100_000, number).to_parquet(Path(folder) / "parts" / f"{number:02d}.parquet")
        sources = {
            "credit_default": ("compare", "--dataset", "credit_default"),
            "made": ("compare", "made.csv", "--target", "rare"),
            "folder": ("compare", "parts", "--target", "rare"),
            "fit of the folder": ("fit", "parts", "--target", "rare"),
            "networks of the folder": ("fit", "parts", "--target", "rare", "--recipe", "none"),
        }
        for source, options in sources.items():
            for n_busy in (0, os.cpu_count() or 1):
                with _busy(n_busy):
                    results.append(_timed(Path(folder), source, options, minutes) | {"busy_loops": n_busy})
                row = results[-1]
                figures = (f"{row['load']:.1f}", f"{row['seconds']:.0f}", f"{row['ratio']:.3f}", str(row["recipes"]))
                table.add_row(source, f"{n_busy} busy loops", *figures, str(row["exit"]))
    console.print(table)
    met = all(row["ratio"] <= _MOST for row in results)
    console.print(f"{'[green]met' if met else '[red]missed'}[/]")
    path = save(name, {"machine": machine(os.cpu_count() or 1), "minutes": minutes, "results": results, "met": met})
    console.print(f"Written: {path}", highlight=False)


def _timed(folder: Path, source: str, options: tuple[str, ...], minutes: float) -> dict[str, Any]:
    out = Path(tempfile.mkdtemp(dir=folder)) / "report"
    command = [*options, *(part.format(minutes=minutes, out=out) for part in _COMMAND)]
    load, start = os.getloadavg()[0], time.perf_counter()
    program = Path(sys.executable).with_name("equipoise")
    ended = subprocess.run([program, *command], cwd=folder, capture_output=True, text=True)
    seconds, board = time.perf_counter() - start, out / "leaderboard.csv"
    return {
        "source": source,
        "load": load,
        "seconds": seconds,
        "ratio": seconds / (60 * minutes),
        "recipes": pd.read_csv(board)["recipe"].tolist() if board.exists() else [],
        "notes": [line for line in ended.stdout.splitlines() if line.strip().startswith(("Note: ", "A sample"))],
        "exit": ended.returncode,
        "error": ended.stderr.strip(),
    }


@contextmanager
def _busy(n_loops: int) -> Iterator[None]:
    """Keep cores busy with something else."""
    loops = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(n_loops)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _write_table(path: Path) -> None:
    _frame(_ROWS, 0).to_csv(path, index=False)


def _frame(n_rows: int, seed: int) -> pd.DataFrame:
    rng, shift = np.random.default_rng(seed), np.random.default_rng(0).normal(size=_COLUMNS)
    rare = (rng.random(n_rows) < _RARE).astype(int)
    X = rng.normal(size=(n_rows, _COLUMNS)) + 0.6 * rare[:, None] * shift
    return pd.DataFrame(X.round(4)).add_prefix("x").assign(rare=rare)
