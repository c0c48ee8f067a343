"""Decisions in a user's terms: the best there are, the same for any labels, and refused where they make no sense."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from equipoise import AutoClassifier, CapacityClassifier, PriorCorrectedClassifier
from equipoise.decisions import Aim, Terms
from equipoise.rules import Rule, most_alarms

LABELS = [(0, 1), ("no", "yes"), ("ok", "fraud"), (False, True)]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    codes = (rng.random(600) < 0.15).astype(int)
    return rng.normal(size=(600, 2)) + codes[:, None], codes


def as_labels(codes, labels):
    return np.asarray(labels)[codes]


def rare_proba(fitted, X, label):
    return fitted.predict_proba(X)[:, np.asarray(fitted.classes_).tolist().index(label)]


@pytest.mark.parametrize(
    "given_terms",
    [
        {"cost": {"miss": 20, "alarm": 1}},
        {"benefit": {"catch": 19, "alarm": -1}, "cost": {"miss": 1}},
        {"capacity": 30},
        {"capacity": 0.1},
        {"capacity": 30, "cost": {"miss": 20, "alarm": 1}},
        {"capacity": 0.1, "cost": {"miss": 20, "alarm": 1}},
        {"min_recall": 0.8},
        {"min_precision": 0.3},
        {"min_recall": 0.5, "min_precision": 0.3},
    ],
)
def test_decisions_do_not_depend_on_what_the_labels_are(rows, given_terms):
    X, codes = rows
    decided = []
    for labels in LABELS:
        y = as_labels(codes, labels)
        aim = Terms(**given_terms).aim(np.unique(y), rare=labels[1])
        decided.append(aim.classifier(LogisticRegression()).fit(X, y).predict(X) == labels[1])
    assert 0 < decided[0].sum() < 600
    for other in decided[1:]:
        np.testing.assert_array_equal(other, decided[0])


def test_costs_by_label_are_those_by_outcome():
    labels = np.array(["fraud", "ok"])
    by_outcome = Terms(cost={"miss": 20, "alarm": 1, "catch": 0.5}).aim(labels, rare="fraud")
    for cost in (
        {"fraud": {"ok": 20, "fraud": 0.5}, "ok": {"fraud": 1}},
        pd.DataFrame([[0, 1], [20, 0.5]], index=["ok", "fraud"], columns=["ok", "fraud"]),
        [[0.5, 20], [1, 0]],
    ):
        np.testing.assert_array_equal(Terms(cost=cost).aim(labels, rare="fraud").costs, by_outcome.costs)
    other = Terms(cost={"miss": 20, "alarm": 1}, positive="ok").aim(labels, rare="fraud")
    np.testing.assert_array_equal(other.costs, [[0, 1], [20, 0]])
    gained = Terms(benefit={"catch": 19.5, "miss": 0}, cost={"miss": 0, "alarm": 1}).aim(labels, rare="fraud")
    np.testing.assert_array_equal(gained.costs, [[-19.5, 0], [1, 0]])


@given(
    proba=st.lists(st.sampled_from(np.linspace(0.1, 0.9, 8).tolist()), min_size=2, max_size=40),
    miss=st.integers(1, 50),
    seed=st.integers(0, 99),
)
def test_no_threshold_costs_less_than_one_moved_from_that_of_the_costs(proba, miss, seed):
    p = np.array(proba)
    codes = np.random.default_rng(seed).integers(0, 2, len(p))
    codes[:2] = 0, 1
    aim = Terms(cost={"miss": miss, "alarm": 1}).aim(np.array([0, 1]), rare=1)

    def cost(alarm):
        return miss * np.sum(~alarm & (codes == 1)) + np.sum(alarm & (codes == 0))

    rule = aim.rule(codes, np.column_stack([1 - p, p]))
    chosen = p > rule.cut(1)
    np.testing.assert_array_equal(chosen, rule.decide(np.column_stack([1 - p, p])))
    of_costs = p > 1 / (1 + miss)
    if (chosen != of_costs).any():  # else a threshold that costs less saves no more than noise, see test_least_cost.py
        assert cost(chosen) == min(cost(p > cut) for cut in [-1, *p]) < cost(of_costs)


@pytest.mark.parametrize("miss", [2, 20])
@pytest.mark.parametrize("capacity", [25, 60, 0.05, 0.15])
def test_costs_have_no_more_alarms_than_the_capacity(rows, miss, capacity):
    """Sorted by score: the alarms are the first rows that the costs ask for, as many as the capacity at most."""
    X, codes = rows
    proba = cross_val_predict(LogisticRegression(), X, codes, method="predict_proba")[:, 1]
    cuts = np.unique(np.append(proba, 0))
    costs = [(miss * (codes[proba <= cut]).sum() + (codes[proba > cut] == 0).sum()) for cut in cuts]
    clf = Terms(cost={"miss": miss, "alarm": 1}, capacity=capacity).aim(np.array([0, 1]), rare=1)
    clf = clf.classifier(LogisticRegression()).fit(X, codes)
    p = clf.predict_proba(X)[:, 1]
    order = np.argsort(-p)
    by_costs = p[order] > cuts[np.argmin(costs)] + 1e-9
    most = capacity if capacity >= 1 else int(capacity * 600 + 1e-9)
    expected = order[by_costs][:most]
    # a threshold lies anywhere between two neighbouring scores, so rows there may fall on either side
    alarm = np.flatnonzero(clf.predict(X))
    assert len(set(alarm) ^ set(expected)) <= 2
    assert set(alarm) <= set(order[: max(len(alarm), 1)])
    assert len(alarm) == min(most, (p > clf.threshold_).sum())


@given(st.one_of(st.integers(1, 12), st.floats(0.01, 0.99)), st.integers(0, 99))
def test_of_several_classes_the_costs_and_the_capacity_both_hold(capacity, seed):
    """Row by row: the class of the least expected cost; alarms where they save the most, as many as there may be."""
    rng = np.random.default_rng(seed)
    proba, costs = rng.dirichlet(np.ones(3), 12), rng.uniform(0, 5, (3, 3))
    decided = Rule(costs=costs, positive=1, capacity=capacity).decide(proba)
    expected_costs = [[sum(p[k] * costs[k, d] for k in range(3)) for d in range(3)] for p in proba]
    saved = [min(row[0], row[2]) - row[1] for row in expected_costs]
    wanted = sorted((i for i in range(12) if saved[i] > 0), key=lambda i: -saved[i])
    alarms = wanted[: capacity if capacity >= 1 else int(12 * capacity)]
    expected = [1 if i in alarms else 0 if row[0] <= row[2] else 2 for i, row in enumerate(expected_costs)]
    assert decided.tolist() == expected


@given(st.integers(1, 8), st.integers(0, 99))
def test_alarms_that_save_the_most_are_the_cheapest_that_a_capacity_allows(capacity, seed):
    """Of all ways to raise at most so many alarms, none has a lower expected cost."""
    rng = np.random.default_rng(seed)
    proba, costs = rng.dirichlet(np.ones(3), 8), rng.uniform(0, 5, (3, 3))
    expected = proba @ costs
    decided = Rule(costs=costs, positive=1, capacity=capacity).decide(proba)
    alone = np.minimum(expected[:, 0], expected[:, 2])
    ways = np.array(np.meshgrid(*[[False, True]] * 8)).reshape(8, -1).T
    ways = ways[ways.sum(axis=1) <= capacity]
    assert expected[np.arange(8), decided].sum() == pytest.approx(np.where(ways, expected[:, 1], alone).sum(1).min())


@pytest.mark.parametrize(("floor", "value"), [("min_recall", 0.7), ("min_precision", 0.4)])
def test_of_all_thresholds_that_meet_a_floor_the_best_is_chosen(rows, floor, value):
    X, codes = rows
    proba = cross_val_predict(LogisticRegression(), X, codes, method="predict_proba")
    offsets = Terms(**{floor: value}).aim(np.array([0, 1]), rare=1).rule(codes, proba).offsets
    cuts = np.concatenate([[-1], proba[:, 1]])
    alarms = proba[:, 1] > cuts[:, None]
    caught, false = (alarms & (codes == 1)).sum(1), (alarms & (codes == 0)).sum(1)
    recall, precision = caught / codes.sum(), caught / np.maximum(caught + false, 1)
    chosen = proba[:, 1] > 1 / (1 + np.exp(offsets[1]))
    if floor == "min_recall":
        assert (chosen & (codes == 0)).sum() == false[recall >= value].min()
        assert chosen[codes == 1].mean() >= value
    else:
        assert (chosen & (codes == 1)).sum() == caught[precision >= value].max()
        assert codes[chosen].mean() >= value


def test_a_capacity_in_rows_takes_the_most_probable_of_a_batch(rows):
    X, codes = rows
    clf = CapacityClassifier(LogisticRegression(), capacity=30).fit(X, codes)
    assert clf.positive_ == 1
    assert clf.threshold_ is None
    proba = rare_proba(clf, X, 1)
    alarm = clf.predict(X) == 1
    assert alarm.sum() == 30
    assert proba[alarm].min() >= proba[~alarm].max()
    with pytest.warns(UserWarning, match="Every row gets an alarm: the batch, of 20 rows"):
        assert (clf.predict(X[:20]) == 1).all()


def test_a_share_is_that_of_the_batch(rows):
    """Of the most probable rows of a file, no more have an alarm than of any other rows."""
    X, codes = rows
    clf = CapacityClassifier(LogisticRegression(), capacity=0.05).fit(X, codes)
    assert clf.threshold_ is None
    proba = rare_proba(clf, X, 1)
    for batch in (X, X[:90], X[np.argsort(-proba)[:100]]):
        alarm, p = clf.predict(batch) == 1, rare_proba(clf, batch, 1)
        assert alarm.sum() == int(0.05 * len(batch))
        assert p[alarm].min() >= p[~alarm].max()
    with pytest.warns(UserWarning, match="No row gets an alarm: of a batch of 19 rows, 5% is less than one row"):
        assert not clf.predict(X[:19]).any()


@given(st.integers(1, 10_000), st.integers(1, 99))
def test_a_share_of_alarms_is_rounded_down_but_for_the_rounding_of_floats(n_rows, percent):
    assert most_alarms(percent / 100, n_rows) == n_rows * percent // 100


def test_with_several_classes_the_others_are_decided_among_themselves():
    proba = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7], [0.3, 0.4, 0.3]])
    np.testing.assert_array_equal(Rule(positive=2, capacity=2).decide(proba), [0, 2, 2, 1])
    np.testing.assert_array_equal(Rule(positive=0, capacity=0.5).decide(proba), [0, 1, 2, 0])


def test_auto_decides_by_its_own_held_out_predictions(rows):
    X, codes = rows
    X, codes = X[:200], codes[:200]
    clf = Terms(min_recall=0.9).aim(np.array([0, 1]), rare=1).classifier(AutoClassifier(max_steps=30, random_state=0))
    clf.fit(X, codes, groups=np.arange(200) // 2)
    kept = clf.estimator_.held_out_
    found = kept.proba[kept.rows.codes == 1, 1] > clf.threshold_
    assert found.mean() >= 0.9


def test_groups_reach_the_splitter_and_a_classifier_that_takes_them(rows):
    X, codes = rows
    groups = np.arange(600) // 3
    aim = Terms(cost={"miss": 20, "alarm": 1}).aim(np.array([0, 1]), rare=1)
    fitted = aim.classifier(LogisticRegression(), cv=StratifiedGroupKFold(4)).fit(X, codes, groups=groups)
    splits = list(StratifiedGroupKFold(4).split(X, codes, groups))
    again = aim.classifier(LogisticRegression(), cv=splits).fit(X, codes)
    assert fitted.threshold_ == again.threshold_


def test_predictions_that_exist_already_are_used(rows):
    X, codes = rows
    proba = cross_val_predict(LogisticRegression(), X, codes, cv=5, method="predict_proba")
    model = LogisticRegression().fit(X, codes)
    both = Terms(cost={"miss": 5, "alarm": 1}, capacity=0.1)
    for terms in (Terms(cost={"miss": 5, "alarm": 1}), Terms(capacity=0.2), Terms(capacity=7), both):
        aim = terms.aim(np.array([0, 1]), rare=1)
        adopted = aim.classifier(LogisticRegression()).tune_on(model, codes, proba)
        np.testing.assert_array_equal(
            adopted.predict(X), aim.classifier(LogisticRegression(), cv=5).fit(X, codes).predict(X)
        )


def test_corrected_probabilities_are_decided_on(rows):
    X, codes = rows
    natural = PriorCorrectedClassifier(
        LogisticRegression(class_weight="balanced"), training_priors="uniform", target_priors="observed"
    )
    clf = Terms(cost={"miss": 4, "alarm": 1}).aim(np.array([0, 1]), rare=1).classifier(natural).fit(X, codes)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(codes.mean(), abs=0.02)
    assert clf.threshold_ == pytest.approx(1 / 5, abs=0.1)  # Bayes: alarm / (alarm + miss)


def test_an_aim_survives_json():
    labels = np.array(["a", "b", "c"])
    for terms in (
        Terms(cost=[[0, 1, 2], [3, 0, 4], [5, 6, 0]]),
        Terms(capacity=0.02, positive="b"),
        Terms(cost=[[0, 1, 2], [3, 0, 4], [5, 6, 0]], capacity=20),
        Terms(min_recall=0.8, min_precision=0.1),
    ):
        aim = terms.aim(labels, rare="c")
        again = Aim.from_dict(aim.as_dict(), labels)
        assert str(again) == str(aim)
        assert again.as_dict() == aim.as_dict()


@pytest.mark.parametrize(
    ("given_terms", "sentence"),
    [
        ({"min_recall": 1.2}, "min_recall must be above 0 and at most 1"),
        ({"min_precision": float("nan")}, "min_precision must be above 0"),
        ({"capacity": 0}, "capacity must be a number of rows"),
        ({"capacity": 2.5}, "capacity must be a number of rows"),
        ({"capacity": float("nan")}, "capacity must be a number of rows"),
        ({"capacity": "5%"}, "capacity must be a number, such as 0.05 for 5%, got '5%'"),
        ({"min_recall": "0.8"}, "min_recall must be a number"),
        ({"capacity": 5, "min_recall": 0.5}, "A capacity goes with costs, not with min_recall"),
    ],
)
def test_numbers_out_of_range_are_refused_at_once(given_terms, sentence):
    with pytest.raises(ValueError, match=sentence):
        Terms(**given_terms)


@pytest.mark.parametrize(
    ("given_terms", "labels", "sentence"),
    [
        ({"cost": {"miss": 0, "alarm": 0}}, ["a", "b"], "All costs and benefits are 0"),
        ({"cost": {"miss": 0, "alarm": 1}}, ["a", "b"], "'a' is the best decision for every row"),
        ({"cost": {"miss": 3, "alarm": 1, "catch": 4}}, ["a", "b"], "'a' is the best decision for every row"),
        ({"cost": {"miss": float("inf")}}, ["a", "b"], "finite"),
        ({"cost": {"mis": 3}}, ["a", "b"], "Costs must be finite numbers"),
        ({"cost": {"miss": 20}}, ["a", "b", "c"], "outcomes of two classes, but there are 3"),
        ({"cost": {"miss": 20}}, ["b", "c", "k.A."], r"If 'k.A.' stands for no label.*--missing-values 'k.A.'\)"),
        ({"cost": {"a": {"b": 1}}}, ["a", "b"], "'b'"),
        ({"capacity": 3, "positive": "z"}, ["a", "b"], "There is no class 'z'"),
    ],
)
def test_terms_that_do_not_fit_the_classes_are_refused(given_terms, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        Terms(**given_terms).aim(np.array(labels), rare="b")


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ({"a": {"b": 1, "c": 1}, "b": {"a": 1, "c": 1}}, "a row is missing for 'c'"),
        ({"a": {"b": 1}, "b": {"a": 1, "c": 1}, "c": {"a": 1, "b": 2}}, "the row of 'a' has no cost .* for 'c'"),
        ({"a": {"b": 1, "c": 1}, "b": {"a": 1, "c": 1}, "c": {"a": 1, "b": 2, "d": 1}}, "'d' is no class"),
    ],
)
def test_costs_that_lack_a_class_name_it(costs, said):
    with pytest.raises(ValueError, match=said):
        Terms(cost=costs).aim(np.array(["a", "b", "c"]), "a")
