"""The design: three parts, every subset of them, and how scores are read."""

from itertools import combinations

import pandas as pd

PARTS = ("mubo", "remix", "autobalance")
TERMS = tuple("+".join(chosen) for n in (1, 2, 3) for chosen in combinations(PARTS, n))
"""Subsets with any part; also the names of main effects and interactions."""
ARMS = ("none", *TERMS)
TWICE = "remix+autobalance-la"
"""Balanced batches under a search that starts from logit adjustment: the imbalance is corrected twice."""
SCORED = ("g_mean", "balanced_brier", "macro_f1", "average_precision", "log_loss")
NATURAL, CORRECTED = "natural", "corrected"
READINGS = {NATURAL: "as decided", CORRECTED: "corrected on the other folds"}


def read(scores: pd.DataFrame, reading: str) -> pd.DataFrame:
    """Return the scores of a reading, a column a metric."""
    columns = {f"{reading}_{name}": name for name in SCORED}
    return scores[["set", "family", "method", "seconds", *columns]].rename(columns=columns)
