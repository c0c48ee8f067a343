"""The best reading of each fold, chosen and learned on other folds only; nested choices worked out again."""

import numpy as np
import pytest
from scipy.special import expit, logit

from equipoise.decisions import correct_prior, decide, tune_offsets
from equipoise.experiments import METRICS
from equipoise.experiments.best import AtBest, candidates
from equipoise.experiments.readings import Readings, balancing_weights, calibration_for, offsets_for
from equipoise.experiments.statistics import Interval, within
from equipoise.experiments.store import Cell, StoredFold


@pytest.fixture
def answers():
    """Four folds of one repeat: probabilities that know of the class, under other class priors than the rows'."""
    rng = np.random.default_rng(0)
    folds, cells = [], []
    for number in range(4):
        codes = np.repeat([0, 1], [80, 20])
        second = expit(1.5 * (2 * codes - 1) + rng.normal(size=100) - 1.0)
        proba = np.column_stack([1 - second, second]).astype(np.float32)
        folds.append(StoredFold(0, number, 0, np.arange(100), codes, [240, 60], [80, 20], [240.0, 60.0], None))
        cells.append(Cell("gbdt", 0, number, 1.0, proba, None, priors=[0.5, 0.5]))
    return Readings(cells, folds, 1), folds, cells


def test_the_choice_is_that_of_the_other_folds_by_the_remaining_ones(answers):
    readings, folds, cells = answers
    metric = METRICS["g_mean"]
    best = AtBest(readings, metric)
    for f, cell in enumerate(cells):
        means = []
        for reading in ("as decided", "prior-corrected", "threshold-tuned"):
            scores = []
            for g in set(range(4)) - {f}:
                proba, codes = cells[g].probabilities, folds[g].test_codes
                if reading == "prior-corrected":
                    decided = correct_prior(proba, [0.5, 0.5], [0.5, 0.5]).argmax(axis=1)
                elif reading == "threshold-tuned":
                    rest = [h for h in range(4) if h not in (f, g)]
                    joined = np.concatenate([folds[h].test_codes for h in rest])
                    offsets = tune_offsets(
                        joined, np.concatenate([cells[h].probabilities for h in rest]), metric="g_mean"
                    )
                    decided = decide(proba, offsets)
                else:
                    decided = proba.argmax(axis=1)
                recalls = [np.mean(decided[codes == k] == k) for k in (0, 1)]
                scores.append(np.sqrt(np.prod(recalls)))
            means.append(np.mean(scores))
        expected = ("as decided", "prior-corrected", "threshold-tuned")[int(np.argmax(np.round(means, 12)))]
        assert best.of(cell)[0] == expected


@pytest.mark.parametrize("metric", ["g_mean", "log_loss", "balanced_brier"])
def test_the_labels_of_a_fold_have_no_part_in_its_reading(answers, metric):
    readings, folds, cells = answers
    for f, cell in enumerate(cells):
        before = AtBest(readings, METRICS[metric]).of(cell)[0]
        hidden = [
            StoredFold(**{**vars(fold), "test_codes": 1 - fold.test_codes}) if fold.fold == f else fold
            for fold in folds
        ]
        blind = Readings(cells, hidden, 1)
        assert AtBest(blind, METRICS[metric]).of(cell)[0] == before
        np.testing.assert_array_equal(blind.offsets(cell, "g_mean"), readings.offsets(cell, "g_mean"))
        np.testing.assert_array_equal(
            blind.calibration(cell, METRICS[metric]).intercepts, readings.calibration(cell, METRICS[metric]).intercepts
        )


def test_calibration_wins_the_log_loss_of_distorted_probabilities(answers):
    readings, _, cells = answers
    for cell in cells:
        sharp = cell.probabilities.astype(float) ** 4
        cell.__dict__.update(probabilities=(sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32))
    best = AtBest(readings, METRICS["log_loss"])
    found = [best.of(cell) for cell in cells]
    assert {reading for reading, _ in found} == {"calibrated"}
    as_decided = [readings.score(cell, METRICS["log_loss"], "as decided") for cell in cells]
    assert np.mean([score for _, score in found]) < np.mean(as_decided)
    assert best.overall("gbdt") == "calibrated"


def test_two_folds_choose_on_the_other_one(answers):
    _, folds, cells = answers
    readings = Readings(cells[:2], folds[:2], 1)
    assert AtBest(readings, METRICS["g_mean"]).of(cells[0])[0] in candidates(METRICS["g_mean"], 2)


def test_a_class_that_is_thinned_counts_as_before(monkeypatch):
    """Every second row of a large class with weight two tells about the same as all of them."""
    rng = np.random.default_rng(1)
    codes = np.repeat([0, 1], [6000, 1000])
    second = expit(1.5 * (2 * codes - 1) + rng.normal(size=7000))
    proba = np.column_stack([1 - second, second])
    whole = offsets_for("macro_f1", codes, proba), calibration_for(METRICS["log_loss"], codes, proba)
    monkeypatch.setattr("equipoise.experiments.readings._MOST_OF_A_CLASS", 3000)
    thinned = offsets_for("macro_f1", codes, proba), calibration_for(METRICS["log_loss"], codes, proba)
    assert thinned[0][1] == pytest.approx(whole[0][1], abs=0.3)
    np.testing.assert_allclose(thinned[1].intercepts, whole[1].intercepts, atol=0.1)


def test_balancing_weights_give_each_class_the_same_sum():
    codes = np.repeat([0, 2], [6, 3])
    weights = balancing_weights(codes)
    assert weights[codes == 0].sum() == pytest.approx(weights[codes == 2].sum()) == pytest.approx(4.5)


@pytest.mark.parametrize("mean", [0.02, 0.5, 0.97])
def test_an_interval_stays_in_bounds_and_is_wide_as_before_in_the_middle(mean):
    _, low, high = within(Interval(mean, mean - 0.1, mean + 0.1), 0, 1)
    assert 0 < low < mean < high < 1
    assert (logit(low) + logit(high)) / 2 == pytest.approx(logit(mean))
    if mean == 0.5:
        assert (low, high) == pytest.approx((0.4, 0.6), abs=0.002)


def test_other_bounds():
    mean, low, high = within(Interval(0.1, -0.1, 0.3), 0, np.inf)
    assert 0 < low < mean < high and low * high == pytest.approx(mean**2)
    assert within(Interval(1.0, 1.0, 1.0), 0, 1) == (1.0, 1.0, 1.0)
    assert within(Interval(0.2, -0.3, 0.7), -np.inf, np.inf) == pytest.approx((0.2, -0.3, 0.7))
    assert within(Interval(0.2, -1.3, 1.7), -1, 1).low > -1
