"""When a replica stops, and with which weights."""

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.classifiers.scores import SCORES
from equipoise.losses import row_losses
from equipoise.training import FittedEnsemble, Settings, Task, fit
from equipoise.training.pool import Pool
from equipoise.training.stacks import build_stack
from equipoise.training.stopping import GradientTolerance

TRAIN, HELD = np.arange(40), np.arange(40, 60)


def settings(**changes):
    return Settings(
        **{"network": (8,), "max_steps": 400, "epoch_steps": 7, "batch_size": 16, "dtype": "float64", **changes}
    )


def watched(table, score, seed=0, **changes):
    early = settings(early_stopping=score, learning_rate=0.1, **changes)
    return Task(table((45, 15), seed=seed, apart=0.8), seed, early, TRAIN, validation_rows=HELD)


def score_of(network, task, score, rows):
    proba = FittedEnsemble([network], np.arange(task.table.n_classes)).predict_proba(task.table.X[rows])
    return score(task.table.labels()[rows], proba)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("patience", [1, 4])
def test_best_weights_are_kept_and_patience_is_counted_in_looks(seed, patience, table):
    task = watched(table, SCORES["log_loss"], seed, patience=patience)
    network = fit([task])[0]
    steps, scores = zip(*network.history)
    best = int(np.argmax(scores))
    assert network.stopped_by == "early_stopping"
    assert steps == tuple(7 * (look + 1) for look in range(best + patience + 1))
    assert network.n_steps == steps[-1]
    assert score_of(network, task, SCORES["log_loss"], HELD) == pytest.approx(scores[best], rel=1e-9)


def test_best_weights_are_kept_when_steps_run_out(table):
    task = watched(table, SCORES["log_loss"], patience=1000, max_steps=100)
    network = fit([task])[0]
    assert (network.stopped_by, network.n_steps) == ("max_steps", 100)
    assert [step for step, _ in network.history] == [*range(7, 100, 7), 100]
    best = max(score for _, score in network.history)
    assert score_of(network, task, SCORES["log_loss"], HELD) == pytest.approx(best, rel=1e-9)


def test_score_sees_the_labels_and_probabilities_of_its_own_replica(table):
    seen = []

    def score(labels, proba):
        seen.append((labels, proba))
        return -len(seen)

    watching = settings(early_stopping=score, patience=1)
    tasks = [
        Task(table((30, 30), seed=0), 0, watching, TRAIN, validation_rows=HELD[:12]),
        Task(table((20, 20, 20), seed=1), 1, watching, TRAIN, validation_rows=HELD),
    ]
    fit(tasks)
    for number, task in enumerate(tasks):
        labels, proba = seen[number]
        assert np.array_equal(labels, task.table.y[task.validation_rows])
        assert proba.shape == (len(task.validation_rows), task.table.n_classes)
        np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_a_score_that_is_no_number_does_not_lose_the_weights(table):
    network = fit([watched(table, lambda labels, proba: float("nan"), patience=3)])[0]
    assert network.n_steps == 4 * 7
    assert network.is_finite()


def test_a_first_score_that_is_no_number_is_beaten_by_any(table):
    looks = iter([float("nan"), 1.0, 2.0, 1.5, 1.0, 0.5])
    network = fit([watched(table, lambda labels, proba: next(looks), patience=3)])[0]
    assert network.n_steps == 6 * 7


def gradient_by_hand(stack, replica, task, weights):
    """Norm of the gradient of the mean weighted loss, through layers that everyone knows."""
    X, y = torch.tensor(task.table.X[task.training_rows()]), torch.tensor(task.labels())
    parameters = [p[replica].detach().clone().requires_grad_() for p in stack.parameters()]
    half = len(parameters) // 2
    hidden = X
    for layer, (weight, bias) in enumerate(zip(parameters[:half], parameters[half:])):
        hidden = hidden @ weight + bias
        hidden = hidden.relu() if layer < half - 1 else hidden
    losses = nn.functional.cross_entropy(hidden, y, reduction="none")
    loss = (losses * torch.tensor(weights)).sum() / len(X)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, parameters)]).norm()


