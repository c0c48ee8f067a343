"""``python -m benchmarks.image_search``: treatments of images at two lengths, by which `auto-images` was chosen.

Each candidate, one of `CANDIDATES` or any recipe that reads images, trains networks of the recipes on CIFAR-10-LT
(factor 100; pixels of lossy JPEG) and on infrared solar modules (20% held out, stratified), at two lengths, and is
scored on the test images. A finished run is a line of the file of scores, and is not repeated. A set whose name ends in
``-halved`` has images of half the side, at a quarter of the time. Needs ``cifar10_jpeg/cifar10_jpeg.tar.xz``,
``infrared_solar_modules.tar.xz`` and the idx files of ``fashion_mnist`` in the folder ``images`` of
``EQUIPOISE_DATA_HOME``.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split

from equipoise import MixUp, NeuralClassifier, metrics
from equipoise.classifiers.views import VIEWS
from equipoise.datasets import data_home, make_long_tail
from equipoise.decisions import correct_prior
from equipoise.experiments.priors import learned_priors
from equipoise.images import Augment, ImageSet, read_images
from equipoise.recipes import AUTO_IMAGES, get
from equipoise.recipes.images import parameters_for_images

FILES = {
    "cifar-10-lt": "cifar10_jpeg/cifar10_jpeg.tar.xz",
    "infrared": "infrared_solar_modules.tar.xz",
    "fashion-mnist-lt": "fashion_mnist",
}
HALVED = "-halved"
EPOCHS = {
    "cifar-10-lt": (6, 16),
    "infrared": (4, 12),
    "fashion-mnist-lt": (6, 12),
    "cifar-10-lt-halved": (6, 16),
    "infrared-halved": (4, 12),
}
AUGMENTATIONS = {
    "cifar-10-lt": Augment(),
    "infrared": Augment(crop=2, vertical_flip=0.5),  # a module has no up and no left
    "fashion-mnist-lt": Augment(crop=2),
    "cifar-10-lt-halved": Augment(crop=2),
    "infrared-halved": Augment(crop=1, vertical_flip=0.5),
}
_KEY = ("set", "candidate", "network", "members", "epochs", "seed")
_FACTOR, _HELD_OUT = 100, 0.2

CANDIDATES = {
    "none": "none",
    "la": "la",
    "roots, la for the rest": AUTO_IMAGES,
    "balanced": "augment",
    "balanced, mixed": "remix-dataset",
}
"""Recipes with the augmentation of the set; any other name is a recipe as it comes, with its own."""


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test images."""

    X: NDArray[np.uint8]
    y: NDArray[Any]
    X_test: NDArray[np.uint8]
    y_test: NDArray[Any]


def split(name: str, seed: int) -> Split:
    """Return the images of a set; the seed draws the long tail, or the test images."""
    images, halved = _images(name.removesuffix(HALVED)), name.endswith(HALVED)
    X, y = _halved(images["pixels"]) if halved else images["pixels"], images["labels"]
    if name.startswith("infrared"):
        parts = train_test_split(X, y, test_size=_HELD_OUT, stratify=y, random_state=seed)
        return Split(parts[0], parts[2], parts[1], parts[3])
    train, test = images["parts"] == "train", images["parts"] == "test"
    return Split(*make_long_tail(X[train], y[train], _FACTOR, random_state=seed), X[test], y[test])


