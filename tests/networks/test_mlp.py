"""The stack of perceptrons: each replica is the network that nn.Linear layers make."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from equipoise.networks import MLPStack
from equipoise.networks.training_pass import TrainingPass


def drawn(layer_sizes, seeds, **parameters):
    stack = MLPStack(layer_sizes, len(seeds), **parameters)
    for replica, seed in enumerate(seeds):
        stack.reset_replica(replica, layer_sizes[0], layer_sizes[-1], torch.Generator().manual_seed(seed))
    return stack


def as_sequential(stack, replica):
    """One replica as the layers that everyone knows."""
    layers = []
    for weight, bias in zip(stack.weights, stack.biases):
        linear = nn.Linear(*weight.shape[1:], dtype=weight.dtype)
        linear.weight.data, linear.bias.data = weight[replica].detach().T, bias[replica, 0].detach()
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def test_forward_equals_linear_layers():
    for sizes in ([5, 7, 6, 3], [4, 2], [3, 8, 2]):
        stack = drawn(sizes, range(4), dtype=torch.float64)
        x = torch.randn(4, 9, sizes[0], dtype=torch.float64)
        for replica, logits in enumerate(stack(x)):
            torch.testing.assert_close(logits, as_sequential(stack, replica)(x[replica]))


def test_masks_scale_hidden_layers():
    stack = drawn([3, 4, 5, 2], range(2), dtype=torch.float64)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    masks = [torch.rand(2, 6, width, dtype=torch.float64) for width in (4, 5)]
    hidden = x
    for layer in range(2):
        hidden = (hidden @ stack.weights[layer] + stack.biases[layer]).relu() * masks[layer]
    torch.testing.assert_close(stack(x, masks), hidden @ stack.weights[2] + stack.biases[2])


def test_given_rows_are_not_changed():
    stack, x = drawn([3, 4, 2], [0]), torch.randn(1, 6, 3)
    kept = x.clone()
    stack(x)
    assert torch.equal(x, kept)


def test_weights_are_drawn_as_linear_draws_them():
    stack = drawn([50, 400, 2], [0])
    for weight, bias, n_in in zip(stack.weights, stack.biases, (50, 400)):
        bound = 1 / math.sqrt(n_in)
        values = torch.cat([weight[0].flatten(), bias[0].flatten()]).detach().numpy()
        assert np.abs(values).max() <= bound
        assert stats.kstest(values, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3


def test_a_narrow_replica_starts_as_alone():
    wide, alone = MLPStack([9, 4, 5], 2), MLPStack([3, 4, 2], 1)
    wide.reset_replica(1, 3, 2, torch.Generator().manual_seed(8))
    alone.reset_replica(0, 3, 2, torch.Generator().manual_seed(8))
    x = torch.randn(1, 6, 3)
    padded = torch.zeros(2, 6, 9)
    padded[1, :, :3] = x
    torch.testing.assert_close(wide(padded)[1, :, :2], alone(x)[0])
    assert not wide.weights[0][1, 3:].any() and not wide.weights[1][1, :, 2:].any()
    assert not wide.weights[0][0].any()


def test_glorot_initialization():
    stack = MLPStack([30, 50, 4], 1, torch.float64)
    stack.reset_replica(0, 30, 4, torch.Generator().manual_seed(0), glorot=True)
    for weight, (n_in, n_out) in zip(stack.weights, [(30, 50), (50, 4)]):
        bound = (6 / (n_in + n_out)) ** 0.5
        assert 0.9 * bound < weight.abs().max() <= bound
        spread = weight.square().mean() / (bound**2 / 3)  # of a uniform draw; its own deviation is sqrt(0.8 / n)
        assert abs(spread - 1) < 5 * (0.8 / weight.numel()) ** 0.5
    assert not any(bias.any() for bias in stack.biases)


def test_dtype():
    assert drawn([2, 3, 2], [0], dtype=torch.float64)(torch.zeros(1, 1, 2).double()).dtype == torch.float64


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("sizes", [(3, 2), (3, 7, 2), (3, 7, 5, 4)])
def test_training_pass_has_the_gradients_of_forward(sizes, masked):
    torch.manual_seed(0)
    stack = MLPStack(sizes, 3, torch.float64)
    for replica in range(3):
        stack.reset_replica(replica, sizes[0], sizes[-1], torch.Generator().manual_seed(replica))
    training_pass = TrainingPass(stack, [0.5] * len(sizes[1:-1]) if masked else [])
    for n_rows in (6, 6, 5):  # buffers are kept, and follow the number of rows
        x = torch.randn(3, n_rows, sizes[0], dtype=torch.float64)
        masks = [2.0 * (torch.rand(3, n_rows, w, dtype=torch.float64) > 0.5) for w in sizes[1:-1]] if masked else []
        expected = torch.autograd.grad(stack(x, masks).pow(3).sum(), [*stack.parameters()])
        logits = training_pass.logits(x, masks)
        torch.testing.assert_close(logits, stack(x, masks))
        for gradient, other in zip(training_pass.backward(3 * logits**2), expected, strict=True):
            torch.testing.assert_close(gradient, other)
