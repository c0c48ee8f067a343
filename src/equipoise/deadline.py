"""`Deadline`: a time limit that begins when it is made."""

import math
import time
from collections.abc import Callable

_SURE = 1.5  # times the seconds that would do, in advice: other work on the machine may slow the next run down


class Deadline:
    """A time limit that begins when it is made.

    >>> now = 100.0
    >>> deadline = Deadline(60.0, clock=lambda: now)
    >>> now += 45.0
    >>> deadline.spent, deadline.left, str(deadline)
    (45.0, 15.0, '60 seconds')
    >>> deadline.part(0.2).limit, deadline.remedy(131.0), deadline.enough(131.0)
    (3.0, 'Raise budget, to 200 seconds for instance.', 'budget=200')
    """

    def __init__(
        self,
        limit: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        in_minutes: bool = False,
        since: float | None = None,
    ) -> None:
        self.limit, self.clock, self.in_minutes = limit, clock, in_minutes
        self._began = clock() if since is None else since

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._began

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self.limit - self.spent

    def part(self, share: float) -> "Deadline":
        """Return the limit, by the same clock, of a work that may take a share of what is left."""
        return Deadline(share * max(0.0, self.left), self.clock, in_minutes=self.in_minutes)

    def remedy(self, needed: float = 0.0) -> str:
        """Say how far to raise it where so many seconds are needed at the pace of now, and twice as far at least."""
        option, unit = ("--budget", "") if self.in_minutes else ("budget", " seconds")
        return f"Raise {option}, to {self._sure(max(needed, 2 * self.limit / _SURE))}{unit} for instance."

    def enough(self, needed: float) -> str:
        """Write the option with a limit that is enough for so many seconds at the pace of now."""
        return f"--budget {self._sure(needed)}" if self.in_minutes else f"budget={self._sure(needed)}"

    def _sure(self, needed: float) -> str:
        return _rounded_up(_SURE * needed / (60 if self.in_minutes else 1))

    def __str__(self) -> str:
        value, unit = (self.limit / 60, "minute") if self.in_minutes else (self.limit, "second")
        return f"1 {unit}" if value == 1 else f"{f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} {unit}s"


def _rounded_up(value: float) -> str:
    """Return a number that is no smaller, with two digits that tell."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    rounded = unit * math.ceil(value / unit - 1e-9)
    return f"{rounded:g}" if rounded < 10 else f"{rounded:.0f}"
