"""Ranks, gains and their intervals: by hand, against other libraries, and against what chance does."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from equipoise_reproductions.over_sets import friedman_nemenyi, mean_ranks
from equipoise_reproductions.remix import ranking
from equipoise_reproductions.remix.ranking import Scoreboard

ABC = ("a", "b", "c")
TWO_KINDS = {
    "binary": {"s1": (0.05, 0.01), "s2": (0.05, 0.01), "s3": (0.05,)},
    "multi-class": {"s1": (0.25,), "s4": (0.25, 0.1)},
}


def board_of(means, greater_is_better=True, kind="binary", n_repeats=1):
    """A board of one problem a source, a row of mean scores each."""
    means = np.asarray(means, dtype=float)
    names = [f"s{i}" for i in range(len(means))]
    problems = pd.DataFrame({"problem": names, "source": names, "kind": kind, "ratio": 0.05})
    tables = [np.repeat(row[None], n_repeats, axis=0) for row in means]
    return Scoreboard(problems, list("abcde"[: means.shape[1]]), tables, greater_is_better)


# Scores


def test_scores_of_a_repeat_are_means_of_its_halves(made_up):
    score = {"a": 1.0, "b": 2.0, "c": 4.0}
    frame = made_up(TWO_KINDS, ABC, g_mean=lambda kind, s, ratio, m, repeat, fold: score[m] + repeat + 10 * fold)
    shuffled = frame.sample(frac=1, random_state=0)
    board = Scoreboard.of(shuffled, "g_mean", ["c", "a"])
    assert len(board.problems) == 8 and board.methods == ["c", "a"]
    for table in board.by_repeat:
        np.testing.assert_array_equal(table, [[9, 6], [10, 7]])  # the mean over folds adds 5
    np.testing.assert_array_equal(board.means, [[9.5, 6.5]] * 8)
    assert set(board.means.index) == set(frame["problem"])


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        ("method == 'b'", 7),  # a method without results there
        ("method == 'b' and repeat == 1", 7),
        ("method == 'b' and repeat == 1 and fold == 0", 7),  # one half alone would have other rows than its peers
        ("method == 'other'", 8),
    ],
)
def test_a_problem_counts_only_where_every_method_has_every_fold(made_up, lost, left):
    frame = made_up(TWO_KINDS, (*ABC, "other"))
    gone = frame.query(f"problem == 's2-binary-0.05' and {lost}").index
    board = Scoreboard.of(frame.drop(gone), "g_mean", ABC)
    assert len(board.problems) == left
    assert ("s2-binary-0.05" in set(board.problems["problem"])) == (left == 8)


# Ranks


def test_ranks_by_hand():
    means = [[0.9, 0.8, 0.7], [0.5, 0.5, 0.6], [0.4, 0.4, 0.4], [0.2, 0.2 + 1e-12, 0.1]]
    best_high = [[1, 2, 3], [2.5, 2.5, 1], [2, 2, 2], [1.5, 1.5, 3]]
    np.testing.assert_array_equal(board_of(means).ranks(), best_high)
    np.testing.assert_array_equal(board_of(means, greater_is_better=False).ranks(), 4 - np.array(best_high))


@given(st.lists(st.lists(st.integers(0, 4), min_size=5, max_size=5), min_size=1, max_size=6), st.booleans())
def test_ranks_of_a_problem_add_up_and_agree_with_the_mean_ranks_of_a_comparison(means, greater):
    board = board_of(means, greater)
    ranks = board.ranks()
    assert (ranks.sum(axis=1) == 15).all()
    np.testing.assert_allclose(ranks.mean(axis=0), mean_ranks(board.means, greater_is_better=greater))


def test_gains_are_positive_where_a_method_is_better():
    means = np.array([[0.9, 0.5], [0.2, 0.3]])
    np.testing.assert_allclose(board_of(means).gains(means, "a", "b"), [0.4, -0.1])
    np.testing.assert_allclose(board_of(means, greater_is_better=False).gains(means, "a", "b"), [-0.4, 0.1])


def test_friedman_is_over_sources_that_count_once(made_up, noise):
    frame = made_up(TWO_KINDS, ABC, g_mean=noise)
    board = Scoreboard.of(frame, "g_mean", ABC)
    by_family = frame[frame["kind"] == "binary"].pivot_table(index="source", columns="method", values="g_mean")
    expected = friedman_nemenyi(by_family)  # every problem has as many folds, so means of means are means
    assert board.tests("binary").pvalue == pytest.approx(expected.pvalue)
    assert board.tests("binary").critical_difference == pytest.approx(expected.critical_difference)
    assert board_of([[1, 2, 3]]).tests("binary") is None


# Draws


@pytest.fixture
def board(made_up):
    value = {"a": 0.0, "b": 10.0, "c": 20.0}
    frame = made_up(TWO_KINDS, ABC, n_repeats=3, g_mean=lambda kind, s, r, m, repeat, fold: value[m] + repeat)
    return Scoreboard.of(frame, "g_mean", ABC)


def test_sources_are_drawn_whole_and_within_their_kind(board):
    groups = {(kind, source): set(part.index) for (kind, source), part in board.problems.groupby(["kind", "source"])}
    seen = Counter()
    for places, means in board._draws:
        assert len(places) == len(means)
        times = Counter(places.tolist())
        per_kind = Counter()
        for (kind, source), members in groups.items():
            often = {times[place] for place in members}
            assert len(often) == 1  # all ratios of a source, or none
            per_kind[kind] += often.pop()
            seen[kind, source] += times[min(members)]
        assert per_kind == {"binary": 3, "multi-class": 2}
    np.testing.assert_allclose([seen[key] / len(board._draws) for key in groups], 1, atol=0.15)


def test_repeats_are_drawn_with_replacement_and_methods_stay_together(board):
    """The mean of three draws from 0, 1 and 2 has a deviation of sqrt(2/3 / 3), and is 0 once in 27."""
    means = np.concatenate([means for _, means in board._draws])
    np.testing.assert_allclose(means[:, 1:] - means[:, :1], [[10, 20]] * len(means))
    assert set(np.round(means[:, 0] * 3).astype(int)) == set(range(7))
    assert means[:, 0].std() == pytest.approx(np.sqrt(2 / 9), rel=0.05)
    assert (means[:, 0] == 0).mean() == pytest.approx(1 / 27, abs=0.015)


def test_the_draws_are_the_same_each_time(board):
    again = Scoreboard(board.problems, board.methods, board.by_repeat, True)
    for (places, means), (places_again, means_again) in zip(board._draws, again._draws):
        np.testing.assert_array_equal(places, places_again)
        np.testing.assert_array_equal(means, means_again)


# Intervals


@pytest.mark.parametrize("n", [2, 3, 8])
def test_of_a_mean_over_sources_it_is_student_s(n):
    values = np.random.default_rng(n).normal(size=(n, 2))
    found = board_of(values).interval(lambda means, places: means[:, 0].mean())
    low, high = stats.t.interval(0.95, n - 1, values[:, 0].mean(), values[:, 0].std(ddof=1) / np.sqrt(n))
    assert found.mean == pytest.approx(values[:, 0].mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_one_source_gives_no_interval():
    board = board_of([[1.0, 2.0, 3.0]], n_repeats=10)
    found = board.interval(board.mean_rank_lead("a", "b", "binary"))
    assert found.mean == -1 and np.isnan(found.low) and np.isnan(found.high)


def test_the_kind_with_the_fewest_sources_decides_where_both_are_meant(made_up, noise):
    frame = made_up(
        {"binary": {f"s{i}": (0.05,) for i in range(6)}, "multi-class": {"s1": (0.25,), "s2": (0.25,)}},
        ABC,
        g_mean=noise,
    )
    board = Scoreboard.of(frame, "g_mean", ABC)

    def half_width(among):
        found = board.interval(lambda means, places: means[:, 0].mean(), among)
        return found.high - found.mean

    factor = {n: stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)) for n in (2, 6)}
    assert half_width(None) == half_width(board.of_kind("multi-class"))
    assert half_width(None) / half_width(board.of_kind("binary")) == pytest.approx(factor[2] / factor[6])


def test_who_always_wins_leads_for_sure():
    board = board_of([[0.9, 0.5, 0.1]] * 3 + [[0.8, 0.1, 0.7]] * 3)
    lead = board.interval(board.mean_rank_lead("a", "b", "binary"))
    assert lead.mean == 1.5 and lead.low > 0
    behind = board.interval(board.mean_rank_lead("b", "a", "binary"))
    assert (behind.mean, behind.low, behind.high) == pytest.approx((-lead.mean, -lead.high, -lead.low))


def test_equals_are_not_told_apart():
    board = board_of([[0.9, 0.9, 0.1]] * 4)
    assert board.interval(board.mean_rank_lead("a", "b", "binary")) == (0, 0, 0)
    board = board_of([[0.9, 0.5, 0.1], [0.5, 0.9, 0.1]] * 2)
    found = board.interval(board.mean_rank_lead("a", "b", "binary"))
    assert found.low < found.mean == 0 < found.high


def test_a_lead_is_that_of_its_kind_alone(made_up):
    wins = {"binary": {"a": 3, "b": 2, "c": 1}, "multi-class": {"a": 1, "b": 2, "c": 3}}
    board = Scoreboard.of(made_up(TWO_KINDS, ABC, g_mean=lambda kind, s, r, m, *_: wins[kind][m]), "g_mean", ABC)
    assert board.interval(board.mean_rank_lead("a", "c", "binary")) == (2, 2, 2)
    assert board.interval(board.mean_rank_lead("a", "c", "multi-class")) == (-2, -2, -2)
    assert np.isnan(board.mean_rank_lead("a", "b", "of another kind")(board.means.to_numpy(), np.arange(8)))


@pytest.mark.parametrize("n_sources", [3, 6])
def test_chance_alone_seldom_makes_a_difference(monkeypatch, n_sources):
    """Methods that differ by chance alone are told apart in about one case of twenty, however few the sources are.

    At 6%, since the draws are few here, and at most as often as happens by all but one chance in a thousand. The
    quantiles of the draws would have told 12% to 20% apart.
    """
    monkeypatch.setattr(ranking, "_DRAWS", 40)
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(120):
        board = board_of(rng.normal(size=(n_sources, 5)))
        _, low, high = board.interval(board.mean_rank_lead("a", "b", "binary"))
        told += low > 0 or high < 0
    assert 3 <= told <= stats.binom.ppf(0.999, 120, 0.06)
