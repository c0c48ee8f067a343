"""RebalancedMixup: the label rule of Chou et al., by the class counts of the training set."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch.nn.functional import cross_entropy

from equipoise import MixUp, RebalancedMixup

SHARES = st.integers(0, 64).map(lambda n: n / 64)  # exact in binary, so that 1 - (1 - share) is share


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def label_share(share, n_first, n_second, **parameters):
    tensors = (torch.tensor(float(value), dtype=torch.float64) for value in (share, n_first, n_second))
    return float(RebalancedMixup(**parameters).label_share(*tensors))


def by_hand(share, n_first, n_second, kappa=3.0, tau=0.5):
    """The rule as the paper prints it, for one pair."""
    if n_first / n_second >= kappa and share < tau:
        return 0.0
    if n_second / n_first >= kappa and 1 - share < tau:
        return 1.0
    return share


@pytest.mark.parametrize(
    ("n_first", "n_second", "share", "expected"),
    [
        (900, 100, 0.4, 0.0),
        (900, 100, 0.6, 0.6),
        (100, 900, 0.6, 1.0),
        (100, 900, 0.4, 0.4),
        (200, 100, 0.4, 0.4),
        (300, 100, 0.5, 0.5),  # tau is strict
        (300, 100, 0.49, 0.0),  # kappa is inclusive
        (100, 300, 0.51, 1.0),
        (100, 300, 0.5, 0.5),
        (500, 500, 0.1, 0.1),
    ],
)
def test_worked_values(n_first, n_second, share, expected):
    assert label_share(share, n_first, n_second) == expected == by_hand(share, n_first, n_second)


@given(SHARES, st.integers(1, 1000), st.integers(1, 1000), st.floats(1, 20), SHARES)
def test_swapping_the_rows_gives_the_same_label(share, n_first, n_second, kappa, tau):
    one = label_share(share, n_first, n_second, kappa=kappa, tau=tau)
    assert one == by_hand(share, n_first, n_second, kappa, tau)
    if n_first != n_second or kappa > 1:  # else each row is the larger one, and the printed order decides
        assert one == 1 - label_share(1 - share, n_second, n_first, kappa=kappa, tau=tau)


@pytest.mark.parametrize("per_row", [False, True])
def test_draw_follows_the_rule_for_each_pair(per_row):
    counts = [900, 300, 100, 20]
    labels = torch.randint(4, (50, 12), generator=seeded(1))
    mixture = RebalancedMixup(class_counts=counts, per_row=per_row).draw(labels, seeded())
    assert (mixture.first == torch.arange(12)).all()
    assert (mixture.second.sort(dim=-1).values == torch.arange(12)).all()
    assert (len(mixture.share.unique()) == 600) is per_row
    for b in range(50):
        for i in range(12):
            n_first, n_second = counts[labels[b, i]], counts[labels[b, mixture.second[b, i]]]
            assert float(mixture.label_share[b, i]) == by_hand(float(mixture.share[b, i]), n_first, n_second)


@pytest.mark.parametrize("never", [{"kappa": float("inf")}, {"tau": 0.0}], ids=repr)
def test_without_its_rule_it_is_mixup(never):
    x, y = torch.randn(20, 3), torch.arange(20) % 5 // 4
    rebalanced = RebalancedMixup(alpha=0.4, num_classes=2, class_counts=[900, 100], generator=seeded(), **never)
    for found, expected in zip(rebalanced(x, y), MixUp(alpha=0.4, num_classes=2, generator=seeded())(x, y)):
        assert torch.equal(found, expected)


def test_features_are_those_of_mixup_whatever_the_labels():
    x, y = torch.randn(20, 3), torch.arange(20) % 5 // 4
    rebalanced = RebalancedMixup(num_classes=2, class_counts=[900, 100], generator=seeded(3), per_row=True)(x, y)
    plain = MixUp(alpha=1.0, num_classes=2, generator=seeded(3), per_row=True)(x, y)
    assert torch.equal(rebalanced[0], plain[0])
    assert (rebalanced[1][:, 1] >= plain[1][:, 1]).all() and (rebalanced[1][:, 1] > plain[1][:, 1]).any()


def test_counts_are_those_of_the_training_set_not_of_the_batch():
    labels = torch.tensor([0] * 9 + [1])  # nine to one in the batch
    equal = RebalancedMixup(class_counts=[100, 100]).draw(labels.expand(200, 10), seeded())
    unequal = RebalancedMixup(class_counts=[100, 900]).draw(labels.expand(200, 10), seeded())
    assert torch.equal(equal.label_share, equal.share)
    changed = unequal.label_share != unequal.share
    assert changed.any()
    assert (labels[unequal.first[changed]] != labels[unequal.second[changed]]).all()
    first_is_rare = labels[unequal.first[changed]] == 0
    assert torch.equal(unequal.label_share[changed], first_is_rare.double())


def test_mean_share_of_the_label():
    """lambda uniform (alpha 1), kappa reached, tau 0.5: the large row keeps E[lambda; lambda >= 0.5] = 3/8."""
    draws = 40_000
    mixture = RebalancedMixup(class_counts=[900, 100], per_row=True).draw(
        torch.tensor([0, 1]).expand(draws, 2), seeded()
    )
    unlike = mixture.second[:, 0] == 1
    large = mixture.label_share[unlike, 0]
    assert abs(float(unlike.double().mean()) - 0.5) < 5 * 0.5 / np.sqrt(draws)
    assert abs(float(large.mean()) - 3 / 8) < 5 * float(large.std()) / np.sqrt(len(large))
    assert abs(float((large == 0).double().mean()) - 0.5) < 5 * 0.5 / np.sqrt(len(large))


def test_soft_labels_follow_their_most_probable_class_and_mix_as_they_are():
    y = torch.tensor([[0.9, 0.1], [0.2, 0.8]]).repeat(10, 1)
    x = torch.randn(20, 3)
    mixture = RebalancedMixup(class_counts=[900, 100]).draw(y.argmax(dim=1), seeded(2))
    assert not torch.equal(mixture.label_share, mixture.share)
    _, mixed = RebalancedMixup(class_counts=[900, 100], generator=seeded(2))(x, y)
    share = mixture.label_share.float().unsqueeze(1)
    torch.testing.assert_close(mixed, share * y[mixture.first] + (1 - share) * y[mixture.second])


def test_the_soft_label_gives_the_loss_of_the_pair():
    """The paper writes the loss as a weighted sum of two cross-entropies."""
    y, logits = torch.randint(3, (16,), generator=seeded(5)), torch.randn(16, 3, generator=seeded(6))
    transform = RebalancedMixup(num_classes=3, class_counts=[500, 50, 5], per_row=True)
    share = (mixture := transform.draw(y, seeded())).label_share
    losses = [cross_entropy(logits, y[rows], reduction="none") for rows in (mixture.first, mixture.second)]
    of_pairs = (share * losses[0] + (1 - share) * losses[1]).mean()
    _, soft = clone(transform).set_params(generator=seeded())(torch.randn(16, 2), y)
    torch.testing.assert_close(cross_entropy(logits, soft).double(), of_pairs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor, lambda counts: torch.tensor(counts).int()])
def test_counts_of_any_kind_serve_given_or_bound(kind):
    y = torch.arange(20) % 5 // 4
    x = torch.randn(20, 3)
    given = RebalancedMixup(num_classes=2, class_counts=kind([16, 4]), generator=seeded())(x, y)
    bound = RebalancedMixup(num_classes=2, generator=seeded()).bound(torch.tensor([16, 4]))(x, y)
    assert torch.equal(given[0], bound[0]) and torch.equal(given[1], bound[1])


def test_binding_leaves_the_transform_as_it_is_and_own_counts_win():
    transform = RebalancedMixup(alpha=0.7, kappa=2.0, num_classes=2, generator=seeded())
    bound = transform.bound(torch.tensor([90, 10]))
    assert transform.class_counts is None and bound.class_counts.tolist() == [90, 10]
    assert {**bound.get_params(), "class_counts": None} == transform.get_params()
    own = RebalancedMixup(class_counts=[5, 5])
    assert own.bound(torch.tensor([90, 10])) is own


def test_one_class_only_is_not_touched_by_the_rule():
    _, y = RebalancedMixup(num_classes=2, class_counts=[900, 100], kappa=1.0)(torch.randn(6, 2), torch.ones(6).long())
    torch.testing.assert_close(y, torch.eye(2)[[1] * 6])


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"class_counts": None}, r"class_counts=None.*RebalancedMixup\(class_counts=\.\.\.\)"),
        ({"class_counts": [90, 10, 5]}, r"each of the 2 classes.*\(3,\)"),
        ({"class_counts": [90, float("nan")]}, "class_counts=.90, nan."),
        ({"class_counts": [[90, 10]]}, r"\(1, 2\)"),
        ({"kappa": 0.5}, r"kappa=0\.5"),
        ({"kappa": float("nan")}, "kappa=nan"),
        ({"tau": 1.5}, r"tau=1\.5"),
        ({"tau": -0.1}, r"tau=-0\.1"),
    ],
    ids=str,
)
def test_bad_parameters_are_quoted(parameters, said):
    with pytest.raises(ValueError, match=said):
        transform = RebalancedMixup(**{"class_counts": [90, 10], "num_classes": 2, **parameters})
        transform(torch.randn(4, 2), torch.tensor([0, 1, 0, 0]))


def test_defaults_are_the_authors():
    assert RebalancedMixup().get_params() == {
        "alpha": 1.0,
        "class_counts": None,
        "batch_dims": 0,
        "generator": None,
        "kappa": 3.0,
        "num_classes": None,
        "per_row": False,
        "tau": 0.5,
    }
