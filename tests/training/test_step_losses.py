"""The gradient of plain cross-entropy as written out is that of autograd."""

from itertools import product

import pytest
import torch

from equipoise.losses.rows import row_losses
from equipoise.training.step_losses import StepLosses

R, B, K = 3, 7, 4


@pytest.mark.parametrize(("soft", "weighted", "smoothed", "masked"), product([False, True], repeat=4))
def test_written_out_gradient_is_that_of_autograd(soft, weighted, smoothed, masked):
    torch.manual_seed(0)
    logits = 3 * torch.randn(R, B, K, dtype=torch.float64)
    target = torch.rand(R, B, K).double().softmax(-1) if soft else torch.randint(K - 1, (R, B))
    weights = torch.rand(R, B, dtype=torch.float64) if weighted else None
    priors = torch.rand(R, 1, K, dtype=torch.float64).softmax(-1) if smoothed else None
    absent = torch.tensor([0, 0, 0, -1e9], dtype=torch.float64).expand(R, 1, K) if masked and not soft else None
    if absent is not None and priors is not None:
        priors = (priors + absent).softmax(-1)
    of_rows = row_losses("cross_entropy", torch.ones(R, K))
    losses = StepLosses(of_rows, absent, priors, 0.1, watch=None, plain=True)
    [expected] = losses.gradients(leaf := logits.clone().requires_grad_(), [leaf], target, weights)
    torch.testing.assert_close(losses.slope(logits, target, weights), expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_watched_losses_are_means_of_weighted_rows(weighted):
    torch.manual_seed(0)
    seen = []
    of_rows = row_losses("cross_entropy", torch.ones(R, K))
    losses = StepLosses(of_rows, None, None, 0.0, watch=seen.append, plain=True)
    logits, target, weights = torch.randn(R, B, K), torch.randint(K, (R, B)), torch.rand(R, B)
    assert not losses.written_out
    losses.gradients(logits, [logits.requires_grad_()], target, weights if weighted else None)
    values = losses(logits, target) * (weights if weighted else 1)
    torch.testing.assert_close(seen, [values.mean(dim=1)])
