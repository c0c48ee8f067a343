"""The page of alarms and costs: its figures are those of the stored probabilities, counted again here."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import floats
from sklearn.metrics import precision_score, recall_score

from equipoise.decisions import Terms, correct_prior
from equipoise.experiments import Store
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.possible import possible
from equipoise.experiments.sample_size import wilson
from equipoise.experiments.shipped import confusion
from equipoise.experiments.statistics import Interval
from equipoise.experiments.terms import InTerms
from equipoise.reports import write_report
from equipoise.reports.terms import in_terms, rows_to_review, terms_data
from equipoise.reports.verdict import verdict
from equipoise.text import called, number, percent

COUNTS = (240, 60)


def with_terms(stored, tmp_path, skill=None, **terms):
    """Store a comparison with terms."""
    skills = {} if skill is None else {"skill": dict.fromkeys(("none", "under"), skill)}
    comparison = stored(COUNTS, ("none", "under"), labels=("ok", "fraud"), n_folds=4, **skills)
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(**terms).aim(np.array(comparison.classes), rare="fraud").as_dict())
        return Comparison(store)


def test_outcomes_are_those_of_the_stored_probabilities(stored, tmp_path):
    comparison = with_terms(stored, tmp_path, capacity=0.1)
    read = InTerms(comparison)
    found = read.chosen()
    values = []
    for cell in comparison.readings.cells:
        if cell.arm != comparison.winner:
            continue
        fold = comparison.folds[cell.repeat, cell.fold]
        natural = np.array(fold.train_counts) / sum(fold.train_counts)
        proba = correct_prior(np.float64(cell.probabilities), cell.priors, natural)[:, 1]
        alarm = np.isin(np.arange(len(proba)), np.argsort(-proba)[: int(0.1 * len(proba))])  # the fold is the batch
        truth = fold.test_codes == 1
        values.append((1000 * alarm.mean(), 1000 * (alarm & truth).mean(), precision_score(truth, alarm)))
    for name, expected in zip(("alarms", "caught", "precision"), np.mean(values, axis=0)):
        assert found[name].mean == pytest.approx(expected)
        assert found[name].low - 1e-9 <= expected <= found[name].high + 1e-9


def test_capacities_count_the_most_probable_rows(stored, tmp_path):
    read = InTerms(with_terms(stored, tmp_path, capacity=5))
    found = read.at_capacity(200)
    recalls = []
    for fold in read.folds:
        alarm = np.zeros(len(fold.codes), dtype=bool)
        alarm[np.argsort(-fold.proba[:, 1], kind="stable")[:15]] = True  # 200 of 1,000 are 15 of 75
        recalls.append(recall_score(fold.codes == 1, alarm))
    assert found["alarms"].mean == pytest.approx(200)
    assert found["recall"].mean == pytest.approx(np.mean(recalls))
    assert found["lift"].mean == pytest.approx(found["precision"].mean / 0.2)
    everything = read.at_capacity(1000)
    assert (everything["recall"].mean, everything["missed"].mean) == (1, 0)
    assert everything["recall"].high == 1


def test_costs_are_summed_as_stated(stored, tmp_path):
    read = InTerms(with_terms(stored, tmp_path, cost={"miss": 7, "alarm": 2}, benefit={"catch": 1}))
    costs = []
    for fold, rule in zip(read.folds, read.rules):
        alarm = fold.proba[:, 1] > rule.cut(1)
        truth = fold.codes == 1
        total = 7 * (truth & ~alarm).sum() + 2 * (~truth & alarm).sum() - (truth & alarm).sum()
        costs.append(1000 * total / len(truth))
    assert read.chosen()["cost"].mean == pytest.approx(np.mean(costs))
    chosen, low, high = read.range_of_threshold()
    assert low <= chosen <= high or low == pytest.approx(chosen, abs=0.2)
    as_shipped = 1000 * np.mean([(fold.proba[:, 1] > chosen).mean() for fold in read.folds])
    assert f"; it gives {number(as_shipped, 1)} alarms of 1,000 of these rows)" in read.sentence()


def test_without_terms_a_miss_costs_the_imbalance_ratio(stored):
    read = InTerms(stored(COUNTS, ("none", "under"), labels=("ok", "fraud")))
    assert read.assumed
    np.testing.assert_array_equal(read.costs, [[0, 1], [4, 0]])


@pytest.mark.parametrize(
    ("terms", "outcome", "higher"),
    [
        ({"cost": {"miss": 7, "alarm": 2}}, lambda f, a, t: 7 * (t & ~a).mean() + 2 * (~t & a).mean(), False),
        ({"capacity": 0.1}, lambda f, a, t: (t & a).sum() / t.sum(), True),
        ({"min_precision": 0.5}, lambda f, a, t: (t & a).sum() / t.sum(), True),
        ({"min_recall": 0.8}, lambda f, a, t: (~t & a).mean(), False),
    ],
)
def test_the_winner_is_chosen_by_the_terms(stored, tmp_path, terms, outcome, higher):
    """The ranking is by what the terms ask for, recomputed here, whatever the metric says."""
    comparison = with_terms(stored, tmp_path, **terms)
    means = {}
    for name in comparison.recipes:
        read = InTerms(comparison, name)
        values = []
        for fold, rule in zip(read.folds, read.rules):
            alarm, truth = rule.decide(fold.proba) == 1, fold.codes == 1
            values.append(outcome(fold, alarm, truth))
        means[name] = np.mean(values)
    found = comparison.by_terms
    assert found.best == (max if higher else min)(means, key=means.get)
    scale = 1 if higher else 1000
    assert {n: found.value(n).mean for n in means} == pytest.approx({n: scale * v for n, v in means.items()})
    assert comparison.winner in found.near_best
    said = verdict(comparison)
    most = {"cost": "lowest cost", "min_recall": "fewest false alarms"}.get(next(iter(terms)), "highest share caught")
    assert said.best.startswith(f"By your terms, {called(found.best)} has the {most}")
    for floor, outcome_of in (("min_recall", "recall"), ("min_precision", "precision")):
        if floor in terms:
            reached = found.read[found.best].chosen()[outcome_of].mean
            asked = "less than the" if reached < terms[floor] else "at least"
            told = rf"{number(100 * reached, 1)}% \(95% interval [^;]*; {asked} {100 * terms[floor]:g}% "
            assert re.search(told, said.best)
    assert "Your terms aside, under has the highest G-mean at its best: " in said.more
    blind = "; never an alarm: 1,400.0; an alarm for every row: 1,600.0."
    assert "not shown to be better" not in said.best
    page = written(comparison, tmp_path)
    assert (blind in said.best) == ("never an alarm" in page) == ("cost" in terms)
    assert 'id="by-terms"' in page


def test_of_several_classes_the_cheapest_single_answer_stands_beside_the_recipes(stored, tmp_path):
    """By costs, "b" for every row is cheaper than "a" for every row, though "a" is the largest class."""
    comparison = stored((100, 60, 20), ("none", "under"), labels=("a", "b", "c"), n_folds=4)
    costs = {"a": {"b": 1, "c": 1}, "b": {"a": 5, "c": 2}, "c": {"a": 30, "b": 3}}
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(cost=costs).aim(np.array(comparison.classes), rare="c").as_dict())
        comparison = Comparison(store)
    of_row = {"a": (60 * 5 + 20 * 30) / 180, "b": (100 + 20 * 3) / 180, "c": (100 + 60 * 2) / 180}
    assert min(of_row, key=of_row.get) == "b"
    (name, cost), *rest = comparison.by_terms.blind.items()
    assert not rest and name == "“b” for every row"
    by_fold = [
        np.average([[0, 1, 1], [5, 0, 2], [30, 3, 0]], axis=0, weights=f.test_counts)[1] * 1000
        for f in comparison.folds.values()
    ]
    assert cost.mean() == pytest.approx(np.mean(by_fold)) == pytest.approx(1000 * of_row["b"], abs=20)
    assert f"; “b” for every row: {number(cost.mean(), 1)}." in verdict(comparison).best
    assert written(comparison, tmp_path).count(">“b” for every row<") == 2  # outcomes, and recipes by these terms
    assert "“b” for every row" in terms_data(comparison)["outcomes"]
    page = written(comparison, tmp_path)
    table = re.search(r'id="costs">.*?<tbody>(.*?)</tbody>', page, re.S)[1]
    given = np.array(re.findall(r"<td>([\d.]+)</td>", table), dtype=float).reshape(3, 3)
    assert given.tolist() == [[0, 1, 1], [5, 0, 2], [30, 3, 0]]
    matrix = re.search(r'<section id="confusion">.*?<table class="heat">(.*?)</table>', page, re.S)[1]
    counts = np.array(re.findall(r"<td[^>]*>([\d.]+)<small>", matrix), dtype=float).reshape(3, 3)
    total = float(re.search(r'id="total-cost">([\d.,]+)<', page)[1].replace(",", ""))
    assert total == pytest.approx((counts * given).sum(), abs=0.05 * given.sum())
    assert total / 180 * 1000 == pytest.approx(
        comparison.by_terms.read[comparison.winner].chosen()["cost"].mean, rel=0.05
    )


@pytest.mark.parametrize("labels", [("0", "1"), ("no", "yes"), ("ok", "fraud"), ("z", "a")])
@pytest.mark.parametrize("capacity", [9, 0.12])
def test_costs_and_a_capacity_are_counted_together(stored, tmp_path, labels, capacity):
    """The cheapest alarms of the other folds, but no more than the capacity: sorted and summed here."""
    codes_of = np.argsort(np.argsort(labels))  # the rare class is the second given, wherever it is sorted to
    comparison = stored(
        np.array(COUNTS)[np.argsort(labels)].tolist(), ("none", "under"), labels=sorted(labels), n_folds=4
    )
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 9, "alarm": 1}, capacity=capacity)
        store.put("aim", terms.aim(np.array(comparison.classes), rare=labels[1]).as_dict())
        comparison = Comparison(store)
    p, means, n_alarms = codes_of[1], {}, {}
    for name in comparison.recipes:
        read, costs, alarms = InTerms(comparison, name), [], []
        for fold in read.folds:
            others = [f for f in read.folds if f.repeat == fold.repeat and f.fold != fold.fold]
            scores = np.concatenate([f.proba[:, p] for f in others])
            truth = np.concatenate([f.codes == p for f in others])
            cuts = np.append(0, np.unique(scores))
            cut = min(cuts, key=lambda c: 9 * (truth & (scores <= c)).sum() + (~truth & (scores > c)).sum())
            above = scores[scores > cut].min()  # a tuned threshold lies between two scores, in the middle of their odds
            cut = 1 / (1 + np.exp(-np.mean([np.log(x / (1 - x)) for x in (cut, above)])))
            order = np.argsort(-fold.proba[:, p])
            chosen = order[fold.proba[order, p] > cut][:9]  # 12% of the 75 rows of a fold
            alarm, true = np.isin(np.arange(len(fold.codes)), chosen), fold.codes == p
            costs.append(1000 * (9 * (true & ~alarm) + (~true & alarm)).mean())
            alarms.append(alarm.sum())
        means[name], n_alarms[name] = np.mean(costs), alarms
    found = comparison.by_terms
    assert {name: found.value(name).mean for name in means} == pytest.approx(means, rel=0.01)
    assert found.best == min(means, key=means.get)
    assert max(n_alarms[found.best]) == 9
    said, page = verdict(comparison), written(comparison, tmp_path)
    assert "the capacity at random: " in said.best and ">the capacity at random<" in page
    never = 9 * 60 / 300 * 1000
    share = 9 / 75
    guess = share * (1000 - 200) + (1 - share) * never
    assert found.blind[found.guess].mean() == pytest.approx(min(never, guess))
    most = "at most 9 alarms of each 75 rows" if capacity >= 1 else "alarms for at most 12% of each 75 rows"
    assert f"of 1,000 rows by {most} (about a test fold): " in said.best
    assert "each test fold of about 75 rows is a batch" in re.sub(r"\s+", " ", page)


def test_the_batch_of_a_capacity_is_told_and_counts(stored, tmp_path):
    """The sentence names the rows of a test fold, and its figure is what so many alarms of each fold catch."""
    comparison = with_terms(stored, tmp_path, capacity=15)
    found = comparison.by_terms
    caught = [
        (fold.codes[np.argsort(-fold.proba[:, 1])[:15]] == 1).sum() / (fold.codes == 1).sum()
        for fold in found.read[found.best].folds
    ]
    told = f"the highest share caught by 15 alarms of each 75 rows (about a test fold): {number(np.mean(caught))} "
    said = verdict(comparison).best
    assert told in said and "as many random alarms: 0.200. under decides for “fraud” on 200.0 of 1,000 rows: " in said
    assert "each test fold of about 75 rows is a batch" in re.sub(r"\s+", " ", written(comparison, tmp_path))


@pytest.mark.parametrize("terms", [{"capacity": 0.01}, {"capacity": 0.01, "cost": {"miss": 9, "alarm": 1}}], ids=str)
def test_a_share_of_less_than_one_row_ranks_nothing(stored, tmp_path, terms):
    comparison = with_terms(stored, tmp_path, **terms)
    said = "the capacity of 1% of the rows gives no alarm in a test fold, of about 75 rows. Give it in rows"
    assert comparison.obstacle.startswith("Your terms cannot rank recipes here") and said in comparison.obstacle
    found = verdict(comparison)
    assert found.best == f"No winner is crowned. {comparison.obstacle}" and not found.advice and not found.use
    assert said in re.sub(r"\s+", " ", written(comparison, tmp_path))


def test_where_all_folds_agree_the_interval_is_that_of_their_rows(stored, tmp_path):
    """Wilson's, by its formula: of n rows that are all found the low end is n / (n + 1.96 squared)."""
    comparison = with_terms(stored, tmp_path, skill=60.0, cost={"miss": 1, "alarm": 1})
    read = InTerms.of(comparison)
    folds = [fold for fold in read.folds if fold.repeat == 0]
    n, positives = sum(len(fold.codes) for fold in folds), sum((fold.codes == 1).sum() for fold in folds)
    found, low = read.chosen(), positives / (positives + 1.959964**2)
    for name, expected in {
        "recall": (1, low, 1),
        "precision": (1, low, 1),
        "caught": tuple(1000 * positives / n * share for share in (1, low, 1)),
        "missed": tuple(1000 * positives / n * share for share in (0, 0, 1 - low)),
        "false": tuple(1000 * positives / n * share for share in (0, 0, 1 - low)),
        "lift": tuple(n / positives * share for share in (1, low, 1)),
    }.items():
        assert found[name] == pytest.approx(expected, abs=1e-6), name
    few = read.at_capacity(20)
    assert few["precision"].low == pytest.approx(0.02 * n / (0.02 * n + 1.959964**2))
    assert few["recall"] == pytest.approx([0.02 * n / positives * share for share in (1, few["precision"].low, 1)])
    never = read.blind()["never an alarm"]
    assert (never["recall"].low, never["recall"].high) == (0, 0)  # by what it is, not by its rows


