"""Printed unit values, scikit-learn and imbalanced-learn as witnesses, weights, absent classes, errors."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score
from sklearn import metrics as skm
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import f1_score

from equipoise import metrics

LABEL_METRICS = [
    metrics.g_mean,
    metrics.macro_f1_score,
    metrics.balanced_accuracy,
    metrics.matthews_corrcoef,
]
PROBA_METRICS = [
    metrics.class_brier_scores,
    metrics.balanced_brier_score,
    metrics.brier_score,
    metrics.log_loss,
    metrics.expected_calibration_error,
    metrics.average_precision,
    metrics.roc_auc,
]


def rows_of(confusion):
    """Labels that have this confusion matrix."""
    k = len(confusion)
    true, predicted = np.divmod(np.repeat(np.arange(k * k), np.ravel(confusion)), k)
    return true, predicted


def random_problem(seed, n=60, k=3):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % k)
    proba = rng.dirichlet(np.ones(k), n)
    return y, proba, rng.integers(0, k, n), rng.integers(1, 4, n)


# The printed unit values: Tp 8, Fn 2, Fp 10, Tn 80

PRINTED = [[80, 10], [2, 8]]


@pytest.mark.parametrize(
    ("score", "value"),
    [
        (metrics.macro_f1_score, 0.75083),
        (metrics.balanced_accuracy, 0.84444),
        (metrics.g_mean, 0.84327),
        (metrics.matthews_corrcoef, 0.53793),
    ],
)
def test_printed_values_of_labels(score, value):
    assert score(*rows_of(PRINTED)) == pytest.approx(value, abs=5e-6)


def test_printed_values_of_the_summary():
    summary = metrics.counts_summary(PRINTED)
    precision, recall = summary["precision"], summary["recall"]
    assert summary["f1"] == pytest.approx([0.93023, 0.57143], abs=5e-6)
    assert precision == pytest.approx([0.97561, 0.44444], abs=5e-6)
    assert recall == pytest.approx([0.88889, 0.8], abs=5e-6)
    assert summary["support"].tolist() == [90, 10]
    assert summary["accuracy"] == pytest.approx(0.88)
    assert precision.mean() == pytest.approx(0.71003, abs=5e-6)
    assert summary["undefined"] == 0
    harmonic = 2 / (1 / precision.mean() + 1 / recall.mean())
    assert harmonic == pytest.approx(0.77142, abs=5e-6)
    assert summary["macro_f1"] == pytest.approx(0.75083, abs=5e-6) != harmonic


def test_always_majority():
    summary = metrics.counts_summary([[90, 0], [10, 0]])
    assert summary["macro_f1"] == pytest.approx(0.47368, abs=5e-6)
    assert (summary["balanced_accuracy"], summary["g_mean"], summary["accuracy"]) == (0.5, 0.0, 0.9)
    assert summary["matthews_corrcoef"] == 0
    assert summary["precision"][1] == 0  # and not 1, as in MUBO's code
    assert summary["undefined"] == 2  # the rare class's precision, and the correlation


def test_g_mean_of_three_recalls():
    confusion = [[9, 1, 0], [2, 5, 3], [0, 2, 8]]
    assert metrics.g_mean(*rows_of(confusion)) == pytest.approx(0.71138, abs=5e-6)


def test_printed_values_at_prevalence():
    even, rare = (metrics.at_prevalence(0.89, 0.83, p) for p in (0.5, 0.201))
    assert even["precision"] == pytest.approx([0.883, 0.840], abs=5e-4)
    assert rare["precision"] == pytest.approx([0.968, 0.568], abs=5e-4)
    assert even["macro_f1"] == pytest.approx(0.860, abs=5e-4)
    assert rare["macro_f1"] == pytest.approx(0.794, abs=5e-4)


def test_at_prevalence_keeps_what_does_not_depend_on_it_and_broadcasts():
    shares = np.array([0.01, 0.2, 0.5])
    moved = metrics.at_prevalence(0.7, 0.9, shares)
    assert moved["recall"] == pytest.approx(np.tile([0.9, 0.7], (3, 1)))
    assert moved["balanced_accuracy"] == pytest.approx([0.8] * 3)
    assert moved["precision"][:, 1] == pytest.approx(shares * 0.7 / (shares * 0.7 + (1 - shares) * 0.1))


BRIER_TABLE = [
    ([0, 1], [[1, 0], [0, 1]], 0.0),
    ([0, 0, 1], [0.5, 0.5, 0.5], 0.25),
    ([0, 1, 2], np.full((3, 3), 1 / 3), 1 / 3),
    (np.arange(10), np.full((10, 10), 0.1), 0.45),
    ([0, 0, 0, 1], [0.0, 0.0, 0.0, 0.0], 0.5),
    ([0, 1, 2, 3], [[1.0, 0, 0, 0]] * 4, 3 / 4),
]


@pytest.mark.parametrize(("y", "proba", "value"), BRIER_TABLE)
def test_printed_balanced_brier_scores(y, proba, value):
    assert metrics.balanced_brier_score(y, proba) == pytest.approx(value)


def test_printed_brier_scores_by_class():
    y, p = [1, 1, 0, 0, 0], [0.9, 0.6, 0.1, 0.2, 0.4]
    assert metrics.class_brier_scores(y, p) == pytest.approx([0.07, 0.085])
    assert metrics.balanced_brier_score(y, p) == pytest.approx(0.0775)
    assert metrics.brier_score(y, p) == pytest.approx(0.076)
    rows = [(0.7, 0.2, 0.1), (0.6, 0.3, 0.1), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6)]
    assert metrics.class_brier_scores([0, 0, 1, 2], rows) == pytest.approx([0.10, 0.03, 0.12])
    assert metrics.balanced_brier_score([0, 0, 1, 2], rows) == pytest.approx(0.08333, abs=5e-6)


def test_brier_score_is_averaged_over_the_classes_that_are_there():
    rows = [(0.7, 0.2, 0.1), (0.1, 0.8, 0.1)]
    scores = metrics.class_brier_scores([0, 1], rows, labels=[0, 1, 2])
    assert np.isnan(scores[2])
    mean = metrics.balanced_brier_score([0, 1], rows, labels=[0, 1, 2])
    assert mean == pytest.approx(scores[:2].mean())


# Groups

CELL_ERRORS = {(1, "a"): 0.10, (1, "b"): 0.30, (0, "a"): 0.05, (0, "b"): 0.02}


def printed_cells(rows_per_cell=100):
    y, wrong, group = [], [], []
    for (label, name), error in CELL_ERRORS.items():
        y += [label] * rows_per_cell
        wrong += [row < round(error * rows_per_cell) for row in range(rows_per_cell)]
        group += [name] * rows_per_cell
    y = np.array(y)
    return y, np.where(wrong, 1 - y, y), group


def test_printed_group_errors():
    y, predicted, group = printed_cells()
    cells = metrics.cell_errors(y, predicted, group)
    assert {cell: cells.loc[cell] for cell in CELL_ERRORS} == pytest.approx(CELL_ERRORS)
    assert metrics.deo(y, predicted, group) == pytest.approx(0.23)
    errors = metrics.group_errors(y, predicted, group)
    assert errors == pytest.approx({"balanced": 0.1175, "worst": 0.30, "deo": 0.23, "n_cells": 4})


def test_group_errors_leave_out_an_empty_cell_and_deo_is_then_undefined():
    y, predicted, group = [0, 0, 1], [0, 1, 0], ["a", "b", "a"]
    with pytest.warns(UndefinedMetricWarning, match="fewer than two groups"):
        errors = metrics.group_errors(y, predicted, group)
    assert np.isnan(errors.pop("deo"))
    assert errors == pytest.approx({"balanced": 2 / 3, "worst": 1.0, "n_cells": 3})


def test_deo_of_more_groups_is_the_widest_difference():
    y, predicted, group = [0] * 6, [0, 0, 0, 1, 1, 1], ["a", "a", "b", "b", "c", "c"]
    assert metrics.deo(y, predicted, group) == 1.0  # errors 0, 1/2, 1


def test_group_errors_take_weights():
    y, predicted, group = printed_cells()
    weights = np.random.default_rng(0).integers(0, 4, len(y))
    repeated = [np.repeat(column, weights) for column in (y, predicted, group)]
    weighted = metrics.group_errors(y, predicted, group, sample_weight=weights)
    assert weighted == pytest.approx(metrics.group_errors(*repeated))


# Witnesses


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_label_metrics_agree_with_scikit_learn_and_imbalanced_learn(k, seed):
    y, _, predicted, weight = random_problem(seed, k=k)
    for w in (None, weight):
        arguments = {"sample_weight": w}
        assert metrics.g_mean(y, predicted, **arguments) == pytest.approx(
            geometric_mean_score(y, predicted, **arguments)
        )
        assert metrics.macro_f1_score(y, predicted, **arguments) == pytest.approx(
            skm.f1_score(y, predicted, average="macro", **arguments)
        )
        assert metrics.balanced_accuracy(y, predicted, **arguments) == pytest.approx(
            skm.balanced_accuracy_score(y, predicted, **arguments)
        )
        assert metrics.matthews_corrcoef(y, predicted, **arguments) == pytest.approx(
            skm.matthews_corrcoef(y, predicted, **arguments)
        )


@pytest.mark.parametrize("k", [2, 3, 7])
def test_probability_metrics_agree_with_scikit_learn(k):
    y, proba, _, weight = random_problem(3, k=k)
    for w in (None, weight):
        arguments = {"sample_weight": w}
        assert metrics.brier_score(y, proba, **arguments) == pytest.approx(
            skm.brier_score_loss(y, proba, scale_by_half=True, **arguments)
        )
        assert metrics.log_loss(y, proba, **arguments) == pytest.approx(skm.log_loss(y, proba, **arguments))
        scores = proba[:, 1] if k == 2 else proba
        assert metrics.roc_auc(y, proba, **arguments) == pytest.approx(
            skm.roc_auc_score(y, scores, multi_class="ovr", **arguments)
            if w is None or k == 2
            else np.mean([skm.roc_auc_score(y == c, proba[:, c], **arguments) for c in range(k)])
        )
        assert metrics.average_precision(y, proba, **arguments) == pytest.approx(
            skm.average_precision_score(y, scores, **arguments)
        )


def plain_ece(y, proba, n_bins):
    """Expected calibration error as its paper prints it, one bin after the other."""
    confidence, hit = proba.max(1), proba.argmax(1) == y
    total = 0.0
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        if inside.any():
            total += inside.mean() * abs(hit[inside].mean() - confidence[inside].mean())
    return total


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_calibration_error_is_the_paper_s(k, n_bins):
    y, proba, _, _ = random_problem(4, n=300, k=k)
    assert metrics.expected_calibration_error(y, proba, n_bins=n_bins) == pytest.approx(plain_ece(y, proba, n_bins))


def test_calibration_error_by_hand():
    # bin (.8, 1]: confidence .9 of three rows with two hits, and .8 belongs to (.6, .8], a hit
    error = metrics.expected_calibration_error([1, 1, 0, 0], [0.9, 0.9, 0.9, 0.2], n_bins=5)
    assert error == pytest.approx(3 / 4 * abs(2 / 3 - 0.9) + 1 / 4 * 0.2)


def test_log_loss_of_an_impossible_class_is_finite_as_in_scikit_learn():
    assert metrics.log_loss([0, 1], [0.0, 0.0]) == pytest.approx(skm.log_loss([0, 1], [0.0, 0.0]))


# Properties


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_integer_weights_are_repeated_rows(seed, k):
    y, proba, predicted, _ = random_problem(seed, n=25, k=k)
    weight = np.random.default_rng(seed).integers(0, 4, len(y))
    weight[:k] += 1  # at least a row with a weight
    again = np.repeat(np.arange(len(y)), weight)
    labels = np.arange(k)
    for score in LABEL_METRICS:
        weighted = score(y, predicted, labels=labels, sample_weight=weight)
        assert weighted == pytest.approx(score(y[again], predicted[again], labels=labels))
    for score in PROBA_METRICS:
        weighted = score(y, proba, labels=labels, sample_weight=weight)
        assert weighted == pytest.approx(score(y[again], proba[again], labels=labels), nan_ok=True)


def test_a_row_of_weight_zero_brings_no_class():
    assert metrics.macro_f1_score([0, 1, 2], [0, 1, 0], sample_weight=[1, 1, 0]) == 1
    assert metrics.brier_score([0, 1, 2], [0.0, 1.0, 0.5], sample_weight=[1, 1, 0]) == 0


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.permutations(range(4)))
def test_the_order_of_the_labels_is_the_order_of_the_columns(seed, order):
    y, proba, predicted, _ = random_problem(seed, k=4)
    names = np.array(["w", "x", "y", "z"])
    for score in PROBA_METRICS:
        value = score(names[y], proba[:, order], labels=names[order])
        expected = score(y, proba)
        assert value == pytest.approx(expected[order] if np.ndim(expected) else expected)
    for score in LABEL_METRICS:
        assert score(names[y], names[predicted], labels=names[order]) == pytest.approx(score(y, predicted))


@pytest.mark.parametrize("score", PROBA_METRICS)
def test_one_dimension_is_the_probability_of_the_second_label(score):
    y, proba, _, _ = random_problem(5, k=2)
    assert score(y, proba[:, 1]) == pytest.approx(score(y, proba))
    flipped = score(y, proba[:, 0], labels=[1, 0])
    if score is not metrics.average_precision:  # the one that depends on which class is the positive one
        assert np.sort(np.ravel(flipped)) == pytest.approx(np.sort(np.ravel(score(y, proba))))
    else:
        assert flipped == pytest.approx(skm.average_precision_score(y == 0, proba[:, 0]))


@pytest.mark.parametrize("names", [["n", "p"], [-1, 1], [False, True], [1, 2]])
def test_labels_of_any_type(names):
    y, proba, predicted, _ = random_problem(6, k=2)
    named = np.array(names)
    for true, guess in [(named[y], named[predicted]), (pd.Series(named[y]), list(named[predicted]))]:
        for score in LABEL_METRICS:
            assert score(true, guess) == score(y, predicted)
        for score in PROBA_METRICS:
            assert np.all(score(true, proba) == score(y, proba))


def test_stacked_matrices_are_scored_one_by_one():
    stack = np.random.default_rng(0).integers(0, 5, (4, 2, 3, 3)) + np.eye(3)
    together = metrics.counts_summary(stack)
    for place in np.ndindex(4, 2):
        alone = metrics.counts_summary(stack[place])
        assert {name: value[place].tolist() for name, value in together.items()} == {
            name: value.tolist() for name, value in alone.items()
        }


def test_scores_of_labels_are_those_of_their_confusion_matrix():
    y, _, predicted, _ = random_problem(7)
    summary = metrics.counts_summary(skm.confusion_matrix(y, predicted))
    assert summary["g_mean"] == metrics.g_mean(y, predicted)
    assert summary["macro_f1"] == metrics.macro_f1_score(y, predicted)
    assert summary["balanced_accuracy"] == metrics.balanced_accuracy(y, predicted)
    assert summary["matthews_corrcoef"] == metrics.matthews_corrcoef(y, predicted)
    assert summary["accuracy"] == skm.accuracy_score(y, predicted)


# Absent classes and traps


def test_an_absent_class_is_left_out_of_recalls_and_counted_as_zero_f1():
    y, predicted = [0, 0, 1, 1], [0, 0, 1, 0]
    assert metrics.g_mean(y, predicted, labels=[0, 1, 2]) == pytest.approx(np.sqrt(0.5))
    assert metrics.balanced_accuracy(y, predicted, labels=[0, 1, 2]) == 0.75
    with_it = metrics.macro_f1_score(y, predicted, labels=[0, 1, 2])
    assert with_it == pytest.approx(2 / 3 * metrics.macro_f1_score(y, predicted))
    summary = metrics.counts_summary([[2, 0, 0], [1, 1, 0], [0, 0, 0]])
    assert np.isnan(summary["recall"][2])
    assert summary["undefined"] == 2  # precision and F1 of the absent class


def test_a_class_predicted_without_true_rows_does_not_make_the_g_mean_zero():
    assert metrics.g_mean([0, 0, 1, 1], [0, 2, 1, 1]) == pytest.approx(np.sqrt(0.5))


def test_weights_that_do_not_sum_exactly_leave_an_undefined_correlation_zero():
    assert metrics.matthews_corrcoef([0, 0, 1], [0, 0, 0], sample_weight=[0.1, 0.2, 0.7]) == 0


def test_ranking_averages_over_the_classes_present():
    y = np.array([0, 0, 1, 1])
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1]])
    expected = np.mean([skm.roc_auc_score(y == c, proba[:, c]) for c in (0, 1)])
    assert metrics.roc_auc(y, proba, labels=[0, 1, 2]) == pytest.approx(expected)
    expected = np.mean([skm.average_precision_score(y == c, proba[:, c]) for c in (0, 1)])
    assert metrics.average_precision(y, proba, labels=[0, 1, 2]) == pytest.approx(expected)


@pytest.mark.parametrize("score", [metrics.average_precision, metrics.roc_auc])
def test_ranking_rows_of_one_class_is_undefined(score):
    with pytest.warns(UndefinedMetricWarning, match="all rows are of one class"):
        assert np.isnan(score([0, 0], [0.1, 0.2], labels=[0, 1]))


@pytest.mark.parametrize("score", [metrics.average_precision, metrics.roc_auc])
@pytest.mark.parametrize("hard", [[0, 1, 1], [False, True, True], [[1, 0], [0, 1], [0, 1]]])
def test_hard_labels_are_not_scores(score, hard):
    with pytest.raises(TypeError, match="ranks rows by scores of type float"):
        score([0, 1, 0], hard)


def test_scores_need_not_be_probabilities():
    y, score = [0, 0, 1, 1], [-3.0, 2.5, 1.0, 40.0]
    assert metrics.roc_auc(y, score) == skm.roc_auc_score(y, score)
    assert metrics.average_precision(y, score) == skm.average_precision_score(y, score)


def test_single_precision_rounding_is_accepted_and_removed():
    proba = np.full((3, 3), 1 / 3, dtype=np.float32) * np.float32(1.0002)
    assert metrics.brier_score([0, 1, 2], proba) == pytest.approx(1 / 3, abs=1e-12)


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.g_mean([0, 1], [0, 1, 1]), "inconsistent numbers of samples"),
        (
            lambda: metrics.g_mean([0, 1], [0, 2], labels=[0, 1]),
            r"y_pred must be .* labels=\[0, 1\], got 2;",
        ),
        (lambda: metrics.g_mean([0, 1], [0, 1], labels=[0, 1, 1]), "each class once"),
        (lambda: metrics.g_mean(["a", "b"], [0, 1]), "of one kind, got numbers and text"),
        (lambda: metrics.g_mean([0, 1], [0, 1], sample_weight=[1, -1]), "sample_weight must hold"),
        (lambda: metrics.g_mean([0, 1], [0, 1], sample_weight=[0, 0]), "not only zeros"),
        (lambda: metrics.g_mean([0, 1], [0, 1], sample_weight=[1, np.nan]), "sample_weight must hold"),
        (lambda: metrics.g_mean([], []), "0 rows"),
        (lambda: metrics.brier_score([0, 1, 2], [0.1, 0.2, 0.3]), "column for each of the 3 classes"),
        (lambda: metrics.brier_score([0, 0], [0.1, 0.2]), "pass labels"),
        (lambda: metrics.brier_score([0, 2], [0.1, 0.2], labels=[0, 1]), "y_true must be one of"),
        (lambda: metrics.brier_score([0, 1], [0.1, 1.2]), "probabilities that sum to 1"),
        (lambda: metrics.brier_score([0, 1], [[0.5, 0.4], [0.5, 0.5]]), "sums from 0.9 to 1"),
        (lambda: metrics.brier_score([0, 1], [0.5, np.nan]), "NaN or infinite"),
        (lambda: metrics.brier_score([0, 1], 0.5), r"shape \(n,\) or \(n, K\)"),
        (lambda: metrics.roc_auc([0, 1], [0.5, np.inf]), "NaN or infinite"),
        (
            lambda: metrics.expected_calibration_error([0, 1], [0.5, 0.5], n_bins=0),
            "n_bins must be",
        ),
        (lambda: metrics.counts_summary([[1, 2, 3], [4, 5, 6]]), r"got \(2, 3\)"),
        (lambda: metrics.counts_summary([[1, -2], [3, 4]]), "not negative"),
        (lambda: metrics.counts_summary(np.zeros((2, 2))), "not all 0"),
        (lambda: metrics.at_prevalence(0.5, 0.5, 1.5), "p=1.5"),
        (lambda: metrics.deo([0, 1], [0, 1], ["a", None]), "groups must not have missing values, got 1"),
        (lambda: metrics.g_mean([0.0, np.nan], [0, 1]), "y_true must not have missing values, got 1"),
        (lambda: metrics.macro_f1_score(["a", "b"], ["a", None]), "y_pred must not have missing values"),
        (lambda: metrics.deo([0, 1], ["0", "1"], ["a", "b"]), "of one kind, got numbers and text"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


LABELS = {
    "numbers": lambda y: y,
    "a column": lambda y: y[:, None],
    "truth values": lambda y: y.astype(bool),
    "truth values as objects": lambda y: y.astype(bool).astype(object),
    "a list": lambda y: y.tolist(),
    "small numbers": lambda y: y.astype(np.uint8),
    "big-endian numbers": lambda y: y.astype(">i4"),
    "floats": lambda y: y.astype(np.float32),
    "objects": lambda y: y.astype(object),
    "a series": lambda y: pd.Series(y, index=np.arange(len(y)) + 7),
    "nullable numbers": lambda y: pd.Series(y, dtype="Int64"),
    "nullable truth values": lambda y: pd.Series(y.astype(bool), dtype="boolean"),
    "categories": lambda y: pd.Series(pd.Categorical(y)),
    "polars": lambda y: pl.Series(y),
    "a tensor": lambda y: torch.tensor(y),
    "a truthful tensor": lambda y: torch.tensor(y, dtype=torch.bool),
}


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=12),
    st.sampled_from(sorted(LABELS)),
    st.sampled_from(sorted(LABELS)),
)
@settings(max_examples=150)
def test_labels_in_any_container_against_any_other(pairs, of_true, of_predicted):
    y, predicted = np.array(pairs).T
    given_y, given_predicted = LABELS[of_true](y), LABELS[of_predicted](predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = f1_score(y, predicted, average="macro", zero_division=0)
        assert metrics.macro_f1_score(given_y, given_predicted) == pytest.approx(expected)
        assert metrics.g_mean(given_y, given_predicted) == metrics.g_mean(y, predicted)
        assert metrics.matthews_corrcoef(given_y, given_predicted) == metrics.matthews_corrcoef(y, predicted)
        recalls = metrics.balanced_accuracy(given_y, given_predicted, labels=[0, 1])
        assert recalls == metrics.balanced_accuracy(y, predicted)
        cells = metrics.cell_errors(given_y, given_predicted, LABELS[of_predicted](1 - y))
        np.testing.assert_array_equal(cells, metrics.cell_errors(y, predicted, 1 - y))
        proba = torch.tensor(np.linspace(0.1, 0.9, len(y)), requires_grad=True)
        brier = metrics.brier_score(given_y, proba, labels=[False, True])
        assert brier == metrics.brier_score(y, proba.detach().numpy(), labels=[0, 1])
