"""The mixing itself."""

import torch

from equipoise.batches.mixture import Mixture, mix, mix_labels, take_rows


def test_mix_and_take_rows_by_hand():
    values = torch.tensor([[[0.0, 10.0], [1.0, 20.0], [2.0, 30.0]]])  # one replica, three rows
    first, second = torch.tensor([[2, 0, 1]]), torch.tensor([[0, 0, 2]])
    mixture = Mixture(first, second, torch.tensor([[0.5, 0.3, 1.0]], dtype=torch.float64))
    assert torch.equal(take_rows(values, first)[0], values[0, [2, 0, 1]])
    torch.testing.assert_close(mix(values, mixture)[0], torch.tensor([[1.0, 20.0], [0.0, 10.0], [1.0, 20.0]]))


def test_labels_are_mixed_by_a_share_of_their_own_where_there_is_one():
    y = torch.eye(2)
    plain = Mixture(torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([0.25, 0.5], dtype=torch.float64))
    apart = plain._replace(label_share=torch.tensor([1.0, 0.125], dtype=torch.float64))
    assert torch.equal(mix_labels(y, plain), torch.tensor([[0.25, 0.75], [0.5, 0.5]]))
    assert torch.equal(mix_labels(y, apart), torch.tensor([[1.0, 0.0], [0.875, 0.125]]))
    assert torch.equal(mix(y, apart), mix(y, plain))
