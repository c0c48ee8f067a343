"""Curves against plain counts of the same rows."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from equipoise.reports import curves


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    rare = np.arange(400) < 40
    return rare, 1 / (1 + np.exp(-(2 * rare + rng.normal(size=400) - 1.5)))


def test_threshold_sweep_counts_rows_from_the_threshold_on(rows):
    rare, proba = rows
    sweep = curves.threshold_sweep(rare, proba)
    for i in (0, 40, 100, 130, 200):
        called = proba >= curves.THRESHOLDS[i]
        recalls = recall_score(rare, called), recall_score(~rare, ~called)
        assert sweep["recall"][i] == pytest.approx(recalls[0])
        assert sweep["precision"][i] == pytest.approx(precision_score(rare, called, zero_division=0))
        assert sweep["g_mean"][i] == pytest.approx(np.sqrt(np.prod(recalls)))
        assert sweep["macro_f1"][i] == pytest.approx(f1_score(rare, called, average="macro", zero_division=0))


def test_precision_recall_encloses_the_average_precision(rows):
    rare, proba = rows
    recall, precision = curves.precision_recall(rare, proba)
    assert -np.diff(recall) @ precision[:-1] == pytest.approx(average_precision_score(rare, proba))


def test_precision_recall_of_many_rows_is_thinned_to_points_of_the_curve():
    rng = np.random.default_rng(0)
    rare = rng.random(20_000) < 0.3
    proba = np.clip(0.3 * rare + rng.random(20_000), 0, 1)
    recall, precision = curves.precision_recall(rare, proba, n_points=50)
    assert len(recall) <= 50
    assert (recall[0], recall[-1]) == (1, 0)
    assert (np.diff(recall) < 0).all()
    ordered = rare[np.argsort(-proba, kind="stable")]
    for r, p in zip(recall[1:-1], precision[1:-1]):
        called = np.searchsorted(np.cumsum(ordered), round(r * rare.sum())) + 1
        assert p == pytest.approx(ordered[:called].mean(), abs=1e-3)


def test_reliability_by_hand():
    proba = np.array([0.0, 0.05, 0.31, 0.39, 0.35, 1.0])
    rare = np.array([False, True, False, True, True, True])
    bins = curves.reliability(rare, proba)
    assert bins.rows.tolist() == [2, 3, 1]
    assert bins.predicted == pytest.approx([0.025, 0.35, 1.0])
    assert bins.observed == pytest.approx([1 / 2, 2 / 3, 1.0])
    # Wilson's interval of 1 out of 2: (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)
    z2 = 1.959964**2
    half = np.sqrt(z2) * np.sqrt(1 / 8 + z2 / 16) / (1 + z2 / 2)
    assert (bins.low[0], bins.high[0]) == pytest.approx((0.5 - half, 0.5 + half), abs=1e-6)


def test_integer_weights_are_repeated_rows(rows):
    rare, proba = rows
    weights = np.random.default_rng(1).integers(1, 4, len(rare)).astype(float)
    often = [np.repeat(values, weights.astype(int)) for values in (rare, proba)]
    for weighed, repeated in zip(curves.precision_recall(*rows, weights), curves.precision_recall(*often)):
        np.testing.assert_allclose(weighed, repeated)
    for name, values in curves.threshold_sweep(*rows, weights).items():
        np.testing.assert_allclose(values, curves.threshold_sweep(*often)[name], err_msg=name)
    found, expected = curves.reliability(*rows, weights), curves.reliability(*often)
    np.testing.assert_allclose((found.predicted, found.observed), (expected.predicted, expected.observed))
    assert (found.high - found.low > expected.high - expected.low).all()  # unequal weights tell less
