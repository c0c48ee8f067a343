"""The optimiser of a stack: torch's steps, at a rate a replica, while replicas leave."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from equipoise.networks import MLPStack, ModuleStack
from equipoise.training.optimization import Adam, keep_replicas


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_step_is_that_of_torch(name):
    torch.manual_seed(0)
    mine, theirs = (nn.Linear(3, 2, dtype=torch.float64) for _ in range(2))
    theirs.load_state_dict(mine.state_dict())
    optimizer = Adam(mine, name, weight_decay=0.3)
    peer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name](theirs.parameters(), weight_decay=0.3)
    for step in range(20):
        x = torch.randn(4, 3, dtype=torch.float64)
        optimizer.step(mine(x).square().sum(), rates=[0.1 / (step + 1)])
        peer.param_groups[0]["lr"] = 0.1 / (step + 1)
        peer.zero_grad()
        theirs(x).square().sum().backward()
        peer.step()
    for a, b in zip(mine.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b)


def test_replicas_move_at_rates_of_their_own():
    rates, x = [0.1, 0.01, 0.1, 0.003], torch.randn(4, 5, 3, dtype=torch.float64)
    stacks = [MLPStack([3, 4, 2], n, torch.float64) for n in (4, 1, 1, 1, 1)]
    for number, stack in enumerate(stacks):
        for replica in range(len(stack.weights[0])):
            seed = replica if number == 0 else number - 1
            stack.reset_replica(replica, 3, 2, torch.Generator().manual_seed(seed))
    optimizers = [Adam(stack, "adamw", weight_decay=0.1) for stack in stacks]
    for _ in range(4):
        optimizers[0].step(stacks[0](x).square().sum(), rates)
        for r, rate in enumerate(rates):
            optimizers[r + 1].step(stacks[r + 1](x[r : r + 1]).square().sum(), [rate])
        rates = [rates[3], *rates[:3]]  # groups of one rate change as training goes on
    for r, alone in enumerate(stacks[1:]):
        for many, one in zip(stacks[0].parameters(), alone.parameters()):
            torch.testing.assert_close(many[r], one[0])


def test_parameters_that_a_loss_does_not_use_stay_as_they_are():
    module = nn.ModuleDict({"used": nn.Linear(3, 1), "unused": nn.Linear(3, 1)})
    before = module["unused"].weight.clone()
    Adam(module).step(module["used"](torch.ones(2, 3)).sum(), rates=[0.1])
    assert torch.equal(module["unused"].weight, before)


def test_replicas_left_go_on_as_if_nothing_happened():
    def training(n_replicas):
        stack = MLPStack([3, 4, 2], n_replicas, torch.float64)
        return stack, Adam(stack)

    def step(stack, optimizer, x):
        optimizer.step(stack(x).square().sum(), rates=[0.01])

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


@pytest.mark.parametrize("n_replicas", [1, 3])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_modules_in_a_stack_move_as_each_alone_under_torch(name, n_replicas):
    """vmap leaves gradients transposed in memory, which torch's fused kernel does not look at."""
    torch.manual_seed(0)
    modules = [nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)) for _ in range(n_replicas)]
    alone = [copy.deepcopy(module) for module in modules]
    stack = ModuleStack(modules, vectorized=True)
    ours = Adam(stack, name, weight_decay=0.3)
    peer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    theirs = [peer(module.parameters(), lr=0.05, weight_decay=0.3) for module in alone]
    x, y = torch.randn(n_replicas, 20, 4), torch.randint(3, (n_replicas, 20))
    for _ in range(5):
        ours.step(functional.cross_entropy(stack(x).flatten(0, 1), y.flatten(), reduction="sum"), [0.05])
        for module, optimizer, rows, target in zip(alone, theirs, x, y):
            optimizer.zero_grad()
            functional.cross_entropy(module(rows), target, reduction="sum").backward()
            optimizer.step()
    for replica, module in enumerate(alone):
        torch.testing.assert_close(stack(x)[replica], module(x[replica]), rtol=1e-4, atol=1e-5)
