"""The cut of the ReMix experiments: exact counts, nothing else touched."""

from collections import Counter
from fractions import Fraction
from math import floor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.datasets import make_imbalance, make_long_tail

OPTDIGITS = {0: 554, 1: 571, 2: 557, 3: 572, 4: 568, 5: 558, 6: 558, 7: 566, 8: 554, 9: 562}


def labels_of(counts):
    """Rows of each label, shuffled, and a column of row numbers."""
    y = np.repeat(list(counts), list(counts.values()))
    return np.arange(len(y)).reshape(-1, 1), np.random.default_rng(0).permutation(y)


@pytest.mark.parametrize(
    ("counts", "minority", "expected"),
    [
        ({0: 5581, 1: 1017}, 1, {0.01: 55, 0.025: 139, 0.05: 279}),
        (dict.fromkeys(range(1, 8), 330), 1, {0.01: 19, 0.025: 49, 0.05: 99}),
        ({1: 1533, 2: 703, 3: 1358, 4: 626, 5: 707, 7: 1508}, 1, {0.01: 49, 0.025: 122, 0.05: 245}),
        (dict.fromkeys(range(1, 6), 2300), 1, {0.01: 92, 0.025: 230, 0.05: 460}),
        ({0: 9236, 1: 586}, 1, {0.01: 92, 0.025: 230, 0.05: 461}),
        ({0: 2463, 1: 73}, 1, {0.01: 24, 0.025: 61}),
        ({"neg": 59000, "pos": 1000}, "pos", {0.01: 590}),
    ],
    ids=["musk", "segment", "landsat", "seizure", "coil2000", "ozone", "aps"],
)
def test_the_binary_sets_of_the_paper(counts, minority, expected):
    X, y = labels_of(counts)
    for ratio, kept in expected.items():
        _, cut = make_imbalance(X, y, ratio, minority=minority, random_state=0)
        rest = "rest" if len(counts) > 2 else next(label for label in counts if label != minority)
        rare = str(minority) if len(counts) > 2 else minority
        assert Counter(cut.tolist()) == {rare: kept, rest: len(y) - counts[minority]}


@pytest.mark.parametrize(("ratio", "kept"), [(0.25, 143), (0.1, 57), (0.05, 28)])
def test_the_multi_class_set_of_the_paper(ratio, kept):
    X, y = labels_of(OPTDIGITS)
    _, cut = make_imbalance(X, y, ratio, minority=[1, 2, 3], rest="keep", random_state=0)
    assert Counter(cut.tolist()) == OPTDIGITS | {1: kept, 2: kept, 3: kept}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_plain_recount(data):
    counts = data.draw(st.dictionaries(st.sampled_from("pqrst"), st.integers(5, 60), min_size=2))
    minority = data.draw(st.lists(st.sampled_from(sorted(counts)), min_size=1, unique=True))
    percent = data.draw(st.integers(1, 100))
    rest = data.draw(st.sampled_from(["merge", "keep"]))
    X, y = labels_of(counts)
    others = sum(count for label, count in counts.items() if label not in minority)
    reference = others if rest == "merge" else max(counts.values())
    wanted = floor(Fraction(percent, 100) * reference)
    if not others or wanted == 0 or any(counts[label] < wanted for label in minority):
        with pytest.raises(ValueError, match=r"ratio|uncut"):
            make_imbalance(X, y, percent / 100, minority=minority, rest=rest, random_state=0)
        return
    rows, cut = make_imbalance(X, y, percent / 100, minority=minority, rest=rest, random_state=0)
    rows = rows.ravel()
    assert (np.diff(rows) > 0).all()  # each row once, in the old order
    kept_of = Counter(y[rows].tolist())
    assert kept_of == {label: wanted if label in minority else count for label, count in counts.items()}
    merged = rest == "merge" and len(counts) - len(minority) > 1
    expected = [label if label in minority or not merged else "rest" for label in y[rows].tolist()]
    assert cut.tolist() == expected


