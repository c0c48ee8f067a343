"""The pool of models and its weights, against plain re-derivations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from equipoise.decisions.pool import LogPool


def answers(seed=0, n=150, k=3, skills=(2.0, 1.0, 0.0), sure=1.0):
    """Probabilities of models that know more or less, and the classes."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(k, n, p=0.6 ** np.arange(k) / (0.6 ** np.arange(k)).sum())
    codes[:k] = np.arange(k)
    logits = rng.normal(size=(len(skills), n, k)) + np.array(skills)[:, None, None] * np.eye(k)[codes]
    shares = np.exp(sure * logits)
    return shares / shares.sum(axis=-1, keepdims=True), codes


def plain_pool(probas, weights, intercepts):
    """Product of powers, number by number."""
    pooled = []
    for row in range(probas.shape[1]):
        powers = [
            np.exp(intercepts[k]) * np.prod([(probas[m, row, k] + 1e-4) ** weights[m] for m in range(len(probas))])
            for k in range(probas.shape[2])
        ]
        pooled.append([power / sum(powers) for power in powers])
    return np.array(pooled)


def plain_loss(found, probas, codes, sample_weight=None):
    """Log loss in sum, the pull to equal weights, as of .3 rows a model, and to intercepts of 0."""
    m = len(probas)
    weights, intercepts = found[:m], np.asarray(found[m:])
    rows = np.ones(len(codes)) if sample_weight is None else sample_weight
    powers = np.exp(intercepts) * np.prod((probas + 1e-4) ** np.asarray(weights)[:, None, None], axis=0)
    own = powers[np.arange(len(codes)), codes] / powers.sum(axis=1)
    pull = 0.3 * m * sum((weight - 1 / m) ** 2 for weight in weights) + sum(intercepts**2)
    return -(rows * np.log(own)).sum() + pull


def found_by(pool):
    return np.concatenate([pool.weights, pool.intercepts])


def slopes(found, *data, step=1e-6):
    """Finite differences."""
    ups = np.eye(len(found)) * step
    return np.array([(plain_loss(found + up, *data) - plain_loss(found - up, *data)) / (2 * step) for up in ups])


def equal_pool(weights, k):
    return LogPool(np.asarray(weights, dtype=float), np.zeros(k))


def test_the_pool_is_a_product_of_powers():
    probas, _ = answers(n=20)
    weights, intercepts = np.array([0.7, 0.0, 1.9]), np.array([0.4, -0.1, -0.3])
    pooled = LogPool(weights, intercepts).proba(probas)
    np.testing.assert_allclose(pooled, plain_pool(probas, weights, intercepts), rtol=1e-10)


def test_one_model_of_weight_1_is_itself():
    probas, _ = answers(skills=(1.0,))
    np.testing.assert_allclose(equal_pool([1], 3).proba(probas), probas[0], atol=2e-4)


def test_a_class_that_any_model_rules_out_is_improbable():
    probas = np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.5, 0.5], [0.0, 1.0]]])
    np.testing.assert_allclose(equal_pool([0.5, 0.5], 2).proba(probas), [[1, 0], [0, 1]], atol=0.011)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(2, 5))
def test_any_pool_is_probabilities_and_knows_no_order(seed, m, k):
    probas, _ = answers(seed, n=12, k=k, skills=(1.0,) * m, sure=3.0)
    rng = np.random.default_rng(seed)
    weights, intercepts = rng.uniform(0, 2, m), rng.normal(size=k)
    models, classes = rng.permutation(m), rng.permutation(k)
    pool = LogPool(weights, intercepts)
    pooled = pool.proba(probas)
    assert pooled.shape == (12, k) and (pooled >= 0).all()
    np.testing.assert_allclose(pooled.sum(axis=1), 1)
    np.testing.assert_allclose(LogPool(weights[models], intercepts).proba(probas[models]), pooled, rtol=1e-9)
    turned = LogPool(weights, intercepts[classes]).proba(probas[..., classes])
    np.testing.assert_allclose(turned, pooled[:, classes], rtol=1e-9)
    np.testing.assert_array_equal(pool.proba(probas.reshape(m, 3, 4, k)).reshape(12, k), pooled)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sure", [0.3, 1.0, 4.0])
