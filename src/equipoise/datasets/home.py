"""Where fetched tables are kept."""

import os
from pathlib import Path

__all__ = ["data_home"]


def data_home(data_home: str | Path | None = None) -> Path:
    """Return the folder that keeps the fetched tables; it need not exist yet.

    Parameters
    ----------
    data_home : str or Path, default=None
        None means the environment variable EQUIPOISE_DATA_HOME, else the folder `equipoise` in the user's
        cache (XDG_CACHE_HOME, else ~/.cache).

    Examples
    --------
    >>> from equipoise.datasets import data_home
    >>> data_home("tables-of-mine").name
    'tables-of-mine'
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "equipoise")
    return Path(data_home or os.environ.get("EQUIPOISE_DATA_HOME") or cache).expanduser()
