"""``equipoise predict``: predictions and probabilities beside the rows of a table."""

from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.options import Reading
from equipoise.cli.output import say
from equipoise.files import check_input, check_output, replacing
from equipoise.text import listed

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def predict(model: Path, table: Path, /, *, out: Path) -> None:
    """Add a prediction and the probability of each class to the rows of a table.

    The file is read like the one that the model was fitted on; its target column, if there, is kept but not used.

    Parameters
    ----------
    model
        Folder or zip file of a model that `fit` or `compare` saved.
    table
        csv, tsv, parquet or feather file with the columns of the training table.
    out
        File to write: csv, tsv or parquet, by its ending.
    """
    _check_places(table, out)

    from equipoise import persistence

    about = persistence.read_card(model)["about"]
    pipeline = persistence.load(model)
    rows = Reading(**about.get("reading", {})).table(table)
    features = rows.drop(columns=[about.get("target")], errors="ignore")
    found = {"prediction": pipeline.predict(features)}
    proba = pipeline.predict_proba(features)
    found |= {f"probability_{label}": column for label, column in zip(pipeline.classes_, proba.T, strict=True)}
    names = _free_names(list(found), rows)
    _check_replaceable(out, list(names.values()))
    _write(rows.assign(**{names[name]: column for name, column in found.items()}), out)
    say(f"{len(rows):,} rows: {out}")
    if renamed := [name for name in names if names[name] != name]:
        say(
            f"Note: {table} has columns {listed(map(repr, renamed))} of its own, which are kept; the columns of the "
            f"model are {listed(repr(names[name]) for name in renamed)}."
        )


def _check_places(table: Path, out: Path) -> None:
    check_input(table)
    check_output(out)
    if out.suffix.lower() not in (*_SEPARATORS, ".parquet"):
        raise ValueError(f"The file to write must end in .csv, .tsv or .parquet, got {str(out)!r}.")
    if out.exists() and out.samefile(table):
        raise FileExistsError(f"{out} is the table to read: name another file to write (--out).")


def _free_names(names: list[str], rows: "pd.DataFrame") -> dict[str, str]:
    """Return a name for each column of the model, all with one suffix where the table has one of the names."""
    taken, suffix, number = set(rows.columns), "", 0
    while taken & {name + suffix for name in names}:
        number += 1
        suffix = "_model" if number == 1 else f"_model{number}"
    return {name: name + suffix for name in names}


def _check_replaceable(out: Path, names: list[str]) -> None:
    """Refuse to replace a file that is no earlier output of the same model."""
    if out.exists() and _columns(out)[-len(names) :] != names:
        raise FileExistsError(
            f"{out} exists and was not written with this model: name another file (--out) or remove it."
        )


def _columns(path: Path) -> list[str]:
    import pandas as pd
    from pyarrow.parquet import read_schema

    try:
        if path.suffix.lower() == ".parquet":
            return read_schema(path).names
        return list(pd.read_csv(path, sep=_SEPARATORS[path.suffix.lower()], nrows=0).columns)
    except (ValueError, OSError):  # not a table, so not ours
        return []


def _write(frame: "pd.DataFrame", out: Path) -> None:
    with replacing(out) as draft:
        if out.suffix.lower() == ".parquet":
            frame.to_parquet(draft, index=False)
        else:
            frame.to_csv(draft, index=False, sep=_SEPARATORS[out.suffix.lower()])
