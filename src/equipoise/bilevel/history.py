"""The history of a search: the parameters after each outer step, and its measures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from equipoise.bilevel.vectors import Named

MEASURES = ("objective", "residual", "gradient_norm")


class History:
    """Parameters and measures by outer step, on the CPU; its first entry is the start.

    Parameters
    ----------
    steps : sequence of int
        Training steps that had been made.
    values : sequence of dict of Tensor
        Parameters from then on.
    measured : sequence of dict of Tensor
        `MEASURES` of each outer step; one fewer, as the start has none.
    """

    def __init__(self, steps: Sequence[int] = (), values: Sequence[Named] = (), measured: Sequence[Named] = ()) -> None:
        self.steps, self._values, self._measured = list(steps), list(values), list(measured)

    def add(self, step: int, values: Named, measured: Named | None = None) -> None:
        """Take note of an outer step, or of the start."""
        self.steps.append(step)
        self._values.append(_kept(values))
        if measured is not None:
            self._measured.append(_kept(measured))

    def state(self) -> dict[str, Any]:
        """Return the numbers that the history is rebuilt from."""
        return {"steps": list(self.steps), "values": list(self._values), "measured": list(self._measured)}

    def later_means(self) -> Named:
        """Mean of each parameter over the later half of the outer steps."""
        later = self._values[len(self._values) // 2 :]
        return {name: torch.stack([values[name] for values in later]).mean(0) for name in later[0]}

    def arrays(self) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Return the steps, and each parameter with a leading axis of steps."""
        joined = {name: torch.stack([values[name] for values in self._values]).numpy() for name in self._values[0]}
        return np.array(self.steps, dtype=np.int64), joined

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
    return {name: value.detach().cpu().clone() for name, value in values.items()}


def _indexed(steps: NDArray[Any], values: NDArray[Any], axes: Sequence[str]) -> pd.DataFrame:
    return long_frame(steps, values, {name: np.arange(n) for name, n in zip(axes, values.shape[1:])})


def long_frame(steps: NDArray[Any], values: NDArray[Any], axes: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Write values ``(S, ...)``, one set a step, as rows: ``step``, the label on each further axis, and ``value``."""
    places = np.indices(values.shape).reshape(values.ndim, -1)
    labels = {name: names[place] for (name, names), place in zip(axes.items(), places[1:])}
    return pd.DataFrame({"step": steps[places[0]], **labels, "value": values.ravel()})
