"""What every loss promises: its formula, targets, reductions, replicas, precision, errors."""

import copy
import pickle

import pandas as pd
import pytest
import torch
from torch.nn import functional

from equipoise import CDTLoss, FocalLoss, LDAMLoss, LogitAdjustedLoss, ParametricCrossEntropy, VSLoss

ROWS = [((0.0, 0.0), 0), ((0.0, 0.0), 1), ((1.0, -1.0), 0), ((1.0, -1.0), 1)]
BY_HAND = [
    (ParametricCrossEntropy(), (0.6931, 0.6931, 0.1269, 2.1269)),
    (LogitAdjustedLoss([900, 100]), (0.1054, 2.3026, 0.0149, 4.2122)),
    (CDTLoss([900, 100], gamma=0.2), (0.6931, 0.6931, 0.1766, 1.8210)),
    (VSLoss([900, 100], gamma=0.2, tau=1.2), (0.0692, 2.7058, 0.0137, 4.2948)),
    (VSLoss([900, 100], gamma=0.3, tau=1.0), (0.1054, 2.3026, 0.0241, 3.7386)),
    (LDAMLoss([900, 100], s=1), (0.8479, 0.9741, 0.1660, 2.5789)),
    (LDAMLoss([900, 100], s=30), (8.6604, 15.0, 0.0, 75.0)),
    (FocalLoss(gamma=2.0), (0.1733, 0.1733, 0.0018, 1.6501)),
]
each_target = pytest.mark.parametrize("soft", [False, True], ids=["indices", "probabilities"])
PRECISION = {torch.float64: 1e-6, torch.float32: 1e-5, torch.bfloat16: 1e-5, torch.float16: 1e-5}


@pytest.mark.parametrize(("loss", "values"), BY_HAND, ids=lambda part: type(part).__name__)
def test_values_by_hand(loss, values):
    for (z, y), value in zip(ROWS, values):
        assert loss(torch.tensor([z]), torch.tensor([y])).item() == pytest.approx(value, abs=5.1e-5)


def rows_of(case, logits, target):
    soft = target if target.is_floating_point() else functional.one_hot(target, logits.shape[-1])
    values = [case.row(z, y) for z, y in zip(logits.flatten(0, -2).tolist(), soft.flatten(0, -2).tolist())]
    return torch.tensor(values, dtype=torch.float64).view(logits.shape[:-1])


@each_target
@pytest.mark.parametrize("dtype", PRECISION, ids=str)
def test_plain_derivation(case, soft, dtype, batch):
    logits, target = batch(soft=soft, dtype=dtype)
    values = case.make(reduction="none")(logits, target)
    assert values.dtype == torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(values.double(), rows_of(case, logits, target), rtol=PRECISION[dtype], atol=1e-6)


@each_target
def test_the_twin_is_the_same_function(case, soft, batch):
    logits, target = batch(3, soft=soft)
    for reduction in ("none", "mean", "sum"):
        value = case.make(reduction=reduction, ignore_index=2)(logits, target)
        assert torch.equal(value, case.call(logits, target, reduction=reduction, ignore_index=2))
    assert torch.equal(case.make()(logits, target), case.call(logits, target))


def test_indices_are_probabilities_of_one(case, batch):
    logits, target = batch(2)
    one_hot = functional.one_hot(target, 4).double()
    for kind in (torch.int64, torch.int32, torch.uint8, torch.int16):
        torch.testing.assert_close(case.make()(logits, target.to(kind)), case.make()(logits, one_hot))


def test_a_permutation_of_the_classes_permutes_everything(case, batch):
    order = [2, 0, 3, 1]
    permuted = copy.copy(case.parameters)
    permuted |= {name: [value[k] for k in order] for name, value in permuted.items() if isinstance(value, list)}
    counts = [[50, 900, 7, 43][k] for k in order]
    twin = type(case)(case.name, case.module, case.twin, case.plain, permuted, case.counted)
    for soft in (False, True):
        logits, target = batch(soft=soft)
        moved = target[:, order] if soft else torch.tensor(order).argsort()[target]
        torch.testing.assert_close(twin.make(counts)(logits[:, order], moved), case.make()(logits, target))


