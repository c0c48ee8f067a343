import numpy as np
import pytest
import torch
from torch import nn

from equipoise.networks import FastCNN, ResNet, named_network
from equipoise.networks.images import network_names


def images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 40, 24), (1, 8, 8), (3, 64, 48)])
@pytest.mark.parametrize("name", network_names())
def test_logits_of_any_shape_and_a_gradient_in_every_parameter(name, shape):
    network = named_network(name, shape, 5)
    logits = network(images(4, *shape))
    assert logits.shape == (4, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_resnet32_has_the_layers_and_parameters_of_the_paper():
    network = ResNet((3, 32, 32), 10)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 32
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 0.46  # table 6: 0.46 million
    assert network.layers(images(1, 3, 32, 32)).shape == (1, 64, 8, 8)
    with pytest.raises(ValueError, match=r"6n \+ 2"):
        ResNet((3, 32, 32), 10, depth=30)


def test_shortcut_takes_every_other_pixel_and_adds_channels_of_zeros():
    block = ResNet((3, 8, 8), 2, depth=8).layers[4]
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = images(2, 16, 8, 8).abs()
    out = block(x)
    assert torch.equal(out[:, 8:24], x[:, :, ::2, ::2]) and not out[:, :8].any() and not out[:, 24:].any()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_first_layer_whitens_patches(channels):
    """Responses to the patches that the filters were made from are uncorrelated, with a variance below one."""
    x = images(200, channels, 12, 12)
    x = (x + x.roll(1, -1) + x.roll(1, -2)) * 2
    network = FastCNN((channels, 12, 12), 3)
    network.start_from(x)
    half = network.whitening[: len(network.whitening) // 2]
    out = torch.nn.functional.conv2d(x, half).transpose(0, 1).flatten(1).double()
    covariance = out @ out.T / out.shape[1]
    assert torch.allclose(covariance, torch.eye(len(half)).double(), atol=0.02)
    assert torch.equal(network.whitening[len(half) :], -half) and not network.whitening.requires_grad


def test_groups_start_as_identities_and_biases_learn_64_times_as_fast():
    network = FastCNN((3, 16, 16), 2, widths=(30, 30))
    group = network.groups[0]
    x = images(2, 24, 16, 16)
    assert torch.allclose(group.first(x)[:, :24], x, atol=1e-6)
    norm = group.first_norm
    before = norm(x[:, :1].expand(-1, 30, -1, -1)).detach()
    norm(x[:, :1].expand(-1, 30, -1, -1)).sum().backward()
    rate, gradient = 0.01, torch.full((30,), float(2 * 16 * 16))  # of the sum in a bias that is added as it is
    with torch.no_grad():
        norm.bias -= rate * norm.bias.grad
    after = norm(x[:, :1].expand(-1, 30, -1, -1))
    assert torch.allclose(after - before, (-64 * rate * gradient).view(1, -1, 1, 1).expand_as(before), rtol=1e-3)


def test_too_small_images_and_vectors_are_refused():
    with pytest.raises(ValueError, match="4 x 4 pixels or more, but they have"):
        FastCNN((3, 2, 9), 2)
    with pytest.raises(ValueError, match="reads images of channels, height and width"):
        ResNet((30,), 2)
    with pytest.raises(ValueError, match="There is no network 'resnet31'"):
        named_network("resnet31", (3, 8, 8), 2)


def test_networks_can_be_written_down():
    network = named_network("cosine_fast_cnn", (1, 8, 8), 3)
    twin = named_network(*network.spec)
    twin.load_state_dict(network.state_dict())
    x = images(2, 1, 8, 8)
    assert np.array_equal(network.eval()(x).detach(), twin.eval()(x).detach())
