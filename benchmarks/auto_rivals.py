"""Boosting with the care that `AutoClassifier` gives its pool: calibrated on out-of-fold answers, and pooled."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from equipoise.decisions import decide
from equipoise.decisions.calibration import fit_calibration
from equipoise.decisions.held_out import HeldOutRows
from equipoise.decisions.pool import LogPool
from equipoise.dependence import Dependence
from equipoise.experiments.prepared import PreparedFold
from equipoise_reproductions.auto_suite.references import BOOSTING, boosting

Answers = NDArray[np.float64]

POOL = "pool of three"
_POOLED = ("lightgbm", "xgboost", "catboost")
_FOLDS = 3


def fitted(fold: PreparedFold) -> dict[str, Any]:
    """Fit each library to the training side and to three folds of it.

    Returns what `calibrated` does for each, and the log pool of three libraries.
    """
    found, answers, rows = calibrated(fold, {name: boosting(name, random_state=fold.fold.seed) for name in BOOSTING})
    cpu, predict = (sum(found[f"{name}+calibrated|{what}"] for name in _POOLED) for what in ("cpu", "predict"))
    of_test, of_train = (np.stack([answers[name][side] for name in _POOLED]) for side in (0, 1))
    pool = LogPool.fit(of_train, rows.codes)
    pooled = pool.proba(of_test)
    return found | _kept(POOL, pooled, _decided(rows, pooled, pool.proba(of_train)), cpu, predict)


def of_networks(fold: PreparedFold) -> dict[str, Any]:
    """Fit RealMLP-TD (Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024) by pytabkit, as `calibrated` does."""
    from pytabkit import RealMLP_TD_Classifier  # no requirement of ours

    settings = {"val_metric_name": "cross_entropy", "use_ls": False, "device": "cpu", "n_threads": 1}
    return calibrated(fold, {"realmlp": RealMLP_TD_Classifier(random_state=fold.fold.seed, **settings)})[0]


def calibrated(
    fold: PreparedFold, models: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, tuple[Answers, Answers]], HeldOutRows]:
    """Fit models to the training side and to three folds of it.

    Returns probabilities on the test side by method: a model plain, ``+calibrated`` (one exponent and class
    intercepts of the lowest log loss on out-of-fold answers), ``+mean`` (of the four fits). For each also its labels
    for macro F1 (by offsets tuned on out-of-fold answers, if it has any), the CPU seconds of its fits and those of
    10,000 predictions. Then the plain probabilities on the test side and out of fold by model, and the rows of these.
    """
    n_classes = len(fold.counts)
    folds = Dependence(fold.groups).folds(fold.y_train, _FOLDS, fold.fold.seed)
    rows = _held_out(fold, folds)
    answers: dict[str, tuple[Answers, Answers]] = {}
    found: dict[str, Any] = {"y": fold.y_test, "counts": fold.counts}
    for name, model in models.items():
        started = time.process_time()
        whole = clone(model).fit(fold.X_train, fold.y_train)
        cpu, started = time.process_time() - started, time.process_time()
        proba = _proba(whole, fold.X_test, n_classes)
        predict, started = (time.process_time() - started) / len(proba) * 1e4, time.process_time()
        parts = [clone(model).fit(fold.X_train[train], fold.y_train[train]) for train, _ in folds]
        all_fits = cpu + time.process_time() - started
        unseen = [_proba(part, fold.X_train[out], n_classes) for part, (_, out) in zip(parts, folds, strict=True)]
        answers[name] = proba, np.concatenate(unseen)
        calibration = fit_calibration(rows.codes, answers[name][1])
        both = [calibration.apply(each) for each in answers[name]]
        mean = np.mean([proba, *(_proba(part, fold.X_test, n_classes) for part in parts)], axis=0)
        found |= _kept(name, proba, proba.argmax(axis=1), cpu, predict)
        found |= _kept(f"{name}+mean", mean, mean.argmax(axis=1), all_fits, predict * (1 + len(parts)))
        found |= _kept(f"{name}+calibrated", both[0], _decided(rows, *both), all_fits, predict)
    return found, answers, rows


def _held_out(fold: PreparedFold, folds: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> HeldOutRows:
    numbers = np.repeat(np.arange(len(folds)), [len(rows) for _, rows in folds])
    trained = np.stack([np.bincount(fold.y_train[train], minlength=len(fold.counts)) > 0 for train, _ in folds])
    return HeldOutRows(fold.y_train[np.concatenate([rows for _, rows in folds])], numbers, trained)


def _proba(model: Any, X: NDArray[Any], n_classes: int) -> Answers:
    """Probabilities of all classes; those that the model has not seen get none."""
    proba = np.zeros((len(X), n_classes))
    proba[:, np.asarray(model.classes_).astype(int)] = model.predict_proba(X)
    return proba


def _decided(rows: HeldOutRows, proba: Answers, unseen: Answers) -> NDArray[np.int64]:
    return decide(proba, rows.tune(unseen, np.arange(unseen.shape[1]), metric="macro_f1"))


def _kept(name: str, proba: Answers, decided: NDArray[np.int64], cpu: float, predict: float) -> dict[str, Any]:
    return {f"{name}|q": proba, f"{name}|f1": decided, f"{name}|cpu": cpu, f"{name}|predict": predict}
