"""The files of a model, in a folder or a zip file: written atomically, read into memory within limits.

A zip file is never unpacked to the disk, so paths in it are harmless.
"""

import json
import os
import stat
import tempfile
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

CARD, WEIGHTS, ESTIMATOR, README = "model.json", "weights.safetensors", "estimator.skops", "README.md"

_MIB = 1 << 20
LIMITS = {CARD: 16 * _MIB, README: 16 * _MIB, ESTIMATOR: 512 * _MIB, WEIGHTS: 4096 * _MIB}
"""Largest size of each file in bytes, unpacked for a skops file."""

_PACKED = 100  # largest compression ratio of a zip member beyond its first MiB; text has about 10


def check_place(path: str | Path) -> None:
    """Refuse a path that cannot take a model.

    An older model there would be replaced; other files in its folder are kept.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_place(f"{folder}/model")
    """
    path = Path(path)
    if path.suffix.lower() == ".zip" or (os.path.lexists(path) and not path.is_dir()):
        taken = path if os.path.lexists(path) and not (path.is_file() and CARD in _names(path)) else None
    else:
        taken = next((path / name for name in LIMITS if (path / name).exists()), None)
        taken = None if taken is None or _holds_card(path) else taken
    if taken is not None:
        raise ValueError(f"{taken} exists and is not a model of equipoise. Choose another path or remove it.")
    there = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
    folder = there.parent if there.is_file() and there == path else there
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise ValueError(f"{folder} is not a writable folder. Choose another path than {path}.")


def _holds_card(folder: Path) -> bool:
    try:
        card = json.loads((folder / CARD).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(card, dict) and card.keys() >= {"format", "sha256"}


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Write a model's files to a folder, or to a zip file if the path ends in ``.zip``.

    An older model is replaced; other files of the folder are kept. If writing fails, nothing changes.

    Raises ValueError if the path is taken by something else, or a file exceeds its limit.
    """
    for name, content in files.items():
        if len(content) > LIMITS[name]:
            raise ValueError(f"{name} would have {len(content):,} bytes, more than the limit of {LIMITS[name]:,}.")
    check_place(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as workshop:
        draft = Path(workshop) / "draft"
        if path.suffix.lower() == ".zip":
            with ZipFile(draft, "w", ZIP_STORED) as archive:  # the large files do not pack
                for name, content in files.items():
                    archive.writestr(name, content)
            os.replace(draft, path)
        else:
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
            _move_in(draft, path, former=Path(workshop) / "former")


def _move_in(draft: Path, folder: Path, former: Path) -> None:
    """Replace files of a folder by those of a draft; undone if a move fails."""
    former.mkdir()
    made, moved = not folder.exists(), list[tuple[Path, Path]]()
    folder.mkdir(exist_ok=True)
    old = [(path, former / path.name) for path in folder.iterdir() if (draft / path.name).exists()]
    try:
        for move in (*old, *((path, folder / path.name) for path in sorted(draft.iterdir()))):
            os.replace(*move)
            moved.append(move)
    except BaseException:
        for source, target in reversed(moved):
            os.replace(target, source)
        if made:
            folder.rmdir()
        raise


def _names(path: Path) -> list[str]:
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except Exception:  # not a zip file, so not a model
        return []


def read_file(path: Path, name: str) -> bytes:
    """Read one of a model's files.

    Raises FileNotFoundError if there is no model, ValueError if the file is missing, no regular file or too large, or
    the zip file holds other files.
    """
    if path.is_file():
        with ZipFile(path) as archive:
            return _read_member(archive, name)
    if not (path / CARD).exists():
        raise FileNotFoundError(f"There is no model at {path}: it has no {CARD}. `equipoise fit` makes one.")
    file = path / name
    if not file.is_file():
        raise ValueError(f"{name} is missing")
    if file.stat().st_size > LIMITS[name]:
        raise ValueError(f"{name} has {file.stat().st_size:,} bytes, more than the limit of {LIMITS[name]:,}")
    return file.read_bytes()


def _read_member(archive: ZipFile, name: str) -> bytes:
    members = {member.filename: member for member in archive.infolist()}
    strange = sorted(members.keys() - LIMITS.keys())
    if strange or len(members) < len(archive.infolist()):
        raise ValueError(f"it holds a file that no model has: {(strange or ['one file twice'])[0]!r:.80}")
    if name not in members:
        raise ValueError(f"{name} is missing")
    check_member(members[name], LIMITS[name])
    return archive.read(name)  # zipfile reads no more than the checked size


def check_member(member: ZipInfo, limit: int) -> None:
    """Raise ValueError for a member of a zip file that is a link or a zip bomb."""
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ValueError(f"{member.filename!r:.80} is not a regular file")
    if member.file_size > min(limit, _MIB + _PACKED * member.compress_size):
        raise ValueError(f"{member.filename!r:.80} would unpack to {member.file_size:,} bytes, more than its limit")
