"""A generated table of rare events, in which the rows worth training on are known."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.utils import check_random_state

_FAR = 4.0  # deviations by which most rows lie away from all events
_STEEP = 3.0


def make_rare_events(
    n_samples: int = 1_000_000,
    *,
    minority_fraction: float = 5e-4,
    useful_fraction: float = 0.02,
    n_features: int = 10,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Generate a table of rare events: most rows lie where next to no event happens, and a few where it is decided.

    Normal features; those of most rows are shifted by four deviations along the first. The log-odds of an event are a
    function of the first five features with a bend, a product and a square; its constant is set so that the expected
    share of events is as asked.

    Parameters
    ----------
    n_samples : int, default=1_000_000
    minority_fraction : float, default=5e-4
        Expected share of events, above 0 and below ``useful_fraction``.
    useful_fraction : float, default=0.02
        Expected share of rows that are not shifted.
    n_features : int, default=10
        Five or more; the others are noise.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    X : ndarray of shape (n_samples, n_features), float32
    y : ndarray of shape (n_samples,)
        1 where an event happened.
    useful : ndarray of bool, of shape (n_samples,)
        Rows that are not shifted.

    Raises
    ------
    ValueError
        If there are fewer than five features, or the fractions are not in order.

    Examples
    --------
    >>> from equipoise.datasets import make_rare_events
    >>> X, y, useful = make_rare_events(200_000, random_state=0)
    >>> bool(0.0003 < y.mean() < 0.0007), bool(y[useful].mean() > 50 * y[~useful].mean())
    (True, True)
    """
    if n_features < 5:
        raise ValueError(f"the log-odds need five features, but n_features={n_features}: give 5 or more.")
    if not 0 < minority_fraction < useful_fraction <= 1:
        raise ValueError(
            f"fractions must be 0 < minority_fraction < useful_fraction <= 1, but they are {minority_fraction} and "
            f"{useful_fraction}."
        )
    rng = np.random.default_rng(check_random_state(random_state).randint(1 << 31))
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    useful = rng.random(n_samples) < useful_fraction
    X[~useful, 0] -= _FAR
    a, b, c, d, e = X[:, :5].T
    log_odds = _STEEP * (a + 1.5 * np.sin(2 * b) + c * d - 0.5 * e**2).astype(np.float64)
    constant = brentq(lambda added: expit(log_odds + added).mean() - minority_fraction, -100, 100)
    y = rng.random(n_samples) < expit(log_odds + constant)
    return X, y.astype(np.int64), useful
