"""The sentences against intervals worked out again, and each case they tell apart."""

import numpy as np
import pytest
from scipy import stats

from equipoise.reports.verdict import moved_difference, near_best, verdict


def plain_interval(differences, n_folds):
    """Nadeau and Bengio's corrected interval, written out."""
    j = len(differences)
    half = stats.t.ppf(0.975, j - 1) * np.sqrt((1 / j + 1 / (n_folds - 1)) * np.var(differences, ddof=1))
    return np.mean(differences) - half, np.mean(differences) + half


def by_fold(comparison, recipe, column):
    return comparison.scores[comparison.scores["recipe"] == recipe].sort_values(["repeat", "fold"])[column].to_numpy()


def test_the_threshold_s_difference_is_paired_by_fold(stored):
    comparison = stored()
    differences = by_fold(comparison, "none", "moved_macro_f1") - by_fold(comparison, "under", "macro_f1")
    found = moved_difference(comparison, "none", "under", "macro_f1")
    assert found.mean == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx(plain_interval(differences, 3))


@pytest.mark.parametrize("metric", ["g_mean", "log_loss"])
def test_recipes_are_near_if_the_paired_interval_holds_0(stored, metric):
    comparison = stored((90, 30), ("none", "under", "remix", "gbdt"), metric=metric, n_repeats=4)
    expected = []
    for recipe in comparison.leaderboard["recipe"]:
        gap = by_fold(comparison, recipe, metric) - by_fold(comparison, comparison.winner, metric)
        low, high = plain_interval(gap, 3)
        expected += [recipe] * bool(low <= 0 <= high)
    assert near_best(comparison) == expected
    assert 1 < len(expected) < 4
    said = verdict(comparison).others
    assert all((f" {name}" in said) == (name in expected[1:]) for name in comparison.leaderboard["recipe"][1:])


def test_a_clear_winner(stored):
    found = verdict(stored((90, 90), skill={"none": 0.0, "under": 6.0, "gbdt": 0.0}))
    assert found.best.startswith("under has the highest G-mean: 1.000 (95% interval")
    assert "Every other recipe scores worse" in found.others
    assert "falls short of under's" in found.threshold


def test_the_lowest_loss_wins(stored):
    assert "has the lowest log loss" in verdict(stored(metric="log_loss")).best


def test_as_good_by_the_threshold_alone(stored):
    found = verdict(stored(recipes=("none", "under"), skill={"none": 2.0, "under": 2.4}))
    assert found.best.startswith("under has")
    assert "cannot be told apart from under's" in found.threshold


def test_the_untreated_network_wins(stored):
    found = verdict(stored(skill={"none": 4.0, "under": 1.0, "gbdt": 1.0}))
    assert found.best.startswith("none has")
    assert found.threshold.startswith("Moving its threshold takes its G-mean from")


def test_without_the_untreated_network(stored):
    assert "has no results here" in verdict(stored(recipes=("under", "gbdt"))).threshold


def test_a_single_recipe(stored):
    found = verdict(stored(recipes=("under",)))
    assert found.best.endswith("it is the only recipe with results.")
    assert found.others == ""


def test_recipes_that_all_score_alike(stored):
    found = verdict(stored((200, 6), skill=dict.fromkeys(("none", "under", "gbdt"), 40.0)))
    assert found.best.startswith("Every recipe has the same G-mean, 1.000")
    assert found.others == ""


def test_one_fold_says_nothing_of_differences(stored):
    rest = [(recipe, 0, fold) for recipe in ("none", "under") for fold in (1, 2)]
    found = verdict(stored(recipes=("none", "under"), missing=rest, n_repeats=1))
    assert "too few folds" in found.others
    assert "interval" not in found.best
