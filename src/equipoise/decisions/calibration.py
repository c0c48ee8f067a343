"""Calibration by one exponent and an intercept a class: p'_k proportional to p_k^a exp(c_k), fitted by log loss.

Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks) with intercepts, which take up a change
of class priors: bias-corrected temperature scaling (Alexandari, Kundaje and Shrikumar 2020, Maximum Likelihood with
Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from equipoise.decisions.pool import log_probabilities

Floats = NDArray[np.float64]

_EXPONENT_SPREAD, _INTERCEPT_SPREAD = 1.0, 5.0  # standard deviations of a normal prior around no change


class Calibration(NamedTuple):
    """Exponent and intercepts (K,) of p'_k proportional to p_k^a exp(c_k)."""

    exponent: float
    intercepts: Floats

    def apply(self, y_proba: ArrayLike) -> Floats:
        """Return the calibrated probabilities, of the shape (..., K) of those given.

        >>> Calibration(0.5, np.zeros(2)).apply([0.9, 0.1])
        array([0.75, 0.25])
        """
        return softmax(self.exponent * log_probabilities(np.asarray(y_proba)) + self.intercepts, axis=-1)


def fit_calibration(codes: ArrayLike, y_proba: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Calibration:
    """Return the exponent and the intercepts with the lowest log loss on rows that the model was not fitted to.

    Exponents far from 1 and intercepts far from 0 cost a little, as under a normal prior of standard deviation 1 and
    5, so that a handful of rows does not decide.

    >>> codes = np.arange(1000) % 2
    >>> bold = np.where(codes[:, None] == [0, 1], 0.99, 0.01)
    >>> bold[::5] = bold[::5, ::-1]  # every fifth row is wrong
    >>> fit_calibration(codes, bold).apply([0.01, 0.99]).round(1)
    array([0.2, 0.8])
    """
    logs, codes = log_probabilities(np.asarray(y_proba)), np.asarray(codes)
    n_classes = logs.shape[1]
    weights = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    one_hot = np.eye(n_classes)[codes]
    centre = np.r_[1.0, np.zeros(n_classes)]
    precision = np.r_[_EXPONENT_SPREAD**-2, np.full(n_classes, _INTERCEPT_SPREAD**-2)]

    def loss(values: Floats) -> tuple[float, Floats]:
        scores = values[0] * logs + values[1:]
        errors = weights[:, None] * (softmax(scores, axis=1) - one_hot)
        away = precision * (values - centre)
        value = -(weights @ log_softmax(scores, axis=1)[np.arange(len(codes)), codes])
        return value + away @ (values - centre) / 2, np.r_[(errors * logs).sum(), errors.sum(axis=0)] + away

    bounds = [(0.0, None), *[(None, None)] * n_classes]
    found = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(found[0]), found[1:] - found[1])
