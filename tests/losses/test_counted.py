"""What is particular to class-balanced weights, focal loss and LDAM."""

import pytest
import torch
from torch.nn import functional

from equipoise import CDTLoss, FocalLoss, LDAMLoss, LogitAdjustedLoss, VSLoss
from equipoise.losses import class_balanced_weights, focal_loss, ldam_loss, parametric_cross_entropy
from equipoise.losses.counts import log_priors, shares_of_largest

COUNTS = torch.tensor([50, 900, 7, 43], dtype=torch.float64)


def test_parts_by_hand():
    counts = torch.tensor([900, 100])
    assert log_priors(counts).tolist() == pytest.approx([-0.10536, -2.30259], abs=1e-5)
    assert shares_of_largest(counts, 0.2).tolist() == pytest.approx([1, 0.64439], abs=1e-5)
    assert LDAMLoss(counts).margins.tolist() == pytest.approx([0.28868, 0.5], abs=1e-5)
    assert class_balanced_weights(counts).tolist() == pytest.approx([0.20725, 1.79275], abs=1e-5)


def test_class_balanced_weights_lie_between_even_and_inverse_counts():
    assert torch.equal(class_balanced_weights([900, 100], beta=0.0), torch.ones(2))
    inverse = 1 / COUNTS
    nearly = class_balanced_weights(COUNTS, beta=1 - 1e-12)  # 1 - beta ** n itself would be left with 4 digits
    torch.testing.assert_close(nearly, 4 * inverse / inverse.sum(), rtol=1e-8, atol=0)
    for beta in (0.0, 0.5, 0.99, 0.9999):
        torch.testing.assert_close(class_balanced_weights(COUNTS, beta=beta).sum(), torch.tensor(4.0).double())
    by_replica = class_balanced_weights([[900, 100], [100, 900]])
    assert torch.equal(by_replica[0], by_replica[1].flip(0))


@pytest.mark.parametrize("beta", [1.0, -0.1, 2.0])
def test_beta_outside_its_range_is_refused(beta):
    with pytest.raises(ValueError, match=rf"beta={beta}"):
        class_balanced_weights([900, 100], beta=beta)


def test_focal_loss_is_cross_entropy_times_its_factor(batch):
    logits, target = batch(n_rows=20)
    surprise = functional.cross_entropy(logits, target, reduction="none")
    for gamma in (0.0, 0.5, 1.0, 2.0, 5.0):
        factor = (1 - (-surprise).exp()) ** gamma
        torch.testing.assert_close(focal_loss(logits, target, gamma=gamma, reduction="none"), factor * surprise)


def test_weights_do_not_enter_the_focal_factor(batch):
    """In the code of LDAM-DRW they do, and its p is no probability."""
    logits, target = batch(n_rows=20)
    w = torch.tensor([1.0, 0.5, 3.0, 7.0], dtype=torch.float64)
    plain = focal_loss(logits, target, reduction="none")
    torch.testing.assert_close(focal_loss(logits, target, w=w, reduction="none"), w[target] * plain)


def test_focal_gradients_are_finite_where_a_row_is_sure():
    for gamma in (0.1, 0.5, 1.0, 2.0):
        for dtype in (torch.float32, torch.float64):
            z = torch.tensor([[200.0, 0.0], [0.0, 200.0]], dtype=dtype, requires_grad=True)
            for target in (torch.tensor([0, 0]), torch.tensor([[1.0, 0.0], [0.5, 0.5]])):
                (slope,) = torch.autograd.grad(focal_loss(z, target, gamma=gamma).sum(), z)
                assert slope.isfinite().all()


def test_a_negative_gamma_is_refused():
    for gamma in (-1, float("nan")):
        with pytest.raises(ValueError, match=f"gamma={gamma}"):
            FocalLoss(gamma=gamma)(torch.zeros(1, 2), torch.tensor([0]))
        for loss in (CDTLoss, VSLoss):
            with pytest.raises(ValueError, match=f"gamma={gamma}"):
                loss([9, 1], gamma=gamma)


def test_ldam_lowers_the_true_logit_only(batch):
    logits, target = batch(n_rows=20)
    lowered = logits.clone()
    margins = 0.5 * (COUNTS.min() / COUNTS) ** 0.25
    lowered[torch.arange(20), target] -= margins[target]
    torch.testing.assert_close(ldam_loss(logits, target, COUNTS), functional.cross_entropy(30 * lowered, target))
    assert margins.argmax() == 2  # the rarest class


def test_ldam_limits(batch):
    logits, target = batch()
    torch.testing.assert_close(
        ldam_loss(logits, target, COUNTS, max_m=0, s=1), functional.cross_entropy(logits, target)
    )
    even = torch.full((4,), 9.0, dtype=torch.float64)
    shifted = logits - 0.5 * functional.one_hot(target, 4)
    torch.testing.assert_close(ldam_loss(logits, target, even, s=2.0), functional.cross_entropy(2 * shifted, target))


def test_a_scale_in_the_network_is_a_scale_in_the_loss(batch):
    """What recipe ldam does: 30 times cosines, margins in that unit."""
    cosines, target = batch(size=0.3)
    torch.testing.assert_close(
        ldam_loss(30 * cosines, target, COUNTS, max_m=15.0, s=1.0),
        ldam_loss(cosines, target, COUNTS, max_m=0.5, s=30.0),
    )


@pytest.mark.parametrize(
    ("parameters", "message"), [({"max_m": -0.1}, "max_m=-0.1"), ({"s": 0}, "s=0"), ({"s": float("nan")}, "s=nan")]
)
def test_margins_that_do_not_serve_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        LDAMLoss([3, 4], **parameters)(torch.zeros(1, 2), torch.tensor([0]))


@pytest.mark.parametrize("kind", [LogitAdjustedLoss, CDTLoss, VSLoss, LDAMLoss])
def test_counts_in_double_precision_keep_it(kind, batch):
    logits, target = batch()
    precise, usual = kind(COUNTS), kind(COUNTS.long())
    assert precise(logits, target).dtype == torch.float64
    derived = [b.dtype for name, b in usual.named_buffers() if name != "class_counts"]
    assert set(derived) == {torch.float32} and usual.class_counts.dtype == torch.int64
    torch.testing.assert_close(precise(logits, target), usual(logits, target), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(precise(logits, target), kind(COUNTS.numpy())(logits, target), rtol=0, atol=0)


def test_half_precision_of_a_module_keeps_its_counts():
    loss = LogitAdjustedLoss([1_000_000, 1]).half()
    assert loss.class_counts.tolist() == [1_000_000, 1]
    value = loss(torch.zeros(1, 2, dtype=torch.float16), torch.tensor([1]))
    assert value.item() == pytest.approx(13.8155, rel=1e-3)


def test_mean_of_a_batch_without_rare_rows_does_not_weigh_its_rows_up():
    """torch's weighted mean does: it divides by the weights of the batch."""
    w = torch.tensor([0.2, 1.8])
    common = torch.zeros(4, dtype=torch.int64)
    z = torch.zeros(4, 2)
    assert parametric_cross_entropy(z, common, w=w).item() == pytest.approx(0.2 * 0.6931, abs=1e-4)
    assert functional.cross_entropy(z, common, weight=w).item() == pytest.approx(0.6931, abs=1e-4)
