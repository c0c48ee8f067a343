"""Progress with time left, on a terminal or in a log."""

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_TITLES = {
    "alone": "Boosting, searching",
    "resampling": "Resampling",
    "training": "Training networks",
    "searching": "Searching rows",
    "sets": "Data sets",
    "tails": "Long tails",
    "splits": "Validation shares",
}


class ProgressBars:
    """One bar a kind of work, each with the time it still needs.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:>19}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "ProgressBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._tasks:  # otherwise it would print an empty line
            self._progress.stop()

    def advance(self, kind: str, done: int, total: int) -> None:
        """Show how much of a kind of work is done."""
        if kind not in self._tasks:
            self._progress.start()
            self._tasks[kind] = self._progress.add_task(_TITLES[kind], total=total)
        self._progress.update(self._tasks[kind], completed=done, total=total)