def test_three_folds_have_the_intervals_of_their_rows(stored, tmp_path):
    """Student's t of three folds spans nearly all that is possible; the counts of the rows tell more."""
    comparison = stored((275, 25), ("none",), labels=("ok", "fraud"), skill={"none": 1.2}, n_folds=3, n_repeats=1)
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 9, "alarm": 1})
        store.put("aim", terms.aim(np.array(comparison.classes), rare="fraud").as_dict())
        comparison = Comparison(store)
    read = InTerms.of(comparison)
    found, means = read.chosen(), read.by_fold.mean()
    assert found["recall"] == pytest.approx((means["recall"], *wilson(means["recall"], 25)), abs=2e-3)
    assert found["alarms"].low == pytest.approx(1000 * wilson(means["alarms"] / 1000, 300)[0], abs=0.5)
    assert found["false"].high == pytest.approx(1000 * 275 / 300 * wilson(means["false"] / 1000 * 300 / 275, 275)[1])
    of_ten = read.at_capacity(10)
    assert of_ten["alarms"] == pytest.approx((10, 10, 10))
    assert of_ten["precision"] == pytest.approx((of_ten["precision"].mean, *wilson(of_ten["precision"].mean, 3)))
    assert of_ten["caught"].high <= 10 and of_ten["recall"].high <= 10 / (25 * 1000 / 300) + 1e-9


