"""Deferred re-weighting: when the weights change, of which losses, and in the trainer."""

import copy
import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from equipoise import (
    CDTLoss,
    ClassBalancedLoss,
    DeferredReweighting,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    NeuralClassifier,
    ParametricCrossEntropy,
    VSLoss,
)
from equipoise.classifiers.scores import SCORES
from equipoise.losses import class_balanced_weights, row_losses
from equipoise.losses.base import TwiceCorrectedWarning
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.stacks import plan_stacks

COUNTS = [50, 900, 7, 43]
LOSSES = [LogitAdjustedLoss, CDTLoss, VSLoss, LDAMLoss, FocalLoss, partial(LDAMLoss, max_m=15.0, s=1.0)]


def of_mean_one(weights):
    """Weights whose mean over the training rows is 1."""
    rows = torch.tensor(COUNTS)
    return weights / ((rows * weights).sum() / rows.sum())


def weighted(loss):
    """The loss with class-balanced weights from the start."""
    loss = copy.deepcopy(loss)
    loss.w = of_mean_one(class_balanced_weights(COUNTS))
    return loss


@pytest.mark.parametrize("soft", [False, True], ids=["indices", "probabilities"])
@pytest.mark.parametrize("kind", LOSSES)
def test_plain_until_the_start_and_weighted_from_then_on(kind, soft, batch):
    logits, target = batch(soft=soft)
    loss, plain = DeferredReweighting(kind, COUNTS, start=160 / 200), kind(COUNTS)
    for epoch in range(200):
        loss.set_progress(epoch / 200)
        expected = plain if epoch < 160 else weighted(plain)
        torch.testing.assert_close(loss(logits, target), expected(logits, target))
    assert not torch.isclose(plain(logits, target), weighted(plain)(logits, target))


def test_weights_of_the_loss_itself_are_what_is_deferred(batch):
    logits, target = batch()
    loss = DeferredReweighting(partial(ClassBalancedLoss, beta=0.9), COUNTS, start=0.5)
    torch.testing.assert_close(loss(logits, target), ParametricCrossEntropy()(logits, target))
    loss.set_progress(0.5)
    expected = ParametricCrossEntropy(w=of_mean_one(class_balanced_weights(COUNTS, beta=0.9)))
    torch.testing.assert_close(loss(logits, target), expected(logits, target))


@pytest.mark.parametrize("kind", [*LOSSES, ClassBalancedLoss, lambda counts: FocalLoss(w=[0.1, 0.2, 5.0, 9.0])])
def test_the_scale_of_the_loss_stays_at_the_switch(kind):
    """Of rows as they come, with a loss that is the same for every row, it does not change at all."""
    target = torch.arange(4).repeat_interleave(torch.tensor(COUNTS))
    loss = DeferredReweighting(kind, COUNTS)
    assert loss.weights[target].mean().item() == pytest.approx(1, rel=1e-5)
    by_replica = DeferredReweighting(VSLoss, [COUNTS, [1, 2, 3, 4]])
    assert torch.equal(by_replica.weights[0], DeferredReweighting(VSLoss, COUNTS).weights)


def test_replicas_have_weights_of_their_own(batch):
    counts = torch.tensor([COUNTS, [1, 2, 3, 4], [10, 10, 10, 10]])
    logits, target = batch(3)
    loss = DeferredReweighting(VSLoss, counts)
    for progress in (0.0, 1.0):
        loss.set_progress(progress)
        for replica in range(3):
            alone = DeferredReweighting(VSLoss, counts[replica])
            alone.set_progress(progress)
            torch.testing.assert_close(loss(logits, target)[replica], alone(logits[replica], target[replica]))


def test_a_saved_state_is_taken_up_on_either_side_of_the_start(batch):
    logits, target = batch()
    for progress in (0.1, 0.9):
        loss, other = (DeferredReweighting(LDAMLoss, counts) for counts in (COUNTS, [1, 1, 1, 1]))
        loss.set_progress(progress)
        other.load_state_dict(loss.state_dict())
        assert torch.equal(other(logits, target), loss(logits, target))


