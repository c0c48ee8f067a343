"""A search over the loss, while it runs beside a training loop."""

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import islice
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import functional_call

from equipoise.bilevel.course import MEASURES, Course
from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerProblem
from equipoise.bilevel.loss_parameters import NAMES, LossParameters
from equipoise.bilevel.networks import as_predicting, head_parameters
from equipoise.bilevel.outer_objectives import OuterObjective
from equipoise.bilevel.parametric import mixed_derivative, row_losses
from equipoise.bilevel.solvers import Exact, Solver
from equipoise.bilevel.vectors import Named, flat, gradients, leaves
from equipoise.losses import ParametricCrossEntropy, parametric_cross_entropy
from equipoise.training import FoundLoss

_MOMENTUM = 0.9


class LossSearch:
    """The loss of the moment, and how it is moved; made by `AutoBalance.begin`.

    Attributes
    ----------
    n_steps : int
        Training steps so far: calls of `loss` with gradients on.
    n_batches : int
        Batches of either side that an outer step takes.
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
    ) -> None:
        self._model, self._map, self._objective, self._solver = model, parameters, objective, solver
        self._warm_up, self._interval, self._rate = warm_up, interval, learning_rate
        self.n_batches = n_batches
        self._lead, self._grouped = lead, grouped
        self._tied = len(list(model.named_parameters(remove_duplicate=False))) > len(list(model.parameters()))
        self._departures = parameters.zeros()
        self._momentum = parameters.zeros()
        self._values = self._shaped(parameters.values(self._departures))
        self._problem = InnerProblem(
            lambda theta, alpha, batch: self._logits(theta, batch), row_losses, mixed_derivative
        )
        self.n_steps = 0
        self._course = Course()
        self._course.add(0, self._values)

    # The loss

    @property
    def n_outer_steps(self) -> int:
        """Outer steps so far."""
        return len(self._course.steps) - 1

    @property
    def parameters(self) -> dict[str, Tensor]:
        """``w``, ``offset`` (mean 0 over classes) and ``delta`` of the moment, each (K,), or (K, G) with groups."""
        return {name: value.clone() for name, value in self._values.items()}

    def loss(self, logits: Tensor, target: Tensor, group: Tensor | None = None, *, reduction: str = "mean") -> Tensor:
        """Loss of a training batch, by the parameters of the moment; each call with gradients on is a step.

        Parameters
        ----------
        logits : Tensor of shape (B, K)
        target : Tensor of shape (B,), integer, or (B, K), floating
            Class indices, or probabilities as `ReMix` gives them.
        group : Tensor of shape (B,), integer, optional
            Group of each row, if `begin` was told of groups.
        reduction : {"mean", "sum", "none"}, default="mean"

        Returns
        -------
        Tensor of shape (), or (B,) with ``reduction="none"``
        """
        self._check_groups(group)
        self.n_steps += torch.is_grad_enabled()
        w = self._values["w"] if "w" in self._departures else None  # weights of 1 take a quarter of the time
        offset, delta = self._values["offset"], self._values["delta"]
        return parametric_cross_entropy(
            logits, target, w=w, offset=offset, delta=delta, group=group, reduction=reduction
        )

    def retraining_loss(self, *, reduction: str = "mean") -> ParametricCrossEntropy:
        """Return the loss found: the mean of the parameters over the later half of the outer steps.

        For a network that trains anew on all rows, those of the validation too.
        """
        means = self._course.later_means()
        w, offset, delta = (means[name].to(self._values[name].device) for name in NAMES)
        n_groups = offset.shape[-1] if self._grouped else None
        return ParametricCrossEntropy(w=w, offset=offset, delta=delta, num_groups=n_groups, reduction=reduction)

    def found(self) -> list[FoundLoss]:
        """Return, for each replica of a stack, what `retraining_loss` has and how it came to be."""
        means, steps, course = self._course.later_means(), *self._course.arrays()
        return [
            FoundLoss(
                {name: value[r].numpy() for name, value in means.items()},
                steps,
                {name: values[:, r] for name, values in course.items()},
            )
            for r in range(len(means["offset"]))
        ]

    # The outer step

    def due(self) -> bool:
        """Whether an outer step is due after the training step just made."""
        past = self.n_steps - self._warm_up
        return self.n_steps > 0 and past >= 0 and past % self._interval == 0

    def step(self, train_batches: Iterable[Any], validation_batches: Iterable[Any]) -> None:
        """Move the parameters down the gradient of the objective on validation rows.

        The model is looked at as it predicts, dropout off and batch-norm's statistics as they are; nothing of it
        changes, nor do its gradients.

        Parameters
        ----------
        train_batches, validation_batches : iterable of (x, y), (x, y, group) or (x, y, group, weight)
            ``n_batches`` are taken of each: the next of an iterator, the first of a list or a loader. Training batches
            are as the loss sees them, y class indices or probabilities; validation batches have class indices. A row
            of weight w counts as w rows.

        Raises
        ------
        ValueError
            If batches are too few or lack groups, or validation targets are probabilities.
        """
        train = self._taken(train_batches, "train_batches")
        validation = self._taken(validation_batches, "validation_batches")
        if any(batch.target.is_floating_point() for batch in validation):
            raise ValueError(
                "Validation targets must be class indices, but they are floating: losses are summed up by class, so "
                "leave validation batches unmixed."
            )
        with as_predicting(self._model):
            gradient, measured = self._hypergradient(train, validation)
        self._move(gradient)
        self._values = self._shaped(self._map.values(self._departures))
        self._course.add(self.n_steps, self._values, measured)

    def _hypergradient(self, train: Sequence[Batch], validation: Sequence[Batch]) -> tuple[Named, Named]:
        *_, K, G = self._map.start["offset"].shape
        theta = self._theta()
        v, value = outer_gradient(self._plain_losses, self._objective, theta, validation, (K, G), lead=self._lead)
        found = hypergradient(self._problem, theta, self._values, train, v, self._solver, lead=self._lead)
        gradient = self._by_departures(found.alpha)
        length = flat(gradient, self._lead).norm(dim=-1)
        return gradient, dict(zip(MEASURES, (value, found.residual, length)))

    @torch.enable_grad()
    def _by_departures(self, slopes: Named) -> Named:
        """Carry derivatives by w, offset and delta over to what is searched."""
        departures = leaves(self._departures)
        values = self._shaped(self._map.values(departures))
        moving = [name for name in values if values[name].requires_grad]
        return gradients(reduce(torch.add, ((values[name] * slopes[name]).sum() for name in moving)), departures)

    def _move(self, gradient: Named) -> None:
        """Step along the mean of past directions, each of length 1: neither the scale nor an outlier matters."""
        for name, slope in gradient.items():
            length = slope.flatten(-2).norm(dim=-1)[..., None, None]
            told = length.isfinite() & (length > 0)  # not by a network that diverged
            direction = torch.where(told, slope / length, 0.0)
            self._momentum[name] = torch.lerp(direction, self._momentum[name], _MOMENTUM)
            self._departures[name] = self._departures[name] - self._rate * self._momentum[name]

    def _theta(self) -> Named:
        trained = {name: p.detach() for name, p in self._model.named_parameters() if p.requires_grad}
        if not isinstance(self._solver, Exact):
            return trained
        return {name: trained[name] for name in head_parameters(self._model) if name in trained}

    def _logits(self, theta: Named, batch: Batch) -> Tensor:
        return functional_call(self._model, theta, (batch.x,), tie_weights=self._tied)

    def _plain_losses(self, theta: Named, batch: Batch) -> Tensor:
        return parametric_cross_entropy(self._logits(theta, batch), batch.target, reduction="none")

    def _taken(self, batches: Iterable[Any], name: str) -> list[Batch]:
        taken = [Batch(*batch) for batch in islice(iter(batches), self.n_batches)]
        if len(taken) < self.n_batches:
            raise ValueError(
                f"n_batches={self.n_batches} batches are taken in an outer step, but {name} gave {len(taken)}: give a "
                f"loader, a list of enough batches, or an iterator that does not end."
            )
        for batch in taken:
            self._check_groups(batch.group)
        return taken

    def _check_groups(self, group: Tensor | None) -> None:
        if (group is not None) != self._grouped:
            raise ValueError(
                f"Groups of rows go with class_counts of shape (K, G), but "
                f"{'groups came without them' if not self._grouped else 'no groups came'}: give both or neither."
            )

    def _shaped(self, values: Named) -> Named:
        """Leave out the axis of groups where there are none."""
        return values if self._grouped else {name: value.squeeze(-1) for name, value in values.items()}

    # What is kept

    @property
    def history(self) -> pd.DataFrame:
        """Every parameter from its start on: ``step``, ``parameter``, ``class``, ``value``.

        A stack has a column ``replica`` more, groups a column ``group``. ``step`` is the training step after which
        the value came to be.
        """
        return self._course.parameters(self._axes())

    @property
    def outer_steps(self) -> pd.DataFrame:
        """A row an outer step (of a replica): ``step``, ``objective`` before it, ``residual``, ``gradient_norm``."""
        return self._course.measures(self._axes()[: self._lead])

    def _axes(self) -> list[str]:
        return [*["replica"] * self._lead, "class", *["group"] * self._grouped]

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next steps depend on, and the history: numbers and tensors, for ``torch.save``."""
        return {
            "n_steps": self.n_steps,
            "departures": dict(self._departures),
            "momentum": dict(self._momentum),
            "course": self._course.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of a search with the same parameters.

        Raises
        ------
        ValueError
            If the state is that of a search over other parameters, or other numbers of classes.
        """
        own, found = ({name: tuple(d.shape) for name, d in s.items()} for s in (self._departures, state["departures"]))
        if own != found:
            raise ValueError(f"The state must have parameters of shapes {own}, but it has {found}: begin as it began.")
        for mine, kept in ((self._departures, state["departures"]), (self._momentum, state["momentum"])):
            mine.update({name: value.to(mine[name]) for name, value in kept.items()})
        self.n_steps, self._course = state["n_steps"], Course(**state["course"])
        self._values = self._shaped(self._map.values(self._departures))
