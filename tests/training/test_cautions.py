"""What is said before a training: batches that lack the rarest class, shares corrected twice."""

import warnings
from functools import partial

import numpy as np
import pytest
import torch

from equipoise import (
    AutoBalance,
    BalancedBatchSampler,
    BatchSMOTE,
    CDTLoss,
    ClassBalancedLoss,
    FocalLoss,
    LogitAdjustedLoss,
    MixUp,
    NeuralClassifier,
    ReMix,
    VSLoss,
)
from equipoise.losses.base import TwiceCorrectedWarning
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.cautions import (
    MissingClassWarning,
    missing_class_caution,
    share_without_rarest,
    twice_corrected_caution,
)
from equipoise.training.draws import ROWS, RowDraws, stream


def task(counts, batch_size=64, seed=0, **changes):
    y = np.repeat(np.arange(len(counts)), counts)
    table = Table(np.random.default_rng(0).normal(size=(len(y), 2)), y, len(counts))
    changes = {"batch_transform": ReMix(), "max_steps": 2, "network": (4,), **changes}
    return Task(table, seed, Settings(batch_size=batch_size, **changes))


@pytest.mark.parametrize(("ratio", "printed"), [(0.05, 0.044), (0.025, 0.206), (0.01, 0.529)])
def test_the_shares_of_the_notes(ratio, printed):
    """At 64 rows and N+/N- of .05, .025 and .01; many rows, so that drawing without replacement is no matter."""
    n = 100_000
    assert share_without_rarest(task((n, int(ratio * n)))) == pytest.approx(printed, abs=0.001)


def test_the_share_is_what_is_drawn():
    each = task((300, 12, 5), batch_size=40)
    labels = torch.from_numpy(each.labels())
    draws = RowDraws(torch.arange(len(labels)), labels, None, 40, None, stream(each, ROWS))
    n_batches = 4000
    lacking = float((labels[draws.block(n_batches).rows] != 2).all(dim=1).double().mean())
    share = share_without_rarest(each)
    # Batches of one pass share its rows, which makes their number vary less than that of independent ones.
    assert abs(lacking - share) < 5 * (share * (1 - share) / n_batches) ** 0.5


@pytest.mark.parametrize("transform", [ReMix(), BatchSMOTE()])
def test_it_is_said_once(transform):
    tasks = [task((990, 10 + seed), seed=seed, batch_transform=transform) for seed in range(3)]
    with pytest.warns(MissingClassWarning, match="51% of the batches of 64 rows .*10 of 1000 rows.*remix-dataset") as w:
        fit(tasks)
    assert len(w) == 1 and type(transform).__name__ in str(w[0].message)


def test_a_classifier_says_it_too():
    X, y = np.random.default_rng(0).normal(size=(500, 2)), np.arange(500) < 5
    with pytest.warns(MissingClassWarning) as caught:
        NeuralClassifier(batch_transform=ReMix(), n_members=3, max_steps=2).fit(X, y)
    assert len(caught) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_transform": MixUp(alpha=0.3)},
        {"batch_transform": None},
        {"batch_transform": MixUp(alpha=0.3), "batch_sampler": BalancedBatchSampler},
        {"batch_size": 1000},
    ],
)
def test_nothing_is_said_where_all_is_well(changes):
    quiet = task((990, 10), **changes)
    assert missing_class_caution([quiet]) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit([quiet])


@pytest.mark.parametrize("loss", [LogitAdjustedLoss, VSLoss([60, 40]), partial(VSLoss, tau=0.5), ClassBalancedLoss])
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "ReMix"),
        ({"batch_transform": BatchSMOTE()}, "BatchSMOTE"),
        ({"batch_transform": None, "batch_sampler": BalancedBatchSampler}, "BalancedBatchSampler"),
    ],
)
def test_shares_corrected_twice_are_said_once(loss, changes, named):
    tasks = [task((60, 40), seed=seed, loss=loss, **changes) for seed in range(3)]
    with pytest.warns(
        TwiceCorrectedWarning, match=rf"Loss corrects for unequal class priors.*and so does {named}"
    ) as caught:
        fit(tasks)
    assert len(caught) == 1


def test_class_weights_and_a_loss_correct_twice():
    X, y = np.random.default_rng(0).normal(size=(90, 2)), np.arange(90) < 30
    quick = {"max_steps": 2, "hidden_layer_sizes": (4,), "loss": LogitAdjustedLoss}
    with pytest.warns(TwiceCorrectedWarning, match="so does class weights"):
        NeuralClassifier(class_weight="balanced", **quick).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NeuralClassifier(class_weight="balanced", **quick).fit(X, np.arange(90) < 45)  # nothing to balance
        NeuralClassifier(**quick).fit(X, y, sample_weight=np.linspace(0.5, 1.5, 90))


def test_a_search_that_starts_from_logit_adjustment_corrects_twice():
    said = r'AutoBalance\(start="la"\) corrects for unequal class priors.*and so does '
    X, y = np.random.default_rng(0).normal(size=(90, 2)), np.arange(90) < 30
    with pytest.warns(TwiceCorrectedWarning, match=said + "ReMix"):
        NeuralClassifier(loss=AutoBalance(), batch_transform=ReMix(), max_steps=2, hidden_layer_sizes=(4,)).fit(X, y)
    with pytest.warns(TwiceCorrectedWarning, match=said + "class weights"):
        NeuralClassifier(loss=AutoBalance(), class_weight="balanced", max_steps=2, hidden_layer_sizes=(4,)).fit(X, y)
    for fine in ({"loss": AutoBalance(start="ce"), "batch_transform": ReMix()}, {"loss": AutoBalance()}):
        assert twice_corrected_caution(NeuralClassifier(**fine).prepare(X, y).tasks) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": LogitAdjustedLoss, "batch_transform": MixUp(alpha=0.3)},
        {"loss": LogitAdjustedLoss, "batch_transform": None},
        {"loss": CDTLoss},
        {"loss": FocalLoss},
        {},
    ],
)
def test_one_correction_is_no_matter(changes):
    assert twice_corrected_caution([task((60, 40), **changes)]) is None


class OwnLoss(torch.nn.CrossEntropyLoss):
    corrects_priors = True


class OwnTransform(MixUp):
    balances = True


def own_sampler(labels, batch_size, *, generator):
    return BalancedBatchSampler(labels, batch_size, generator=generator)


own_sampler.balances = True


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"batch_transform": OwnTransform(alpha=0.3)}, "OwnLoss corrects .*so does OwnTransform"),
        ({"batch_transform": None, "batch_sampler": own_sampler}, "so does own_sampler"),
        ({"batch_transform": None, "batch_sampler": partial(BalancedBatchSampler, rank=0)}, "so does Balanced"),
    ],
)
def test_parts_of_a_users_own_describe_themselves(changes, named):
    with pytest.warns(TwiceCorrectedWarning, match=named):
        fit([task((60, 40), loss=OwnLoss(), **changes)])
    assert share_without_rarest(task((990, 10), batch_transform=OwnTransform(alpha=0.3))) > 0.5
