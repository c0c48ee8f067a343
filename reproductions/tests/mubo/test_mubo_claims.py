"""Claims on scores and histories made up so that each of them clearly holds, clearly fails, or cannot be tested."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from equipoise.experiments.statistics import corrected_interval, t_interval
from equipoise_reproductions.claims import FAILS, HOLDS, IN_PART, UNTESTED
from equipoise_reproductions.mubo.claims import chances_greater, history_claims, relative, table_claims
from equipoise_reproductions.mubo.protocol import ANEW, RANDOM, SOURCES

SETS = [source.title for source in SOURCES]
SEARCHED = ["mubo-paper", "mubo-authors"]
METHODS = ["none", "smote", "under", *SEARCHED, *(name + kind for name in SEARCHED for kind in (ANEW, RANDOM))]


def counts(errors):
    """Confusion counts with so many of a hundred rows of each class wrong, more or less by chance."""

    def made(name, method, run, test):
        wrong = errors(name, method) + (run + len(method) + len(name)) % 3 - 1
        return [100 - wrong, wrong, wrong, 100 - wrong]

    return made


@pytest.fixture
def judged(scored):
    def judge(errors, sets=SETS, methods=METHODS):
        frame = scored(counts(errors), sets, methods)
        return {claim.name: claim for claim in table_claims(frame, SOURCES)}

    return judge


def of(found, fewer, more=30):
    """Errors: few for some methods, more for all others."""
    return lambda name, method: fewer if method in found else more


def test_a_lead_on_the_three_sets(judged):
    claim = judged(of(SEARCHED, 5))["M1"]
    assert claim.verdict == HOLDS
    # two modes, on natural and balanced test rows of Gisette and Abalone, and natural ones of Connect-4
    assert len(claim.statements) == 2 * (2 + 2 + 1)
    assert judged(of(["smote"], 5))["M1"].verdict == FAILS
    assert judged(of(["mubo-paper"], 5))["M1"].verdict == IN_PART
    assert judged(lambda name, method: 5 if method in SEARCHED and name == "Abalone" else 9)["M1"].verdict == IN_PART


def test_under_sampling_of_ours_is_no_column_of_the_paper(judged):
    assert judged(lambda name, method: {"under": 1}.get(method, 5 if method in SEARCHED else 30))["M1"].verdict == HOLDS


def test_the_best_other_column_is_the_one_to_beat(judged):
    errors = {"none": 30, "smote": 20, "mubo-paper": 25, "mubo-authors": 25}
    claim = judged(lambda name, method: errors.get(method, 40))["M1"]
    assert claim.verdict == FAILS
    assert all("less that of SMOTE" in statement.text for statement in claim.statements)


@pytest.mark.parametrize(("errors", "verdict"), [(20, HOLDS), (40, FAILS)])
def test_near_the_best_on_spambase(scored, errors, verdict):
    """Half a hundredth behind the best is within a hundredth; a fifth is not."""

    def made(name, method, run, test):
        wrong = (200 if method in ("none", "smote") else errors * 10 + 5) + run
        return [1000 - wrong, wrong, wrong, 1000 - wrong]

    frame = scored(made, ["Spambase"], METHODS)
    found = {claim.name: claim for claim in table_claims(frame, SOURCES)}
    assert found["M2"].verdict == verdict
    assert found["M1"].verdict == UNTESTED  # none of its sets is here


def test_without_gans_nothing_is_said_of_them(judged):
    found = judged(of(SEARCHED, 5))
    for name in ("M3", "M5", "M7"):
        assert found[name].verdict == UNTESTED


WITH_GANS = [*METHODS, "gbo", "smotified-gan", "ssg"]


def test_trailing_gans_on_ionosphere(judged):
    claim = judged(of(["gbo", "smotified-gan"], 5), methods=WITH_GANS)["M3"]
    assert claim.verdict == HOLDS and len(claim.statements) == 2 * 2  # two rivals and two modes on natural rows
    assert all(s.text.startswith("Ionosphere") for s in claim.statements)
    assert judged(of(SEARCHED, 5), methods=WITH_GANS)["M3"].verdict == FAILS
    assert judged(of(["gbo"], 5), methods=WITH_GANS)["M3"].verdict == IN_PART  # SMOTified-GAN is level with it


def test_the_highest_lead_is_that_of_one_set(judged):
    """Far ahead on one set is enough for "up to"; a little ahead everywhere is not."""
    found = judged(lambda name, method: 5 if method in SEARCHED and name == "Abalone" else 30, methods=WITH_GANS)["M4"]
    assert found.verdict == HOLDS and all("Abalone" in s.text for s in found.statements)
    assert judged(of(SEARCHED, 25), methods=WITH_GANS)["M4"].verdict == FAILS


def test_minority_f1_against_gbo(judged):
    claim = judged(of(SEARCHED, 5), methods=WITH_GANS)["M5"]
    assert claim.verdict == HOLDS and not any("Ionosphere" in s.text for s in claim.statements)
    assert judged(of(["gbo"], 5), methods=WITH_GANS)["M5"].verdict == FAILS


def test_majority_recall_below_gbo_s(judged):
    assert judged(of(["gbo"], 5), methods=WITH_GANS)["M7"].verdict == HOLDS
    assert judged(of(SEARCHED, 5), methods=WITH_GANS)["M7"].verdict == FAILS


def test_gbo_s_classes_are_less_alike(scored):
    def made(name, method, run, test):
        rare = 60 + run if method == "gbo" else 12 + run
        return [90, 10, rare, 100 - rare]

    claim = {c.name: c for c in table_claims(scored(made, ["Ionosphere"], [*SEARCHED, "gbo"]), SOURCES)}["M6"]
    gaps = [s for s in claim.statements if "gap of GBO less" in s.text]
    assert claim.verdict == HOLDS and len(gaps) == 2


@pytest.mark.parametrize(("wrong_rare", "verdict"), [(2, HOLDS), (60, FAILS)])
def test_classes_alike(scored, wrong_rare, verdict):
    def made(name, method, run, test):
        return [1000 - 10 - run, 10 + run, wrong_rare, 100 - wrong_rare] if test == "natural" else [9, 1, 1, 9]

    frame = scored(made, ["Ionosphere", "Connect4"], METHODS)  # natural test rows only
    found = {claim.name: claim for claim in table_claims(frame, SOURCES)}["M6"]
    assert found.verdict == verdict and len(found.statements) == 4


def test_the_gap_of_classes_has_its_interval(scored):
    def made(name, method, run, test):
        return [90 - run, 10 + run, 20 + 2 * run, 80 - 2 * run]

    frame = scored(made, ["Ionosphere"], ["mubo-paper"])
    (statement,) = {claim.name: claim for claim in table_claims(frame, SOURCES)}["M6"].statements
    natural = frame[frame["test"] == "natural"]
    gap = corrected_interval(natural["f1_m"] - natural["f1_M"], test_share=0.2)
    assert gap.high < 0
    assert tuple(statement.value) == pytest.approx((0.1 + gap.mean, 0.1 + gap.low, 0.1 + gap.high))


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ([name + ANEW for name in SEARCHED] + ["mubo-paper"], HOLDS),
        ([name + RANDOM for name in SEARCHED] + ["under"], FAILS),
        (["mubo-paper"], IN_PART),
    ],
)
def test_chosen_rows_against_random_ones(judged, best, verdict):
    claim = judged(of(best, 5))["M8"]
    assert claim.verdict == verdict
    assert len(claim.statements) == 2 * 3  # two metrics: rows of two searches, and a network


def test_chosen_rows_are_judged_over_data_sets(judged):
    """A lead on three sets of five, large as it is, is not told apart from chance."""
    claim = judged(lambda name, method: 5 if method.endswith(ANEW) and name in SETS[:3] else 30)["M8"]
    assert claim.verdict == IN_PART
    leads = [s for s in claim.statements if "anew" in s.text]
    assert all(s.holds and not s.sure for s in leads)


def test_a_search_that_is_not_there_yet_is_left_out(judged):
    assert all("sound" not in s.text for s in judged(of(SEARCHED, 5))["M8"].statements)
    with_sound = judged(of(SEARCHED, 5), methods=[*METHODS, "mubo-sound" + ANEW, "mubo-sound" + RANDOM])
    assert sum("sound" in s.text for s in with_sound["M8"].statements) == 2


@pytest.mark.parametrize(("spread", "verdict"), [(1, HOLDS), (4000, FAILS)])
def test_how_little_runs_vary(scored, spread, verdict):
    def made(name, method, run, test):
        wrong = 10_000 + spread * run
        return [100_000 - wrong, wrong, wrong, 100_000 - wrong]

    claim = {c.name: c for c in table_claims(scored(made, SETS, METHODS), SOURCES)}["M11"]
    assert claim.verdict == verdict


def test_the_variance_has_the_interval_of_chi_squared(scored):
    frame = scored(counts(of(SEARCHED, 5)), ["Connect4"], ["mubo-paper"])
    (statement,) = {c.name: c for c in table_claims(frame, SOURCES)}["M11"].statements
    variance = frame.loc[frame["test"] == "natural", "f1"].var()
    ends = 4 * variance / stats.chi2.ppf([0.975, 0.025], 4)
    expected = [np.log10(2.29e-5 / v) for v in (variance, ends[1], ends[0])]
    assert tuple(statement.value) == pytest.approx(expected)


def test_over_data_sets():
    values = [0.1, 0.3, 0.2, 0.5]
    found = t_interval(values)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert tuple(found) == pytest.approx((np.mean(values), low, high))
    assert t_interval([0.1]).mean == 0.1 and np.isnan(t_interval([0.1]).low)


# Histories


def histories(rejected_distance=0.5, rejected_loss=0.5, right=lambda step: 50 + 4 * step, sets=3):
    """Five steps of two chains, the second and fourth rejected; J falls from step to step."""
    rows = []
    for method in SEARCHED:
        for name in SETS[:sets]:
            for chain in range(2):
                for step in range(1, 8):
                    accepted, some = step % 2 == 1, 0.01 * (len(name) + chain)
                    rows.append(
                        {
                            "set": name,
                            "method": method,
                            "chain": chain,
                            "step": step,
                            "accepted": accepted,
                            "proposed": 5,
                            "objective": 1 / step,
                            "larger_loss": 2 / step,
                            "tn": right(step),
                            "fp": 100 - right(step),
                            "distance_any": np.nan if step == 1 else 2.0,
                            "loss_any": np.nan if step == 1 else 1.0,
                            "distance_proposed": np.nan
                            if step == 1
                            else 2 * (1 + some if accepted else rejected_distance),
                            "loss_proposed": np.nan if step == 1 else 1 + some if accepted else rejected_loss,
                        }
                    )
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("distance", "loss", "verdict"), [(0.5, 0.5, HOLDS), (2.0, 4.0, FAILS), (0.5, 4.0, IN_PART), (2.0, 0.5, IN_PART)]
)
def test_redundant_rows_are_near_and_easy(distance, loss, verdict):
    claim, _ = history_claims(histories(distance, loss))
    assert (claim.name, claim.verdict, len(claim.statements)) == ("M9", verdict, 4)


@pytest.mark.parametrize(
    ("right", "verdict"), [(lambda step: 50 + 4 * step, HOLDS), (lambda step: 90 - 4 * step, FAILS)]
)
def test_lower_losses_and_majority_rows_right(right, verdict):
    _, claim = history_claims(histories(right=right))
    assert (claim.name, claim.verdict, len(claim.statements)) == ("M10", verdict, 4)
    assert all(abs(s.value.mean) == pytest.approx(1) for s in claim.statements)


def test_only_accepted_networks_count():
    """Rejected steps, where recall is at odds with the loss, change nothing."""
    _, claim = history_claims(histories(right=lambda step: 50 + 4 * step if step % 2 else 100 - step))
    assert all(s.value.mean == pytest.approx(1) for s in claim.statements)


def test_recall_that_never_changes_says_nothing():
    _, claim = history_claims(histories(right=lambda step: 70))
    assert claim.verdict == UNTESTED


def test_the_chance_that_accepted_is_greater():
    """Of six pairs of ten rows each, four and a tie are greater; steps of two rows meet only their like."""
    steps = pd.DataFrame(
        {
            "set": "Abalone",
            "chain": 0,
            "accepted": [True, True, True, False, False, False, True],
            "distance_proposed": [3.0, 2.0, 1.0, 1.0, 1.5, 9.0, 0.5],
            "distance_any": 1.0,
            "proposed": [10, 10, 10, 10, 10, 2, 2],
        }
    )
    assert chances_greater(steps, "distance").tolist() == pytest.approx([4.5 / 7])
    assert chances_greater(steps[:5], "distance").tolist() == pytest.approx([4.5 / 6])
    assert chances_greater(steps[:3], "distance").empty
    assert chances_greater(steps[2:6].query("proposed != 10 or accepted"), "distance").empty  # of no size both


def test_measures_are_relative_to_any_row_at_that_step():
    frame = histories()
    found = relative(frame, "distance")
    assert 1 not in set(found["step"])
    rejected = found[~found["accepted"].astype(bool)]
    assert rejected["relative"].tolist() == pytest.approx([0.5] * len(rejected))
    zero = frame.assign(distance_any=0.0)
    assert relative(zero, "distance").empty


def test_without_histories_nothing_is_tested():
    assert [claim.verdict for claim in history_claims(histories()[:0])] == [UNTESTED, UNTESTED]
    assert [claim.verdict for claim in history_claims(histories(sets=1))] == [IN_PART, IN_PART]  # one set: no interval