def test_rows_of_each_decision_are_told_for_several_classes(stored, tmp_path):
    comparison = stored((150, 100, 50), ("none", "under"), labels=("a", "b", "c"), n_folds=4)
    with Store(tmp_path / "results.sqlite") as store:
        costs = np.array([[0, 1, 3], [2, 0, 3], [9, 4, 0]])
        store.put("aim", Terms(cost=costs).aim(np.array(comparison.classes), rare="c").as_dict())
        comparison = Comparison(store)
    section, read = in_terms(comparison), comparison.by_terms.read["under"]
    decided = [(fold.proba @ rule.costs).argmin(axis=1) for fold, rule in zip(read.folds, read.rules)]
    shares = 1000 * np.mean([np.bincount(codes, minlength=3) / len(codes) for codes in decided], axis=0)
    told = dict(section["decisions"])
    assert told["under"] == [number(share, 1) for share in shares]
    assert comparison.winner == "under"
    said = re.search(
        r"decides for “c” on (.*) of 1,000 rows \(“(.)” on (.*) and “(.)” on (.*)\): ", verdict(comparison).best
    )
    assert said[1] == told["under"][2] and {said[2]: said[3], said[4]: said[5]} == dict(zip("ab", told["under"]))
    assert [float(value) for value in told["true classes"]] == pytest.approx([500, 1000 / 3, 1000 / 6], abs=0.1)
    assert "missed" not in section["titles"] and "other decision" in section["titles"]
    assert 'id="decisions"' in written(comparison, tmp_path)


