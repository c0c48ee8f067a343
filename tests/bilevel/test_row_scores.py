"""Draws of known probability, influences of rows, and the search that learns to score rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from equipoise.bilevel.inclusion import Inclusion, inclusion_for, systematic
from equipoise.bilevel.inner import Batch
from equipoise.bilevel.learned_score import learn_score
from equipoise.bilevel.row_influence import row_influences
from equipoise.bilevel.row_score import LossScore
from equipoise.bilevel.solvers import ConjugateGradient
from equipoise.training import FittedEnsemble, Settings, Table, Task, fit

N_DRAWS = 4000


@given(
    scores=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=60).map(np.array),
    share=st.floats(0.01, 1),
    floor=st.floats(0, 1),
)
@settings(deadline=None)
def test_probabilities_sum_to_the_size(scores, share, floor):
    size = max(1, int(share * len(scores)))
    inclusion = inclusion_for(scores, size, floor)
    probabilities = inclusion.of(scores)
    assert np.isclose(probabilities.sum(), size, rtol=1e-6)
    assert (probabilities >= floor * size / len(scores) * (1 - 1e-12)).all() and (probabilities <= 1).all()
    ascending = np.argsort(scores)
    assert (np.diff(probabilities[ascending]) >= 0).all()


def test_rows_below_certainty_are_in_proportion_to_scores():
    scores = np.array([1.0, 2.0, 4.0, 1000.0])
    np.testing.assert_allclose(inclusion_for(scores, 2, 0.0).of(scores), [1 / 7, 2 / 7, 4 / 7, 1])
    assert inclusion_for(scores, 4, 0.3) == Inclusion(1.0, 0.0)


@pytest.fixture(scope="module")
def drawn():
    """Counts of 4,000 systematic draws of 6 of 30 rows."""
    rng = np.random.default_rng(0)
    scores = rng.lognormal(size=30)
    inclusion = inclusion_for(scores, 6, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("equipoise.bilevel.inclusion._ROWS_AT_ONCE", 7)  # draws go on across blocks
        return inclusion.of(scores), [systematic(inclusion, scores, rng) for _ in range(N_DRAWS)]


def test_each_row_is_drawn_with_its_probability(drawn):
    probabilities, draws = drawn
    shares = np.bincount(np.concatenate(draws), minlength=30) / N_DRAWS
    tolerance = 5 * np.sqrt(probabilities * (1 - probabilities) / N_DRAWS) + 1e-12
    assert (np.abs(shares - probabilities) <= tolerance).all()
    assert {len(rows) for rows in draws} == {6} and all(len(np.unique(rows)) == 6 for rows in draws)


def test_weighted_sums_are_unbiased(drawn):
    probabilities, draws = drawn
    values = np.random.default_rng(1).normal(size=30) + 2
    estimates = np.array([(values[rows] / probabilities[rows]).sum() for rows in draws])
    assert abs(estimates.mean() - values.sum()) < 5 * estimates.std() / np.sqrt(N_DRAWS)


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(np.int64)
    setting = Settings(network=(), dtype="float64", max_steps=300)
    (network,) = fit([Task(Table(X, y, 2), 0, setting)])
    weight = torch.from_numpy(rng.uniform(0.5, 2, size=60))
    return network, Batch(torch.from_numpy(X), torch.from_numpy(y), weight=weight / weight.mean())


def test_influences_are_those_of_a_dense_solve(trained):
    """A linear network, whose Hessian is its Gauss-Newton matrix: v' (H + damping)^-1 grad l_i, row by row."""
    network, train = trained
    held_out = Batch(train.x[:20] + 0.1, train.target[:20], weight=torch.ones(20, dtype=torch.float64))
    solver = ConjugateGradient(max_iter=200, tol=1e-12, damping=0.1)
    rng = np.random.default_rng(3)
    found = row_influences(network, train, held_out, 2, rng, n_directions=3, solver=solver)

    signs = torch.from_numpy(np.random.default_rng(3).choice([-1.0, 1.0], size=(3, 20)))
    stack = FittedEnsemble([network], np.arange(2)).to_module()
    flat = torch.cat([p.detach().reshape(-1) for p in stack.parameters()])
    shapes = [p.shape[1:] for p in stack.parameters()]

    def losses(theta, batch):
        parts = theta.split([shape.numel() for shape in shapes])
        named = {name: part.view(1, *s) for (name, _), part, s in zip(stack.named_parameters(), parts, shapes)}
        z = torch.func.functional_call(stack, named, (batch.x[None],))[0]
        return cross_entropy(z, batch.target, reduction="none")

    H = torch.autograd.functional.hessian(lambda t: (losses(t, train) * train.weight).mean(), flat)
    G = torch.autograd.functional.jacobian(lambda t: losses(t, train), flat)
    V = signs @ torch.autograd.functional.jacobian(lambda t: losses(t, held_out), flat)
    exact = G @ torch.linalg.solve(H + 0.1 * torch.eye(len(flat), dtype=H.dtype), V.T) / len(train.target)
    np.testing.assert_allclose(found, exact.square().mean(1).sqrt().numpy(), rtol=1e-6)


def test_a_score_follows_the_roots_of_influences():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, size=(2000, 2)).astype(np.float32)
    influences = np.exp(2 * inputs[:, 0].astype(np.float64))
    scorer = FittedEnsemble([learn_score(inputs, influences, 0)], np.arange(2))
    ladder = np.column_stack([np.linspace(-0.8, 0.8, 5), np.zeros(5)]).astype(np.float32)
    proba = scorer.predict_proba(ladder)
    np.testing.assert_allclose(np.log(proba[:, 1] / proba[:, 0]), ladder[:, 0], atol=0.25)


def test_a_row_scores_its_loss_under_the_priors_of_the_table(trained):
    network, train = trained
    pilot, X = FittedEnsemble([network], np.arange(2)), train.x.numpy()
    priors = np.array([0.9, 0.1])
    corrected = pilot.predict_proba(X) * priors
    expected = -np.log(corrected[:, 0] / corrected.sum(axis=1))
    np.testing.assert_allclose(LossScore(pilot, priors).of(X, 0), expected, rtol=1e-5)
