"""Files: whether a place can be read or written is known before the work, and no reader sees half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
TABLE_ENDINGS = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")
"""Of the files of a folder that is a table."""


def check_input(path: Path) -> None:
    """Refuse a path that is no file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    if path.exists():
        return
    kind = "file" if path.suffix else "file or folder"
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no {kind} {path}: the folder {path.parent} does not exist.")
    near = get_close_matches(path.name, [other.name for other in path.parent.iterdir()])
    hint = f"did you mean {' or '.join(near)}?" if near else f"no {kind} there has a similar name."
    raise FileNotFoundError(f"There is no {kind} {path}: {hint}")


def check_folder(path: Path) -> None:
    """Refuse a folder to write to that is a file, or would lie in one."""
    taken = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    if not taken.is_dir():
        raise NotADirectoryError(f"{taken} is a file: choose another folder (--out).")


def table_files(folder: Path) -> list[Path]:
    """Return the text or parquet files of a folder without folders or images, by name; none where it is no such table.

    Raises ValueError if the files are of several formats.
    """
    found = [path for path in sorted(folder.iterdir()) if not path.name.startswith((".", "_"))]
    if any(path.is_dir() or path.suffix.lower() in IMAGE_ENDINGS for path in found):
        return []
    tables = [path for path in found if path.name.lower().endswith(TABLE_ENDINGS)]
    if len({path.name.lower().endswith(".parquet") for path in tables}) > 1:
        raise ValueError(f"The files of {folder} must be all parquet or all text, but some are of either: part them.")
    return tables


def is_table_folder(path: Path) -> bool:
    """Whether a path is a folder whose files make a table: text or parquet files, or the arrays of `map_parquet`."""
    return path.is_dir() and (is_mapped(path) or bool(table_files(path)))


def is_mapped(folder: Path) -> bool:
    """Whether a folder holds the arrays that `equipoise.datasets.map_parquet` writes."""
    return (folder / "X.npy").is_file() and (folder / "y.npy").is_file()


def check_output(path: Path) -> None:
    """Refuse a path where no file can be written."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: the folder {path.parent} does not exist.")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path} cannot be written: the folder {path.parent} is read-only.")


def first_bytes(path: Path, count: int) -> bytes:
    """Return the beginning of a file; nothing where there is no file."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        return file.read(count)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a draft, which takes the place of a file when the context ends.

    If it ends in an error, the file stays as it was, and the draft is removed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "notes.txt"
    ...     with replacing(path) as draft:
    ...         _ = draft.write_text("all of it")
    ...     path.read_text(), os.listdir(folder)
    ('all of it', ['notes.txt'])
    """
    path = Path(os.path.realpath(path))  # a link stays a link
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        draft = Path(folder) / path.name
        yield draft
        os.replace(draft, path)


def replace_file(path: Path, content: str) -> None:
    """Write a text file; nothing is left behind if that fails."""
    with replacing(path) as draft:
        draft.write_text(content, encoding="utf-8", newline="\n")
