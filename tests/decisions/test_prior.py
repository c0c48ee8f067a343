"""Prior correction against Bayes by counting, its round trip and its errors."""

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from equipoise import metrics
from equipoise.decisions import correct_prior, estimate_priors


def priors(k):
    return arrays(float, k, elements=st.floats(0.01, 1)).map(lambda a: a / a.sum())


def test_correction_is_bayes_by_counting():
    # rows by (class, value of the only feature); the second world has other numbers of the same classes
    balanced = np.array([[60.0, 30.0, 10.0], [20.0, 20.0, 60.0], [50.0, 25.0, 25.0]])
    natural = balanced * np.array([[9.0], [0.5], [3.0]])
    posterior = [(world / world.sum(axis=0)).T for world in (balanced, natural)]
    share = [world.sum(axis=1) / world.sum() for world in (balanced, natural)]
    np.testing.assert_allclose(correct_prior(posterior[0], share[0], share[1]), posterior[1])
    np.testing.assert_allclose(correct_prior(posterior[1], share[1], share[0]), posterior[0])


def test_on_logits_it_adds_the_log_ratio():
    logit = np.linspace(-4, 4, 9)
    proba = np.stack([1 / (1 + np.exp(logit)), 1 / (1 + np.exp(-logit))], axis=-1)
    moved = correct_prior(proba, [0.95, 0.05], [0.5, 0.5])
    np.testing.assert_allclose(np.log(moved[:, 1] / moved[:, 0]), logit + np.log(0.95 / 0.05))


def test_uniform_target_moves_the_binary_cut_to_the_share_of_the_rare_class():
    p = np.array([0.049, 0.051])
    moved = correct_prior(np.stack([1 - p, p], axis=-1), [0.95, 0.05], [0.5, 0.5])
    assert moved.argmax(axis=-1).tolist() == [0, 1]


def test_it_lowers_the_balanced_brier_score_of_a_model_that_knows_the_truth():
    rng = np.random.default_rng(0)
    y = (rng.random(20_000) < 0.05).astype(int)
    x = rng.normal(size=y.size) + 2 * y
    p = 1 / (1 + np.exp(-(2 * x - 2 + np.log(0.05 / 0.95))))
    proba = np.stack([1 - p, p], axis=-1)
    moved = correct_prior(proba, [0.95, 0.05], [0.5, 0.5])
    assert metrics.balanced_brier_score(y, moved) < metrics.balanced_brier_score(y, proba) - 0.05
    assert metrics.brier_score(y, moved) > metrics.brier_score(y, proba)
    assert metrics.g_mean(y, moved.argmax(1)) > metrics.g_mean(y, proba.argmax(1)) + 0.1


@given(priors(4), priors(4), arrays(float, (2, 3, 4), elements=st.floats(1e-6, 1)))
def test_the_way_there_and_back(before, after, raw):
    proba = raw / raw.sum(axis=-1, keepdims=True)
    there = correct_prior(proba, before, after)
    assert there.shape == proba.shape
    np.testing.assert_allclose(there.sum(axis=-1), 1)
    np.testing.assert_allclose(correct_prior(there, after, before), proba, rtol=1e-9, atol=1e-12)


@given(priors(3))
def test_equal_shares_change_nothing(share):
    proba = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(correct_prior(proba, share, share), proba, atol=1e-15)


def test_a_class_that_never_occurs_gets_nothing():
    moved = correct_prior([0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.5, 0.5, 0.0])
    np.testing.assert_allclose(moved, [0.5, 0.5, 0.0])


@pytest.mark.parametrize(
    ("proba", "before", "after", "message"),
    [
        ([0.5, 0.5], [0.2, 0.3, 0.5], [0.5, 0.5], "from_priors must hold one prior for each of the 2 classes"),
        ([0.5, 0.5], [0.5, 0.5], [1.0], r"to_priors must hold one prior .* got shape \(1,\)"),
        ([0.5, 0.5], [0.5, 0.6], [0.5, 0.5], "from_priors must not be negative and must sum to 1"),
        ([0.5, 0.5], [0.5, 0.5], [90, 10], "to_priors .* divide counts by n"),
        ([0.5, 0.5], [0.5, 0.5], [1.5, -0.5], "to_priors must not be negative"),
        ([0.5, 0.5], [0.5, 0.5], [np.nan, 0.5], "to_priors must not be negative"),
        ([0.5, 0.5], [1.0, 0.0], [0.5, 0.5], "from_priors must be positive"),
        ([[0.5, 0.5], [1.0, 0.0]], [0.5, 0.5], [0.0, 1.0], "every row of y_proba must give some probability"),
        ([np.nan, 0.5], [0.5, 0.5], [0.5, 0.5], "got nan as the least"),
        ([-1.5, 2.5], [0.5, 0.5], [0.5, 0.5], "probabilities, got -1.5"),
        ([[0.4, 0.6], [3.0, 4.0]], [0.5, 0.5], [0.5, 0.5], "must sum to 1, got a row of sum 7"),
        ([0.2, 0.2], [0.5, 0.5], [0.5, 0.5], "must sum to 1, got a row of sum 0.4"),
        (0.5, [0.5, 0.5], [0.5, 0.5], "classes last, got 0.5"),
        ([0.5, 0.5], {"no": 0.9, "yes": 0.1}, [0.5, 0.5], "from_priors must be in the order of the classes, .* a list"),
        ([0.5, 0.5], [0.5, 0.5], {0: 0.9, 1: 0.1}, "to_priors must be in the order of the classes"),
    ],
)
def test_bad_input_is_said_in_a_sentence(proba, before, after, message):
    with pytest.raises(ValueError, match=message):
        correct_prior(proba, before, after)