@each_target
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)], ids=str)
def test_reductions_run_over_rows_only(case, soft, lead, batch):
    logits, target = batch(*lead, soft=soft)
    values = rows_of(case, logits, target)
    expected = {"none": values, "sum": values.sum(-1), "mean": values.sum(-1) / 6}  # by rows, not by weights
    for reduction, value in expected.items():
        torch.testing.assert_close(case.make(reduction=reduction)(logits, target), value, rtol=1e-6, atol=1e-6)


@each_target
def test_a_replica_is_what_it_is_alone(case, soft, batch):
    """As many replicas as rows and classes: every axis could pass for every other."""
    logits, target = batch(4, n_rows=4, soft=soft)
    together = case.make()(logits, target)
    assert together.shape == (4,)
    for replica in range(4):
        torch.testing.assert_close(together[replica], case.make()(logits[replica], target[replica]))


@each_target
def test_replicas_may_have_counts_of_their_own(counted_case, soft, batch):
    counts = [[50, 900, 7, 43], [10, 10, 10, 10], [1, 2, 3, 4000]]
    logits, target = batch(3, soft=soft)
    for order in ([0, 1, 2], [2, 0, 1]):
        values = counted_case.make([counts[r] for r in order], reduction="none")(logits[order], target[order])
        for position, replica in enumerate(order):
            alone = counted_case.make(counts[replica], reduction="none")(logits[replica], target[replica])
            torch.testing.assert_close(values[position], alone)


@pytest.mark.parametrize("ignore_index", [-100, 1, 255])
def test_ignored_rows_do_not_count(case, ignore_index, batch):
    logits, target = batch(2, n_rows=8)
    target[:, ::3] = ignore_index
    target[1, 1:4] = ignore_index
    kept = target != ignore_index
    logits.requires_grad_()
    losses = {r: case.make(reduction=r, ignore_index=ignore_index) for r in ("none", "sum", "mean")}
    values = losses["none"](logits, target)
    assert (values[~kept] == 0).all()
    for replica in range(2):
        part = logits[replica, kept[replica]], target[replica, kept[replica]]
        for reduction in ("sum", "mean"):
            whole = losses[reduction](logits, target)[replica]
            torch.testing.assert_close(whole, case.make(reduction=reduction)(*part))
    (gradient,) = torch.autograd.grad(losses["mean"](logits, target).sum(), logits)
    assert (gradient[~kept] == 0).all() and gradient[kept].abs().sum() > 0


def test_no_rows_give_zero(case, batch):
    logits, target = batch()
    logits.requires_grad_()
    all_ignored = case.make()(logits, torch.full_like(target, -100))
    (gradient,) = torch.autograd.grad(all_ignored, logits)
    assert all_ignored == 0 and (gradient == 0).all()
    assert case.make()(logits[:0], target[:0]) == 0
    assert case.make()(logits[:0], logits[:0].detach()) == 0


@each_target
def test_gradients_against_finite_differences(case, soft, batch):
    logits, target = batch(2, n_rows=3, soft=soft, size=0.5)
    loss = case.make(reduction="none").double()
    assert torch.autograd.gradcheck(lambda z: loss(z, target), logits.requires_grad_(), eps=1e-6, atol=1e-6)


@each_target
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_extreme_logits_and_shares_stay_finite(case, soft, dtype, batch):
    _, target = batch(soft=soft, n_rows=4, dtype=dtype)
    rows = [[1e4, -1e4, 0.0, 1.0], [-1e4, 1e4, 1e4, 0.0], [3e4] * 4, [0.0, -3e4, 90.0, 1.0]]
    logits = torch.tensor(rows, dtype=dtype, requires_grad=True)
    counts = [1_000_000, 1, 3, 900_000]  # log pi of a millionth
    values = (case.make(counts) if case.counted else case.make())(logits, target)
    (gradient,) = torch.autograd.grad(values, logits)
    assert values.isfinite() and gradient.isfinite().all()


def test_sure_rows_cost_nothing(case):
    z = torch.tensor([[1e4, 0.0, 0.0, 0.0]], requires_grad=True)
    value = case.make()(z, torch.tensor([0]))
    assert value == 0 and (torch.autograd.grad(value, z)[0] == 0).all()


