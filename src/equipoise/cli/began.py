"""When the command began: its time limit is for the start of Python and imports, too."""

import os
import time
from contextvars import ContextVar
from pathlib import Path

from equipoise.deadline import Deadline

_began: ContextVar[float | None] = ContextVar("began", default=None)


def begin(*, with_process: bool) -> None:
    """Let time limits begin with this process, or when they are asked for."""
    _began.set(time.monotonic() - age_of_process() if with_process else None)


def time_limit(minutes: float) -> Deadline:
    """Return the time limit of the command."""
    return Deadline(60 * minutes, in_minutes=True, since=_began.get())


def age_of_process() -> float:
    """Seconds since this process began; where the system does not tell, those of its computing."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return time.process_time()
    ticks = int(stat.read_text().rpartition(")")[2].split()[19])  # after boot
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
