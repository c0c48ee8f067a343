"""One run at a time writes to a folder of results."""

import getpass
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Lock a folder while results are written to it; the lock ends with this process, however that ends.

    The lock lies in a folder of the user's own among the machine's temporary files, so it keeps apart runs on one
    machine. It is removed when the context ends.

    Raises BlockingIOError, which names the folder, if another run holds it.
    """
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    path = _lock_folder() / f"{place}.lock"
    holder = path.with_suffix(".holder")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        raise BlockingIOError(
            f"{folder} is being written by {who}: wait until it ends, or choose another folder (--out)."
        ) from None
    with lock:
        holder.write_text(f"process {os.getpid()}, since {datetime.now():%Y-%m-%d %H:%M:%S}", encoding="utf-8")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)
            with suppress(OSError):  # Windows keeps open files
                path.unlink()
            lock.release()


def _lock_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"equipoise-locks-{getpass.getuser()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user: remove it or set TMPDIR to another folder.")
    return folder
