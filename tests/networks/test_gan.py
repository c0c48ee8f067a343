"""The networks of SMOTified-GAN: layers, numbers of parameters, what depends on what."""

import pytest
import torch
from torch import nn

from equipoise.networks.gan import Discriminator, Generator


def layers(network):
    return [type(layer) for layer in network]


def test_layers_of_the_generator():
    generator = Generator(19)
    assert layers(generator) == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 4 + [nn.Linear, nn.Sigmoid]
    shapes = [(layer.in_features, layer.out_features) for layer in generator if isinstance(layer, nn.Linear)]
    assert shapes == [(19, 128), (128, 256), (256, 512), (512, 1024), (1024, 19)]


def test_layers_of_the_discriminator():
    discriminator = Discriminator(19)
    assert layers(discriminator) == [nn.Linear, nn.LeakyReLU] * 3 + [nn.Linear]
    shapes = [(layer.in_features, layer.out_features) for layer in discriminator if isinstance(layer, nn.Linear)]
    assert shapes == [(19, 512), (512, 256), (256, 128), (128, 1)]
    assert {layer.negative_slope for layer in discriminator if isinstance(layer, nn.LeakyReLU)} == {0.2}


@pytest.mark.parametrize("d", [7, 57])
def test_numbers_of_parameters(d):
    """Weights and biases, and scale and shift of each batch-norm."""
    generator = (d + 1) * 128 + 129 * 256 + 257 * 512 + 513 * 1024 + 1025 * d + 2 * (128 + 256 + 512 + 1024)
    discriminator = (d + 1) * 512 + 513 * 256 + 257 * 128 + 129
    assert sum(p.numel() for p in Generator(d).parameters()) == generator
    assert sum(p.numel() for p in Discriminator(d).parameters()) == discriminator


def test_rows_depend_on_each_other_only_in_the_generator_in_training():
    torch.manual_seed(0)
    generator, discriminator, rows = Generator(5), Discriminator(5), torch.randn(8, 5)
    for network, training, depends in (
        (generator, True, True),
        (generator, False, False),
        (discriminator, True, False),
    ):
        network.train(training)
        with torch.no_grad():
            together, fewer = network(rows)[:4], network(rows[:4])
        assert torch.allclose(together, fewer, atol=1e-6) != depends


def test_values_are_within_0_and_1():
    torch.manual_seed(0)
    made = Generator(5)(100 * torch.randn(50, 5))
    assert made.min() >= 0 and made.max() <= 1
