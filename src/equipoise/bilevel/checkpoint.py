"""A search over rows on disk, so that one that was stopped goes on where it was."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from torch import nn

from equipoise.bilevel.row_search import Record
from equipoise.bilevel.rows import Restart
from equipoise.files import replacing
from equipoise.training import TrainedNetwork
from equipoise.training.optimization import AdamState

_PLAIN = ("size_before", "objective", "values", "n_steps", "unchanged", "done")
_ROLES = ("network", "best")
_PLAIN_OF_NETWORK = ("vectorized", "seconds", "n_steps", "stopped_by", "history")


def save_search(path: Path, request: str, restarts: Sequence[Restart], records: Sequence[Record]) -> None:
    """Write where a search stands; a file that is there is replaced by a whole one only.

    Parameters
    ----------
    path : Path
        Its folder must exist.
    request : str
        What is searched, and how; `load_search` refuses another.
    restarts : sequence of Restart
    records : sequence of dict
        Of the steps made.
    """
    arrays: dict[str, Any] = {}
    states = []
    for number, restart in enumerate(restarts):
        arrays |= {f"{number}/kept": restart.kept, f"{number}/accepted": restart.accepted}
        state = {name: getattr(restart, name) for name in _PLAIN} | {"rng": restart.rng.bit_generator.state}
        for role in _ROLES:
            if (network := getattr(restart, role)) is not None:
                state[role] = {name: getattr(network, name) for name in _PLAIN_OF_NETWORK}
                arrays |= _arrays(f"{number}/{role}", network)
        states.append(state)
    arrays["state"] = np.array(json.dumps({"request": request, "restarts": states, "records": list(records)}))
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def load_search(path: Path, request: str, restarts: Sequence[Restart], pattern: nn.Module | None) -> list[Record]:
    """Bring restarts to where a search stood, and return the records of its steps.

    Parameters
    ----------
    path : Path
        As `save_search` wrote it.
    request : str
    restarts : sequence of Restart
        Of the same problems, as `equipoise.bilevel.row_search.new_restart` makes them.
    pattern : nn.Module or None
        The module that the networks' weights belong to; None for the multi-layer perceptron.

    Raises
    ------
    ValueError
        If the file holds another search, or none.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        state = json.loads(str(arrays.pop("state")))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ValueError(f"{str(path)!r} is no search that can go on: remove it, or name another file.") from error
    if state["request"] != request:
        raise ValueError(
            f"{str(path)!r} holds another search, of other rows or with other parameters: remove it, or name another "
            f"file."
        )
    for number, (restart, kept) in enumerate(zip(restarts, state["restarts"], strict=True)):
        restart.kept, restart.accepted = arrays[f"{number}/kept"], arrays[f"{number}/accepted"]
        restart.rng.bit_generator.state = kept["rng"]
        for name in _PLAIN:
            setattr(restart, name, kept[name])
        for role in _ROLES:
            if role in kept:
                setattr(restart, role, _network(f"{number}/{role}", kept[role], arrays, pattern))
    return state["records"]


def _arrays(prefix: str, network: TrainedNetwork) -> dict[str, Any]:
    arrays = {f"{prefix}/weights/{name}": value for name, value in network.weights.items()}
    if (optimizer := network.optimizer) is not None:
        arrays[f"{prefix}/n_steps"] = np.array(optimizer.n_steps)
        for name in ("first", "second"):
            arrays |= {f"{prefix}/{name}/{i}": value for i, value in enumerate(getattr(optimizer, name))}
    return arrays


def _network(prefix: str, state: dict[str, Any], arrays: dict[str, Any], pattern: nn.Module | None) -> TrainedNetwork:
    """Build a network again; arrays come back in the order in which they were written."""
    parts = {
        part: {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
        for part in ("weights", "first", "second")
        for start in [f"{prefix}/{part}/"]
    }
    optimizer = None
    if f"{prefix}/n_steps" in arrays:
        moments = [*parts["first"].values()], [*parts["second"].values()]
        optimizer = AdamState(*moments, int(arrays[f"{prefix}/n_steps"]))
    history = [(step, value) for step, value in state["history"]]
    return TrainedNetwork(parts["weights"], pattern, optimizer=optimizer, **state | {"history": history})
