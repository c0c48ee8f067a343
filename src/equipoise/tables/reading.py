"""Read a table from a file as a user brings it: text, parquet or feather, with errors that say what to do."""

import codecs
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

import pandas as pd
from pandas.api.types import infer_dtype
from pyarrow import ArrowException
from pyarrow.parquet import read_schema

__all__ = ["read_table"]

TEXT = (".csv", ".tsv", ".txt")
DELIMITERS = (",", ";", "\t", "|")


def read_table(
    path: str | Path,
    *,
    header: bool = True,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing_values: Sequence[str] = (),
) -> pd.DataFrame:
    r"""Read a csv, tsv, txt, parquet or feather file; text files may be gzipped.

    Blanks around text cells and column names are dropped. `header`, `delimiter` and `encoding` concern text
    files only.

    Parameters
    ----------
    path : str or Path
        The file; its ending names the format.
    header : bool, default=True
        Whether the first line holds the column names. If not, columns are named by position: "1", "2", ...
    delimiter : str, default=None
        What separates cells. None finds out: comma, semicolon, tab or bar.
    encoding : str, default=None
        None means UTF-8.
    missing_values : sequence of str
        Cells to take for missing beside the usual ones (empty, NA, NaN, null, ...), for example ["?"].

    Returns
    -------
    DataFrame of shape (n_rows, n_columns)
        At least one row.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file; the message names files like it.
    TypeError
        If `missing_values` is one text.
    ValueError
        If the format is unknown, the file is empty, cut short or in another encoding, or column names repeat.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from equipoise.tables import read_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "people.csv"
    ...     _ = path.write_text("39, State-gov, <=50K\n50, ?, >50K\n")
    ...     read_table(path, header=False, missing_values=["?"])
        1          2      3
    0  39  State-gov  <=50K
    1  50        NaN   >50K
    """
    if isinstance(missing_values, str):
        raise TypeError(f"missing_values must be a list of cells, such as ['?'], got {missing_values!r}.")
    path = Path(path)
    _check_exists(path)
    if path.suffix.lower() in (".parquet", ".feather"):
        frame = _read_binary(path)
    elif _text_kind(path) in TEXT:
        frame = _read_text(path, header, delimiter, encoding or "utf-8-sig", list(missing_values))
    else:
        raise ValueError(
            f"a table must be a csv, tsv, txt, parquet or feather file, got {str(path)!r}: save it as one."
        )
    if len(frame) == 0:
        raise ValueError(f"{path} has column names but no rows.")
    return _without_blanks(frame, list(missing_values))


def _check_exists(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"a table must be a file, but {path} is a folder: name a file in it.")
    if path.exists():
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no file {path}: the folder {path.parent} does not exist.")
    near = get_close_matches(path.name, [other.name for other in path.parent.iterdir()])
    hint = f"did you mean {' or '.join(near)}?" if near else "no file there has a name like it."
    raise FileNotFoundError(f"there is no file {path}: {hint}")


def _text_kind(path: Path) -> str:
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()


def _read_binary(path: Path) -> pd.DataFrame:
    try:
        frame = _read_parquet(path) if path.suffix.lower() == ".parquet" else pd.read_feather(path)
    except (ArrowException, OSError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read as {path.suffix[1:]} ({error}): it is empty, cut short or in another "
            "format; copy it or write it again."
        ) from error
    frame = frame.reset_index(drop=frame.index.name is None)  # a named index was a column of the file
    _check_names(list(frame.columns), path, "")
    return frame


def _read_parquet(path: Path) -> pd.DataFrame:
    _check_names(read_schema(path).names, path, "")  # pandas fails on repeated names with a message of its own
    return pd.read_parquet(path)


def _read_text(
    path: Path, header: bool, delimiter: str | None, encoding: str, missing_values: list[str]
) -> pd.DataFrame:
    _check_dialect(delimiter, encoding)
    try:
        delimiter = delimiter or _find_delimiter(path, encoding)
        names = _column_names(path, header, delimiter, encoding)
        _check_records(path, len(names), delimiter, encoding)
        return pd.read_csv(
            path,
            sep=delimiter,
            header=0 if header else None,
            names=names,
            index_col=False,
            skipinitialspace=True,
            na_values=missing_values,
            encoding=encoding,
            low_memory=False,
        )
    except UnicodeError as error:
        raise ValueError(
            f"{path} is not {encoding.removesuffix('-sig')} text ({error}): name its encoding, for example "
            f"encoding={_likely_encoding(path)!r} (on the command line --encoding {_likely_encoding(path)})."
        ) from error
    except (csv.Error, pd.errors.ParserError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path} cannot be read as a table ({error}): it is cut short, or a quotation mark is left open."
        ) from error


def _check_dialect(delimiter: str | None, encoding: str) -> None:
    if delimiter is not None and len(delimiter) != 1:
        raise ValueError(f"delimiter must be a single character, got {delimiter!r}.")
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(f"encoding must be one that Python knows, such as 'utf-8', got {encoding!r}.") from None


def _open(path: Path, encoding: str) -> io.TextIOBase:
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding=encoding, newline="")


def _records(path: Path, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every record that is not blank."""
    with _open(path, encoding) as lines:
        reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != " ")
        for cells in reader:
            if any(cells) or len(cells) > 1:
                yield reader.line_num, cells


def _find_delimiter(path: Path, encoding: str) -> str:
    if _text_kind(path) == ".tsv":
        return "\t"

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(cells) for _, cells in islice(_records(path, delimiter, encoding), 50))
        width, n_records = max(widths.items(), key=lambda item: item[1], default=(0, 0))
        return (n_records, width) if width > 1 else (0, 0)

    return max(DELIMITERS, key=agreement)


def _column_names(path: Path, header: bool, delimiter: str, encoding: str) -> list[str]:
    _, first = next(_records(path, delimiter, encoding), (0, []))
    if not first:
        raise ValueError(f"{path} is empty: a table needs a row of names and rows of data.")
    names = [str(i) for i in range(1, len(first) + 1)]
    if header:
        names = [cell.strip() or position for cell, position in zip(first, names)]
    _check_names(names, path, "; or, if its first line is data, read it with header=False (--no-header)")
    return names


def _check_names(names: list[str], path: Path, remedy: str) -> None:
    repeated = [repr(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"column names must be unique, but {path} repeats {', '.join(repeated)}: rename them{remedy}.")


def _check_records(path: Path, width: int, delimiter: str, encoding: str) -> None:
    """Refuse records that are too short or too long: pandas would fill or shift them without a word."""
    wrong = None
    for line, cells in _records(path, delimiter, encoding):
        if wrong:
            raise ValueError(
                f"line {wrong[0]} of {path} has {wrong[1]} cell(s) where the first line has {width} "
                f"(separated by {delimiter!r}): repair it, or name another delimiter."
            )
        wrong = (line, len(cells)) if len(cells) != width else None
    if wrong:
        raise ValueError(
            f"line {wrong[0]}, the last of {path}, has {wrong[1]} cell(s) where the first line has {width}: "
            "the file is cut short, or a quotation mark is left open."
        )


def _likely_encoding(path: Path) -> str:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "latin-1"


def _without_blanks(frame: pd.DataFrame, missing_values: list[str]) -> pd.DataFrame:
    for column in frame.columns:
        if infer_dtype(frame[column]) == "string":
            text = frame[column].str.strip()
            frame[column] = text.mask(text.isin(missing_values))
    return frame
