"""The learning rate: planned for the run, or lowered for each replica when its loss rests."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.training import Settings
from equipoise.training.schedules import PlateauRate, learning_rate


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


def torch_plateau(losses, peak):
    """The rates of torch's scheduler: it acts when more than `patience` epochs are bad, Keras when as many are."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.2, patience=4, threshold=1e-4, threshold_mode="abs", min_lr=1e-5
    )
    rates = []
    for loss in losses:
        schedule.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def test_plateaus_are_those_of_torch():
    rng = np.random.default_rng(0)
    losses = np.exp(-np.arange(80) / np.array([[5], [20], [60]])) + 0.02 * rng.random((3, 80))
    ours = PlateauRate(Settings(learning_rate=1e-3), n_replicas=3)
    seen = []
    for epoch in losses.T:
        for part in (0.5, 1.5):  # two batches whose mean is the epoch's loss
            ours.watch(torch.tensor(part * epoch))
        ours.end_epoch()
        seen.append(ours.rates(0.0))
    expected = [torch_plateau(replica, 1e-3) for replica in losses]
    np.testing.assert_allclose(np.transpose(seen), expected, rtol=1e-9)
    assert len({rate for replica in expected for rate in replica}) == 4  # down to the least


def test_plateaus_of_the_replicas_that_are_left():
    ours = PlateauRate(Settings(learning_rate=1.0), n_replicas=3)
    for epoch in range(8):
        ours.watch(torch.tensor([1.0, 1.0 / (epoch + 1), 1.0]))
        ours.end_epoch()
    assert ours.rates(0.0) == [0.2, 1.0, 0.2]
    ours.keep_replicas([1, 2])
    for _ in range(2):
        ours.watch(torch.tensor([1.0 / 9, 1.0]))
        ours.end_epoch()
    assert ours.rates(0.0) == pytest.approx([1.0, 0.2])
    ours.watch(torch.tensor([1.0 / 9, 1.0]))
    ours.end_epoch()
    assert ours.rates(0.0) == pytest.approx([1.0, 0.04])


@pytest.mark.parametrize(
    ("schedule", "points"),
    [
        ("cosine", {0.0125: 0.5, 0.025: 1.0, 0.5125: 0.5, 1.0: 0.0}),
        ("step", {0.0125: 0.5, 0.4: 1.0, 0.6: 0.1, 0.9: 0.01}),
        ("triangle", {0.0: 0.2, 0.115: 0.6, 0.23: 1.0, 1.0: 0.07}),
    ],
)
def test_shapes_of_the_schedules_for_images(schedule, points):
    for progress, share in points.items():
        assert learning_rate(Settings(schedule=schedule, learning_rate=2.0), progress) == pytest.approx(
            2 * share, abs=1e-9
        )
