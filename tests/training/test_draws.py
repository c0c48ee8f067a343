"""Chance drawn ahead: the order of rows, mixing and dropout masks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise import BalancedBatchSampler, BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.batches.by_class import RowsByClass
from equipoise.batches.mixture import Mixture
from equipoise.training import Settings, Table, Task
from equipoise.training.draws import _AHEAD, Block, DropoutMasks, RowDraws, block_lengths


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n_rows, batch_size, *, transform=None, weights=None, seed=0):
    rows = torch.arange(n_rows) + 1000  # places in the pool, not positions
    return RowDraws(rows, torch.arange(n_rows) % 2, weights, batch_size, transform, seeded(seed))


@given(st.integers(1, 2000), st.integers(1, 500), st.booleans())
def test_blocks_cover_the_run_and_end_with_the_epochs_that_are_looked_at(max_steps, epoch_steps, looked_at):
    done, ends = 0, []
    rule = {"gradient_tolerance": 1.0} if looked_at else {}
    for length, epoch_ends in block_lengths(Settings(max_steps=max_steps, epoch_steps=epoch_steps, **rule)):
        assert length > 0
        done += length
        if epoch_ends:
            ends.append(done)
    assert done == max_steps
    assert ends == [*(range(epoch_steps, max_steps, epoch_steps) if looked_at else ()), max_steps]


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 50), st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_every_row_is_used_equally_often(n_rows, batch_size, lengths):
    draws = drawn(n_rows, batch_size)
    stream = torch.cat([draws.block(length).rows.flatten() for length in lengths]) - 1000
    for start in range(0, len(stream), n_rows):
        part = stream[start : start + n_rows]
        assert len(part.unique()) == len(part)  # a pass over the rows, or its beginning
    assert stream.max() < n_rows


def test_large_batches_are_drawn_fewer_at_once():
    lengths = [length for length, _ in block_lengths(Settings(batch_size=100_000, max_steps=5, epoch_steps=5))]
    assert lengths == [2, 2, 1]


def test_passes_differ():
    first = drawn(8, 8).block(50).rows
    assert len(first.unique(dim=0)) > 40


@pytest.mark.parametrize("batch_size", [4, 7, 64])
def test_without_mixing_the_cut_into_blocks_changes_nothing(batch_size):
    whole, cut = drawn(10, batch_size), drawn(10, batch_size)
    parts = torch.cat([cut.block(length).rows for length in (1, 5, 3, 11)])
    assert torch.equal(whole.block(20).rows, parts)


def test_weights_follow_their_rows():
    weights = torch.rand(10, generator=seeded(), dtype=torch.float64)
    block = drawn(10, 4, weights=weights).block(6)
    assert torch.equal(block.weights, weights[block.rows - 1000])
    assert block.mixture is None and block.within is None


@pytest.mark.parametrize("transform", [MixUp(alpha=0.5), ReMix(), ReMix(variant="authors", per_row=True)], ids=repr)
def test_mixing_by_hand(transform):
    weights = torch.rand(10, generator=seeded(), dtype=torch.float64)
    block = drawn(10, 4, transform=transform, weights=weights).block(6)
    generator = seeded()
    order = torch.cat([torch.randperm(10, generator=generator) for _ in range(3)])[:24].view(6, 4)
    mixture = transform.draw(order % 2, generator)
    for step in range(6):
        for row in range(4):
            first = order[step, mixture.first[step, row]]
            second = order[step, mixture.second[step, row]]
            share = mixture.share[step, row]
            assert block.mixture.first[step, row] == first + 1000
            assert block.mixture.second[step, row] == second + 1000
            assert block.mixture.share[step, row] == share
            # Each label counts with the weight of its own row.
            of_first = block.weights[step, row] * block.mixture.label_share[step, row]
            torch.testing.assert_close(of_first, share * weights[first])
            torch.testing.assert_close(block.weights[step, row] - of_first, (1 - share) * weights[second])


def test_without_weights_labels_are_mixed_as_features_are():
    mixture = drawn(10, 4, transform=MixUp(alpha=0.5)).block(6).mixture
    assert torch.equal(mixture.share, mixture.label_share)


def test_labels_are_mixed_by_a_share_of_their_own():
    """Nine rows of class 0 to one of class 1: the rule of RebalancedMixup needs the counts of the training rows."""
    transform = RebalancedMixup(alpha=1.0, kappa=3.0, tau=0.5)
    rows, labels = torch.arange(50), (torch.arange(50) % 10 == 0).long()
    mixture = RowDraws(rows, labels, None, 25, transform, seeded()).block(40).mixture
    of_first, of_second = labels[mixture.first], labels[mixture.second]
    hard = (of_first == 0) & (of_second == 1) & (mixture.share < 0.5)
    assert hard.any() and (mixture.label_share[hard] == 0).all()
    same = of_first == of_second
    assert torch.equal(mixture.label_share[same], mixture.share[same])


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("gathered", [1, 20_000, 1 << 23])
def test_neighbours_are_looked_for_within_the_batch(gathered, soft, monkeypatch):
    """Made rows lie between rows of the rare class that are in the batch; labels and weights are the first row's."""
    monkeypatch.setattr("equipoise.training.draws._GATHERED", gathered)
    rng = np.random.default_rng(0)
    X, labels = torch.tensor(rng.normal(size=(60, 3))), torch.tensor([0] * 48 + [1] * 12)
    target = torch.tensor([[0.8, 0.2], [0.3, 0.7]], dtype=torch.float64)[labels] if soft else labels
    weights = torch.rand(60, dtype=torch.float64, generator=seeded())
    draws = RowDraws(torch.arange(60), labels, weights, 30, BatchSMOTE(), seeded())
    block = draws.block(8)
    made = 0
    for step, (x, y, w) in enumerate(Block.stacked([block]).batches(X, target)):
        batch = block.rows[step]
        base = batch[block.within.first[step]]
        assert torch.equal(y[0], target[base]) and torch.equal(w[0], weights[base])
        for row, rank, share in zip(range(30), block.within.second[step].tolist(), block.within.share[step]):
            near = [r for r in batch.tolist() if labels[r] == labels[base[row]] and r != base[row]]
            near.sort(key=lambda r: float((X[r] - X[base[row]]).norm()))
            other = base[row] if rank == 0 else near[rank - 1]
            torch.testing.assert_close(x[0, row], share * X[base[row]] + (1 - share) * X[other])
            made += rank > 0
    assert made > 20


