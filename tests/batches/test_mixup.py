"""MixUp: a permutation of the batch as partners, class priors as they were."""

import pytest
import torch

from equipoise import MixUp


def test_alpha_must_be_chosen():
    with pytest.raises(TypeError, match="alpha"):
        MixUp()


@pytest.mark.parametrize("lead", [(), (6,), (2, 3)])
def test_partners_are_a_permutation_of_the_batch(lead):
    labels = torch.randint(3, (*lead, 10))
    mixture = MixUp(alpha=0.3).draw(labels, torch.Generator().manual_seed(0))
    assert (mixture.first == torch.arange(10)).all()
    assert (mixture.second.sort(dim=-1).values == torch.arange(10)).all()
    assert mixture.share.shape == labels.shape


def test_class_shares_of_the_batch_stay():
    y = torch.tensor([0, 0, 0, 0, 0, 0, 1, 2])
    _, mixed = MixUp(alpha=1.0, num_classes=3, generator=torch.Generator().manual_seed(0))(torch.randn(8, 2), y)
    torch.testing.assert_close(mixed.sum(dim=0), torch.tensor([6.0, 1.0, 1.0]))


def test_alpha_zero_is_the_identity():
    x, y = torch.randn(8, 2), torch.arange(8) % 2
    mixed_x, mixed_y = MixUp(alpha=0.0, num_classes=2)(x, y)
    assert torch.equal(mixed_x, x) and torch.equal(mixed_y, torch.eye(2)[y])


def test_replicas_get_partners_of_their_own():
    mixture = MixUp(alpha=0.3).draw(torch.zeros(5, 32, dtype=torch.int64), torch.Generator().manual_seed(0))
    assert len(mixture.second.unique(dim=0)) == 5
