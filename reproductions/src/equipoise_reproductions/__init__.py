"""The papers' tables, figures and claims, run again under one protocol."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from equipoise.files import replace_file
from equipoise.progress import OnProgress
from equipoise_reproductions.claims import as_markdown
from equipoise_reproductions.data import write_frames
from equipoise_reproductions.page import write_page

__all__ = ["names", "reproduce"]

_PAGES = {
    "remix-table1": "remix.study:table1",
    "remix-table2": "remix.study:table2",
    "remix-figures": "remix.study:figures",
    "remix-text": "remix.text:text",
    "remix-images": "remix.images:images",
    "mubo-table1": "mubo.study:table1",
    "mubo-table2": "mubo.study:table2",
    "mubo-table3": "mubo.study:table3",
    "mubo-chance": "chance.study:chance",
    "mubo-large": "mubo_large.study:large",
    "smotified-gan": "smotified_gan.study:notebooks",
    "gan-suite": "gans.study:gans",
    "auto-suite": "auto_suite.study:auto",
    "autobalance-tables": "autobalance.study:losses",
    "autobalance-images": "autobalance.study:images",
    "autobalance-groups": "autobalance.study:groups",
    "autobalance-grouped-images": "autobalance.grouped:grouped",
    "autobalance-causes": "autobalance.causes:causes",
    "autobalance-augmentation": "augmentation.study:augmentation",
    "autobalance-longtail": "augmentation.longtail:longtail",
    "together": "together.study:together",
    "together-images": "together.images:images",
}
"""Where each page comes from: a function ``(out, quick, on_progress)`` that runs what is not stored, and yields its
facts, and a function ``<name>_page(facts)`` beside it that returns what the page's template speaks of."""

Facts = dict[str, Any]


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
    run, _ = parts_of(name)
    for facts in run(out, quick, on_progress):
        write_frames(out, facts)
        _write(out, name, facts, command)
    return out / f"{name}.html"


def parts_of(name: str) -> tuple[Callable[[Path, bool, OnProgress], Iterator[Facts]], Callable[..., Facts]]:
    """Return what runs a page, and what makes the context of its template from the facts."""
    module, _, function = _PAGES[name].partition(":")
    study = import_module(f"equipoise_reproductions.{module}")
    return getattr(study, function), getattr(study, f"{function}_page")


def _write(out: Path, name: str, facts: Facts, command: str) -> None:
    context = facts | parts_of(name)[1](**facts)
    texts = dict(context.get("files", {}))
    if claims := context.get("claims"):
        texts[f"{name}-claims.md"] = as_markdown(claims, command)
    for file, text in texts.items():
        replace_file(out / file, text)
    write_page(out / f"{name}.html", command=command, **context)