@pytest.mark.parametrize("capacity", [75, 200])
def test_a_capacity_that_holds_a_whole_fold_crowns_no_recipe(stored, tmp_path, capacity):
    comparison = with_terms(stored, tmp_path, capacity=capacity)
    why = f"the capacity of {capacity} rows holds every row of a test fold, of about 75 rows. Give it as a share"
    assert comparison.obstacle.startswith("Your terms cannot rank recipes here") and why in comparison.obstacle
    found = verdict(comparison)
    assert found.best == f"No winner is crowned. {comparison.obstacle}" and not found.advice and not found.use
    assert why in re.sub(r"\s+", " ", written(comparison, tmp_path))


def test_a_capacity_of_a_row_less_than_a_fold_ranks_recipes(stored, tmp_path):
    assert "cannot rank" not in with_terms(stored, tmp_path, capacity=74).obstacle


NOTHING_LEARNED = {"skill": dict.fromkeys(("none", "under"), 0.0)}


@pytest.mark.parametrize(
    ("counts", "terms", "said"),
    [
        (
            (240, 60),
            {"cost": {"miss": 9, "alarm": 1}},
            ".* \\(cost of 1,000 rows\\), .* that of an alarm for every row",
        ),
        ((240, 60), {"cost": {"miss": 9, "alarm": 1}, "capacity": 15}, ".* that of the capacity at random"),
        ((240, 60), {"capacity": 0.2}, ".* 0.* \\(share caught\\), .* that of as many random alarms"),
        (
            (240, 60),
            {"min_recall": 0.7},
            ".* \\(false alarms of 1,000 rows\\), .* that of random alarms that find as many",
        ),
        (
            (150, 100, 50),
            {"cost": [[0, 1, 1], [5, 0, 2], [9, 3, 0]]},
            ".* \\(cost of 1,000 rows\\), .* that of “(1|2)”(, | or |“|1|2|”)* for every row",
        ),
    ],
)
def test_no_method_is_usable_by_terms_that_guessing_serves_as_well(stored, tmp_path, counts, terms, said):
    """Scores are drawn without a look at the class; with terms, they decide whether there is a winner."""
    comparison = stored(counts, ("none", "under"), n_folds=4, **NOTHING_LEARNED)
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(**terms).aim(np.array(comparison.classes), rare=comparison.classes[-1]).as_dict())
        comparison = Comparison(store)
    assert re.search(f"No method is usable by your terms: {said}", comparison.obstacle), comparison.obstacle
    assert verdict(comparison).best.startswith("No winner is crowned. No method is usable by your terms")
    written(comparison, tmp_path)


