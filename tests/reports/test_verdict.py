"""The sentences against intervals and readings worked out again, and each case they tell apart."""

import re

import numpy as np
import pytest
from scipy import stats

from equipoise.reports.verdict import verdict
from equipoise.text import listed, number, percent, probability


def plain_interval(differences, n_folds):
    """Nadeau and Bengio's corrected interval, written out."""
    j = len(differences)
    half = stats.t.ppf(0.975, j - 1) * np.sqrt((1 / j + 1 / (n_folds - 1)) * np.var(differences, ddof=1))
    return np.mean(differences) - half, np.mean(differences) + half


def by_fold(comparison, recipe, column):
    return comparison.scores[comparison.scores["recipe"] == recipe].sort_values(["repeat", "fold"])[column].to_numpy()


@pytest.mark.parametrize("metric", ["g_mean", "log_loss"])
def test_recipes_are_near_if_the_paired_interval_holds_0(stored, metric):
    comparison = stored((90, 30), ("none", "under", "remix", "gbdt"), metric=metric, n_repeats=4)
    expected = []
    for recipe in comparison.leaderboard["recipe"]:
        gap = by_fold(comparison, recipe, f"best_{metric}") - by_fold(comparison, comparison.best, f"best_{metric}")
        low, high = plain_interval(gap, 3)
        expected += [recipe] * bool(low <= 0 <= high)
    assert comparison.near_best == expected
    assert 1 < len(expected) < 4
    advice = verdict(comparison).advice
    told = re.search(r"do not differ significantly from it: ([^.]*)\.|only (.*) does not differ", advice)
    assert set(re.findall(r"\w+", told[1] or told[2])) - {"and"} == set(expected[1:])


def test_the_quickest_of_those_near_the_best_is_recommended(stored):
    """By the seconds of a fit and of 10,000 predictions; what it may cost is told with its interval."""
    names, cost = ("none", "under", "gbdt"), {"none": 9.0, "under": 5.0, "gbdt": 0.1}
    comparison = stored((90, 30), names, skill=dict.fromkeys(names, 2.0), seconds=cost, n_repeats=1)
    assert {comparison.best, "gbdt"} == {*comparison.near_best} != {"gbdt"} and comparison.winner == "gbdt"
    found = verdict(comparison)
    assert "With 1 repeat and 30 rows of “1”, a difference between gbdt and" in found.advice
    assert "keep it simple" not in found.advice and found.more.endswith("give more repeats or more rows of “1”.")
    gap = by_fold(comparison, comparison.best, "best_g_mean") - by_fold(comparison, "gbdt", "best_g_mean")
    low, high = plain_interval(gap, 3)
    assert f"{number(gap.mean())} lower than that of {comparison.best} (" in found.more
    share = percent(gap.mean() / (by_fold(comparison, comparison.best, "best_g_mean").mean() - 0.5))
    worse = f"worse than {comparison.best} by {number(gap.mean())}, {share} of its gain over guessing"
    times = "(0.10 s a fit, 0.25 s per 10,000 predictions; "
    assert f"Recommended: gbdt, the quickest of them, {worse} {times}" in found.advice
    assert f"(95% interval of the difference {number(low)} to {number(high)})" in found.more
    assert "`model/` beside this page is gbdt (histogram gradient boosting)" in found.use


def test_a_quick_recipe_that_loses_much_is_passed_over_though_few_folds_show_no_difference(stored):
    """The bound that holds by terms holds by a metric: a tenth of what the best gains over guessing."""
    names, cost = ("none", "under", "gbdt"), {"none": 9.0, "under": 5.0, "gbdt": 0.1}
    skill = {"none": 2.0, "under": 2.0, "gbdt": 1.8}
    comparison = stored((90, 30), names, skill=skill, seconds=cost, n_repeats=1)
    best, quick = (by_fold(comparison, name, "best_g_mean").mean() for name in ("under", "gbdt"))
    assert comparison.near_best == ["under", "gbdt"] and best - quick > 0.1 * (best - 0.5)
    assert comparison.winner == "under"
    advice = verdict(comparison).advice
    assert advice.startswith(
        "Of the other 2, only gbdt does not differ significantly from it. Recommended: under (5.00"
    )
    assert advice.endswith(
        " Passed over: gbdt for losing more than 10% of what under gains over a decision that looks at no feature."
    )


