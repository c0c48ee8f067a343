"""The gap between the times of training and test, as it is written."""

import re

from equipoise.text import listed

DAYS = {"s": 1 / 86_400, "min": 1 / 1440, "h": 1 / 24, "d": 1.0, "w": 7.0}


def read_gap(gap: str | float) -> tuple[float, str | None]:
    """Return the number of a gap and its unit, None where it has none.

    >>> read_gap("30d"), read_gap(2)
    ((30.0, 'd'), (2.0, None))
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *(s|min|h|d|w)?", str(gap).strip())
    if found is None:
        raise ValueError(
            f"The gap must be a number and a unit ({listed(DAYS, 'or')}), such as 30d, or a number alone where times "
            f"are numbers; got {gap!r}."
        )
    return float(found[1]), found[2]


def check_gap(gap: str | float | None, time: str | None) -> None:
    """Refuse a gap that does not read as one, or lies between no times."""
    if gap is None or gap == 0:
        return
    if time is None:
        raise ValueError(f"A gap lies between times, but no time is given; got gap={gap!r}. Name one (--time).")
    read_gap(gap)
