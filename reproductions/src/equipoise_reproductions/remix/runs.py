"""Train every method on every fold of a cell; results go to one store a cell, so that a stopped run goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

from equipoise import datasets, recipes
from equipoise.experiments import Arm, Store
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.progress import OnProgress
from equipoise.training import Settings
from equipoise_reproductions.networks import AS_SET, Network
from equipoise_reproductions.remix import protocol
from equipoise_reproductions.remix.protocol import BOOSTED, Effort, Method, Problem
from equipoise_reproductions.study import can_be_had, open_store

Job = tuple[Problem, Sequence[Method]]


class Rows:
    """The rows of a problem: cut to its ratio, gaps filled, classes as codes; OSError if they cannot be had.

    A gap takes the mean of its column over the whole file, as in the authors' code, which lets the training
    side see a little of the test side.
    """

    problem: Problem

    def __init__(self, problem: Problem) -> None:
        self.problem, source = problem, problem.source
        data = datasets.load(source.dataset)
        X, y = datasets.make_imbalance(
            data.X,
            data.y.astype(str),
            problem.ratio,
            minority=list(source.minority),
            rest="keep" if source.multiclass else "merge",
            random_state=protocol.CV_SEED,
        )
        self.n_before = len(data.y)
        self.X: NDArray[np.float64] = X.fillna(data.X.mean()).to_numpy(dtype=np.float64)
        self.classes, self.y = np.unique(y.to_numpy(), return_inverse=True)

    @property
    def n_features(self) -> int:
        """Inputs of the networks."""
        return self.X.shape[1]

    def counts(self) -> dict[str, int]:
        """Rows of each class."""
        return {str(label): int(count) for label, count in zip(self.classes, np.bincount(self.y))}

    def folds(self, n_repeats: int) -> Iterator[Fold]:
        """Yield the repeated halves, the monitoring rows taken out of the training side."""
        splitter = RepeatedStratifiedKFold(n_splits=2, n_repeats=n_repeats, random_state=protocol.CV_SEED)
        for number, (half, test) in enumerate(splitter.split(self.y, self.y)):
            train, _ = train_test_split(
                half, test_size=protocol.MONITORING_SHARE, stratify=self.y[half], random_state=protocol.MONITORING_SEED
            )
            yield Fold(number // 2, number % 2, train, test, seed=10_000 + number)

    def prepared(self, fold: Fold) -> PreparedFold:
        """Return a fold as its networks see it."""
        X_train, X_test = self.scaled(fold)
        return PreparedFold(fold, X_train, X_test, self.y[fold.train], self.y[fold.test], len(self.classes))

    def settings(self, n_rows: int, method: Method, effort: Effort) -> Settings:
        """How a method's networks are trained on ``n_rows`` training rows."""
        return protocol.settings(self.problem, self.n_features, n_rows, method, effort)

    def scaled(self, fold: Fold) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Standardise by the training half, monitoring rows too, and clip: training and test rows."""
        half = np.setdiff1d(np.arange(len(self.y)), fold.test)
        scaler = StandardScaler().fit(self.X[half])
        train, test = (
            scaler.transform(self.X[rows]).clip(-protocol.CLIP, protocol.CLIP).astype(np.float32)
            for rows in (fold.train, fold.test)
        )
        return train, test


def work(problem: Problem, method: Method, effort: Effort) -> int:
    """Multiplications of training a method on all folds of a problem, about: what its time follows."""
    if method is BOOSTED:
        return 2 * effort.repeats_of(problem)
    epochs, (_, n_rows) = effort.epochs_of(problem, method), problem.source.printed
    return int(2 * effort.repeats_of(problem) * epochs * n_rows * problem.products)


def obtainable(problems: Iterable[Problem]) -> tuple[list[Problem], dict[str, str]]:
    """Tell the problems whose rows can be had from those that cannot: a sentence for each data set, by its title."""
    problems = list(problems)
    names = dict.fromkeys(p.source.dataset for p in problems)
    absent = {name for name in names if not can_be_had(partial(datasets.load, name))}
    origins = datasets.catalogue().set_index("name")["source"]
    missing = {
        p.source.title: f"{p.source.dataset} ({origins[p.source.dataset]}) cannot be had here; "
        f"`equipoise datasets fetch {p.source.dataset}` says why."
        for p in problems
        if p.source.dataset in absent
    }
    return [p for p in problems if p.source.dataset not in absent], missing


def run_jobs(
    folder: Path,
    jobs: Sequence[Job],
    effort: Effort,
    on_progress: OnProgress,
    read: Callable[[Any], Rows] = Rows,
) -> None:
    """Train methods on problems, those that are not yet stored, and tell how much of the work is done."""
    loads = [_work_left(folder, problem, methods, effort) for problem, methods in jobs]
    done, total = 0, sum(loads)
    for (problem, methods), load in zip(jobs, loads):
        if load:
            with open_store(folder, problem.name, effort) as store:
                part = partial(_part, on_progress, done, load, total)
                run_problem(problem, methods, effort, store, part, read)
        done += load


def _part(on_progress: OnProgress, before: int, load: int, total: int, kind: str, done: int, of_all: int) -> None:
    """Report the training of one problem as a part of that of all."""
    if kind == "training":
        on_progress("training", before + load * done // of_all, total)


def _work_left(folder: Path, problem: Problem, methods: Sequence[Method], effort: Effort) -> int:
    with open_store(folder, problem.name, effort) as store:
        stored = [name for name, _, _ in store.done()]
    folds = 2 * effort.repeats_of(problem)
    return sum(work(problem, m, effort) * (folds - stored.count(m.name)) // folds for m in methods)


def run_problem(
    problem: Problem,
    methods: Sequence[Method],
    effort: Effort,
    store: Store,
    on_progress: OnProgress,
    read: Callable[[Any], Rows] = Rows,
) -> None:
    """Train what is not yet stored of a problem: all folds of a method as one stack, stacks side by side."""
    rows = read(problem)
    folds = list(rows.folds(effort.repeats_of(problem)))
    n_train = min(len(fold.train) for fold in folds)
    arms = []
    for method in methods:
        settings = rows.settings(n_train, method, effort)
        make = _boosting if method is BOOSTED else partial(_network, method, settings)
        arms.append(Arm(method.name, method.title, make))
    run_cells([(arm, fold) for arm in arms for fold in folds], rows.prepared, AS_SET, store, on_progress)


def _network(method: Method, settings: Settings, fold: PreparedFold, _: object) -> Network:
    seed = fold.fold.seed + 1_000_000 * method.seed
    return Network(settings, seed, weigh=partial(compute_sample_weight, "balanced") if method.weighted else None)


def _boosting(fold: PreparedFold, _: object) -> ClassifierMixin:
    return recipes.classifier(BOOSTED.name, random_state=fold.fold.seed)