@pytest.mark.parametrize(("n_flipped", "simple"), [(1, True), (6, False)])
def test_simple_is_praised_only_where_the_interval_shows_that_it_costs_little(stored, n_flipped, simple):
    """gbdt answers as the network does, but for some rows a fold: nearly as good for sure, or only not shown worse."""
    comparison = stored((150, 150), ("under", "gbdt"), skill={"under": 3.0, "gbdt": 3.0}, seconds={"under": 9.0})
    own = {(cell.repeat, cell.fold): cell for cell in comparison.cells if cell.arm == "under"}
    for cell in comparison.cells:
        if cell.arm == "gbdt":
            proba = own[cell.repeat, cell.fold].probabilities.copy()
            right = proba.argmax(axis=1) == comparison.folds[cell.repeat, cell.fold].test_codes
            worse = np.flatnonzero(right)[: n_flipped if cell.fold else 0]
            proba[worse] = proba[worse, ::-1]
            cell.__dict__.update(probabilities=proba, decided=proba.argmax(axis=1))
    gap = by_fold(comparison, "under", "best_g_mean") - by_fold(comparison, "gbdt", "best_g_mean")
    low, high = plain_interval(gap, 3)
    assert low <= 0 < high and comparison.best == "under" and comparison.winner == "gbdt"
    gain = by_fold(comparison, "under", "best_g_mean").mean() - 0.5  # a fair draw finds half of each class
    assert bool(high <= 0.05 * gain) is simple
    found = verdict(comparison)
    advice = found.advice
    assert (f"Nothing beats gbdt by more than {number(high)} (end of the 95% interval): keep it" in advice) is simple
    assert ("can be neither shown nor ruled out" in advice and "more rows of “0”" in found.more) is not simple


def test_the_best_of_recipes_that_take_nearly_as_long_is_recommended(stored):
    """Seconds vary from run to run, so what takes up to twice as long is as quick."""
    names, skill = ("none", "under", "gbdt"), {"none": 2.0, "under": 2.0, "gbdt": 2.0}
    comparison = stored((90, 30), names, skill=skill, seconds={"none": 0.6, "under": 0.5, "gbdt": 0.55}, n_repeats=1)
    assert len(comparison.near_best) > 1 and comparison.winner == comparison.best
    assert "none of them takes less than half its time" in verdict(comparison).advice
    cheap = dict.fromkeys(names, 0.5) | {comparison.best: 2.0}
    comparison = stored((90, 30), names, skill=skill, seconds=cheap, n_repeats=1)
    assert comparison.winner == comparison.leaderboard["recipe"][1]


def test_a_model_that_was_not_saved_is_no_next_step(stored):
    comparison = stored((90, 30), ("none", "gbdt"))
    comparison.not_saved = "repeat the command."
    assert verdict(comparison).use == "The model was not saved: repeat the command."


def test_a_treatment_is_not_called_simple(stored):
    names = ("none", "under")
    comparison = stored((90, 30), names, skill=dict.fromkeys(names, 2.0), seconds={"none": 9.0, "under": 0.1})
    assert comparison.winner == "under" and "keep it simple" not in verdict(comparison).advice


def test_a_clear_winner(stored):
    found = verdict(stored((90, 90), skill={"none": 0.0, "under": 6.0, "gbdt": 0.0}))
    assert found.best.startswith("under has the highest G-mean at its best: 1.000 (95% interval")
    assert found.tried.startswith("3 recipes were trained on 180 rows of 2 classes in the same 3 folds, 2 times over, ")
    assert found.tried.endswith(
        "are made in the way that does best on the other folds (own decision, class priors "
        "corrected or thresholds tuned); its own rows have no part in that choice. Own decision: the most "
        "probable class."
    )
    assert found.advice.startswith("Every other recipe is significantly worse. Recommended: under (0.50 s a fit, ")
    assert found.use.startswith(
        "Next step: `model/` beside this page is under (random under-sampling), trained on all rows; the c"
    )