def test_terms_crown_a_winner_where_the_metric_would_not(stored, tmp_path):
    """A G-mean as of guessing is no obstacle where the class of the alarms is found by score."""
    comparison = stored((150, 100, 50), ("none", "under"), n_folds=4, metric="g_mean")
    names = comparison.classes
    with Store(tmp_path / "results.sqlite") as store:
        for cell in store.cells():  # the first two classes are swapped at random, the third is known well
            codes = {(f.repeat, f.fold): f for f in store.folds()}[cell.repeat, cell.fold].test_codes
            rng = np.random.default_rng(cell.fold)
            logits = 3.0 * np.eye(3)[codes] * [0, 0, 1] + rng.normal(size=(len(codes), 3))
            proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            decided = rng.integers(0, 2, len(codes))
            store.add([replace(cell, probabilities=proba.astype(np.float32), decided=decided)])
        store.put("aim", Terms(capacity=0.1).aim(np.array(names), rare="2").as_dict())
        comparison = Comparison(store)
    assert not comparison.obstacle and comparison.by_terms.gain.low > 0


def test_a_threshold_outside_of_those_without_a_fold_says_why(stored, tmp_path):
    seen = set()
    for miss in (2, 3, 5, 8, 13, 21, 34, 55):
        comparison = stored((80, 20), ("none",), labels=("ok", "fraud"), n_folds=2, n_repeats=1)
        with Store(tmp_path / "results.sqlite") as store:
            terms = Terms(cost={"miss": miss, "alarm": 1})
            store.put("aim", terms.aim(np.array(comparison.classes), rare="fraud").as_dict())
            read = InTerms(Comparison(store))
        chosen, low, high = (float(f"{value:.3g}") for value in read.range_of_threshold())
        said = read.sentence()
        assert (
            f"'fraud' from a probability of {chosen:.3g} (tuned on all held-out rows; {low:.3g} to {high:.3g} if"
            in said
        )
        assert ("so a few rows decide where it lies" in said) is not (low <= chosen <= high)
        seen.add(low <= chosen <= high)
    assert seen == {True, False}


def test_a_threshold_that_no_tuning_moved_follows_from_the_costs(stored, tmp_path):
    seen = set()
    for miss in (2, 5, 13, 34):
        read = InTerms(with_terms(stored, tmp_path, cost={"miss": miss, "alarm": 1}))
        cut, said = 1 / (1 + miss), read.range_in_words()
        ranges = any(rule.cut(read.positive) != pytest.approx(cut) for rule in read.rules)
        moved = read.rule.cut(read.positive) != pytest.approx(cut)
        assert said.startswith("tuned on all held-out rows; " if moved else "it follows from the costs; ")
        assert (" if tuned without one fold" in said) is (moved or ranges)
        seen.add(moved)
    assert seen == {True, False}


