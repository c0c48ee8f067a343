"""How sure a difference is over data sets: ranks and paired tests.

A verdict between methods needs blocks that are independent of each other, such as data sets of different families. The
tests follow Demšar 2006, Statistical Comparisons of Classifiers over Multiple Data Sets, Journal of Machine Learning
Research 7.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from equipoise.text import p_value

_LEVEL = 0.05
_DECIMALS = 12  # scores that differ by rounding only are ties


class FriedmanNemenyi(NamedTuple):
    """Result of `friedman_nemenyi`; ``pairwise`` is a (methods, methods) frame of p-values."""

    statistic: float
    pvalue: float
    critical_difference: float
    pairwise: pd.DataFrame


def mean_ranks(scores: pd.DataFrame, *, greater_is_better: bool) -> pd.Series:
    """Mean rank of each method over the blocks; 1 is best, ties share the mean of their ranks.

    Parameters
    ----------
    scores : DataFrame
        A row a block (data set or fold), a column a method, no missing cells.
    greater_is_better : bool
        False for losses, such as Brier scores.

    Raises
    ------
    ValueError
        If ``scores`` has missing or infinite cells, or has no rows or columns.

    Examples
    --------
    >>> scores = pd.DataFrame({"none": [0.7, 0.6, 0.9], "mubo": [0.8, 0.6, 0.8]})
    >>> mean_ranks(scores, greater_is_better=True).round(3).to_dict()
    {'none': 1.5, 'mubo': 1.5}
    """
    return _check_scores(scores).rank(axis=1, ascending=not greater_is_better).mean()


def friedman_nemenyi(scores: pd.DataFrame) -> FriedmanNemenyi:
    """Friedman test that all methods rank alike, and Nemenyi's test of every pair.

    The direction of the scores does not matter.

    Parameters
    ----------
    scores : DataFrame
        A row a block, a column a method (three or more), no missing cells.

    Returns
    -------
    FriedmanNemenyi
        Friedman's chi-squared ``statistic``, corrected for ties, and its ``pvalue`` (NaN and 1 when every
        block is all ties), the ``critical_difference`` in ranks at the level .05, q sqrt(k (k + 1) / (6 N)) with the
        Studentized range divided by sqrt(2) as q, and Nemenyi's ``pairwise`` p-values.

    Raises
    ------
    ValueError
        For fewer than three methods or two blocks, or cells that are missing or infinite.

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [1, 2, 1, 1], "b": [2, 3, 2, 3], "c": [3, 4, 3, 2]})
    >>> result = friedman_nemenyi(scores)
    >>> round(result.pvalue, 3), round(result.critical_difference, 3)
    (0.039, 1.657)
    """
    ranks = _check_scores(scores).rank(axis=1)
    n, k = ranks.shape
    if k < 3 or n < 2:
        raise ValueError(
            f"Friedman's test needs at least three methods and two blocks, got {k} methods and {n} blocks; "
            "for two methods use wilcoxon_holm"
        )
    all_tied = bool((ranks.nunique(axis=1) == 1).all())
    statistic, pvalue = (np.nan, 1.0) if all_tied else stats.friedmanchisquare(*ranks.to_numpy().T)
    unit = np.sqrt(k * (k + 1) / (12 * n))  # of the Studentized range, which Nemenyi's table divides by sqrt(2)
    means = ranks.mean().to_numpy()
    pairs = stats.studentized_range.sf(np.abs(means[:, None] - means) / unit, k, np.inf)
    return FriedmanNemenyi(
        statistic=float(statistic),
        pvalue=float(pvalue),
        critical_difference=float(stats.studentized_range.ppf(1 - _LEVEL, k, np.inf) * unit),
        pairwise=pd.DataFrame(pairs, index=scores.columns, columns=scores.columns),
    )


def wilcoxon_holm(scores: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Two-sided Wilcoxon signed-rank test of each method against a reference, corrected by Holm.

    Blocks where the two are equal have their ranks split evenly between the sides, as Demšar advises.

    Parameters
    ----------
    scores : DataFrame
        A row a block, a column a method, no missing cells.
    reference : str
        The column that the others are compared with.

    Returns
    -------
    DataFrame
        A row a method other than the reference: ``median_difference`` (method less reference),
        ``statistic`` (the smaller rank sum), ``pvalue``, ``pvalue_holm`` (compare it with the level).

    Raises
    ------
    ValueError
        If ``reference`` is no column or the only one, or if cells are missing or infinite.

    Examples
    --------
    >>> scores = pd.DataFrame({"none": [0.70, 0.60, 0.90, 0.50, 0.65, 0.80]})
    >>> scores["mubo"] = scores["none"] + [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    >>> wilcoxon_holm(scores, "none").loc["mubo", "pvalue_holm"].round(5).item()
    0.03125
    """
    checked = _check_scores(scores)
    if reference not in checked or checked.shape[1] < 2:
        methods = checked.columns.tolist()
        raise ValueError(f"reference must be one of two or more methods {methods!r}, got {reference!r}")
    differences = checked.drop(columns=reference).sub(checked[reference], axis=0).round(_DECIMALS)
    result = pd.DataFrame({"median_difference": differences.median()})
    tests = [stats.wilcoxon(column, zero_method="zsplit") for _, column in differences.items()]
    result["statistic"], result["pvalue"] = zip(*tests, strict=True)
    result["pvalue_holm"] = holm(result["pvalue"])
    return result


def holm(pvalues: pd.Series) -> pd.Series:
    """Correct p-values (Holm 1979): the i-th smallest of m times m - i + 1, never below its predecessor, at most 1."""
    rising = pvalues.sort_values()
    return (rising * np.arange(len(rising), 0, -1)).cummax().clip(upper=1.0)


def _check_scores(scores: pd.DataFrame) -> pd.DataFrame:
    if scores.size == 0:
        raise ValueError(f"scores must have a row a block and a column a method, got shape {scores.shape}")
    if not scores.columns.is_unique:
        raise ValueError(f"scores must name each method once, got columns {scores.columns.tolist()!r}")
    bad = ~np.isfinite(scores.to_numpy(dtype=np.float64)).all(axis=1)
    if bad.any():
        raise ValueError(
            "every method must have a finite score on every block, "
            f"block {scores.index[bad][0]!r} lacks one; drop such blocks, for all methods alike"
        )
    return scores.astype(np.float64).round(_DECIMALS)


def p_equals(value: float) -> str:
    """Write a p-value after its letter: ``= 0.012`` or ``<0.001``."""
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"
