"""Group DRO: its rule in plain numbers, and that the worst cell gains by it."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from equipoise.datasets import make_grouped_images
from equipoise.losses import GroupDROLoss


def test_the_rule_in_plain_numbers():
    counts, step, C = np.array([[40, 5], [10, 0]]), 0.3, 2.0
    loss = GroupDROLoss(counts, step=step, adjustment=C).double()
    q = np.array([1 / 3, 1 / 3, 1 / 3, 0])
    draw = torch.Generator().manual_seed(0)
    for _ in range(3):
        logits = torch.randn(12, 2, generator=draw, dtype=torch.float64, requires_grad=True)
        target, group = torch.arange(12) % 2, torch.zeros(12, dtype=torch.int64)
        group[:2], target[0] = torch.tensor([1, 0]), 0
        rows = cross_entropy(logits, target, reduction="none")
        means = np.zeros(4)
        for cell in (0, 1, 2):
            own = (target * 2 + group) == cell
            means[cell] = rows[own].mean().item() + C / np.sqrt(counts.flat[cell])
        q = q * np.exp(step * means)
        q /= q.sum()
        found = loss(logits, target, group)
        assert found.item() == pytest.approx((q * means).sum(), rel=1e-6)
        assert np.allclose(loss.weights.flatten(), q, rtol=1e-6)
        (slope,) = torch.autograd.grad(found, logits)
        (expected,) = torch.autograd.grad(sum(q[c] * rows[(target * 2 + group) == c].mean() for c in (0, 1, 2)), logits)
        torch.testing.assert_close(slope, expected, rtol=1e-6, atol=1e-9)


def test_evaluation_changes_nothing_and_the_state_is_kept():
    loss = GroupDROLoss([[5, 5], [5, 5]], step=1.0)
    logits, target, group = torch.randn(6, 2), torch.arange(6) % 2, torch.zeros(6, dtype=torch.int64)
    with torch.no_grad():
        loss(logits, target, group)
    assert torch.allclose(loss.weights, torch.full((2, 2), 0.25))
    loss(logits, target, group)
    again = GroupDROLoss([[5, 5], [5, 5]])
    again.load_state_dict(copy.deepcopy(loss.state_dict()))
    assert torch.equal(again.weights, loss.weights) and not torch.allclose(loss.weights, torch.full((2, 2), 0.25))


def worst_cell(loss_of):
    X, y, group = make_grouped_images(agreement=0.95, random_state=0)
    x, y, group = torch.from_numpy(X).float().flatten(1) / 255, torch.from_numpy(y), torch.from_numpy(group)
    X_test, y_test, group_test = make_grouped_images(agreement=0.5, random_state=1)
    torch.manual_seed(0)
    model = nn.Linear(x.shape[1], 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, weight_decay=0.01)
    loss = loss_of(torch.bincount(2 * y + group, minlength=4).view(2, 2))
    for _ in range(300):
        loss(model(x), y, group).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        right = model(torch.from_numpy(X_test).float().flatten(1) / 255).argmax(1).numpy() == y_test
    return min(right[(y_test == k) & (group_test == g)].mean() for k in (0, 1) for g in (0, 1))


def test_the_worst_cell_gains_where_the_background_agrees_with_the_class():
    plain = worst_cell(lambda counts: lambda logits, target, group: cross_entropy(logits, target))
    robust = worst_cell(lambda counts: GroupDROLoss(counts, step=0.1))
    assert robust > plain + 0.15


@pytest.mark.parametrize("counts", [[3, 4], [[0, 0], [1, 2]], [[-1, 3], [1, 2]]])
def test_bad_counts_are_refused(counts):
    with pytest.raises(ValueError, match="cell_counts"):
        GroupDROLoss(counts)


def test_bad_rates_are_refused():
    with pytest.raises(ValueError, match="step must be positive"):
        GroupDROLoss([[1, 1], [1, 1]], step=0)


def batch(n=6, n_classes=2):
    logits = torch.randn(n, n_classes, generator=torch.Generator().manual_seed(0))
    return logits, torch.arange(n) % 2, torch.arange(n) // 2 % 2


WRONG = {
    "classes": (
        {"logits": torch.zeros(6, 3)},
        ValueError,
        r"cell_counts must hold one value a class and group.*\(6, 3\)",
    ),
    "logits": ({"logits": torch.zeros(6, 2).numpy()}, TypeError, "Logits must be a torch.Tensor"),
    "target": ({"target": torch.full((6,), 2)}, ValueError, "K - 1 = 1, but the target holds 2 to 2"),
    "soft": ({"target": torch.full((6, 2), 0.5)}, ValueError, "of one cell.*unmixed"),
    "replicas": (
        {"logits": torch.zeros(1, 6, 2), "target": torch.zeros(1, 6).long()},
        ValueError,
        r"of one cell.*\(1, 6, 2\)",
    ),
    "float groups": ({"group": torch.full((6,), 0.7)}, ValueError, "group must hold an integer a row.*float32"),
    "length": ({"group": torch.zeros(5).long()}, ValueError, r"of shape \(6,\), but its shape is \(5,\)"),
    "list": ({"group": [0] * 6}, TypeError, "group must be a torch.Tensor, but came as a list"),
    "above": ({"group": torch.full((6,), 2)}, ValueError, "G - 1 = 1, but a batch holds 2 to 2"),
    "below": ({"group": torch.full((6,), -1)}, ValueError, "a batch holds -1 to -1"),
}


@pytest.mark.parametrize(("changed", "error", "message"), WRONG.values(), ids=WRONG)
def test_batches_that_do_not_fit_are_refused(changed, error, message):
    loss = GroupDROLoss([[5, 5], [5, 5]], step=1.0)
    before = loss.weights
    with pytest.raises(error, match=message):
        loss(**dict(zip(("logits", "target", "group"), batch())) | changed)
    assert torch.equal(loss.weights, before)


def test_ignored_rows_are_as_if_they_were_not_there():
    logits, target, group = batch()
    for index in (-100, 7):
        some, none = (GroupDROLoss([[5, 5], [5, 5]], step=1.0, ignore_index=index) for _ in range(2))
        ignored = target.where(torch.tensor([True, True, False, True, False, True]), index)
        kept = ignored != index
        torch.testing.assert_close(some(logits, ignored, group), none(logits[kept], target[kept], group[kept]))
        torch.testing.assert_close(some.weights, none.weights)
    assert some(logits, torch.full_like(target, index), group) == 0
    assert some.weights.isfinite().all()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_batch_that_is_not_finite_leaves_the_weights_and_warns_once(bad):
    logits, target, group = batch()
    loss = GroupDROLoss([[5, 5], [5, 5]], step=1.0)
    broken = logits.clone()
    broken[0, 1] = bad
    before = loss.weights
    with pytest.warns(UserWarning, match="not finite, so the weights of GroupDROLoss stay"):
        assert not loss(broken, target, group).isfinite()
    assert torch.equal(loss.weights, before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(broken, target, group)
        assert loss(logits, target, group).isfinite()
    assert loss.weights.isfinite().all() and not torch.equal(loss.weights, before)


def test_evaluation_mode_leaves_the_weights():
    loss = GroupDROLoss([[5, 5], [5, 5]], step=1.0).eval()
    before = loss.weights
    loss(*batch())
    assert torch.equal(loss.weights, before)
    loss.train()(*batch())
    assert not torch.equal(loss.weights, before)