@pytest.mark.parametrize("at_once", [1, 100, 1 << 15])
def test_gradient_norm_is_that_of_all_rows(at_once, table, monkeypatch):
    monkeypatch.setattr("equipoise.training.stopping._ROWS_AT_ONCE", at_once)
    rows = [np.arange(60), np.arange(25), np.r_[0, 0, 0, 5, 9]]
    weights = [np.ones(60), np.linspace(0, 2, 25), np.ones(5)]
    tasks = [Task(table(seed=r), r, settings(network=(8, 5)), rows[r], weights=weights[r]) for r in range(3)]
    stack = build_stack(tasks)
    pool = Pool(tasks, soft=False, dtype=torch.float64, device=torch.device("cpu"))
    given = [torch.tensor(weights[0]), torch.tensor(weights[1]), None]
    losses = row_losses("cross_entropy", torch.ones(3, 2))
    rows_in_pool = [pool.rows(t) for t in tasks]
    rule = GradientTolerance(rows_in_pool, given, pool, settings(gradient_tolerance=0.1), losses, [])
    norms = rule.gradient_norms(stack, [0, 1, 2])
    for r in range(3):
        torch.testing.assert_close(norms[r], gradient_by_hand(stack, r, tasks[r], weights[r]))
    assert all(p.grad is None for p in stack.parameters())


def test_gradient_norm_of_a_few_rows(table):
    """A batch of rows, drawn anew at each look and for each replica from a stream of its own."""
    tasks = [Task(table(seed=r), r, settings(network=(8, 5))) for r in range(2)]
    stack = build_stack(tasks)
    pool = Pool(tasks, soft=False, dtype=torch.float64, device=torch.device("cpu"))
    few = settings(gradient_tolerance=0.1, gradient_rows=7)
    losses = row_losses("cross_entropy", torch.ones(2, 2))
    generators = [torch.Generator().manual_seed(r) for r in range(2)]
    rule = GradientTolerance([pool.rows(t) for t in tasks], [None, None], pool, few, losses, generators)
    again = [torch.Generator().manual_seed(r) for r in range(2)]
    for _ in range(2):
        norms = rule.gradient_norms(stack, [0, 1])
        for r in range(2):
            drawn = torch.randperm(60, generator=again[r])[:7].numpy()
            part = Task(tasks[r].table, r, few, drawn)
            torch.testing.assert_close(norms[r], gradient_by_hand(stack, r, part, np.ones(7)))


def test_gradient_rule_stops_where_the_gradient_is_small(table):
    shared = table(apart=1.0)
    near = settings(
        network=(), gradient_tolerance=0.01, max_steps=3000, schedule="constant", batch_size=60, weight_decay=0.0
    )
    task = Task(shared, 0, near)
    network = fit([task])[0]
    assert network.stopped_by == "gradient_tolerance"
    assert network.n_steps % 7 == 0 and network.n_steps < 3000
    stack = FittedEnsemble([network], np.arange(2)).to_module()
    assert gradient_by_hand(stack, 0, task, np.ones(60)) <= 0.01


def test_a_tolerance_out_of_reach_changes_nothing(table):
    plain, watched_ = (fit([Task(table(), 0, settings(gradient_tolerance=t, max_steps=50))])[0] for t in (None, 0.0))
    assert watched_.stopped_by == "max_steps"
    assert all(np.array_equal(value, watched_.weights[name]) for name, value in plain.weights.items())


def test_gradient_rule_serves_modules_with_a_number_for_a_parameter(table):
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.scale = nn.Linear(4, 2), nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            return self.scale * self.linear(x)

    network = fit([Task(table(), 0, settings(network=Scaled(), gradient_tolerance=1e9))])[0]
    assert (network.stopped_by, network.n_steps) == ("gradient_tolerance", 7)


def test_gradient_rule_and_early_stopping_together(table):
    """The gradient ends the run; the weights are still the best that were seen."""
    task = watched(table, SCORES["log_loss"], patience=1000, gradient_tolerance=0.02, max_steps=3000)
    network = fit([task])[0]
    assert network.stopped_by == "gradient_tolerance"
    best = max(score for _, score in network.history)
    assert score_of(network, task, SCORES["log_loss"], HELD) == pytest.approx(best, rel=1e-9)
