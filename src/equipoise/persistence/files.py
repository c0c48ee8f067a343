"""The files of a model, in one folder or one zip file: written at one stroke, read into memory within limits.

Nothing of a zip file is unpacked to the disk, so that names in it lead nowhere.
"""

import json
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


def check_place(path: str | Path) -> None:
    """Refuse a place that cannot take a model, before the work that makes one.

    Parameters
    ----------
    path : str or Path
        Folder, or zip file if it ends in ``.zip``. A model that is there is replaced, and other files in its folder
        are kept. A folder without a model must be empty, files of the file manager such as ``.DS_Store`` apart.

    Raises
    ------
    ValueError
        If the path is taken by something else, or no file can be written there.

    Examples
    --------
    >>> import tempfile
    >>> from equipoise.persistence import check_place
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     check_place(f"{folder}/model")
    """
    path = Path(path)
    if os.path.lexists(path) and not _is_model(path):
        others = path.is_dir() and sorted(child.name for child in path.iterdir() if not child.name.startswith("."))
        if not path.is_dir() or others:
            held = f" (it holds {others[0]!r})" if others else ""
            raise ValueError(f"{path} exists and holds no model{held}: choose another place, or move it away.")
    parent = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise ValueError(f"{parent} is no folder that can be written to: choose another place than {path}.")


def write_files(path: Path, files: dict[str, bytes]) -> None:
    """Write a model's files to a folder, or to a zip file if the path ends in ``.zip``.

    If writing fails, what was there stays.

    Raises
    ------
    ValueError
        If `check_place` refuses the path, or a file is larger than could be read again.
    """
    for name, content in files.items():
        if len(content) > LIMITS[name]:
            raise ValueError(f"{name} would have {len(content):,} bytes, but no more than {LIMITS[name]:,} are read.")
    check_place(path)
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    draft, former = workshop / "draft", workshop / "former"
    try:
        if path.suffix.lower() == ".zip":
            _write_zip(draft, files)
        else:
            draft.mkdir()
            for name, content in files.items():
                (draft / name).write_bytes(content)
        if path.is_dir():  # unlike a file, a folder is not replaced in one step
            os.replace(path, former)
        os.replace(draft, path)
        for name in _foreign(former):
            os.replace(former / name, path / name)
    finally:
        if former.exists() and not path.exists():
            os.replace(former, path)
        _clear(workshop, former)


def _foreign(folder: Path) -> list[str]:
    """Names of what is in a model's folder and not the model's."""
    return [child.name for child in folder.iterdir() if child.name not in LIMITS] if folder.is_dir() else []


def _clear(workshop: Path, former: Path) -> None:
    if _foreign(former):  # files of the user's, which could not be put back: they stay where they are
        return
    shutil.rmtree(workshop, ignore_errors=True)


def _write_zip(path: Path, files: dict[str, bytes]) -> None:
    with ZipFile(path, "w", ZIP_STORED) as archive:  # the large files do not pack
        for name, content in files.items():
            archive.writestr(name, content)


def _is_model(path: Path) -> bool:
    """Whether a model is there; another program's file of the same name does not describe one."""
    try:
        known = json.loads(read_file(path, CARD)).keys()
        return path.is_file() == (path.suffix.lower() == ".zip") and {"format", "sha256"} <= known
    except Exception:  # whatever it is, it is no model
        return False


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
