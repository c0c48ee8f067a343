"""Parametric cross-entropy: what w, offset and delta do, gauges, limits, groups, consistency."""

import math

import pytest
import torch
from torch.nn import functional

from equipoise import CDTLoss, ClassBalancedLoss, LogitAdjustedLoss, ParametricCrossEntropy, VSLoss
from equipoise.losses import cdt_loss, class_balanced_loss, logit_adjusted_loss, parametric_cross_entropy, vs_loss

COUNTS = torch.tensor([50, 900, 7, 43], dtype=torch.float64)
each_target = pytest.mark.parametrize("soft", [False, True], ids=["indices", "probabilities"])


@each_target
def test_special_cases_are_the_same_function(soft, batch):
    logits, target = batch(soft=soft)
    log_pi, relative = (COUNTS / COUNTS.sum()).log(), COUNTS / COUNTS.max()
    pairs = [
        (logit_adjusted_loss(logits, target, COUNTS, tau=1.3), {"offset": 1.3 * log_pi}),
        (cdt_loss(logits, target, COUNTS, gamma=0.3), {"delta": relative**0.3}),
        (vs_loss(logits, target, COUNTS, tau=1.3, gamma=0.3), {"offset": 1.3 * log_pi, "delta": relative**0.3}),
    ]
    for value, parameters in pairs:
        torch.testing.assert_close(value, parametric_cross_entropy(logits, target, **parameters), rtol=1e-12, atol=0)
    for kind in (LogitAdjustedLoss, CDTLoss, VSLoss, ClassBalancedLoss):
        assert issubclass(kind, ParametricCrossEntropy)


@each_target
def test_limits_are_plain_cross_entropy(soft, batch):
    logits, target = batch(soft=soft)
    plain = functional.cross_entropy(logits, target)
    even = torch.full((4,), 25.0, dtype=torch.float64)
    without_effect = [
        logit_adjusted_loss(logits, target, COUNTS, tau=0.0),
        cdt_loss(logits, target, COUNTS, gamma=0.0),
        vs_loss(logits, target, COUNTS, tau=0.0, gamma=0.0),
        class_balanced_loss(logits, target, COUNTS, beta=0.0),
        *(twin(logits, target, even) for twin in (logit_adjusted_loss, cdt_loss, vs_loss, class_balanced_loss)),
        parametric_cross_entropy(logits, target),
    ]
    for value in without_effect:
        torch.testing.assert_close(value, plain, rtol=1e-12, atol=0)


@each_target
def test_vs_lies_between_its_parts(soft, batch):
    logits, target = batch(soft=soft)
    torch.testing.assert_close(
        vs_loss(logits, target, COUNTS, gamma=0.0), logit_adjusted_loss(logits, target, COUNTS), rtol=1e-12, atol=0
    )
    torch.testing.assert_close(
        vs_loss(logits, target, COUNTS, tau=0.0), cdt_loss(logits, target, COUNTS), rtol=1e-12, atol=0
    )


def test_logit_adjustment_is_the_balanced_softmax(batch):
    """Ren et al. 2020: each exponential weighed by its count."""
    logits, target = batch()
    weighed = COUNTS * logits.exp()
    by_counts = -(weighed.gather(-1, target[:, None])[:, 0] / weighed.sum(-1)).log().mean()
    torch.testing.assert_close(logit_adjusted_loss(logits, target, COUNTS), by_counts)


def test_weights_are_those_of_torch_but_for_the_division(batch):
    logits, target = batch(n_rows=20)
    w = torch.tensor([1.0, 0.5, 3.0, 0.2], dtype=torch.float64)
    total = functional.cross_entropy(logits, target, weight=w, reduction="sum")
    torch.testing.assert_close(parametric_cross_entropy(logits, target, w=w), total / 20)


@each_target
def test_gauges(soft, batch):
    logits, target = batch(soft=soft)
    draw = torch.Generator().manual_seed(3)
    offset, delta = torch.randn(4, generator=draw).double(), torch.rand(4, generator=draw).double() + 0.2
    value = parametric_cross_entropy(logits, target, offset=offset, delta=delta)
    torch.testing.assert_close(parametric_cross_entropy(logits, target, offset=offset + 5.0, delta=delta), value)
    torch.testing.assert_close(parametric_cross_entropy(logits / 3, target, offset=offset, delta=3 * delta), value)
    plain = parametric_cross_entropy(logits, target, offset=offset)
    torch.testing.assert_close(parametric_cross_entropy(logits + 7.0, target, offset=offset), plain)
    offset.requires_grad_()
    (slope,) = torch.autograd.grad(parametric_cross_entropy(logits, target, offset=offset, delta=delta), offset)
    assert slope.abs().max() > 1e-3 and abs(slope.sum()) < 1e-12


