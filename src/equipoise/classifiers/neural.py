"""`NeuralClassifier`: small networks trained on imbalanced rows, as a scikit-learn classifier."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import nn

from equipoise.bilevel.autobalance import AutoBalance
from equipoise.bilevel.course import long_frame
from equipoise.classifiers.scores import SCORES
from equipoise.losses import Loss
from equipoise.samplers import resample
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble, FoundLoss, LossSearchRows, Settings, Table, Task, TrainedNetwork, fit

CLIP = 5.0  # standard deviations beyond which a standardised value says no more
LEAST_STEPS = 300  # small tables are passed over until there are as many


class NeuralClassifier(ClassifierMixin, BaseEstimator):
    """Small neural networks trained on imbalanced data, with the treatment of the imbalance as parts.

    The mean probability of ``n_members`` networks, trained at once, is the prediction. What is done
    about the imbalance is put together from independent parts: a `sampler` says which rows train, a
    `batch_transform` how a batch is formed, a `loss` or `class_weight` how an error is weighed.

    Parameters
    ----------
    sampler : imbalanced-learn sampler, default=None
        Resamples the training rows, anew for each member.
    batch_transform : callable, default=None
        ``(x, y) -> (x, soft y)`` on each batch, such as `ReMix` or `MixUp`. Labels reach it as class
        codes, 0 to K - 1.
    batch_sampler : callable, default=None
        Draws which rows form a batch, such as the class `BalancedBatchSampler`: called with the labels
        (class codes) of a member's training rows, the batch size and ``generator=``, it gives batches of
        row positions. None passes over the rows in random order.
    loss : "cross_entropy", nn.Module or callable, default="cross_entropy"
        A module called with logits ``(N, K)`` and a target, class codes or probabilities; or a callable
        that makes one from the class counts ``(K,)`` of the training rows, such as the class `VSLoss` or
        ``functools.partial(VSLoss, tau=1.2)``. Or an `AutoBalance`: a first network searches for the loss that does
        well on rows set aside, and each member trains anew on all rows with what was found for it.
    network : "mlp", "cosine_mlp", nn.Module or callable, default="mlp"
        ``"cosine_mlp"`` has logits that are 30 times the cosines between features and class weights, which
        give the margins of `LDAMLoss` their meaning. A module is a pattern: each member is a copy with weights
        drawn anew. A callable is given the shape of a row and the number of classes. Both map
        ``(B, *features)`` to logits ``(B, K)``.
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Widths of the hidden layers of the named networks, which are rectified.
    n_members : int, default=1
        Number of networks, which differ by initial weights, order of rows and resampling.
    batch_size : int, default=64
        Rows of a gradient step; all rows if there are fewer.
    max_epochs : int, default=40
        Passes over the rows given to `fit`, before any resampling, so that treatments get equal
        numbers of gradient steps; raised where that gives fewer than 300 steps.
    max_steps : int, default=None
        Gradient steps, in place of ``max_epochs``.
    learning_rate : float, default=0.003
        Peak of the schedule.
    weight_decay : float, default=0.01
    optimizer : {"adamw", "adam"}, default="adamw"
    schedule : {"one_cycle", "constant"}, default="one_cycle"
        Course of the learning rate.
    dropout : float, default=0.0
        Rate after each hidden layer of the named networks, in [0, 1).
    early_stopping : bool or str, default=False
        Hold out ``validation_fraction`` of the rows, drawn by class anew for each member, and keep the
        weights that score best on them: by ``"log_loss"`` (also True), ``"balanced_log_loss"``,
        ``"balanced_brier"``, ``"g_mean"`` or ``"macro_f1"``.
    validation_fraction : float, default=0.1
    patience : int, default=10
        Epochs without a better score before a member stops.
    gradient_tolerance : float, default=None
        Stop a member once the norm of its loss gradient over all training rows is no larger.
    max_time : float, default=None
        Seconds that `fit` may train for. A run cut short depends on the machine's speed.
    class_weight : dict, "balanced" or None, default=None
        Weights by label; ``"balanced"`` is N / (K n_k).
    standardize : bool, default=True
        Bring each feature to mean 0 and deviation 1 over the training rows and clip it to +-5.
    n_bins : int, default=None
        Put piecewise-linear codes of so many quantile bins beside each feature, see `PiecewiseLinearEncoder`; rows
        must be vectors. A sampler sees features and codes.
    dtype : {"float32", "float64"}, default="float32"
    device : str, default="auto"
        As torch names it; ``"auto"`` is CUDA where there is one, else the CPU.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    ensemble_ : FittedEnsemble
        The trained networks.
    n_steps_ : list of int
        Gradient steps that each member made.
    loss_parameters_ : dict of str to ndarray of shape (n_members, n_classes), or (n_members, n_classes, n_groups)
        With an `AutoBalance`: ``w``, ``offset`` and ``delta`` that each member trained with.
    groups_ : ndarray of shape (n_groups,) or None
        Groups, if `fit` was told of any.
    sampler_diagnostics_ : list of dict
        Diagnostics of the sampler's synthetic rows (its `diagnostics_`), one entry a resampling: one a member, two
        with an `AutoBalance`. Empty for samplers without diagnostics.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If `X` had them.

    Notes
    -----
    The loss of a batch is the sum of its weighted losses divided by its number of rows, and weights are
    brought to mean one first, so that weighing rows keeps the scale of the loss.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise import NeuralClassifier, ReMix
    >>> X, y = make_classification(500, weights=[0.9], random_state=0)
    >>> clf = NeuralClassifier(batch_transform=ReMix(alpha=0.3), n_members=4, random_state=0).fit(X, y)
    >>> clf.predict_proba(X).shape
    (500, 2)
    """

    _parameter_constraints = {
        "sampler": [None, BaseEstimator],
        "batch_transform": [None, callable],
        "batch_sampler": [None, callable],
        "loss": [StrOptions({"cross_entropy"}), callable, AutoBalance],
        "network": [StrOptions({"mlp", "cosine_mlp"}), callable],
        "hidden_layer_sizes": ["array-like"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"adamw", "adam"})],
        "schedule": [StrOptions({"one_cycle", "constant"})],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", StrOptions(set(SCORES))],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "gradient_tolerance": [None, Interval(Real, 0, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "standardize": ["boolean"],
        "n_bins": [None, Interval(Integral, 2, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64"})],
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        sampler: BaseEstimator | None = None,
        batch_transform: Callable[..., Any] | None = None,
        batch_sampler: Callable[..., Any] | None = None,
        loss: Loss | AutoBalance = "cross_entropy",
        network: str | nn.Module | Callable[..., nn.Module] = "mlp",
        hidden_layer_sizes: Sequence[int] = (256, 128),
        n_members: int = 1,
        batch_size: int = 64,
        max_epochs: int = 40,
        max_steps: int | None = None,
        learning_rate: float = 0.003,
        weight_decay: float = 0.01,
        optimizer: str = "adamw",
        schedule: str = "one_cycle",
        dropout: float = 0.0,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        patience: int = 10,
        gradient_tolerance: float | None = None,
        max_time: float | None = None,
        class_weight: dict[Any, float] | str | None = None,
        standardize: bool = True,
        n_bins: int | None = None,
        dtype: str = "float32",
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.sampler = sampler
        self.batch_transform = batch_transform
        self.batch_sampler = batch_sampler
        self.loss = loss
        self.network = network
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_members = n_members
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.schedule = schedule
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.gradient_tolerance = gradient_tolerance
        self.max_time = max_time
        self.class_weight = class_weight
        self.standardize = standardize
        self.n_bins = n_bins
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> "NeuralClassifier":
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n, *features)
        y : array-like of shape (n,)
            Labels of two or more classes.
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            Groups that a loss searched for (`AutoBalance`) tells apart; prediction does not need them.

        Returns
        -------
        NeuralClassifier
            Itself.

        Raises
        ------
        ValueError
            If rows or labels do not serve, or training diverged.
        """
        return self.adopt(fit(self.tasks(X, y, sample_weight, groups), max_time=self.max_time))

    def tasks(
        self, X: Any, y: Any, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> list[Task]:
        """Return the first half of `fit`: one training task a member, for `equipoise.training.fit`.

        Parameters are those of `fit`. Tasks of many classifiers may train in one call; `adopt` takes
        the networks back.
        """
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], allow_nd=True)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"Two classes are needed, but y holds one class only: {self.classes_.tolist()[0]!r}.")
        weights, group = self._weights(X, y, sample_weight), self._groups(groups, len(X))
        self._fit_inputs(X, sample_weight)
        if weights is not None:
            group = None if group is None else group[weights > 0]
            X, codes, weights = X[weights > 0], codes[weights > 0], weights[weights > 0]
        table = Table(self._inputs(X), codes, len(self.classes_), group)
        self.sampler_diagnostics_: list[dict[str, Any]] = []
        random_state = check_random_state(self.random_state)
        seeds = random_state.randint(np.iinfo(np.int32).max, size=self.n_members)
        settings = self._settings(table)
        return [self._task(table, weights, settings, int(seed)) for seed in seeds]

    def _groups(self, groups: ArrayLike | None, n_rows: int) -> NDArray[np.int64] | None:
        self.groups_ = None
        if groups is None:
            return None
        if not isinstance(self.loss, AutoBalance):
            raise ValueError("groups are for a loss that tells them apart, but loss is none: give loss=AutoBalance().")
        for name in ("sampler", "batch_transform"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"groups and {name}={getattr(self, name)!r} do not go together: rows that are made or mixed belong "
                    f"to no group. Leave one of them out."
                )
        labels = column_or_1d(groups)
        if len(labels) != n_rows:
            raise ValueError(f"groups must hold one group a row, but there are {len(labels)} for {n_rows} rows.")
        self.groups_, codes = np.unique(labels, return_inverse=True)
        if len(self.groups_) < 2:
            raise ValueError(f"Two groups are needed, but groups holds one only: {self.groups_.tolist()[0]!r}.")
        return codes

    def _weights(self, X: NDArray[Any], y: NDArray[Any], sample_weight: ArrayLike | None) -> NDArray[Any] | None:
        if sample_weight is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True)
        if self.class_weight is not None:
            weights *= compute_sample_weight(self.class_weight, y)
        if not weights.any():
            raise ValueError("Some sample weights must be positive, but all are zero.")
        return weights

    def _fit_inputs(self, X: NDArray[Any], sample_weight: ArrayLike | None) -> None:
        """Scale and encode alike whatever the class weights are: they are a treatment, not a property of the rows."""
        self._scaler = self._encoder = None
        if self.standardize:
            self._scaler = StandardScaler().fit(X.reshape(len(X), -1), sample_weight=sample_weight)
        if self.n_bins is not None:
            if X.ndim != 2:
                raise ValueError(
                    f"n_bins={self.n_bins!r} is for rows of numbers, but X has shape {X.shape}: flatten it, or leave "
                    f"n_bins out."
                )
            seen = X if sample_weight is None else X[np.asarray(sample_weight) > 0]
            self._encoder = PiecewiseLinearEncoder(self.n_bins).fit(self._scaled(seen))

    def _scaled(self, X: NDArray[Any]) -> NDArray[Any]:
        if self._scaler is not None:
            scaled = self._scaler.transform(X.reshape(len(X), -1)).clip(-CLIP, CLIP)
            X = scaled.reshape(X.shape)
        return X.astype(self.dtype)

    def _inputs(self, X: NDArray[Any]) -> NDArray[Any]:
        """Rows as the networks see them."""
        X = self._scaled(X)
        return X if self._encoder is None else self._encoder.transform(X)

    def _settings(self, table: Table) -> Settings:
        batch_size = min(self.batch_size, len(table))
        epoch_steps = -(-len(table) // batch_size)
        stop = "log_loss" if self.early_stopping is True else self.early_stopping
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        return Settings(
            network=self._hidden_layers(table) if isinstance(self.network, str) else self.network,
            head="cosine" if self.network == "cosine_mlp" else "linear",
            loss=self.loss,
            batch_transform=self.batch_transform,
            batch_sampler=self.batch_sampler,
            batch_size=batch_size,
            max_steps=self.planned_steps(len(table)),
            epoch_steps=epoch_steps,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            schedule=self.schedule,
            dropout=self.dropout,
            early_stopping=SCORES[stop] if stop else None,
            patience=self.patience,
            gradient_tolerance=self.gradient_tolerance,
            device=device,
            dtype=self.dtype,
        )

    def planned_steps(self, n_rows: int) -> int:
        """Return the gradient steps that each member makes on so many rows, unless it stops early."""
        epoch_steps = -(-n_rows // min(self.batch_size, n_rows))
        return self.max_steps or max(LEAST_STEPS, self.max_epochs * epoch_steps)

    def _hidden_layers(self, table: Table) -> tuple[int, ...]:
        sizes = tuple(self.hidden_layer_sizes)
        if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be integers of 1 or more, but hidden_layer_sizes={self.hidden_layer_sizes!r}."
            )
        if table.X.ndim != 2:
            raise ValueError(
                f"network={self.network!r} reads rows of numbers, but X has shape {table.X.shape}: flatten it, or "
                f"give a network."
            )
        return tuple(map(int, sizes))

    def _task(self, table: Table, weights: NDArray[Any] | None, settings: Settings, seed: int) -> Task:
        rows, held_out = np.arange(len(table)), None
        if settings.early_stopping is not None:
            rows, held_out = train_test_split(
                rows, test_size=self.validation_fraction, stratify=table.y, random_state=seed
            )
        search = None
        if isinstance(self.loss, AutoBalance):
            train, chooses = self.loss.split(table.cells()[rows], seed)
            search = LossSearchRows(rows[chooses], *self._resampled(table, rows[train], weights, seed))
        trained = self._resampled(table, rows, weights, seed)
        return Task(table, seed, settings, *trained, validation_rows=held_out, search=search)

    def _resampled(
        self, table: Table, rows: NDArray[np.int64], weights: NDArray[Any] | None, seed: int
    ) -> tuple[NDArray[np.int64], Table | None, NDArray[Any] | None]:
        """Rows as they train, those made, and a weight each."""
        made = None
        row_weights = None if weights is None else weights[rows]
        if self.sampler is not None:
            labels = self.classes_[table.y[rows]]
            drawn = resample(self.sampler, table.X[rows], labels, seed)
            self.sampler_diagnostics_ += drawn.diagnostics
            if row_weights is not None:
                row_weights = drawn.weights(row_weights, labels)
            if drawn.synthetic.any():
                made_codes = np.searchsorted(self.classes_, drawn.y[drawn.synthetic])
                made = Table(drawn.X[drawn.synthetic].astype(self.dtype), made_codes, table.n_classes)
            rows = np.where(drawn.synthetic, len(table) - 1 + drawn.synthetic.cumsum(), rows[drawn.sources])
        if row_weights is not None:
            row_weights = row_weights / row_weights.mean()
        return rows, made, row_weights

    def adopt(self, networks: Sequence[TrainedNetwork]) -> "NeuralClassifier":
        """Return the second half of `fit`: take the networks that `tasks` became.

        Parameters
        ----------
        networks : sequence of TrainedNetwork
            One a task, in the order of `tasks`.

        Returns
        -------
        NeuralClassifier
            Itself, fitted.

        Raises
        ------
        ValueError
            If training diverged.
        """
        if not all(network.is_finite() for network in networks):
            raise ValueError(
                f"Training diverged with learning_rate={self.learning_rate!r}: lower it, or see that the features "
                f"are finite and of like scale (standardize=True does that)."
            )
        self.ensemble_ = FittedEnsemble(networks, self.classes_)
        self.n_steps_ = [network.n_steps for network in networks]
        self._adopt_losses([network.found for network in networks if network.found is not None])
        return self

    def _adopt_losses(self, found: Sequence[FoundLoss]) -> None:
        for name in ("loss_parameters_", "_loss_courses"):  # of an earlier fit
            self.__dict__.pop(name, None)
        if found:
            names = found[0].parameters
            self.loss_parameters_ = {name: np.stack([each.parameters[name] for each in found]) for name in names}
            self._loss_courses = [{"step": each.steps, **each.course} for each in found]

    @property
    def loss_history_(self) -> pd.DataFrame:
        """Every parameter of the loss searched for, from its start on.

        Columns ``member``, ``step`` (of the search), ``parameter``, ``class``, ``value``; with groups also ``group``.
        `equipoise.reports.parameter_chart` draws it.
        """
        if not hasattr(self, "_loss_courses"):
            raise AttributeError("loss_history_ is there after fit with loss=AutoBalance().")
        axes = {"class": self.classes_} if self.groups_ is None else {"class": self.classes_, "group": self.groups_}
        frames = [
            long_frame(course["step"], values, axes).assign(member=member, parameter=name)
            for member, course in enumerate(self._loss_courses)
            for name, values in course.items()
            if name != "step"
        ]
        return pd.concat(frames, ignore_index=True)[["member", "step", "parameter", *axes, "value"]]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Mean probabilities of the members.

        Parameters
        ----------
        X : array-like of shape (n, *features)

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns in the order of `classes_`.
        """
        check_is_fitted(self)
        rows: Any = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], allow_nd=True)
        return self.ensemble_.predict_proba(self._inputs(rows))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Most probable label of each row.

        Parameters
        ----------
        X : array-like of shape (n, *features)

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
