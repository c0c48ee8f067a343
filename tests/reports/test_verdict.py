"""The sentences against intervals worked out again, and each case they tell apart."""

import re

import numpy as np
import pytest
from scipy import stats

from equipoise.reports.verdict import near_best, reading_difference, verdict
from equipoise.text import listed, number


def plain_interval(differences, n_folds):
    """Nadeau and Bengio's corrected interval, written out."""
    j = len(differences)
    half = stats.t.ppf(0.975, j - 1) * np.sqrt((1 / j + 1 / (n_folds - 1)) * np.var(differences, ddof=1))
    return np.mean(differences) - half, np.mean(differences) + half


def by_fold(comparison, recipe, column):
    return comparison.scores[comparison.scores["recipe"] == recipe].sort_values(["repeat", "fold"])[column].to_numpy()


def test_the_threshold_s_difference_is_paired_by_fold(stored):
    comparison = stored()
    differences = by_fold(comparison, "none", "tuned_macro_f1") - by_fold(comparison, "under", "macro_f1")
    found = reading_difference(comparison, "none", "under", "macro_f1")
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
    _, told = verdict(comparison).others.split(" do not differ significantly from it: ")
    assert set(re.findall(r"\w+", told)) - {"and"} == set(expected[1:])


@pytest.mark.parametrize("metric", ["g_mean", "log_loss"])
def test_the_lead_is_over_the_next_and_the_untreated_network(stored, metric):
    """Told as a gain, whichever way is better, with its paired interval and whether that holds 0."""
    skill = {"none": 1.0, "auto": 2.2, "under": 2.0, "gbdt": 1.5}
    comparison = stored((90, 30), ("auto", "none", "under", "gbdt"), metric=metric, skill=skill)
    winner, second = comparison.leaderboard["recipe"][:2]
    way, sign = ("higher", 1) if metric == "g_mean" else ("lower", -1)
    leads = []
    for other in (second, "none"):
        gains = sign * (by_fold(comparison, winner, metric) - by_fold(comparison, other, metric))
        low, high = plain_interval(gains, 3)
        chance = "significant" if low > 0 else "not significant"
        named = "the untreated network, none" if other == "none" else f"the next, {other}"
        interval = f"95% interval {number(low)} to {number(high)}"
        leads.append(f"{number(np.mean(gains))} {way} than {named} ({interval}; {chance})")
    assert second != "none" and verdict(comparison).others.startswith(f"That is {leads[0]}, and {leads[1]}.")


def test_a_clear_winner(stored):
    found = verdict(stored((90, 90), skill={"none": 0.0, "under": 6.0, "gbdt": 0.0}))
    assert found.best.startswith("under has the highest G-mean: 1.000 (95% interval")
    assert found.tried.startswith("3 recipes were trained on 180 rows of 2 classes in the same 3 folds, 2 times over, ")
    assert "Every other recipe is significantly worse." in found.others
    assert "significantly worse than under's" in found.threshold
    assert found.use.startswith(
        "Next step: `model/` beside this page is under (random under-sampling), trained on all rows; `eq"
    )
    assert "simpler" not in found.use.lower()


def test_the_lowest_loss_wins(stored):
    assert "has the lowest log loss" in verdict(stored(metric="log_loss")).best


def test_as_good_by_the_threshold_alone(stored):
    found = verdict(stored(recipes=("none", "under"), skill={"none": 2.0, "under": 2.4}))
    assert found.best.startswith("under has")
    assert "not significantly different from under's" in found.threshold
    simpler = 'A simpler model that may do as well, in Python: `TunedThresholdsClassifier(recipes.make("none"), '
    assert f'{simpler}metric="g_mean")`' in found.use


def test_better_by_the_threshold_alone(stored):
    """A skilled network that never says the last class: all of its skill shows once its threshold moves."""
    comparison = stored((60, 60), ("none", "under"), skill={"none": 6.0, "under": 0.5}, n_folds=5)
    for cell in comparison.cells:
        if cell.arm == "none":
            shifted = cell.probabilities * [1, 1e-5]
            cell.__dict__.update(probabilities=(shifted / shifted.sum(axis=1, keepdims=True)).astype(np.float32))
            cell.__dict__.update(decided=cell.probabilities.argmax(axis=1))
    found = verdict(comparison)
    assert found.best.startswith("under has")
    assert "significantly better than under's" in found.threshold
    assert "A simpler and better model, in Python: `TunedThresholdsClassifier" in found.use


def test_the_untreated_network_wins(stored):
    found = verdict(stored(skill={"none": 4.0, "under": 1.0, "gbdt": 1.0}))
    assert found.best.startswith("none has")
    assert found.threshold.startswith(
        "It is the network without treatment; tuning its thresholds takes its G-mean from"
    )
    assert "impler" not in found.use


def test_without_the_untreated_network(stored):
    found = verdict(stored(recipes=("under", "gbdt")))
    assert "has no results" in found.threshold and "untreated" not in found.others and "impler" not in found.use


