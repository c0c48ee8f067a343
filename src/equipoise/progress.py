"""Progress with time left: bars on a terminal, a plain line every half minute in a file or a pipe."""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from equipoise.deadline import Deadline
from equipoise.text import seconds as length

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

OnProgress = Callable[[str, int, int], None]
"""Called with a kind of work, how much of it is done, and how much there is; 0 of 0 where that is not known."""

OnSteps = Callable[[int, int], None]
"""Called with the number of steps done and in all."""

OnStage = Callable[[str, float], None]
"""Called with what is being done, and about which share of the work is done before it; 0 where that is not known."""

_TITLES = {
    "reading": "Reading, checking",
    "planning": "Timing recipes",
    "preparing": "Preparing folds",
    "alone": "Fitting alone",
    "resampling": "Resampling",
    "training": "Training networks",
    "scoring": "Scoring",
    "explaining": "Asking the winner",
    "report": "Writing report",
    "refitting": "Fitting on all rows",
    "fitting": "Fitting",
    "loading": "Loading the model",
    "predicting": "Predicting",
    "logging": "Logging to MLflow",
    "searching": "Searching rows",
    "holding": "Boosting on folds",
    "sets": "Data sets",
    "tails": "Long tails",
    "splits": "Validation shares",
}
_EVERY = 30.0  # seconds between lines
_TELLS = 5.0  # seconds of work that tell how much is left
_STALLED = 2.0  # times the mean time of a step without one, after which the pace tells too little


class ProgressBars:
    """What is being done and the time that it still needs: a bar a kind of work, or lines without a terminal."""

    def __init__(self, console: "Console", deadline: Deadline | None = None) -> None:
        self._console, self._deadline = console, deadline
        moves = console.is_terminal or console.is_jupyter or console.quiet
        self._shown = _Bars(console) if moves else _Lines(console, deadline)

    def __enter__(self) -> "ProgressBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shown.stop()

    def advance(self, kind: str, done: int = 0, total: int = 0) -> None:
        """Show how much of a kind of work is done; without numbers, that it is being done."""
        self._shown.advance(kind, done, total)

    def tell(self, kind: str, stage: str, share: float = 0.0) -> None:
        """Show the stage of a kind of work, and the time left where the share that is done is known about."""
        self._shown.tell(kind, stage, share)

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Bars:
    """Bars on a terminal, no wider than 80 columns; work of no known size has one while it lasts."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._passing: str | None = None

    def _started(self) -> "Progress":
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
        from rich.text import Text

        class Times(ProgressColumn):
            """The time that has passed, and the time left once the pace tells it."""

            def render(self, task: Task) -> Text:
                passed = task.finished_time if task.finished else task.elapsed
                left = "" if task.finished or task.time_remaining is None else f", {_hours(task.time_remaining)} left"
                return Text(f"{_hours(passed or 0.0)} passed{left}")

        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description:>19}"),
                BarColumn(bar_width=8),
                TextColumn("{task.fields[count]}"),
                Times(),
                console=self._console,
            )
            self._progress.start()
        return self._progress

    def advance(self, kind: str, done: int, total: int) -> None:
        progress = self._started()
        if self._passing is not None and kind != self._passing:
            progress.remove_task(self._tasks.pop(self._passing))
            self._passing = None
        if kind not in self._tasks:
            self._tasks[kind] = progress.add_task(_TITLES[kind], total=None, count="")
        if total:
            progress.update(self._tasks[kind], completed=done, total=total, count=f"{done:,} of {total:,}")
        else:
            self._passing = kind

    def tell(self, kind: str, stage: str, share: float) -> None:
        self.advance(kind, 0, 0)
        total = 1.0 if share else None
        self._started().update(self._tasks[kind], count=stage, completed=share or None, total=total)

    def stop(self) -> None:
        if self._progress is not None:  # otherwise it would print an empty line
            if self._passing is not None:
                self._progress.remove_task(self._tasks.pop(self._passing))
            self._progress.stop()


class _Lines:
    """A line when a kind of work begins and ends, and every half minute between."""

    def __init__(
        self, console: "Console", deadline: Deadline | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._deadline, self._clock = console, deadline, clock
        self._first = clock() - (0.0 if deadline is None else deadline.spent)
        self._now: tuple[str, int, int] | None = None
        self._begun: dict[str, float] = {}
        self._stages: dict[str, tuple[str, float]] = {}
        self._moved = clock()
        self._stopped = Event()
        self._thread: Thread | None = None

    def advance(self, kind: str, done: int, total: int) -> None:
        before, self._now = self._now, (kind, done, total)
        self._begun.setdefault(kind, self._clock())
        if before is None or before[:2] != (kind, done):
            self._moved = self._clock()
        if before is None or before[0] != kind or (0 < total == done and before[1] < total):
            self.write()
        if self._thread is None:
            self._thread = Thread(target=self._every, daemon=True)
            self._thread.start()

    def tell(self, kind: str, stage: str, share: float) -> None:
        self.advance(kind, 0, 0)
        if self._stages.get(kind) != (stage, share):
            self._moved = self._clock()
        self._stages[kind] = stage, share

    def _every(self) -> None:
        while not self._stopped.wait(_EVERY):
            self.write()

    def stop(self) -> None:
        self._stopped.set()

    def write(self) -> None:
        """Print what is being done, and the time left by its pace and by the time limit."""
        if self._now is not None:
            self._console.print(self._line(*self._now), highlight=False, markup=False, soft_wrap=True)

    def _line(self, kind: str, done: int, total: int) -> str:
        now = self._clock()
        parts = [f"{_minutes(now - self._first)} {_TITLES[kind]}"]
        took, stands = now - self._begun[kind], now - self._moved
        if kind in self._stages:
            stage, share = self._stages[kind]
            parts.append(stage)
            if share and took > _TELLS:
                left = (took - stands) * (1 - share) / share - stands
                parts.append(f"about {length(left)} left" if left > 0 else "little left")
        if total:
            parts.append(f"{done:,} of {total:,}")
        if 0 < done < total and took > _TELLS:
            stalled = stands > _STALLED * (took - stands) / done
            spent = took if stalled else took - stands
            left = spent * (total - done) / done - (0.0 if stalled else stands)
            parts.append(f"{'at least ' if stalled else ''}{length(max(0.0, left))} left")
        if self._deadline is not None:
            parts.append(f"limit in {length(max(0.0, self._deadline.left))}")
        return ", ".join(parts)


def _hours(value: float) -> str:
    return str(timedelta(seconds=int(value)))


def _minutes(value: float) -> str:
    return f"{int(value) // 60:02d}:{int(value) % 60:02d}"
