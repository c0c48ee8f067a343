"""Tuned offsets against brute force over all cuts, and what holds for any number of classes."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise import metrics
from equipoise.decisions import correct_prior, decide, thresholds, tune_offsets
from equipoise.decisions.costs import cost_matrix
from equipoise.decisions.objective import Objective

SCORES = {
    "accuracy": lambda y, predicted: np.mean(y == predicted),
    "balanced_accuracy": metrics.balanced_accuracy,
    "g_mean": metrics.g_mean,
    "macro_f1": lambda y, predicted: metrics.macro_f1_score(y, predicted, labels=np.unique(y)),
    "matthews_corrcoef": metrics.matthews_corrcoef,
}


def plain_score(name, y, called, weight):
    """Score of two classes from the four cells, as a text book has it."""
    tp, fn, fp, tn = (weight[(y == t) & (called == c)].sum() for t, c in [(1, 1), (1, 0), (0, 1), (0, 0)])
    return {
        "accuracy": lambda: (tp + tn) / weight.sum(),
        "balanced_accuracy": lambda: (tp / (tp + fn) + tn / (tn + fp)) / 2,
        "g_mean": lambda: np.sqrt(tp / (tp + fn) * tn / (tn + fp)),
        "macro_f1": lambda: tp / (2 * tp + fp + fn) + tn / (2 * tn + fp + fn),
        "matthews_corrcoef": lambda: (
            (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
            if called.any() and not called.all()
            else 0
        ),
    }[name]()


@st.composite
def binary_rows(draw):
    rows = st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 4))
    y, twentieths, weight = zip(*draw(st.lists(rows, min_size=2, max_size=30)))
    return np.array([0, 1, *y[2:]]), np.array(twentieths) / 20, np.array(weight) / 7


@settings(deadline=None)
@given(binary_rows(), st.sampled_from(sorted(SCORES)), st.booleans())
def test_two_classes_reach_the_best_of_all_cuts(rows, name, weighted):
    y, p, weight = rows
    weight = weight if weighted else np.ones(len(y))
    offsets = tune_offsets(y, p, metric=name, sample_weight=weight if weighted else None)
    found = plain_score(name, y, decide(p, offsets), weight)
    # a probability of 0 is never called positive, one of 1 always, whatever the offset
    best = max(plain_score(name, y, p > cut, weight) for cut in np.arange(0.5, 20) / 20)
    assert found == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("p", [[0.1, 0.2, 0.6, 0.9], [0.0, 0.0, 0.3, 1.0], [1e-9, 3e-9, 5e-9, 1.0]])
def test_the_cut_is_in_the_middle_of_the_best_interval(p):
    offsets = tune_offsets([0, 0, 1, 1], p, metric="g_mean")
    assert offsets[0] == 0
    assert 1 / (1 + np.exp(offsets[1])) == pytest.approx((p[1] + p[2]) / 2)


def test_equally_good_cuts_move_least():
    # one error at the cut .1 (the row at .45) and one at .5 (the row at .15), where no offset starts
    y, p = [0, 1, 0, 1, 1], [0.05, 0.15, 0.45, 0.55, 0.95]
    cut = 1 / (1 + np.exp(tune_offsets(y, p, metric="accuracy")[1]))
    assert cut == pytest.approx(0.5)


def test_probabilities_of_zero_and_one_stay_out_of_reach():
    y, p = [0, 0, 1, 1], [0.0, 1.0, 0.0, 1.0]
    offsets = tune_offsets(y, p, metric="g_mean")
    assert np.isfinite(offsets).all()
    assert decide(p, offsets).tolist() == [0, 1, 0, 1]


def multiclass_rows(seed, n, k):
    """Calibrated probabilities of classes with very different shares."""
    rng = np.random.default_rng(seed)
    share = 0.5 ** np.arange(k)[rng.permutation(k)] + 0.02
    y = rng.choice(k, n, p=share / share.sum())
    y[:k] = np.arange(k)
    logits = np.log(share) + rng.normal(size=(n, k))
    logits[np.arange(n), y] += 1.0
    proba = np.exp(logits)
    return y, proba / proba.sum(axis=1, keepdims=True)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.sampled_from(sorted(SCORES)))
def test_never_worse_than_no_offsets(seed, k, name):
    y, proba = multiclass_rows(seed, 60, k)
    offsets = tune_offsets(y, proba, metric=name)
    assert offsets.shape == (k,) and offsets[0] == 0
    tuned, plain = (SCORES[name](y, decide(proba, b)) for b in (offsets, np.zeros(k)))
    assert tuned >= plain - 1e-9


@pytest.mark.parametrize("name", ["g_mean", "macro_f1"])
@pytest.mark.parametrize("seed", range(3))
def test_many_classes_are_tuned_better_than_by_random_search(name, seed):
    y, proba = multiclass_rows(seed, 300, 4)
    offsets = tune_offsets(y, proba, metric=name)
    random_offsets = np.random.default_rng(seed).normal(0, 1.5, (300, 4))
    best = max(SCORES[name](y, decide(proba, b)) for b in random_offsets)
    assert SCORES[name](y, decide(proba, offsets)) >= best


@pytest.mark.parametrize("name", ["g_mean", "macro_f1"])
def test_classes_that_offsets_can_separate_are_separated(name):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 4
    logits = 3.0 * np.eye(4)[y] + rng.uniform(-1, 1, (40, 4))
    proba = np.exp(logits + np.array([0.0, 5.0, -4.0, 7.0]))
    proba /= proba.sum(axis=1, keepdims=True)
    assert metrics.g_mean(y, proba.argmax(axis=1)) == 0
    assert (decide(proba, tune_offsets(y, proba, metric=name)) == y).all()


def test_a_g_mean_of_zero_is_left_behind():
    y, proba = multiclass_rows(0, 2000, 5)
    common = np.bincount(y).argmax()
    proba = correct_prior(proba, np.full(5, 0.2), np.where(np.arange(5) == common, 0.996, 0.001))
    assert metrics.g_mean(y, proba.argmax(axis=1)) == 0
    assert metrics.g_mean(y, decide(proba, tune_offsets(y, proba, metric="g_mean"))) > 0.4


def test_a_tuned_decision_holds_on_new_rows():
    y, proba = multiclass_rows(1, 8000, 4)
    offsets = tune_offsets(y[:4000], proba[:4000], metric="macro_f1")
    new, new_proba = y[4000:], proba[4000:]
    tuned, plain = (metrics.macro_f1_score(new, decide(new_proba, b)) for b in (offsets, np.zeros(4)))
    assert tuned > plain + 0.03


COSTS = np.array([[0, 1, 1], [5, 0, 1], [20, 1, 0]])


def test_costs_are_lowered_nearly_as_far_as_bayes_would():
    y, proba = multiclass_rows(2, 4000, 3)
    mean_cost = {
        name: COSTS[y, decided].mean()
        for name, decided in {
            "tuned": decide(proba, tune_offsets(y, proba, metric=COSTS), COSTS),
            "plain": proba.argmax(axis=1),
            "bayes": (proba @ COSTS).argmin(axis=1),  # the probabilities are true ones
        }.items()
    }
    assert mean_cost["tuned"] < mean_cost["plain"] - 0.3
    assert mean_cost["tuned"] <= mean_cost["bayes"]


@given(binary_rows(), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.1, 1, 1000]))
def test_two_classes_reach_the_least_cost_of_all_cuts_where_it_saves_more_than_noise(rows, false_alarm, miss, unit):
    y, p, weight = rows
    costs = unit * np.array([[0, false_alarm], [miss, 0]])
    offsets = tune_offsets(y, p, metric=costs, sample_weight=weight)
    plain, found = costs[y, decide(p, np.zeros(2), costs)], costs[y, decide(p, offsets, costs)]
    cuts = [costs[y, (p > cut).astype(int)] for cut in np.arange(0.5, 20) / 20]
    best = min(weight @ paid for paid in cuts)

    def noises(paid):
        """Weighted mean of what is saved, in its standard errors."""
        saved, w = plain - paid, weight / weight.sum()
        error = np.sqrt(w**2 @ (saved - w @ saved) ** 2)
        return w @ saved / error if error else np.inf

    if offsets.any():
        assert weight @ found == pytest.approx(best, abs=1e-9) and noises(found) > 2 - 1e-9
    else:
        least = [paid for paid in [plain, *cuts] if weight @ paid <= best + 1e-9]
        assert any(paid is plain or noises(paid) < 2 + 1e-9 for paid in least)


def recall_and_precision(y, called, weight):
    hits = weight[(y == 1) & called].sum()
    return hits / weight[y == 1].sum(), hits / weight[called].sum() if called.any() else 0.0


@settings(deadline=None)
@given(binary_rows(), st.sampled_from(["min_recall", "min_precision"]), st.sampled_from([0.25, 0.5, 0.8, 1.0]))
def test_two_classes_reach_the_best_of_the_cuts_above_a_floor(rows, which, floor):
    y, p, weight = rows
    cuts = {cut: recall_and_precision(y, p > cut, weight)[which == "min_precision"] for cut in np.arange(0.5, 20) / 20}
    allowed = [cut for cut, share in cuts.items() if share >= floor - 1e-9]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        offsets = tune_offsets(y, p, metric="macro_f1", sample_weight=weight, **{which: {1: floor}})
    called = decide(p, offsets) == 1
    assert bool(caught) == (not allowed)
    if allowed:
        best = max(plain_score("macro_f1", y, p > cut, weight) for cut in allowed)
        assert plain_score("macro_f1", y, called, weight) == pytest.approx(best, abs=1e-9)
    else:
        share = recall_and_precision(y, called, weight)[which == "min_precision"]
        assert share == pytest.approx(max(cuts.values()), abs=1e-9)


def test_many_classes_keep_their_floors():
    y, proba = multiclass_rows(2, 2000, 4)
    rare = int(np.bincount(y).argmin())
    plain = decide(proba, tune_offsets(y, proba, metric="accuracy"))
    floored = decide(proba, tune_offsets(y, proba, metric="accuracy", min_recall={rare: 0.8}))
    assert np.mean(plain[y == rare] == rare) < 0.5
    assert 0.8 <= np.mean(floored[y == rare] == rare) < 0.95
    sure = decide(proba, tune_offsets(y, proba, metric="macro_f1", min_precision={rare: 0.8}))
    assert np.mean(y[sure == rare] == rare) >= 0.8


def test_floors_out_of_reach_are_missed_least_and_told():
    y, p = [0, 1, 0, 1], [0.1, 0.3, 0.4, 0.9]
    with pytest.warns(UserWarning, match="a recall of 100% and a precision of 100% on these rows: the nearest"):
        offsets = tune_offsets(y, p, metric="macro_f1", min_recall={1: 1.0}, min_precision={1: 1.0})
    assert decide(p, offsets).tolist() == [0, 1, 1, 1]


def test_integer_weights_are_repeated_rows():
    y, proba = multiclass_rows(3, 80, 3)
    weight = np.random.default_rng(0).integers(1, 4, 80)
    weighted = tune_offsets(y, proba, metric="macro_f1", sample_weight=weight)
    repeated = tune_offsets(np.repeat(y, weight), np.repeat(proba, weight, axis=0), metric="macro_f1")
    np.testing.assert_allclose(weighted, repeated)


@pytest.mark.parametrize("name", sorted(SCORES))
def test_the_scale_of_the_weights_does_not_matter(name):
    y, proba = multiclass_rows(6, 300, 3)
    weight = np.random.default_rng(0).random(300)
    offsets = [tune_offsets(y, proba, metric=name, sample_weight=scale * weight) for scale in (1, 0.1, 1e-9, 1e9)]
    assert all((decide(proba, offsets[0]) == decide(proba, b)).all() for b in offsets[1:])


def test_labels_name_the_columns():
    y, proba = multiclass_rows(4, 80, 3)
    names = np.array(["mid", "low", "top"])
    named = tune_offsets(names[y], proba, metric="g_mean", labels=names)
    np.testing.assert_array_equal(named, tune_offsets(y, proba, metric="g_mean"))


def test_an_absent_class_is_no_obstacle():
    y, proba = multiclass_rows(5, 80, 3)
    kept = y != 2
    offsets = tune_offsets(y[kept], proba[kept], metric="g_mean", labels=[0, 1, 2])
    assert np.isfinite(offsets).all()
    assert metrics.g_mean(y[kept], decide(proba[kept], offsets)) >= metrics.g_mean(y[kept], proba[kept].argmax(axis=1))


def test_a_large_table_is_swept_in_one_go_and_exactly():
    rng = np.random.default_rng(0)
    y = (rng.random(50_000) < 0.02).astype(int)
    p = 1 / (1 + np.exp(-(rng.normal(size=y.size) + 2 * y - 5)))
    offsets = tune_offsets(y, p, metric="macro_f1")
    order = np.argsort(-p)  # the k most probable rows are called positive
    hits, called = np.cumsum(y[order]), np.arange(1, y.size + 1)
    f1 = 2 * hits / (called + y.sum())
    f1_rest = 2 * (y.size - called - y.sum() + hits) / (2 * y.size - called - y.sum())
    best = ((f1 + f1_rest) / 2).max()
    assert metrics.macro_f1_score(y, decide(p, offsets)) == pytest.approx(best, abs=1e-12)


def test_decide_takes_the_first_class_at_a_tie_and_any_leading_axes():
    assert decide([0.5, 0.5, 0.6], [0.0, 0.0]).tolist() == [0, 0, 1]
    stack = np.random.default_rng(0).dirichlet(np.ones(3), (2, 5))
    np.testing.assert_array_equal(decide(stack, np.zeros(3)), stack.argmax(axis=-1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tune_offsets([0, 1], [0.1, 0.9], metric="f1"), "metric must be one of .*'g_mean'.*got 'f1'"),
        (lambda: tune_offsets([0, 1], [0.1, 0.9], metric=[[0, 1]]), r"Costs must be .* of shape \(2, 2\)"),
        (lambda: tune_offsets([0, 1], [0.1, 0.9], metric=[[0, 0], [0, 0]]), "Costs must be finite numbers, not all 0"),
        (lambda: tune_offsets([0, 1], [0.1, 0.9], metric="g_mean", min_recall={2: 0.5}), r"such as \{1: 0.9\}"),
        (lambda: tune_offsets([0, 1], [0.1, 0.9], metric="g_mean", min_precision={1: 90}), "floors in .0, 1."),
        (lambda: tune_offsets([0, 1], [0.1, 1.9], metric="g_mean"), "sum to 1"),
        (lambda: decide([0.1, 0.9], [0.0, 0.0, 0.0]), "each of 2 classes"),
        (lambda: decide([0.1, 0.9], [0.0, np.inf]), "finite number"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("metric", [*sorted(SCORES), None], ids=str)
def test_values_of_cuts_are_those_of_the_confusion_matrices(metric):
    """Sums kept up row by row, against each decision counted from the start."""
    y, proba = multiclass_rows(5, 60, 5)
    weight = np.random.default_rng(1).random(60)
    rows = thresholds._Rows(np.log(proba), y, weight, Objective.of(metric, np.arange(5), {3: 0.4}, {1: 0.2}))
    offsets = np.array([0.0, 0.5, -0.3, 1.0, 0.2])
    for k in range(5):
        offset, value = rows.best_cut(k, thresholds._Leaders(rows.log_proba, offsets.copy()))
        tried = np.concatenate([np.linspace(-9, 9, 501), [offset]])
        values = [rows.value(np.where(np.arange(5) == k, b, offsets)) for b in tried]
        assert values[-1] == pytest.approx(value, abs=1e-9) and max(values) <= value + 1e-9


def test_leaders_follow_every_move():
    _, proba = multiclass_rows(7, 90, 6)
    proba[::9, 2] = 0
    rng, offsets = np.random.default_rng(0), np.zeros(6)
    leaders = thresholds._Leaders(np.log(np.maximum(proba, 1e-9)), offsets)
    for k in rng.integers(6, size=40):
        leaders.move(k, rng.normal())
        scores = leaders.log_proba + offsets
        for j in range(6):
            without = np.delete(scores, j, axis=1).max(axis=1)
            np.testing.assert_array_equal(scores[np.arange(90), leaders.rivals(j)], without)


_SHAPE = r"for the classes \['fraud', 'ok'\]: a matrix of shape \(2, 2\) in this order \(rows = true class"


class TestCostsByLabel:
    @pytest.mark.parametrize("names", [[0, 1], ["no", "yes"], ["ok", "fraud"], [False, True], [2.5, -1.0]], ids=str)
    def test_decisions_do_not_depend_on_the_spelling(self, names):
        y, proba = multiclass_rows(5, 300, 2)
        plain = decide(proba, tune_offsets(y, proba, metric=[[0, 1], [20, 0]]), [[0, 1], [20, 0]])
        common, rare = names
        keyed = {rare: {common: 20.0}, common: {rare: 1, common: 0}}
        classes = np.array(sorted(names))
        columns = proba[:, np.argsort(np.argsort(names))] if names == sorted(names) else proba[:, ::-1]
        for costs in (keyed, pd.DataFrame({common: {rare: 20, common: 0}, rare: {common: 1, rare: 0}})):
            offsets = tune_offsets(np.array(names)[y], columns, metric=costs, labels=classes)
            decided = decide(columns, offsets, cost_matrix(costs, classes))
            assert (classes[decided] == np.array(names)[plain]).all()

    @pytest.mark.parametrize(
        ("costs", "message"),
        [
            ({"ok": {"fraud": 1}}, "a row is missing for 'fraud'"),
            ({"ok": {"fraud": 1}, "fraud": {"oj": 2}}, "has no cost of deciding for 'ok'; 'oj' is no class"),
            ({"ok": {"fraud": 1}, "fraud": {"ok": np.nan}}, _SHAPE),
            ({"ok": 1, "fraud": 2}, _SHAPE),
            (pd.DataFrame([[0, 1], [2, 0]]), "missing for 'fraud'"),
            ([[0, 1], [2, "much"]], _SHAPE),
        ],
        ids=str,
    )
    def test_other_labels_are_refused(self, costs, message):
        with pytest.raises(ValueError, match=message):
            cost_matrix(costs, np.array(["fraud", "ok"]))
