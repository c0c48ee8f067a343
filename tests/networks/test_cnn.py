"""The small convolutional network: shapes, stacks, heads."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from equipoise import NeuralClassifier
from equipoise.networks import CosineLinear
from equipoise.networks.cnn import SmallCNN
from equipoise.networks.modules import accepts_vmap


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 9), (2, 1, 4), (1, 5, 8)])
def test_images_of_any_size(shape):
    network, images = SmallCNN(shape, 4), torch.randn(3, *shape)
    assert network(images).shape == (3, 4)
    assert [layer.out_channels for layer in network if isinstance(layer, nn.Conv2d)] == [16, 32]
    assert accepts_vmap(network, images)


def test_a_head_is_made_for_features_and_classes():
    network = SmallCNN((1, 8, 8), 5, head=partial(CosineLinear, scale=30.0))
    logits = network(torch.randn(6, 1, 8, 8))
    assert logits.shape == (6, 5) and logits.abs().max() <= 30 and logits.std() > 1
    assert isinstance(network[-1], CosineLinear) and network[-1].weight.shape == (5, 64)


def test_rows_that_are_no_images_are_refused():
    with pytest.raises(ValueError, match=r"SmallCNN reads images .* but a row has shape \(784,\): give X of shape"):
        SmallCNN((784,), 10)


def test_it_learns_where_a_bar_lies_whatever_its_brightness():
    rng = np.random.default_rng(0)
    X, y = rng.normal(0, 0.2, size=(200, 1, 8, 8)).astype(np.float32), np.arange(200) % 2
    X[y == 0, 0, 3] += rng.uniform(1, 2, size=(100, 1))
    X[y == 1, 0, :, 3] += rng.uniform(1, 2, size=(100, 1))
    model = NeuralClassifier(network=SmallCNN, standardize=False, max_steps=40, random_state=0).fit(X[:120], y[:120])
    assert (model.predict(X[120:]) == y[120:]).mean() > 0.95
