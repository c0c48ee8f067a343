"""CPU seconds that an import or a command takes to start, best of five, beside what it rests on."""

import os
import resource
import subprocess
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Effort, save

_IMPORTS = (
    ("from equipoise.losses import VSLoss", "import torch", 1.1),
    ("from equipoise import ReMix", "import torch", 1.1),
    ("from equipoise import NeuralClassifier", "import torch, sklearn.base, pandas", 1.15),
)
_COMMANDS = ("--version", "--help", "compare --memebrs 3", "compare nowhere.csv --target y")
_MOST = 0.5  # seconds of a command


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure imports as ratios, and commands in seconds, and print and keep both."""
    programs = {code: ["-c", code] for pair in _IMPORTS for code in pair[:2]}
    programs |= {line: ["-m", "equipoise.cli", *line.split()] for line in _COMMANDS}
    best = dict.fromkeys(programs, float("inf"))
    for _ in range(max(5, effort.rounds)):
        for title, arguments in programs.items():
            best[title] = min(best[title], _seconds(arguments))
    table = Table(title="Start, CPU seconds, best of five")
    for heading in ("program", "seconds", "beside", "seconds", "ratio", "at most"):
        table.add_column(heading)
    for ours, base, most in _IMPORTS:
        figures = (f"{best[ours]:.2f}", base, f"{best[base]:.2f}", f"{best[ours] / best[base]:.3f}", f"{most}")
        table.add_row(ours, *figures)
    for line in _COMMANDS:
        table.add_row(f"equipoise {line}", f"{best[line]:.2f}", "", "", "", f"{_MOST} s")
    console.print(table)
    save(name, {"seconds": best})


def _seconds(arguments: list[str]) -> float:
    """CPU seconds of a Python process, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
