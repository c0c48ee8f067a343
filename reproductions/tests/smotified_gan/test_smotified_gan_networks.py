"""The authors' classifier."""

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.training import FittedEnsemble, Table, Task, fit
from equipoise_reproductions.smotified_gan.networks import AbsoluteError, linear_output, settings


def test_the_network_has_one_output_and_keras_weights():
    torch.manual_seed(0)
    network = linear_output((7,), 2)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(7, 256), (256, 128), (128, 1)]
    for layer in layers:
        bound = np.sqrt(6 / (layer.in_features + layer.out_features))
        assert not layer.bias.any() and 0.9 * bound < layer.weight.abs().max() <= bound
    logits = network(torch.randn(5, 7))
    z = logits[:, 1]
    assert torch.allclose(
        AbsoluteError()(logits, torch.tensor([0, 1, 1, 0, 1])), (z - torch.tensor([0, 1, 1, 0, 1])).abs()
    )
    assert torch.allclose(logits.softmax(dim=1)[:, 1], torch.sigmoid(2 * z - 1))


@pytest.mark.parametrize(("loss", "share"), [("mae", 1 / (1 + np.e)), ("logistic", 0.3)])
def test_absolute_error_fits_the_median_and_the_logistic_loss_the_mean(loss, share):
    """Of rows that are all alike, three in ten rare: z is 0, so sigmoid(2 z - 1) is 1 / (1 + e)."""
    table = Table(np.ones((100, 2), dtype=np.float32), (np.arange(100) < 30).astype(np.int64), 2)
    how = settings(loss, 60, 100)
    assert (how.max_steps, how.batch_size, how.learning_rate, how.eps) == (240, 32, 1e-3, 1e-7)
    networks = fit([Task(table, seed, how) for seed in range(5)])
    found = FittedEnsemble(networks, np.arange(2)).member_proba(table.X[:1])[:, 0, 1]
    assert np.mean(found) == pytest.approx(share, abs=0.05)
