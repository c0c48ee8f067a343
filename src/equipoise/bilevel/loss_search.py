"""A loss search beside a training loop."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from textwrap import shorten
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from equipoise.bilevel.batches import BatchSource
from equipoise.bilevel.departures import Departures
from equipoise.bilevel.found_loss import FoundLoss, Generators, rows_of_replicas
from equipoise.bilevel.history import MEASURES, History
from equipoise.bilevel.inner import Batch
from equipoise.bilevel.loss_gradient import loss_gradient, searched_weights
from equipoise.bilevel.loss_parameters import NAMES, LossParameters
from equipoise.bilevel.outer_objectives import OuterObjective
from equipoise.bilevel.searched_augmentation import SearchedAugmentation
from equipoise.bilevel.solvers import Exact, Solver
from equipoise.bilevel.vectors import Named, flat
from equipoise.losses import ParametricCrossEntropy
from equipoise.losses.parametric import Adjustment, adjusted_cross_entropy
from equipoise.losses.reduction import Reduction, accept, check_classes, check_range
from equipoise.text import counted, listed

_IGNORED = -100  # class index of ignored rows, as everywhere in torch


class LossSearch:
    """The current loss and its outer steps; created by `AutoBalance.begin`.

    Attributes
    ----------
    n_steps : int
        Training steps so far, as counted by `loss` or by a trainer that calls `row_losses`.
    n_batches : int
        Training batches, and validation batches, of an outer step.
    generators : sequence of torch.Generator or None
        Random generators of the augmentation on the CPU, one a replica; None is torch's global one.
    """

    def __init__(
        self,
        model: nn.Module,
        parameters: LossParameters,
        *,
        objective: OuterObjective,
        solver: Solver,
        warm_up: int,
        interval: int,
        n_batches: int,
        learning_rate: float,
        lead: int,
        grouped: bool,
        augmentation: SearchedAugmentation | None = None,
    ) -> None:
        self._model, self._objective, self._solver = model, objective, solver
        self._warm_up, self._interval, self.n_batches = warm_up, interval, n_batches
        self._n_classes, self._n_groups = parameters.class_counts.shape[-2:]
        self._lead, self._grouped, self._augmentation = lead, grouped, augmentation
        self.generators: Generators = [None if augmentation is None else augmentation.generator]
        self._departures = Departures(parameters, learning_rate, grouped)
        if isinstance(solver, Exact):
            solver.check_size(sum(value.numel() for value in searched_weights(model, solver).values()))
        self._version: int | None = None
        self.n_steps = 0
        self._told_missing = False
        self._saw_augmented, self._told_plain = False, False
        self._history = History(self._departures.of)
        self._history.begin(self._departures.now)
        self._train = BatchSource("train_batches", n_batches)
        self._validation = BatchSource("validation_batches", n_batches)

    # The loss

    @property
    def n_outer_steps(self) -> int:
        """Outer steps so far."""
        return self._history.n_outer_steps

    @property
    def parameters(self) -> Named:
        """Current ``w``, ``offset`` (mean 0 over classes) and ``delta``, each (K,), or (K, G) with groups.

        With an augmentation also its ``strength_<op>`` and ``probability_<op>``.
        """
        return {name: value.clone() for name, value in self._departures.values.items()}

    def loss(
        self, logits: Tensor, target: Tensor, group: Tensor | None = None, *, reduction: Reduction = "mean"
    ) -> Tensor:
        """Loss of a training batch with the current parameters; each call with gradients on is a step.

        Parameters
        ----------
        logits : Tensor of shape (B, K)
        target : Tensor of shape (B,), integer, or (B, K), floating
            Class indices, or probabilities as `ReMix` gives them.
        group : Tensor of shape (B,), integer, optional
            Group of each row, if class counts have groups.
        reduction : {"mean", "sum", "none"}, default="mean"

        Returns
        -------
        Tensor of shape (), or (B,) with ``reduction="none"``
        """
        losses = self.row_losses(logits, target, group, reduction=reduction)
        self.n_steps += torch.is_grad_enabled() and self._begins_step()
        return losses

    def row_losses(
        self, logits: Tensor, target: Tensor, group: Tensor | None = None, *, reduction: Reduction = "none"
    ) -> Tensor:
        """Loss as `loss` gives it, of a batch that is no step."""
        self._check_groups(group)
        rows = accept(logits, target, _IGNORED, trusted=self.n_steps > 0)
        values = self._departures.values
        check_classes(values["offset"], rows.logits, "class_counts", grouped=group is not None)
        w = values["w"] if "w" in self._departures.now else None  # weights of 1 would take a quarter of the time
        return adjusted_cross_entropy(rows, w, values["offset"], values["delta"], group, reduction)

    def adjustment(self, like: Tensor) -> Adjustment | None:
        """Return the parameters of the loss of replicas, if there are no groups."""
        if self._grouped:
            return None
        values = {
            name: value.to(like).unsqueeze(-2) for name, value in self._departures.values.items() if name in NAMES
        }
        return Adjustment(values["w"] if "w" in self._departures.now else None, values["offset"], values["delta"])

    def augment(self, x: Tensor, target: Tensor, group: Tensor | None = None) -> Tensor:
        """Augment the images of a training batch with the current strengths.

        Without an augmentation it returns them as they are, so that one loop serves both.

        Parameters
        ----------
        x : Tensor of shape (B, channels, height, width), uint8 or floating
        target, group : Tensor
            As in `loss`.
        """
        self._check_groups(group)
        self._saw_augmented = True
        return self._augmented(self._departures.values, x, target, group, self.generators)

    def _augmented(
        self, values: Named, x: Tensor, target: Tensor, group: Tensor | None, generators: Generators
    ) -> Tensor:
        if self._augmentation is None:
            return x
        own = _of_augmentation(values)
        if self._lead:
            return rows_of_replicas(self._augmentation, own, x, target, group, generators=generators)
        return self._augmentation.rows(x, target, group=group, generator=generators[0], values=own)

    def retraining_augmentation(self) -> SearchedAugmentation | None:
        """Return the augmentation found, the mean over the later half of the outer steps, to train a new network."""
        if self._augmentation is None:
            return None
        return self._augmentation.with_values(_of_augmentation(self._means()))

    def retraining_loss(self, *, reduction: Reduction = "mean") -> ParametricCrossEntropy:
        """Return the result: a loss with the mean of the parameters over the later half of the outer steps.

        Use it to train a new network on all rows, including the validation rows.
        """
        means = self._means()
        w, offset, delta = (means[name].to(self._departures.values[name].device) for name in NAMES)
        n_groups = offset.shape[-1] if self._grouped else None
        return ParametricCrossEntropy(w=w, offset=offset, delta=delta, num_groups=n_groups, reduction=reduction)

    def found(self) -> list[FoundLoss]:
        """Return the parameters of `retraining_loss` and their history, for each replica of a stack."""
        means, steps, history = self._means(), *self._history.arrays()
        return [
            FoundLoss(
                {name: value[r].numpy() for name, value in means.items()},
                steps,
                {name: values[:, r] for name, values in history.items()},
            )
            for r in range(len(means["offset"]))
        ]

    def _means(self) -> Named:
        """Return the result, and say so if it is only the start."""
        if not self.n_outer_steps:
            warnings.warn(
                f"The search made no outer step in {counted(self.n_steps, 'training step')}, so its result is the loss "
                f"that it began with: train longer, or lower warm_up ({self._warm_up:,}); in a loop of your own, call "
                "search.step(...) whenever search.due().",
                stacklevel=3,
            )
        return self._history.later_means()

    # The outer step

    def due(self) -> bool:
        """Whether an outer step is due after the last training step."""
        past = self.n_steps - self._warm_up
        return self.n_steps > self._history.steps[-1] and past >= 0 and past % self._interval == 0

    def step(self, train_batches: Iterable[Any], validation_batches: Iterable[Any]) -> None:
        """Make an outer step: move the parameters down the gradient of the objective on validation rows.

        The model runs in evaluation mode, outside autocast and without the wrappers of DDP, Fabric or
        ``torch.compile``; its weights, statistics and gradients stay unchanged. Under DDP all processes must call this
        together, each with its own batches; all get the parameters that one process would find on all batches.
        Training batches come as they are before `augment`, which is applied here; validation batches stay as they are.
        With an augmentation, a training loop that never calls `augment` gets one warning.

        Parameters
        ----------
        train_batches, validation_batches : iterable of (x, y), (x, y, group) or (x, y, group, weight), or of dict
            Source of the next ``n_batches`` of each. A list or loader continues after the batches of the last outer
            step, with the same workers, pass after pass. Targets of training batches are those of the loss, class
            indices or probabilities; those of validation batches are class indices. A row of weight w counts as w rows.
            A dict has its target under "labels", "label", "target" or "y"; the rest are keyword arguments of the model.

        Raises
        ------
        ValueError
            If there are too few batches, groups are missing or out of range, or validation targets are probabilities.
        """
        train, validation = self._train.take(train_batches), self._validation.take(validation_batches)
        for batch in (*train, *validation):
            self._check_groups(batch.group)
            check_range(batch.group, self._n_groups)
        if any(batch.target.is_floating_point() for batch in validation):
            raise ValueError(
                "Validation targets must be class indices, since losses are summed by class, but they are floating: "
                "leave validation batches unmixed."
            )
        self._warn_of_missing([batch.target for batch in validation])
        self._warn_of_plain_images()
        slopes, value, residual = loss_gradient(
            *(self._model, self._departures.values, train, validation, self._objective, self._solver, self._lead),
            inputs=self._inputs(),
        )
        if not (self._lead or value.isfinite().all()):  # of a stack, one network may diverge
            warnings.warn(
                f"The objective of the validation batches is {float(value):g}, so this outer step moves nothing: look "
                "for NaN or infinite values in the batches, or for a network that diverges.",
                stacklevel=2,
            )
        gradient = self._departures.gradient(slopes)
        length = flat(gradient, self._lead).norm(dim=-1)
        self._departures.move(gradient)
        self._history.add(self.n_steps, self._departures.now, dict(zip(MEASURES, (value, residual, length))))

    def _warn_of_missing(self, targets: Sequence[Tensor]) -> None:
        """Say once which classes no validation row shows: the loss cannot be tuned for them."""
        if self._told_missing or self._lead:
            return
        there = torch.cat([target.flatten().cpu() for target in targets]).unique().tolist()
        if missing := [code for code in range(self._n_classes) if code not in there]:
            self._told_missing = True
            warnings.warn(
                f"The validation batches of this outer step ({self.n_batches:,}) hold no row of class "
                f"{listed(missing, most=5)}, so the step cannot tell how to treat "
                f"{'it' if len(missing) == 1 else 'them'}: give larger or stratified validation batches, or raise "
                "n_batches.",
                stacklevel=3,
            )

    def _warn_of_plain_images(self) -> None:
        """Say once if the network trained on images that the augmentation never changed."""
        trained = self.n_steps > self._history.steps[-1]
        if self._augmentation is not None and trained and not self._saw_augmented and not self._told_plain:
            self._told_plain = True
            warnings.warn(
                "The search has an augmentation, but search.augment was not called since the last outer step, so the "
                "network trained on plain images: call search.loss(model(search.augment(x, y)), y).",
                stacklevel=3,
            )
        self._saw_augmented = False

    def _inputs(self) -> Callable[[Named, Batch, int], Batch] | None:
        """Return the augmentation of the training batches, with the same draws at each call for a batch."""
        if self._augmentation is None:
            return None
        seeds = [torch.randint(2**62, (self.n_batches,), generator=each).tolist() for each in self.generators]

        def inputs(values: Named, batch: Batch, number: int) -> Batch:
            draws = [torch.Generator().manual_seed(seeds_of_one[number]) for seeds_of_one in seeds]
            return batch._replace(x=self._augmented(values, batch.x, batch.target, batch.group, draws))

        return inputs

    def _begins_step(self) -> bool:
        """Whether weights changed or gradients were cleared since the last loss; otherwise gradients accumulate."""
        trained = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        before, self._version = self._version, sum(parameter._version for parameter in trained)
        return self._version != before or all(parameter.grad is None for parameter in trained)

    def _check_groups(self, group: Tensor | None) -> None:
        if (group is not None) != self._grouped:
            raise ValueError(
                f"Groups need class_counts of shape (K, G) and the other way round, but "
                f"{'no groups came' if self._grouped else 'groups came without them'}: give both or neither."
            )

    # What is kept

    @property
    def history(self) -> pd.DataFrame:
        """Every parameter from its start on: ``step``, ``parameter``, ``class``, ``value``.

        There is a column ``replica`` for a stack, and a column ``group`` with groups. ``step`` is the training step
        after which the value was set.
        """
        return self._history.parameters(self._axes())

    @property
    def outer_steps(self) -> pd.DataFrame:
        """A row an outer step (of a replica): ``step``, ``objective`` before it, ``residual``, ``gradient_norm``."""
        return self._history.measures(self._axes()[: self._lead])

    def _axes(self) -> list[str]:
        return [*["replica"] * self._lead, "class", *["group"] * self._grouped]

    def state_dict(self) -> dict[str, Any]:
        """Return the state and the history of the search, for ``torch.save``."""
        return {"n_steps": self.n_steps, **self._departures.state(), "history": self._history.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from the state of a search with the same parameters and class counts.

        Raises
        ------
        ValueError
            If the state belongs to another search, or is none.
        """
        if not isinstance(state, dict) or not state.keys() >= self.state_dict().keys():
            given = list(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"The state must be one that state_dict() gave, but it is {shorten(repr(given), 100)}.")
        self._departures.load(state)
        self.n_steps, self._history = state["n_steps"], History(self._departures.of, **state["history"])


def _of_augmentation(values: Named) -> Named:
    return {name: value for name, value in values.items() if name not in NAMES}