@each_target
def test_autocast_leaves_the_arithmetic_in_single_precision(case, soft, batch):
    logits, target = batch(soft=soft, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = case.make()(logits, target)
    assert value.dtype == torch.float32
    assert torch.equal(value, case.make()(logits.float(), target))


def test_settings_are_buffers_and_move_with_the_module(case, batch):
    loss = case.make()
    assert not list(loss.parameters())
    assert case.counted == ("class_counts" in dict(loss.named_buffers()))
    logits, target = batch()
    other = case.make([1, 1, 1, 1]) if case.counted else case.make()
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other(logits, target), loss(logits, target))
    for copied in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(copied(logits, target), loss(logits, target))
    assert all(buffer.is_meta for buffer in copy.deepcopy(loss).to("meta").buffers())
    assert loss.double()(logits.float(), target).dtype == torch.float32


def test_compiles_to_one_graph(case, batch):
    logits, target = batch()
    loss = case.make()
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(logits, target), loss(logits, target))


@each_target
def test_vmap_and_second_derivatives(case, soft, batch):
    logits, target = batch(3, n_rows=2, soft=soft, size=0.5)
    loss = case.make().double()
    mapped = torch.func.vmap(loss)(logits, target)
    torch.testing.assert_close(mapped, loss(logits, target))

    def slope(z):
        return torch.func.grad(lambda u: loss(u, target[0]))(z)

    step = 1e-5 * torch.randn(2, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    _, along = torch.func.jvp(slope, (logits[0],), (step,))
    torch.testing.assert_close(along, (slope(logits[0] + step) - slope(logits[0] - step)) / 2, rtol=1e-4, atol=1e-12)


BAD_BATCHES = [
    (torch.zeros(5, 4), torch.zeros(5, 1, dtype=torch.int64), ValueError, r"\(5, 1\).*\(5, 4\): drop the last"),
    (torch.zeros(5, 4), torch.zeros(4, dtype=torch.int64), ValueError, r"\(4,\)"),
    (torch.zeros(5, 4), torch.zeros(5), ValueError, r"class indices to integers, target.long\(\)"),
    (torch.zeros(5, 4), torch.zeros(5, 4, dtype=torch.int64), ValueError, r"one-hot rows to floats, target.float\(\)"),
    (torch.zeros(5, 4), torch.zeros(4, 4), ValueError, "as many rows as there are logits"),
    (torch.zeros(4), torch.tensor(1), ValueError, r"one logit a class, but theirs is \(4,\)"),
    (
        torch.zeros(5, 1),
        torch.zeros(5, 1),
        ValueError,
        r"network two outputs, or torch.stack\(\[torch.zeros_like\(z\), z\]",
    ),
    (torch.zeros(2, 5, 4), torch.zeros(5, dtype=torch.int64), ValueError, r"\(2, 5, 4\)"),
    (torch.zeros(5, 4, dtype=torch.int64), torch.zeros(5, dtype=torch.int64), TypeError, "torch.int64"),
    (torch.zeros(5, 4).numpy(), torch.zeros(5, dtype=torch.int64), TypeError, "Logits must be a torch.Tensor"),
    (torch.zeros(5, 4), [0, 1, 2, 3, 0], TypeError, "target must be a torch.Tensor, but came as a list"),
    (torch.zeros(5, 4), torch.tensor([0, 1, -100, 3, 4]), ValueError, "K - 1 = 3, but the target holds 0 to 4"),
    (torch.zeros(2, 5, 4), torch.full((2, 5), -1), ValueError, "the target holds -1 to -1"),
]


@pytest.mark.parametrize(("logits", "target", "error", "message"), BAD_BATCHES)
def test_shapes_that_do_not_fit_are_refused(case, logits, target, error, message):
    with pytest.raises(error, match=message):
        case.make()(logits, target)


NO_PROBABILITIES = [
    ([0.7, 0.4, 0.0, 0.0], r"2 of 3 are not; the first is \[0.7 0.4 0.  0. \], of sum 1.1: divide rows by their sums"),
    ([0.5, 0.3, 0.0, 0.0], "of sum 0.8: divide"),
    ([1.5, -0.5, 0.0, 0.0], "of sum 1: logits become probabilities by softmax"),
    ([float("nan"), 1.0, 0.0, 0.0], "of sum nan: look for NaN"),
]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("row", "said"), NO_PROBABILITIES)
def test_rows_that_are_no_probabilities_are_refused_beyond_rounding(case, row, said, dtype):
    loss, logits = case.make(), torch.zeros(3, 4)
    right = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1 / 3, 1 / 3, 1 / 3, 0.0], [0.0, 0.0, 1.0, 0.0]]).to(dtype)
    loss(logits, right)
    said = said if dtype.itemsize > 2 else said.split(":")[1]  # rounded
    with pytest.raises(ValueError, match=said):
        loss(logits, torch.stack([right[0], *torch.tensor([row, row]).to(dtype)]))


