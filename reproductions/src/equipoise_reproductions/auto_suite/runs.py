"""How much is run: the whole comparison suite, halves of the rows, five times on sets that are not long."""

from collections.abc import Collection
from pathlib import Path

from equipoise_reproductions.auto_suite.arms import arms, missing_packages
from equipoise_reproductions.suite import Effort, OnProgress, run_sets

FULL = Effort(n_folds=2, n_members=1, most_rows=100_000, n_repeats=5, most_rows_repeated=5000)
QUICK = Effort(n_folds=2, n_members=1, most_rows=500, quick=True)


def run_all(folder: Path, effort: Effort, on_progress: OnProgress, only: Collection[str] | None = None) -> list[str]:
    """Run what is not yet stored, with the packages that are installed; return the names of sets that cannot be had.

    Parameters
    ----------
    folder : Path
        Of the stores.
    effort : Effort
    on_progress : callable
    only : collection of str, optional
        Arms, in place of all; the others may be run into the same stores later.
    """
    chosen = [arm for arm in arms(quick=effort.quick) if only is None or arm.name in only]
    return run_sets(folder, effort, [arm for arm in chosen if not missing_packages(arm.name)], on_progress)
