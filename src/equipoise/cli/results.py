"""The results of a comparison in its folder, which nothing half-begun is left in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.output import command_line

if TYPE_CHECKING:
    from equipoise.experiments import Store


def so_far(store: "Store", out: Path) -> str:
    """Say how many results there are when a comparison is stopped, and the command that goes on."""
    if not store.done():
        return "Stopped before any result."

    from equipoise.experiments import Comparison

    of_all = f" of {Comparison(store).n_expected}" if store.get("protocol") else ""
    return f"Stopped: {len(store.done())}{of_all} results are in {out}. To go on:\n{command_line()}"


def rows_read(out: Path) -> tuple[int, int] | None:
    """Return the rows that a comparison that goes on has read of its table, and of how many parts (0: of all of it).

    None where none has begun.
    """
    from equipoise.experiments import Store, results_path

    if not (path := results_path(out)).exists():
        return None
    with Store(path) as store:
        known = store.get("rows")
        return (known[0], store.get("parts") or 0) if known else None


@contextmanager
def open_results(out: Path) -> Iterator["Store"]:
    """Open a folder's results; if the comparison never begins, remove again the files and folders made here."""
    from equipoise.experiments import Store, results_path
    from equipoise.experiments.holding import held

    path = results_path(out)
    made = [place for place in (path, out, *out.parents) if not place.exists()]
    out.mkdir(parents=True, exist_ok=True)
    begun = False
    try:
        with held(out), Store(path) as store:
            try:
                yield store
            finally:
                begun = store.get("request") is not None
    finally:
        if not begun:
            _remove(made)


def _remove(made: list[Path]) -> None:
    for place in made:
        if place.is_dir():
            if not any(place.iterdir()):
                place.rmdir()
        else:
            place.unlink(missing_ok=True)
