"""The decision of the least expected cost, its offsets against brute force, and the tables that only it can decide."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from equipoise import CapacityClassifier, TunedThresholdsClassifier, load, save
from equipoise.decisions import Terms, decide, tune_offsets
from equipoise.decisions.least_cost import CostlyRows
from equipoise.decisions.objective import Objective
from equipoise.persistence import read_card

CLAIMS = np.array([[0.0, 2, 30], [1, 0, 6], [40, 3, 0]])
"""Of paid, looked-at and refused claims: to look costs little, whatever the claim is."""


def rows(seed, n, k):
    """True classes, and probabilities that are wrong as those of a model are."""
    rng = np.random.default_rng(seed)
    y = rng.choice(k, n, p=rng.dirichlet(np.full(k, 2.0)))
    y[:k] = np.arange(k)
    logits = rng.normal(size=(n, k)) + 1.5 * np.eye(k)[y] + rng.normal(size=k)
    proba = np.exp(logits)
    return y, proba / proba.sum(axis=1, keepdims=True)


def costs_of(seed, k):
    return np.random.default_rng(seed).integers(1, 20, (k, k)) * (1.0 - np.eye(k))


def cost(costs, y, decided):
    return sum(costs[true, called] for true, called in zip(y, decided)) / len(y)


def noises(costs, y, before, after):
    """Mean of what is saved, in its standard errors."""
    saved = [costs[true, b] - costs[true, a] for true, b, a in zip(y, before, after)]
    return np.mean(saved) / (np.std(saved) / np.sqrt(len(saved)) + 1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_without_offsets_the_class_of_the_least_expected_cost_is_decided(seed, k):
    _, proba = rows(seed, 40, k)
    costs = costs_of(seed, k)
    np.testing.assert_array_equal(decide(proba, np.zeros(k), costs), (proba @ costs).argmin(axis=1))


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_offsets_weigh_the_probabilities(seed, k):
    _, proba = rows(seed, 40, k)
    costs, offsets = costs_of(seed, k), np.random.default_rng(seed).normal(size=k)
    weighed = proba * np.exp(offsets)
    expected = weighed / weighed.sum(axis=1, keepdims=True) @ costs
    decided = decide(proba, offsets, costs)
    np.testing.assert_allclose(expected[np.arange(40), decided], expected.min(axis=1))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_tuning_never_costs_more_than_no_offsets_and_keeps_them_where_nothing_is_gained(seed, k):
    y, proba = rows(seed, 60, k)
    costs = costs_of(seed, k)
    offsets = tune_offsets(y, proba, metric=costs)
    assert offsets[0] == 0
    if offsets.any():
        assert noises(costs, y, decide(proba, np.zeros(k), costs), decide(proba, offsets, costs)) > 2 - 1e-9


def test_right_answers_leave_no_offset():
    y = np.arange(30) % 3
    proba = 0.005 + 0.985 * np.eye(3)[y]
    np.testing.assert_array_equal(tune_offsets(y, proba, metric=CLAIMS), np.zeros(3))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.booleans(), st.booleans())
def test_the_best_offset_of_a_class_is_the_best_of_all(seed, k, weighted, floored):
    """Costs kept up turn by turn, against each decision counted from the start."""
    y, proba = rows(seed, 40, k)
    proba[::7, 0] = 0
    rng = np.random.default_rng(seed)
    weight = rng.random(40) + 0.1 if weighted else np.ones(40)
    floors = ({0: 0.4}, {1: 0.3}) if floored else (None, None)
    found = CostlyRows(proba, y, weight, Objective.of(costs_of(seed, k), np.arange(k), *floors))
    offsets = rng.normal(size=k)
    for c in range(k):
        offset, value = found.best_offset(c, offsets)
        tried = [np.where(np.arange(k) == c, b, offsets) for b in (*np.linspace(-9, 9, 301), offset)]
        values = list(map(found.value, tried))
        assert values[-1] == pytest.approx(value, abs=1e-9) and max(values) <= value + 1e-9


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 20))
def test_two_classes_reach_the_cheapest_of_all_thresholds_where_it_saves_more_than_noise(seed, miss, alarm):
    y, proba = rows(seed, 30, 2)
    costs = np.array([[0.0, alarm], [miss, 0.0]])
    aim = Terms(cost=costs).aim(np.array([0, 1]), rare=1)
    rule = aim.rule(y, proba)
    of_cuts = {cut: (proba[:, 1] > cut).astype(int) for cut in [-1, *proba[:, 1]]}
    least = min(cost(costs, y, chosen) for chosen in of_cuts.values())
    decided = rule.decide(proba)
    np.testing.assert_array_equal(decided, (proba[:, 1] > rule.cut(1)).astype(int))
    theory = alarm / (alarm + miss)
    plain = (proba[:, 1] > theory).astype(int)
    if rule.cut(1) != pytest.approx(theory):
        assert cost(costs, y, decided) == pytest.approx(least) and noises(costs, y, plain, decided) > 2 - 1e-9
    elif cost(costs, y, plain) != pytest.approx(least):
        best = [chosen for chosen in of_cuts.values() if cost(costs, y, chosen) == pytest.approx(least)]
        assert min(noises(costs, y, plain, chosen) for chosen in best) < 2 + 1e-9


def test_a_cheap_look_at_unsure_rows_is_out_of_reach_of_the_most_probable_class():
    """The cheap class is least probable where the others are unsure, so no offset to log probabilities wins it."""
    costs = np.array([[0.0, 1, 10], [10, 0, 10], [10, 1, 0]])
    sure, unsure = [[0.95, 0.04, 0.01]] * 40 + [[0.01, 0.04, 0.95]] * 40, [[0.55, 0.002, 0.448]] * 20
    y, proba = np.array([0] * 40 + [2] * 40 + [0] * 10 + [2] * 10), np.array(sure + unsure)
    grid = np.linspace(-8, 8, 81)
    reached = min(
        costs[y, (np.log(proba) + np.array([0, look, last])).argmax(axis=1)].sum() for look in grid for last in grid
    )
    decided = decide(proba, tune_offsets(y, proba, metric=costs, labels=[0, 1, 2]), costs)
    assert costs[y, decided].sum() == 20
    assert decided.tolist() == [0] * 40 + [2] * 40 + [1] * 20
    assert reached == 100  # every row looked at, or half of the unsure ones wrong


def test_floors_hold_beside_costs():
    y, proba = rows(3, 2000, 3)
    costs = np.array([[0.0, 1, 9], [1, 0, 9], [2, 1, 0]])  # to decide for the last class is dear
    plain = decide(proba, tune_offsets(y, proba, metric=costs), costs)
    floored = decide(proba, tune_offsets(y, proba, metric=costs, min_recall={2: 0.9}), costs)
    assert np.mean(plain[y == 2] == 2) < 0.8
    assert 0.9 <= np.mean(floored[y == 2] == 2) < 0.93
    sure = decide(proba, tune_offsets(y, proba, metric=costs, min_precision={2: 0.95}), costs)
    assert np.mean(y[sure == 2] == 2) >= 0.95


def test_floors_alone_leave_the_fewest_other_errors():
    y, proba = rows(4, 500, 3)
    found = decide(proba, tune_offsets(y, proba, metric=None, min_recall={2: 0.9}))
    assert np.mean(found[y == 2] == 2) >= 0.9
    errors = np.mean(found[y != 2] != y[y != 2])
    rng = np.random.default_rng(0)
    tried = [decide(proba, b) for b in rng.normal(0, 2, (2000, 3))]
    allowed = [d for d in tried if np.mean(d[y == 2] == 2) >= 0.9]
    assert errors <= min(np.mean(d[y != 2] != y[y != 2]) for d in allowed)
    with pytest.raises(ValueError, match="Without a metric or costs, give a floor"):
        tune_offsets(y, proba, metric=None)


LABELS = [(0, 1, 2), ("paid", "look", "refused"), (2, 0, 1), ("b", "c", "a")]


@pytest.fixture(scope="module")
def claims():
    rng = np.random.default_rng(1)
    codes = rng.choice(3, 900, p=[0.6, 0.1, 0.3])
    return pd.DataFrame(rng.normal(size=(900, 3)) + 1.3 * np.eye(3)[codes], columns=["a", "b", "c"]), codes


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_a_classifier_decides_by_costs_whatever_the_classes_are_called(claims, labels, tmp_path):
    X, codes = claims
    names = np.array(labels)
    order = np.argsort(names)  # codes in the order of sorted labels
    by_label = {labels[t]: {labels[d]: CLAIMS[t, d] for d in range(3)} for t in range(3)}
    clf = TunedThresholdsClassifier(LogisticRegression(), metric=by_label).fit(X, names[codes])
    costs, proba = CLAIMS[np.ix_(order, order)], clf.predict_proba(X)
    weighed = proba * np.exp(clf.offsets_)
    by_hand = [min(range(3), key=lambda d: sum(w * costs[k, d] for k, w in enumerate(row))) for row in weighed]
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[by_hand])

    held_out = cross_val_predict(LogisticRegression(), X, names[codes], cv=5, method="predict_proba")
    true = np.argsort(order)[codes]
    tuned = costs[true, decide(held_out, clf.offsets_, costs)].sum()
    assert tuned <= costs[true, (held_out @ costs).argmin(axis=1)].sum()

    save(clf, tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(X), clf.predict(X))
    (decision,) = read_card(tmp_path / "model")["schema"]["decision"]
    assert decision["costs"] == {str(t): {str(d): c for d, c in row.items()} for t, row in by_label.items()}
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "The decision is the class of the lowest expected cost" in card
    assert ("each probability first times" in card) == bool(clf.offsets_.any())


@pytest.mark.parametrize("capacity", [40, 0.05])
def test_a_capacity_with_costs_of_several_classes(claims, capacity):
    X, codes = claims
    clf = CapacityClassifier(LogisticRegression(), capacity=capacity, positive=2, costs=CLAIMS).fit(X, codes)
    free = TunedThresholdsClassifier(LogisticRegression(), metric=CLAIMS).fit(X, codes)
    np.testing.assert_array_equal(clf.offsets_, free.offsets_)
    expected = clf.predict_proba(X) * np.exp(clf.offsets_) @ CLAIMS
    saved = np.minimum(expected[:, 0], expected[:, 1]) - expected[:, 2]
    most = 40 if capacity == 40 else 45
    chosen = [i for i in np.argsort(-saved)[:most] if saved[i] > 0]
    by_hand = np.where(np.isin(np.arange(900), chosen), 2, expected[:, :2].argmin(axis=1))
    np.testing.assert_array_equal(clf.predict(X), by_hand)
    assert (free.predict(X) == 2).sum() > most
