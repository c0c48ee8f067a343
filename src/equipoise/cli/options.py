"""Options that several commands share."""

from collections.abc import Container
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from equipoise.datasets.gap import check_gap
from equipoise.files import check_input, is_mapped, table_files

if TYPE_CHECKING:
    import pandas as pd

    from equipoise.datasets import OpenTable
    from equipoise.tables.columns import Kind

Count = Annotated[int, Parameter(validator=Number(gte=1))]
Names = Annotated[list[str] | None, Parameter(consume_multiple=True)]


def _check_minutes(_: Any, value: float | None) -> None:
    if value is not None and not value > 0:  # NaN neither
        raise ValueError("Must be a positive number of minutes.")


Minutes = Annotated[float, Parameter(validator=_check_minutes)]
Seed = Annotated[int, Parameter(validator=Number(gte=0, lt=2**32))]

MEMBERS = 4
"""Networks that a neural recipe averages over by default."""

_reading = Group("How the file is read")
_columns = Group("How columns are read and used")
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
    missing_values: Annotated[list[str], Parameter(consume_multiple=True)] | None = None
    """Texts that mark a missing cell, beside empty cells."""

    def table(
        self, path: Path, target: str | None = None, *, thousands: str | None = None, as_text: bool = False
    ) -> "pd.DataFrame":
        """Read a file; words such as None are classes in the target's column."""
        check_input(path)  # before the slow import

        from equipoise.tables import read_table

        return read_table(
            path,
            **{**asdict(self), "missing_values": self.missing_values or ()},
            target=target,
            thousands=thousands,
            as_text=as_text,
        )

    def opened(self, path: Path) -> "OpenTable":
        """Open a folder or a large file, to be read part by part."""
        from equipoise.datasets import open_table

        return open_table(path, **self.as_dict() | {"missing_values": self.missing_values or ()})

    def columns(self, path: Path) -> list[str]:
        """Return the names of a table's columns; of a folder, those of its first file."""
        from equipoise.tables.reading import file_columns

        if path.is_dir():
            if is_mapped(path):
                return self.opened(path).columns
            path = (table_files(path) or [path])[0]
        return file_columns(path, **self.as_dict() | {"missing_values": self.missing_values or ()})

    def as_dict(self) -> dict[str, Any]:
        """Return the options as a saved model keeps them, to read later files alike."""
        return asdict(self)


@Parameter(name="*", group=_columns)
@dataclass(frozen=True)
class Columns:
    """How columns are read and used."""

    decimal: Literal[".", ","] | None = None
    """Decimal mark of numbers; detected by default."""
    thousands: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """Separator of thousands: comma, point, apostrophe or blank; detected by default."""
    dates: str | None = None
    """Order of dates, dayfirst or monthfirst, or a format such as %d.%m.%Y; detected by default."""
    number: Names = None
    """Columns of numbers."""
    category: Names = None
    """Columns of categories, such as codes written with digits."""
    date: Names = None
    """Columns of dates."""
    text: Names = None
    """Columns of prose, read by their words and characters."""
    text_encoder: Path | None = None
    """Folder of a model of sentence-transformers that reads the columns of prose, in place of n-grams."""
    drop: Names = None
    """Columns to leave out."""
    id: Names = None
    """Columns that name a row: never a feature, kept by `predict`."""
    keep: Names = None
    """Columns to use and to trust although they look like identifiers or like leaks of the target."""
    group: str | None = None
    """Column whose rows of one value are held out together, such as a customer; never a feature."""
    time: str | None = None
    """Column of dates or numbers: later rows are held out. No feature, unless `--keep` names it."""
    gap: str | None = None
    """Time between training and test rows, such as 30d, 12h or 2w; none by default."""
    weights: str | None = None
    """Column of weights of the rows, 0 or more, in training and in scores; never a feature."""

    @property
    def roles(self) -> dict[str, str]:
        """Columns of the group, the time and the weights, where given."""
        given = {"group": self.group, "time": self.time, "weights": self.weights}
        return {role: name for role, name in given.items() if name is not None}

    def check(self) -> None:
        """Refuse options that say two things of one column, and a gap that is none."""
        check_gap(self.gap, self.time)
        of_use = {"--keep": self.keep, "--drop": self.drop, "--id": self.id}
        of_kind = {"--number": self.number, "--category": self.category, "--date": self.date, "--text": self.text}
        for options, only in ((of_use, {"--keep"}), (of_kind, set(of_kind))):
            first: dict[str, str] = {}
            for option, names in options.items():
                for name in dict.fromkeys(names or ()):
                    if name in first and {option, first[name]} & only:
                        raise ValueError(f"{first[name]} and {option} both name {name!r}: remove one of the two.")
                    first.setdefault(name, option)

    def kinds(self, left_out: Container[str] = ()) -> "dict[str, Kind]":
        """Return the kind of each column that an option names, but for some columns."""
        named: dict[Kind, list[str] | None] = {"number": self.number, "category": self.category}
        named |= {"date": self.date, "text": self.text}
        return {name: kind for kind, names in named.items() for name in names or () if name not in left_out}


@Parameter(name="*", group=_where)
@dataclass(frozen=True)
class Machines:
    """Machines that run the work."""

    backend: Literal["local", "dask", "ray"] = "local"
    """This machine alone, or the workers of a cluster; results are the same."""
    address: str | None = None
    """Address of the cluster, such as tcp://10.0.0.1:8786; without, one is started on this machine."""


AS_IN_A_FILE = Reading()
AS_FOUND = Columns()
THIS_MACHINE = Machines()
