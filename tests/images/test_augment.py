import math

import pytest
import torch
from sklearn.base import clone

from equipoise import Augment, MixUp, ReMix
from equipoise.images import ClassStrengthWarning
from equipoise.images.augment import blurred, hue_turn

RANGES = {
    "shift": 0.2,
    "rotation": 30,
    "shear": 0.3,
    "scale": 0.25,
    "brightness": 0.3,
    "contrast": 0.4,
    "saturation": 0.5,
    "hue": 0.1,
    "noise": 0.2,
    "blur": 3.0,
    "cut_out": 0.6,
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n=6, channels=3, height=12, width=10, dtype=torch.float64):
    return torch.rand(n, channels, height, width, generator=seeded(1), dtype=dtype)


def smooth(n=6, channels=3, side=12):
    """Images without edges, so that finite differences see no kinks between pixels."""
    place = torch.linspace(0, 1, side, dtype=torch.float64)
    waves = torch.sin(3 * place[:, None] + 2 * place[None, :] + torch.arange(n * channels).view(-1, 1, 1))
    return waves.view(n, channels, side, side)


def alone(**ranges):
    return Augment(**{"crop": 0, "flip": 0.0} | ranges)


@pytest.mark.parametrize("name", RANGES)
def test_strength_0_changes_nothing_and_strength_1_does(name):
    augment, x = alone(**{name: RANGES[name]}), images()
    same = augment.rows(x, strength=torch.zeros(6), generator=seeded())
    assert torch.allclose(same, x, atol=1e-6)
    changed = (augment.rows(x, strength=torch.ones(6), generator=seeded()) - x).abs().flatten(1).amax(1)
    assert (changed > 1e-3).sum() >= 5


