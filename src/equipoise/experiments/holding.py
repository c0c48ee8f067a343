"""One run at a time writes to a folder of results."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder while results are written to it; the system lets go of it however this process ends.

    The lock lies among the machine's temporary files, so it keeps apart runs on one machine.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    BlockingIOError
        If another run holds the folder; says which.
    """
    place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
    path = Path(tempfile.gettempdir()) / f"equipoise-{place}.lock"
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
            lock.release()