def test_a_loss_that_corrects_priors_is_told_to_correct_twice():
    """Weights of the loss itself are the ones that are deferred, and margins correct nothing."""
    for kind in (LogitAdjustedLoss, partial(VSLoss, tau=0.5)):
        with pytest.warns(TwiceCorrectedWarning, match=r"Loss corrects .* weights of DeferredReweighting"):
            DeferredReweighting(kind, COUNTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (LDAMLoss, FocalLoss, CDTLoss, ClassBalancedLoss):
            DeferredReweighting(kind, COUNTS)


def test_reduction_is_that_of_the_loss(batch):
    loss = DeferredReweighting(partial(LDAMLoss, reduction="sum"), COUNTS)
    assert loss.reduction == "sum"
    loss.reduction = "none"
    assert loss(*batch(2)).shape == (2, 6)


def test_what_does_not_serve_is_refused():
    with pytest.raises(ValueError, match=r"share of the run, 0 to 1, but start=160"):
        DeferredReweighting(LDAMLoss, COUNTS, start=160)
    loss = DeferredReweighting(LDAMLoss, COUNTS)
    for progress in (160, -0.1, float("nan"), "x", None, torch.tensor([0.1, 0.2])):
        said = re.escape(f"share of the run, 0 to 1, but is {progress!r}: give epoch / n_epochs")
        with pytest.raises(ValueError, match=said):
            loss.set_progress(progress)
    with pytest.raises(TypeError, match=r"WeightedLoss.*made a CrossEntropyLoss"):
        DeferredReweighting(lambda counts: nn.CrossEntropyLoss(), COUNTS)
    with pytest.raises(TypeError, match=r"a LDAMLoss already: give DeferredReweighting\(LDAMLoss, class_counts\)"):
        DeferredReweighting(LDAMLoss(COUNTS), COUNTS)
    for first in ("ldam", COUNTS, torch.zeros(2, 4)):
        with pytest.raises(TypeError, match=rf"is a {type(first).__name__}: give DeferredReweighting\(LDAMLoss, class"):
            DeferredReweighting(first, COUNTS)
    for kind in (FocalLoss, LDAMLoss, lambda counts: ParametricCrossEntropy()):
        with pytest.raises(ValueError, match=r"class_counts must hold one value a class.*\(4,\).*one output a class"):
            DeferredReweighting(kind, COUNTS)(torch.zeros(2, 3), torch.tensor([0, 1]))


def test_training_without_a_word_of_the_progress_is_told_once(batch):
    logits, target = batch()
    logits.requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.no_grad():
            DeferredReweighting(FocalLoss, COUNTS)(logits, target)
        DeferredReweighting(FocalLoss, COUNTS).eval()(logits, target)
        DeferredReweighting(FocalLoss, COUNTS, start=0.0)(logits, target)  # nothing is deferred
        told = DeferredReweighting(FocalLoss, COUNTS)
        told.set_progress(0.0)
        told(logits, target)
    loss = DeferredReweighting(FocalLoss, COUNTS)
    with pytest.warns(UserWarning, match=r"wait for a share 0.8 .*set_progress\(epoch / n_epochs\)") as warned:
        loss(logits, target)
        loss(logits, target)
    assert len(warned) == 1 and warned[0].filename == __file__


def test_the_trainer_reads_it_by_row_once_for_all_replicas(batch):
    counts = torch.tensor([COUNTS, [1, 2, 3, 4]])
    losses = row_losses(partial(DeferredReweighting, LDAMLoss, start=0.5), counts, torch.float64)
    logits, target = batch(2)
    expected = DeferredReweighting(partial(LDAMLoss, reduction="none"), counts)
    for progress in (0.0, 0.6, 0.2):
        losses.set_progress(progress)
        expected.set_progress(1.0 if progress >= 0.5 else 0.0)
        torch.testing.assert_close(losses(logits, target), expected(logits, target))


class Recorded(DeferredReweighting):
    """Notes what it is told at each call."""

    told = []

    def set_progress(self, progress):
        super().set_progress(progress)
        self.told.append(progress)


QUICK = {
    "network": (8,),
    "max_steps": 40,
    "epoch_steps": 10,
    "batch_size": 16,
    "dtype": "float64",
    "learning_rate": 0.02,
}


def tables(problem, n=3):
    return [Table(*problem((54 - 5 * seed, 6 + 5 * seed), seed=seed), n_classes=2) for seed in range(n)]


def test_the_trainer_tells_the_share_of_the_run_before_each_step(problem):
    Recorded.told.clear()
    fit([Task(tables(problem)[0], 0, Settings(**QUICK, loss=partial(Recorded, LogitAdjustedLoss)))])
    assert Recorded.told == [0.0] + [step / 40 for step in range(40)]


def weights(network):
    return np.concatenate([value.ravel() for value in network.weights.values()])


def test_weights_change_what_is_trained_from_their_step_on(problem):
    """Starts at steps 40 (never), 39, 30 and 0 of 40: the later, the nearer to the plain loss."""
    table = tables(problem)[0]
    plain = fit([Task(table, 0, Settings(**QUICK, loss=lambda counts: ParametricCrossEntropy()))])[0]
    starts = [1.0, 39 / 40, 30 / 40, 0.0]
    losses = [partial(DeferredReweighting, ClassBalancedLoss, start=start) for start in starts]
    deferred = fit([Task(table, 0, Settings(**QUICK, loss=loss)) for loss in losses])
    distances = [np.abs(weights(network) - weights(plain)).max() for network in deferred]
    assert distances[0] < 1e-12 < distances[1] < distances[2] < distances[3]
    w = class_balanced_weights(np.bincount(table.y))
    scaled = partial(ParametricCrossEntropy, w=w * len(table) / (w * np.bincount(table.y)).sum())
    always = fit([Task(table, 0, Settings(**QUICK, loss=lambda counts: scaled()))])[0]
    np.testing.assert_allclose(weights(deferred[3]), weights(always), rtol=1e-6)


def in_stack_and_alone(tasks):
    assert len(plan_stacks(tasks)) == 1
    return zip(fit(tasks), [fit([task])[0] for task in tasks])


EARLY, SMALL = {"early_stopping": SCORES["log_loss"], "patience": 2}, {"gradient_tolerance": 0.05}


@pytest.mark.parametrize("rules", [{}, SMALL, EARLY, EARLY | SMALL], ids=["none", "gradient", "score", "both"])
def test_a_replica_does_not_feel_its_neighbours(rules, problem):
    """Some stop early, the stack shrinks, and the others' weights still change at their step."""
    changes = {**QUICK, "max_steps": 120, "learning_rate": 0.05, **rules}
    settings = Settings(**changes, loss=partial(DeferredReweighting, VSLoss, start=0.25))  # step 30
    split = np.arange(60) % 4 == 0
    tasks = [
        Task(table, seed, settings, np.flatnonzero(~split), validation_rows=np.flatnonzero(split))
        for seed, table in enumerate(tables(problem))
    ]
    steps = set()
    for network, alone in in_stack_and_alone(tasks):
        steps.add(network.n_steps)
        assert network.n_steps == alone.n_steps and network.stopped_by == alone.stopped_by
        np.testing.assert_allclose(weights(network), weights(alone), rtol=1e-6, atol=1e-9)
    assert max(steps) > 30 and (len(steps) > 1 or not rules)


def test_partials_of_equal_parts_share_a_stack(problem):
    def settings(loss):
        return Settings(**QUICK, loss=loss)

    table = tables(problem)[0]
    same = [partial(DeferredReweighting, LDAMLoss, start=0.5) for _ in range(2)]
    other = [partial(DeferredReweighting, LDAMLoss, start=0.6), partial(DeferredReweighting, VSLoss, start=0.5)]
    nested = [partial(DeferredReweighting, partial(LDAMLoss, s=1.0)) for _ in range(2)]
    plan = plan_stacks([Task(table, 0, settings(loss)) for loss in (*same, *other, *nested)])
    assert sorted(plan) == [[0, 1], [2], [3], [4, 5]]


def test_a_classifier_defers(problem):
    X, y = problem((120, 12))
    loss = partial(DeferredReweighting, ClassBalancedLoss, start=0.75)
    quick = {"max_steps": 200, "hidden_layer_sizes": (16,), "random_state": 0}
    plain, deferred, always = (
        NeuralClassifier(loss=each, **quick).fit(X, y).predict_proba(X)[:, 1].mean()
        for each in ("cross_entropy", loss, ClassBalancedLoss)
    )
    assert plain < deferred < always
