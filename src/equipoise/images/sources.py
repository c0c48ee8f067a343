"""The image files that a user's path stands for: a folder, a table of paths, or an archive; and their classes."""

import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from equipoise.files import IMAGE_ENDINGS
from equipoise.images.kinds import PATH_COLUMNS
from equipoise.text import counted, listed

PARTS = {
    name: part
    for part, names in {
        "train": ("train", "training"),
        "val": ("val", "valid", "validation", "dev"),
        "test": ("test", "testing"),
    }.items()
    for name in names
}
"""Names of folders and of cells that divide images into parts, in lower case."""

_OF_SYSTEMS = ("thumbs.db", "desktop.ini")
_MEMBER_BYTES, _ARCHIVE_BYTES, _PACKED = 1 << 28, 1 << 36, 200


@dataclass(frozen=True)
class ImageFile:
    """An image file and what is known of it."""

    name: str  # path within the source
    file: Path
    label: str | None = None  # part is "train", "val" or "test"
    group: str | None = None
    part: str | None = None


def shown(name: object) -> str:
    r"""Return a name as it can be printed on a line, whatever bytes it has.

    >>> shown("caf\udce9.png")
    'caf�.png'
    """
    text = os.fsencode(str(name)).decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def in_folder(root: Path) -> tuple[list[tuple[PurePosixPath, Path]], list[str]]:
    """List the files of a folder, by path within it, and notes; links that lead out of it are not followed."""
    inside, found, out = root.resolve(), list[tuple[PurePosixPath, Path]](), list[str]()
    closed, empty = list[OSError](), list[Path]()
    for folder, folders, files in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if not folders and not files and Path(folder) != root:
            empty.append(Path(folder).relative_to(root))
        above, place = PurePosixPath(Path(folder).relative_to(root).as_posix()), Path(folder)
        for name in [*(name for name in folders if os.path.islink(os.path.join(folder, name))), *sorted(files)]:
            path, within = place / name, above / name
            if os.path.islink(path) and (path.is_dir() or not path.resolve().is_relative_to(inside)):
                out.append(str(within))
            elif not name.startswith(".") and name.lower() not in _OF_SYSTEMS:
                found.append((within, path))
    notes = []
    if out:
        what = listed(map(shown, out), most=3)
        notes.append(f"Left out: {counted(len(out), 'link')} to folders or out of {shown(root)}: {what}.")
    if closed:
        what = listed((f"{shown(error.filename)} ({error.strerror})" for error in closed), most=3)
        notes.append(f"Left out: {counted(len(closed), 'folder')} that cannot be opened: {what}.")
    if empty:
        notes.append(f"Left out: {counted(len(empty), 'empty folder')}: {listed(map(shown, empty), most=3)}.")
    return found, notes


def unpacked(archive: Path, into: Path) -> tuple[list[tuple[PurePosixPath, Path]], list[str]]:
    """Write the files of an archive under numbers into a folder, so that no name in it can do harm.

    Raises ValueError if it is no archive, or would unpack to too much.
    """
    found, refused, total = list[tuple[PurePosixPath, Path]](), list[str](), 0
    try:
        for name, size, stream in _members(archive):
            within = PurePosixPath(name)
            hidden = any(part.startswith((".", "__MACOSX")) for part in within.parts if part not in (".", ".."))
            if stream is None or within.is_absolute() or ".." in within.parts or size > _MEMBER_BYTES:
                refused.append(name)
                continue
            if hidden or within.name.lower() in _OF_SYSTEMS:
                continue
            total += size
            if total > _ARCHIVE_BYTES:
                raise ValueError(f"{archive} would unpack to more than {_ARCHIVE_BYTES >> 30} GiB: give a folder.")
            file = into / str(len(found))
            file.write_bytes(stream.read(size))
            found.append((within, file))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError(f"{archive} cannot be read as an archive ({' '.join(str(error).split())[:120]}).") from error
    if not refused:
        return found, []
    what, several = listed(map(shown, refused), most=3), counted(len(refused), "member")
    return found, [
        f"Left out: {several} of {archive.name} that lead out of it, are no files, or are too large: {what}."
    ]


