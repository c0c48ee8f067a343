"""Outer problems of another kind than ours drive the trainer by its protocol alone."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from equipoise import NeuralClassifier
from equipoise.training import InnerRows, Settings, Task, fit


class WeightDecay:
    """The weight decay of a network, by the slope of its loss on held-out rows through its last gradient step.

    A step of rate r along the penalty ``exp(a) |theta|^2 / 2`` moves theta by ``-r exp(a) theta``, so the held-out
    loss L falls with a if ``<dL / dtheta, theta>`` is positive.
    """

    def __init__(self, start=-3.0, rate=0.1):
        self.start, self.rate = start, rate

    def split(self, cells, seed):
        order = np.random.default_rng(seed).permutation(len(cells))
        return np.sort(order[::2]), np.sort(order[1::2])

    def drive(self, training):
        return _Decaying(training, torch.full((len(training.rows), 1), self.start, dtype=torch.float64), self.rate)

    def losses(self, found, training):
        return _Decaying(training, torch.tensor(found, dtype=torch.float64)[:, None], rate=0.0)


class _Decaying:
    def __init__(self, training, log_decay, rate):
        self.training, self.log_decay, self.rate = training, log_decay, rate

    def weights(self):
        return list(self.training.stack.parameters())

    def __call__(self, logits, target):
        squares = sum(weight.flatten(1).square().sum(1, keepdim=True) for weight in self.weights())
        return self.training.losses(logits, target) + self.log_decay.exp() * squares / 2

    def after_step(self, x, target, weights):
        rows, y = self.training.gather(torch.stack(list(self.training.validation_rows)))
        loss = cross_entropy(self.training.stack(rows).flatten(0, 1), y.flatten(), reduction="none")
        slopes = torch.autograd.grad(loss.view(y.shape).mean(1).sum(), self.weights())
        inner = sum((g * w).flatten(1).sum(1) for g, w in zip(slopes, self.weights(), strict=True))
        self.log_decay = self.log_decay + self.rate * inner.detach().tanh()[:, None]

    def found(self):
        return self.log_decay[:, 0].tolist()


def searching(table, seed, outer):
    train, judge = outer.split(table.cells(), seed)
    settings = Settings(
        network=(16,), outer=outer, max_steps=200, batch_size=20, learning_rate=0.02, weight_decay=0.0, dtype="float64"
    )
    return Task(table, seed, settings, inner=InnerRows(judge, train))


@pytest.fixture(scope="module")
def tables(table):
    """Labels that features say nothing of, and labels that follow from them."""
    noise, signal = table((40, 40), 20, apart=0.0), table((40, 40), 20, apart=6.0)
    return noise, signal


def test_weight_decay_is_tuned_on_held_out_rows(tables):
    """A network that can only learn its rows by heart is to forget them; one that can learn a rule is not."""
    outer = WeightDecay()
    noise, signal = (network.found for network in fit([searching(table, 0, outer) for table in tables]))
    assert noise > -2 > -4 > signal


def test_replicas_search_as_they_do_alone(tables, assert_same):
    outer = WeightDecay()
    tasks = [searching(table, seed, outer) for seed, table in enumerate(tables)]
    for together, task in zip(fit(tasks), tasks, strict=True):
        alone = fit([task])[0]
        assert together.found == pytest.approx(alone.found)
        assert_same(together, alone)


def test_the_second_network_trains_with_what_was_found(tables):
    network = fit([searching(tables[0], 0, WeightDecay())])[0]
    free = fit([Task(tables[0], 0, Settings(network=(16,), max_steps=200, weight_decay=0.0, dtype="float64"))])[0]
    assert np.square(network.weights["weights.0"]).sum() < 0.2 * np.square(free.weights["weights.0"]).sum()


def test_a_classifier_takes_an_outer_problem_as_its_loss(tables):
    table = tables[1]
    classifier = NeuralClassifier(loss=WeightDecay(), max_steps=100, random_state=0).fit(table.X, table.y)
    assert classifier.score(table.X, table.y) > 0.9
