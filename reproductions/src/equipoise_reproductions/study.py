"""A study: arms compared on data sets, one store a set; whatever is stored is not run again."""

import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise import recipes
from equipoise.datasets import Dataset
from equipoise.experiments.arms import Arm
from equipoise.experiments.begun import versions
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import Splits, StratifiedFolds
from equipoise.experiments.store import Store
from equipoise.progress import OnProgress


@dataclass(frozen=True)
class Effort:
    """How much is run.

    Attributes
    ----------
    n_folds, n_repeats : int
        Of the folds, and how often they are drawn.
    n_members, most_steps : int
        Networks that an arm averages over, and gradient steps of each, at most.
    most_rows, most_rows_repeated : int
        Of a set that is run, and of one whose folds are drawn more than once.
    most_sets : int or None
        The smallest sets only.
    """

    n_folds: int = 5
    n_members: int = 4
    most_rows: int = 1_000_000
    most_steps: int = 1_000_000
    n_repeats: int = 1
    most_rows_repeated: int = 5000
    most_sets: int | None = None

    def protocol(self, n_rows: int) -> Protocol:
        """Return the folds, members and gradient steps of a set of so many rows, the same for all arms."""
        steps = min(self.most_steps, recipes.classifier("none").planned_steps(n_rows - n_rows // self.n_folds))
        n_repeats = self.n_repeats if n_rows <= self.most_rows_repeated else 1
        return Protocol((), self.n_folds, n_repeats, self.n_members, steps, random_state=0)


class Limits(NamedTuple):
    """What an arm is run on at most, where its cost forbids more."""

    rows: float = math.inf  # of a set
    cells: float = math.inf  # rows times columns of a set
    repeats: float = math.inf

    def allow(self, dataset: Dataset, repeat: int) -> bool:
        """Whether an arm is run on a set in a repeat, counted from 0."""
        return len(dataset.y) <= self.rows and dataset.X.size <= self.cells and repeat < self.repeats


@dataclass(frozen=True)
class Study:
    """What is compared on what.

    Attributes
    ----------
    sets : mapping of str to callable
        Data sets by name; each loads one, and raises OSError or ValueError where it cannot be had.
    arms : sequence of Arm
    effort : Effort
    families : mapping of str to str
        The source that each set was cut from, where it is not the set itself: a source counts once.
    splits : callable
        ``(n_folds) -> Splits``, by default folds that keep the class shares and the groups of rows.
    limits : mapping of str to Limits
        Of arms by their names.
    stacked : bool
        False where the time of each fit matters, see `run_cells`.
    """

    sets: Mapping[str, Callable[[], Dataset]]
    arms: Sequence[Arm]
    effort: Effort
    families: Mapping[str, str] | None = None
    splits: Callable[[int], Splits] = StratifiedFolds
    limits: Mapping[str, Limits] = field(default_factory=dict)
    stacked: bool = True

    def run(self, folder: Path, on_progress: OnProgress = lambda kind, done, total: None) -> list[str]:
        """Run what is not yet stored, the smallest sets first; return the names of those that cannot be had.

        Parameters
        ----------
        folder : Path
            For a store a set; read it with `equipoise.experiments.results`.
        on_progress : callable, optional
            Called with "sets", how many are finished and how many there are.

        Raises
        ------
        FileNotFoundError
            If no set can be had.
        ValueError
            If the folder holds results of another effort.
        """
        found, missing = obtainable(self.sets)
        found = [(name, dataset) for name, dataset in found if len(dataset.y) <= self.effort.most_rows]
        found = found[: self.effort.most_sets]
        for number, (name, dataset) in enumerate(found, start=1):
            with open_store(folder, name, self.effort) as store:
                self._run_set(name, dataset, store)
            on_progress("sets", number, len(found))
        return missing

    def _run_set(self, name: str, dataset: Dataset, store: Store) -> None:
        codes = describe_set(store, name, dataset, (self.families or {}).get(name, name))
        protocol, free = self.effort.protocol(len(codes)), Limits()
        wanted = [
            (arm, fold)
            for repeat in range(protocol.n_repeats)
            for fold in self.splits(protocol.n_folds).folds(dataset, codes, repeat)
            for arm in self.arms
            if self.limits.get(arm.name, free).allow(dataset, repeat)
        ]
        prepare = partial(PreparedFold.of, dataset, codes, native=any(arm.native for arm in self.arms))
        run_cells(wanted, prepare, protocol, store, stacked=self.stacked)


def describe_set(store: Store, name: str, dataset: Dataset, family: str) -> NDArray[np.int64]:
    """Keep in a store what its set is, and return the class of each row as a code from 0."""
    classes, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
    counts = np.bincount(codes)
    store.put(
        "problem",
        {
            "name": name,
            "family": family,
            "n_rows": len(codes),
            "n_columns": dataset.X.shape[1],
            "classes": [str(label) for label in classes],
            "counts": counts.tolist(),
            "rare": int(counts.argmin()),
        },
    )
    return codes


@contextmanager
def open_store(folder: Path, name: str, effort: Any) -> Iterator[Store]:
    """Open the store of a data set, made if need be, for one effort only.

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
    with Store(folder / f"{name}.sqlite") as store:
        stored, request = store.get("effort"), asdict(effort)
        if stored is None:
            store.put("versions", versions())
            store.put("effort", request)
        elif stored != request:
            raise ValueError(
                f"{folder} holds results of another effort ({json.dumps(stored)}, now {json.dumps(request)}): "
                f"choose another --out, or give --quick as before."
            )
        yield store


def obtainable(loaders: Mapping[str, Callable[[], Dataset]]) -> tuple[list[tuple[str, Dataset]], list[str]]:
    """Load the data sets that can be had, the smallest first, and name the others.

    Raises
    ------
    FileNotFoundError
        If there is none; of a single one, its own error where it names the file.
    """
    loaded = {name: _loaded(load) for name, load in loaders.items()}
    found = [(name, dataset) for name, dataset in loaded.items() if isinstance(dataset, Dataset)]
    errors = {name: error for name, error in loaded.items() if isinstance(error, Exception)}
    if len(loaders) == 1 and isinstance(error := next(iter(loaded.values())), FileNotFoundError):
        raise error
    check_found(found)
    return sorted(found, key=lambda pair: pair[1].X.size), list(errors)


def check_found(found: Sequence[Any]) -> None:
    """Refuse to run without any data set, with a FileNotFoundError."""
    if not found:
        raise FileNotFoundError(
            "None of the data sets is available: connect to the internet, or name the folder that holds them in "
            "the environment variable EQUIPOISE_DATA_HOME."
        )


def can_be_had(load: Callable[[], Dataset]) -> bool:
    """Whether a data set can be loaded."""
    return isinstance(_loaded(load), Dataset)


def _loaded(load: Callable[[], Dataset]) -> Dataset | OSError | ValueError:
    """Load a data set, or return why it cannot be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each failed download
        try:
            return load()
        except (OSError, ValueError) as error:
            return error
