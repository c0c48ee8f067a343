"""Any loss as one value a row and a replica."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from equipoise import DeferredReweighting, ParametricCrossEntropy, VSLoss
from equipoise.losses import row_losses

R, B, K = 3, 5, 3  # as many replicas as classes: torch would read axis 1 as the class axis
COUNTS = torch.tensor([[10, 4, 1], [5, 5, 5], [1, 2, 12]])


def logits():
    return torch.randn(R, B, K, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def targets(soft):
    draw = torch.Generator().manual_seed(1)
    if soft:
        return torch.rand(R, B, K, generator=draw, dtype=torch.float64).softmax(dim=-1)
    return torch.randint(K, (R, B), generator=draw)


each_target = pytest.mark.parametrize("soft", [False, True], ids=["codes", "probabilities"])


@each_target
def test_cross_entropy_by_hand(soft):
    values, target = row_losses("cross_entropy", COUNTS)(logits(), targets(soft)), targets(soft)
    for r in range(R):
        for b in range(B):
            log_p = logits()[r, b] - logits()[r, b].exp().sum().log()
            weights = target[r, b] if soft else torch.eye(K, dtype=torch.float64)[target[r, b]]
            torch.testing.assert_close(values[r, b], -(weights * log_p).sum())


@each_target
def test_square_shapes_are_read_rightly(soft):
    """R = B = K: every axis could pass for every other."""
    square = logits()[:, :3], targets(soft)[:, :3]
    whole = row_losses("cross_entropy", COUNTS)(logits(), targets(soft))
    torch.testing.assert_close(row_losses("cross_entropy", COUNTS)(*square), whole[:, :3])


@each_target
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_module_gives_a_value_a_row(soft, reduction):
    weight = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64)
    module = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1, reduction=reduction)
    values = row_losses(module, COUNTS)(logits(), targets(soft))
    assert module.reduction == reduction  # a copy was changed
    for r in range(R):
        expected = functional.cross_entropy(
            logits()[r], targets(soft)[r], weight=weight, label_smoothing=0.1, reduction="none"
        )
        torch.testing.assert_close(values[r], expected)


@each_target
def test_callable_gets_the_class_counts_of_each_replica(soft):
    seen = []

    def weighted(counts):
        seen.append(counts.tolist())
        return nn.CrossEntropyLoss(weight=1 / counts.double())

    values = row_losses(weighted, COUNTS)(logits(), targets(soft))
    assert seen == COUNTS.tolist()
    for r in range(R):
        expected = nn.CrossEntropyLoss(weight=1 / COUNTS[r].double(), reduction="none")(logits()[r], targets(soft)[r])
        torch.testing.assert_close(values[r], expected)


def test_class_of_losses_is_a_callable():
    class Shifted(nn.Module):
        def __init__(self, class_counts):
            super().__init__()
            self.register_buffer("shift", class_counts.double().log())

        def forward(self, logits, target):
            return functional.cross_entropy(logits + self.shift, target, reduction="none")

    values = row_losses(Shifted, COUNTS)(logits(), targets(False))
    torch.testing.assert_close(values[1], row_losses("cross_entropy", COUNTS)(logits(), targets(False))[1])
    assert not torch.allclose(values[0], row_losses("cross_entropy", COUNTS)(logits(), targets(False))[0])


@each_target
@pytest.mark.parametrize("loss", [VSLoss, partial(VSLoss, tau=0.5), partial(DeferredReweighting, VSLoss)], ids=str)
def test_losses_that_take_replicas_run_once_for_all(loss, soft):
    given = []

    class Noted(VSLoss):
        def __init__(self, class_counts, **parameters):
            given.append(class_counts.shape)
            super().__init__(class_counts, **parameters)

    at_once = row_losses(loss, COUNTS, torch.float64)(logits(), targets(soft))
    one_by_one = row_losses(lambda counts: loss(counts), COUNTS, torch.float64)(logits(), targets(soft))
    torch.testing.assert_close(at_once, one_by_one)
    row_losses(Noted, COUNTS), row_losses(lambda counts: Noted(counts), COUNTS)
    assert given == [(R, K), (K,), (K,), (K,)]


def test_a_partial_of_what_takes_one_replica_is_asked_for_each():
    """The weights of a lambda would mix the counts of all replicas."""

    def weighed(counts):
        return ParametricCrossEntropy(w=counts.sum() / counts)

    losses = row_losses(partial(DeferredReweighting, weighed, start=0.0), COUNTS, torch.float64)
    losses.set_progress(1.0)
    values = losses(logits(), targets(False))
    for r in range(R):
        w = COUNTS[r].sum() / COUNTS[r]
        w = w * COUNTS[r].sum() / (w * COUNTS[r]).sum()  # of mean 1 over the training rows
        alone = ParametricCrossEntropy(w=w, reduction="none")
        torch.testing.assert_close(values[r], alone(logits()[r], targets(False)[r]))


def test_progress_reaches_modules_that_ask_for_it():
    class Fading(nn.Module):
        def set_progress(self, progress):
            self.left = 1 - progress

        def forward(self, logits, target):
            return self.left * functional.cross_entropy(logits, target, reduction="none")

    plain = row_losses("cross_entropy", COUNTS)
    plain.set_progress(0.5)  # nobody asks
    for loss in (Fading(), lambda counts: Fading()):
        losses = row_losses(loss, COUNTS)
        losses.set_progress(0.25)
        torch.testing.assert_close(losses(logits(), targets(False)), 0.75 * plain(logits(), targets(False)))


def test_unknown_name_is_quoted():
    with pytest.raises(ValueError, match="loss='hinge'"):
        row_losses("hinge", COUNTS)
    with pytest.raises(ValueError, match=r"loss='focal': give the class itself, as in loss=FocalLoss"):
        row_losses("focal", COUNTS)


def test_a_callable_that_needs_more_than_the_counts_is_refused():
    with pytest.raises(ValueError, match=r"DeferredReweighting cannot be .*'class_counts'.*partial\(DeferredRew"):
        row_losses(DeferredReweighting, COUNTS)
    with pytest.raises(ValueError, match=r"called with the class counts alone, but <lambda> cannot"):
        row_losses(lambda: nn.Identity(), COUNTS)


def test_a_loss_that_reduces_is_refused():
    class Mean(nn.Module):
        def forward(self, logits, target):
            return functional.cross_entropy(logits, target)

    with pytest.raises(ValueError, match=r"one value a row \(15 of them\).*\(\)"):
        row_losses(Mean(), COUNTS)(logits(), targets(False))


def test_a_class_of_torch_does_not_take_counts_for_its_options():
    with pytest.raises(ValueError, match=r"pass an instance, loss=CrossEntropyLoss\(\)"):
        row_losses(nn.CrossEntropyLoss, COUNTS)


def test_a_callable_returns_a_module():
    with pytest.raises(ValueError, match=r"must return an nn.Module when called with class counts, got None"):
        row_losses(lambda counts: None, COUNTS)
