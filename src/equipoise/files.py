"""Files: whether a place can be read or written is known before the work, and no reader sees half a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryDirectory


def check_input(path: Path) -> None:
    """Refuse a path that is no file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        The message names files like it.
    """
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


def check_output(path: Path) -> None:
    """Refuse a path where no file can be written.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
    """
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

    Parameters
    ----------
    path : Path
        File to write or replace; the draft lies in a folder of its own beside it.

    Examples
    --------
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
