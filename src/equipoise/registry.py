"""Records by name: ours, those that a program registers, and those that installed packages name as entry points."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """A record with a name."""

    @property
    def name(self) -> str:
        """Name, unique among the records of its kind."""


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T], Generic[T]):
    """Mapping from names to records, in the order in which they came.

    ``kind`` is a word for the records in errors, such as "recipe"; each entry point of ``group`` is a record, loaded
    when the mapping is first read.
    """

    def __init__(self, kind: str, records: Iterable[T], group: str) -> None:
        self._kind, self._group = kind, group
        self._records = {record.name: record for record in records}
        self._loaded = False

    def register(self, record: T) -> T:
        """Add a record.

        Raises ValueError if the name is taken or not plain.
        """
        if record.name in self._records:
            raise ValueError(f"There is a {self._kind} {record.name!r} already: choose another name.")
        if not record.name or set(record.name) & set("+: ,"):
            raise ValueError(
                f"The name of a {self._kind} must have no blank, comma, plus sign or colon, got {record.name!r}."
            )
        self._records[record.name] = record
        return record

    def __getitem__(self, name: str) -> T:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> dict[str, T]:
        if not self._loaded:
            self._loaded = True  # first, since what is loaded may look here
            for entry in entry_points(group=self._group):
                try:
                    self.register(entry.load())
                except Exception as error:  # a broken package of others must not take ours down
                    warnings.warn(
                        f"The {self._kind} {entry.name!r} of {entry.value} is left out: {error}", stacklevel=2
                    )
        return self._records
