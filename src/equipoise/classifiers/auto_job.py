"""`AutoJob`: members of the pool on folds and on all rows, tasks of networks, and the pool of out-of-fold answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from equipoise.classifiers import auto_folds, auto_networks
from equipoise.classifiers.auto_members import (
    BOOSTING,
    CHEAP,
    LINE,
    MOST_NUMBERS,
    N_TREES,
    ROUNDS,
    TREES,
    Member,
    Rows,
    answers,
    boosted_on,
    first_rounds,
    fit_boosting,
    fit_encoder,
    fit_line,
    fit_trees,
    importances,
    merged,
    reads_codes,
    sample_by_class,
    scales,
    some_rows,
)
from equipoise.classifiers.auto_time import Clock, Plan, affordable, affordable_steps, warn_of_little_time
from equipoise.classifiers.base import CLIP, Codes, training_device
from equipoise.classifiers.jobs import FitJob
from equipoise.containers import as_array
from equipoise.decisions.held_out import HeldOutAnswers, HeldOutRows
from equipoise.decisions.pool import LogPool
from equipoise.dependence import Dependence
from equipoise.metrics import log_loss
from equipoise.sklearn_private import check_sample_weight
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import Table, Task, TrainedNetwork
from equipoise.training.scaling import Standardizer
from equipoise.training.tally import tell

if TYPE_CHECKING:
    from equipoise.classifiers.auto import AutoClassifier

MOST_ROWS = 40_000
"""Rows that a fit trains on, at most; of more, a sample by class."""

_BOOSTED_ROWS = 3000  # more rounds of boosting are tried from here on
_MOST_TREES, _LEAST_GAIN = 800, 0.005  # of boosting; of its log loss, in share, for twice the rounds
_ROWS_AT_ONCE = 4096  # of out-of-fold predictions
_LEAST_WEIGHT = 0.05  # of a member in the pool
_BOOSTS_AT, _ON_ALL_AT, _NETWORKS_AT = 0.33, 0.5, 0.68  # about, of the time of a fit
_KEPT_NETWORKS = 2  # of a kind, to predict: they do as well as those of all folds

Weights = NDArray[np.float64]


class AutoJob(FitJob["AutoClassifier"]):
    """A prepared fit of an `AutoClassifier`; parameters as in its `fit`.

    Trees, boosting and the line are fitted here, on each fold and on all rows; networks are the tasks.

    ``answers`` holds the out-of-fold probabilities (n, n_classes) of each member, ``members`` the models of all rows,
    those without weight included; `finish` adds the networks.
    """

    def __init__(
        self,
        classifier: "AutoClassifier",
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        dependence: Dependence | None,
    ) -> None:
        draft = classifier._new_draft()
        super().__init__(classifier, draft, [])
        clock = Clock(draft.max_time)
        self._device = training_device(draft.device)
        rows, codes = draft._checked(X, y)
        self.codes = codes.astype(np.int64, copy=False)
        draft.costs()  # refuses a bad decision before the work
        dependence = auto_folds.dependence_of(groups, dependence)
        dependence.check_length(rows)
        self.weights = None
        kept = np.arange(len(rows))
        if sample_weight is not None:
            self.weights = check_sample_weight(
                as_array(sample_weight), rows, dtype=np.float64, ensure_non_negative=True
            )
            kept = np.flatnonzero(self.weights)
        self._rng = check_random_state(draft.random_state)
        draft.priors_ = self._priors(kept)
        kept = kept[sample_by_class(self.codes[kept], MOST_ROWS, self._seed())]
        whole = self._whole(kept, dependence.groups)
        plan = affordable(whole, clock, lambda n, part: self._try(rows[kept], kept, n, part))
        kept = kept[sample_by_class(self.codes[kept], plan.n_rows, self._seed())]
        plan = replace(plan, n_rows=len(kept))
        self._take_rows(rows, kept)
        draft.n_rows_ = len(kept)
        draft.encoder_ = fit_encoder(self.rows)
        dependence = dependence.take(kept)
        folds = auto_folds.split(self.codes, dependence, self._seed(), plan.n_folds)
        self.held_out = [held_out for _, held_out in folds]
        self._tested = np.sort(np.concatenate(self.held_out))
        self._trained = [np.bincount(self.codes[train], minlength=len(draft.classes_)) > 0 for train, _ in folds]
        self.answers = {name: np.empty((len(kept), len(draft.classes_))) for name in CHEAP}
        self._rounds, self._rate = first_rounds(len(draft.classes_), ROUNDS)
        of_folds = [
            self._cheap(train, f"fold {number + 1} of {len(folds)}", number / len(folds) * _BOOSTS_AT)
            for number, (train, _) in enumerate(folds)
        ]
        for members, (_, held_out) in zip(of_folds, folds, strict=True):
            for name, member in members.items():
                self.answers[name][held_out] = self._answers(member, held_out)
        if draft.max_time is None and len(kept) >= _BOOSTED_ROWS:
            self._boost_on([members[BOOSTING] for members in of_folds], folds)
        relevance = [importances(members[TREES]) for members in of_folds]
        self.members: dict[str, Any] = self._cheap(np.arange(len(kept)), "all rows", _ON_ALL_AT)
        draft.feature_importances_ = importances(self.members[TREES])
        self._used = slice(_KEPT_NETWORKS)
        if dependence.times is not None:  # networks that know the last rows, too
            self._used = slice(len(folds), None)
            folds += [(np.arange(len(kept)), np.empty(0, dtype=np.int64))] * _KEPT_NETWORKS
            relevance += [draft.feature_importances_] * _KEPT_NETWORKS
        self._add_networks(relevance, folds, plan, whole, clock)

    @property
    def encoder(self) -> PiecewiseLinearEncoder | None:
        """Codes that the line and the networks read."""
        return self._draft.encoder_

    def _seed(self) -> int:
        return int(self._rng.randint(1 << 31))

    def _priors(self, kept: Codes) -> Weights:
        weights = None if self.weights is None else self.weights[kept]
        totals = np.bincount(self.codes[kept], weights=weights, minlength=len(self._draft.classes_))
        if not (totals > 0).all():
            raise ValueError("Each class needs a row of positive weight, but all rows of a class have weight zero.")
        given = self._draft.class_priors
        if given is None:
            return totals / totals.sum()
        priors = np.asarray(given, dtype=np.float64)
        if priors.shape != totals.shape or not (priors > 0).all() or not np.isclose(priors.sum(), 1):
            raise ValueError(
                f"class_priors must hold a positive prior for each of {len(totals)} classes, sum 1, got {given!r}."
            )
        return priors

    def _whole(self, kept: Codes, groups: NDArray[Any] | None) -> Plan:
        """Return the plan without a time limit."""
        n_folds = auto_folds.most_folds(self.codes[kept], None if groups is None else groups[kept])
        n_train = len(kept) - len(kept) // n_folds
        return Plan(len(kept), n_folds, self._draft.max_steps or auto_networks.steps(n_train))

    def _take_rows(self, rows: NDArray[Any], kept: Codes) -> None:
        """Keep and scale some rows; their weights have mean 1."""
        draft, self.codes = self._draft, self.codes[kept]
        if self.weights is not None:
            self.weights = self.weights[kept] / self.weights[kept].mean()
        rows = rows[kept]
        draft.scaler_ = Standardizer.of(rows, self.weights, CLIP) if draft.standardize else None
        self.rows = draft.scaled(rows)

    def _try(self, rows: NDArray[Any], kept: Codes, n_rows: int, part: float) -> None:
        """Fit the members other than networks on a few rows, with a part of the trees, to see how long it takes."""
        codes = self.codes[kept]
        few = some_rows(codes, n_rows, 0)
        X, n_trees, usual = rows[few].astype(np.float32), *(max(1, int(part * whole)) for whole in (N_TREES, ROUNDS))
        fit_trees(X, codes[few], None, 0, n_trees)
        fit_boosting(X, codes[few], None, 0, *first_rounds(len(self._draft.classes_), usual))

    def _cheap(self, train: Codes, where: str, share: float) -> dict[str, Any]:
        """Fit the members other than networks, and tell about which share of the fit is done before."""
        tell(f"{where}: trees, boosting, line", share)
        X, codes, seed = self.rows[train], self.codes[train], self._seed()
        weights = None if self.weights is None else self.weights[train]
        few = self._few(train, self._seed())
        of_few = None if self.weights is None else self.weights[few]
        coded = self._draft.coded(self.rows[few])
        return {
            TREES: fit_trees(X, codes, weights, seed, N_TREES),
            BOOSTING: fit_boosting(X, codes, weights, seed, self._rounds, self._rate),
            LINE: fit_line(coded, self.codes[few], of_few, len(self._draft.classes_)),
        }

    def _few(self, train: Codes, seed: int) -> Codes:
        """Rows of those of a fold that a line and networks are trained on, as their codes take much memory."""
        encoder = self._draft.encoder_
        width = self.rows.shape[1] + (0 if encoder is None else len(encoder.columns_))
        return train[some_rows(self.codes[train], max(1000, MOST_NUMBERS // width), seed)]

    def _boost_on(self, boosters: list[Member], folds: list[tuple[Codes, Codes]]) -> None:
        """Double the rounds of boosting while the log loss of the first fold falls; then the others have as many."""
        found, n_classes = self.answers[BOOSTING], len(self._draft.classes_)
        held_out, first = folds[0][1], self._rounds
        loss = self._loss(found[held_out], held_out)
        while 2 * self._rounds * (1 if n_classes == 2 else n_classes) <= _MOST_TREES:
            proba = self._boosted(boosters[0], folds[0], 2 * self._rounds, "the first fold", _BOOSTS_AT)
            before, loss = loss, self._loss(proba, held_out)
            if loss > (1 - _LEAST_GAIN) * before:
                break
            self._rounds, found[held_out] = 2 * self._rounds, proba
        for number, fold in enumerate(folds[1:] if self._rounds > first else (), start=2):
            where, part = f"fold {number} of {len(folds)}", (number - 1) / len(folds)
            share = _BOOSTS_AT + part * (_ON_ALL_AT - _BOOSTS_AT)
            found[fold[1]] = self._boosted(boosters[number - 1], fold, self._rounds, where, share)

    def _boosted(
        self, booster: Member, fold: tuple[Codes, Codes], rounds: int, where: str, share: float
    ) -> NDArray[np.float64]:
        """Go on with boosting on a fold, and return what it answers on the held-out rows."""
        tell(f"{where}: {rounds} rounds of boosting", share)
        train, held_out = fold
        weights = None if self.weights is None else self.weights[train]
        return self._answers(boosted_on(booster, self.rows[train], self.codes[train], weights, rounds), held_out)

    def _loss(self, proba: NDArray[np.float64], rows: Codes) -> float:
        """Log loss of probabilities of some rows."""
        labels = np.arange(len(self._draft.classes_))
        weights = None if self.weights is None else self.weights[rows]
        return log_loss(self.codes[rows], proba, labels=labels, sample_weight=weights)

    def _answers(self, member: Member, rows: Codes) -> NDArray[np.float64]:
        draft = self._draft
        parts = [
            answers(member, draft.coded(self.rows[part]), self.rows.shape[1], len(draft.classes_))
            for part in np.array_split(rows, -(-len(rows) // _ROWS_AT_ONCE))
        ]
        return np.concatenate(parts)

    def _add_networks(
        self, relevance: list[Rows], folds: list[tuple[Codes, Codes]], plan: Plan, whole: Plan, clock: Clock
    ) -> None:
        """Add the tasks of networks, as many steps as the time left allows."""
        draft = self._draft
        self._scales = {kind.name: [scales(each, kind, draft.encoder_) for each in relevance] for kind in draft.kinds}
        tasks = []
        for number, (train, _) in enumerate(folds if plan.steps else ()):
            few = self._few(train, self._seed())
            weights = None if self.weights is None else self.weights[few] / self.weights[few].mean()
            coded = draft.coded(self.rows[few])
            for kind in draft.kinds:
                scale = self._scales[kind.name][number]
                table = Table(coded[:, : len(scale)] * scale, self.codes[few], len(draft.classes_))
                settings = auto_networks.settings(kind, len(few), plan.steps, self._device)
                tasks.append(Task(table, self._seed(), settings, weights=weights))
        steps = affordable_steps(plan.steps, clock, tasks)
        warn_of_little_time(draft.max_time, replace(plan, steps=steps), whole)
        if steps:
            self.tasks = [replace(task, settings=replace(task.settings, max_steps=steps)) for task in tasks]

    def on_steps(self, done: int, total: int) -> None:
        """Tell the steps of the networks."""
        tell(f"networks: {done:,} of {total:,} steps", _NETWORKS_AT + (1 - _NETWORKS_AT) * done / total)

    def _take(self, networks: Sequence[TrainedNetwork]) -> None:
        draft, members = self._draft, self.members
        draft.n_steps_ = [network.n_steps for network in networks]
        for number, kind in enumerate(draft.kinds if networks else ()):
            of_kind = networks[number :: len(draft.kinds)]
            found = self.answers[kind.name] = np.empty((len(self.rows), len(draft.classes_)))
            inputs = self._scales[kind.name]
            for unseen, network, scale in zip(self.held_out, of_kind, inputs):
                found[unseen] = self._answers(merged([network], [scale], len(draft.classes_)), unseen)
            members[kind.name] = merged(of_kind[self._used], inputs[self._used], len(draft.classes_))
        held_out = self._held_out_rows()
        held_out.warn(draft.classes_.tolist(), stacklevel=6)
        draft.pool_, kept = self._pool_of_few(list(members), held_out)
        draft.members_ = {name: members[name] for name in kept}
        for member in draft.members_.values():
            self._answers(member, np.arange(1))  # makes what reads the member, so that the first prediction is fast
        if not any(reads_codes(member, self.rows.shape[1]) for member in draft.members_.values()):
            draft.encoder_ = None
        out_of_fold = draft.pool_.proba(np.stack([self.answers[name][self._tested] for name in draft.members_]))
        weights = self._natural_weights()
        draft.held_out_ = HeldOutAnswers(held_out, out_of_fold, None if weights is None else weights[self._tested])

    def _pool_of_few(self, names: list[str], held_out: HeldOutRows) -> tuple[LogPool, list[str]]:
        """Fit the pool, again without members of little weight while there are some: each takes time to predict."""
        pool = self._pool(names, held_out)
        kept = [name for name, weight in zip(names, pool.weights, strict=True) if weight >= _LEAST_WEIGHT]
        if not kept:  # the pool is the class priors, whatever the members answer
            return replace(pool, weights=pool.weights[:1]), names[:1]
        return (pool, names) if kept == names else self._pool_of_few(kept, held_out)

    def _pool(self, names: list[str], held_out: HeldOutRows) -> LogPool:
        """Fit the pool on rows sampled by class, then correct its intercepts to the class priors of all rows."""
        probas = np.stack([self.answers[name] for name in names])
        seen, _ = held_out.comparable()
        if not seen.any():
            seen[:] = True
        rows = self._tested[seen]
        pool = LogPool.fit(probas[:, rows], self.codes[rows], None if self.weights is None else self.weights[rows])
        return pool.moved(np.log(self._draft.priors_ / self._sampled_priors()))

    def _sampled_priors(self) -> Weights:
        totals = np.bincount(self.codes, weights=self.weights, minlength=len(self._draft.classes_))
        return totals / totals.sum()

    def _natural_weights(self) -> Weights | None:
        """Weights of the sampled rows that give each class its prior among all rows; None if all are alike."""
        ratios = (self._draft.priors_ / self._sampled_priors())[self.codes]
        if np.allclose(ratios, 1):
            return self.weights
        return ratios if self.weights is None else ratios * self.weights

    def _held_out_rows(self) -> HeldOutRows:
        folds = np.empty(len(self.rows), dtype=np.intp)
        for fold, unseen in enumerate(self.held_out):
            folds[unseen] = fold
        return HeldOutRows(self.codes[self._tested], folds[self._tested], np.stack(self._trained))

    def _diverged(self) -> str:
        return "Training diverged: scale the features, for example with standardize=True."