@pytest.mark.parametrize("terms", [{}, {"capacity": 0.05}, {"capacity": 15}])
def test_recipes_stand_side_by_side_at_the_same_capacity(stored, tmp_path, terms):
    comparison = stored(
        COUNTS,
        ("under", "gbdt", "logistic"),
        skill=dict.fromkeys(("under", "gbdt", "logistic"), 2.0),
        seconds={"under": 9.0, "logistic": 0.1, "gbdt": 2.0},
        n_folds=4,
        n_repeats=1,
    )
    if terms:
        with Store(tmp_path / "results.sqlite") as store:
            store.put("aim", Terms(**terms).aim(np.array(comparison.classes), rare="1").as_dict())
            comparison = Comparison(store)
    same = in_terms(comparison)["same"]
    best = comparison.by_terms.best if terms else comparison.best
    near = comparison.by_terms.near_best if terms else comparison.near_best
    told = list(dict.fromkeys([best, comparison.winner, "logistic"]))
    assert [name for name, _, _ in same["rows"]] == list(dict.fromkeys([*told, *near]))[: max(3, len(told))]
    shown = [15 * 1000 / 75 if terms.get("capacity") == 15 else 50] * bool(terms) + [10, 50, 100, 500]
    assert (same["titles"][0] == "your capacity") is bool(terms) and len(same["titles"]) == len(shown)
    for name, _, cells in same["rows"]:
        read = InTerms(comparison, name)
        for alarms, (caught, _, precision) in zip(shown, cells, strict=True):
            expected = read.at_capacity(alarms)
            assert (caught, precision) == tuple(percent(expected[each].mean) for each in ("recall", "precision"))
    assert ('id="same-capacity"' in written(comparison, tmp_path)) is (len(same["rows"]) > 1)


def written(comparison, folder, reviewed=None):
    write_report(comparison, folder / "report.html", command="equipoise compare t.csv --target y", reviewed=reviewed)
    return (folder / "report.html").read_text()


@pytest.mark.parametrize("counts", [(240, 60), (100, 60, 20)])
@pytest.mark.parametrize("terms", [{}, {"capacity": 12}, {"min_recall": 0.7}])
def test_the_page_tells_them(stored, tmp_path, counts, terms):
    comparison = stored(counts, ("none", "under"))
    if terms:
        with Store(tmp_path / "results.sqlite") as store:
            store.put("aim", Terms(**terms).aim(np.array(comparison.classes), rare=comparison.classes[-1]).as_dict())
            comparison = Comparison(store)
    page = written(comparison, tmp_path)
    assert 'id="outcomes"' in page
    assert "500 alarms" in page
    assert ("No terms were given" in page) == (not terms)
    assert ("is a batch" in page) == ("capacity" in terms)
    assert 'id="reviewed"' not in page


def test_rows_are_shown_by_id_where_they_are_wanted(stored, tmp_path):
    comparison = with_terms(stored, tmp_path, min_recall=0.7)
    ids = pd.DataFrame({"customer": [f"C{i:04}" for i in range(300)]})
    rows = rows_to_review(comparison, ids)
    read = InTerms(comparison)
    best = read.folds[0].rows[np.argmax(read.folds[0].proba[:, 1])]
    assert rows["customer"].iloc[0] == f"C{best:04}"
    assert rows_to_review(comparison, None)["row"].iloc[0] == best + 1
    assert rows["customer"].iloc[0] in written(comparison, tmp_path, rows)
    assert rows["customer"].iloc[0] not in written(comparison, tmp_path)


@pytest.mark.parametrize("alarms", [2, 10, 60, 500, 950])
def test_intervals_stay_within_what_is_possible(stored, alarms):
    read = InTerms(stored((275, 25), ("none",), labels=("ok", "fraud"), skill={"none": 1.2}, n_folds=3, n_repeats=1))
    positives = 1000 * 25 / 300
    for found, few, many in (
        (read.at_capacity(alarms), alarms, alarms),
        (chosen := read.chosen(), chosen["alarms"].low, chosen["alarms"].high),
    ):
        most = min(many, positives) + 0.5  # the share of positive rows differs a little between folds
        least = max(0, few + positives - 1000) - 0.5
        assert least <= found["caught"].low <= found["caught"].mean <= found["caught"].high <= most
        assert positives - most - 0.5 <= found["missed"].low <= found["missed"].high <= positives - least + 0.5
        assert 0 <= found["recall"].low <= found["recall"].high <= min(1, 1.05 * many / positives)
        assert 0 <= found["precision"].low <= found["precision"].high <= min(1, 1.05 * positives / few)
        assert found["lift"].high <= 1.05 * min(1000 / positives, 1000 / few)
        assert (
            0 <= found["cost"].low <= found["cost"].mean <= found["cost"].high <= positives * 11 + 1000 - positives + 9
        )