def test_auto_wins(stored):
    """Its decision is told, and it counts: by the most probable class its score would be another."""
    comparison = stored((60, 30, 15), ("auto", "none"), skill={"auto": 4.0, "none": 1.0}, metric="macro_f1")
    found = verdict(comparison)
    assert found.best.startswith("auto has the highest macro F1")
    assert found.tried.startswith("2 recipes were trained on 105 rows of 3 classes")
    assert "than the untreated network, none (95% interval" in found.others and "the next" not in found.others
    assert "`model/` beside this page is auto (" in found.use
    assert "), trained on all rows, with decisions that favour all classes equally; `equipoise predict" in found.use


def test_auto_loses(stored):
    found = verdict(stored(recipes=("auto", "none", "under"), skill={"auto": 0.0, "none": 0.5, "under": 6.0}))
    assert found.best.startswith("under has") and "is under (random under-sampling), trained on all rows; " in found.use


@pytest.mark.parametrize("metric", ["log_loss", "roc_auc", "average_precision", "brier", "calibration_error"])
def test_what_no_threshold_changes(stored, metric):
    found = verdict(stored(metric=metric))
    assert found.threshold.startswith("Thresholds do not matter here")
    assert "impler" not in found.use


def test_probabilities_of_equal_shares_are_compared_with_the_untreated_network_s_corrected_ones(stored):
    comparison = stored(
        (90, 30),
        ("auto", "none", "under", "focal"),
        metric="balanced_brier",
        skill={"auto": 2.0, "none": 2.0, "under": 4.0, "focal": 1.0},
    )
    gap = by_fold(comparison, "none", "prior_balanced_brier") - by_fold(comparison, "under", "balanced_brier")
    found = reading_difference(comparison, "none", "under", "balanced_brier", "prior")
    assert (found.low, found.high) == pytest.approx(plain_interval(gap, 3)) and found.low > 0
    said = verdict(comparison).threshold
    assert said.startswith("Correcting the untreated network's probabilities to equal class priors alone gives")
    assert "significantly worse than under's" in said
    of_auto = by_fold(comparison, "auto", "prior_balanced_brier").mean()
    assert said.endswith(
        f"auto's probabilities assume the observed priors, too: corrected to equal ones, they reach {number(of_auto)}."
    )


def test_failures_are_told_first(stored):
    wholly = [("under", repeat, fold) for repeat in range(2) for fold in range(3)]
    found = verdict(stored(failed=[*wholly, ("gbdt", 0, 0)]))
    assert found.tried.startswith("2 recipes were trained")
    assert found.tried.endswith(
        " under failed on every fold. gbdt failed on some folds; scores are means over the 5 folds without a failure."
    )


def test_folds_that_no_two_recipes_share(stored):
    apart = verdict(stored(recipes=("none", "gbdt"), failed=[("none", 0, 0), ("gbdt", 0, 1)], n_folds=2, n_repeats=1))
    assert apart.tried.endswith(" failed on some folds; scores are means over the successful folds of each recipe.")
    assert "too few folds" in apart.others


def test_an_unfinished_comparison_is_first_to_be_finished(stored):
    found = verdict(stored(missing=[("gbdt", 1, 2)]))
    assert found.tried.startswith("Unfinished: 17 of 18 results are in")
    assert found.use.startswith("To continue, repeat the command") and "model/" not in found.use


def test_of_many_that_are_near_some_are_named(stored):
    names = ("auto", "none", "under", "over", "cost", "remix", "mixup", "smote")
    found = verdict(stored(recipes=names, skill=dict.fromkeys(names, 2.0), n_repeats=1))
    assert re.search(r"(No other recipe differs|6 of the other 7 do not differ) significantly", found.others)
    assert listed(names, most=5) == "auto, none, under, over, cost and 3 more" and listed(names[:2]) == "auto and none"


def test_a_single_recipe(stored):
    found = verdict(stored(recipes=("under",)))
    assert found.tried.startswith("One recipe, under, was trained on 75 rows of 2 classes in 3 folds")
    assert found.best.endswith("it is the only recipe with results.")
    assert found.others == ""


def test_recipes_that_all_score_alike(stored):
    found = verdict(stored((200, 6), skill=dict.fromkeys(("none", "under", "gbdt"), 40.0)))
    assert found.best.startswith("Every recipe has the same G-mean, 1.000")
    assert found.others == ""
    assert (
        "is none (no treatment), trained" in found.use
        and "The chosen metric does not favour it over the others" in found.use
    )


def test_one_fold_says_nothing_of_differences(stored):
    rest = [(recipe, 0, fold) for recipe in ("none", "under") for fold in (1, 2)]
    found = verdict(stored(recipes=("none", "under"), missing=rest, n_repeats=1))
    assert "too few folds" in found.others
    assert "interval" not in found.best
