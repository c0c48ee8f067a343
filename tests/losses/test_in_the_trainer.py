"""The losses at work: replicas of other class counts train as one stack, under mixing and early stopping."""

from functools import partial

import numpy as np
import pytest
import torch

from equipoise import (
    CDTLoss,
    ClassBalancedLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    MixUp,
    NeuralClassifier,
    VSLoss,
)
from equipoise.classifiers.scores import SCORES
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.stacks import plan_stacks

LOSSES = {
    "la": LogitAdjustedLoss,
    "cdt": CDTLoss,
    "vs": partial(VSLoss, tau=1.2),
    "class-balanced": ClassBalancedLoss,
    "focal": FocalLoss,
    "ldam": partial(LDAMLoss, max_m=15.0, s=1.0),
}
each_loss = pytest.mark.parametrize("name", LOSSES)
QUICK = {
    "network": (8,),
    "max_steps": 60,
    "epoch_steps": 10,
    "batch_size": 16,
    "dtype": "float64",
    "learning_rate": 0.05,
}


@each_loss
@pytest.mark.parametrize("mixed", [False, True], ids=["indices", "probabilities"])
def test_a_stack_of_other_class_counts_is_its_replicas(name, mixed, problem):
    settings = Settings(
        **QUICK,
        loss=LOSSES[name],
        head="cosine" if name == "ldam" else "linear",
        patience=1,
        batch_transform=MixUp(alpha=0.5) if mixed else None,
        early_stopping=SCORES["log_loss"],
    )
    held = np.arange(60) % 3 == 0
    tasks = []
    for seed, counts in enumerate([(54, 6), (30, 30), (12, 48)]):
        table = Table(*problem(counts, seed=seed), n_classes=2)
        tasks.append(Task(table, seed, settings, np.flatnonzero(~held), validation_rows=np.flatnonzero(held)))
    assert len(plan_stacks(tasks)) == 1
    for network, task in zip(fit(tasks), tasks):
        alone = fit([task])[0]
        assert network.n_steps == alone.n_steps
        for part, value in alone.weights.items():
            np.testing.assert_allclose(network.weights[part], value, rtol=1e-6, atol=1e-9)


@each_loss
def test_a_classifier_learns(name, problem):
    X, y = problem((90, 10), apart=4.0)
    network = "cosine_mlp" if name == "ldam" else "mlp"
    quick = {"network": network, "max_steps": 150, "hidden_layer_sizes": (16,), "random_state": 0}
    classifier = NeuralClassifier(loss=LOSSES[name], **quick).fit(X, y)
    recalls = [(classifier.predict(X) == label)[y == label].mean() for label in (0, 1)]
    assert min(recalls) > 0.8
    assert classifier.predict_proba(X)[y == 1, 1].mean() > 0.65  # its probabilities, too


@pytest.mark.parametrize("name", ["la", "vs", "class-balanced"])
def test_losses_that_correct_for_counts_give_balanced_probabilities(name, problem):
    """Classes that cannot be told apart: one half, whatever their shares."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 2)) * 1e-3, np.arange(400) % 10 == 0
    quick = {
        "max_steps": 400,
        "hidden_layer_sizes": (4,),
        "standardize": False,
        "random_state": 0,
        "batch_size": 100,
        "learning_rate": 0.03,
        "weight_decay": 0.0,
    }
    loss = partial(VSLoss, gamma=0.0) if name == "vs" else LOSSES[name]
    mean = NeuralClassifier(loss=loss, **quick).fit(X, y).predict_proba(X)[:, 1].mean()
    plain = NeuralClassifier(**quick).fit(X, y).predict_proba(X)[:, 1].mean()
    assert plain == pytest.approx(0.1, abs=0.02)
    assert mean == pytest.approx(0.5, abs=0.06)


def test_the_order_of_classes_and_labels_does_not_matter(problem):
    """A rare class of code 0: counts are by class, not by rank."""
    X, y = problem((90, 10), apart=1.0)
    quick = {"max_steps": 150, "hidden_layer_sizes": (16,), "random_state": 0}
    for loss in (LogitAdjustedLoss, VSLoss, ClassBalancedLoss):
        plain, treated = (NeuralClassifier(loss=each, **quick).fit(X, 1 - y) for each in ("cross_entropy", loss))
        assert treated.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean() + 0.05


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each_loss
def test_on_a_gpu_as_on_the_cpu(name, problem):
    settings = {"loss": LOSSES[name], "head": "cosine" if name == "ldam" else "linear", **QUICK}
    task, twin = (
        Task(Table(*problem(), n_classes=2), 0, Settings(**settings, device=device)) for device in ("cpu", "cuda")
    )
    for network, other in zip(fit([task]), fit([twin])):
        for part, value in network.weights.items():
            np.testing.assert_allclose(other.weights[part], value, rtol=1e-4, atol=1e-6)
