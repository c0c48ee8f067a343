"""Lines that several commands print."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from equipoise.datasets import Dataset


def say(line: str) -> None:
    """Print a line as it is, without colours or markup."""
    Console().print(line, highlight=False, markup=False, soft_wrap=True)


def announce(data: "Dataset") -> None:
    """Print the size of a data set, its rare class, the notes of its reading and the findings of its check."""
    for line in data.introduced():
        say(line)


def announce_replaced(model: Path) -> None:
    """Say which model of an earlier command a new one will replace."""
    from equipoise.persistence import read_card

    try:
        about = read_card(model)["about"]
    except FileNotFoundError:
        return
    except ValueError:  # of another format, or damaged
        about = {}
    facts = " of ".join(str(about[key]) for key in ("recipe", "data") if about.get(key))
    say(f"Note: {model} holds a model{f' ({facts})' if facts else ''}, which the new one will replace.")


def command_line() -> str:
    """Return the command as it was typed."""
    return shlex.join(["equipoise", *sys.argv[1:]])


@contextmanager
def stoppable(said: Callable[[], str]) -> Iterator[None]:
    """When the work is stopped by Ctrl-C, print what there is of it."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\n{said()}")
        raise
