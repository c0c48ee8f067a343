"""BatchSMOTE: against a loop that restates it, against imbalanced-learn, and against counting."""

import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from equipoise import BatchSMOTE
from equipoise.batches.batch_smote import with_neighbours
from equipoise.batches.mixture import Mixture, mix, mix_labels

label_lists = st.lists(st.integers(0, 3), min_size=1, max_size=24)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def restated(labels, k_neighbors, chance):
    """The batch as a loop makes it: (base row, rank of the neighbour, share of the base row) of each row."""
    counts = Counter(labels)
    pool = [(row, 0, 1.0) for row in range(len(labels))]
    for c, count in sorted(counts.items()):
        rows = [row for row, label in enumerate(labels) if label == c]
        for _ in range(max(counts.values()) - count):
            base = chance.choice(rows)
            rank = 0 if count < 3 else chance.randint(1, min(k_neighbors, count - 1))
            pool.append((base, rank, 1.0 if count < 3 else 1.0 - chance.random()))
    return chance.sample(pool, len(labels))


def neighbours_by_hand(x, labels, first, rank):
    """Position of the neighbour of each rank, by sorting all distances of one batch."""
    found = []
    for i, nth in zip(first.tolist(), rank.tolist()):
        alike = [j for j in range(len(labels)) if labels[j] == labels[i] and j != i]
        alike.sort(key=lambda j: float((x[j].double() - x[i].double()).square().sum()))
        found.append(alike[nth - 1] if nth else i)
    return torch.tensor(found)


def kinds_of_rows(labels, drawn):
    """How many rows of each class are old and how many made, as far as the outcome tells: a class of fewer than 3
    rows has repeats that look like its old rows."""
    counts = Counter(labels)
    return tuple(
        sum(labels[first] == c and (rank > 0) is is_made for first, rank, _ in drawn)
        for c in sorted(counts)
        for is_made in ((False, True) if counts[c] >= 3 else (False,))
    )


def drawn_often(labels, n_draws, seed=0, **parameters):
    """Many draws of one batch, each a list of (base row, rank, share)."""
    mixture = BatchSMOTE(**parameters).draw(torch.tensor(labels).expand(n_draws, len(labels)), seeded(seed))
    columns = (mixture.first.tolist(), mixture.second.tolist(), mixture.share.tolist())
    return [list(zip(*rows)) for rows in zip(*columns)]


@pytest.mark.parametrize(
    "labels", [[0] * 5 + [1] * 3, [0] * 4 + [1] * 3 + [2], [1] * 2 + [3] * 6, [0, 0, 1, 1, 1, 2, 3]]
)
def test_outcomes_are_those_of_the_loop(labels):
    """Counts of old and made rows of each class, in as many draws of either: one distribution."""
    draws, chance = 6_000, random.Random(0)
    ours = Counter(kinds_of_rows(labels, drawn) for drawn in drawn_often(labels, draws))
    theirs = Counter(kinds_of_rows(labels, restated(labels, 5, chance)) for _ in range(draws))
    often = [kind for kind in ours | theirs if ours[kind] + theirs[kind] >= 20]
    table = np.array([[counter[kind] for kind in often] for counter in (ours, theirs)])
    rare = draws - table.sum(axis=1)
    if rare.sum() >= 20:
        table = np.column_stack([table, rare])
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_rows_are_drawn_without_replacement():
    """20 rows, 14 to 6: of a pool of 28, 8 of them made, 20 are drawn: the made ones are hypergeometric."""
    labels, draws = [0] * 14 + [1] * 6, 20_000
    mixture = BatchSMOTE().draw(torch.tensor(labels).expand(draws, 20), seeded())
    made = (mixture.second > 0).sum(dim=1)
    law = stats.hypergeom(28, 8, 20)
    kinds = np.arange(2, 9)  # all but very unlikely numbers
    found = torch.bincount(made, minlength=9).numpy()
    assert found[:2].sum() < 5 + draws * law.cdf(1) * 2
    expected = law.pmf(kinds) * found[2:].sum() / law.pmf(kinds).sum()
    assert stats.chisquare(found[2:], expected).pvalue > 1e-3
    old = [row[second == 0] for row, second in zip(mixture.first, mixture.second)]
    assert all(len(rows.unique()) == len(rows) for rows in old)
    kept = torch.bincount(torch.cat(old), minlength=20).double() / draws
    assert (kept - 20 / 28).abs().max() < 5 * np.sqrt(20 / 28 * 8 / 28 / draws)


def test_made_rows_are_uniform_in_base_rank_and_share():
    labels = [0] * 14 + [1] * 6 + [2] * 4
    mixture = BatchSMOTE(k_neighbors=4).draw(torch.tensor(labels).expand(20_000, 24), seeded())
    made = mixture.second > 0
    for rows, deepest in ((range(14, 20), 4), (range(20, 24), 3)):
        of_class = made & (mixture.first >= rows.start) & (mixture.first < rows.stop)
        cells = (mixture.first[of_class] - rows.start) * deepest + mixture.second[of_class] - 1
        counts = torch.bincount(cells).numpy()
        assert len(counts) == len(rows) * deepest  # no rank beyond what the class has
        assert stats.chisquare(counts).pvalue > 1e-3
        assert stats.kstest(mixture.share[of_class].numpy()[:20_000], "uniform").pvalue > 1e-3


