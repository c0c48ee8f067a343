"""Read a table from a file as a user brings it, with errors that say what to do."""

import gzip
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ArrowException
from pyarrow.parquet import read_schema

from equipoise.files import check_input
from equipoise.tables.arff import read_arff
from equipoise.tables.dialects import Dialect, Opener, check_names, find_dialect
from equipoise.tables.parquet import ROWS_AT_ONCE, open_parquet, parquet_batches
from equipoise.tables.text_cells import typed_frame, without_marks
from equipoise.tables.text_files import check_quotes, read_texts, text_batches

__all__ = ["read_table", "table_batches"]

Keep = Callable[[pd.Series], NDArray[np.bool_]]
"""``(labels of a part) -> rows to keep``."""

_BEGINNING = 1 << 20  # bytes of a text file that tell how long its lines are
TEXT = (".csv", ".tsv", ".txt")
_KNOWN = (*TEXT, ".parquet", ".feather", ".xlsx", ".arff")
_BROKEN = (ArrowException, EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


def read_table(
    path: str | Path,
    *,
    header: bool = True,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing_values: Sequence[str] = (),
    target: str | int | None = None,
    thousands: str | None = None,
    as_text: bool = False,
) -> pd.DataFrame:
    r"""Read a csv, tsv, txt, parquet, feather, xlsx or arff file; text files may be gzipped, or alone in a zip file.

    Of a text file delimiter, encoding, a ``sep=`` line and comment lines at the beginning are found; what is guessed is
    said in a warning. Blanks around text cells and column names are dropped. A column is one of numbers where all its
    cells are written as programs write numbers; everything else stays text ("007", "1_2", "1.234,50 €"), which
    `TablePreprocessor` looks into. Empty cells are missing, and unquoted words such as NA or None.

    Parameters
    ----------
    path : str or Path
        The file; its ending names the format.
    header : bool, default=True
        Whether the first line holds the column names. If not, columns are named by position: "1", "2", ...
    delimiter : str, default=None
        What separates cells. None finds out: comma, semicolon, tab or bar.
    encoding : str, default=None
        None finds out: UTF-8, UTF-16, or one byte a character.
    missing_values : sequence of str
        Cells to take for missing beside the usual ones (empty, NA, NaN, null, ...), for example ["?"].
    target : str or int, default=None
        The column that holds the classes, or its position. In it words such as NA and None are classes; only empty
        cells are missing, and `missing_values`.
    thousands : str, default=None
        Separator of thousands, where it is known: if it is a point, columns such as "1.234" stay text.
    as_text : bool, default=False
        Whether all columns of a text file stay text, each cell as it stands there.

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
    ImportError
        If an xlsx file needs the package python-calamine.
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
    path, ending = _checked(path, missing_values)
    try:
        if ending in TEXT:
            open_file, dialect = _opened(path, ending, header, delimiter, encoding)
            check_quotes(open_file, dialect, str(path))
            table = read_texts(open_file, dialect, str(path), literal=_literal(target, dialect.names))
            frame = typed_frame(table, missing_values, _literal(target, dialect.names), as_text, thousands == ".")
        else:
            frame = without_marks(_with_plain_names(_read_typed(path, ending, header), path), list(missing_values))
    except UnicodeError as error:
        raise ValueError(
            f"{path} is not {encoding or 'utf-8'} text ({error}): leave the encoding out, or name another."
        ) from error
    except (*_BROKEN, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as {'a table' if ending in TEXT else ending[1:]} ({error}): it is empty, cut "
            "short or in another format; copy it or write it again."
        ) from error
    if len(frame) == 0:
        raise ValueError(f"{path} has column names but no rows.")
    return frame


def table_batches(
    path: str | Path,
    *,
    header: bool = True,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing_values: Sequence[str] = (),
    target: str | int | None = None,
    columns: Sequence[str] | None = None,
    keep: Keep | None = None,
    row_group: int | None = None,
) -> Iterator[pd.DataFrame]:
    """Read a table part by part, the cells of text files as text; parameters and errors are those of `read_table`.

    Text files and parquet files need memory for one part only, and for some columns of it where these are named. Of a
    part, only the rows that ``keep`` chooses by their target are turned into cells. Of a parquet file one row group can
    be read alone.
    """
    path, ending = _checked(path, missing_values)
    if ending in TEXT:
        open_file, dialect = _opened(path, ending, header, delimiter, encoding)
        check_quotes(open_file, dialect, str(path))
        literal = _literal(target, dialect.names)
        for table in text_batches(open_file, dialect, str(path), literal=literal, columns=columns):
            chosen = table if columns is None else table.select(columns)
            for start in range(0, chosen.num_rows, ROWS_AT_ONCE):
                rows = chosen.slice(start, ROWS_AT_ONCE)
                if keep is not None:
                    own = typed_frame(rows.select([literal]), missing_values, literal, as_text=True)
                    rows = rows.filter(pa.array(keep(own[literal])))
                yield typed_frame(rows, missing_values, literal, as_text=True)
    elif ending == ".parquet":
        named = open_parquet(path).schema_arrow.names
        wanted = None if columns is None else [name for name in named if name.strip() in columns]
        labels = [name for name in named if name.strip() == str(target)]
        for batch in parquet_batches(path, wanted, row_group):
            if keep is not None:
                own = without_marks(_with_plain_names(batch.select(labels).to_pandas(), path), list(missing_values))
                batch = batch.filter(pa.array(keep(own[str(target)])))
            yield without_marks(_with_plain_names(batch.to_pandas(), path), list(missing_values))
    else:
        frame = read_table(path, header=header, missing_values=missing_values)
        frame = frame if keep is None else frame[keep(frame[str(target)])]
        yield frame if columns is None else frame[list(columns)]


def rows_about(path: Path) -> float:
    """Return the number of rows of a parquet file, and about that of a text file, from its beginning."""
    if path.suffix.lower() == ".parquet":
        return float(open_parquet(path).metadata.num_rows)
    with path.open("rb") as packed:
        opened = cast(BinaryIO, gzip.GzipFile(fileobj=packed)) if path.suffix.lower() == ".gz" else packed
        lines = opened.read(_BEGINNING).count(b"\n")
        return lines * max(1.0, path.stat().st_size / max(1, packed.tell()))


def file_columns(
    path: Path,
    *,
    header: bool = True,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing_values: Sequence[str] = (),
) -> list[str]:
    """Return the names of a table's columns, of text, parquet and xlsx files without reading their rows."""
    path, ending = _checked(path, missing_values)
    if ending in TEXT:
        return _opened(path, ending, header, delimiter, encoding)[1].names
    if ending == ".parquet":
        empty = open_parquet(path).schema_arrow.empty_table().to_pandas()
        return list(_with_plain_names(empty, path).columns)
    if ending == ".xlsx":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as reading says
            return list(_with_plain_names(_read_excel(path, header, n_rows=1), path).columns)
    return list(read_table(path, header=header, missing_values=missing_values).columns)


def delimiter_of(path: Path, *, header: bool = True, delimiter: str | None = None, encoding: str | None = None) -> str:
    """Return what separates the cells of a text file; a comma for a table of another kind."""
    path, ending = _checked(path, ())
    if ending not in TEXT:
        return ","
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as reading says
        return _opened(path, ending, header, delimiter, encoding)[1].delimiter


def table_name(path: Path) -> str:
    """Return the name of a table's file, without the endings of its format and its packing.

    >>> table_name(Path("data/fraud.csv.gz")), table_name(Path("fraud.2024.parquet"))
    ('fraud', 'fraud.2024')
    """
    bare = Path(path.stem)
    return bare.stem if path.suffix.lower() in (".gz", ".zip") and bare.suffix.lower() in TEXT else str(bare)


def _checked(path: str | Path, missing_values: Sequence[str]) -> tuple[Path, str]:
    if isinstance(missing_values, str):
        raise TypeError(f"missing_values must be a list of cells, such as ['?'], got {missing_values!r}.")
    path = Path(path)
    check_input(path)
    ending = path.suffix.lower()
    if ending == ".gz":
        ending = path.with_suffix("").suffix.lower()
    elif ending == ".zip":
        ending = Path(_zipped_name(path)).suffix.lower()
    if ending not in _KNOWN or (ending not in TEXT and path.suffix.lower() in (".gz", ".zip")):
        raise ValueError(
            f"a table must be a csv, tsv, txt, parquet, feather, xlsx or arff file, got {str(path)!r}: save it as one "
            "(csv, tsv and txt may be gzipped, or alone in a zip file)."
        )
    return path, ending


def _opened(
    path: Path, ending: str, header: bool, delimiter: str | None, encoding: str | None
) -> tuple[Opener, Dialect]:
    """Return what opens a text file, and how it is written."""
    opener, tabs = _opener(path), ending == ".tsv"
    return opener, find_dialect(opener, str(path), header=header, delimiter=delimiter, encoding=encoding, tabs=tabs)


def _opener(path: Path) -> Opener:
    kind = path.suffix.lower()
    if kind == ".gz":
        return lambda: cast(BinaryIO, gzip.open(path, "rb"))
    if kind == ".zip":
        return lambda: cast(BinaryIO, zipfile.ZipFile(path).open(_zipped_name(path)))
    return lambda: open(path, "rb")


def _zipped_name(path: Path) -> str:
    try:
        names = [name for name in zipfile.ZipFile(path).namelist() if not name.endswith("/")]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} cannot be read as zip ({error}): it is cut short, or in another format.") from error
    tables = [name for name in names if not name.startswith("__MACOSX/") and not Path(name).name.startswith(".")]
    if len(tables) != 1:
        raise ValueError(
            f"a zip file must hold one table, but {path} holds {len(tables)} files: {', '.join(tables[:5])}; unpack it."
        )
    return tables[0]


