"""``equipoise reproduce``: a paper's table or figures once more."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from rich.console import Console

from equipoise.cli.options import THIS_MACHINE, Machines
from equipoise.cli.output import command_line, say, stoppable


def reproduce(
    name: str, /, *, out: Path = Path("reproduction"), quick: bool = False, machines: Machines = THIS_MACHINE
) -> None:
    """Run the experiments of a paper's table or figures, under one protocol, and judge its claims.

    A full run may take hours. To continue a stopped run, repeat the command.

    Parameters
    ----------
    name
        Paper and table, such as remix-table2 or mubo-chance; a wrong name lists them all.
    out
        Folder for the page, its tables and the results of every fold.
    quick
        A few epochs and one repeat: the shape of the result in minutes.
    """
    run_again = _reproductions()

    from equipoise.experiments.holding import held
    from equipoise.machines import backend
    from equipoise.progress import ProgressBars

    so_far = f"Stopped: results so far are in {out}. To go on:\n{command_line()}"
    with (
        stoppable(lambda: so_far),
        held(out),
        backend(machines.backend, machines.address),
        ProgressBars(Console()) as bars,
    ):
        page = run_again(name, out, quick=quick, command=command_line(), on_progress=bars.advance)
    say(f"Page: {page}")


def _reproductions() -> Callable[..., Path]:
    """Return `reproduce` of the project that holds the papers."""
    for entry in entry_points(group="equipoise.reproductions"):
        return entry.load().reproduce
    raise ValueError(
        "The reproductions are a project of their own, which is not installed: pip install equipoise-reproductions."
    )
