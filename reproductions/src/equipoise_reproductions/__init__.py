"""The papers' tables, figures and claims, run again under one protocol."""

from collections.abc import Callable
from pathlib import Path

from equipoise_reproductions.auto_suite.pages import auto_suite_page
from equipoise_reproductions.autobalance import pages as autobalance
from equipoise_reproductions.chance.pages import chance_page
from equipoise_reproductions.gans.pages import gans_page
from equipoise_reproductions.mubo import pages as mubo
from equipoise_reproductions.remix import pages as remix
from equipoise_reproductions.remix.pages import OnProgress
from equipoise_reproductions.smotified_gan.pages import smotified_gan_page

__all__ = ["names", "reproduce"]

_PAGES: dict[str, Callable[..., Path]] = {
    "remix-table1": remix.table1_page,
    "remix-table2": remix.table2_page,
    "remix-figures": remix.figures_page,
    "mubo-table1": mubo.table1_page,
    "mubo-table2": mubo.table2_page,
    "mubo-table3": mubo.table3_page,
    "mubo-chance": chance_page,
    "smotified-gan": smotified_gan_page,
    "gan-suite": gans_page,
    "auto-suite": auto_suite_page,
    "autobalance-tables": autobalance.tables_page,
    "autobalance-images": autobalance.images_page,
    "autobalance-groups": autobalance.groups_page,
}


def names() -> list[str]:
    """Return what can be reproduced."""
    return list(_PAGES)


def reproduce(
    name: str,
    out: Path,
    *,
    quick: bool = False,
    command: str = "",
    on_progress: OnProgress = lambda kind, done, total: None,
) -> Path:
    """Run a table or the figures of a paper again; a run that was stopped goes on where it was.

    Parameters
    ----------
    name : str
        One of `names`.
    out : Path
        Folder for the page, its tables and the results of every fold; made if need be.
    quick : bool, default=False
        Run a few epochs and one repeat: the shape of the result in minutes.
    command : str
        What to type to run it again, for the page.
    on_progress : callable, optional
        Called with a kind of work, how much of it is done and how much there is.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ValueError
        If the name is not known, or the folder holds results of another effort.
    """
    if name not in _PAGES:
        raise ValueError(f"There is no reproduction {name!r}: choose from {', '.join(_PAGES)}.")
    out.mkdir(parents=True, exist_ok=True)
    return _PAGES[name](out, quick=quick, command=command, on_progress=on_progress)
