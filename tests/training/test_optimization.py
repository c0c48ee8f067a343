"""The learning rate, and the optimiser of a stack that shrinks."""

import math

import pytest
import torch
from torch import nn

from equipoise.networks import MLPStack
from equipoise.training import Settings
from equipoise.training.optimization import Adam, keep_replicas, learning_rate


def rates(n_steps, **settings):
    return [learning_rate(Settings(**settings), (step + 1) / n_steps) for step in range(n_steps)]


@pytest.mark.parametrize("n_steps", [50, 300, 1000])
def test_one_cycle_runs_as_torch_does(n_steps):
    """Torch counts steps, we count shares of the run: at most a step apart."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    torch_schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=n_steps, cycle_momentum=False)
    torch_rates = []
    for _ in range(n_steps):
        torch_rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(torch_rates) < n_steps:
            torch_schedule.step()
    ours = rates(n_steps, learning_rate=0.01)
    steepest_step = 0.01 * math.pi / 2 / (0.3 * n_steps)
    assert max(abs(a - b) for a, b in zip(ours, torch_rates)) < 1.5 * steepest_step
    assert ours[-1] == pytest.approx(torch_rates[-1]) == pytest.approx(0.01 / 250_000)
    assert max(ours) == pytest.approx(0.01)
    assert learning_rate(Settings(learning_rate=0.01), 0.0) == pytest.approx(torch_rates[0]) == pytest.approx(0.01 / 25)


def test_one_cycle_rises_then_falls():
    ours = rates(100)
    assert ours[:30] == sorted(ours[:30])
    assert ours[29:] == sorted(ours[29:], reverse=True)
    assert learning_rate(Settings(), 1.7) == ours[-1]  # a run that is late stays at the end


def test_constant():
    assert set(rates(20, schedule="constant", learning_rate=0.2)) == {0.2}


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_step_is_that_of_torch(name):
    torch.manual_seed(0)
    mine, theirs = (nn.Linear(3, 2, dtype=torch.float64) for _ in range(2))
    theirs.load_state_dict(mine.state_dict())
    optimizer = Adam(mine, Settings(optimizer=name, weight_decay=0.3))
    peer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](theirs.parameters(), weight_decay=0.3)
    for step in range(20):
        x = torch.randn(4, 3, dtype=torch.float64)
        optimizer.step(mine(x).square().sum(), rate=0.1 / (step + 1))
        peer.param_groups[0]["lr"] = 0.1 / (step + 1)
        peer.zero_grad()
        theirs(x).square().sum().backward()
        peer.step()
    for a, b in zip(mine.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_parameters_that_a_loss_does_not_use_stay_as_they_are():
    module = nn.ModuleDict({"used": nn.Linear(3, 1), "unused": nn.Linear(3, 1)})
    before = module["unused"].weight.clone()
    Adam(module, Settings()).step(module["used"](torch.ones(2, 3)).sum(), rate=0.1)
    assert torch.equal(module["unused"].weight, before)


def test_replicas_left_go_on_as_if_nothing_happened():
    def training(n_replicas):
        stack = MLPStack([3, 4, 2], n_replicas, torch.float64)
        return stack, Adam(stack, Settings())

    def step(stack, optimizer, x):
        optimizer.step(stack.training_logits(x).square().sum(), rate=0.01)

    def draw(stack, number):
        stack.reset_replica(number % len(stack.weights[0]), 3, 2, torch.Generator().manual_seed(number))

    x = torch.randn(4, 5, 3, dtype=torch.float64)
    (stack, optimizer), (alone, alone_optimizer) = training(4), training(1)
    for number in range(4):
        draw(stack, number)
    draw(alone, 2)
    for _ in range(3):
        step(stack, optimizer, x)
        step(alone, alone_optimizer, x[2:3])
    keep_replicas(stack, [2, 0])
    optimizer.keep_replicas([2, 0])
    for _ in range(3):
        step(stack, optimizer, x[[2, 0]])
        step(alone, alone_optimizer, x[2:3])
    for left, other in zip(stack.parameters(), alone.parameters()):
        assert left.shape[0] == 2
        torch.testing.assert_close(left[:1], other)
