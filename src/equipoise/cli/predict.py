"""``equipoise predict``: predictions and probabilities beside the rows of a table."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.console import Console

from equipoise.cli.images import predict_images
from equipoise.cli.options import THIS_MACHINE, Count, Machines, Names
from equipoise.cli.output import say
from equipoise.cli.scored import ENDINGS, check_replaceable, write
from equipoise.cli.scorer import Scorer, check_threshold, positive_class
from equipoise.files import IMAGE_ENDINGS, check_input, check_output, is_table_folder, table_files
from equipoise.images.kinds import is_images, is_table
from equipoise.progress import ProgressBars
from equipoise.text import counted, listed

if TYPE_CHECKING:
    import pandas as pd


def _check_share(_: Any, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:  # NaN neither
        raise ValueError("Must be a probability between 0 and 1.")


Share = Annotated[float | None, Parameter(validator=_check_share)]


def predict(
    model: Path,
    table: Path,
    /,
    *,
    out: Path,
    id: Names = None,
    keep_columns: Names = None,
    threshold: Share = None,
    top: Count | None = None,
    allow_missing: bool = False,
    trust: bool = False,
    text_encoder: Path | None = None,
    decimal: Literal[".", ","] | None = None,
    machines: Machines = THIS_MACHINE,
) -> None:
    """Add a prediction and the probability of each class to the rows of a table, or of each table of a folder.

    The file is read like the one that the model was fitted on, part by part, and its cells are kept as they stand. The
    order of columns does not matter; columns that the model does not know, such as the target, are kept but not used.

    Parameters
    ----------
    model
        Folder or zip file of a model that `fit` or `compare` saved.
    table
        File with the columns of the training table, or a folder of csv or parquet files; for a model of images, a
        folder, archive, image, or csv of paths.
    out
        File to write: csv, tsv, parquet or xlsx, by its ending; for a folder of files, also a folder to write as many.
        A csv file has the delimiter and the decimal mark of the file read, such as semicolon and comma.
    id
        Columns that name a row: only these are kept beside the predictions.
    keep_columns
        Columns to keep beside the predictions; all by default.
    threshold
        Probability of the positive class (by default the rarest) from which on it is predicted, of two classes.
    top
        Number of rows to write: those in which the positive class is most probable, the most probable first.
    allow_missing
        Whether columns may be missing; their cells count as missing, which costs quality.
    trust
        Whether the model comes from someone you trust; needed for LightGBM, XGBoost and CatBoost, whose readers are not
        safe against crafted files.
    text_encoder
        Folder of the model's text encoder, if it has moved since the model was fitted.
    decimal
        Decimal mark of all numbers of the file, where they are written otherwise than those that the model was fitted
        on.
    """
    as_images = is_images(table) or table.suffix.lower() in IMAGE_ENDINGS
    _check_places(table, out, as_images)

    console = Console(quiet=as_images or not table.is_dir())
    with ProgressBars(console) as bars:
        bars.advance("loading")

        from equipoise import persistence
        from equipoise.cli.score_files import score_files
        from equipoise.datasets import open_table
        from equipoise.machines import backend
        from equipoise.persistence.schema import image_reader

        about = persistence.read_card(model)["about"]
        loaded = persistence.load(model, trusted=trust, text_encoder=text_encoder)
    if image_reader(loaded) is not None:
        if id or keep_columns or allow_missing or decimal:
            raise ValueError(
                "--id, --keep-columns, --allow-missing and --decimal are for tables, but the model reads images: "
                "remove them."
            )
        _predict_images(loaded, about, table, out, threshold, top)
        return
    if as_images and not is_table(table):
        raise ValueError(f"{table} is of images, but the model at {model} reads tables.")
    if decimal is not None:
        _read_by(loaded, decimal)
    scorer = Scorer(loaded, about, threshold, allow_missing, [*(id or ()), *(keep_columns or ())])
    target, reading = about.get("target"), {**(about.get("reading") or {}), "missing_values": ()}  # cells are kept

    if out.suffix.lower() not in ENDINGS:
        if top is not None or scorer.counts_alarms:
            raise ValueError(f"A number of rows is chosen among those of all files: name one file to write, got {out}.")
        with backend(machines.backend, machines.address):
            score_files(scorer, open_table(table, **reading).parts, out, target)
        return
    if machines != THIS_MACHINE:
        raise ValueError("--backend and --address are for a folder of files, and a folder to write (--out).")
    with ProgressBars(console) as bars:
        bars.advance("predicting")
        if scorer.counts_alarms:
            scorer.count_alarms(blocks_of(table, reading, target), table)
        scored = (scorer.score(rows, table) for rows in _counted(blocks_of(table, reading, target), bars))
        first = next(scored, None)
        if first is None:
            raise ValueError(f"{table} has no rows below its header: there is nothing to predict.")
        check_replaceable(out, list(scorer.names.values()))
        parts: Iterable[pd.DataFrame] = chain([first], scored)
        if top is not None:
            parts = [_most_probable(parts, scorer.names[scorer.sought], top)]
        n_rows = write(parts, out, *scorer.style_of(next(iter(table_files(table)), table) if table.is_dir() else table))
    for note in [*scorer.notes, *scorer.notes_on_cells()]:
        say(f"Note: {note}")
    say(f"{counted(n_rows, 'row')}: {out}")


def _read_by(model: Any, decimal: str) -> None:
    from equipoise.tables import TablePreprocessor

    first = model[0] if hasattr(model, "steps") else None
    if not isinstance(first, TablePreprocessor):
        raise ValueError("--decimal is for models that read the cells of a table, but this one reads numbers.")
    first.read_by(decimal)


def _predict_images(
    model: Any, about: dict[str, Any], path: Path, out: Path, threshold: float | None, top: int | None
) -> None:
    check_threshold(threshold, model.classes_)
    scored, notes = predict_images(model, path)
    check_replaceable(out, list(scored.columns)[1:])
    positive = positive_class(model.classes_, about)
    sought = f"probability_{model.classes_[positive]}"
    if threshold is not None:
        alarm = (scored[sought] >= threshold).to_numpy()
        scored["prediction"] = model.classes_[(1 - positive, positive),][alarm.astype(int)]
    if top is not None:
        scored = _most_probable([scored], sought, top)
    n_rows = write([scored], out)
    for note in notes:
        say(f"Note: {note}")
    say(f"{counted(n_rows, 'image')}: {out}")


def _check_places(table: Path, out: Path, as_images: bool = False) -> None:
    if not ((as_images or is_table_folder(table)) and table.exists()):
        check_input(table)
    if is_table_folder(table) and not out.suffix:
        if not out.parent.is_dir():
            raise FileNotFoundError(f"{out} cannot be written: the folder {out.parent} does not exist.")
        if out.exists() and (not out.is_dir() or out.samefile(table)):
            raise FileExistsError(f"{out} is no folder to write to: name another one (--out).")
        return
    check_output(out)
    if out.suffix.lower() not in ENDINGS:
        raise ValueError(f"The file to write must end in {listed(ENDINGS, 'or')}, got {str(out)!r}.")
    if out.exists() and out.samefile(table):
        raise FileExistsError(f"{out} is the table to read: name another file to write (--out).")


def blocks_of(table: Path, reading: dict[str, Any], target: str | None) -> "Iterator[pd.DataFrame]":
    """Read a file, or the files of a folder, part by part."""
    from equipoise.datasets import open_table
    from equipoise.tables.reading import table_batches

    if table.is_dir():
        return open_table(table, **reading).blocks(target=target)
    return table_batches(table, **reading, target=target)


def _counted(blocks: "Iterator[pd.DataFrame]", bars: ProgressBars) -> "Iterator[pd.DataFrame]":
    n_rows = 0
    for block in blocks:
        yield block
        n_rows += len(block)
        bars.tell("predicting", counted(n_rows, "row"))


def _most_probable(parts: Iterable["pd.DataFrame"], column: str, number: int) -> "pd.DataFrame":
    import pandas as pd

    best: list[pd.DataFrame] = []
    for part in parts:
        best = [pd.concat([*best, part.nlargest(number, column)]).nlargest(number, column)]
    return best[0]
