"""What a loss sees, counted in the tasks that recipes train on and in the batches that they form."""

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

from equipoise import ReMix, recipes
from equipoise.experiments.priors import learned_priors
from equipoise.losses import class_balanced_weights

COUNTS = (300, 60, 40)


@pytest.mark.parametrize(
    "recipe", ["none", "mixup", "cost", "under", "over", "smote", "borderline-smote", "cost+under"]
)
def test_shares_are_those_of_the_rows_and_weights_of_a_task(recipe, problem):
    X, y = problem(COUNTS, apart=1.0)
    (task,) = recipes.classifier(recipe, random_state=0).prepare(X, y).tasks
    seen = np.bincount(task.labels(), weights=task.weights)
    np.testing.assert_allclose(learned_priors(recipe, COUNTS), seen / seen.sum())


@pytest.mark.parametrize("counts", [(990, 10), (900, 80, 20), (96, 2, 1, 1)], ids=str)
@pytest.mark.parametrize("recipe", ["remix", "batch-smote"])
def test_shares_are_those_of_batches_that_lack_rare_rows(recipe, counts):
    generator = torch.Generator().manual_seed(0)
    y = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    transform = recipes.classifier(recipe).batch_transform
    transform.set_params(num_classes=len(counts), batch_dims=1, generator=generator)
    batches = torch.stack([y[torch.randperm(len(y), generator=generator)[:64]] for _ in range(1500)])
    _, labels = transform(torch.zeros(*batches.shape, 1), batches)
    expected = labels.reshape(-1, len(counts)).mean(dim=0)
    np.testing.assert_allclose(learned_priors(recipe, counts), expected, atol=0.02)


def test_two_classes_have_a_formula():
    absent = 0.99**64
    np.testing.assert_allclose(learned_priors("remix", [99_000_000, 1_000_000])[1], (1 - absent) / 2, atol=1e-6)


def test_sums_compose():
    np.testing.assert_allclose(learned_priors("under+remix", [90, 10]), [0.5, 0.5])
    np.testing.assert_allclose(learned_priors("la", [90, 10]), [0.5, 0.5])
    np.testing.assert_allclose(
        learned_priors("auto-images", [90, 10]), [0.5, 0.5]
    )  # half by the batches, half by the loss
    np.testing.assert_allclose(learned_priors("under+cdt", [90, 10]), [0.5, 0.5])  # of equal counts, nothing is bent
    weights = class_balanced_weights(torch.tensor([90.0, 10.0])).numpy() * [90, 10]
    np.testing.assert_allclose(learned_priors("class-balanced", [90, 10]), weights / weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(learned_priors("under+la", [90, 10]), [0.5, 0.5])
    np.testing.assert_allclose(learned_priors("mubo", [90, 10]), [0.5, 0.5])
    np.testing.assert_allclose(learned_priors("cost+remix-dataset", [90, 10]), [0.1, 0.9])


@pytest.mark.parametrize("recipe", ["focal", "ldam", "vs", "rebalanced-mixup", "cdt", "mubo+remix"])
def test_what_bends_probabilities_otherwise_has_none(recipe):
    assert recipes.is_neural(recipe) and learned_priors(recipe, [90, 10]) is None


def test_remix_is_the_transform_of_the_recipe():
    assert isinstance(recipes.classifier("remix").batch_transform, ReMix)


@pytest.mark.parametrize(
    ("sampler", "rows"),
    [
        (RandomOverSampler(sampling_strategy={1: 20}), [90, 20, 6]),
        (RandomUnderSampler(sampling_strategy=lambda y: {0: np.sum(y == 1)}), [9, 9, 6]),
        (SMOTE(sampling_strategy="minority"), [90, 9, 90]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_shares_follow_any_sampling_strategy(sampler, rows, monkeypatch):
    monkeypatch.setattr(recipes.RECIPES, "_records", dict(recipes.RECIPES._records))
    recipes.register(recipes.Recipe("mine", "a sampler", {"sampler": sampler}))
    np.testing.assert_allclose(learned_priors("mine", [90, 9, 6]), np.divide(rows, sum(rows)))
