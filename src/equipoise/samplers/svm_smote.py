"""Synthetic rows of SVM-SMOTE for one class, in tables of any length.

Nguyen, Cooper and Kamei, "Borderline over-sampling for imbalanced data classification" (2011), as imbalanced-learn has
it. Its support vectors come from a kernel machine whose training takes time that grows with the square of the rows.
"""

import warnings
from typing import Any

import numpy as np
from imblearn.over_sampling import SVMSMOTE
from numpy.typing import NDArray
from sklearn.svm import SVC

from equipoise.samplers.gan import Rows, appended, plain, smote_rows

MOST_OTHERS = 10_000
"""Rows of the other classes that support vectors are sought with, at most."""


def rows_to_fit(y: NDArray[Any], label: Any, seed: int) -> NDArray[np.intp]:
    """Return the places of all rows of a class and of at most `MOST_OTHERS` drawn from the others, in order.

    >>> y = np.repeat(["common", "rare"], [60_000, 20])
    >>> rows = rows_to_fit(y, "rare", seed=0)
    >>> len(rows), int((y[rows] == "rare").sum())
    (10020, 20)
    """
    others = np.flatnonzero(y != label)
    if len(others) > MOST_OTHERS:
        others = np.random.default_rng(seed).choice(others, MOST_OTHERS, replace=False)
    return np.sort(np.concatenate([np.flatnonzero(y == label), others]))


class BoundedSVC(SVC):
    """SVM-SMOTE's kernel machine, fitted on `rows_to_fit` only.

    Its `support_` are places among all rows, so that SVM-SMOTE looks for their neighbours among all rows, too: whether
    a support vector counts as noise does not depend on the draw.
    """

    support_: NDArray[np.int32]

    def __init__(self, label: Any, seed: int) -> None:
        super().__init__(gamma="scale", random_state=seed)  # else libsvm moves numpy's global state
        self.label = label
        self.seed = seed

    def fit(self, X: Rows, y: NDArray[Any]) -> "BoundedSVC":
        """Fit on all rows (n, d) of the class and a draw of the others."""
        rows = rows_to_fit(y, self.label, self.seed)
        super().fit(X[rows], y[rows])
        self.support_ = rows[self.support_].astype(np.int32)
        return self


def svm_smote_rows(X: Rows, y: Rows, label: Any, n: int, seed: int, svm_estimator: SVC | None) -> Rows:
    """Return n synthetic rows of SVM-SMOTE with a kernel machine (its own by default), or else by SMOTE.

    The class must have 6 rows or more.
    """
    n_real, m = int((y == label).sum()), min(10, len(y) - 1)
    try:
        for asked in (n, 4 * n):  # about half are made where all support vectors are of one kind
            sampler = SVMSMOTE(
                sampling_strategy={label: n_real + asked}, m_neighbors=m, svm_estimator=svm_estimator, random_state=seed
            )
            made = appended(sampler, X, y)
            if len(made) >= n:
                return made[:n]
        fault = f"it gave {len(made)} synthetic rows instead of {asked}"
    except ValueError as error:  # all support vectors are surrounded by other classes
        fault = str(error)
    warnings.warn(
        f"SVMSMOTE could not be used for class {plain(label)!r} ({fault}); SMOTE was used instead.",
        UserWarning,
        stacklevel=10,
    )
    return smote_rows(X, y, label, n, seed)