@each_target
@pytest.mark.parametrize("grouped", [False, True])
def test_gradients_reach_the_parameters(soft, grouped, batch):
    logits, target = batch(2, n_rows=3, soft=soft, size=0.5)
    draw = torch.Generator().manual_seed(4)
    group = torch.tensor([[0, 1, 1], [2, 0, 1]]) if grouped else None
    shape = (4, 3) if grouped else (4,)
    parameters = [torch.rand(shape, generator=draw, dtype=torch.float64) + 0.3 for _ in range(3)]

    def loss(w, offset, delta):
        return parametric_cross_entropy(logits, target, w=w, offset=offset, delta=delta, group=group, reduction="none")

    assert torch.autograd.gradcheck(loss, [p.requires_grad_() for p in parameters], eps=1e-6, atol=1e-6)


W, L, D = (
    torch.tensor(v)
    for v in (
        [[1.0, 2.0, 0.0], [0.5, 1.5, 1.0], [3.0, 0.1, 2.0], [1.0, 1.0, 4.0]],
        [[0.0, 1.0, -1.0], [0.3, 0.2, 0.1], [2.0, -2.0, 0.0], [0.5, 0.0, 0.7]],
        [[1.0, 0.5, 0.2], [0.9, 0.8, 0.7], [0.3, 1.2, 1.0], [0.6, 0.4, 2.0]],
    )
)


@each_target
def test_every_logit_of_a_row_is_adjusted_by_the_column_of_its_group(soft, batch):
    logits, target = batch(soft=soft, n_rows=9)
    group = torch.arange(9) % 3
    values = ParametricCrossEntropy(w=W, offset=L, delta=D, num_groups=3, reduction="none")(logits, target, group)
    for row, g in enumerate(group.tolist()):
        of_group = ParametricCrossEntropy(w=W[:, g], offset=L[:, g], delta=D[:, g])
        torch.testing.assert_close(values[row], of_group(logits[row : row + 1], target[row : row + 1]))


@each_target
@pytest.mark.parametrize("own", [False, True], ids=["shared parameters", "own parameters"])
def test_groups_and_replicas(soft, own, batch):
    """As many groups as classes and replicas: no axis may pass for another."""
    draw = torch.Generator().manual_seed(0)
    parameters = {name: torch.rand(4, 4, 4, generator=draw) + 0.1 for name in ("w", "offset", "delta")}
    logits, target = batch(4, n_rows=5, soft=soft)
    group = torch.randint(4, (4, 5), generator=draw)
    parts = [{name: value[r if own else 0] for name, value in parameters.items()} for r in range(4)]
    together = ParametricCrossEntropy(**(parameters if own else parts[0]), num_groups=4)
    for replica, value in enumerate(together(logits, target, group)):
        alone = ParametricCrossEntropy(**parts[replica], num_groups=4)
        torch.testing.assert_close(value, alone(logits[replica], target[replica], group[replica]))


def test_one_offset_for_all_logits_of_a_group_does_nothing(batch):
    logits, target = batch(n_rows=9)
    group = torch.arange(9) % 2
    same = ParametricCrossEntropy(offset=torch.tensor([[0.3, -2.0]]).expand(4, 2), num_groups=2)
    torch.testing.assert_close(same(logits, target, group), functional.cross_entropy(logits, target))


def test_groups_are_all_or_nothing(batch):
    logits, target = batch()
    group = torch.zeros(6, dtype=torch.int64)
    with pytest.raises(ValueError, match="num_groups=2 and no groups came"):
        ParametricCrossEntropy(num_groups=2)(logits, target)
    with pytest.raises(ValueError, match="num_groups=None and groups came"):
        ParametricCrossEntropy()(logits, target, group)
    with pytest.raises(ValueError, match=r"offset must have shape \(K, 3\), but its shape is \(4, 2\)"):
        ParametricCrossEntropy(offset=torch.zeros(4, 2), num_groups=3)
    with pytest.raises(ValueError, match=r"delta must have shape \(K, 3\), but its shape is \(3,\)"):
        ParametricCrossEntropy(delta=torch.ones(3), num_groups=3)
    loss = ParametricCrossEntropy(offset=torch.zeros(4, 2), num_groups=2)
    with pytest.raises(ValueError, match=r"integer a row, of shape \(6,\).*\(5,\)"):
        loss(logits, target, group[:5])
    with pytest.raises(ValueError, match=r"torch\.float32"):
        loss(logits, target, group.float())
    with pytest.raises(ValueError, match=r"one value a class and group.*\(4, 2\)"):
        loss(logits[:, :3], target, group)
    with pytest.raises(ValueError, match="Groups must lie in 0 to G - 1 = 1, but a batch holds 2 to 2"):
        loss(logits, target, group + 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"w": [1.0, -1.0]}, r"w must hold one zero or more number a class, but w=\[1.0, -1.0\]"),
        ({"w": 2.0}, "w=2.0"),
        ({"offset": [0.0, float("inf")]}, "offset must hold one finite"),
        ({"offset": [float("nan"), 0.0]}, "offset must hold one finite"),
        ({"delta": [1.0, 0.0]}, "delta must hold one positive"),
        ({"delta": [1.0, float("inf")]}, "delta must hold one positive"),
    ],
)
def test_values_that_do_not_serve_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        ParametricCrossEntropy(**parameters)