def test_weights_and_intercepts_minimise_the_penalised_loss(sure, weighted):
    probas, codes = answers(sure=sure)
    sample_weight = np.random.default_rng(1).uniform(0.2, 3, len(codes)) if weighted else None
    data = (probas, codes, sample_weight)
    pool = LogPool.fit(*data)
    bounds = [(0, None)] * 3 + [(None, None)] * 3
    best = minimize(plain_loss, np.repeat([1, 0], 3), args=data, bounds=bounds, method="SLSQP", options={"ftol": 1e-10})
    np.testing.assert_allclose(found_by(pool), best.x, atol=2e-3)
    assert plain_loss(found_by(pool), *data) <= best.fun + 1e-5
    assert pool.intercepts.sum() == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.floats(0.2, 4))
def test_no_step_improves_the_pool(seed, k, sure):
    """Slopes are 0, by finite differences; or the weight is 0 and would be less."""
    data = answers(seed, n=80, k=k, sure=sure)
    found = found_by(LogPool.fit(*data))
    slope = slopes(np.concatenate([np.maximum(found[:3], 2e-6), found[3:]]), *data)
    assert (found[:3] >= 0).all()
    assert (np.abs(slope[3:]) < 0.1).all()
    assert (np.abs(slope[:3][found[:3] > 1e-5]) < 0.1).all() and (slope[:3] > -0.1).all()


def test_a_model_that_is_too_sure_is_tempered():
    """Three times the log odds that are true: a power of a third, but for the pull."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=20_000) * 1.5
    codes = (rng.random(20_000) < 1 / (1 + np.exp(-odds))).astype(int)
    rare = 1 / (1 + np.exp(-3 * odds))
    weights = LogPool.fit(np.stack([1 - rare, rare], axis=1)[None], codes).weights
    assert weights == pytest.approx(1 / 3, abs=0.02)  # some four deviations of a slope from so many rows


def test_intercepts_repair_a_wrong_base_rate():
    """Probabilities as if classes were even, of rows of which a tenth is rare."""
    rng = np.random.default_rng(0)
    codes = (rng.random(20_000) < 0.1).astype(int)
    even = 1 / (1 + np.exp(-(2 * rng.normal(size=20_000) + 4 * codes - 2)))  # log odds of N(-1, 1) against N(1, 1)
    probas = np.stack([1 - even, even], axis=1)[None]
    pool = LogPool.fit(probas, codes)
    assert pool.intercepts[1] - pool.intercepts[0] == pytest.approx(np.log(1 / 9), abs=0.2)
    assert pool.proba(probas)[:, 1].mean() == pytest.approx(codes.mean(), abs=0.002)


def test_a_pool_moved_to_other_priors_is_corrected():
    probas, codes = answers(n=600)
    pool = LogPool.fit(probas, codes)
    ratios = np.array([0.2, 0.9, 3.0])
    corrected = pool.proba(probas) * ratios
    moved = pool.moved(np.log(ratios)).proba(probas)
    np.testing.assert_allclose(moved, corrected / corrected.sum(axis=1, keepdims=True), rtol=1e-9)


def test_models_worse_than_the_class_priors_are_not_used():
    codes = np.arange(60) % 3
    wrong = np.eye(3)[(codes + 1) % 3] * 0.97 + 0.01
    pool = LogPool.fit(np.stack([wrong, wrong]), codes, np.full(60, 1e-3))  # so light that equal weights stay
    assert pool.weights.tolist() == [0, 0]
    np.testing.assert_allclose(pool.proba(np.stack([wrong, wrong])), 1 / 3)


def test_many_rows_tell_and_few_do_not():
    probas, codes = answers(n=4000, skills=(2.0, 0.0))
    weights = LogPool.fit(probas, codes).weights
    assert weights[0] > 0.8 and weights[1] < 0.1
    np.testing.assert_allclose(LogPool.fit(probas[:, :4], codes[:4]).weights, 0.5, atol=1.0)
    np.testing.assert_array_equal(LogPool.fit(probas, codes, np.full(4000, 1e-9)).weights.round(3), 0.5)


def test_a_row_of_weight_2_is_two_rows_and_one_of_weight_0_none():
    probas, codes = answers()
    counts = np.arange(len(codes)) % 3
    repeated = np.repeat(np.arange(len(codes)), counts)
    pool, other = LogPool.fit(probas, codes, counts.astype(float)), LogPool.fit(probas[:, repeated], codes[repeated])
    np.testing.assert_allclose(found_by(pool), found_by(other), atol=1e-3)


def test_probabilities_of_0_for_what_is_true_are_finite():
    codes = np.arange(40) % 2
    wrong, right = np.eye(2)[1 - codes], np.full((40, 2), 0.5)
    pool = LogPool.fit(np.stack([wrong, right]), codes)
    assert np.isfinite(found_by(pool)).all() and pool.weights[0] == pytest.approx(0, abs=1e-3)
