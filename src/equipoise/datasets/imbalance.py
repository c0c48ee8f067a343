"""Cut classes down to a chosen imbalance: as the ReMix experiments do, or to a long tail.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312),
Table 1. The paper prints the imbalance ratio as N-/N+, but its values are N+/N-: minority rows for each other
row. Rows are drawn without replacement; the authors draw unseeded, here `random_state` fixes the draw.

The long tail is that of Cui, Jia, Lin, Song and Belongie, "Class-Balanced Loss Based on Effective Number of Samples"
(CVPR 2019), section 5.1: class sizes fall exponentially.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import check_consistent_length, check_random_state

__all__ = ["make_imbalance", "make_long_tail"]

REST = "rest"


def make_imbalance(
    X: Any,
    y: Any,
    ratio: float,
    *,
    minority: Any,
    rest: Literal["merge", "keep"] = "merge",
    random_state: int | np.random.RandomState | None = None,
) -> tuple[Any, Any]:
    """Cut the minority classes to a given share of the other rows, without replacement.

    Parameters
    ----------
    X : data frame or array of shape (n_samples, ...)
        The rows; any column types. Never changed, and not looked at.
    y : array-like of shape (n_samples,)
        The labels.
    ratio : float in (0, 1]
        Rows of a minority class for each reference row, N+/N-.
    minority : label or list of labels
        The class or classes to cut.
    rest : {"merge", "keep"}, default="merge"
        "merge" makes one class of all other classes, called "rest" if they are several, and takes its size as
        the reference (the paper's binary experiments: one class against all others). "keep" leaves the other
        classes as they are and takes the largest class of `y` as the reference (its multi-class experiments).
    random_state : int, RandomState instance or None, default=None
        Chooses the rows that stay.

    Returns
    -------
    X, y : the rows that stay, in their old order and, for pandas, with their old index
        A minority class keeps the whole part of ratio times the reference. `y` is a Series if it was one,
        else an array; labels become text where classes are merged.

    Raises
    ------
    ValueError
        If a minority label is not in `y`, no other class remains, or a class has fewer rows than asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.datasets import make_imbalance
    >>> y = np.repeat([1, 2, 3], [30, 60, 40])
    >>> X = np.arange(130).reshape(-1, 1)
    >>> X_cut, y_cut = make_imbalance(X, y, 0.1, minority=1, random_state=0)
    >>> [(str(label), int(count)) for label, count in zip(*np.unique(y_cut, return_counts=True))]
    [('1', 10), ('rest', 100)]
    >>> X_cut, y_cut = make_imbalance(X, y, 0.25, minority=[1, 3], rest="keep", random_state=0)
    >>> np.unique(y_cut, return_counts=True)[1]
    array([15, 60, 15])
    """
    check_consistent_length(X, y)
    labels = pd.Series(np.asarray(y))
    cut = _classes_to_cut(labels, minority)
    _check_request(ratio, rest)
    is_cut = labels.isin(cut)
    reference = int((~is_cut).sum()) if rest == "merge" else int(labels.value_counts().max())
    rng = check_random_state(random_state)
    drawn = [_draw(labels, label, ratio, reference, rng) for label in cut]
    kept = np.sort(np.concatenate([np.flatnonzero(~is_cut), *drawn]))
    if rest == "merge" and labels[~is_cut].nunique() > 1:
        merged = one_against_rest(labels, {str(label): [label] for label in cut}).to_numpy()
        y = pd.Series(merged, index=y.index, name=y.name) if isinstance(y, pd.Series) else merged
    return _take(X, kept), _take(y if hasattr(y, "iloc") else np.asarray(y), kept)


def make_long_tail(
    X: Any, y: Any, factor: float, *, random_state: int | np.random.RandomState | None = None
) -> tuple[Any, Any]:
    """Cut the classes to sizes that fall exponentially, in the order of their labels, without replacement.

    Parameters
    ----------
    X : data frame or array of shape (n_samples, ...)
        The rows. Never changed, and not looked at.
    y : array-like of shape (n_samples,)
        The labels.
    factor : float
        Rows of the first class for each row of the last, 1 or more.
    random_state : int, RandomState instance or None, default=None
        Chooses the rows that stay.

    Returns
    -------
    X, y : the rows that stay, in their old order and, for pandas, with their old index
        Class k of K keeps the whole part of ``n * factor ** (-k / (K - 1))`` rows; n is the size of the smallest class
        of `y`, so that any class can stand anywhere in the tail.

    Raises
    ------
    ValueError
        If the factor is below 1, there is a single class, or the last class would have no row.

    References
    ----------
    Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.datasets import make_long_tail
    >>> y = np.repeat(["a", "b", "c"], 500)
    >>> X_cut, y_cut = make_long_tail(np.arange(1500), y, 100, random_state=0)
    >>> np.unique(y_cut, return_counts=True)[1]
    array([500,  50,   5])
    """
    check_consistent_length(X, y)
    labels = pd.Series(np.asarray(y))
    classes, counts = np.unique(labels.to_numpy(), return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"A long tail needs two classes or more, but y holds only {classes.tolist()[0]!r}.")
    most = int(counts.min())
    if not 1 <= factor <= most:
        raise ValueError(
            f"factor must be from 1 to {most:,}, the rows of the smallest class, so that each class keeps a row, but "
            f"factor={factor!r}."
        )
    rng = check_random_state(random_state)
    ratios = factor ** (-np.arange(len(classes)) / (len(classes) - 1))
    drawn = [_draw(labels, label, ratio, most, rng) for label, ratio in zip(classes, ratios.tolist(), strict=True)]
    kept = np.sort(np.concatenate(drawn))
    return _take(X, kept), _take(y if hasattr(y, "iloc") else np.asarray(y), kept)


def one_against_rest(labels: pd.Series, classes: Mapping[str, Sequence[Any]]) -> pd.Series:
    """Name groups of labels, {name: labels}; every other label becomes "rest"."""
    names = {str(label): name for name, members in classes.items() for label in members}
    if REST in names.values():
        raise ValueError(f"a minority class must not be called {REST!r}, the name of the merged classes: rename it.")
    return labels.astype(str).map(lambda label: names.get(label, REST))


def rows_at(ratio: float, reference: int) -> int:
    """Whole part of ratio * reference."""
    # Rounded first: 0.29 * 100 is 28.999999999999996 in floating point, and 28 rows would be one too few.
    return int(round(ratio * reference, 9))


def _draw(labels: pd.Series, label: Any, ratio: float, reference: int, rng: np.random.RandomState) -> np.ndarray:
    rows = np.flatnonzero(labels == label)
    wanted = rows_at(ratio, reference)
    if wanted == 0:
        raise ValueError(
            f"ratio={ratio} of {reference} other rows leaves class {label!r} no row: take at least {1 / reference:.3g}."
        )
    if wanted > len(rows):
        raise ValueError(
            f"class {label!r} has {len(rows)} rows, but ratio={ratio} of {reference} other rows asks for "
            f"{wanted}: take a ratio of at most {len(rows) / reference:.3g}."
        )
    return rng.choice(rows, size=wanted, replace=False)


def _classes_to_cut(labels: pd.Series, minority: Any) -> list[Any]:
    asked = list(minority) if isinstance(minority, list | tuple | set | np.ndarray) else [minority]
    present = labels.unique().tolist()
    if not asked or any(label not in present for label in asked):
        raise ValueError(f"minority must name classes of y, got {minority!r}: the classes are {present!r}.")
    cut = [label for label in present if label in asked]  # as y spells them: 1 may stand for 1.0
    if len(cut) == len(present):
        raise ValueError(f"minority names every class of y, {present!r}: leave at least one class uncut.")
    return cut


def _check_request(ratio: float, rest: str) -> None:
    if rest not in ("merge", "keep"):
        raise ValueError(f"rest must be 'merge' or 'keep', got {rest!r}.")
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio must be above 0 and at most 1 (minority rows for each other row), got {ratio!r}.")


def _take(values: Any, rows: np.ndarray) -> Any:
    return values.iloc[rows] if hasattr(values, "iloc") else values[rows]