@given(label_lists, st.integers(1, 7), st.integers(0, 10**6))
def test_what_is_drawn_is_possible(labels, k_neighbors, seed):
    counts, largest = Counter(labels), max(Counter(labels).values())
    (drawn,) = drawn_often(labels, 1, seed, k_neighbors=k_neighbors)
    assert len(drawn) == len(labels)
    for first, rank, share in drawn:
        count = counts[labels[first]]
        assert 0 <= rank <= (min(k_neighbors, count - 1) if 3 <= count < largest else 0)
        assert 0 <= share <= 1 and (rank or share == 1)
    for c, count in counts.items():
        of_class = [row for row in drawn if labels[row[0]] == c]
        assert len(of_class) <= largest
        if count >= 3:
            old = [first for first, rank, _ in of_class if not rank]
            assert len(set(old)) == len(old) and len(of_class) - len(old) <= largest - count


def test_fewer_than_three_rows_are_repeated_and_spoil_no_other_class():
    labels = [0] * 12 + [1] * 5 + [2] * 2 + [3]
    mixture = BatchSMOTE().draw(torch.tensor(labels).expand(3_000, 20), seeded())
    deepest = [int(mixture.second[torch.tensor(labels)[mixture.first] == c].max()) for c in range(4)]
    assert deepest == [0, 4, 0, 0]
    assert (mixture.share[mixture.second == 0] == 1).all()
    shares = torch.bincount(torch.tensor(labels)[mixture.first].flatten()) / mixture.first.numel()
    assert (shares - 1 / 4).abs().max() < 5 * np.sqrt(3 / 16 / mixture.first.numel())


@pytest.mark.parametrize("labels", [[1] * 6, [0, 1, 2] * 3, [2]], ids=["one class", "equal classes", "one row"])
def test_a_balanced_batch_stays_as_it_is(labels):
    x, y = torch.randn(len(labels), 3, 4), torch.tensor(labels)
    found_x, found_y = BatchSMOTE(num_classes=3)(x, y)
    assert torch.equal(found_x, x) and torch.equal(found_y, torch.eye(3)[y])


@given(label_lists, st.integers(1, 6), st.sampled_from([(), (3,), (2, 4, 4)]), st.integers(0, 10**6))
def test_neighbours_by_hand(labels, k_neighbors, shape, seed):
    y = torch.tensor(labels)
    x = torch.randn(len(y), *shape, dtype=torch.float64, generator=seeded(seed))
    mixture = BatchSMOTE(k_neighbors=k_neighbors).draw(y, seeded(seed))
    found = with_neighbours(x, y, mixture)
    assert torch.equal(found.second, neighbours_by_hand(x, labels, mixture.first, mixture.second))
    assert all(kept is drawn for kept, drawn in zip(found[::2], mixture[::2]))
    assert torch.equal(with_neighbours(x, y, mixture, depth=max(1, min(6, len(y) - 1))).second, found.second)


def test_replicas_drawn_by_different_transforms_share_a_search():
    """As a stack of networks asks for it: steps, replicas, rows."""
    labels = torch.randint(3, (4, 5, 30), generator=seeded(1))
    x = torch.randn(4, 5, 30, 2, 3, generator=seeded(2))
    drawn = [BatchSMOTE(k_neighbors=r + 1).draw(labels[:, r], seeded(r)) for r in range(5)]
    together = with_neighbours(x, labels, Mixture(*(torch.stack(parts, dim=1) for parts in zip(*drawn))))
    assert together.second.shape == (4, 5, 30)
    for r in range(5):
        alone = with_neighbours(x[:, r], labels[:, r], drawn[r])
        for step in range(4):
            by_hand = neighbours_by_hand(
                x[step, r], labels[step, r].tolist(), drawn[r].first[step], drawn[r].second[step]
            )
            assert torch.equal(together.second[step, r], by_hand) and torch.equal(alone.second[step], by_hand)


def made_of(rows, x, k_neighbors):
    """For rows of one class: whether each lies between a row of x and one of the nearest of that."""
    nearest = NearestNeighbors(n_neighbors=k_neighbors + 1).fit(x).kneighbors(x, return_distance=False)[:, 1:]
    start, step = np.repeat(x, k_neighbors, axis=0), x[nearest.ravel()] - np.repeat(x, k_neighbors, axis=0)
    offset = rows[:, None] - start
    along = (offset * step).sum(axis=2) / (step**2).sum(axis=1)
    beside = np.linalg.norm(offset - along[..., None] * step, axis=2)
    return ((beside < 1e-6) & (along > -1e-6) & (along < 1 + 1e-6)).any(axis=1)