@pytest.mark.parametrize("name", RANGES)
def test_gradient_in_the_strength_by_finite_differences(name):
    augment, x = alone(**{name: RANGES[name]}), smooth()
    weights = torch.rand(x.shape, generator=seeded(2), dtype=torch.float64)

    def value(strength):
        return (augment.rows(x, strength=strength, generator=seeded()) * weights).flatten(1).sum(1)

    strength = torch.tensor([0.2, 0.4, 0.55, 0.7, 0.9, 1.1], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(value(strength).sum(), strength)
    step = 1e-6
    with torch.no_grad():
        by_hand = (value(strength + step) - value(strength - step)) / (2 * step)
    assert torch.allclose(gradient, by_hand, rtol=1e-4, atol=1e-6)
    assert (gradient.abs() > 1e-6).sum() >= 5


@pytest.mark.parametrize("name", ["rotation", "contrast"])
def test_each_row_has_its_own_strength(name):
    augment, x = alone(**{name: RANGES[name]}), images()
    strength = torch.tensor([0.0, 1, 0, 1, 0, 1])
    changed = (augment.rows(x, strength=strength, generator=seeded()) - x).abs().flatten(1).amax(1) > 1e-3
    assert changed.tolist() == [False, True] * 3


def test_crop_moves_by_whole_pixels_and_mirrors_the_border():
    x = images(200, 1)
    moved = Augment(crop=2, flip=0.0, generator=seeded())(x)
    seen = set()
    for image, source in zip(moved, x):
        places = [(dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
        inner = image[:, 2:-2, 2:-2]
        found = [(dy, dx) for dy, dx in places if torch.allclose(inner, source[:, 2 + dy : 10 + dy, 2 + dx : 8 + dx])]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 25
    assert moved.min() >= x.min() - 1e-9 and moved.max() <= x.max() + 1e-9


def test_a_crop_below_1_is_a_share_of_the_shorter_side():
    x = images(40, 1, height=32, width=16)
    assert torch.equal(Augment(crop=1 / 8, generator=seeded())(x), Augment(crop=2, generator=seeded())(x))
    same = images(4, 1, height=3, width=16)
    assert torch.allclose(Augment(crop=1 / 8, flip=0.0, generator=seeded())(same), same)


@pytest.mark.parametrize(("name", "axis"), [("flip", -1), ("vertical_flip", -2)])
def test_flips_have_their_probability(name, axis):
    x = images(400, 1)
    turned = Augment(**{"crop": 0, "flip": 0.0} | {name: 0.3}, generator=seeded())(x)
    flipped = torch.isclose(turned, x.flip(axis)).flatten(1).all(1)
    assert (flipped | torch.isclose(turned, x).flatten(1).all(1)).all()
    assert abs(flipped.double().mean().item() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 400)


def test_a_rotation_turns_by_its_angle_in_pixels():
    """A point on the right of a wide image moves on a circle, not on an ellipse."""
    x = torch.zeros(300, 1, 41, 61, dtype=torch.float64)
    x[:, :, 20, 45] = 1  # 15 pixels right of the centre
    turned = alone(rotation=60, generator=seeded())(x)
    rows, columns = torch.arange(41.0).double() - 20, torch.arange(61.0).double() - 30
    mass = turned.sum((1, 2, 3))
    at_row = (turned.sum(3)[:, 0] * rows).sum(1) / mass
    at_column = (turned.sum(2)[:, 0] * columns).sum(1) / mass
    assert torch.allclose(torch.hypot(at_row, at_column), torch.tensor(15.0).double(), atol=0.5)
    angles = torch.rad2deg(torch.atan2(at_row, at_column))
    assert -61 < angles.min() < -50 and 50 < angles.max() < 61


def test_scale_makes_larger_and_smaller():
    x = torch.zeros(200, 1, 41, 41, dtype=torch.float64)
    x[:, :, 15:26, 15:26] = 1
    ratio = alone(scale=0.5, generator=seeded())(x).sum((1, 2, 3)) / 121
    expected = math.exp(2 * 0.5)  # area
    assert 1 / expected * 0.9 < ratio.min() < 0.6 and 1.8 < ratio.max() < expected * 1.1


def test_colours_by_a_plain_derivation():
    x = images(4)
    luma = torch.tensor([0.299, 0.587, 0.114]).double()
    grey = (x * luma.view(1, 3, 1, 1)).sum(1, keepdim=True)

    lifted = alone(brightness=0.3, generator=seeded())(x) - x
    assert torch.allclose(lifted, lifted[:, :1, :1, :1].expand_as(x)) and lifted.abs().max() <= 0.3

    less = alone(saturation=0.5, generator=seeded())(x)
    factor = ((less - grey) / (x - grey))[:, 0, 0, 0]
    assert torch.allclose(less, grey + factor.view(-1, 1, 1, 1) * (x - grey))
    assert (factor.log().abs() <= 0.5).all()

    flat = alone(contrast=0.4, generator=seeded())(x)
    mean = grey.mean((2, 3), keepdim=True)
    factor = ((flat - mean) / (x - mean))[:, 0, 0, 0]
    assert torch.allclose(flat, mean + factor.view(-1, 1, 1, 1) * (x - mean)) and (factor.log().abs() <= 0.4).all()

    turned = alone(hue=0.5, generator=seeded())(x)
    assert torch.allclose(turned.sum(1), x.sum(1))  # grey axis
    assert torch.allclose(
        (turned - turned.mean(1, keepdim=True)).norm(dim=1), (x - x.mean(1, keepdim=True)).norm(dim=1)
    )
    third = torch.tensor([2 * math.pi / 3], dtype=torch.float64)
    assert torch.allclose(
        hue_turn(third)[0] @ torch.eye(3).double()[0],
        torch.eye(3).double()[1],  # red becomes green
    )


def test_blur_is_a_gaussian_filter_that_keeps_the_mean_of_a_point():
    x = torch.zeros(1, 1, 11, 11, dtype=torch.float64)
    x[0, 0, 5, 5] = 1
    out = blurred(x, torch.tensor([0.8]).double())[0, 0]
    taps = torch.exp(-(torch.arange(-2, 3).double() ** 2) / (2 * 0.64))
    taps = taps / taps.sum()
    assert torch.allclose(out[3:8, 3:8], taps[:, None] * taps) and out.sum().item() == pytest.approx(1)


def test_cut_out_sets_a_square_to_the_mean():
    x = images(50, 3, 20, 20)
    out = alone(cut_out=0.8, generator=seeded())(x)
    mean = x.mean((2, 3), keepdim=True)
    whole = torch.isclose(out, mean.expand_as(out)).all(1)
    assert whole.flatten(1).sum(1).max() > 60 and (torch.isclose(out, x).all(1).flatten(1).sum(1) > 0).all()


def test_noise_has_at_most_its_deviation():
    x = torch.zeros(2000, 1, 8, 8, dtype=torch.float64)
    deviations = alone(noise=0.2, generator=seeded())(x).flatten(1).std(1)
    assert deviations.max() < 0.2 * 1.5 and abs(deviations.mean().item() - 0.1) < 0.01


def test_bytes_give_floats_of_the_same_scale():
    x = (images() * 255).to(torch.uint8)
    assert torch.allclose(alone()(x), x.float())
    assert torch.allclose(
        alone(contrast=0.4, brightness=0.3, generator=seeded())(x),
        255 * alone(contrast=0.4, brightness=0.3, generator=seeded())(x.float() / 255),
        atol=1e-3,
    )


def test_leading_axes_are_further_batches():
    augment = Augment(**RANGES)
    x = images(6)
    flat = augment.rows(x, generator=seeded())
    assert torch.equal(augment.rows(x.view(2, 3, 3, 12, 10), generator=seeded()).flatten(0, 1), flat)


def test_probability_leaves_images_as_they_are():
    x = images(2000, 1, 4, 4)
    out = alone(contrast=0.5, probability=0.3, generator=seeded())(x)
    changed = (out - x).abs().flatten(1).amax(1) > 1e-9
    assert abs(changed.double().mean().item() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / 2000)


def test_strength_by_class_follows_the_labels_and_warns_where_it_leaks():
    with pytest.warns(ClassStrengthWarning, match=r"probability=0\.5"):
        augment = Augment(strength=[0.0, 1.0], crop=0, flip=0.0, contrast=0.4)
    x, y = images(6), torch.tensor([0, 1, 0, 1, 0, 1])
    rows, labels = augment(x, y)
    assert labels is y
    assert ((rows - x).abs().flatten(1).amax(1) > 1e-6).tolist() == [False, True] * 3
    with pytest.raises(ValueError, match="labels are needed"):
        augment(x)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match=r"flip must be a probability from 0 to 1, but flip=2"):
        Augment(flip=2)
    with pytest.raises(ValueError, match="rotation must be 0 or more"):
        Augment(rotation=-3)
    with pytest.raises(ValueError, match=r"batch of images .* but its shape is \(3, 4\)"):
        Augment()(torch.zeros(3, 4))
    assert clone(Augment(blur=0.2), safe=False).get_params()["blur"] == 0.2


def test_remix_augments_after_balancing_so_that_copies_differ():
    x, y = images(16, dtype=torch.float32), torch.tensor([0] * 15 + [1])
    augment = Augment(crop=0, flip=0.0, brightness=0.3, generator=seeded())
    plain = ReMix(alpha=0, num_classes=2, generator=seeded())
    between = ReMix(alpha=0, num_classes=2, between=augment, generator=seeded())
    rows, soft = between(x, y)
    copies, same = rows[soft[:, 1] == 1], plain(x, y)[0][soft[:, 1] == 1]
    assert len(copies) == len(same) == 8
    assert len(same.unique(dim=0)) == 1 and len(copies.unique(dim=0)) == 8
    lifts = copies - x[15]
    assert torch.allclose(lifts, lifts[:, :1, :1, :1].expand_as(lifts), atol=1e-6)  # each is the one image, brighter


def test_mixing_after_any_function_of_rows():
    x, y = (images(8) * 255).to(torch.uint8), torch.arange(8) % 2
    halved = MixUp(alpha=0.3, num_classes=2, between=lambda rows: rows.float() / 255, generator=seeded())
    plain = MixUp(alpha=0.3, num_classes=2, generator=seeded())
    rows, soft = halved(x, y)
    expected, labels = plain(x.float() / 255, y)
    assert torch.allclose(rows, expected, atol=1e-6) and torch.equal(soft, labels)
    with pytest.raises(TypeError, match="must return floating rows"):
        MixUp(alpha=0.3, num_classes=2, between=lambda rows: rows)(x, y)