@given(folds=arrays(float, (4, 2), elements=floats(0, 1)), alarms=floats(0.5, 999.5), positives=floats(1, 999))
def test_every_fold_lies_within_its_limits(folds, alarms, positives):
    raised = np.clip(alarms + 5 * folds[:, 0], 0, 1000)
    least, most = np.maximum(0, raised + positives - 1000), np.minimum(raised, positives)
    caught = least + folds[:, 1] * (most - least)
    frame = pd.DataFrame({"alarms": raised, "caught": caught, "missed": positives - caught})
    frame["recall"], frame["precision"] = caught / positives, caught / raised
    frame["false"] = raised - caught
    frame["lift"] = frame["precision"] * 1000 / positives
    limits = possible(frame, Interval(raised.mean(), raised.mean(), raised.mean()), 1000)
    for name, (low, high) in limits.items():
        assert (low <= high + 1e-9).all()
        assert (low - 1e-6 <= frame[name]).all()
        assert (frame[name] <= high + 1e-6).all()
    assert (limits["precision"][1] <= 1).all()
    assert (limits["recall"][1] <= 1).all()


@pytest.mark.parametrize("terms", [{}, {"cost": {"miss": 20, "alarm": 1}}, {"capacity": 12}])
def test_confusions_are_of_the_decision_that_is_shipped(stored, tmp_path, terms):
    """Each fold decided by the terms, or by the reading that the other folds choose; own decisions stand behind."""
    comparison = with_terms(stored, tmp_path, **terms) if terms else stored((240, 60), ("none", "under"))
    page = written(comparison, tmp_path)
    section = page.split('<section id="confusion">')[1].split("</section>")[0]
    name = comparison.winner
    own = comparison.confusion(name).ravel()
    if terms:
        read = InTerms(comparison, name)
        expected, repeats = np.zeros((2, 2)), {fold.repeat for fold in read.folds}
        for fold, rule in zip(read.folds, read.rules):
            for true, decided in zip(fold.codes, rule.decide(fold.proba)):
                expected[true, decided] += 1 / len(repeats)
        alarms = read.chosen()["recall"].mean
        assert expected[1, 1] / expected[1].sum() == pytest.approx(alarms, abs=0.02)
        assert "Confusion matrices, decided by your terms" in section
    else:
        expected = confusion(comparison, name)
        recalls = np.diag(expected) / expected.sum(axis=1)
        best = comparison.leaderboard.set_index("recipe")["best_g_mean"][name]
        assert np.sqrt(recalls.prod()) == pytest.approx(best, abs=0.03)
        assert "Confusion matrices, decided at its best" in section
    told = [
        [float(value.replace(",", "")) for value in re.findall(r"<td[^>]*>([\d.,]+)<small>", each)]
        for each in re.findall(r'<table class="heat">(.*?)</table>', section, re.S)
    ]
    assert told[0] == pytest.approx(expected.ravel(), abs=0.06)
    assert any(each == pytest.approx(own, abs=0.06) for each in told[len(comparison.recipes) :])
    recall = page.split('<section id="classes">')[1].split("</section>")[0].split("<tbody>")[1]
    assert f"<td>{number(expected[1, 1] / expected[1].sum())}</td>" in recall


def test_costs_that_nobody_stated_are_not_shown_beside_other_terms(stored, tmp_path):
    comparison = with_terms(stored, tmp_path, min_recall=0.7)
    section = in_terms(comparison)
    assert "cost" not in section["titles"]
    assert "cost" not in section["plots"]
    assert terms_data(comparison)["assumed"]
    page = written(comparison, tmp_path)
    assert "No terms were given" not in page
    assert 'id="plot-cost"' not in page


