"""Networks for images by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

NETWORKS = ("small_cnn", "fast_cnn", "faster_cnn", "resnet32")
"""Names of the networks for images; with ``cosine_`` before them, their logits are 30 times cosines."""


def network_names() -> list[str]:
    """Return all names, those with cosines too."""
    return [*NETWORKS, *(f"cosine_{name}" for name in NETWORKS)]


def named_network(name: str, shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Make a network for images by its name.

    Parameters
    ----------
    name : str
        One of `network_names`.
    shape : tuple of int
        Channels, height and width of an image.
    n_classes : int

    Returns
    -------
    nn.Module
        With ``spec``, these arguments.

    Examples
    --------
    >>> named_network("resnet32", (3, 32, 32), 10).spec
    ('resnet32', (3, 32, 32), 10)
    """
    from equipoise.networks.cnn import SmallCNN
    from equipoise.networks.cosine import SCALE, CosineLinear
    from equipoise.networks.fast_cnn import FastCNN
    from equipoise.networks.resnet import resnet32

    made: dict[str, Callable[..., nn.Module]] = {
        "small_cnn": SmallCNN,
        "fast_cnn": FastCNN,
        "faster_cnn": partial(FastCNN, widths=(32, 128, 128)),
        "resnet32": resnet32,
    }
    plain = name.removeprefix("cosine_")
    if plain not in made:
        raise ValueError(f"There is no network {name!r}: choose from {', '.join(network_names())}.")
    head: dict[str, Any] = {} if plain == name else {"head": partial(CosineLinear, scale=SCALE)}
    network = made[plain](tuple(shape), n_classes, **head)
    network.spec = (name, tuple(shape), n_classes)  # type: ignore[assignment]
    return network
