"""The parts of a subset, as `NeuralClassifier` takes them."""

from typing import Any

from equipoise import MUBO, AutoBalance, ReMix
from equipoise_reproductions.together.design import TWICE


def parts(name: str, outer_steps: int, max_steps: int) -> dict[str, Any]:
    """Return the parts of an arm; with balanced batches the loss search starts from cross-entropy."""
    chosen = name.split("+")
    start = "ce" if "remix" in chosen and name != TWICE else "la"
    searches = "autobalance" in chosen or name == TWICE
    rows = MUBO(max_iter=outer_steps, max_steps=max_steps, standardize=False)
    return {
        "sampler": rows if "mubo" in chosen else None,
        "batch_transform": ReMix() if "remix" in chosen else None,
        "loss": AutoBalance(start=start) if searches else "cross_entropy",
    }
