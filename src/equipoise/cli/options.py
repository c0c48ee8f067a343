"""Options that several commands share."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from equipoise.files import check_input

if TYPE_CHECKING:
    import pandas as pd

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0, lt=2**32))]

MEMBERS = 4
"""Networks that a neural recipe averages over by default."""

_reading = Group("How the file is read")
_where = Group("Where it runs")


@Parameter(name="*", group=_reading)
@dataclass(frozen=True)
class Reading:
    """How a table is read from its file."""

    header: Annotated[bool, Parameter(negative="--no-header")] = True
    """Whether the first line holds column names; without, columns are named by position, from 1."""
    delimiter: str | None = None
    """Character between cells of a text file; detected by default."""
    encoding: str | None = None
    """Encoding of a text file; detected by default."""
    missing_values: Annotated[list[str], Parameter(consume_multiple=True, allow_leading_hyphen=True)] | None = None
    """Texts that mark a missing cell, beside empty cells."""

    def table(self, path: Path, target: str | None = None) -> "pd.DataFrame":
        """Read a file; words such as None are classes in the target's column."""
        check_input(path)  # before the slow import

        from equipoise.tables import read_table

        return read_table(path, **{**asdict(self), "missing_values": self.missing_values or ()}, target=target)

    def as_dict(self) -> dict[str, Any]:
        """Return the options as a saved model keeps them, to read later files alike."""
        return asdict(self)


@Parameter(name="*", group=_where)
@dataclass(frozen=True)
class Machines:
    """Machines that run the work."""

    backend: Literal["local", "dask", "ray"] = "local"
    """This machine alone, or the workers of a cluster; results are the same."""
    address: str | None = None
    """Address of the cluster, such as tcp://10.0.0.1:8786; without, one is started on this machine."""


AS_IN_A_FILE = Reading()
THIS_MACHINE = Machines()
