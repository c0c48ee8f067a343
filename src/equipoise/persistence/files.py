"""The files of a model, in one folder or one zip file: written at one stroke, read into memory within limits.

Nothing of a zip file is unpacked to the disk, so that names in it lead nowhere.
"""

import os
import shutil
import stat
import tempfile
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

CARD, WEIGHTS, ESTIMATOR, README = "model.json", "weights.safetensors", "estimator.skops", "README.md"

_MIB = 1 << 20
LIMITS = {CARD: 16 * _MIB, README: 16 * _MIB, ESTIMATOR: 512 * _MIB, WEIGHTS: 4096 * _MIB}
"""Bytes that each file may have, for a skops file unpacked."""

_PACKED = 100  # times its size that a member of a zip file may unpack to, beyond the first MiB: text packs to a tenth


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Write a model's files to a folder, or to a zip file if the path ends in ``.zip``.

    A model that is there already is replaced. If writing fails, what was there stays.

    Raises
    ------
    ValueError
        If the path is taken by something else, or a file is larger than could be read again.
    """
    for name, content in files.items():
        if len(content) > LIMITS[name]:
            raise ValueError(f"{name} would have {len(content):,} bytes, but no more than {LIMITS[name]:,} are read.")
    if os.path.lexists(path) and not _is_model(path):
        raise ValueError(f"{path} is there already and holds no model, or more than that: name another place.")
    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        draft = workshop / path.name
        if path.suffix.lower() == ".zip":
            _write_zip(draft, files)
        else:
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
        if path.is_dir():  # unlike a file, a folder is not replaced in one step
            os.replace(path, workshop / "former")
        os.replace(draft, path)
    finally:
        if (workshop / "former").exists() and not path.exists():
            os.replace(workshop / "former", path)
        shutil.rmtree(workshop, ignore_errors=True)


def _write_zip(path: Path, files: dict[str, bytes]) -> None:
    with ZipFile(path, "w", ZIP_STORED) as archive:  # the large files do not pack
        for name, content in files.items():
            archive.writestr(name, content)


def _is_model(path: Path) -> bool:
    if path.suffix.lower() == ".zip":
        return path.is_file() and CARD in _names(path)
    return path.is_dir() and {CARD} <= {child.name for child in path.iterdir()} <= LIMITS.keys()


def _names(path: Path) -> list[str]:
    try:
        with ZipFile(path) as archive:
            return archive.namelist()
    except Exception:  # whatever it is, it is no model
        return []


def read_file(path: Path, name: str) -> bytes:
    """Read one of a model's files.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If the file is not there, is no plain file, or is larger than `LIMITS`; or the zip file holds anything else
        than a model's files.
    """
    if path.is_file():
        with ZipFile(path) as archive:
            return _read_member(archive, name)
    if not (path / CARD).exists():
        raise FileNotFoundError(f"There is no model at {path}: it has no {CARD}. `equipoise fit` makes one.")
    file = path / name
    if not file.is_file():
        raise ValueError(f"{name} is not there")
    if file.stat().st_size > LIMITS[name]:
        raise ValueError(f"{name} has {file.stat().st_size:,} bytes, more than the {LIMITS[name]:,} that are read")
    return file.read_bytes()


def _read_member(archive: ZipFile, name: str) -> bytes:
    members = {member.filename: member for member in archive.infolist()}
    strange = sorted(members.keys() - LIMITS.keys())
    if strange or len(members) < len(archive.infolist()):
        raise ValueError(f"it holds what no model does: {(strange or ['one file twice'])[0]!r:.80}")
    if name not in members:
        raise ValueError(f"{name} is not there")
    check_member(members[name], LIMITS[name])
    return archive.read(name)  # no more than the size that was looked at: zipfile stops there


def check_member(member: ZipInfo, limit: int) -> None:
    """Refuse a member of a zip file that is a link, or unpacks to more than is sound.

    Raises
    ------
    ValueError
        If it is.
    """
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise ValueError(f"{member.filename!r:.80} is no plain file")
    if member.file_size > min(limit, _MIB + _PACKED * member.compress_size):
        raise ValueError(f"{member.filename!r:.80} would unpack to {member.file_size:,} bytes, more than is read")