@pytest.mark.parametrize(
    ("skill", "of_logistic", "against"),
    [
        (0.8, 0.3, "losing more than 10% of what 'none' gains over as many random alarms"),
        (0.8, 0.6, "missing a floor"),
        (1.6, 1.2, "losing more than 10% of what 'none' gains over as many random alarms"),
        (2.3, 2.3, ""),
    ],
)
def test_a_quick_recipe_is_recommended_only_if_it_keeps_the_floors_and_loses_little(
    stored, tmp_path, skill, of_logistic, against
):
    """Three folds show no difference between .1 and .4 of what is caught; the means count, too."""
    comparison = stored(
        (180, 18),
        ("none", "logistic", "gbdt"),
        skill={"none": skill, "gbdt": skill, "logistic": of_logistic},
        seconds={"none": 9.0, "gbdt": 8.0, "logistic": 0.1},
        n_folds=3,
        n_repeats=1,
    )
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(min_precision=0.3).aim(np.array(comparison.classes), rare="1").as_dict())
        comparison = Comparison(store)
    found, said = comparison.by_terms, verdict(comparison)
    assert {"none", "logistic"} <= {*found.near_best, *filter(found.misses_floor, comparison.recipes)}
    recall, precision = (
        {name: read.by_fold[outcome].mean() for name, read in found.read.items()} for outcome in ("recall", "precision")
    )
    alarms = found.read["none"].by_fold["alarms"].mean() / 1000
    lost = recall["none"] - recall["logistic"]
    bad = bool(precision["logistic"] < 0.3 or lost > 0.1 * (recall["none"] - alarms))
    assert bad is bool(against) and comparison.reservations["logistic"] == against
    assert comparison.winner == ("none" if bad else "logistic") and precision[comparison.winner] >= 0.3
    assert f"Recommended: {called(comparison.winner)}" in said.advice
    assert (
        re.search(f"Passed over: [^;.]*logistic[^;.]* for {re.escape(against)}", said.advice)
        if bad
        else "Passed over" not in said.advice
    )
    assert (" logistic, recommended, catches 100.0% (95% interval " in said.best) is not bad
    assert f" of 1,000 rows: {number(100 * precision[comparison.winner], 1)}% (95% interval " in said.best


def floored(stored, tmp_path, skill, **floors):
    """Compare two recipes by floors; none is slow, and 'none' is stored first."""
    seconds = {"none": 9.0, "gbdt": 0.1}
    comparison = stored((240, 60), ("none", "gbdt"), skill=skill, seconds=seconds, n_folds=4, n_repeats=1)
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(**floors).aim(np.array(comparison.classes), rare="1").as_dict())
        return Comparison(store)


def test_who_keeps_the_floor_comes_before_who_misses_it(stored, tmp_path):
    """Fewer false alarms by finding too little is not better."""
    orders = set()
    for floor, of_gbdt in product((0.75, 0.8, 0.9), (2.0, 2.1)):
        (tmp_path / "results.sqlite").unlink(missing_ok=True)
        comparison = floored(stored, tmp_path, {"none": 2.0, "gbdt": of_gbdt}, min_recall=floor)
        recall, false = (
            {name: read.by_fold[outcome].mean() for name, read in comparison.by_terms.read.items()}
            for outcome in ("recall", "false")
        )
        kept = [name for name in recall if recall[name] >= floor - 1e-9]
        if len(kept) == 1:
            other = next(name for name in recall if name not in kept)
            assert comparison.by_terms.best == comparison.winner == kept[0]
            assert comparison.reservations[other] == "missing a floor" and comparison.by_terms.near_best == kept
            orders.add(bool(false[kept[0]] > false[other]))
        elif not kept:
            least = min(floor - value for value in recall.values())
            near = [name for name in recall if floor - recall[name] <= least + 0.01]
            assert comparison.by_terms.best == min(near, key=false.get)
            nearest = max(recall, key=recall.get)
            told = f"{called(nearest)} is the nearest, and recipes within 0.01 of it count as equally near"
            if not comparison.obstacle:
                assert (told in verdict(comparison).best) is (nearest != comparison.by_terms.best)
        assert verdict(comparison).best.startswith(f"By your terms, {called(comparison.by_terms.best)} has ")
    assert True in orders


@pytest.mark.filterwarnings("ignore:No thresholds reach a recall of 80% and a precision of 90%")
def test_no_winner_is_crowned_where_every_recipe_is_far_below_the_floors(stored, tmp_path):
    comparison = floored(stored, tmp_path, {"none": 0.5, "gbdt": 0.4}, min_recall=0.8, min_precision=0.9)
    found = comparison.by_terms
    missed = [name for name, floor, value in found.floors(found.best) if value.high < floor]
    start = f"No recipe keeps your terms together: {called(found.best)}, the nearest, reaches a {missed[0]} of "
    assert comparison.obstacle.startswith(start)
    assert verdict(comparison).best == f"No winner is crowned. {comparison.obstacle}"
    written(comparison, tmp_path)


def test_a_gain_that_is_not_shown_is_recommended_with_care_where_it_is_not_small(stored, tmp_path):
    """Two folds show nothing, whatever the gain."""
    comparison = stored(
        (100, 20), ("none", "under"), skill=dict.fromkeys(("none", "under"), 1.5), n_folds=2, n_repeats=1
    )
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(benefit={"catch": 10}, cost={"catch": 1, "alarm": 1})
        store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
        comparison = Comparison(store)
    found, said = comparison.by_terms, verdict(comparison)
    assert found.gain.low <= 0 and found.gain.mean > 0.1 * found.room and not comparison.obstacle
    care = "but it gains more than a tenth of what is possible, so a recipe is recommended with care."
    assert f"That is not shown to be better than {found.guess}, {care}" in said.best and "Recommended: " in said.advice
