"""Losses with tuned strengths: chosen on the rows that AutoBalance would set aside, then trained on all."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import make_classification

from equipoise import AutoBalance, NeuralClassifier, VSLoss, metrics
from equipoise.training import FittedEnsemble, fit
from equipoise_reproductions.autobalance.tuned import TunedLossClassifier

QUICK = {"max_steps": 60, "n_members": 2, "random_state": 3}


@pytest.fixture(scope="module")
def rows():
    X, y = make_classification(500, 6, n_informative=4, n_classes=3, weights=[0.75, 0.2], flip_y=0.1, random_state=1)
    return X.astype(np.float32), y


def by_hand(X, y, pair):
    """Mean over members of the balanced error on the rows that choose, each trained on the others."""
    errors = []
    for task in NeuralClassifier(standardize=False, **QUICK).prepare(X, y).tasks:
        train, chooses = AutoBalance().split(y, task.seed)
        settings = replace(task.settings, loss=partial(VSLoss, tau=pair[0], gamma=pair[1]))
        network = fit([replace(task, rows=train, settings=settings)])
        predicted = FittedEnsemble(network, np.unique(y)).predict(X[chooses])
        errors.append(1 - metrics.balanced_accuracy(y[chooses], predicted))
    return np.mean(errors)


def test_it_chooses_what_does_best_where_autobalance_would_look(rows):
    X, y = rows
    taus, gammas = (0.0, 1.0, 4.0), (0.0, 0.3)
    model = TunedLossClassifier(taus=taus, gammas=gammas, **QUICK).fit(X, y)
    errors = {(tau, gamma): by_hand(X, y, (tau, gamma)) for tau in taus for gamma in gammas}
    assert errors[model.tau_, model.gamma_] == pytest.approx(min(errors.values()))
    assert max(errors.values()) > min(errors.values())


def test_it_predicts_as_the_loss_that_was_chosen_trains_on_all_rows(rows):
    X, y = rows
    model = TunedLossClassifier(taus=(1.5,), gammas=(0.2,), **QUICK).fit(X, y)
    same = NeuralClassifier(loss=partial(VSLoss, tau=1.5, gamma=0.2), standardize=False, **QUICK).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), same.predict_proba(X), atol=1e-4)
    assert (model.predict(X) == model.classes_[model.predict_proba(X).argmax(axis=1)]).all()
