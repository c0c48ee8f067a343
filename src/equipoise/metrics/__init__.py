"""Scores of labels and of probabilities: per class, and balanced over the classes.

Everything at a threshold is derived from one confusion matrix (rows = true class, columns = predicted
class, as in scikit-learn): a stored matrix gives every such score back (`counts_summary`), and a stack of
matrices ``(..., K, K)`` is scored at once.

Common to all functions:

- ``y_true``, ``y_pred``: labels of shape ``(n,)``, of any type that can be sorted.
- ``y_proba``: shape ``(n, K)``, a column a class, rows summing to 1; or ``(n,)``, the probability of the
  second label.
- ``labels``: the classes in the order of the columns, each once. Default: the sorted classes that occur.
- ``sample_weight``: shape ``(n,)``, not negative; an integer weight means that the row is there so often.

A 0/0 in a precision, F1 or Matthews correlation counts as 0. A class without true rows has no recall and no
Brier score: both are NaN for it, and the means over classes leave it out.
Bad input raises ``ValueError``, hard labels passed as scores ``TypeError``.
"""

from equipoise.metrics.confusion import (
    MARGIN_METRICS,
    MarginMetric,
    at_prevalence,
    balanced_accuracy,
    counts_summary,
    g_mean,
    macro_f1_score,
    matthews_corrcoef,
)
from equipoise.metrics.groups import cell_errors, deo, group_errors
from equipoise.metrics.inputs import Floats, Indices, as_columns, check_probabilities, comparable, tally
from equipoise.metrics.probabilities import (
    balanced_brier_score,
    brier_score,
    class_brier_scores,
    expected_calibration_error,
    log_loss,
)
from equipoise.metrics.ranks import average_precision, roc_auc

__all__ = [
    "MARGIN_METRICS",
    "Floats",
    "Indices",
    "MarginMetric",
    "as_columns",
    "at_prevalence",
    "average_precision",
    "balanced_accuracy",
    "balanced_brier_score",
    "brier_score",
    "cell_errors",
    "check_probabilities",
    "class_brier_scores",
    "comparable",
    "counts_summary",
    "deo",
    "expected_calibration_error",
    "g_mean",
    "group_errors",
    "log_loss",
    "macro_f1_score",
    "matthews_corrcoef",
    "roc_auc",
    "tally",
]
