"""A row search on disk, so that a stopped search can be resumed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from torch import nn

from equipoise.bilevel.row_search import Record
from equipoise.bilevel.rows import Restart
from equipoise.files import replacing
from equipoise.training import TrainedNetwork
from equipoise.training.results import AdamState

_PLAIN = ("size_before", "objective", "values", "n_steps", "unchanged", "done")
_PARTS = ("kept", "accepted", "network", "best")
_PLAIN_OF_NETWORK = ("vectorized", "seconds", "n_steps", "stopped_by", "history")


def save_search(path: Path, request: str, restarts: Sequence[Restart], records: Sequence[Record]) -> None:
    """Write the state of a search; an existing file is replaced atomically.

    ``request`` says what is searched; `load_search` compares it.
    """
    arrays: dict[str, Any] = {}
    states = []
    for number, restart in enumerate(restarts):
        state = {name: getattr(restart, name) for name in _PLAIN} | {"rng": restart.rng.bit_generator.state}
        state["networks"] = networks = {}
        parts = {name: getattr(restart, name) for name in _PARTS} | restart.learned
        for name, part in parts.items():
            if isinstance(part, TrainedNetwork):
                networks[name] = {plain: getattr(part, plain) for plain in _PLAIN_OF_NETWORK}
                arrays |= _arrays(f"{number}/networks/{name}", part)
            elif part is not None:
                arrays[f"{number}/arrays/{name}"] = part
        states.append(state)
    arrays["state"] = np.array(json.dumps({"request": request, "restarts": states, "records": list(records)}))
    with replacing(path) as draft, draft.open("wb") as file:
        np.savez(file, **arrays)


def load_search(path: Path, request: str, restarts: Sequence[Restart], pattern: nn.Module | None) -> list[Record]:
    """Set restarts to the state of a search, and return the records of its steps.

    The restarts are new ones of the same problems; ``pattern`` is the module of the weights, None for the perceptron.
    Raises ValueError for the file of another search, or of none.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        state = json.loads(str(arrays.pop("state")))
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        raise ValueError(f"{str(path)!r} holds no saved search: remove it, or choose another file.") from error
    if state["request"] != request:
        raise ValueError(
            f"{str(path)!r} holds another search, of other rows or with other parameters: remove it, or choose another "
            f"file."
        )
    for number, (restart, kept) in enumerate(zip(restarts, state["restarts"], strict=True)):
        restart.rng.bit_generator.state = kept["rng"]
        for name in _PLAIN:
            setattr(restart, name, kept[name])
        restart.learned = _of(arrays, f"{number}/arrays/")
        for name, plain in kept["networks"].items():
            restart.learned[name] = _network(f"{number}/networks/{name}", plain, arrays, pattern)
        for name in _PARTS:
            setattr(restart, name, restart.learned.pop(name, None))
    return state["records"]


def resumed(
    path: Path | None,
    request: Callable[[], str],
    restarts: Sequence[Restart],
    on_step: Callable[[int, int], None],
    *,
    pattern: Callable[[], nn.Module | None] = lambda: None,
) -> tuple[list[Record], Callable[[int, int], None]]:
    """Go on where a file ends, if there is one: return the records of its steps, and what keeps each step to come.

    Without a path nothing is kept. ``on_step`` is called with the steps done and at most, before a step is kept.
    """
    said, records = "", list[Record]()
    if path is not None:
        said = request()
        if path.exists():
            records = load_search(path, said, restarts, pattern())

    def keep(done: int, total: int) -> None:
        on_step(done, total)
        if path is not None:
            save_search(path, said, restarts, records)

    return records, keep


def _arrays(prefix: str, network: TrainedNetwork) -> dict[str, Any]:
    arrays = {f"{prefix}/weights/{name}": value for name, value in network.weights.items()}
    if (optimizer := network.optimizer) is not None:
        arrays[f"{prefix}/n_steps"] = np.array(optimizer.n_steps)
        for name in ("first", "second"):
            arrays |= {f"{prefix}/{name}/{i}": value for i, value in enumerate(getattr(optimizer, name))}
    return arrays


def _network(prefix: str, state: dict[str, Any], arrays: dict[str, Any], pattern: nn.Module | None) -> TrainedNetwork:
    """Rebuild a network; arrays keep the order of the file."""
    parts = {part: _of(arrays, f"{prefix}/{part}/") for part in ("weights", "first", "second")}
    optimizer = None
    if f"{prefix}/n_steps" in arrays:
        moments = [*parts["first"].values()], [*parts["second"].values()]
        optimizer = AdamState(*moments, int(arrays[f"{prefix}/n_steps"]))
    history = [(step, value) for step, value in state["history"]]
    return TrainedNetwork(parts["weights"], pattern, optimizer=optimizer, **state | {"history": history})


def _of(arrays: dict[str, Any], start: str) -> dict[str, Any]:
    return {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
