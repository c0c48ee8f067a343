"""`NeuralClassifier`: small networks trained on imbalanced rows, as a scikit-learn classifier."""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from torch import nn

from equipoise.bilevel.history import long_frame
from equipoise.classifiers.base import LEAST_STEPS, NetworkClassifier
from equipoise.classifiers.jobs import FitJob
from equipoise.classifiers.neural_job import NeuralJob, holds_bytes
from equipoise.classifiers.scores import SCORES
from equipoise.describing import has_trait, name_of
from equipoise.losses import Loss
from equipoise.sklearn_private import HasMethods, Interval, StrOptions, fit_context
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble, OuterProblem, fit
from equipoise.training.scaling import Standardizer


class NeuralClassifier(NetworkClassifier):
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
    scaler_ : Standardizer or None
        Moments of the features, if ``standardize``.
    encoder_ : PiecewiseLinearEncoder or None
        Codes of the standardised features, if ``n_bins``.
    n_steps_ : list of int
        Gradient steps that each member made.
    loss_parameters_ : dict of str to ndarray of shape (n_members, n_classes), or (n_members, n_classes, n_groups)
        With an `AutoBalance`: ``w``, ``offset`` and ``delta`` that each member trained with.
    reads_integers_ : bool
        Whether a network of one's own read the rows as integers.
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

    fit_only: ClassVar = ("sampler", "batch_transform", "batch_sampler", "loss")
    ensemble_: FittedEnsemble
    scaler_: Standardizer | None
    encoder_: PiecewiseLinearEncoder | None
    reads_integers_: bool
    groups_: NDArray[Any] | None
    sampler_diagnostics_: list[dict[str, Any]]
    n_steps_: list[int]
    loss_parameters_: dict[str, NDArray[np.float64]]
    loss_histories_: list[dict[str, NDArray[Any]]]

    _allow_nd = True
    _dtypes = (np.float64, np.float32, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64)
    _parameter_constraints = {
        "sampler": [None, BaseEstimator],
        "batch_transform": [None, callable],
        "batch_sampler": [None, callable],
        "loss": [StrOptions({"cross_entropy"}), callable, HasMethods(["split", "drive", "losses"])],
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
        loss: Loss | OuterProblem = "cross_entropy",
        network: str | nn.Module | Callable[..., nn.Module] = "mlp",
        hidden_layer_sizes: Sequence[int] = (256, 128),
        n_members: int = 1,
        batch_size: int = 64,
        max_epochs: int = 40,
        max_steps: int | None = None,
        learning_rate: float = 0.003,
        weight_decay: float = 0.01,
        optimizer: Literal["adamw", "adam"] = "adamw",
        schedule: Literal["one_cycle", "constant"] = "one_cycle",
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

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
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
        job = self.prepare(X, y, sample_weight, groups)
        return job.finish(fit(job.tasks, max_time=self.max_time))

    @fit_context(prefer_skip_nested_validation=True)
    def prepare(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> FitJob[Self]:
        """Return the first half of `fit`: a job with one training task a member, whose `finish` is the second half.

        Parameters are those of `fit`. The tasks of many jobs may train in one call of `equipoise.training.fit`.

        Returns
        -------
        FitJob

        Examples
        --------
        >>> from sklearn.datasets import make_classification
        >>> from equipoise import NeuralClassifier
        >>> from equipoise.training import fit
        >>> X, y = make_classification(random_state=0)
        >>> jobs = [NeuralClassifier(n_members=2, max_steps=20, random_state=seed).prepare(X, y) for seed in range(3)]
        >>> networks = fit([task for job in jobs for task in job.tasks])
        >>> [job.finish(networks[2 * i : 2 * i + 2]).predict(X).shape for i, job in enumerate(jobs)]
        [(100,), (100,), (100,)]
        """
        return NeuralJob(self, X, y, sample_weight, groups)

    def planned_steps(self, n_rows: int) -> int:
        """Return the gradient steps that each member makes on so many rows, unless it stops early."""
        epoch_steps = -(-n_rows // min(self.batch_size, n_rows))
        return self.max_steps or max(LEAST_STEPS, self.max_epochs * epoch_steps)

    @property
    def loss_history_(self) -> pd.DataFrame:
        """Every parameter of the loss searched for, from its start on.

        Columns ``member``, ``step`` (of the search), ``parameter``, ``class``, ``value``; with groups also ``group``.
        `equipoise.reports.parameter_chart` draws it.
        """
        if not hasattr(self, "loss_histories_"):
            raise AttributeError("loss_history_ is there after fit with loss=AutoBalance().")
        axes = {"class": self.classes_} if self.groups_ is None else {"class": self.classes_, "group": self.groups_}
        frames = [
            long_frame(history["step"], values, axes).assign(member=member, parameter=name)
            for member, history in enumerate(self.loss_histories_)
            for name, values in history.items()
            if name != "step"
        ]
        return pd.concat(frames, ignore_index=True)[["member", "step", "parameter", *axes, "value"]]

    def inputs(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return checked rows as the networks read them: standardised, with codes beside them."""
        X = X if self.scaler_ is None else self.scaler_.transform(X)
        X = X.astype(self.dtype, copy=False)
        return X if self.encoder_ is None else self.encoder_.encode(X)

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        if self.reads_integers_:
            whole = rows.astype(np.int64)
            if not np.array_equal(whole, rows):
                raise ValueError("The network was trained on integers, but X holds other numbers: give integers.")
            return self.ensemble_.predict_proba(whole)
        if holds_bytes(rows):
            return self.ensemble_.predict_proba(self.ensemble_.from_bytes(rows, self.scaler_))
        return self.ensemble_.predict_proba(self.inputs(rows))

    def _balancing(self) -> tuple[str, ...]:
        rows = () if self.sampler is None else (self.sampler,)
        batches = tuple(part for part in (self.batch_transform, self.batch_sampler) if has_trait(part, "balances"))
        errors = () if isinstance(self.loss, str) else (self.loss,)
        return tuple(map(name_of, (*rows, *batches, *errors)))
