"""``python -m benchmarks``: every benchmark, or one of them."""

import argparse
import os

from rich.console import Console

from benchmarks import (
    auto,
    autobalance,
    budget,
    chains,
    compare,
    gan,
    images,
    mixing,
    predict,
    scale,
    start,
    step_profile,
    steps,
    transforms,
)
from benchmarks.measure import Effort

_MEASURED = {
    "start": start.run,
    "steps": steps.run,
    "step-profile": step_profile.run,
    "transforms": transforms.run,
    "mixing": mixing.run,
    "gan": gan.run,
    "chains": chains.run,
    "autobalance": autobalance.run,
    "auto": auto.run,
    "predict": predict.run,
    "images": images.run,
}
_FULL, _QUICK = Effort(rounds=7, seconds=0.5), Effort(rounds=3, seconds=0.1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds, for a first look")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="all cores by default")
    names = (*_MEASURED, "scale", "compare", "budget")
    parser.add_argument("--only", choices=names, help="one benchmark instead of all")
    parser.add_argument("--minutes", type=float, default=10.0, help="after which a rival in scale is stopped")
    return parser.parse_args()


def main() -> None:
    """Run the benchmarks and print their tables."""
    arguments, console = _arguments(), Console()
    threads = "" if arguments.threads == os.cpu_count() else f"-threads-{arguments.threads}"
    suffix, effort = (f"{threads}-quick", _QUICK) if arguments.quick else (threads, _FULL)
    for name, run in _MEASURED.items():
        if arguments.only in (None, name):
            run(console, arguments.threads, effort, f"{name}{suffix}")
    if arguments.only in (None, "scale"):
        scale.run(console, arguments.threads, quick=arguments.quick, minutes=arguments.minutes, name=f"scale{suffix}")
    if arguments.only in (None, "compare"):
        compare.run(console)
    if arguments.only in (None, "budget"):
        budget.run(console, 1.0 if arguments.quick else 2.0, f"budget{suffix}")


main()
