"""The parameters of a loss search as outer steps move them."""

from functools import reduce
from typing import Any

import torch
from torch import Tensor

from equipoise.bilevel.loss_parameters import LossParameters, kind_of
from equipoise.bilevel.vectors import Named, gradients, leaves

_MOMENTUM = 0.9


class Departures:
    """Departures from the start, and the parameters that they give.

    ``learning_rate`` is the largest length of a step of each kind of parameter. ``now`` holds the departures,
    ``values`` the parameters.
    """

    def __init__(self, parameters: LossParameters, learning_rate: float, grouped: bool) -> None:
        self._map, self._rate, self._grouped = parameters, learning_rate, grouped
        self.now, self._momentum = parameters.zeros(), parameters.zeros()
        self.values = self.of(self.now)

    def of(self, departures: Named) -> Named:
        """Return the parameters of departures from the start."""
        on_device = {name: value.to(self.now[name].device) for name, value in departures.items()}
        values = self._map.values(on_device)
        return values if self._grouped else {name: value.squeeze(-1) for name, value in values.items()}

    @torch.enable_grad()
    def gradient(self, slopes: Named) -> Named:
        """Convert derivatives by parameters to derivatives by departures."""
        departures = leaves(self.now)
        values = self.of(departures)
        moving = [name for name in values if values[name].requires_grad]
        return gradients(reduce(torch.add, ((values[name] * slopes[name]).sum() for name in moving)), departures)

    def move(self, gradient: Named) -> None:
        """Step along the mean of past directions, each of length 1, so that scale and outliers have no effect.

        Those of an augmentation have this length in the mean over its operations, of all strengths together.
        """
        squares: dict[str, list[Tensor]] = {}
        for name, slope in gradient.items():
            squares.setdefault(kind_of(name), []).append(slope.square().sum((-2, -1), keepdim=True))
        for name, slope in gradient.items():
            length = torch.stack(squares[kind_of(name)]).mean(0).sqrt()
            known = length.isfinite() & (length > 0)  # unknown where a network diverged
            direction = torch.where(known, slope / length, 0.0)
            self._momentum[name] = torch.lerp(direction, self._momentum[name], _MOMENTUM)
            self.now[name] = self.now[name] - self._rate * self._momentum[name]
        self.values = self.of(self.now)

    def state(self) -> dict[str, Any]:
        """Return the state, for `load`."""
        return {**self._map.state(), "departures": dict(self.now), "momentum": dict(self._momentum)}

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of a search with the same parameters; refuse another with a `ValueError`."""
        self._map.check_saved(state)
        for own, loaded in ((self.now, state["departures"]), (self._momentum, state["momentum"])):
            own.update({name: value.to(own[name]) for name, value in loaded.items()})
        self.values = self.of(self.now)
