"""How much is run of GAN over-samplers and what they must beat: the smaller sets of the comparison suite."""

from pathlib import Path

from equipoise_reproductions.gans.arms import arms
from equipoise_reproductions.suite import Effort, OnProgress, run_sets

FULL = Effort(n_folds=5, n_members=1, most_rows=6000, most_steps=1000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=500, most_steps=60, quick=True)


def run_all(folder: Path, effort: Effort, on_progress: OnProgress) -> list[str]:
    """Run what is not yet stored; return the names of sets that cannot be had."""
    return run_sets(folder, effort, arms(quick=effort.quick), on_progress)