def test_large_batches_are_looked_at_until_one_has_passed(case):
    n = 5000
    right = torch.full((n, 4), 0.25)
    wrong, loss = right.clone(), case.make()
    wrong[-1] = 1.0
    for _ in range(2):
        with pytest.raises(ValueError, match="1 of 5,000 are not"):
            loss(torch.zeros(n, 4), wrong)
    loss(torch.zeros(n, 4), right)
    loss(torch.zeros(n, 4), wrong)
    with pytest.raises(ValueError, match="1 of 10 are not"):
        loss(torch.zeros(10, 4), wrong[-10:])


def test_other_mistakes_are_refused_in_a_sentence(case, batch):
    logits, target = batch()
    with pytest.raises(ValueError, match="reduction='average'"):
        case.make(reduction="average")
    loss = case.make()
    loss.reduction = "average"
    with pytest.raises(ValueError, match="reduction='average'"):
        loss(logits, target)


def test_counts_that_do_not_serve_are_refused(counted_case, batch):
    with pytest.raises(ValueError, match="class 2 has 0: leave out"):
        counted_case.make([5, 5, 0, 5])
    with pytest.raises(ValueError, match="class_counts=5"):
        counted_case.make(5)
    with pytest.raises(ValueError, match=r"class_counts=\[\]"):
        counted_case.make([])
    with pytest.raises(ValueError, match=r"class_counts must hold one value a class.* \(4,\) .*\(2, 3\)"):
        counted_case.make()(torch.zeros(2, 3), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"shape is \(2, 4\) for logits of shape \(3, 6, 4\)"):
        counted_case.make([[1, 2, 3, 4]] * 2)(*batch(3))


@pytest.mark.parametrize("kind", [LogitAdjustedLoss, VSLoss])
@pytest.mark.parametrize("tau", ["1", None, float("nan"), float("inf"), -1, -1e-9])
def test_a_strength_that_is_negative_or_no_number_is_refused(kind, tau):
    with pytest.raises(ValueError, match=f"tau must be a finite number, 0 or more, but tau={tau!r}"):
        kind([900, 100], tau=tau)


def test_keys_that_count_from_0_must_name_every_class():
    for counts in ({0: 10, 2: 3}, pd.Series([2, 0, 0, 2, 2]).value_counts(), {0: 1, 10**12: 3}):
        with pytest.raises(ValueError, match="leave out class 1: add it, or give an array"):
            LogitAdjustedLoss(counts)
    for counts in ({-1: 10, 1: 3}, {1: 10, 3: 3}, {False: 10, True: 3}, {0: 10, 1: 3}, {"0": 10, "2": 3}):
        assert LogitAdjustedLoss(counts).class_counts.tolist() == [10, 3]


def test_ldam_of_probabilities_takes_a_share_of_each_margin():
    loss, share, z = LDAMLoss([900, 100], max_m=0.5, s=3.0), torch.tensor([[0.3, 0.7]]), torch.tensor([[0.4, -0.2]])
    m = 0.5 * (100 / torch.tensor([900.0, 100.0])) ** 0.25
    torch.testing.assert_close(loss(z, share), -(share * (3 * (z - m * share)).log_softmax(1)).sum())
