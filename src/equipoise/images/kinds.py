"""Which paths are of images, told by their names; nothing is decoded, and little is imported."""

import csv
from pathlib import Path

from equipoise.files import IMAGE_ENDINGS, is_table_folder

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".txz", ".tbz2")
PATH_COLUMNS = ("path", "file", "filename", "image")
"""Names that the column of paths in a table of images may have."""


def is_images(path: Path) -> bool:
    """Whether a path is of images rather than of a table: a folder, an archive, arrays, or a csv file of image paths.

    >>> is_images(Path("photos.tar.gz")), is_images(Path("fraud.csv"))
    (True, False)
    """
    if path.is_dir():
        return not is_table_folder(path)
    if path.name.lower().endswith((*ARCHIVES, ".npz")) or "-images-idx" in path.name:
        return True
    return is_table(path) and path.is_file() and _lists_images(path)


def is_table(path: Path) -> bool:
    """Whether a path is that of a text file with cells."""
    return path.suffix.lower() in (".csv", ".tsv")


def _lists_images(path: Path) -> bool:
    """Whether the first row of a text file has the path of an image in a column of paths."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        start = file.read(1 << 16).splitlines()[:2]
    separators = [separator for separator in (",", ";", "\t") if start and separator in start[0]]
    for separator in separators:
        lines = list(csv.reader(start, delimiter=separator))
        names = [name.strip().strip("\ufeff").lower() for name in lines[0]]
        place = next((names.index(name) for name in PATH_COLUMNS if name in names), None)
        if place is not None and len(lines) > 1 and len(lines[1]) > place:
            return lines[1][place].strip().lower().endswith(IMAGE_ENDINGS)
    return False
