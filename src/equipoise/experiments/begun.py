"""A comparison in its store: what was asked for, and whether the same may go on."""

import hashlib
import platform
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from equipoise.datasets import Dataset
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.store import Store
from equipoise.recipes import AUTO
from equipoise.tables.finding import shortened
from equipoise.text import listed

_OPTIONS = {"n_folds": "folds", "n_repeats": "repeats", "n_members": "members", "random_state": "seed"} | {
    "data": "data, or how its columns are read and used"
}
_PACKAGES = ("equipoise", "torch", "scikit-learn", "imbalanced-learn", "numpy", "pandas")


def begin(
    store: Store,
    request: dict[str, Any],
    dataset: Dataset,
    classes: NDArray[Any],
    codes: NDArray[np.int64],
    protocol: Protocol,
) -> None:
    """Write what is compared and how, before the first result."""
    counts = np.bincount(codes)
    columns = dataset.whole_preprocessor.summary().astype(object)
    store.put(
        "problem",
        {
            "name": dataset.name,
            "family": dataset.family,
            "n_rows": len(codes),
            "classes": [str(c) for c in classes],
            "counts": counts.tolist(),
            "mass": np.bincount(codes, dataset.weights).tolist(),
            "training_mass": dataset.training_mass.tolist(),
            "rare": classes.tolist().index(dataset.rare),  # the rarest of the whole table, not of a sample by class
            "columns": columns.where(columns.notna(), None).to_dict("records"),
            "notes": list(dataset.notes),
            "findings": [finding.as_dict() | {"text": str(finding)} for finding in shortened(dataset.findings)],
            "source": dataset.source,
            "roles": dict(dataset.roles),
            "by_time": dataset.times is not None,
            "gap": f"{dataset.gap:g}{' days' if dataset.by_date else ''}" if dataset.gap else "",
            "grouped": dataset.groups is not None,
            "weighted": dataset.weights is not None,
            "sampled_from": None if dataset.class_counts is None else dataset.n_rows,
        },
    )
    store.put("versions", versions())
    store.put("request", request)
    store.put("protocol", protocol.to_json())


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    return {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}


def going_on(store: Store, request: dict[str, Any], wish: Protocol) -> tuple[Protocol, int]:
    """Return what a folder with results runs from now on: all that is wished for, what was left out before, too.

    Results compare at equal gradient steps only, so their number stays. Fewer recipes or repeats are told from the
    results that are there; the folder stays that of all of them. The number of repeats before is returned, too.
    """
    _check_same(store, request)
    before = Protocol.from_json(store.get("protocol"))
    notes = [*wish.notes, *(note for note in before.notes if note.startswith(f"{AUTO}: "))]
    if before.share < 1:
        notes.append(
            f"{before.max_steps:,} gradient steps per network instead of {wish.max_steps:,}, as in the results that "
            "are there; for all of them choose another folder (--out)."
        )
    protocol = replace(
        wish,
        max_steps=before.max_steps,
        auto_seconds=before.auto_seconds,
        share=before.share,
        notes=tuple(notes),
    )
    store.put("request", store.get("request") | {"budget": request["budget"]})
    store.put("protocol", protocol.to_json())
    return protocol, before.n_repeats


def _check_same(store: Store, request: dict[str, Any]) -> None:
    """Refuse another comparison than that of a store, or a part of it; its time limit may differ."""
    stored = store.get("request")
    try:
        Protocol.from_json(store.get("protocol"))
        keys = dict.fromkeys([*request, *stored])
        differing = [key for key in keys if not _fits(key, stored.get(key), request.get(key))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise store.damaged(error) from error
    if differing:
        options = [_OPTIONS.get(key, key) for key in differing]
        raise ValueError(
            f"{store.path.parent} holds another comparison, which differs in {listed(options)}: "
            "choose another folder (--out) or repeat the original command, with fewer recipes or repeats if you like."
        )


def _fits(key: str, stored: Any, asked: Any) -> bool:
    if key == "recipes":
        return set(asked) <= set(stored)
    if key == "n_repeats":
        return bool(asked <= stored)
    return key == "budget" or bool(stored == asked)


def fingerprint(dataset: Dataset) -> str:
    """Return a digest of a table's columns, cells and labels, and of how it is read."""
    read_by = dataset.table_preprocessor().get_params(deep=False)
    encoder = read_by.get("text_encoder")
    read_by["text_encoder"] = getattr(encoder, "__qualname__", str(encoder))
    digest = hashlib.sha256(repr(([str(c) for c in dataset.X.columns], read_by)).encode())
    for part in (dataset.X, dataset.y):
        digest.update(pd.util.hash_pandas_object(part, index=False).to_numpy().tobytes())
    for name, values in (("groups", dataset.groups), ("times", dataset.times), ("weights", dataset.weights)):
        if values is not None:
            cells = pd.util.hash_pandas_object(pd.Series(values), index=False).to_numpy()
            digest.update(name.encode() + cells.tobytes())
    return digest.hexdigest()
