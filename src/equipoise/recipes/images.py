"""How recipes train networks on images: one network, augmentation and schedule for all of them."""

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone

from equipoise.batches import MixUp
from equipoise.images import Augment
from equipoise.recipes.ours import AUTO_IMAGES
from equipoise.recipes.record import Recipe
from equipoise.samplers.resample import only_repeats

SHORT = (AUTO_IMAGES, "none", "cost", "augment", "remix", "remix-dataset", "la")
"""Recipes that a comparison of images runs by default."""

EPOCHS = 12
LEAST_STEPS = 60

_COMMON: dict[str, Any] = {
    "network": "faster_cnn",
    "standardize": True,
    "batch_size": 256,
    "optimizer": "sgd",
    "learning_rate": 0.375,
    "momentum": 0.85,
    "weight_decay": 1.33e-3,
    "schedule": "triangle",
    "label_smoothing": 0.1,
    "weight_averaging": 0.05,
    "precision": "auto",
    "views": 2,
}
_PARTS = ("sampler", "batch_transform", "batch_sampler", "loss", "class_weight", "network")
_CROP = 1 / 8  # four pixels of 32


def parameters_for_images(recipe: Recipe) -> dict[str, Any]:
    """Return the parameters of `NeuralClassifier` by which a recipe trains on images.

    Images are shifted by up to an eighth of their shorter side and mirrored, left to right; where a recipe mixes rows,
    before that. Grey images are augmented as those in colour. ``auto-images`` predicts from more views.

    Raises
    ------
    ValueError
        If the recipe is no treatment of the one network, or makes rows of its own.
    """
    parts: Mapping[str, Any] = recipe.parts or {}
    sampler = parts.get("sampler")
    makes_rows = sampler is not None and not only_repeats(sampler)
    if recipe.parts is None or makes_rows or parts.keys() - set(_PARTS) - _COMMON.keys():
        raise ValueError(
            f"The recipe {recipe.name!r} reads tables, not images: choose a treatment of the batches or of the loss, "
            f"such as {', '.join(SHORT)}."
        )
    transform = parts.get("batch_transform")
    if isinstance(transform, MixUp):
        augmented: Any = clone(transform, safe=False).set_params(between=Augment(crop=_CROP), per_row=True)
    else:
        augmented = Augment(crop=_CROP) if transform is None else clone(transform, safe=False)
    common = _COMMON | ({"views": 6} if recipe.name == AUTO_IMAGES else {})
    network = {"cosine_mlp": f"cosine_{common['network']}"}.get(parts.get("network", ""), common["network"])
    return common | {"batch_transform": augmented, "network": network}


def reads_images(recipe: Recipe) -> bool:
    """Whether a recipe can train on images."""
    try:
        return bool(parameters_for_images(recipe))
    except ValueError:
        return False


def steps_for_images(n_rows: int) -> int:
    """Return the gradient steps of each network on so many images."""
    return max(LEAST_STEPS, EPOCHS * -(-n_rows // int(_COMMON["batch_size"])))
