"""What the ReMix paper says of its batches, counted: against cases that can be counted by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from scipy.stats import beta

from equipoise_reproductions.remix.hull import hull_distance, in_hull
from equipoise_reproductions.remix.spread import outside_hull, repetition, unseen_majority

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def test_a_point_of_a_square_is_inside():
    points = np.array([[0.5, 0.5], [0.0, 0.0], [1.0, 0.3], [1.01, 0.3], [-0.2, 0.5], [0.5, 1e9]])
    assert in_hull(points, SQUARE).tolist() == [True, True, True, False, False, False]


def test_a_hull_may_be_a_line_a_point_or_flat_in_space():
    line = np.array([[0.0, 0.0], [2.0, 2.0], [1.0, 1.0]])
    assert in_hull(np.array([[0.5, 0.5], [0.5, 0.6], [2.5, 2.5]]), line).tolist() == [True, False, False]
    assert in_hull(np.array([[3.0, 4.0], [3.0, 4.1]]), np.array([[3.0, 4.0]])).tolist() == [True, False]
    flat = np.column_stack([SQUARE, np.full(4, 7.0)])
    assert in_hull(np.array([[0.5, 0.5, 7.0], [0.5, 0.5, 7.1]]), flat).tolist() == [True, False]


def test_the_distance_is_in_deviations_of_the_rows():
    """The corners of the unit square deviate by 1/2 in both columns."""
    points = np.array([[0.5, 0.5], [2.0, 0.5], [2.0, 2.0], [-0.01, 0.0]])
    np.testing.assert_allclose(hull_distance(points, SQUARE), [0, 2, 8**0.5, 0.02], atol=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.sampled_from([1e-6, 1.0, 1e6]))
def test_it_agrees_with_triangulation_at_any_scale(seed, n_features, scale):
    rng = np.random.default_rng(seed)
    of, points = rng.normal(size=(12, n_features)), rng.normal(size=(15, n_features))
    expected = Delaunay(of).find_simplex(points) >= 0
    assert in_hull(points * scale + scale, of * scale + scale).tolist() == expected.tolist()


def test_two_rows_shown_three_times_are_two_vectors():
    found = repetition([[0.0], [1.0]], ["b", "a"], n_batches=3, batch_size=2)
    over = found.loc["over-sampling"]
    assert (over["rows"], over["rare_rows"], over["rare_distinct"]) == (6, 3, 1)
    assert (over["repeated"], over["rare_repeated"], over["copied"]) == (1, 1, 1)
    assert found.loc["SMOTE"].equals(over)  # a single row has no neighbour to interpolate with


def test_what_is_shown_once_is_no_repetition():
    found = repetition([[0.0], [1.0]], [0, 1], n_batches=1, batch_size=2)
    assert found.loc["over-sampling", "repeated"] == 0
    assert found.loc["over-sampling", "rare_distinct"] == 1


def test_remix_repeats_a_rare_row_when_it_mixes_it_with_itself():
    """One row a class: half of the permutations of two rows leave them as they are, all others mix them anew."""
    n_batches = 600
    found = repetition([[0.0], [1.0]], [0, 1], n_batches=n_batches, batch_size=2, alpha=1.0).loc["ReMix"]
    assert found["rare_rows"] == n_batches
    assert found["rare_distinct"] == pytest.approx(1 + n_batches * (1 - found["rare_repeated"]), abs=2)
    assert found["rare_repeated"] == pytest.approx(0.5, abs=4 * (0.25 / n_batches) ** 0.5)


def test_without_mixing_remix_is_over_sampling():
    rng = np.random.default_rng(0)
    found = repetition(rng.normal(size=(100, 3)), np.arange(100) < 10, n_batches=30, batch_size=16, alpha=0.0)
    assert found.loc["ReMix"].equals(found.loc["over-sampling"])
    assert found.loc["ReMix", "copied"] == 1


def test_smote_repeats_rare_rows_where_a_batch_has_too_few_to_interpolate():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    many, few = (repetition(X, np.arange(400) < n, n_batches=60).loc["SMOTE"] for n in (60, 4))
    assert few["rare_repeated"] > 0.9
    assert many["rare_repeated"] < 0.6
    assert many["rare_distinct"] > 60


def test_copies_are_rows_near_a_training_row():
    """Two rows two deviations apart: a share within 0.005 of 0 or 1 leaves their mix within 0.01 of one of them."""
    found = repetition([[0.0], [1.0]], [0, 1], n_batches=4000, batch_size=2, alpha=0.1).loc["ReMix"]
    near = 2 * beta(0.1, 0.1).cdf(0.005)
    assert found["copied"] == pytest.approx(0.5 + 0.5 * near, abs=4 * (0.25 / 4000) ** 0.5)
    assert found["repeated"] < found["copied"]


def test_under_sampling_never_shows_what_it_left_out():
    found = unseen_majority(np.arange(100.0)[:, None], np.arange(100) < 20, epochs=(1, 5))
    assert found["under-sampling"].tolist() == pytest.approx([1 - 20 / 80] * 2)


def test_remix_passes_over_majority_rows_as_often_as_draws_with_replacement_do():
    n, rare = 4000, 400
    labels = np.random.default_rng(0).permutation(n) < rare
    found = unseen_majority(np.arange(float(n))[:, None], labels, epochs=(1, 2, 4), batch_size=n)
    missed = (1 - 1 / (n - rare)) ** (n / 2)
    assert found["ReMix"].tolist() == pytest.approx([missed, missed**2, missed**4], abs=0.03)
    assert found.index.tolist() == [1, 2, 4]


def test_smote_drops_what_does_not_fit_into_the_batch():
    """A batch of all rows: 90 and 10 rows become a pool of 180, of which 100 are kept."""
    found = unseen_majority(
        np.random.default_rng(0).normal(size=(1000, 2)), np.arange(1000) < 100, epochs=(1,), batch_size=1000
    )
    assert found["SMOTE"].tolist() == pytest.approx([1 - 1000 / 1800], abs=0.06)


def test_a_vector_is_seen_whichever_of_its_rows_was():
    found = unseen_majority(np.zeros((50, 1)), np.arange(50) < 5, epochs=(1,), batch_size=25)
    assert found.loc[1, ["SMOTE", "ReMix"]].tolist() == [0, 0]


@pytest.mark.parametrize("shape", [(300, 2), (120, 30)])
def test_smote_never_leaves_the_hull(shape):
    X = np.random.default_rng(1).normal(size=shape)
    found = outside_hull(X, np.arange(len(X)) < 24, n_batches=8)
    assert found.loc["SMOTE", "outside"] == 0
    assert found.loc["SMOTE", "rare_rows"] > 0
    assert found.loc["ReMix", "outside"] > 0


def test_where_the_rare_surround_the_majority_nothing_leaves_their_hull():
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    inner = np.random.default_rng(0).uniform(-0.3, 0.3, size=(100, 2))
    found = outside_hull(np.concatenate([ring, inner]), np.arange(112) < 12, alpha=1.0)
    assert found[["outside", "far_outside"]].to_numpy().tolist() == [[0, 0], [0, 0]]


def test_remix_leaves_a_hull_that_is_a_point_whenever_it_mixes_the_classes():
    """Half of the partners in a balanced batch are of the other class."""
    X = np.repeat([[0.0, 0.0], [1.0, 2.0]], (56, 8), axis=0)
    found = outside_hull(X, np.arange(64) >= 56, n_batches=100, alpha=1.0).loc["ReMix"]
    assert found["rare_rows"] == 3200
    assert found["outside"] == pytest.approx(0.5, abs=0.03)
    assert 0.4 < found["far_outside"] <= found["outside"]


def test_a_row_that_is_hardly_mixed_is_hardly_outside():
    X = np.concatenate([np.zeros((8, 1)), np.ones((56, 1))])
    found = outside_hull(X, np.arange(64) < 8, n_batches=400, alpha=0.1).loc["ReMix"]
    # A hull without extent has no deviation: the distance is the majority's share, half of the rows having any.
    far = 1 - 2 * beta(0.1, 0.1).cdf(0.01)
    assert found["far_outside"] == pytest.approx(0.5 * far, abs=4 * 0.5 * (far * (1 - far) / 400) ** 0.5)
    assert found["outside"] > found["far_outside"] + 0.1


def test_the_same_seed_counts_the_same():
    X, y = np.random.default_rng(0).normal(size=(200, 2)), np.arange(200) < 20
    for count in (repetition, outside_hull):
        first, again, other = (count(X, y, n_batches=5, random_state=seed) for seed in (3, 3, 4))
        assert first.equals(again)
        assert not first.equals(other)
