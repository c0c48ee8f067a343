"""Objectives against a re-derivation, and the rules of acceptance."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from equipoise.bilevel.acceptance import BelowPastMeans, NotAbove, past_means_bound
from equipoise.bilevel.objectives import BalancedHeldOut, MajorityShare, MeanMajority
from equipoise.bilevel.row_search import new_restart
from equipoise.bilevel.rows import Restart, RowProblem
from equipoise.networks import ScalarHead
from equipoise.samplers.mubo_variants import DoubleSoftmaxLoss
from equipoise.training import FittedEnsemble, Settings, Table, Task, fit


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    codes = np.repeat([1, 0], [12, 60])
    X = rng.normal(size=(72, 3)) + codes[:, None]
    held_out = np.array([0, 1, 20, 21, 22])
    kept, larger = np.arange(2, 12), np.setdiff1d(np.arange(12, 72), held_out)
    return RowProblem(X, codes, 2, kept, {0: larger}, held_out)


@pytest.fixture(scope="module")
def networks(problem):
    table = Table(problem.X.astype(np.float32), problem.codes, 2)
    return fit([Task(table, seed, Settings(network=(6,), max_steps=30)) for seed in range(2)])


def by_hand(network, problem, rows):
    """Loss of each row."""
    proba = FittedEnsemble([network], np.arange(2)).predict_proba(problem.X[rows].astype(np.float32))
    return -np.log(proba[np.arange(len(rows)), problem.codes[rows]])


def restarts_of(problem, number):
    return [new_restart(problem, seed) for seed in range(number)]


SAMPLES = [np.r_[2:12, 30:37], np.r_[2:12, 40, 40, 41, 50:53]]


@pytest.mark.parametrize("objective", [MajorityShare(), MeanMajority(), BalancedHeldOut()])
def test_objectives_by_hand(objective, problem, networks):
    measured = objective.measure(restarts_of(problem, 2), SAMPLES, networks, "cross_entropy")
    for sample, network, worth in zip(SAMPLES, networks, measured):
        losses, larger = by_hand(network, problem, sample), problem.codes[sample] == 0
        held_out, codes = by_hand(network, problem, problem.held_out), problem.codes[problem.held_out]
        expected = {
            MajorityShare: losses[larger].sum() / len(sample),
            MeanMajority: losses[larger].mean(),
            BalancedHeldOut: (held_out[codes == 0].mean() + held_out[codes == 1].mean()) / 2,
        }[type(objective)]
        assert worth.objective == pytest.approx(expected, rel=1e-5)
        assert worth.majority == pytest.approx(losses[larger].mean(), rel=1e-5)
        assert worth.minority == pytest.approx(losses[~larger].mean(), rel=1e-5)
        if isinstance(objective, MajorityShare):  # J(S_m) + J(S_M) = L(S)
            assert worth.objective + losses[~larger].sum() / len(sample) == pytest.approx(losses.mean(), rel=1e-5)


def test_weighted_objectives_by_hand(problem, networks):
    weights = np.random.default_rng(3).uniform(0.1, 5, len(problem.codes))
    heavy = replace(problem, weights=weights)
    for objective in (MajorityShare(), MeanMajority(), BalancedHeldOut()):
        (worth,) = objective.measure(restarts_of(heavy, 1), SAMPLES[1:], networks[1:], "cross_entropy")
        sample, held_out = SAMPLES[1], problem.held_out
        losses, larger, w = by_hand(networks[1], problem, sample), problem.codes[sample] == 0, weights[sample]
        outside, v = by_hand(networks[1], problem, held_out), weights[held_out]
        common = problem.codes[held_out] == 0
        expected = {
            MajorityShare: (w * losses)[larger].sum() / w.sum(),
            MeanMajority: (w * losses)[larger].sum() / w[larger].sum(),
            BalancedHeldOut: (
                (v * outside)[common].sum() / v[common].sum() + (v * outside)[~common].sum() / v[~common].sum()
            )
            / 2,
        }[type(objective)]
        assert worth.objective == pytest.approx(expected, rel=1e-5)


def test_a_rare_class_that_is_not_divided_counts_with_its_training_rows(problem, networks):
    alone = RowProblem(problem.X, problem.codes, 2, np.arange(12), problem.candidates, np.array([20, 21, 22]))
    (worth,) = BalancedHeldOut().measure(restarts_of(alone, 1), SAMPLES[:1], networks[:1], "cross_entropy")
    rare = by_hand(networks[0], alone, np.arange(12)).mean()
    larger = by_hand(networks[0], alone, np.array([20, 21, 22])).mean()
    assert worth.objective == pytest.approx((rare + larger) / 2, rel=1e-5)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=30))
def test_lemma_1(outputs):
    """A larger-class row is right if and only if its loss is at most log 2; right ones lose less than wrong ones."""
    head = ScalarHead(1, ())
    head.z[0].weight.data[:], head.z[0].bias.data[:] = 1.0, 0.0
    logits = head(torch.tensor(outputs)[:, None]).detach().double()
    losses = functional.cross_entropy(logits, torch.zeros(len(outputs), dtype=torch.int64), reduction="none")
    proba = logits.softmax(dim=1)
    torch.testing.assert_close(proba[:, 1], torch.sigmoid(2 * logits[:, 1] - 1))
    right = logits[:, 0] >= logits[:, 1]  # a tie counts as the majority class
    assert torch.equal(right, losses <= np.log(2) + 1e-12)
    if right.any() and not right.all():
        assert losses[right].max() <= np.log(2) + 1e-12 < losses[~right].min() + 1e-9


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=2), st.integers(0, 1))
def test_the_loss_of_two_softmaxes_is_confined(logits, label):
    loss = DoubleSoftmaxLoss()(torch.tensor([logits], dtype=torch.float64), torch.tensor([label]))
    assert np.log(1 + np.exp(-1)) - 1e-12 <= float(loss) <= np.log(1 + np.e) + 1e-12


def restart(values=()):
    problem = RowProblem(np.zeros((4, 1)), np.array([1, 1, 1, 0]), 2, np.arange(3), {0: np.array([3])})
    return Restart(
        problem,
        np.random.default_rng(0),
        np.arange(3),
        3,
        values=list(values),
        objective=values[-1] if values else np.inf,
    )


def test_not_above():
    rule = NotAbove(start=10.0)
    assert rule.accepts(10.0, restart()) and not rule.accepts(10.1, restart())
    assert rule.accepts(0.3, restart([0.5, 0.3])) and not rule.accepts(0.3001, restart([0.5, 0.3]))  # a tie is accepted
    assert NotAbove().accepts(1e9, restart())


def test_bounds_of_the_authors_by_hand():
    assert past_means_bound([0.4], 1) == 10.0
    assert past_means_bound([0.4, 0.2], 2) == pytest.approx(0.3)  # later half [.2], all .3
    assert past_means_bound([0.1, 0.2, 0.6], 3) == pytest.approx(0.6)  # the burn-in is left out: [.2, .6]
    assert past_means_bound([0.5, 0.2, 0.3, 0.4], 4) == pytest.approx(0.35)  # all and later half alike
    values = [0.9, 0.1, 0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert past_means_bound(values, 10) == pytest.approx(0.5)  # the last five
    assert past_means_bound(values, 9) == pytest.approx(0.5)
    one = restart([0.5, 0.25])
    one.n_steps = 2
    assert BelowPastMeans().accepts(0.37, one) and not BelowPastMeans().accepts(0.375, one)
