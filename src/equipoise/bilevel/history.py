"""History of a loss search: parameters after each outer step, and measures of the step."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from equipoise.bilevel.vectors import Named

MEASURES = ("objective", "residual", "gradient_norm")
_MOST_NUMBERS = 1 << 22  # beyond, every second outer step is dropped: 16 MB in single precision


class History:
    """Departures from the start and measures by outer step, on the CPU; the first entry is the start.

    A search of very many steps and parameters keeps every second, fourth, ... step, and the last.

    ``values`` turns departures into parameters; ``measured`` holds the `MEASURES` of each outer step, none of the
    start.
    """

    def __init__(
        self,
        values: Callable[[Named], Named],
        steps: Sequence[int] = (),
        departures: Sequence[Named] = (),
        measured: Sequence[Named] = (),
        n_outer_steps: int = 0,
        every: int = 1,
    ) -> None:
        self._values_of = values
        self.steps, self._departures, self._measured = list(steps), list(departures), list(measured)
        self.n_outer_steps, self._every = n_outer_steps, every

    def begin(self, departures: Named) -> None:
        """Add the start."""
        self.steps.append(0)
        self._departures.append(_kept(departures))

    def add(self, step: int, departures: Named, measured: Named) -> None:
        """Add an outer step."""
        if self.n_outer_steps % self._every:  # the last entry was kept only as the last
            for entries in (self.steps, self._departures, self._measured):
                entries.pop()
        self.n_outer_steps += 1
        self.steps.append(step)
        self._departures.append(_kept(departures))
        self._measured.append(_kept(measured))
        numbers = sum(value.numel() for value in self._departures[0].values())
        if numbers * len(self.steps) > _MOST_NUMBERS and len(self.steps) > 3:
            self._thin()

    def _thin(self) -> None:
        """Keep the start, every second entry, and the last."""
        last = self.n_outer_steps
        numbers = [*range(0, last, self._every), last]
        self._every *= 2
        kept = [i for i, number in enumerate(numbers) if number % self._every == 0 or number == last]
        self.steps = [self.steps[i] for i in kept]
        self._departures = [self._departures[i] for i in kept]
        self._measured = [self._measured[i - 1] for i in kept[1:]]

    def state(self) -> dict[str, Any]:
        """Return the arguments that rebuild the history."""
        return {
            "steps": list(self.steps),
            "departures": list(self._departures),
            "measured": list(self._measured),
            "n_outer_steps": self.n_outer_steps,
            "every": self._every,
        }

    def later_means(self) -> Named:
        """Mean of each parameter over the later half of the outer steps."""
        later = self._parameters(self._departures[len(self._departures) // 2 :])
        return {name: values.mean(0) for name, values in later.items()}

    def arrays(self) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Return the steps, and each parameter with a leading axis of steps."""
        joined = {name: values.numpy() for name, values in self._parameters(self._departures).items()}
        return np.array(self.steps, dtype=np.int64), joined

    def _parameters(self, departures: Sequence[Named]) -> Named:
        values = [_kept(self._values_of(each)) for each in departures]
        return {name: torch.stack([each[name] for each in values]) for name in values[0]}

    def parameters(self, axes: Sequence[str]) -> pd.DataFrame:
        """Return the parameters, a row each: ``step``, ``parameter``, an index for each of its axes, ``value``."""
        steps, joined = self.arrays()
        frames = [_indexed(steps, values, axes).assign(parameter=name) for name, values in joined.items()]
        return pd.concat(frames, ignore_index=True)[["step", "parameter", *axes, "value"]]

    def measures(self, axes: Sequence[str]) -> pd.DataFrame:
        """Return the measures, a row an outer step: ``step``, an index for each axis, and a column each."""
        steps, empty = np.array(self.steps[1:], dtype=np.int64), np.empty((0,) * (1 + len(axes)))
        joined = [np.stack([m[name].numpy() for m in self._measured]) if len(steps) else empty for name in MEASURES]
        frame = _indexed(steps, joined[0], axes).drop(columns="value")
        return frame.assign(**{name: values.ravel() for name, values in zip(MEASURES, joined)})


def _kept(values: Named) -> Named:
    return {
        name: value.detach().to("cpu", torch.promote_types(value.dtype, torch.float32), copy=True)
        for name, value in values.items()
    }


def _indexed(steps: NDArray[Any], values: NDArray[Any], axes: Sequence[str]) -> pd.DataFrame:
    return long_frame(steps, values, {name: np.arange(n) for name, n in zip(axes, values.shape[1:])})


def long_frame(steps: NDArray[Any], values: NDArray[Any], axes: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Write values ``(S, ...)``, one set a step, as rows: ``step``, the label on each further axis, and ``value``."""
    places = np.indices(values.shape).reshape(values.ndim, -1)
    labels = {name: names[place] for (name, names), place in zip(axes.items(), places[1:])}
    return pd.DataFrame({"step": steps[places[0]], **labels, "value": values.ravel()})
