"""Transforms of a user's own, called with and without weights of rows."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from equipoise import MixUp
from equipoise.batches.transform import transformed

X, Y, WEIGHT = torch.randn(6, 2), torch.tensor([0, 1, 2, 0, 1, 2]), torch.arange(6.0)


def noise(x, y):
    return x + 1, y


def turned(x, y):
    return x.flip(0), y.flip(0)


def turned_with_weights(x, y, weight=None):
    return x.flip(0), y.flip(0), *([] if weight is None else [weight.flip(0)])


class Module(nn.Module):
    def forward(self, x, y, weight=None):
        return turned_with_weights(x, y, weight)


@pytest.mark.parametrize("transform", [noise, turned, turned_with_weights, Module()])
def test_without_weights_two_tensors_are_enough(transform):
    x, y, weight = transformed(transform, X, Y, None)
    assert weight is None and x.shape == X.shape and y.shape == Y.shape


@pytest.mark.parametrize("soft", [False, True])
def test_rows_that_stay_keep_their_weights(soft):
    x, _, weight = transformed(noise, X, one_hot(Y, 3).float() if soft else Y, WEIGHT)
    assert torch.equal(x, X + 1) and torch.equal(weight, WEIGHT)
    softened = transformed(lambda x, y: (x, one_hot(y, 3).float()), X, Y, WEIGHT)
    assert torch.equal(softened[2], WEIGHT)


@pytest.mark.parametrize("transform", [turned_with_weights, Module()])
def test_a_transform_that_takes_weights_is_given_them(transform):
    _, y, weight = transformed(transform, X, Y, WEIGHT)
    assert torch.equal(y, Y.flip(0)) and torch.equal(weight, WEIGHT.flip(0))
    assert len(transformed(MixUp(alpha=1.0, num_classes=3), X, Y, WEIGHT)) == 3


@pytest.mark.parametrize(
    "transform",
    [
        turned,
        lambda x, y: (x, y[:3]),
        lambda x, y: (x, 0.5 + 0.5 * one_hot(y, 3)),
        lambda x, y: (x, one_hot(1 - y % 2, 3)),
    ],
)
def test_labels_that_move_without_their_weights_are_refused(transform):
    with pytest.raises(ValueError, match=r"changes the labels of rows with weights.*`weight`"):
        transformed(transform, X, Y, WEIGHT)


@pytest.mark.parametrize(
    ("transform", "weight", "found"),
    [
        (lambda x, y: x, None, "2 tensors, but returned a Tensor"),
        (lambda x, y: (x, y, x), None, "2 tensors, but returned 3 parts"),
        (lambda x, y: None, torch.ones(2), "2 tensors, but returned a NoneType"),
        (lambda x, y, weight: (x, y), torch.ones(2), "3 tensors, but returned 2 parts"),
    ],
)
def test_transforms_that_return_something_else_are_refused(transform, weight, found):
    with pytest.raises(ValueError, match=found):
        transformed(transform, torch.zeros(2, 3), torch.tensor([0, 1]), weight)