def _halved(X: NDArray[np.uint8]) -> NDArray[np.uint8]:
    n, channels, height, width = X.shape
    return X.reshape(n, channels, height // 2, 2, width // 2, 2).mean((3, 5)).round().astype(np.uint8)


def _images(name: str) -> Mapping[str, NDArray[Any]]:
    """Read the images of a set; decoded once, and then kept in the folder of temporary files."""
    kept = Path(gettempdir()) / f"equipoise-{name}.npz"
    if not kept.exists():
        images: ImageSet = read_images(data_home() / "images" / FILES[name])
        parts = np.array([]) if images.parts is None else images.parts
        np.savez(kept, pixels=images.pixels, labels=images.labels, parts=parts)
    return np.load(kept)


def candidate_model(name: str, candidate: str, network: str, **parameters: Any) -> NeuralClassifier:
    """Return the unfitted classifier of a candidate for a set."""
    recipe = get(CANDIDATES.get(candidate, candidate))
    own = parameters_for_images(recipe)
    if candidate in CANDIDATES:
        transform, augment = own["batch_transform"], AUGMENTATIONS[name]
        own["batch_transform"] = transform.set_params(between=augment) if isinstance(transform, MixUp) else augment
    own["network"] = own["network"].replace(parameters_for_images(get("none"))["network"], network)
    return cast(NeuralClassifier, recipe.classifier(**own | parameters))


def score(candidate: str, model: NeuralClassifier, of: Split, views: list[int]) -> dict[str, float]:
    """Score a fitted candidate on the test images under equal class priors, by numbers of views of an image.

    Probabilities are corrected from the class priors that the candidate learned under, where these are known; the last
    column has the decision that they make without.
    """
    counts = np.unique(of.y, return_counts=True)[1]
    codes, equal = np.searchsorted(model.classes_, of.y_test), np.full(len(counts), 1 / len(counts))
    priors = learned_priors(CANDIDATES.get(candidate, candidate), counts)
    scores = {f"balanced accuracy, {number} views": math.nan for number in VIEWS}
    for number in views:
        model.views = number
        given = model.predict_proba(of.X_test)
        proba = correct_prior(given, equal if priors is None else priors, equal)
        recalls = recall_score(codes, proba.argmax(axis=1), average=None)
        scores[f"balanced accuracy, {number} views"] = 100 * float(np.mean(recalls))
    scores["recall of the rarest class"] = 100 * float(recalls[int(counts.argmin())])
    scores["balanced Brier score"] = float(metrics.balanced_brier_score(codes, proba))
    scores["balanced accuracy, uncorrected"] = 100 * recall_score(codes, given.argmax(axis=1), average="macro")
    return scores


def runs(
    console: Console,
    scores: Path,
    views: list[int],
    sets: list[str],
    candidates: list[str],
    seeds: list[int],
    **others: Any,
) -> None:
    """Run what is missing in a file of scores; several processes may write to it in turn."""
    for key in _keys(sets, candidates, seeds, **others):
        if key in _finished(scores):
            continue
        name, candidate, network, members, epochs, seed = key
        of = split(name, seed)
        parameters = {"network": network, "n_members": members, "max_epochs": epochs, "random_state": seed}
        model = candidate_model(name, candidate, **parameters)
        started = time.process_time()
        model.fit(of.X, of.y)
        row = dict(zip(_KEY, key, strict=True)) | {"steps": model.n_steps_[0], "threads": torch.get_num_threads()}
        row |= {"CPU seconds": time.process_time() - started, "load": os.getloadavg()[1]} | score(
            candidate, model, of, views
        )
        scores.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame([row]).round(4).to_csv(scores, mode="a", header=not scores.exists(), index=False)
        console.print(row, highlight=False)


def _finished(scores: Path) -> set[tuple[Any, ...]]:
    return set(pd.read_csv(scores)[list(_KEY)].itertuples(index=False, name=None)) if scores.exists() else set()


def _keys(
    sets: list[str], candidates: list[str], seeds: list[int], *, network: str, members: int, epochs: list[int] | None
) -> Iterator[tuple[str, str, str, int, int, int]]:
    for seed in seeds:
        for name in sets:
            for length in epochs or EPOCHS[name]:
                for candidate in candidates:
                    yield name, candidate, network, members, length, seed


def main() -> None:
    """Run the search and print the mean scores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image_search", description=__doc__)
    parser.add_argument("--scores", type=Path, default=Path("docs/reproductions/images/scores.csv"))
    parser.add_argument("--sets", nargs="+", choices=EPOCHS, default=list(FILES)[:2])
    parser.add_argument("--candidates", nargs="+", default=[*CANDIDATES, AUTO_IMAGES], help="or recipes for images")
    parser.add_argument("--network", default="faster_cnn", help="fast_cnn is the wider one")
    parser.add_argument("--members", type=int, default=1, help="networks whose mean probability is the prediction")
    parser.add_argument("--epochs", type=int, nargs="+", help="in place of the two lengths of each set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--views", type=int, nargs="+", choices=VIEWS, default=VIEWS, help="numbers of views to score")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="all cores by default")
    arguments, console = parser.parse_args(), Console(width=150)
    torch.set_num_threads(arguments.threads)
    of = arguments.sets, arguments.candidates, arguments.seeds
    runs(
        console,
        arguments.scores,
        arguments.views,
        *of,
        network=arguments.network,
        members=arguments.members,
        epochs=arguments.epochs,
    )
    table = pd.read_csv(arguments.scores)
    means = table.groupby(["set", "epochs", "network", "members", "candidate"]).agg("mean", numeric_only=True)
    console.print(means.drop(columns="seed").round(2).to_string(), highlight=False)


if __name__ == "__main__":
    main()