def test_the_seed_chooses_the_rows():
    X, y = labels_of({"a": 50, "b": 100})
    draws = [make_imbalance(X, y, 0.1, minority="a", random_state=seed)[0].ravel().tolist() for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_frames_keep_their_index_and_types():
    X = pd.DataFrame({"n": range(40), "s": pd.Categorical(["u", "v"] * 20)}, index=range(100, 140))
    y = pd.Series(["a"] * 20 + ["b"] * 10 + ["c"] * 10, index=X.index, name="t")
    X_cut, y_cut = make_imbalance(X, y, 0.5, minority="a", random_state=0)
    assert X_cut.dtypes.equals(X.dtypes)
    assert X_cut.index.equals(y_cut.index)
    assert y_cut.name == "t"
    pd.testing.assert_frame_equal(X_cut, X.loc[X_cut.index])
    assert y_cut.value_counts().to_dict() == {"rest": 20, "a": 10}


def test_polars_and_lists():
    X = pl.DataFrame({"n": range(40)})
    X_cut, y_cut = make_imbalance(X, [0] * 20 + [1] * 20, 0.25, minority=1, random_state=0)
    assert isinstance(X_cut, pl.DataFrame) and X_cut.shape == (25, 1)
    assert Counter(y_cut.tolist()) == {0: 20, 1: 5}


def test_whole_floats_count_as_the_integers_they_are():
    X, y = labels_of({0.0: 50, 1.0: 50, 2.0: 50})
    _, cut = make_imbalance(X, y, 0.1, minority=1, random_state=0)
    assert Counter(cut.tolist()) == {"1.0": 10, "rest": 100}


def test_a_product_that_floating_point_puts_just_below_a_whole_number():
    assert int(0.29 * 100) == 28  # so a plain int() loses a row
    X, y = labels_of({"a": 50, "b": 100})
    _, cut = make_imbalance(X, y, 0.29, minority="a", random_state=0)
    assert Counter(cut.tolist()) == {"a": 29, "b": 100}


# Faults


def test_too_few_rows():
    X, y = labels_of({"a": 10, "b": 100})
    with pytest.raises(ValueError, match=r"class 'a' has 10 rows, but ratio=0\.5 of 100 .* at most 0\.1"):
        make_imbalance(X, y, 0.5, minority="a")
    with pytest.raises(ValueError, match=r"leaves class 'a' no row: take at least 0\.01"):
        make_imbalance(X, y, 0.001, minority="a")


@pytest.mark.parametrize("ratio", [0, -0.1, 1.5, float("nan")])
def test_a_ratio_out_of_range(ratio):
    with pytest.raises(ValueError, match=r"ratio.* must be "):
        make_imbalance(*labels_of({"a": 10, "b": 10}), ratio, minority="a")


@pytest.mark.parametrize("minority", ["z", ["a", "z"], [], 0])
def test_a_minority_that_is_not_there(minority):
    with pytest.raises(ValueError, match=r"minority must name classes of y.*\['a', 'b'\]|\['b', 'a'\]"):
        make_imbalance(*labels_of({"a": 10, "b": 10}), 0.5, minority=minority)


def test_nothing_left_uncut():
    with pytest.raises(ValueError, match="leave at least one class uncut"):
        make_imbalance(*labels_of({"a": 10, "b": 10}), 0.5, minority=["a", "b"])


def test_a_minority_called_rest():
    X, y = labels_of({"rest": 10, "b": 10, "c": 10})
    with pytest.raises(ValueError, match="'rest'"):
        make_imbalance(X, y, 0.1, minority="rest")


def test_an_unknown_way_with_the_rest():
    with pytest.raises(ValueError, match="rest must be 'merge' or 'keep', got 'drop'"):
        make_imbalance(*labels_of({"a": 10, "b": 10}), 0.5, minority="a", rest="drop")


def test_lengths_that_differ():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_imbalance(np.zeros((3, 1)), ["a", "b"], 0.5, minority="a")


def test_a_long_tail_has_the_sizes_of_the_papers():
    """CIFAR-10-LT of factor 100, as published: 5,000 rows in the first class, 50 in the last, 12,406 in all."""
    y = pd.Series(np.tile(np.arange(10), 5000), index=np.arange(50_000) + 7)
    X = pd.DataFrame({"row": np.arange(50_000)}, index=y.index)
    X_cut, y_cut = make_long_tail(X, y, 100, random_state=0)
    assert y_cut.value_counts().sort_index().tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert X_cut.index.equals(y_cut.index) and X_cut.index.is_monotonic_increasing and X_cut.index.is_unique
    assert (y[X_cut.index] == y_cut).all()
    again, other = (make_long_tail(X, y, 100, random_state=seed)[0] for seed in (0, 1))
    assert again.equals(X_cut) and not other.equals(X_cut)


@pytest.mark.parametrize(("factor", "words"), [(0.5, "from 1 to 3"), (4, "each class keeps a row")])
def test_a_long_tail_that_cannot_be(factor, words):
    with pytest.raises(ValueError, match=words):
        make_long_tail(np.arange(8), np.repeat([0, 1], [5, 3]), factor)
