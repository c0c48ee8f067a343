"""Options that state what decisions are for: costs, a capacity, floors of recall and precision."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from equipoise.files import check_input
from equipoise.text import listed

if TYPE_CHECKING:
    from equipoise.decisions import Terms

_FORM = 'write "miss=20,alarm=1" for two classes, or name a csv file with a row a true and a column a decided class'


def _check_floor(_: Any, value: float | None) -> None:
    if value is not None and not 0 < value <= 1:  # NaN neither
        raise ValueError("Must be above 0 and at most 1, such as 0.8.")


Floor = Annotated[float | None, Parameter(validator=_check_floor)]


@Parameter(name="*", group=Group("In your terms"))
@dataclass(frozen=True)
class Stated:
    """What decisions are for."""

    cost: str | None = None
    """Costs, as "miss=20,alarm=1" (and catch, pass) for two classes, or a csv file of costs by label."""
    benefit: str | None = None
    """Gains, in the same form."""
    capacity: str | None = None
    """Rows of a batch (a file to predict) that can be reviewed, such as 200, or their share, such as 2%; with costs, at
    most so many."""
    min_recall: Floor = None
    """Least share of the positive class to find, such as .8."""
    min_precision: Floor = None
    """Least share of alarms to be right, such as .3."""
    positive: str | None = None
    """Class to raise an alarm for; the rarest by default."""

    def terms(self) -> "Terms":
        """Return the terms, once their forms are right."""
        self._check_capacity()
        costs, benefits = (_costs(self.cost, "--cost"), _costs(self.benefit, "--benefit"))
        capacity = None if self.capacity is None else _capacity(self.capacity)

        from equipoise.decisions import Terms  # after what needs no scikit-learn

        return Terms(costs, benefits, capacity, self.min_recall, self.min_precision, self.positive)

    def _check_capacity(self) -> None:
        """Refuse a capacity beside floors."""
        floors = {"--min-recall": self.min_recall, "--min-precision": self.min_precision}
        given = [option for option, floor in floors.items() if floor is not None]
        if self.capacity is not None and given:
            raise ValueError(
                f"--capacity goes with --cost and --benefit, not with {listed(given)}, which may ask for more alarms: "
                "choose one. The report has a table, under “Alarms and costs”, of what fixed numbers of alarms catch."
            )

    @property
    def decides(self) -> bool:
        """Whether there are any, beside the positive class."""
        return any(value is not None for name, value in vars(self).items() if name != "positive")


AS_TUNED = Stated()


def _costs(text: str | None, option: str) -> dict[str, Any] | None:
    if text is None:
        return None
    if "=" in text and not Path(text).exists():
        pairs = [pair.partition("=") for pair in text.split(",")]
        names = [name.strip() for name, _, _ in pairs]
        if set(names) <= {"miss", "alarm", "catch", "pass"} and len(set(names)) == len(names):
            return {name: _number(value, option) for name, (_, _, value) in zip(names, pairs)}
        raise ValueError(f"{option} is {text!r}: {_FORM}.")
    if not Path(text).suffix:
        raise ValueError(f"{option} is {text!r}: {_FORM}.")
    check_input(Path(text))

    from equipoise.tables.cost_table import read_costs  # costs pyarrow

    try:
        return read_costs(Path(text))
    except ValueError as error:
        raise ValueError(f"{option}: {error}; {_FORM}.") from None


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{option}: {text.strip()!r} is no number; {_FORM}.")
    return value


def _capacity(text: str) -> int | float:
    is_share = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%")) / (100 if is_share else 1)
    except ValueError:
        value = math.nan
    if (is_share and 0 < value < 1) or (not is_share and value >= 1 and value.is_integer()):
        return value if is_share else int(value)
    raise ValueError(f"--capacity is {text!r}: write a number of rows, such as 200, or a share of them, such as 2%.")
