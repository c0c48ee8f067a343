"""Gradient steps counted, and the stage of a fit told, across processes of this machine: by files."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

_EVERY = 1.0  # seconds between looks


@dataclass(frozen=True)
class Tally:
    """Steps as bytes of a file: processes add to it without waiting for each other. Other machines count nothing."""

    file: str

    def __call__(self, steps: int) -> None:
        """Count more steps."""
        if Path(self.file).parent.exists():
            with open(self.file, "ab") as file:
                file.write(bytes(steps))

    def tell(self, stage: str, share: float = 0.0) -> None:
        """Say what is being done, and about which share of the work is done before it; 0 where that is not known."""
        if Path(self.file).parent.exists():
            draft = Path(f"{self.file}.draft")
            draft.write_text(f"{share} {stage}", encoding="utf-8")
            draft.replace(f"{self.file}.stage")

    @property
    def stage(self) -> tuple[str, float]:
        """What is being done, empty if nobody told, and the share of the work before it."""
        told = Path(f"{self.file}.stage")
        share, _, stage = told.read_text(encoding="utf-8").partition(" ") if told.exists() else ("0", "", "")
        return stage, float(share)

    @property
    def steps(self) -> int:
        """Steps so far."""
        return os.path.getsize(self.file) if os.path.exists(self.file) else 0


@contextmanager
def tallies(number: int, look: Callable[[list[Tally]], None]) -> Iterator[list[Tally]]:
    """Make tallies, and pass them to a function: every second from a thread, and at the end.

    An error of the function is raised at the end.
    """
    ended, failed = Event(), list[BaseException]()
    with TemporaryDirectory(prefix="equipoise-") as folder:
        made = [Tally(str(Path(folder) / str(each))) for each in range(number)]

        def watch() -> None:
            try:
                while not ended.wait(_EVERY):
                    look(made)
            except BaseException as error:
                failed.append(error)

        thread = Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            ended.set()
            thread.join()
        if failed:
            raise failed[0]
        look(made)


_listening: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counted_by(tally: Tally | None) -> Iterator[None]:
    """Count all steps of networks within the context, whoever trains them."""
    token = _listening.set(tally)
    try:
        yield
    finally:
        _listening.reset(token)


def tally_in_use() -> Tally | None:
    """Return the tally of the current context."""
    return _listening.get()


def tell(stage: str, share: float = 0.0) -> None:
    """Say what is being done to the tally of the current context, if there is one; as `Tally.tell`."""
    if (tally := tally_in_use()) is not None:
        tally.tell(stage, share)
