"""What is possible for outcomes of alarms, given how many alarms there are and how many rows are positive."""

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import Interval
from equipoise.metrics import Floats

_TINY = 1e-12


def possible(frame: pd.DataFrame, alarms: Interval, per: float) -> dict[str, tuple[Floats, Floats]]:
    """Return the least and the most of each outcome on each fold.

    The frame has columns ``alarms``, ``caught`` and ``missed`` for ``per`` rows, one row a fold; ``alarms`` is the
    interval over the folds, a single number at a fixed capacity.
    """
    raised = frame["alarms"].to_numpy()
    positives = (frame["caught"] + frame["missed"]).to_numpy()
    few, many = np.fmin(raised, alarms.low), np.fmax(raised, alarms.high)
    least, most = np.maximum(few + positives - per, 0), np.minimum(many, positives)
    precision = least / np.maximum(few, _TINY), np.minimum(positives / np.maximum(few, _TINY), 1)
    share = np.maximum(positives, _TINY)
    return {
        "caught": (least, most),
        "false": (np.maximum(few - positives, 0), np.minimum(many, per - positives)),
        "missed": (positives - most, positives - least),
        "recall": (least / share, most / share),
        "precision": precision,
        "lift": (per / share * precision[0], per / share * precision[1]),
    }
