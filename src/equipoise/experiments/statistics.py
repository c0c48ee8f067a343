"""How sure a difference is: intervals over repeated folds of one data set, or over independent values."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import expit, logit


class Interval(NamedTuple):
    """A mean and its confidence interval."""

    mean: float
    low: float
    high: float


def t_interval(values: ArrayLike) -> Interval:
    """95% confidence interval of a mean of independent values, by Student's t.

    A single value has a mean, but no interval: NaN.

    >>> mean, low, high = t_interval([0.1, 0.2, 0.3])
    >>> print(f"{mean:.2f} [{low:.3f}, {high:.3f}]")
    0.20 [-0.048, 0.448]
    """
    found: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    mean = float(found.mean())
    if len(found) < 2:
        return Interval(mean, np.nan, np.nan)
    half = float(stats.t.ppf(0.975, len(found) - 1) * stats.sem(found))
    return Interval(mean, mean - half, mean + half)


def corrected_interval(values: ArrayLike, *, test_share: float, confidence: float = 0.95) -> Interval:
    """Confidence interval of a mean over repeated folds, for training sets that overlap.

    The corrected resampled t interval, mean +- t_{J-1} sqrt((1/J + n_test/n_train) s^2), with J results and
    their sample variance s^2 (Nadeau and Bengio 2003, Inference for the Generalization Error, Machine
    Learning 52, equation 8; for repeated k-fold, Bouckaert and Frank 2004). The usual 1/J alone takes the
    results for independent, which they are not.

    ``test_share`` is the share of the rows that a fold tests on, 1/k for k folds. Raises ValueError for fewer than two
    values, values that are not finite, or shares outside (0, 1).

    >>> mean, low, high = corrected_interval([0.80, 0.84, 0.82, 0.86, 0.78], test_share=0.2)
    >>> print(f"{mean:.2f} [{low:.3f}, {high:.3f}]")
    0.82 [0.761, 0.879]
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or x.size < 2 or not np.isfinite(x).all():
        raise ValueError(f"values must be two or more finite numbers, one a fold, got {values!r}")
    if not (0 < test_share < 1 and 0 < confidence < 1):
        raise ValueError(f"test_share and confidence must lie within (0, 1), got {test_share!r} and {confidence!r}")
    variance = (1 / x.size + test_share / (1 - test_share)) * x.var(ddof=1)
    half = stats.t.ppf((1 + confidence) / 2, x.size - 1) * np.sqrt(variance)
    return Interval(float(x.mean()), float(x.mean() - half), float(x.mean() + half))


def within(interval: Interval, low: float, high: float) -> Interval:
    """Return the interval on a scale without bounds, turned back: it stays within the bounds of its score.

    The scale is the logit between two bounds and the logarithm above one; the half width on it is the one given times
    the slope there (delta method). Without bounds, or at one, the interval stays as it is but for what is beyond them.

    >>> [round(value, 2) for value in within(Interval(0.95, 0.87, 1.03), 0, 1)]
    [0.95, 0.78, 0.99]
    """
    mean, lower, upper = interval
    if not np.isfinite(lower) or not low < mean < high or not np.isfinite(low):
        return Interval(mean, max(lower, low), min(upper, high)) if np.isfinite(lower) else interval
    half = (upper - lower) / 2
    if not np.isfinite(high):
        factor = np.exp(half / (mean - low))
        return Interval(mean, low + (mean - low) / factor, low + (mean - low) * factor)
    share = (mean - low) / (high - low)
    width = half / (high - low) / (share * (1 - share))
    ends = expit(logit(share) + np.array([-width, width]))
    return Interval(mean, *(float(low + (high - low) * end) for end in ends))