def test_the_lowest_loss_wins(stored):
    assert "has the lowest log loss" in verdict(stored(metric="log_loss")).best


def shifted(comparison, arm, factor):
    """Multiply an arm's probability of the last class, and renormalise: the order of rows stays."""
    for cell in comparison.cells:
        if cell.arm == arm:
            moved = cell.probabilities * [1, factor]
            cell.__dict__.update(probabilities=(moved / moved.sum(axis=1, keepdims=True)).astype(np.float32))
            cell.__dict__.update(decided=cell.probabilities.argmax(axis=1))


def alarms_of(comparison, recipe):
    """What decisions at the best reading of each fold find, counted from its thresholds."""
    alarms = right = positives = n = 0
    for (repeat, fold), stored_fold in comparison.folds.items():
        cell = next(c for c in comparison.cells if (c.arm, c.repeat, c.fold) == (recipe, repeat, fold))
        offsets = comparison.offsets(cell, "g_mean")
        p = comparison.rare
        decided = (np.log(cell.probabilities.astype(float)) + offsets).argmax(axis=1) == p
        truth = stored_fold.test_codes == p
        alarms, right = alarms + decided.sum(), right + (decided & truth).sum()
        positives, n = positives + truth.sum(), n + len(truth)
    label = comparison.classes[p]
    return (
        f"{recipe!r} decides for “{label}” on {number(1000 * alarms / n, 1)} of 1,000 rows: "
        f"{number(100 * right / alarms, 1)}% of these are right, and {number(100 * right / positives, 1)}% of all "
        f"“{label}” is found."
    )


def test_a_recipe_counts_at_its_best_and_is_told_by_its_own_decision(stored):
    """A skilled network that never says the last class: all of its skill shows once its threshold moves."""
    comparison = stored((60, 60), ("none", "under"), skill={"none": 6.0, "under": 0.5}, n_folds=5)
    shifted(comparison, "none", 1e-5)
    shipped, best = (by_fold(comparison, "none", column) for column in ("g_mean", "best_g_mean"))
    assert shipped.mean() < 0.2 < 0.9 < best.mean()
    found = verdict(comparison)
    assert found.best.startswith(f"'none' has the highest G-mean at its best: {number(best.mean())} (95% interval ")
    assert found.best.endswith(f"; deciding for the most probable class: {number(shipped.mean())}.")
    cuts = comparison.at_best.thresholds("none")
    middle, low, high = map(probability, (np.median(cuts), cuts.min(), cuts.max()))
    spread = f"{middle} on ({low} to {high} over folds)."
    alarms = alarms_of(comparison, "none")
    start = f"With tuned thresholds, 'none' decides for “0” from a probability of about {spread}"
    assert found.readings == f"{start} {alarms}"
    assert "(no treatment) with tuned thresholds, trained on all rows" in found.use


def test_what_reading_does_to_untreated_models_is_told(stored):
    comparison = stored((60, 60), ("none", "under"), skill={"none": 3.0, "under": 8.0}, n_folds=5)
    shifted(comparison, "none", 1e-3)
    shipped, best = (by_fold(comparison, "none", column).mean() for column in ("g_mean", "best_g_mean"))
    assert comparison.winner == "under"
    assert verdict(comparison).readings.startswith(
        f"Reading alone matters: with the same training, 'none' goes from {number(shipped)}, "
        f"deciding for the most probable class, to {number(best)} at its best."
    )


