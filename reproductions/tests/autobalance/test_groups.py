"""Groups: what is scored, beside fairlearn's metrics, and that a search by group is fairer than none."""

from functools import partial

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, equalized_odds_difference, false_positive_rate, true_positive_rate
from sklearn.metrics import zero_one_loss

from equipoise import metrics
from equipoise.experiments.splits import StratifiedFolds
from equipoise.experiments.store import Store
from equipoise_reproductions.autobalance import scores
from equipoise_reproductions.autobalance.arms import GROUPS, CellWeighted, blend
from equipoise_reproductions.study import Effort, Study

from .conftest import people

SHOWN = [arm for arm in GROUPS if arm.name in ("none", "cells", blend(0.5))]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder, data = tmp_path_factory.mktemp("groups"), people(1000)
    effort = Effort(n_folds=2, n_members=1, most_steps=120)
    ungrouped = partial(StratifiedFolds, grouped=False)
    Study({"adult": lambda: data}, SHOWN, effort, splits=ungrouped, stacked=False).run(folder)
    return folder / "adult.sqlite", data.groups


def test_arms_are_run_on_every_fold(stored):
    with Store(stored[0]) as store:
        assert {cell.key for cell in store.cells()} == {(arm.name, 0, fold) for arm in SHOWN for fold in (0, 1)}
        assert not any(cell.error for cell in store.cells())


def test_scores_are_fairlearns(stored):
    path, group = stored
    found = scores.group_scores(path, group).set_index(["method", "fold"])
    with Store(path) as store:
        folds = {fold.fold: fold for fold in store.folds()}
        for cell in store.cells():
            fold, decided = folds[cell.fold], cell.probabilities.argmax(axis=1)
            y, sensitive = fold.test_codes, group[fold.test_rows]
            rates = MetricFrame(
                metrics={"tpr": true_positive_rate, "fpr": false_positive_rate},
                y_true=y,
                y_pred=decided,
                sensitive_features=sensitive,
            )
            ours, apart = found.loc[(cell.arm, cell.fold)], rates.difference()
            assert ours["deo"] == pytest.approx(apart.sum())
            odds = equalized_odds_difference(y, decided, sensitive_features=sensitive)
            assert ours["deo"] / 2 <= odds + 1e-12 and odds <= ours["deo"] + 1e-12
            errors = MetricFrame(
                metrics=zero_one_loss, y_true=y, y_pred=decided, sensitive_features=sensitive, control_features=y
            )
            assert ours["worst"] == pytest.approx(errors.by_group.max())
            assert ours["cells"] == pytest.approx(errors.by_group.mean())
            assert metrics.deo(y, decided, sensitive) == pytest.approx(errors.difference().sum())


def test_a_search_by_group_is_fairer_than_none(stored):
    means = scores.group_scores(*stored).groupby("method").mean()
    assert means.loc[blend(0.5), "deo"] < means.loc["none", "deo"]
    assert means.loc[blend(0.5), "worst"] < means.loc["none", "worst"]


def test_weights_by_cell():
    data = people(200)
    group = data.groups
    X, y = data.X.to_numpy(dtype=np.float32), (data.y == "yes").to_numpy().astype(int)
    quick = {"max_steps": 30, "standardize": False, "random_state": 0}
    model = CellWeighted(**quick).fit(X, y, groups=group)
    counts = {(k, g): ((y == k) & (group == g)).sum() for k in (0, 1) for g in ("few", "many")}
    weights = np.array([200 / (4 * counts[pair]) for pair in zip(y, group, strict=True)])
    by_hand = type(model).__bases__[0](**quick).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.predict_proba(X), by_hand.predict_proba(X), atol=1e-6)
