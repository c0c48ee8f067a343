"""Searches with one share of validation rows or another: what is looked at, and on which rows."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import balanced_accuracy_score, zero_one_loss

from equipoise import ParametricCrossEntropy
from equipoise_reproductions.autobalance import splits
from equipoise_reproductions.autobalance.splits import Effort, Networks, Rows, search_course

from .conftest import digits, fold, people

BRIEF = Effort(n_seeds=2, n_steps=20, n_looks=2)


def test_unfairness_of_classes_and_of_groups():
    rng = np.random.default_rng(0)
    rows = Rows(digits(), fold(1797))
    decided, part = rng.integers(0, 10, len(rows.y)), np.arange(300)
    assert rows.unfairness(decided[part], part) == pytest.approx(
        1 - balanced_accuracy_score(rows.y[part], decided[part])
    )
    group = people().groups
    rows = Rows(people(), fold(600))
    decided = rng.integers(0, 2, 300)
    errors = MetricFrame(
        metrics=zero_one_loss,
        y_true=rows.y_test,
        y_pred=decided,
        control_features=rows.y_test,
        sensitive_features=group[fold(600).test],
    )
    assert rows.unfairness(decided, None) == pytest.approx(errors.difference().sum())
    assert rows.counts(np.arange(300)).tolist() == [
        [int(((rows.y == k) & (rows.groups == g)).sum()) for g in (0, 1)] for k in (0, 1)
    ]


def test_a_network_learns_and_a_seed_is_its_own():
    rows = Rows(digits(), fold(1797))
    whole = np.arange(len(rows.y))
    decided = []
    for seeds in ([0, 1], [1]):
        networks = Networks(rows, seeds, 150)
        for _ in networks.train(ParametricCrossEntropy(), [whole] * len(seeds)):
            pass
        decided.append(networks.decide(rows.X_test)[-1])
    assert (decided[0] == decided[1]).mean() > 0.99
    assert rows.unfairness(decided[0], None) < 0.1


@pytest.mark.parametrize("grouped", [False, True])
def test_a_course_looks_at_every_side(grouped):
    rows = Rows(people(), fold(600)) if grouped else Rows(digits(), fold(1797))
    looks = search_course(rows, 0.25, ("offset", "delta"), BRIEF)
    assert looks["value"].between(0, 2 if grouped else 1).all()
    per_side = looks.groupby(["side", "seed"])["step"].apply(list)
    assert set(looks["side"]) == {*splits.SIDES, splits.RETRAINED}
    assert all(per_side[side, seed] == [10, 20] for side in splits.SIDES for seed in (0, 1))
    assert per_side[splits.RETRAINED, 0] == [20]


def test_searches_are_kept(stand_ins, tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "SHARES", {"1/4": 0.25})
    monkeypatch.setattr(splits, "SEARCHED", {"l": ("offset",)})
    first = splits.courses(tmp_path, splits.QUICK, lambda *news: None)
    assert first.groupby(["set", "fairness"]).ngroups == 2 and set(first["share"]) == {"1/4"}
    monkeypatch.setattr(splits, "search_course", None)  # nothing is searched again
    assert splits.courses(tmp_path, splits.QUICK, lambda *news: None).equals(first)
