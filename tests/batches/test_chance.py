"""Chance of the mixing transforms."""

import numpy as np
import pytest
import torch
from scipy import stats

from equipoise.batches.chance import beta, permutations, uniform


def seeded(seed):
    return torch.Generator().manual_seed(seed)


# E[min(l, 1 - l)], P(min < 0.01), P(min > 0.1) and E[l (1 - l)] = alpha / (2 (2 alpha + 1)): exact values.
BETA_MOMENTS = {
    0.1: (0.0584, 0.641, 0.187, 0.0417),
    0.2: (0.1012, 0.420, 0.327, 0.0714),
    0.3: (0.1341, 0.279, 0.435, 0.0938),
    0.5: (0.1817, 0.128, 0.590, 0.1250),
    1.0: (0.2500, 0.020, 0.800, 0.1667),
}


@pytest.mark.parametrize("alpha", BETA_MOMENTS)
def test_share_has_moments_of_beta(alpha):
    draws = 200_000
    share = beta(alpha, (draws,), torch.device("cpu"), seeded(0))
    least = torch.minimum(share, 1 - share)
    expected = BETA_MOMENTS[alpha]
    found = least, (least < 0.01).double(), (least > 0.1).double(), share * (1 - share)
    for value, exact in zip(found, expected):
        five_errors = 5 * float(value.std()) / np.sqrt(draws)
        assert abs(float(value.mean()) - exact) < five_errors + 5e-4  # the table has three or four digits
    lower = share[share < 0.5].numpy()  # near 1, small alpha runs out of floating numbers
    assert stats.kstest(lower, lambda x: 2 * stats.beta(alpha, alpha).cdf(x)).pvalue > 1e-3


@pytest.mark.parametrize("alpha", [1e-3, 1e-2, 30.0, 1e6])
def test_share_is_sound_at_any_alpha(alpha):
    draws = 20_000
    share = beta(alpha, (draws,), torch.device("cpu"), seeded(1))
    assert ((share >= 0) & (share <= 1)).all()
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(float(share.mean()) - 0.5) < 5 * np.sqrt(variance / draws)
    assert float(share.var()) == pytest.approx(variance, rel=0.1)


def test_permutations_are_uniform():
    draws = 24_000
    drawn = permutations((draws, 4), torch.device("cpu"), seeded(0))
    assert (drawn.sort(dim=-1).values == torch.arange(4)).all()
    _, counts = drawn.unique(dim=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts.numpy()).pvalue > 1e-3


def test_uniform_is_torchs_own():
    assert torch.equal(
        uniform((3, 7), torch.device("cpu"), seeded(4)), torch.rand(3, 7, dtype=torch.float64, generator=seeded(4))
    )