@pytest.mark.parametrize("k_neighbors", [1, 3, 5])
def test_made_rows_meet_the_conditions_of_imbalanced_learn(k_neighbors):
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [40, 15, 9])
    X = rng.normal(size=(64, 5)) + y[:, None]
    theirs, labels = SMOTE(k_neighbors=k_neighbors, random_state=0).fit_resample(X, y)
    x, soft = BatchSMOTE(k_neighbors=k_neighbors, num_classes=3, batch_dims=1, generator=seeded())(
        torch.from_numpy(X).expand(50, 64, 5), torch.from_numpy(y).expand(50, 64)
    )
    ours, found = x.reshape(-1, 5).numpy(), soft.reshape(-1, 3).argmax(dim=1).numpy()
    old = (ours[:, None] == X).all(axis=2).any(axis=1)
    assert set(soft.unique().tolist()) == {0.0, 1.0}
    for c in (1, 2):
        made_there, made_here = theirs[64:][labels[64:] == c], ours[~old & (found == c)]
        assert len(made_here) > 300
        assert made_of(made_there, X[y == c], k_neighbors).all()
        assert made_of(made_here, X[y == c], k_neighbors).all()
        if k_neighbors < 5:  # the condition tells: fewer neighbours would not do
            wider, wide_labels = SMOTE(k_neighbors=8, random_state=0).fit_resample(X, y)
            assert not made_of(wider[64:][wide_labels[64:] == c], X[y == c], k_neighbors).all()
    assert old[found == 0].all() and np.bincount(labels).tolist() == [40, 40, 40]


def test_made_rows_are_distributed_as_those_of_imbalanced_learn():
    rng = np.random.default_rng(1)
    y = np.repeat([0, 1], [56, 8])
    X = rng.normal(size=(64, 3)) * [1, 2, 3]
    theirs = np.concatenate([SMOTE(random_state=seed).fit_resample(X, y)[0][64:] for seed in range(60)])
    labels = torch.from_numpy(y).expand(120, 64)
    mixture = BatchSMOTE().draw(labels, seeded())
    x = torch.from_numpy(X).expand(120, 64, 3)
    ours = mix(x, with_neighbours(x, labels, mixture))[mixture.second > 0].numpy()
    assert len(theirs) == 60 * 48 and len(ours) > 2_000
    for direction in (*np.eye(3), np.ones(3)):
        assert stats.ks_2samp(ours @ direction, theirs @ direction).pvalue > 1e-3


def test_labels_are_those_of_the_base_rows():
    x, y = torch.randn(20, 3), torch.softmax(torch.randn(20, 3, generator=seeded(4)), dim=1)
    labels = y.argmax(dim=1)
    drawn = BatchSMOTE().draw(labels, seeded(1))
    mixture = with_neighbours(x, labels, drawn)
    assert (mixture.second != mixture.first).any()
    assert torch.equal(mix_labels(y, mixture), y[drawn.first])
    found_x, found_y = BatchSMOTE(generator=seeded(1))(x, y)
    assert torch.equal(found_y, y[drawn.first]) and torch.equal(found_x, mix(x, mixture))


@pytest.mark.parametrize("moved", [1e3, 1e5])
def test_far_from_the_origin_neighbours_are_found(moved):
    y = torch.tensor([0] * 40 + [1] * 20)
    x = torch.randn(60, 4, generator=seeded(3)) + moved
    mixture = BatchSMOTE().draw(y, seeded())
    by_hand = neighbours_by_hand(x.double(), y.tolist(), mixture.first, mixture.second)
    assert (mixture.second > 0).sum() > 10
    assert (with_neighbours(x, y, mixture).second == by_hand).all()


def test_neighbours_are_found_in_full_precision_whatever_the_features():
    y, rows = torch.arange(100) % 2, torch.arange(100)
    x = torch.randn(100, 50, generator=seeded(3)).bfloat16()
    every = Mixture(rows, rows % 5 + 1, torch.full((100,), 0.5))
    by_hand = neighbours_by_hand(x, y.tolist(), every.first, every.second)
    found = [with_neighbours(x, y, every).second]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found += [with_neighbours(x, y, every).second, with_neighbours(x.float(), y, every).second]
    assert all(torch.equal(second, by_hand) for second in found)


def test_a_row_is_no_neighbour_of_itself_even_among_copies():
    x = torch.zeros(12, 2)
    y = torch.tensor([0] * 8 + [1] * 4)
    drawn = BatchSMOTE().draw(y.expand(50, 12), seeded())
    mixture = with_neighbours(x.expand(50, 12, 2), y.expand(50, 12), drawn)
    made = drawn.second > 0
    assert made.any() and (mixture.second[made] != mixture.first[made]).all()
    assert (y[mixture.second] == y[mixture.first]).all()


@pytest.mark.parametrize("k_neighbors", [0, -1, 2.5])
def test_neighbours_are_a_whole_number_of_one_or_more(k_neighbors):
    with pytest.raises(ValueError, match=f"k_neighbors={k_neighbors}"):
        BatchSMOTE(k_neighbors=k_neighbors, num_classes=2)(torch.randn(4, 2), torch.tensor([0, 1, 0, 0]))


def test_defaults_are_the_papers():
    assert BatchSMOTE().get_params() == {"batch_dims": 0, "generator": None, "k_neighbors": 5, "num_classes": None}
    assert BatchSMOTE().looks_at_features and not hasattr(BatchSMOTE(), "alpha")