def test_tensors_and_rounded_rows_are_read():
    proba = torch.tensor([[0.25, 0.75]], requires_grad=True)
    expected = correct_prior([[0.25, 0.75]], [0.5, 0.5], [0.9, 0.1])
    np.testing.assert_allclose(correct_prior(proba, torch.tensor([0.5, 0.5]), [0.9, 0.1]), expected)
    np.testing.assert_allclose(estimate_priors(proba, [0.5, 0.5]), estimate_priors([[0.25, 0.75]], [0.5, 0.5]))
    halves = torch.rand(50, 1000).softmax(1).half()
    assert correct_prior(halves, np.full(1000, 1e-3), np.full(1000, 1e-3)).sum(axis=1) == pytest.approx(1)
    assert correct_prior(np.empty((0, 2)), [0.5, 0.5], [0.5, 0.5]).shape == (0, 2)


def test_a_series_is_read_by_its_labels():
    labels = pd.Series(["no"] * 7 + ["yes"] + ["may"] * 2)
    counted = labels.value_counts(normalize=True)
    assert counted.index[0] == "no"  # by frequency
    proba, to = [[0.2, 0.3, 0.5]], [0.5, 0.25, 0.25]
    np.testing.assert_allclose(correct_prior(proba, counted, to), correct_prior(proba, [0.2, 0.7, 0.1], to))
    np.testing.assert_allclose(estimate_priors(proba, counted), estimate_priors(proba, [0.2, 0.7, 0.1]))


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2], [np.nan, 1]])
def test_weights_that_do_not_serve_are_refused(weights):
    with pytest.raises(ValueError, match=r"(?i)sample[_ ]weight"):
        estimate_priors([[0.9, 0.1], [0.2, 0.8]], [0.5, 0.5], sample_weight=weights)


def proba_of(n, share, true, seed, apart):
    """Calibrated probabilities under ``share`` of rows that are drawn with priors ``true``."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(true), n, p=true)
    x = rng.normal(size=(n, len(true)))
    x[np.arange(n), y] += apart
    likelihood = np.exp(apart * x) * share
    return likelihood / likelihood.sum(axis=1, keepdims=True)


@settings(max_examples=20)
@given(priors(3), priors(3), st.integers(0, 2**32 - 1), st.sampled_from([1.0, 3.0]))
def test_estimated_shares_are_the_most_likely_ones(before, true, seed, apart):
    proba = proba_of(400, before, true, seed, apart)

    def surprise(logits):
        q = np.exp(logits - logits.max())
        return -np.log((proba / before) @ (q / q.sum())).mean()

    best = scipy.optimize.minimize(surprise, np.zeros(3)).fun
    found = estimate_priors(proba, before)
    assert found.sum() == pytest.approx(1) and (found >= 0).all()
    assert surprise(np.log(np.maximum(found, 1e-300))) <= best + 1e-5


def test_estimated_shares_rest_under_the_step_of_saerens():
    before = np.array([0.7, 0.2, 0.1])
    proba = proba_of(5000, before, [0.2, 0.2, 0.6], 0, 2.0)
    found = estimate_priors(proba, before)
    np.testing.assert_allclose(correct_prior(proba, before, found).mean(axis=0), found, atol=1e-4)
    np.testing.assert_allclose(found, [0.2, 0.2, 0.6], atol=0.03)


def test_a_class_that_is_gone_and_rows_that_are_sure():
    sure = np.repeat(np.eye(3), [6, 3, 0], axis=0)
    np.testing.assert_allclose(estimate_priors(sure, [0.2, 0.3, 0.5]), [2 / 3, 1 / 3, 0])
    np.testing.assert_allclose(
        estimate_priors(sure, [0.2, 0.3, 0.5], sample_weight=[1] * 6 + [4] * 3), [1 / 3, 2 / 3, 0]
    )


def test_rows_that_say_nothing_leave_the_shares_as_they_were():
    np.testing.assert_allclose(estimate_priors([[0.9, 0.1]] * 5, [0.9, 0.1]), [0.9, 0.1])


@pytest.mark.parametrize("proba", [[0.5, 0.5], np.empty((0, 2))], ids=["one row", "no rows"])
def test_estimation_needs_rows(proba):
    with pytest.raises(ValueError, match=r"shape \(n, K\) with a row or more"):
        estimate_priors(proba, [0.5, 0.5])
