"""ReMix: Algorithm 1 as printed, and as the authors ran it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from equipoise import ReMix

EACH_VARIANT = pytest.mark.parametrize("variant", ["paper", "authors"])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def counts_of(labels, positions, n_classes):
    """Class counts (draws, n_classes) of drawn positions (draws, B)."""
    return torch.nn.functional.one_hot(labels.gather(-1, positions), n_classes).sum(dim=-2)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 10**6))
def test_exact_counts_by_hand(labels, seed):
    labels = torch.tensor(labels)
    mixture = ReMix().draw(labels, seeded(seed))
    drawn = labels[mixture.first].tolist()
    present, size = sorted(set(labels.tolist())), len(labels)
    counts = [drawn.count(c) for c in present]
    assert sum(counts) == size  # nothing is drawn from a class that is absent
    assert all(count in (size // len(present), -(-size // len(present))) for count in counts)
    assert sorted(mixture.second.tolist()) == sorted(mixture.first.tolist())  # a permutation of the balanced batch


@EACH_VARIANT
@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=20), seed=st.integers(0, 10**6))
def test_only_rows_of_the_batch_are_drawn(variant, labels, seed):
    labels = torch.tensor(labels)
    mixture = ReMix(variant=variant).draw(labels, seeded(seed))
    assert ((mixture.first >= 0) & (mixture.first < len(labels))).all()
    assert set(mixture.second.tolist()) <= set(mixture.first.tolist())


@EACH_VARIANT
def test_batches_of_a_block_do_not_mix(variant):
    """Batches drawn at once see their own labels only, whatever classes the others hold."""
    labels = torch.tensor([[0, 0, 0, 1, 1, 1], [5, 5, 5, 5, 5, 5], [2, 4, 4, 4, 4, 4]])
    first = ReMix(variant=variant).draw(labels.repeat(200, 1), seeded()).first
    counts = counts_of(labels.repeat(200, 1), first, 6).view(200, 3, 6)
    assert counts[:, 0, :2].sum() == counts[:, 1, 5].sum() == counts[:, 2, [2, 4]].sum() == 1200


def test_soft_labels_of_each_class_sum_to_its_share():
    y = torch.tensor([0] * 17 + [1] * 6 + [2])
    for seed in range(10):
        _, mixed = ReMix(alpha=1.0, num_classes=4, generator=seeded(seed))(torch.randn(24, 3), y)
        torch.testing.assert_close(mixed.sum(dim=0), torch.tensor([8.0, 8.0, 8.0, 0.0]))


def test_alpha_zero_balances_only():
    x, y = torch.randn(12, 3), torch.tensor([0] * 10 + [1] * 2)
    mixed_x, mixed_y = ReMix(alpha=0.0, num_classes=2, generator=seeded())(x, y)
    assert torch.equal(mixed_y.sum(dim=0), torch.tensor([6.0, 6.0]))
    assert all((x == row).all(dim=1).any() for row in mixed_x)


def test_remainder_goes_to_classes_at_random():
    """11 rows, 4 classes: three classes of four get a third row; each is left out a quarter of the time."""
    draws = 20_000
    labels = torch.tensor([0] * 6 + [1, 2, 2, 5, 5]).expand(draws, 11)
    counts = counts_of(labels, ReMix().draw(labels, seeded()).first, 6)[:, [0, 1, 2, 5]]
    assert (counts.sum(dim=1) == 11).all()
    left_out = (counts == 2).sum(dim=0)
    assert left_out.sum() == draws
    assert stats.chisquare(left_out.numpy()).pvalue > 1e-3


def test_exact_rows_are_uniform_within_their_class():
    draws = 6_000
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 0, 1]).expand(draws, 8)
    first = ReMix().draw(labels, seeded()).first
    counts = torch.bincount(first.flatten(), minlength=8).numpy()
    assert counts[[5, 7]].sum() == 4 * draws
    assert stats.chisquare(counts[[0, 1, 2, 3, 4, 6]]).pvalue > 1e-3
    assert stats.chisquare(counts[[5, 7]]).pvalue > 1e-3


@pytest.mark.parametrize("counts", [(20, 3, 1), (8, 8, 8), (23, 1), (24,)])
def test_authors_expected_share_of_each_class(counts):
    draws = 5_000
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)).expand(draws, sum(counts))
    drawn = counts_of(labels, ReMix(variant="authors").draw(labels, seeded()).first, len(counts)).double()
    size, share = sum(counts), 1 / len(counts)
    five_errors = 5 * np.sqrt(size * share * (1 - share) / draws)
    assert (drawn.mean(dim=0) - size * share).abs().max() <= five_errors
    # The pool is cut to B rows with replacement: counts are binomial, so they vary from batch to batch.
    assert drawn.var(dim=0).numpy() == pytest.approx(size * share * (1 - share), rel=0.1)


def test_authors_pool_keeps_the_largest_class_whole():
    """Distinct rows seen of a class of n, b draws from its pool: n (1 - (1 - 1/n)^b) if the pool is the class
    itself; fewer if the pool was drawn with replacement."""
    draws, large, rare = 4_000, 12, 4
    labels = torch.tensor([0] * large + [1] * rare).expand(draws, large + rare)
    first = ReMix(variant="authors").draw(labels, seeded()).first
    distinct = torch.nn.functional.one_hot(first, large + rare).amax(dim=1).double()
    size = large + rare
    whole = large * (1 - (1 - 1 / (2 * large)) ** size)  # each draw is one given large row with chance 1/2 * 1/12
    in_pool = torch.arange(large + 1)
    entries = stats.binom(large, 1 / rare).pmf(in_pool)  # how often a rare row enters the pool of 12
    seen = 1 - (1 - in_pool.numpy() / (2 * large)) ** size
    for columns, expected in ((slice(0, large), whole), (slice(large, None), rare * float(entries @ seen))):
        found = distinct[:, columns].sum(dim=1)
        assert abs(float(found.mean()) - expected) < 5 * float(found.std()) / np.sqrt(draws)


def test_a_class_is_missing_as_often_as_the_formula_says():
    """Share q = 1/101, B = 64: 52.9% of the batches lack the rare class."""
    draws = 20_000
    labels = (torch.rand(draws, 64, generator=seeded()) < 1 / 101).long()
    mixture = ReMix().draw(labels, seeded(1))
    rare = counts_of(labels, mixture.first, 2)[:, 1]
    assert set(rare.tolist()) == {0, 32, 64} - ({64} if not (labels.sum(1) == 64).any() else set())
    missing = float((rare == 0).double().mean())
    assert abs(missing - (1 - 1 / 101) ** 64) < 5 * np.sqrt(0.529 * 0.471 / draws)
    assert missing == pytest.approx(0.529, abs=0.02)


def test_soft_labels_are_balanced_by_their_most_probable_class():
    y = torch.tensor([[0.6, 0.4]] * 7 + [[0.1, 0.9]])
    _, mixed = ReMix(alpha=0.0, generator=seeded())(torch.randn(8, 2), y)
    torch.testing.assert_close(mixed.sum(dim=0), torch.tensor([4 * 0.6 + 4 * 0.1, 4 * 0.4 + 4 * 0.9]))


def test_images():
    x, y = torch.randn(6, 3, 8, 8), torch.tensor([0, 0, 0, 0, 0, 1])
    mixed_x, mixed_y = ReMix(num_classes=2, generator=seeded())(x, y)
    assert mixed_x.shape == x.shape
    torch.testing.assert_close(mixed_y.sum(dim=0), torch.tensor([3.0, 3.0]))


def test_unknown_balance_is_quoted():
    with pytest.raises(ValueError, match="variant='half'"):
        ReMix(variant="half", num_classes=2)(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))


def test_defaults_are_those_recommended():
    assert ReMix().get_params() == {
        "alpha": 0.3,
        "variant": "paper",
        "batch_dims": 0,
        "between": None,
        "generator": None,
        "num_classes": None,
        "per_row": False,
    }