@pytest.mark.parametrize("gathered", [1, 700, 1 << 23])
@pytest.mark.parametrize("mixed", [False, True])
def test_batches_by_hand(mixed, gathered, monkeypatch):
    monkeypatch.setattr("equipoise.training.draws._GATHERED", gathered)
    X, target = torch.randn(20, 3, 2, dtype=torch.float64), torch.rand(20, 4, dtype=torch.float64)
    first, second = torch.randint(20, (5, 2, 6)), torch.randint(20, (5, 2, 6))
    share, weights = torch.rand(5, 2, 6, dtype=torch.float64), torch.rand(5, 2, 6)
    of_labels = share**2
    block = Block(first, Mixture(first, second, share, of_labels), weights) if mixed else Block(first)
    batches = list(block.batches(X, target))
    assert len(batches) == 5
    for step, (x, y, w) in enumerate(batches):
        expected_x, expected_y = X[first[step]], target[first[step]]
        if mixed:
            s = share[step].unsqueeze(-1)
            expected_x = s.unsqueeze(-1) * expected_x + (1 - s).unsqueeze(-1) * X[second[step]]
            s = s**2
            expected_y = s * expected_y + (1 - s) * target[second[step]]
            assert w.dtype == torch.float64
            torch.testing.assert_close(w, weights[step].double())
        else:
            assert w is None
        torch.testing.assert_close(x, expected_x)
        torch.testing.assert_close(y, expected_y)


def test_class_codes_stay_codes():
    (_, y, _), *_ = Block(torch.tensor([[[0, 2]]])).batches(torch.zeros(3, 1), torch.tensor([5, 6, 7]))
    assert torch.equal(y, torch.tensor([[5, 7]]))


def test_stacked_blocks_join_replicas():
    blocks = [drawn(10, 4, transform=MixUp(alpha=1), weights=torch.rand(10), seed=seed).block(6) for seed in range(3)]
    stack = Block.stacked(blocks)
    for r, block in enumerate(blocks):
        for joined, alone in zip(
            (stack.rows, stack.weights, *stack.mixture), (block.rows, block.weights, *block.mixture)
        ):
            assert torch.equal(joined[:, r], alone)


def masks(rate=0.3, widths=(16, 4), batch_size=8, n_replicas=2, seed=0):
    generators = [seeded(seed + r) for r in range(n_replicas)]
    rates = [rate] * len(widths)
    return DropoutMasks(widths, batch_size, rates, generators, torch.empty(0, dtype=torch.float64))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_units_drop_out_at_the_rate(rate):
    n_blocks, draws = 200, masks(rate)
    kept = torch.zeros(2, 8, 16, dtype=torch.float64)
    for _ in range(n_blocks):
        *_, (first, _) = draws.block(_AHEAD)  # of a long mask of its own
        assert set(first.unique().tolist()) <= {0.0, 1 / (1 - rate)}
        kept += (first > 0).double()
    units = n_blocks * kept.numel()
    assert abs(float(kept.sum()) / units - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / units)
    # No unit of any row is favoured.
    five_errors = 5 * np.sqrt(rate * (1 - rate) / n_blocks)
    assert float((kept / n_blocks - (1 - rate)).abs().max()) < five_errors