def minimiser(posterior, weight, **parameters):
    """Logits (x, K) that minimise the expected loss over a few points x, each with a posterior and a mass."""
    z = torch.zeros_like(posterior, requires_grad=True)
    exact = {"max_iter": 500, "tolerance_grad": 1e-12, "tolerance_change": 0}
    optimizer = torch.optim.LBFGS([z], **exact, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (weight * parametric_cross_entropy(z, posterior, reduction="none", **parameters)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return z.detach()


# Four points, the joint mass of each with three classes.
JOINT = torch.tensor(
    [[0.40, 0.02, 0.001], [0.30, 0.05, 0.002], [0.10, 0.07, 0.012], [0.02, 0.01, 0.015]], dtype=torch.float64
)
MASS, PRIOR = JOINT.sum(1), JOINT.sum(0) / JOINT.sum()
POSTERIOR = JOINT / MASS[:, None]
BALANCED_RULE = (POSTERIOR / PRIOR).argmax(1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"offset": PRIOR.log()},
        {"w": 1 / PRIOR},
        {"w": PRIOR**-0.4, "offset": 0.6 * PRIOR.log()},
        {"offset": PRIOR.log(), "delta": torch.full((3,), 0.5, dtype=torch.float64)},
    ],
    ids=["offset", "w", "w and offset", "offset with equal delta"],
)
def test_consistent_where_w_exp_minus_l_is_one_over_the_share(parameters):
    z = minimiser(POSTERIOR, MASS, **parameters)
    assert torch.equal(z.argmax(1), BALANCED_RULE)
    assert not torch.equal(POSTERIOR.argmax(1), BALANCED_RULE)  # plain cross-entropy's rule is another


def test_the_minimiser_is_as_derived():
    """softmax(delta z + offset) in proportion to w P(y|x)."""
    w, offset, delta = (torch.tensor(v).double() for v in ([1.0, 2.0, 5.0], [0.0, -1.0, -2.0], [1.0, 0.7, 0.4]))
    z = minimiser(POSTERIOR, MASS, w=w, offset=offset, delta=delta)
    expected = w * POSTERIOR
    torch.testing.assert_close(
        (delta * z + offset).softmax(1), expected / expected.sum(1, keepdim=True), rtol=1e-5, atol=1e-7
    )


def test_unequal_delta_is_not_consistent():
    unequal = torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)
    assert not torch.equal(minimiser(POSTERIOR, MASS, offset=PRIOR.log(), delta=unequal).argmax(1), BALANCED_RULE)


def fitted(x, y, delta):
    """Weights (features, K) of a linear classifier after descent from zero until its rows are fitted."""
    weight = torch.zeros(x.shape[1], len(delta), dtype=torch.float64, requires_grad=True)
    delta = torch.tensor(delta, dtype=torch.float64)
    while (loss := parametric_cross_entropy(x @ weight, y, delta=delta)) > 1e-9:
        (slope,) = torch.autograd.grad(loss, weight)
        weight.data -= 0.5 * slope / loss.detach()  # as the gradient vanishes with the loss
    return weight.detach()


def margins(weight, x):
    """Distance of one point of each class to its nearest boundary."""
    K = range(weight.shape[1])
    away = [[(weight[:, k] - weight[:, j]) for j in K if j != k] for k in K]
    return [min(float(d @ x[k] / d.norm()) for d in away[k]) for k in K]


def test_a_smaller_multiplier_is_a_larger_margin_once_all_rows_are_fitted():
    corners = torch.tensor([[math.cos(a), math.sin(a)] for a in (0, 2 * math.pi / 3, 4 * math.pi / 3)]).double()
    deltas = [[1.0, 1.0, 1.0], [1.0, 1.0, 0.7], [1.0, 1.0, 0.4]]
    even, less, least = (margins(fitted(corners, torch.arange(3), delta), corners) for delta in deltas)
    assert even == pytest.approx([3**0.5 / 2] * 3, abs=1e-3)
    assert even[2] + 0.02 < less[2] < least[2] - 0.01
    assert even[0] - 0.02 > less[0] > least[0] + 0.01


def test_between_two_classes_multipliers_leave_a_linear_boundary_where_it_is():
    """Descent from zero keeps ``w_1 / delta_1 = -w_0 / delta_0``, so the boundary is that of plain logistic loss."""
    x = torch.tensor([[-1.0, 1.0]] * 9 + [[1.0, 1.0]], dtype=torch.float64)
    y = torch.arange(10) // 9
    weights = [fitted(x, y, delta) for delta in ([1.0, 1.0], [1.0, 0.3])]
    plain, scaled = (-float(w.diff(dim=1)[1] / w.diff(dim=1)[0]) for w in weights)
    assert scaled == pytest.approx(plain, abs=0.01)
    torch.testing.assert_close(weights[1][:, 1] / 0.3, -weights[1][:, 0])
