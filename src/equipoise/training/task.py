"""Input of the trainer: a task is rows, targets, weights, a seed, and settings."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from equipoise.batches import BatchSMOTE, MixUp
from equipoise.batches.balanced import BatchSampler
from equipoise.batches.transform import Augmentation, BatchTransform, Between, MixingTransform
from equipoise.describing import has_trait, trait_of
from equipoise.losses import Loss
from equipoise.training.outer import OuterProblem
from equipoise.training.results import TrainedNetwork
from equipoise.training.scaling import Standardizer

NetworkFactory = Callable[[tuple[int, ...], int], nn.Module]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows and targets shared by any number of tasks; one object is placed in memory once."""

    # (n, *features): a user's network reads int64 as it is; bytes (uint8) are stored as bytes and become numbers
    # batch by batch
    X: NDArray[Any]
    y: NDArray[Any]  # (n,), int class codes, or (n, n_classes), probabilities
    n_classes: int
    groups: NDArray[Any] | None = None  # (n,), int group codes: for losses by group
    scaler: Standardizer | None = None  # standardisation of bytes when they become numbers

    def __len__(self) -> int:
        return len(self.X)

    @property
    def n_groups(self) -> int:
        """Number of groups, 1 without any."""
        return 1 if self.groups is None else int(self.groups.max()) + 1

    def cells(self) -> NDArray[np.integer]:
        """Cell of each row, its class and group in one number, ``class * n_groups + group``."""
        return self.labels() if self.groups is None else self.labels().astype(np.int64) * self.n_groups + self.groups

    def labels(self) -> NDArray[np.integer]:
        """Class of each row, in as few bytes as given; the most probable class of soft targets."""
        return self.y.argmax(axis=1) if self.y.ndim == 2 else self.y


