"""`Deadline`: a time limit that begins when it is made."""

import time
from collections.abc import Callable


class Deadline:
    """A time limit that begins when it is made.

    Parameters
    ----------
    limit : float
        Seconds.
    clock : callable, default=time.monotonic
        ``() -> seconds``.
    in_minutes : bool, default=False
        Whether the user gave it on the command line, in minutes, or in Python, in seconds.

    Examples
    --------
    >>> from equipoise.deadline import Deadline
    >>> now = 100.0
    >>> deadline = Deadline(60.0, clock=lambda: now)
    >>> now += 45.0
    >>> deadline.spent, deadline.left, str(deadline)
    (45.0, 15.0, '60 seconds')
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic, *, in_minutes: bool = False) -> None:
        self.limit, self.clock, self.in_minutes, self._began = limit, clock, in_minutes, clock()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._began

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self.limit - self.spent

    @property
    def remedy(self) -> str:
        """What to do where it is too short."""
        return "Raise --budget." if self.in_minutes else "Raise budget, in seconds."

    def option(self, limit: float) -> str:
        """Return a limit in seconds as the user would give it."""
        return f"--budget {limit / 60:g}" if self.in_minutes else f"budget={limit:g}"

    def __str__(self) -> str:
        value, unit = (self.limit / 60, "minute") if self.in_minutes else (self.limit, "second")
        return f"1 {unit}" if value == 1 else f"{f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} {unit}s"
