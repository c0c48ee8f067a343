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

    Examples
    --------
    >>> from equipoise.deadline import Deadline
    >>> now = 100.0
    >>> deadline = Deadline(60.0, clock=lambda: now)
    >>> now += 45.0
    >>> deadline.spent, deadline.left, str(deadline)
    (45.0, 15.0, '1 minute')
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.clock, self._began = limit, clock, clock()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._began

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self.limit - self.spent

    def __str__(self) -> str:
        minutes = self.limit / 60
        return "1 minute" if minutes == 1 else f"{minutes:.3g} minutes"
