"""Each change beside kornia's, by the numbers that ours drew."""

import math

import pytest
import torch

from equipoise import Augment
from equipoise.images.augment import _UNIFORM, blurred

kornia = pytest.importorskip("kornia", reason="kornia, or its kornia_rs, is not installed")
N, SIDE = 8, 24


def images():
    """Waves, so that two ways to interpolate between pixels agree."""
    place = torch.linspace(0, 1, SIDE, dtype=torch.float64)
    phase = torch.arange(N * 3).double().view(N, 3, 1, 1)
    return 0.5 + 0.4 * torch.sin(5 * place[:, None] + 3 * place[None, :] + phase)


def drawn(name):
    """The numbers from -1 to 1 that a generator of seed 0 gives a change, one an image."""
    uniform = torch.rand(len(_UNIFORM), N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return 2 * uniform[_UNIFORM.index(name)] - 1


def changed(**ranges):
    return Augment(**{"crop": 0, "flip": 0.0} | ranges, generator=torch.Generator().manual_seed(0))(images())


def assert_moved_alike(ours, matrix):
    """Compare with the image moved by matrices (N, 2, 3) in pixels from the centre, corners apart."""
    centre = (SIDE - 1) / 2
    linear = matrix[:, :, :2]
    offset = centre - linear @ torch.full((2, 1), centre, dtype=torch.float64) + matrix[:, :, 2:]
    theirs = kornia.geometry.transform.warp_affine(
        images(), torch.cat([linear, offset], dim=2), (SIDE, SIDE), padding_mode="reflection", align_corners=True
    )
    inner = (..., slice(6, -6), slice(6, -6))
    assert torch.allclose(ours[inner], theirs[inner], atol=1e-6)


def of(*rows):
    return torch.stack([torch.stack([torch.as_tensor(v).expand(N).double() for v in row], -1) for row in rows], 1)


def test_rotation():
    angle = math.radians(30) * drawn("rotation")
    # ours tells where a pixel of the result comes from, kornia where one of the image goes
    assert_moved_alike(changed(rotation=30), of((angle.cos(), angle.sin(), 0), (-angle.sin(), angle.cos(), 0)))


def test_shear():
    assert_moved_alike(changed(shear=0.3), of((1, -0.3 * drawn("shear"), 0), (0, 1, 0)))


def test_scale():
    factor = torch.exp(0.25 * drawn("scale"))
    assert_moved_alike(changed(scale=0.25), of((factor, 0, 0), (0, factor, 0)))


def test_shift():
    x, y = (-0.2 * SIDE * drawn(f"shift_{axis}") for axis in "xy")
    assert_moved_alike(changed(shift=0.2), of((1, 0, x), (0, 1, y)))


@pytest.mark.parametrize(
    ("name", "most", "theirs"),
    [
        ("brightness", 0.3, lambda x, u: kornia.enhance.adjust_brightness(x, 0.3 * u, clip_output=False)),
        ("saturation", 0.5, lambda x, u: kornia.enhance.adjust_saturation_with_gray_subtraction(x, (0.5 * u).exp())),
        ("contrast", 0.1, lambda x, u: kornia.enhance.adjust_contrast_with_mean_subtraction(x, (0.1 * u).exp())),
    ],
)
def test_colours(name, most, theirs):
    ours, expected = changed(**{name: most}), theirs(images(), drawn(name))
    inside = (ours >= 0) & (ours <= 1)  # kornia clips
    assert inside.double().mean() > 0.8
    assert torch.allclose(ours[inside], expected[inside], atol=1e-3)  # their greys have three digits


@pytest.mark.parametrize(("name", "theirs"), [("flip", "hflip"), ("vertical_flip", "vflip")])
def test_flips(name, theirs):
    assert torch.allclose(changed(**{name: 1.0}), getattr(kornia.geometry.transform, theirs)(images()))


def test_blur():
    deviation = torch.linspace(0.3, 2, N, dtype=torch.float64)
    theirs = kornia.filters.gaussian_blur2d(
        images(), (5, 5), deviation[:, None].expand(-1, 2), border_type="replicate", separable=True
    )
    assert torch.allclose(blurred(images(), deviation), theirs, atol=1e-8)