def _members(archive: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Yield name, size and content of the files of an archive; None for what is no plain file."""
    if archive.name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                if member.is_dir():
                    continue
                plain = (member.external_attr >> 16) & 0o170000 in (0, 0o100000)
                bomb = member.file_size > (1 << 20) + _PACKED * member.compress_size
                if not plain or bomb:
                    yield member.filename, member.file_size, None
                    continue
                with opened.open(member) as stream:
                    yield member.filename, member.file_size, stream
        return
    with tarfile.open(archive) as tar:
        for entry in tar:
            if not entry.isdir():
                yield entry.name, entry.size, tar.extractfile(entry) if entry.isreg() else None


def by_folder(
    files: Iterable[tuple[PurePosixPath, Path]], place: str, *, labelled: bool = True
) -> tuple[list[ImageFile], list[str]]:
    """Give each file the class of its folder, and the part of the folder above it if there are parts.

    Raises ValueError if there are no folders of classes.
    """
    entries = list(files)
    if not labelled:
        return [ImageFile(str(within), file) for within, file in entries], []
    depth = _depth([entry for entry in entries if _named_as_image(entry[0])] or entries)
    tops = {within.parts[depth].lower() for within, _ in entries if len(within.parts) > depth + 1}
    has_parts = tops <= PARTS.keys() and "train" in {PARTS[top] for top in tops}
    if not has_parts and _divides(entries, depth):
        raise ValueError(
            f"{place} has {_strange(tops)}: images to learn from belong into train/, beside val/ and test/ if you "
            "like, and all classes into these folders. Rename the folders if they are classes."
        )
    at = depth + has_parts
    found = [
        ImageFile(str(within), file, within.parts[at], part=PARTS[within.parts[depth].lower()] if has_parts else None)
        for within, file in entries
        if len(within.parts) > at + 1
    ]
    loose = [str(within) for within, _ in entries if len(within.parts) <= at + 1 and _named_as_image(within)]
    if not found:
        raise ValueError(
            f"{place} needs a folder for each class, but holds {counted(len(entries), 'file')} and no such folders: "
            "put the images of each class into a folder of its own, or name a csv file with the columns path and label."
        )
    deep = [item for item in found if len(PurePosixPath(item.name).parts) > at + 2]
    notes = (
        [f"Left out: {counted(len(loose), 'image')} in no class folder, such as {shown(loose[0])}."] if loose else []
    )
    if deep:
        notes.append(
            f"Of folders within class folders, {counted(len(deep), 'file')} count to the class of the outer folder, "
            f"such as {shown(deep[0].name)} to {shown(deep[0].label)!r}."
        )
    return found, notes


def _divides(entries: list[tuple[PurePosixPath, Path]], depth: int) -> bool:
    """Whether folders named as parts hold folders of images, as classes of such names would not."""
    named = [within for within, _ in entries if _named_as_image(within) and within.parts[depth].lower() in PARTS]
    return bool(named) and all(len(within.parts) > depth + 2 for within in named)


def _strange(tops: set[str]) -> str:
    """Say why folders are neither classes nor parts."""
    others = sorted(tops - PARTS.keys())
    parts = listed(f"{top}/" for top in sorted(tops & PARTS.keys()))
    return f"{parts} beside {listed((f'{top}/' for top in others), most=3)}" if others else f"{parts} but no train/"


def _depth(entries: list[tuple[PurePosixPath, Path]]) -> int:
    """Return the number of folders that all files share, such as the one folder of an archive."""
    depth = 0
    while entries and len({within.parts[: depth + 1] for within, _ in entries}) == 1:
        if not all(len(within.parts) > depth + 2 for within, _ in entries):
            break
        depth += 1
    return depth


def _named_as_image(within: PurePosixPath) -> bool:
    return within.suffix.lower() in IMAGE_ENDINGS


def in_table(path: Path, target: str | None, group: str | None, *, labelled: bool = True) -> list[ImageFile]:
    """List the images that a table names: a column of paths, of labels, and perhaps of groups and of parts.

    Raises ValueError if a column is missing, or a part has another name.
    """
    from equipoise.tables import read_table  # slow to import, and needed for tables only

    frame = read_table(path, as_text=True)
    names = {str(name).strip().lower(): name for name in frame.columns}
    paths = next((name for name in PATH_COLUMNS if name in names), "path")
    wanted = {"path": paths, "label": target or "label", "group": group or "group", "part": "part"}
    columns = {key: names.get(name.lower()) for key, name in wanted.items()}
    needed = ["path", *(["label"] if labelled else []), *(["group"] if group else [])]
    if lacking := [wanted[key] for key in needed if columns[key] is None]:
        remedy = " Name the column of the classes: --target NAME." if "label" in lacking and target is None else ""
        raise ValueError(
            f"A table of images has the columns path and label, and perhaps group and part, but {path} lacks "
            f"{listed(map(repr, lacking))}: its columns are {listed(map(repr, frame.columns), most=8)}.{remedy}"
        )
    if group and labelled and columns["group"] == columns["label"]:
        raise ValueError(f"The column {group!r} of {path} holds the classes, so it cannot group images: name another.")
    found = []
    for record in frame.to_dict("records"):
        cells = {key: _cell(record.get(column)) for key, column in columns.items()}
        name = cells["path"] or ""
        part = cells["part"] and PARTS.get(cells["part"].lower(), cells["part"])
        if part not in (None, "train", "val", "test"):
            raise ValueError(f"The column part of {path} may hold train, val and test, but holds {part!r}.")
        if labelled and cells["label"] is None:
            raise ValueError(f"{path} has no label for the image {name!r}: add one or remove the line.")
        if not name:
            raise ValueError(f"The column {paths} of {path} has an empty cell: name an image there or remove the line.")
        found.append(ImageFile(name, path.parent / name, cells["label"], cells["group"], part))
    return found


def _cell(value: object) -> str | None:
    text = "" if value is None or value != value else str(value).strip()
    return text or None