def _literal(target: str | int | None, names: list[str]) -> str | None:
    """Return the name of the target, where the file has it; what else is wrong with it is said when it is used."""
    if target is None or str(target) in names:
        return None if target is None else str(target)
    wanted = str(target)
    if wanted.removeprefix("-").isdecimal() and 1 <= abs(int(wanted)) <= len(names):
        return names[int(wanted) - 1 if int(wanted) > 0 else int(wanted)]
    return None


def _read_typed(path: Path, ending: str, header: bool) -> pd.DataFrame:
    if ending == ".arff":
        return read_arff(path.read_text(encoding="utf-8-sig", errors="surrogateescape"), str(path))
    if ending == ".xlsx":
        return _read_excel(path, header)
    if ending == ".feather":
        return pd.read_feather(path)
    check_names(read_schema(path).names, str(path))  # pandas fails on repeated names with a message of its own
    return pd.read_parquet(path)


def _read_excel(path: Path, header: bool, n_rows: int | None = None) -> pd.DataFrame:
    try:
        with pd.ExcelFile(path, engine="calamine") as book:
            sheets = [str(name) for name in book.sheet_names]
            frame = pd.read_excel(book, header=0 if header else None, nrows=n_rows)
    except ImportError as error:
        raise ImportError(f"{path} needs the package python-calamine: pip install 'equipoise[excel]'.") from error
    except Exception as error:  # calamine's own, which pandas does not name
        if type(error).__module__.startswith("python_calamine"):
            raise ValueError(
                f"{path} cannot be read as xlsx ({error}): it is cut short or in another format."
            ) from error
        raise
    if len(sheets) > 1:
        warnings.warn(f"{path} has {len(sheets)} sheets; the first, {sheets[0]!r}, was read.", stacklevel=4)
    nameless = sum(str(name).startswith("Unnamed: ") for name in frame.columns)
    if nameless > len(frame.columns) / 2:
        raise ValueError(
            f"the first row of {path} names {len(frame.columns) - nameless} of {len(frame.columns)} columns, as a "
            "title does: remove the rows above the names."
        )
    return frame if header else frame.rename(columns=lambda i: str(i + 1))


def plain_names(columns: pd.Index) -> list[str]:
    """Return names as text; those of several levels joined by blanks."""
    return [" ".join(map(str, n)).strip() if isinstance(n, tuple) else str(n).strip() for n in columns]


def _with_plain_names(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Turn levels of a named index, which were columns of the file, back into such, and names of any kind into text."""
    named = [name for name in frame.index.names if name is not None]
    kept = frame.reset_index(level=named) if named else frame
    names = plain_names(kept.columns)
    check_names(names, str(path))
    return kept.reset_index(drop=True).set_axis(names, axis=1)