def classes_and_groups(target: Tensor, n_groups: int) -> tuple[Tensor, Tensor | None]:
    """Split `Table.cells` into classes and groups; without groups, targets stay unchanged."""
    return (target, None) if n_groups == 1 else (target // n_groups, target % n_groups)


@dataclass(frozen=True)
class Settings:
    """How a network is trained. Tasks that differ in their mixing transform only share a stack.

    Attributes
    ----------
    network : tuple of int, nn.Module or callable
        Widths of the hidden layers of a multi-layer perceptron; or a module, copied for each replica with new weights;
        or a callable ``(input_shape, n_classes) -> nn.Module``.
    head : {"linear", "cosine"}
        Last layer of the perceptron: linear, or 30 times cosines, for losses with margins.
    loss : "cross_entropy", nn.Module or callable
        See `equipoise.losses.row_losses`; a module as `equipoise.losses.rows.FollowsProgress` gets the progress of the
        run before each step.
    outer : OuterProblem or None
        Search for a part of the training, such as `AutoBalance` for a loss; see `Task.inner`.
    batch_transform : BatchTransform or None
        ``(x, y) -> (x, soft y)``, or ``(x, y, weight) -> (x, soft y, weight)`` where rows have weights.
    batch_sampler : BatchSampler or None
        Such as the class `BalancedBatchSampler`. None passes over the rows in random order.
    batch_size, max_steps : int
        Rows a gradient step, and gradient steps.
    min_steps : int
        Gradient steps that are made whatever the time limit.
    epoch_steps : int
        Steps between evaluations of the stopping rules.
    learning_rate, weight_decay : float
    optimizer : {"adamw", "adam", "sgd"}
        ``"sgd"`` has Nesterov's momentum.
    momentum : float
        Of ``"sgd"``.
    max_gradient_norm : float or None
        Norm of the gradient of a replica beyond which it is scaled down.
    label_smoothing : float, in [0, 1)
        Weight of the class priors in the target of each row. They are those under which the network trains: equal
        where batches are balanced, proportional to square roots with `RootBatchSampler`. Smoothing towards equal priors
        beside a logit adjustment would raise the logits of minority classes without end.
    weight_averaging : float, in [0, 1)
        Share of the run over which an exponential average of the weights reaches back; the network then has the
        averaged weights. 0 keeps the last ones.
    precision : {"float32", "bfloat16", "auto"}
        Of the products in the network, for modules. ``"auto"`` is bfloat16 for convolutions on processors that
        gain by it (AMX, or AMD's AVX-512 BF16) and on GPUs that have it. Weights and losses stay float32.
    eps : float
        Added to the root of Adam's second moment.
    schedule : {"one_cycle", "constant", "plateau", "cosine", "step", "triangle"}
        See `equipoise.training.schedules`.
    init : {"fresh", "keep"}
        Weights of a module given as network: newly drawn for each replica, or those that it has.
    initialization : {"torch", "glorot_uniform"}
        Weights and biases of the perceptron: as in ``nn.Linear``, or as in Glorot and Bengio (2010) with biases of
        zero, Keras's default.
    dropout : float or tuple of float, in [0, 1)
        Rate after each hidden layer of the perceptron, or one a layer; other networks have dropout layers.
    early_stopping : callable or None
        ``(labels, probabilities) -> score`` on the validation rows of the task, greater is better.
    patience : int
        Evaluations without a better score before a replica stops.
    gradient_tolerance : float or None
        Norm of the gradient at which a replica stops.
    gradient_rows : int or None
        Number of rows for this norm, new ones at each evaluation; by default all rows of a replica.
    keep_optimizer : bool
        Whether to keep the moments of the optimiser with the trained network, for tasks that start from it.
    device, dtype : str
        torch's names.
    """

    network: tuple[int, ...] | nn.Module | NetworkFactory = (256, 128)
    head: Literal["linear", "cosine"] = "linear"
    loss: Loss = "cross_entropy"
    outer: OuterProblem | None = None
    batch_transform: BatchTransform | None = None
    batch_sampler: BatchSampler | None = None
    batch_size: int = 64
    max_steps: int = 1000
    min_steps: int = 0
    epoch_steps: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    momentum: float = 0.9
    max_gradient_norm: float | None = None
    label_smoothing: float = 0.0
    weight_averaging: float = 0.0
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    eps: float = 1e-8
    schedule: Literal["one_cycle", "constant", "plateau", "cosine", "step", "triangle"] = "one_cycle"
    init: Literal["fresh", "keep"] = "fresh"
    initialization: Literal["torch", "glorot_uniform"] = "torch"
    dropout: float | tuple[float, ...] = 0.0
    early_stopping: Callable[..., float] | None = None
    patience: int = 10
    gradient_tolerance: float | None = None
    gradient_rows: int | None = None
    keep_optimizer: bool = False
    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, but {name}={value!r}.")
        if self.weight_averaging and self.early_stopping is not None:
            raise ValueError(
                "weight_averaging keeps an average of the last steps, early_stopping the best ones: use one."
            )

    @property
    def mixing(self) -> MixingTransform | None:
        """The transform, if its mixtures can be drawn ahead."""
        return self.batch_transform if isinstance(self.batch_transform, MixingTransform) else None

    @property
    def augmentation(self) -> Between | None:
        """Augmentation of gathered rows, before they are mixed."""
        transform = self.batch_transform
        if isinstance(transform, Augmentation):
            return transform
        return None if self.mixing is None else self.mixing.between

    @property
    def dropout_rates(self) -> tuple[float, ...]:
        """Rates after the hidden layers of the perceptron; none for other networks."""
        if not isinstance(self.network, tuple):
            return ()
        return self.dropout if isinstance(self.dropout, tuple) else (self.dropout,) * len(self.network)

    @property
    def looks_at_epochs(self) -> bool:
        """Whether anything happens at the end of an epoch: a stopping rule, or a rate that follows the loss."""
        return (self.early_stopping, self.gradient_tolerance) != (None, None) or self.schedule == "plateau"

    @property
    def balances(self) -> bool:
        """Whether batches are balanced, so that the network trains under equal class priors."""
        parts = (self.batch_transform, self.batch_sampler)
        return any(has_trait(part, "balances") for part in parts)

    @property
    def class_power(self) -> float:
        """Exponent of the rows of a class to which its frequency in batches is proportional: 0 where they balance."""
        return 0.0 if self.balances else float(trait_of(self.batch_sampler, "power", 1.0))

    @property
    def softens(self) -> bool:
        """Whether batches are mixed to soft targets."""
        return self.mixing is not None and not self.mixing.looks_at_features

    def shared(self) -> "Settings":
        """Return the settings that tasks of one stack share: all but the transform among those of its kind."""
        if self.mixing is None:
            return self
        of_kind = _OF_KIND[self.softens]
        if (between := self.augmentation) is not None and isinstance(of_kind, MixUp):
            of_kind = MixUp(alpha=0, between=between)
        return replace(self, batch_transform=of_kind)


_OF_KIND = {True: MixUp(alpha=0), False: BatchSMOTE()}  # stand for all transforms that soften labels, or do not
_CHOICES = {name: get_args(kind) for name, kind in get_type_hints(Settings).items() if get_origin(kind) is Literal}


@dataclass(frozen=True, eq=False)
class InnerRows:
    """Rows of the inner problem of a search, before the network of the task trains with the result."""

    # rows of the task's table for the outer objective; not among the training rows of the search
    validation_rows: NDArray[np.int64]
    rows: NDArray[np.int64]  # training rows of the search, as in `Task`
    made: Table | None = None
    weights: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """One network to train."""

    table: Table
    seed: int  # seed of the initial weights, the order of rows, mixing and dropout
    settings: Settings = field(default_factory=Settings)
    # training rows; ``len(table) + i`` is row i of ``made``. All of the table by default
    rows: NDArray[np.int64] | None = None
    made: Table | None = None  # synthetic rows
    # (len(rows),): weight of each training row. The loss of a batch is the sum of weighted losses divided by its
    # number of rows
    weights: NDArray[Any] | None = None
    # rows of ``table`` for early stopping or, without it, for the outer objective
    validation_rows: NDArray[np.int64] | None = None
    start: TrainedNetwork | None = None  # initial weights, and moments of the optimiser if it has them
    # with `Settings.outer`: rows of a network of the same seed and number of steps that trains during the search; the
    # network of the task then trains with the result. By default the network of the task trains during the search
    inner: InnerRows | None = None
    found: Any = None  # result of a search, to train with
    # in place of ``rows``: the class of each training row. Each time that one comes up, a row of its class is drawn
    # from all of the table, so that a sample by class trains on all rows
    classes: NDArray[np.integer] | None = None

    def __post_init__(self) -> None:
        n = len(self.table) + (0 if self.made is None else len(self.made))
        rows, n_rows = self.rows, self.n_rows
        if not n_rows or (rows is not None and (np.min(rows) < 0 or np.max(rows) >= n)):
            raise ValueError(f"Training rows must be one or more numbers from 0 to {n - 1}, but rows={self.rows!r}.")
        self._check_outer()
        watched = (
            self.settings.early_stopping,
            self.settings.gradient_tolerance,
            self.settings.outer,
            self.rows,
            self.made,
        )
        if self.classes is not None and any(part is not None for part in watched):
            raise ValueError(
                "A task with classes draws other rows each time: leave out rows, made, early_stopping, "
                "gradient_tolerance and outer, which need the same rows."
            )
        if self.weights is not None and len(self.weights) != n_rows:
            raise ValueError(f"One weight a training row is needed, but {len(self.weights)} weights came for {n_rows}.")

    def _check_outer(self) -> None:
        if self.settings.outer is None:
            if self.inner is not None:
                raise ValueError("inner gives the rows of a search, but Settings.outer is None: give an outer problem.")
            return
        if self.inner is not None or self.found is not None:
            return
        if self.validation_rows is None or not len(self.validation_rows):
            raise ValueError(
                f"{type(self.settings.outer).__name__} needs validation rows, but the task has none: give "
                f"inner=InnerRows(...), or validation_rows."
            )
        if self.settings.early_stopping is not None or self.settings.gradient_tolerance is not None:
            raise ValueError(
                "A network that trains during a search cannot stop early: set early_stopping and gradient_tolerance "
                "to None, or give inner=InnerRows(...)."
            )

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        of_each = self.rows if self.classes is None else self.classes
        return len(self.table) if of_each is None else len(of_each)

    def training_rows(self) -> NDArray[np.int64]:
        """Return the numbers of the training rows."""
        return np.arange(len(self.table)) if self.rows is None else np.asarray(self.rows, dtype=np.int64)

    @property
    def planned_steps(self) -> int:
        """Gradient steps, including those of the search."""
        return self.settings.max_steps * (1 if self.inner is None else 2)

    def labels(self) -> NDArray[np.integer]:
        """Class of each training row, in the order of `training_rows`."""
        if self.classes is not None:
            return self.classes
        labels = self.table.labels()
        if self.rows is None:
            return labels
        return (labels if self.made is None else np.concatenate([labels, self.made.labels()]))[self.rows]
