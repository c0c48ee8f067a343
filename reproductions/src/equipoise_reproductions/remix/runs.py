"""Train every method on every fold of a cell; results go to one store a cell, so that a stopped run goes on."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight

from equipoise import datasets, recipes
from equipoise.experiments import Store
from equipoise.experiments.splits import Fold
from equipoise.experiments.store import Cell
from equipoise.experiments.study import open_store
from equipoise.training import FittedEnsemble, Table, Task, TrainedNetwork, fit
from equipoise.training.cautions import MissingClassWarning
from equipoise.training.machines import n_workers
from equipoise.training.processes import side_by_side
from equipoise_reproductions.remix import protocol
from equipoise_reproductions.remix.protocol import BOOSTING, Effort, Method, Problem

OnProgress = Callable[[str, int, int], None]
Job = tuple[Problem, Sequence[Method]]


class Rows:
    """The rows of a problem: cut to its ratio, gaps filled, classes as codes.

    A gap takes the mean of its column over the whole file, as in the authors' code, which lets the training
    side see a little of the test side.

    Parameters
    ----------
    problem : Problem

    Raises
    ------
    OSError
        If the data set is not in the data home and cannot be fetched.
    """

    def __init__(self, problem: Problem) -> None:
        source = problem.source
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

    def counts(self) -> dict[str, int]:
        """Rows of each class."""
        return {str(label): int(count) for label, count in zip(self.classes, np.bincount(self.y))}

    def folds(self, n_repeats: int) -> Iterator[Fold]:
        """Yield the repeated halves, the monitoring rows taken out of the training side."""
        splitter = RepeatedStratifiedKFold(n_splits=2, n_repeats=n_repeats, random_state=protocol.CV_SEED)
        for number, (half, test) in enumerate(splitter.split(self.X, self.y)):
            train, _ = train_test_split(
                half, test_size=protocol.MONITORING_SHARE, stratify=self.y[half], random_state=protocol.MONITORING_SEED
            )
            yield Fold(number // 2, number % 2, train, test, seed=10_000 + number)

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
    source = problem.source
    n_features, n_rows = source.printed
    width, epochs = protocol.hidden_width(source, n_features), effort.epochs_of(problem, method)
    return 2 * effort.repeats_of(problem) * epochs * n_rows * width * (n_features + 2 * width)


def obtainable(problems: Iterable[Problem]) -> tuple[list[Problem], dict[str, str]]:
    """Tell the problems whose rows can be had from those that cannot: a sentence for each data set, by its title."""
    problems = list(problems)
    absent = {name for name in dict.fromkeys(p.source.dataset for p in problems) if not _can_be_had(name)}
    origins = datasets.catalogue().set_index("name")["source"]
    missing = {
        p.source.title: f"{p.source.dataset} ({origins[p.source.dataset]}) cannot be had here; "
        f"`equipoise datasets fetch {p.source.dataset}` says why."
        for p in problems
        if p.source.dataset in absent
    }
    return [p for p in problems if p.source.dataset not in absent], missing


def _can_be_had(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of each failed download
        try:
            datasets.load(name)
        except (OSError, ValueError):
            return False
    return True


def run_jobs(folder: Path, jobs: Sequence[Job], effort: Effort, on_progress: OnProgress) -> None:
    """Train methods on problems, those that are not yet stored, and tell how much of the work is done."""
    loads = [_work_left(folder, problem, methods, effort) for problem, methods in jobs]
    done, total = 0, sum(loads)
    for (problem, methods), load in zip(jobs, loads):
        if load:
            with open_store(folder, problem.name, effort) as store:
                run_networks(problem, Rows(problem), methods, effort, store, _part(on_progress, done, load, total))
        done += load


def _part(on_progress: OnProgress, done: int, load: int, total: int) -> Callable[[int, int], None]:
    """Tell the progress of one problem as a part of the progress of all."""
    return lambda steps, of_steps: on_progress("training", done + load * steps // of_steps, total)


def _work_left(folder: Path, problem: Problem, methods: Sequence[Method], effort: Effort) -> int:
    with open_store(folder, problem.name, effort) as store:
        stored = [name for name, _, _ in store.done()]
    folds = 2 * effort.repeats_of(problem)
    return sum(work(problem, m, effort) * (folds - stored.count(m.name)) // folds for m in methods)


def run_boosting_on(folder: Path, problems: Sequence[Problem], effort: Effort, on_progress: OnProgress) -> None:
    """Fit weighed histogram boosting on problems, where it is not yet stored."""
    for number, problem in enumerate(problems, start=1):
        with open_store(folder, problem.name, effort) as store:
            run_boosting(problem, effort, store)
        on_progress("alone", number, len(problems))


def run_networks(
    problem: Problem,
    rows: Rows,
    methods: Sequence[Method],
    effort: Effort,
    store: Store,
    on_steps: Callable[[int, int], None],
) -> None:
    """Train what is not yet stored: all folds of a method as one stack, stacks side by side in processes."""
    owners: list[_Training] = []
    tasks: list[Task] = []
    folds, done = list(rows.folds(effort.repeats_of(problem))), store.done()
    n_train = min(len(fold.train) for fold in folds)
    scaled = {id(fold): rows.scaled(fold) for fold in folds}
    tables = {id(f): Table(scaled[id(f)][0], rows.y[f.train], len(rows.classes)) for f in folds}
    for method in methods:
        settings = protocol.settings(problem, rows.X.shape[1], n_train, method, effort)
        for fold in folds:
            if (method.name, fold.repeat, fold.number) in done:
                continue
            weights = compute_sample_weight("balanced", rows.y[fold.train]) if method.weighted else None
            seed = fold.seed + 1_000_000 * method.seed
            tasks.append(Task(tables[id(fold)], seed, settings, weights=weights))
            owners.append(_Training(method, fold, scaled[id(fold)][1], rows))
    for fold in folds:
        store.add_fold(fold, rows.y, len(rows.classes))

    def keep(networks: dict[int, TrainedNetwork]) -> None:
        store.add([owners[number].cell(network) for number, network in networks.items()])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingClassWarning)  # that is part of what is reproduced
        fit(tasks, n_jobs=n_workers(), on_progress=on_steps, on_stack=keep)


class _Training:
    """A network in training, and where its result goes."""

    def __init__(self, method: Method, fold: Fold, X_test: NDArray[np.float32], rows: Rows) -> None:
        self.method, self.fold, self.X_test, self.rows = method, fold, X_test, rows

    def cell(self, network: TrainedNetwork) -> Cell:
        if not network.is_finite():
            return Cell(
                self.method.name,
                self.fold.repeat,
                self.fold.number,
                network.seconds,
                None,
                None,
                error="training diverged",
            )
        proba = FittedEnsemble([network], self.rows.classes).predict_proba(self.X_test)
        return _scored(self.method.name, self.fold, self.rows, proba, network.seconds)


def run_boosting(problem: Problem, effort: Effort, store: Store) -> None:
    """Fit weighed histogram boosting on the folds of a problem that are not yet stored."""
    rows, done = Rows(problem), store.done()
    folds = [f for f in rows.folds(effort.repeats_of(problem)) if (BOOSTING, f.repeat, f.number) not in done]
    for _, cell in side_by_side(_boosted, [(rows, fold) for fold in folds], n_workers()):
        if isinstance(cell, Exception):
            raise cell
        store.add([cell])


def _boosted(rows: Rows, fold: Fold) -> Cell:
    started = time.perf_counter()
    train, test = rows.scaled(fold)
    model = recipes.classifier(BOOSTING, random_state=fold.seed).fit(train, rows.y[fold.train])
    seconds = time.perf_counter() - started
    return _scored(BOOSTING, fold, rows, model.predict_proba(test), seconds)


def _scored(method: str, fold: Fold, rows: Rows, proba: NDArray[Any], seconds: float) -> Cell:
    confusion = confusion_matrix(rows.y[fold.test], proba.argmax(axis=1), labels=np.arange(len(rows.classes)))
    return Cell(method, fold.repeat, fold.number, seconds, proba.astype(np.float32), confusion)
