"""Where the results of a reproduction lie: one store a data set, all of one effort."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from equipoise.experiments import Store
from equipoise.experiments.compare import versions


def open_store(folder: Path, name: str, effort: Any) -> Store:
    """Open the store of a data set, made if need be.

    Parameters
    ----------
    folder : Path
        Made if need be.
    name : str
        Of the data set, fit for a file.
    effort : dataclass
        How much is run, of fields that json can hold.

    Raises
    ------
    ValueError
        If it holds results of another effort.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / f"{name}.sqlite")
    stored, request = store.get("effort"), asdict(effort)
    if stored is None:
        store.put("versions", versions())
        store.put("effort", request)
    elif stored != request:
        store.close()
        raise ValueError(
            f"{folder} holds results of another effort ({json.dumps(stored)}, now {json.dumps(request)}): "
            f"choose another --out, or give --quick as before."
        )
    return store
