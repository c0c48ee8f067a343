"""The course of a search: the parameters after each outer step, and what was measured on the way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from equipoise.bilevel.vectors import Named

MEASURES = ("objective", "residual", "gradient_norm")


class Course:
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
        """Return what makes the course again."""
        return {"steps": list(self.steps), "values": list(self._values), "measured": list(self._measured)}

    def later_means(self) -> Named:
        """Mean of each parameter over the later half of the outer steps."""
        later = self._values[len(self._values) // 2 :]
        return {name: torch.stack([values[name] for values in later]).mean(0) for name in later[0]}

    def parameters(self, axes: Sequence[str]) -> pd.DataFrame:
        """Return the parameters, a row each: ``step``, ``parameter``, an index for each of its axes, ``value``."""
        frames = [
            _long(self.steps, [values[name] for values in self._values], axes).assign(parameter=name)
            for name in self._values[0]
        ]
        return pd.concat(frames, ignore_index=True)[["step", "parameter", *axes, "value"]]

    def measures(self, axes: Sequence[str]) -> pd.DataFrame:
        """Return the measures, a row an outer step: ``step``, an index for each axis, and a column each."""
        columns = [
            _long(self.steps[1:], [measured[name] for measured in self._measured], axes).rename(columns={"value": name})
            for name in MEASURES
        ]
        frame = columns[0]
        for column, name in zip(columns[1:], MEASURES[1:]):
            frame[name] = column[name]
        return frame


def _kept(values: Named) -> Named:
    return {name: value.detach().cpu().clone() for name, value in values.items()}


def _long(steps: Sequence[int], values: Sequence[Tensor], axes: Sequence[str]) -> pd.DataFrame:
    """Write tensors, one a step, as rows: the step, an index for each axis, and the value."""
    array = torch.stack(list(values)).numpy() if values else np.empty((0,) * (1 + len(axes)))
    places = np.indices(array.shape).reshape(array.ndim, -1)
    frame = pd.DataFrame({"step": np.asarray(steps, dtype=np.int64)[places[0]]})
    return frame.assign(**dict(zip(axes, places[1:])), value=array.ravel())
