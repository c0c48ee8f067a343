"""Cells that do not read as the kind of their column, and what to do about them."""

import shlex
from collections.abc import Sequence

from equipoise.text import counted, listed

_MOST = 8  # texts that an error lists


class MisfitError(ValueError):
    """Cells that do not read as the kind that their column holds: (text, row) of each."""

    def __init__(self, name: str, kind: str, strays: Sequence[tuple[str, int]]) -> None:
        self.name, self.kind, self.strays = name, kind, strays
        super().__init__(misfits([self]))


def misfits(errors: Sequence[MisfitError], *, at_fit: bool = True) -> str:
    """Say of all columns which texts do not fit, and what to do: how cells are read can be chosen at fit only."""
    said = [
        f"Column {error.name!r} holds {error.kind}s, but {counted(len(error.strays), 'cell')} cannot be read as one: "
        + listed((f"{text!r} in row {row}" for text, row in _first_rows(error.strays).items()), most=_MOST)
        for error in errors
    ]
    if not at_fit:
        return (
            f"{'; '.join(said)} (the first row is 0). Cells must be written as in the table fitted on, with the same "
            "decimal mark (the command predict takes another one by its option decimal) and order of dates: mend them, "
            "and leave those empty that stand for missing values."
        )
    texts = list(dict.fromkeys(text for error in errors for text in _first_rows(error.strays)))[:_MOST]
    options = " ".join(shlex.quote(text) for text in texts)
    columns = {error.name: "category" for error in errors}
    return (
        f"{'; '.join(said)} (the first row is 0). If they stand for missing values, say so when reading the table: "
        f"missing_values={texts}, on the command line --missing-values {options}. If the cells are codes, "
        f"not numbers: kinds={columns}, on the command line --category {' '.join(map(shlex.quote, columns))}. "
        "Otherwise mend the cells."
    )


def _first_rows(strays: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Return the first row of each text, in the order of the rows."""
    first: dict[str, int] = {}
    for text, row in strays:
        first.setdefault(text, row)
    return first
