"""How recipes are compared: the same folds, network, gradient steps and seeds for all of them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold


@dataclass(frozen=True)
class Protocol:
    """What a comparison runs.

    Attributes
    ----------
    recipes : tuple of str
    n_folds, n_repeats : int
        Repeated stratified k-fold cross-validation.
    n_members : int
        Networks a neural recipe averages over.
    max_steps : int
        Gradient steps of each network, the same for all neural recipes.
    random_state : int
    notes : tuple of str
        Sentences on what was cut or changed, and why.
    decision : str
        What the recipe ``auto`` decides for: "balanced", "macro_f1" or "natural".
    auto_steps : int or None
        Gradient steps of the longest networks of the recipe ``auto``, which has a schedule of its own; None leaves it
        as it is.
    """

    recipes: tuple[str, ...]
    n_folds: int
    n_repeats: int
    n_members: int
    max_steps: int
    random_state: int
    notes: tuple[str, ...] = ()
    decision: str = "balanced"
    auto_steps: int | None = None

    def to_json(self) -> str:
        """Write the protocol as json."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Protocol":
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "recipes": tuple(values["recipes"]), "notes": tuple(values["notes"])})


@dataclass(frozen=True, eq=False)
class Fold:
    """One split into training and test rows.

    Attributes
    ----------
    repeat, number : int
        Which repeat, and which fold of it, from 0.
    train, test : ndarray of int
        Row numbers.
    seed : int
        Seed of every classifier trained on this fold, whatever its recipe.
    """

    repeat: int
    number: int
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int


def split(codes: NDArray[np.int64], groups: NDArray[Any] | None, protocol: Protocol, repeat: int) -> Iterator[Fold]:
    """Yield the folds of one repeat: stratified by class, groups of rows kept together."""
    seed = int(np.random.SeedSequence([protocol.random_state, repeat]).generate_state(1)[0] >> 1)
    splitter = StratifiedKFold if groups is None else StratifiedGroupKFold
    folds = splitter(n_splits=protocol.n_folds, shuffle=True, random_state=seed).split(codes, codes, groups)
    for number, (train, test) in enumerate(folds):
        yield Fold(repeat, number, train, test, seed + number)


def feasible_folds(counts: NDArray[np.int64], wanted: int) -> tuple[int, list[str]]:
    """Return how many folds the rarest class allows, each with a row of it to test on, and what to say of it.

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Rows of each class.
    wanted : int

    Raises
    ------
    ValueError
        If a class has fewer than two rows.
    """
    rarest = int(counts.min())
    if rarest < 2:
        raise ValueError(f"Each class needs two rows at least, one to train and one to test on, but one has {rarest}.")
    folds = min(wanted, rarest)
    notes = []
    if folds < wanted:
        notes.append(f"{folds} folds instead of {wanted}: the rarest class has only {rarest} rows.")
    if rarest / folds < 10:
        notes.append(
            f"The rarest class has {rarest} rows, about {rarest / folds:.0f} a test fold: "
            f"with fewer than 10, scores at a threshold move in large steps."
        )
    return folds, notes
