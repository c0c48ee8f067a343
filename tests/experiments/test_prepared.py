"""A fold as numbers refuses a classifier that does not speak its class codes."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold


@pytest.mark.parametrize("labels", [["no", "yes"], [1, 2], [-1, 1]], ids=str)
def test_a_classifier_fitted_before_on_other_labels_is_refused(labels, problem):
    X, y = problem((40, 20))
    fold = PreparedFold(Fold(0, 0, np.arange(30), np.arange(30, 60), 0), X[:30], X[30:], y[:30], y[30:], 2)
    frozen = FrozenEstimator(LogisticRegression().fit(X, np.array(labels)[y]))
    with pytest.raises(ValueError, match=r"not the class codes 0 to 1 .* fitted before cannot be compared"):
        fold.cell("own", frozen, 0.0)
    assert fold.cell("own", FrozenEstimator(LogisticRegression().fit(X, y)), 0.0).confusion.sum() == 30
