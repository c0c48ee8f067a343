"""`NeuralJob`: scaled, encoded and resampled rows, and one training task a member."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, column_or_1d, compute_sample_weight
from sklearn.utils.validation import validate_data
from torch import nn

from equipoise.batches.transform import MixingTransform
from equipoise.bilevel.found_loss import FoundLoss
from equipoise.classifiers.base import CLIP, Codes, training_device
from equipoise.classifiers.jobs import FitJob
from equipoise.classifiers.scores import SCORES
from equipoise.containers import as_array
from equipoise.dependence import Dependence
from equipoise.losses.rows import unknown_loss
from equipoise.networks.images import named_network
from equipoise.networks.modules import is_trained
from equipoise.samplers.resample import holds_out, only_repeats, resample
from equipoise.sklearn_private import check_sample_weight
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble, InnerRows, OuterProblem, Settings, Table, Task, TrainedNetwork
from equipoise.training.scaling import Standardizer
from equipoise.training.stacks import reads_integers
from equipoise.training.task import NetworkFactory

if TYPE_CHECKING:
    from equipoise.classifiers.neural import NeuralClassifier

Weights = NDArray[np.float64]


class FreshWeightsWarning(UserWarning):
    """A module with trained weights is only a template of its shape."""


class NeuralJob(FitJob["NeuralClassifier"]):
    """A prepared fit of a `NeuralClassifier`; parameters as in its `fit`."""

    def __init__(
        self,
        classifier: "NeuralClassifier",
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        dependence: Dependence | None,
    ) -> None:
        draft = classifier._new_draft()
        _refuse_classes(draft)
        super().__init__(classifier, draft, [])
        device = training_device(draft.device)
        rows, codes = draft._checked(X, y)
        draft.input_shape_ = tuple(map(int, rows.shape[1:]))
        draft.reads_bytes_, draft.unit_range_ = holds_bytes(rows), bool(rows.max() <= 1)
        sample_weight = as_array(sample_weight)
        weights, group = _row_weights(draft, rows, codes, sample_weight), _group_codes(draft, groups, len(rows))
        _fit_inputs(draft, rows, sample_weight)
        if dependence is not None:
            dependence.check_length(rows)
            dependence = dependence if weights is None else dependence.take(weights > 0)
        if weights is not None and not weights.all():
            group = None if group is None else group[weights > 0]
            rows, codes, weights = rows[weights > 0], codes[weights > 0], weights[weights > 0]
        table = _table(draft, rows, codes, group)
        draft.sampler_diagnostics_ = []
        seeds = check_random_state(draft.random_state).randint(np.iinfo(np.int32).max, size=draft.n_members)
        settings = _settings(draft, table, device)
        if table.X.dtype == np.int64:
            draft.reads_integers_ = reads_integers(Task(table, 0, settings))
            table = table if draft.reads_integers_ else replace(table, X=table.X.astype(draft.dtype))
        _refuse_changed_codes(draft)
        self.tasks = [_task(draft, table, weights, dependence, settings, int(seed)) for seed in seeds]

    def inputs(self, X: ArrayLike) -> NDArray[Any]:
        """Return further rows as the networks read them."""
        rows: Any = validate_data(self._draft, X, reset=False, dtype=list(self._draft._dtypes))
        return rows.astype(np.int64) if self._draft.reads_integers_ else self._draft.inputs(rows)

    def draw_from(self, X: NDArray[Any], codes: Codes) -> None:
        """Train on all rows of the table that the rows given are a sample by class of.

        Each time that a row comes up, another row of its class is drawn in its place; epochs, class counts and class
        weights stay those of the sample. ``X`` are `inputs` of all rows, ``codes`` their classes.
        """
        table = Table(X, codes, len(self._draft.classes_))
        self.tasks = [replace(task, table=table, rows=None, classes=task.labels()) for task in self.tasks]

    def _take(self, networks: Sequence[TrainedNetwork]) -> None:
        draft = self._draft
        draft.ensemble_ = FittedEnsemble(networks, draft.classes_, device=self.tasks[0].settings.device)
        draft.n_steps_ = [network.n_steps for network in networks]
        if found := [network.found for network in networks if isinstance(network.found, FoundLoss)]:
            names = found[0].parameters
            draft.loss_parameters_ = {name: np.stack([each.parameters[name] for each in found]) for name in names}
            draft.loss_histories_ = [{"step": each.steps, **each.history} for each in found]

    def _diverged(self) -> str:
        return (
            f"Training diverged with learning_rate={self._draft.learning_rate!r}: lower it, or scale the features "
            f"(standardize=True)."
        )


def holds_bytes(rows: NDArray[Any]) -> bool:
    """Whether rows are images of bytes, which stay bytes until a batch is formed."""
    return rows.dtype == np.uint8 and rows.ndim > 2


def _table(draft: "NeuralClassifier", rows: NDArray[Any], codes: Codes, group: Codes | None) -> Table:
    """Return the table of rows; bytes, and integers for a custom network, keep their type."""
    draft.reads_integers_ = False
    own_network = not _is_perceptron(draft)
    as_given = own_network and not draft.standardize and draft.n_bins is None
    if rows.dtype.kind in "iu" and as_given and not holds_bytes(rows):
        return Table(rows.astype(np.int64, copy=False), codes, len(draft.classes_), group)
    if holds_bytes(rows) and own_network and (draft.sampler is None or only_repeats(draft.sampler)):
        return Table(rows, codes, len(draft.classes_), group, draft.scaler_)
    return Table(draft.inputs(rows), codes, len(draft.classes_), group)


def _refuse_classes(draft: "NeuralClassifier") -> None:
    """Refuse unknown names of losses, and classes where objects are meant; those of losses get the class counts."""
    if isinstance(draft.loss, str) and draft.loss != "cross_entropy":
        raise ValueError(unknown_loss(draft.loss))
    search = draft.loss if isinstance(draft.loss, OuterProblem) else None
    for name, part in (("batch_transform", draft.batch_transform), ("loss", search)):
        if isinstance(part, type):
            raise ValueError(f"{name} is the class {part.__name__}: give an object of it, {name}={part.__name__}().")


def _refuse_changed_codes(draft: "NeuralClassifier") -> None:
    """Refuse treatments that change the integers of a network, such as token ids."""
    mixes = isinstance(draft.batch_transform, MixingTransform)
    changes = {"sampler": draft.sampler, "batch_transform": draft.batch_transform if mixes else None}
    for name, part in changes.items():
        if draft.reads_integers_ and part is not None:
            raise ValueError(
                f"The network reads integers, such as token ids, but {name}={part!r} would mix or move them. Remove "
                "it, or convert X to floats if its values are quantities."
            )


def _group_codes(draft: "NeuralClassifier", groups: ArrayLike | None, n_rows: int) -> Codes | None:
    draft.groups_ = None
    if groups is None:
        return None
    if not isinstance(draft.loss, OuterProblem):
        raise ValueError(f"groups apply to a loss search only, but loss={draft.loss!r}: set loss=AutoBalance().")
    for name in ("sampler", "batch_transform"):
        if getattr(draft, name) is not None:
            raise ValueError(
                f"groups cannot be combined with {name}={getattr(draft, name)!r}, whose rows belong to no single "
                "group. Remove one of them."
            )
    labels = column_or_1d(groups)
    if len(labels) != n_rows:
        raise ValueError(f"groups must have one entry a row, got {len(labels)} for {n_rows} rows.")
    draft.groups_, codes = np.unique(labels, return_inverse=True)
    if len(draft.groups_) < 2:
        raise ValueError(f"groups needs two or more groups, but holds one only: {draft.groups_.tolist()[0]!r}.")
    return codes


def _row_weights(
    draft: "NeuralClassifier", X: NDArray[Any], codes: Codes, sample_weight: ArrayLike | None
) -> Weights | None:
    if sample_weight is None and draft.class_weight is None:
        return None
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=True)
    if draft.class_weight is not None:
        if draft.class_weight == "balanced":
            by_class = len(codes) / (len(draft.classes_) * np.bincount(codes))
        else:
            by_class = compute_sample_weight(draft.class_weight, draft.classes_)
        weights *= by_class[codes]
        if not (weights >= 0).all():
            raise ValueError(f"class_weight must hold 0 or positive numbers, but class_weight={draft.class_weight!r}.")
    if not weights.any():
        raise ValueError("All sample weights are zero; some must be positive.")
    return weights


def _fit_inputs(draft: "NeuralClassifier", X: NDArray[Any], sample_weight: ArrayLike | None) -> None:
    """Fit scaler and encoder; class weights are a treatment and do not count."""
    given = None if sample_weight is None else check_sample_weight(sample_weight, X, dtype=np.float64)
    numbers = X if holds_bytes(X) or X.dtype.kind == "f" else X.astype(np.float64)
    draft.scaler_ = Standardizer.of(numbers, given, CLIP) if draft.standardize else None
    draft.encoder_ = None
    if draft.n_bins is not None:
        if X.ndim != 2:
            raise ValueError(
                f"n_bins={draft.n_bins!r} needs rows that are vectors, but X has shape {X.shape}: flatten it, or set "
                "n_bins=None."
            )
        seen = draft.inputs(X if given is None else X[given > 0])
        draft.encoder_ = PiecewiseLinearEncoder(draft.n_bins).fit(seen)


def _settings(draft: "NeuralClassifier", table: Table, device: str) -> Settings:
    batch_size = min(draft.batch_size, len(table))
    stop = "log_loss" if draft.early_stopping is True else draft.early_stopping
    return Settings(
        network=_network(draft, table),
        init=draft.init,
        head="cosine" if draft.network == "cosine_mlp" else "linear",
        loss="cross_entropy" if isinstance(draft.loss, OuterProblem) else draft.loss,
        outer=draft.loss if isinstance(draft.loss, OuterProblem) else None,
        batch_transform=draft.batch_transform,
        batch_sampler=draft.batch_sampler,
        batch_size=batch_size,
        max_steps=draft.planned_steps(len(table)),
        epoch_steps=-(-len(table) // batch_size),
        learning_rate=draft.learning_rate,
        weight_decay=draft.weight_decay,
        optimizer=draft.optimizer,
        momentum=draft.momentum,
        max_gradient_norm=draft.max_gradient_norm,
        schedule=draft.schedule,
        label_smoothing=draft.label_smoothing,
        weight_averaging=draft.weight_averaging,
        precision=draft.precision,
        dropout=draft.dropout,
        early_stopping=SCORES[stop] if stop else None,
        patience=draft.patience,
        gradient_tolerance=draft.gradient_tolerance,
        device=device,
        dtype=draft.dtype,
    )


def _is_perceptron(draft: "NeuralClassifier") -> bool:
    return isinstance(draft.network, str) and draft.network in ("mlp", "cosine_mlp")


def _network(draft: "NeuralClassifier", table: Table) -> tuple[int, ...] | nn.Module | NetworkFactory:
    if _is_perceptron(draft):
        return _hidden_layers(draft, table)
    if isinstance(draft.network, str):
        return partial(named_network, draft.network)
    if isinstance(draft.network, nn.Module) and draft.init == "fresh" and is_trained(draft.network):
        warnings.warn(
            f"The weights of {type(draft.network).__name__} look trained, and each member draws new ones: set "
            "init='keep' to train from them, or give a callable that makes the module.",
            FreshWeightsWarning,
            stacklevel=2,
        )
    return draft.network


def _hidden_layers(draft: "NeuralClassifier", table: Table) -> tuple[int, ...]:
    sizes = tuple(draft.hidden_layer_sizes)
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers of 1 or more, got {draft.hidden_layer_sizes!r}.")
    if table.X.ndim != 2:
        raise ValueError(
            f"network={draft.network!r} needs rows that are vectors, but X has shape {table.X.shape}: flatten it, or "
            "give a network for this shape."
        )
    return tuple(map(int, sizes))


def _task(
    draft: "NeuralClassifier",
    table: Table,
    weights: Weights | None,
    dependence: Dependence | None,
    settings: Settings,
    seed: int,
) -> Task:
    rows: Codes | None = None  # all
    held_out = None
    if settings.early_stopping is not None:
        rows, held_out = _held_out(draft, table, dependence or Dependence(), seed)
    inner = None
    if settings.outer is not None:
        rows = np.arange(len(table)) if rows is None else rows
        apart = {} if dependence is None else {"dependence": dependence.take(rows)}
        train, chooses = settings.outer.split(table.cells()[rows], seed, **apart)
        searched, made, row_weights = _resampled(draft, table, rows[train], weights, dependence, seed)
        assert searched is not None  # None stands for all rows, and these are some
        inner = InnerRows(rows[chooses], searched, made, row_weights)
    trained = _resampled(draft, table, rows, weights, dependence, seed)
    return Task(table, seed, settings, *trained, validation_rows=held_out, inner=inner)


def _held_out(draft: "NeuralClassifier", table: Table, dependence: Dependence, seed: int) -> tuple[Codes, Codes]:
    """Split the rows, stratified by class or as they depend on each other, into training and validation rows."""
    for label, count in zip(draft.classes_.tolist(), np.bincount(table.y, minlength=len(draft.classes_)), strict=True):
        if count < 2:
            raise ValueError(
                f"early_stopping={draft.early_stopping!r} holds out rows of each class, but class {label!r} has "
                f"{count} row(s): give it two or more, remove it, or set early_stopping=False."
            )
    return dependence.hold_out(table.y, draft.validation_fraction, seed)


def _resampled(
    draft: "NeuralClassifier",
    table: Table,
    rows: Codes | None,
    weights: Weights | None,
    dependence: Dependence | None,
    seed: int,
) -> tuple[Codes | None, Table | None, Weights | None]:
    """Return the training rows, None for all, the synthetic rows among them, and their weights."""
    made = None
    row_weights = weights if weights is None or rows is None else weights[rows]
    if draft.sampler is not None:
        rows = np.arange(len(table)) if rows is None else rows
        labels = draft.classes_[table.y[rows]]
        apart = {"dependence": dependence.take(rows)} if dependence is not None and holds_out(draft.sampler) else {}
        X = np.arange(len(rows))[:, np.newaxis] if only_repeats(draft.sampler) else table.X[rows]
        drawn = resample(draft.sampler, X, labels, seed, **apart)
        draft.sampler_diagnostics_ += drawn.diagnostics
        if row_weights is not None or drawn.sample_weight is not None:
            row_weights = drawn.weights(np.ones(len(rows)) if row_weights is None else row_weights, labels)
        if drawn.synthetic.any():
            made_codes = np.searchsorted(draft.classes_, drawn.y[drawn.synthetic])
            made = Table(drawn.X[drawn.synthetic].astype(draft.dtype), made_codes, table.n_classes)
        rows = np.where(drawn.synthetic, len(table) - 1 + drawn.synthetic.cumsum(), rows[drawn.sources])
    if row_weights is not None:
        row_weights = row_weights / row_weights.mean()
    return rows, made, row_weights
