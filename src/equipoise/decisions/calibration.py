"""Calibration by one exponent and an intercept a class: p'_k proportional to p_k^a exp(c_k), fitted by log loss.

Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks) with intercepts, which take up a change
of class priors: bias-corrected temperature scaling (Alexandari, Kundaje and Shrikumar 2020, Maximum Likelihood with
Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax

from equipoise.decisions.pool import fit_exponents, log_probabilities

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
    logs = log_probabilities(np.asarray(y_proba))
    precisions = _EXPONENT_SPREAD**-2, _INTERCEPT_SPREAD**-2
    (exponent,), intercepts = fit_exponents(logs[None], np.asarray(codes), sample_weight, 1.0, precisions)
    return Calibration(float(exponent), intercepts - intercepts[0])
