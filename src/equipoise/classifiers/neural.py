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
from equipoise.classifiers.all_rows import fit_open_table
from equipoise.classifiers.base import LEAST_STEPS
from equipoise.classifiers.jobs import JobClassifier
from equipoise.classifiers.neural_job import NeuralJob, holds_bytes
from equipoise.classifiers.scores import SCORES
from equipoise.classifiers.views import VIEWS, views
from equipoise.datasets.opened import OpenTable
from equipoise.dependence import Dependence
from equipoise.describing import has_trait, name_of
from equipoise.losses import Loss
from equipoise.networks.images import network_names
from equipoise.sklearn_private import HasMethods, Interval, Options, StrOptions
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble, OuterProblem
from equipoise.training.scaling import Standardizer


class NeuralClassifier(JobClassifier):
    """Small neural networks trained on imbalanced data, with interchangeable treatments of the imbalance.

    The prediction is the mean probability of ``n_members`` networks, trained at once. Treatments are independent
    parts: a `sampler` gives the training rows, a `batch_transform` or `batch_sampler` forms the batches, a `loss` or
    `class_weight` weighs the errors.

    Parameters
    ----------
    sampler : imbalanced-learn sampler, default=None
        Resamples the training rows, separately for each member.
    batch_transform : callable, default=None
        ``(x, y) -> (x, soft y)`` on each batch, such as `ReMix` or `MixUp`. Labels are class codes, 0 to
        K - 1.
    batch_sampler : callable, default=None
        Forms the batches, such as the class `BalancedBatchSampler`: called with the labels (class codes) of a member's
        training rows, the batch size and ``generator=``, it yields batches of row positions. By default all rows in
        random order.
    loss : "cross_entropy", nn.Module or callable, default="cross_entropy"
        Module called with logits ``(N, K)`` and a target of class codes or probabilities, or a callable that makes one
        from the class counts ``(K,)`` of the training rows, such as the class `VSLoss` or
        ``functools.partial(VSLoss, tau=1.2)``. With an `AutoBalance`, a first network searches for the best loss on
        held-out rows, and each member is then trained on all rows with its loss.
    network : str, nn.Module or callable, default="mlp"
        ``"mlp"`` and ``"cosine_mlp"`` read vectors; ``"fast_cnn"``, ``"faster_cnn"``, ``"resnet32"`` and
        ``"small_cnn"``, each perhaps with ``cosine_`` before it, read images ``(channels, height, width)``.
        Names with ``cosine_`` have logits of 30 times the cosines between features and class weights, as the margins of
        `LDAMLoss` need. A module is a template, see ``init``. A callable takes the shape of a row and the number of
        classes. Both map ``(B, *features)`` to logits ``(B, K)``.
    init : {"fresh", "keep"}, default="fresh"
        Whether each member is a copy of the module with newly drawn weights, or with the weights that it has, as for a
        pretrained network.
    hidden_layer_sizes : sequence of int, default=(256, 128)
        Widths of the rectified hidden layers of the named networks.
    n_members : int, default=1
        Number of networks; they differ in initial weights, order of rows and resampling.
    batch_size : int, default=64
        Most rows of a gradient step.
    max_epochs : int, default=40
        Passes over the rows given to `fit`, before resampling, so that all treatments make the same number of gradient
        steps; at least 300 steps.
    max_steps : int, default=None
        Gradient steps; overrides ``max_epochs``.
    learning_rate : float, default=0.003
        Peak learning rate.
    weight_decay : float, default=0.01
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        ``"sgd"`` has Nesterov's momentum.
    momentum : float, default=0.9
        Of ``"sgd"``.
    max_gradient_norm : float, default=None
        Norm beyond which the gradient of a member is scaled down.
    schedule : {"one_cycle", "constant", "cosine", "step", "triangle"}, default="one_cycle"
        Schedule of the learning rate, see ``equipoise.training.schedules.learning_rate``.
    label_smoothing : float, default=0.0
        Weight of the class priors in the target of each row, in [0, 1). Where batches are balanced, priors are equal.
    weight_averaging : float, default=0.0
        Share of the run over which an exponential average of the weights reaches back, which then are those of the
        network; 0 keeps the last weights.
    precision : {"float32", "bfloat16", "auto"}, default="float32"
        Of the products of a custom or image network in training; ``"auto"`` is bfloat16 for convolutions where the
        processor gains by it.
    views : {1, 2, 6}, default=1
        Views of an image whose mean probability is the prediction: 2 are the image and its mirror image, 6 also both of
        them shifted by a pixel along either diagonal. A prediction takes as many times as long.
    dropout : float, default=0.0
        Dropout rate after each hidden layer of the named networks, in [0, 1).
    early_stopping : bool or str, default=False
        Hold out ``validation_fraction`` of the rows, stratified by class, for each member, and keep the weights with
        the best score on them: ``"log_loss"`` (also True), ``"balanced_log_loss"``, ``"balanced_brier"``, ``"g_mean"``
        or ``"macro_f1"``.
    validation_fraction : float, default=0.1
    patience : int, default=10
        Epochs without improvement before a member stops.
    gradient_tolerance : float, default=None
        Stop a member once the norm of its loss gradient over all training rows is at most this.
    max_time : float, default=None
        Time limit of `fit` in seconds. Results under a limit depend on the machine's speed.
    class_weight : dict, "balanced" or None, default=None
        Weights by label; ``"balanced"`` is N / (K n_k).
    standardize : bool, default=True
        Standardise each feature by the training rows and clip it to +-5.
    n_bins : int, default=None
        Number of quantile bins for piecewise-linear codes of each feature, see `PiecewiseLinearEncoder`. Networks and
        samplers then read features and codes; rows must be vectors.
    dtype : {"float32", "float64"}, default="float32"
    device : str, default="auto"
        Torch device; ``"auto"`` uses CUDA if available, else the CPU.
    random_state : int, RandomState or None, default=None
        Random seed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    ensemble_ : FittedEnsemble
        The trained networks.
    scaler_ : Standardizer or None
        Means and scales of the features, if ``standardize``.
    encoder_ : PiecewiseLinearEncoder or None
        Codes of the standardised features, if ``n_bins``.
    n_steps_ : list of int
        Gradient steps of each member.
    loss_parameters_ : dict of str to ndarray of shape (n_members, n_classes), or (n_members, n_classes, n_groups)
        With an `AutoBalance`: ``w``, ``offset`` and ``delta`` of each member.
    input_shape_ : tuple of int
        Shape of a row.
    reads_bytes_, unit_range_ : bool
        Whether images were bytes, and whether no pixel exceeded 1.
    reads_integers_ : bool
        Whether a custom network reads the rows as integers.
    groups_ : ndarray of shape (n_groups,) or None
        Groups given to `fit`.
    sampler_diagnostics_ : list of dict
        Diagnostics of synthetic rows (`diagnostics_` of the sampler), one entry a resampling: one a member, two with
        an `AutoBalance`. Empty for samplers without diagnostics.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If `X` has column names.

    Notes
    -----
    Row weights are scaled to mean one, and the loss of a batch is the sum of its weighted losses divided by its number
    of rows, so weights keep the scale of the loss.

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
    input_shape_: tuple[int, ...]
    reads_bytes_: bool
    unit_range_: bool
    reads_integers_: bool
    groups_: NDArray[Any] | None
    sampler_diagnostics_: list[dict[str, Any]]
    n_steps_: list[int]
    loss_parameters_: dict[str, NDArray[np.float64]]
    loss_histories_: list[dict[str, NDArray[Any]]]

    _job_class = NeuralJob
    _allow_nd = True
    _dtypes = (np.float64, np.float32, np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64)
    _parameter_constraints = {
        "sampler": [None, BaseEstimator],
        "batch_transform": [None, callable],
        "batch_sampler": [None, callable],
        "loss": [str, callable, HasMethods(["split", "drive", "losses"])],
        "network": [StrOptions({"mlp", "cosine_mlp", *network_names()}), callable],
        "init": [StrOptions({"fresh", "keep"})],
        "hidden_layer_sizes": ["array-like"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_steps": [None, Interval(Integral, 1, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "optimizer": [StrOptions({"adamw", "adam", "sgd"})],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "max_gradient_norm": [None, Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions({"one_cycle", "constant", "cosine", "step", "triangle"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "weight_averaging": [Interval(Real, 0, 1, closed="left")],
        "precision": [StrOptions({"float32", "bfloat16", "auto"})],
        "views": [Options(Integral, set(VIEWS))],
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
        init: Literal["fresh", "keep"] = "fresh",
        hidden_layer_sizes: Sequence[int] = (256, 128),
        n_members: int = 1,
        batch_size: int = 64,
        max_epochs: int = 40,
        max_steps: int | None = None,
        learning_rate: float = 0.003,
        weight_decay: float = 0.01,
        optimizer: Literal["adamw", "adam", "sgd"] = "adamw",
        momentum: float = 0.9,
        max_gradient_norm: float | None = None,
        schedule: Literal["one_cycle", "constant", "cosine", "step", "triangle"] = "one_cycle",
        label_smoothing: float = 0.0,
        weight_averaging: float = 0.0,
        precision: Literal["float32", "bfloat16", "auto"] = "float32",
        views: int = 1,
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
        self.init = init
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_members = n_members
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.optimizer = optimizer
        self.momentum = momentum
        self.max_gradient_norm = max_gradient_norm
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.weight_averaging = weight_averaging
        self.precision = precision
        self.views = views
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
        self,
        X: ArrayLike | OpenTable,
        y: ArrayLike | str,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        dependence: Dependence | None = None,
    ) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : array-like of shape (n, ...), or OpenTable
            An open table (`equipoise.datasets.open_table`) larger than its sample trains from a temporary file of its
            numbers, as it would from memory, except that scales and codes of features are those of the sample. Set
            ``max_steps``: ``max_epochs`` passes over millions of rows take days. Its columns must be numbers.
        y : array-like of shape (n,), or str
            Labels of two or more classes; of an open table, their column.
        sample_weight : array-like of shape (n,), default=None
        groups : array-like of shape (n,), default=None
            Each has its own parameters with `AutoBalance`.
        dependence : Dependence, default=None
            Groups and times of the rows, for rows that are held out: for early stopping, and for a loss search.

        Returns
        -------
        NeuralClassifier
            Itself.

        Raises
        ------
        ValueError
            If rows, labels or parameters are invalid, a large open table meets a part that needs all rows in memory,
            or training diverged.

        Examples
        --------
        >>> import pandas as pd
        >>> from equipoise import BalancedBatchSampler, NeuralClassifier
        >>> from equipoise.datasets import open_table
        >>> frame = pd.DataFrame({"size": range(900), "rare": [i % 30 == 0 for i in range(900)]})
        >>> clf = NeuralClassifier(batch_sampler=BalancedBatchSampler, max_steps=50, random_state=0)
        >>> clf.fit(open_table(frame), "rare").predict_proba(open_table(frame)).shape
        (900, 2)
        """
        if not isinstance(X, OpenTable):
            return super().fit(X, y, sample_weight, groups, dependence)
        if any(each is not None for each in (sample_weight, groups, dependence)):
            raise ValueError("sample_weight, groups and dependence are of rows in memory: leave them out.")
        if not isinstance(y, str):
            raise TypeError(f"The rows are in an open table, so y must name their column of labels, but y={y!r}.")
        return fit_open_table(self, X, y)

    def planned_steps(self, n_rows: int) -> int:
        """Return the gradient steps of each member on ``n_rows`` rows, without early stopping."""
        epoch_steps = -(-n_rows // min(self.batch_size, n_rows))
        return self.max_steps or max(LEAST_STEPS, self.max_epochs * epoch_steps)

    @property
    def loss_history_(self) -> pd.DataFrame:
        """History of every parameter in the loss search.

        Columns ``member``, ``step``, ``parameter``, ``class``, ``value``; with groups also ``group``.
        `equipoise.reports.parameter_chart` draws it.
        """
        if not hasattr(self, "loss_histories_"):
            raise AttributeError("loss_history_ exists after a fit with loss=AutoBalance().")
        axes = {"class": self.classes_} if self.groups_ is None else {"class": self.classes_, "group": self.groups_}
        frames = [
            long_frame(history["step"], values, axes).assign(member=member, parameter=name)
            for member, history in enumerate(self.loss_histories_)
            for name, values in history.items()
            if name != "step"
        ]
        return pd.concat(frames, ignore_index=True)[["member", "step", "parameter", *axes, "value"]]

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Channels, height and width of the images fitted on; None for rows of other kinds."""
        shape: tuple[int, ...] = getattr(self, "input_shape_", ())
        return shape if len(shape) == 3 and not self.reads_integers_ else None

    def _check_shape(self, X: Any) -> None:
        if (shape := self.image_shape) is None:
            return
        rows = np.asarray(X)
        given, named = rows.shape[1:], isinstance(self.network, str)
        if len(given) != len(shape) or given[0] != shape[0] or (named and given != shape):
            last = rows.ndim == 4 and (given[2], *given[:2]) == shape
            remedy = "its channels are last, give X.transpose(0, 3, 1, 2)" if last else "give images as at fit"
            raise ValueError(
                f"X must have the shape (n, {', '.join(map(str, shape))}), as (n, channels, height, width), but has "
                f"{rows.shape}: {remedy}."
            )
        if self.unit_range_ == self.reads_bytes_ or not rows.size:
            return  # floats beyond 1 are read as bytes are; bytes of 0 and 1 are of either scale
        if self.reads_bytes_ and rows.dtype.kind == "f" and 0 < rows.max() <= 1:
            raise ValueError(
                f"The images at fit were bytes, from 0 to 255, but X holds {rows.dtype} from 0 to 1: give bytes, "
                "(255 * X).round().astype('uint8')."
            )
        if not self.reads_bytes_ and holds_bytes(rows) and rows.max() > 1:
            raise ValueError("The images at fit were numbers up to 1, but X holds bytes: give X / 255.")

    def inputs(self, X: NDArray[Any]) -> NDArray[Any]:
        """Return validated rows as the networks read them: standardised, with codes."""
        X = X if self.scaler_ is None else self.scaler_.transform(X)
        X = X.astype(self.dtype, copy=False)
        return X if self.encoder_ is None else self.encoder_.encode(X)

    def _probabilities(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        parts = [weight * self._of_one_view(view) for weight, view in views(rows, self.views)]
        return np.sum(parts, axis=0)

    def _of_one_view(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        if self.reads_integers_:
            whole = rows.astype(np.int64)
            if not np.array_equal(whole, rows):
                raise ValueError("The network was trained on integers, but X holds other numbers: pass integers.")
            return self.ensemble_.predict_proba(whole)
        if holds_bytes(rows):
            return self.ensemble_.predict_proba(self.ensemble_.from_bytes(rows, self.scaler_))
        return self.ensemble_.predict_proba(self.inputs(rows))

    def _balancing(self) -> tuple[str, ...]:
        rows = () if self.sampler is None else (self.sampler,)
        batches = tuple(part for part in (self.batch_transform, self.batch_sampler) if has_trait(part, "balances"))
        errors = () if isinstance(self.loss, str) else (self.loss,)
        return tuple(map(name_of, (*rows, *batches, *errors)))
