"""AutoClassifier under a time limit: what is given up, in which order, and the warning."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from equipoise import AutoClassifier
from equipoise.classifiers.auto_time import FEWEST_STEPS, Costs, Plan, plan_within

KINDS = AutoClassifier.kinds
WHOLE = Plan(8, KINDS, 1000)
COSTS = Costs(inputs=1.0, steps=dict.fromkeys(KINDS, 0.01))


def seconds_for(n_folds, kinds, steps):
    """The time in which a plan just fits: four fifths of it are for folds and steps."""
    return (n_folds * 1.0 + n_folds * sum(kind.share_of_steps for kind in kinds) * steps * 0.01) / 0.8 + 1e-6


def test_much_time_is_the_whole_plan():
    assert plan_within(1e9, WHOLE, COSTS) == WHOLE


@pytest.mark.parametrize(
    "n_folds, kinds", [(8, KINDS), (4, KINDS), (4, KINDS[:2]), (2, KINDS[:2]), (2, KINDS[1:2])], ids=str
)
def test_steps_are_given_up_before_folds_and_kinds(n_folds, kinds):
    plan = plan_within(seconds_for(n_folds, kinds, 300), WHOLE, COSTS)
    assert plan == Plan(n_folds, kinds, 300)
    assert plan_within(seconds_for(n_folds, kinds, 299), WHOLE, COSTS) != plan


def test_the_fewest_steps_are_made_in_any_time():
    assert plan_within(0.0, WHOLE, COSTS) == Plan(2, KINDS[1:2], FEWEST_STEPS)
    assert plan_within(-5.0, replace(WHOLE, steps=7), COSTS) == Plan(2, KINDS[1:2], 7)  # never more than asked for


def test_few_folds_stay_few():
    assert plan_within(0.0, replace(WHOLE, n_folds=2), COSTS).n_folds == 2
    assert plan_within(1e9, replace(WHOLE, n_folds=3), COSTS).n_folds == 3


@pytest.mark.parametrize("counts, n_features", [((950, 50), 40), ((400, 6), 4), ((200, 60, 12), 6)])
def test_no_time_still_gives_probabilities_of_about_the_class_priors(counts, n_features, problem):
    X, y = problem(counts, n_features=n_features, apart=2.5)
    with pytest.warns(UserWarning, match=r"allow 2 folds, 1 kind\(s\).*100 gradient steps.*Raise max_time"):
        model = AutoClassifier(max_time=0.01, random_state=0).fit(X, y)
    assert set(model.n_steps_) == {FEWEST_STEPS} and len(model.fold_ensembles_) == 2
    proba, priors = model.predict_proba(X), np.bincount(y) / len(y)
    np.testing.assert_allclose(proba.mean(axis=0), priors, rtol=0.5)
    if len(counts) == 2:
        assert roc_auc_score(y, proba[:, 1]) > 0.8
    assert model.fold_inputs_[0].encoder_ is None  # codes that no network sees are not made


@pytest.mark.usefixtures("few_trees")
def test_ample_time_changes_nothing(problem):
    X, y = problem()
    plain, limited = (
        AutoClassifier(max_steps=5, random_state=0),
        AutoClassifier(max_steps=5, max_time=1000, random_state=0),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert limited.fit(X, y).predict_proba(X).tobytes() == plain.fit(X, y).predict_proba(X).tobytes()
