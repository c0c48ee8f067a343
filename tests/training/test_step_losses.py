"""The gradient of parametric cross-entropies as written out is that of autograd."""

from itertools import product

import pytest
import torch

from equipoise.losses import (
    ClassBalancedLoss,
    DeferredReweighting,
    FocalLoss,
    LogitAdjustedLoss,
    ParametricCrossEntropy,
    VSLoss,
)
from equipoise.losses.rows import row_losses
from equipoise.training.step_losses import StepLosses

R, B, K = 3, 7, 4


@pytest.mark.parametrize(
    "loss",
    [
        "cross_entropy",
        LogitAdjustedLoss,
        LogitAdjustedLoss([9, 4, 2, 1]),
        ClassBalancedLoss,
        VSLoss,
        ParametricCrossEntropy(w=[1.0, 0.0, 2.0, 0.5], offset=[0.0, 1.0, -1.0, 2.0], delta=[1.0, 0.5, 2.0, 0.8]),
    ],
    ids=repr,
)
@pytest.mark.parametrize(("soft", "weighted", "smoothed", "masked"), [*product([False, True], repeat=4)])
def test_written_out_gradient_is_that_of_autograd(soft, weighted, smoothed, masked, loss):
    torch.manual_seed(0)
    logits = 3 * torch.randn(R, B, K, dtype=torch.float64)
    target = torch.rand(R, B, K).double().softmax(-1) if soft else torch.randint(K - 1, (R, B))
    weights = torch.rand(R, B, dtype=torch.float64) if weighted else None
    priors = torch.rand(R, 1, K, dtype=torch.float64).softmax(-1) if smoothed else None
    absent = torch.tensor([0, 0, 0, -1e9], dtype=torch.float64).expand(R, 1, K) if masked and not soft else None
    if absent is not None and priors is not None:
        priors = (priors + absent).softmax(-1)
    of_rows = row_losses(loss, torch.arange(1, R * K + 1).view(R, K), torch.float64)
    losses = StepLosses(of_rows, absent, priors, 0.1, watch=None)
    assert losses.written_out
    [expected] = losses.gradients(leaf := logits.clone().requires_grad_(), [leaf], target, weights)
    torch.testing.assert_close(losses.slope(logits, target, weights) / B, expected)


class _Halved(ParametricCrossEntropy):
    def forward(self, logits, target):
        return super().forward(logits, target) / 2


@pytest.mark.parametrize(
    "loss",
    [
        FocalLoss,
        DeferredReweighting(ClassBalancedLoss, [9, 4, 2, 1]),
        ParametricCrossEntropy(w=[[1.0] * 4] * 4, num_groups=4),
        ParametricCrossEntropy(offset=[1.0]),  # refuses these logits, in words of its own
        _Halved(offset=[0.0, 1.0, 0.0, 0.0]),
        torch.nn.CrossEntropyLoss(),
    ],
    ids=repr,
)
def test_other_losses_are_left_to_autograd(loss):
    of_rows = row_losses(loss, torch.ones(R, K))
    assert not StepLosses(of_rows, None, None, 0.0, watch=None).written_out


@pytest.mark.parametrize("weighted", [False, True])
def test_watched_losses_are_means_of_weighted_rows(weighted):
    torch.manual_seed(0)
    seen = []
    of_rows = row_losses("cross_entropy", torch.ones(R, K))
    losses = StepLosses(of_rows, None, None, 0.0, watch=seen.append)
    logits, target, weights = torch.randn(R, B, K), torch.randint(K, (R, B)), torch.rand(R, B)
    assert not losses.written_out
    losses.gradients(logits, [logits.requires_grad_()], target, weights if weighted else None)
    values = losses(logits, target) * (weights if weighted else 1)
    torch.testing.assert_close(seen, [values.mean(dim=1)])
