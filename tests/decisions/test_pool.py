"""The pool of models and its weights, against plain re-derivations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from equipoise.decisions.pool import fit_pool, pool


def answers(seed=0, n=150, k=3, skills=(2.0, 1.0, 0.0), sure=1.0):
    """Probabilities of models that know more or less, and the classes."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(k, n, p=0.6 ** np.arange(k) / (0.6 ** np.arange(k)).sum())
    codes[:k] = np.arange(k)
    logits = rng.normal(size=(len(skills), n, k)) + np.array(skills)[:, None, None] * np.eye(k)[codes]
    shares = np.exp(sure * logits)
    return shares / shares.sum(axis=-1, keepdims=True), codes


def plain_pool(probas, weights):
    """Product of powers, number by number."""
    pooled = []
    for row in range(probas.shape[1]):
        powers = [
            np.prod([(probas[m, row, k] + 1e-12) ** weights[m] for m in range(len(probas))])
            for k in range(probas.shape[2])
        ]
        pooled.append([power / sum(powers) for power in powers])
    return np.array(pooled)


def plain_loss(weights, probas, codes, sample_weight=None):
    """Log loss in sum, and the pull to equal weights, as of a row a model."""
    rows = np.ones(len(codes)) if sample_weight is None else sample_weight
    powers = np.prod((probas + 1e-12) ** np.asarray(weights)[:, None, None], axis=0)
    own = powers[np.arange(len(codes)), codes] / powers.sum(axis=1)
    m = len(weights)
    return -(rows * np.log(own)).sum() + m * sum((weight - 1 / m) ** 2 for weight in weights)


def slopes(weights, *data, step=1e-6):
    """Finite differences."""
    ups = np.eye(len(weights)) * step
    return np.array([(plain_loss(weights + up, *data) - plain_loss(weights - up, *data)) / (2 * step) for up in ups])


def test_the_pool_is_a_product_of_powers():
    probas, _ = answers(n=20)
    weights = np.array([0.7, 0.0, 1.9])
    np.testing.assert_allclose(pool(probas, weights), plain_pool(probas, weights), rtol=1e-10)


def test_one_model_of_weight_1_is_itself():
    probas, _ = answers(skills=(1.0,))
    np.testing.assert_allclose(pool(probas, np.ones(1)), probas[0], rtol=1e-9)


def test_impossible_classes_stay_so_where_any_model_says_so():
    probas = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.0, 1.0]]])
    pooled = pool(probas, np.full(2, 0.5))
    np.testing.assert_allclose(pooled, [[1, 0], [0, 1]], atol=1e-5)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 5))
def test_any_pool_is_probabilities_and_knows_no_order(seed, m, k):
    probas, _ = answers(seed, n=12, k=k, skills=(1.0,) * m, sure=3.0)
    rng = np.random.default_rng(seed)
    weights, models, classes = rng.uniform(0, 2, m), rng.permutation(m), rng.permutation(k)
    pooled = pool(probas, weights)
    assert pooled.shape == (12, k) and (pooled >= 0).all()
    np.testing.assert_allclose(pooled.sum(axis=1), 1)
    np.testing.assert_allclose(pool(probas[models], weights[models]), pooled, rtol=1e-9)
    np.testing.assert_allclose(pool(probas[..., classes], weights), pooled[:, classes], rtol=1e-9)
    shaped = pool(probas.reshape(m, 3, 4, k), weights)
    np.testing.assert_array_equal(shaped.reshape(12, k), pooled)
    equal = np.broadcast_to(probas[:1], probas.shape)
    np.testing.assert_allclose(pool(equal, np.full(m, 1 / m)), probas[0], atol=1e-11)  # of one opinion


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sure", [0.3, 1.0, 4.0])
def test_weights_minimise_the_penalised_loss(sure, weighted):
    probas, codes = answers(sure=sure)
    sample_weight = np.random.default_rng(1).uniform(0.2, 3, len(codes)) if weighted else None
    data = (probas, codes, sample_weight)
    weights = fit_pool(*data)
    best = minimize(plain_loss, np.ones(3), args=data, bounds=[(0, None)] * 3, method="SLSQP", options={"ftol": 1e-10})
    np.testing.assert_allclose(weights, best.x, atol=1e-3)
    assert plain_loss(weights, *data) <= best.fun + 1e-6


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.floats(0.2, 4))
def test_no_step_from_the_weights_improves_them(seed, k, sure):
    """Slopes are 0, by finite differences; or the weight is 0 and would be less."""
    data = answers(seed, n=80, k=k, sure=sure)
    weights = fit_pool(*data)
    slope = slopes(np.maximum(weights, 2e-6), *data)
    assert (weights >= 0).all()
    assert (np.abs(slope[weights > 1e-5]) < 0.05).all() and (slope > -0.05).all()


def test_a_model_that_is_too_sure_is_tempered():
    """Three times the log odds that are true: a power of a third, but for the pull."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=20_000) * 1.5
    codes = (rng.random(20_000) < 1 / (1 + np.exp(-odds))).astype(int)
    rare = 1 / (1 + np.exp(-3 * odds))
    weights = fit_pool(np.stack([1 - rare, rare], axis=1)[None], codes)
    assert weights == pytest.approx(1 / 3, abs=0.02)  # some four deviations of a slope from so many rows


def test_many_rows_tell_and_few_do_not():
    probas, codes = answers(n=4000, skills=(2.0, 0.0))
    assert fit_pool(probas, codes)[0] > 0.8 and fit_pool(probas, codes)[1] < 0.1
    few = fit_pool(probas[:, :4], codes[:4])
    np.testing.assert_allclose(few, 0.5, atol=0.4)
    np.testing.assert_array_equal(fit_pool(probas, codes, np.full(4000, 1e-9)).round(3), 0.5)


def test_a_row_of_weight_2_is_two_rows_and_one_of_weight_0_none():
    probas, codes = answers()
    counts = np.arange(len(codes)) % 3
    repeated = np.repeat(np.arange(len(codes)), counts)
    weights = fit_pool(probas, codes, counts.astype(float))
    np.testing.assert_allclose(weights, fit_pool(probas[:, repeated], codes[repeated]), atol=1e-4)


def test_probabilities_of_0_for_what_is_true_are_finite():
    codes = np.arange(40) % 2
    wrong, right = np.eye(2)[1 - codes], np.full((40, 2), 0.5)
    weights = fit_pool(np.stack([wrong, right]), codes)
    assert np.isfinite(weights).all() and weights[0] == pytest.approx(0, abs=1e-3)
