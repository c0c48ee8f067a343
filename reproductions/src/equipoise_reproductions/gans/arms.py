"""What is compared: GAN over-samplers, other treatments, and no treatment with the decision moved."""

from typing import Any

from equipoise.recipes import RECIPES, classifier
from equipoise_reproductions.suite import Arm, Make

UNTREATED, MOVED = "none", "none-moved"
GANS = tuple(name for name, recipe in RECIPES.items() if recipe.slow)
RIVALS = (UNTREATED, MOVED, "cost", "over", "smote", "svm-smote")
METHODS = (*RIVALS, *GANS)
TITLES: dict[str, str] = {name: name for name in METHODS} | {MOVED: "none, decision moved"}


_QUICK_EPOCHS = 20


def arms(*, quick: bool) -> list[Arm]:
    """What is trained; a decision is moved afterwards."""
    epochs = _QUICK_EPOCHS if quick else None
    return [Arm(name, TITLES[name], _recipe(name, epochs)) for name in METHODS if name != MOVED]


def _recipe(name: str, gan_epochs: int | None) -> Make:
    def make(seed: int, members: int, steps: int) -> Any:
        model = classifier(name, n_members=members, max_steps=steps, random_state=seed)
        return model.set_params(sampler__max_epochs=gan_epochs) if name in GANS else model

    return make
