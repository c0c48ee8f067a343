"""A search over the loss, while it runs beside a training loop."""

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from equipoise.bilevel.batches import BatchSource
from equipoise.bilevel.found_loss import FoundLoss
from equipoise.bilevel.history import MEASURES, History
from equipoise.bilevel.hypergradients import hypergradient, outer_gradient
from equipoise.bilevel.inner import Batch, InnerProblem
from equipoise.bilevel.loss_parameters import NAMES, LossParameters
from equipoise.bilevel.networks import head_parameters, predicting, summed_over, unwrapped
from equipoise.bilevel.outer_objectives import OuterObjective
from equipoise.bilevel.parametric import mixed_derivative, row_losses
from equipoise.bilevel.solvers import Exact, Solver
from equipoise.bilevel.vectors import Named, flat, gradients, leaves
from equipoise.losses import ParametricCrossEntropy, parametric_cross_entropy
from equipoise.losses.reduction import check_range

_MOMENTUM = 0.9


class Parameters(dict[str, Tensor]):
    """Parameters of a loss by name; the papers' symbol ``l`` finds the offset."""

    def __missing__(self, name: str) -> Tensor:
        """Return the offset for ``l``."""
        if name != "l":
            raise KeyError(name)
        return self["offset"]


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
        self._departures = parameters.zeros()
        self._momentum = parameters.zeros()
        self._values = self._shaped(parameters.values(self._departures))
        if isinstance(solver, Exact):
            solver.check_size(sum(value.numel() for value in self._theta().values()))
        self._version: int | None = None
        self.n_steps = 0
        self._history = History(self._of)
        self._history.begin(self._departures)
        self._train = BatchSource("train_batches", n_batches)
        self._validation = BatchSource("validation_batches", n_batches)

    # The loss

    @property
    def n_outer_steps(self) -> int:
        """Outer steps so far."""
        return self._history.n_outer_steps

    @property
    def parameters(self) -> "Parameters":
        """``w``, ``offset`` (mean 0 over classes) and ``delta`` of the moment, each (K,), or (K, G) with groups."""
        return Parameters({name: value.clone() for name, value in self._values.items()})

    def loss(self, logits: Tensor, target: Tensor, group: Tensor | None = None, *, reduction: str = "mean") -> Tensor:
        """Loss of a training batch, by the parameters of the moment; each call with gradients on is a step.

        Parameters
        ----------
        logits : Tensor of shape (B, K)
        target : Tensor of shape (B,), integer, or (B, K), floating
            Class indices, or probabilities as `ReMix` gives them.
        group : Tensor of shape (B,), integer, optional
            Group of each row, if `class_counts` has groups.
        reduction : {"mean", "sum", "none"}, default="mean"

        Returns
        -------
        Tensor of shape (), or (B,) with ``reduction="none"``
        """
        self._check_groups(group)
        self.n_steps += torch.is_grad_enabled() and self._begins_step()
        w = self._values["w"] if "w" in self._departures else None  # weights of 1 take a quarter of the time
        offset, delta = self._values["offset"], self._values["delta"]
        return parametric_cross_entropy(
            logits, target, w=w, offset=offset, delta=delta, group=group, reduction=reduction
        )

    def retraining_loss(self, *, reduction: str = "mean") -> ParametricCrossEntropy:
        """Return the loss found: the mean of the parameters over the later half of the outer steps.

        For a new network that trains on all rows, those of the validation too.
        """
        means = self._history.later_means()
        w, offset, delta = (means[name].to(self._values[name].device) for name in NAMES)
        n_groups = offset.shape[-1] if self._grouped else None
        return ParametricCrossEntropy(w=w, offset=offset, delta=delta, num_groups=n_groups, reduction=reduction)

    def found(self) -> list[FoundLoss]:
        """Return, for each replica of a stack, what `retraining_loss` has and how it came to be."""
        means, steps, history = self._history.later_means(), *self._history.arrays()
        return [
            FoundLoss(
                {name: value[r].numpy() for name, value in means.items()},
                steps,
                {name: values[:, r] for name, values in history.items()},
            )
            for r in range(len(means["offset"]))
        ]

    # The outer step

    def due(self) -> bool:
        """Whether an outer step is due after the training step just made, and not made yet."""
        past = self.n_steps - self._warm_up
        return self.n_steps > self._history.steps[-1] and past >= 0 and past % self._interval == 0

    def step(self, train_batches: Iterable[Any], validation_batches: Iterable[Any]) -> None:
        """Move the parameters down the gradient of the objective on validation rows.

        The model runs as it predicts (dropout off, batch-norm's statistics as they are), outside autocast and without
        the wrappers of DDP, Fabric or ``torch.compile``; nothing of it changes, nor do its gradients. Under DDP all
        processes call this together, each with batches of its own, and all find the same parameters: those that one
        process would find on all batches.

        Parameters
        ----------
        train_batches, validation_batches : iterable of (x, y), (x, y, group) or (x, y, group, weight), or of dict
            The next ``n_batches`` of each. A list or a loader, given again, goes on where the last outer step ended,
            with the same workers, pass after pass. Training batches are as the loss sees them, y class indices or
            probabilities; validation batches have class indices. A row of weight w counts as w rows. A dict has its
            target under "labels", "label", "target" or "y"; the rest goes to the model as keyword arguments.

        Raises
        ------
        ValueError
            If batches are too few or lack groups, groups are out of range, or validation targets are probabilities.
        """
        train, validation = self._train.take(train_batches), self._validation.take(validation_batches)
        for batch in (*train, *validation):
            self._check_groups(batch.group)
            check_range(batch.group, self._map.class_counts.shape[-1])
        if any(batch.target.is_floating_point() for batch in validation):
            raise ValueError(
                "Validation targets must be class indices, but they are floating: losses are summed up by class, so "
                "leave validation batches unmixed."
            )
        with predicting(self._model) as logits:
            gradient, measured = self._hypergradient(logits, train, validation)
        self._move(gradient)
        self._values = self._of(self._departures)
        self._history.add(self.n_steps, self._departures, measured)

    def _hypergradient(
        self, logits: Callable[[Named, Any], Tensor], train: Sequence[Batch], validation: Sequence[Batch]
    ) -> tuple[Named, Named]:
        def plain_losses(theta: Named, batch: Batch) -> Tensor:
            return parametric_cross_entropy(logits(theta, batch.x), batch.target, reduction="none")

        *_, K, G = self._map.start["offset"].shape
        theta, lead, summed = self._theta(), self._lead, summed_over(unwrapped(self._model)[1])
        problem = InnerProblem(lambda theta, _, batch: logits(theta, batch.x), row_losses, mixed_derivative)
        v, value = outer_gradient(plain_losses, self._objective, theta, validation, (K, G), lead=lead, summed=summed)
        found = hypergradient(problem, theta, self._values, train, v, self._solver, lead=lead, summed=summed)
        gradient = self._by_departures(found.alpha)
        length = flat(gradient, self._lead).norm(dim=-1)
        return gradient, dict(zip(MEASURES, (value, found.residual, length)))

    @torch.enable_grad()
    def _by_departures(self, slopes: Named) -> Named:
        """Carry derivatives by w, offset and delta over to what is searched."""
        departures = leaves(self._departures)
        values = self._of(departures)
        moving = [name for name in values if values[name].requires_grad]
        return gradients(reduce(torch.add, ((values[name] * slopes[name]).sum() for name in moving)), departures)

    def _move(self, gradient: Named) -> None:
        """Step along the mean of past directions, each of length 1: neither the scale nor an outlier matters."""
        for name, slope in gradient.items():
            length = slope.flatten(-2).norm(dim=-1)[..., None, None]
            known = length.isfinite() & (length > 0)  # unknown where a network diverged
            direction = torch.where(known, slope / length, 0.0)
            self._momentum[name] = torch.lerp(direction, self._momentum[name], _MOMENTUM)
            self._departures[name] = self._departures[name] - self._rate * self._momentum[name]

    def _theta(self) -> Named:
        """Return the weights that the hypergradient goes through."""
        bare, _ = unwrapped(self._model)
        trained = {name: p.detach() for name, p in bare.named_parameters() if p.requires_grad}
        if not isinstance(self._solver, Exact):
            return trained
        return {name: trained[name] for name in head_parameters(bare) if name in trained}

    def _begins_step(self) -> bool:
        """Whether the weights have moved or gradients were cleared since the last loss: else gradients accumulate."""
        trained = [parameter for parameter in self._model.parameters() if parameter.requires_grad]
        before, self._version = self._version, sum(parameter._version for parameter in trained)
        return self._version != before or all(parameter.grad is None for parameter in trained)

    def _of(self, departures: Named) -> Named:
        """Return w, offset and delta of departures from the start."""
        on_device = {name: value.to(self._departures[name].device) for name, value in departures.items()}
        return self._shaped(self._map.values(on_device))

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
        return self._history.parameters(self._axes())

    @property
    def outer_steps(self) -> pd.DataFrame:
        """A row an outer step (of a replica): ``step``, ``objective`` before it, ``residual``, ``gradient_norm``."""
        return self._history.measures(self._axes()[: self._lead])

    def _axes(self) -> list[str]:
        return [*["replica"] * self._lead, "class", *["group"] * self._grouped]

    def state_dict(self) -> dict[str, Any]:
        """Return the numbers and tensors that the next steps depend on, and the history, for ``torch.save``."""
        return {
            "n_steps": self.n_steps,
            "settings": dict(self._map.settings),
            "class_counts": self._map.class_counts.clone(),
            "departures": dict(self._departures),
            "momentum": dict(self._momentum),
            "history": self._history.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of a search that began with the same parameters and class counts.

        Raises
        ------
        ValueError
            If the state is of another search, or none.
        """
        if not isinstance(state, dict) or not state.keys() >= self.state_dict().keys():
            given = list(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(f"The state must be one that state_dict() gave, but it is {_short(given)}.")
        own, kept = ({name: tuple(d.shape) for name, d in s.items()} for s in (self._departures, state["departures"]))
        pairs = {"parameters": (own, kept)} | {
            name: (value, state["settings"][name]) for name, value in self._map.settings.items()
        }
        counts = self._map.class_counts
        if own == kept:
            pairs["class_counts"] = (counts.tolist(), state["class_counts"].to(counts).tolist())
        for name, (mine, theirs) in pairs.items():
            if mine != theirs:
                raise ValueError(
                    f"The state is of a search with {name}={_short(theirs)}, but this one has {name}={_short(mine)}: "
                    f"begin with the same parameters and class counts."
                )
        for departed, loaded in ((self._departures, state["departures"]), (self._momentum, state["momentum"])):
            departed.update({name: value.to(departed[name]) for name, value in loaded.items()})
        self.n_steps, self._history = state["n_steps"], History(self._of, **state["history"])
        self._values = self._of(self._departures)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