def test_masks_have_the_shape_of_their_layers_and_vary_from_step_to_step():
    steps = list(masks(widths=(16, 4, 9)).block(20))
    assert [m.shape for m in steps[0]] == [(2, 8, 16), (2, 8, 4), (2, 8, 9)]
    assert len({step[0].numpy().tobytes() for step in steps}) > 15
    assert not torch.equal(steps[0][0][0], steps[0][0][1])  # replicas draw for themselves
    assert all(mask.is_contiguous() or mask[0].is_contiguous() for mask in steps[0])


def test_each_layer_drops_out_at_its_own_rate():
    draws = DropoutMasks((40, 40, 40), 32, (0.5, 0.0, 0.1), [seeded()], torch.empty(0))
    for first, second, third in draws.block(5):
        assert second is None
        assert abs(float((first == 0).double().mean()) - 0.5) < 5 * np.sqrt(0.25 / first.numel())
        assert abs(float((third == 0).double().mean()) - 0.1) < 5 * np.sqrt(0.09 / third.numel())


def test_masks_of_a_replica_do_not_depend_on_neighbours():
    stack, alone = masks(n_replicas=3), masks(n_replicas=1, seed=2)
    for length in (5, 3):
        for many, one in zip(stack.block(length), alone.block(length)):
            assert all(torch.equal(a[2], b[0]) for a, b in zip(many, one))


def test_masks_after_neighbours_left():
    stack, alone = masks(n_replicas=3), masks(n_replicas=1, seed=2)
    list(stack.block(5)), list(alone.block(5))
    stack.keep_replicas([2])
    for many, one in zip(stack.block(200), alone.block(200)):  # from the long mask of before, and from new ones
        assert all(torch.equal(a, b) for a, b in zip(many, one))


CODES = (np.random.default_rng(0).random(4000) < 0.05).astype(np.int8)
OF_ALL = RowsByClass(CODES, np.arange(2), np.bincount(CODES), start=1000)


@pytest.mark.parametrize("transform", [None, MixUp(alpha=0.5), BatchSMOTE()], ids=repr)
@pytest.mark.parametrize("sampler", [None, BalancedBatchSampler])
def test_rows_drawn_by_class_have_the_classes_of_the_training_rows(transform, sampler):
    labels = (torch.arange(60) % 3 == 0).to(torch.int8)
    fixed = RowDraws(torch.arange(60), labels, None, 20, None, seeded(), sampler).block(9)
    drawn = RowDraws(OF_ALL, labels, None, 20, transform, seeded(), sampler).block(9)
    of_class = torch.from_numpy(CODES)[drawn.rows - 1000]
    if drawn.mixture is None:  # a mixture lists the first rows of its pairs, in its own order
        assert torch.equal(of_class, labels[fixed.rows])
    else:
        in_batch = drawn.rows.sort().values
        assert torch.equal(in_batch, drawn.mixture.first.sort().values)
        assert torch.equal(in_batch, drawn.mixture.second.sort().values)
        assert torch.equal(of_class.sort().values, labels[fixed.rows].sort().values)


def test_every_row_of_a_class_is_drawn_equally_often():
    labels = torch.tensor([0, 0, 1, 1], dtype=torch.int8)
    rows = RowDraws(OF_ALL, labels, None, 400, None, seeded()).block(1000).rows.flatten() - 1000
    seen = np.bincount(rows.numpy(), minlength=len(CODES))
    for code in (0, 1):
        of_class = seen[code == CODES]
        assert of_class.sum() == 200_000
        expected = 200_000 / len(of_class)
        chi2 = ((of_class - expected) ** 2 / expected).sum()
        assert abs(chi2 - len(of_class)) < 5 * np.sqrt(2 * len(of_class))


def test_rows_drawn_by_class_need_no_same_rows():
    table = Table(np.zeros((4, 2)), np.array([0, 0, 1, 1]), n_classes=2)
    with pytest.raises(ValueError, match="leave out rows, made, early_stopping"):
        Task(table, 0, rows=np.array([0, 1]), classes=np.array([0, 1]))
    assert Task(table, 0, classes=np.array([0, 1, 1])).n_rows == 3