def test_corrected_priors_are_a_reading(stored):
    """Honest probabilities under rare priors, few rows: Bayes' rule needs no tuning."""
    comparison = stored((400, 60), ("none", "under"), metric="balanced_brier", skill={"none": 2.0, "under": 0.1})
    prior = np.log(400 / 60)
    for cell in comparison.cells:
        logits = np.log(cell.probabilities) - [0, prior]
        cell.__dict__.update(probabilities=(np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32))
    chosen = set(comparison.scores.loc[comparison.scores["recipe"] == "none", "reading"])
    assert chosen <= {"prior-corrected", "calibrated"}
    assert (
        by_fold(comparison, "none", "best_balanced_brier").mean() < by_fold(comparison, "none", "balanced_brier").mean()
    )


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision"])
def test_what_no_reading_changes(stored, metric):
    found = verdict(stored(metric=metric))
    assert found.readings.startswith("Thresholds do not matter here")


LEAK = {"severity": "serious", "kind": "leak", "columns": ["a"], "text": "Column 'a' alone tells the classes apart."}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"findings": [LEAK]}, "the target seems to leak into the features. Column 'a' alone tells"),
        ({"counts": (60, 8)}, "The class “1” has only 8 rows, too few to tell methods apart"),
        (
            {"skill": dict.fromkeys(("none", "under", "gbdt"), 0.0)},
            "No method is usable here: the best, .*, has .* \\(G-mean\\), which does not differ significantly from 0.5",
        ),
    ],
)
def test_no_winner_is_crowned(stored, options, reason):
    found = verdict(stored(**options))
    assert found.best.startswith("No winner is crowned. ") and re.search(reason, found.best)
    assert not (found.advice or found.readings or found.use)


def test_a_caution_crowns_all_the_same(stored):
    assert not stored(findings=[LEAK | {"severity": "caution"}]).obstacle


def test_a_cut_stands_beside_the_score_that_it_touches(stored):
    steps = "300 gradient steps per network instead of 2000 to meet the time limit of 1 minutes."
    of_gbdt = "gbdt: fewer trees."
    skill = {"none": 4.0, "under": 0.5, "gbdt": 0.5}
    network = verdict(stored((90, 90), skill=skill, notes=[steps, of_gbdt], n_repeats=1))
    assert network.best.endswith(f"This score is after a cut: {steps}")


def test_recipes_that_were_left_out_stand_beside_the_best(stored):
    note = "Left out to meet the time limit of 1 minutes: auto (about 60 s in all)."
    found = verdict(stored(notes=[note], left_out=["auto"]))
    assert found.best.endswith(" auto was not compared: there was no time left.")
    assert "not compared" not in verdict(stored(left_out=["auto"])).best  # fewer were asked for


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
    assert "too few folds" in apart.advice


def test_an_unfinished_comparison_is_first_to_be_finished(stored):
    found = verdict(stored(missing=[("gbdt", 1, 2)]))
    assert found.tried.startswith("Unfinished: 17 of 18 results are in")
    assert found.use.startswith("To continue, repeat the command") and "model/" not in found.use


def test_of_many_that_are_near_some_are_named(stored):
    names = ("auto", "none", "under", "over", "cost", "remix", "mixup", "smote")
    found = verdict(stored(recipes=names, skill=dict.fromkeys(names, 2.0), n_repeats=1))
    assert re.search(r"(No other recipe differs|6 of the other 7 do not differ) significantly", found.advice)
    assert listed(names, most=5) == "auto, none, under, over, cost and 3 more" and listed(names[:2]) == "auto and none"


def test_a_single_recipe(stored):
    found = verdict(stored(recipes=("under",)))
    assert found.tried.startswith("One recipe, under, was trained on 75 rows of 2 classes in 3 folds")
    assert found.best.endswith("it is the only recipe with results.")
    assert found.advice == ""


def test_recipes_that_all_score_alike(stored):
    found = verdict(stored((200, 12), skill=dict.fromkeys(("none", "under", "gbdt"), 40.0)))
    assert found.best.startswith("Every recipe has the same G-mean at its best, 1.000")
    assert found.advice == ""
    assert "The chosen metric does not favour it over the others" in found.use


def test_one_fold_says_nothing_of_differences(stored):
    rest = [(recipe, 0, fold) for recipe in ("none", "under") for fold in (1, 2)]
    found = verdict(stored(recipes=("none", "under"), missing=rest, n_repeats=1))
    assert "too few folds" in found.advice
    assert "interval" not in found.best
