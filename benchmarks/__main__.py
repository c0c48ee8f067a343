"""``python -m benchmarks``: every benchmark, or one of them."""

import argparse
import os

from rich.console import Console

from benchmarks import compare, steps
from benchmarks.measure import Effort

_FULL, _QUICK = Effort(rounds=7, seconds=0.5), Effort(rounds=3, seconds=0.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="steps: fewer and shorter rounds, for a first look")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="steps: all cores by default")
    parser.add_argument("--only", choices=("steps", "compare"), help="one benchmark instead of all")
    return parser.parse_args()


def main() -> None:
    """Run the benchmarks and print their tables."""
    arguments, console = _arguments(), Console()
    if arguments.only in (None, "steps"):
        name = "steps" if arguments.threads == os.cpu_count() else f"steps-threads-{arguments.threads}"
        name, effort = (f"{name}-quick", _QUICK) if arguments.quick else (name, _FULL)
        steps.run(console, arguments.threads, effort, name)
    if arguments.only in (None, "compare"):
        compare.run(console)


main()
