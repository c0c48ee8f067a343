"""Every subset of the three papers' parts on two sets of images: what is trained, and what the page speaks of."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import NeuralClassifier
from equipoise.classifiers.mubo import OUTER_STEPS
from equipoise.experiments import Arm
from equipoise.experiments.arms import Make
from equipoise.experiments.engine import run_cells
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.splits import Fold
from equipoise.images import Augment
from equipoise.networks.cnn import SmallCNN
from equipoise.progress import OnProgress
from equipoise_reproductions.image_sets import FACTOR, FILES, N_PARTS, halved, missing_sets, sides
from equipoise_reproductions.study import Effort, open_store
from equipoise_reproductions.together import effects, on_images, plots
from equipoise_reproductions.together.design import ARMS, READINGS
from equipoise_reproductions.together.parts import parts
from equipoise_reproductions.together.study import scores

FULL = Effort(n_folds=3, n_members=1, most_steps=900)
QUICK = Effort(n_folds=2, n_members=1, most_steps=6)
TIMES, LONGER = 2, ("none", "remix")
"""Some arms train for so many times the steps, too: whether a longer run would say the same."""

_AUGMENT = Augment(crop=1 / 8)
_QUICK_OUTER_STEPS = 2


def longer(name: str) -> str:
    """Name of an arm that trains for `TIMES` times the steps."""
    return f"{name}@{TIMES}x"


def arms(*, quick: bool) -> list[Arm]:
    """Every subset of the three parts, and those of `LONGER`."""
    outer_steps = _QUICK_OUTER_STEPS if quick else OUTER_STEPS
    once = [Arm(name, name, _make(name, outer_steps)) for name in ARMS]
    return once + [Arm(longer(name), longer(name), _make(name, outer_steps, TIMES)) for name in LONGER]


def _make(name: str, outer_steps: int, times: int = 1) -> Make:
    """Make networks with the parts of an arm; ReMix mixes images after they are augmented."""

    def make(fold: PreparedFold, protocol: Protocol) -> NeuralClassifier:
        own = parts(name, outer_steps, protocol.max_steps)
        mixed = own["batch_transform"]
        augmented = _AUGMENT if mixed is None else mixed.set_params(between=_AUGMENT, per_row=True)
        return NeuralClassifier(
            **own | {"batch_transform": augmented},
            network=SmallCNN,
            n_members=protocol.n_members,
            max_steps=times * protocol.max_steps,
            random_state=fold.fold.seed,
        )

    return make


def images(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every subset on every fold of the sets that can be had, with a page after each set."""
    effort, cells = QUICK if quick else FULL, out / "image-cells"
    missing = missing_sets(FILES)
    if len(missing) == len(FILES):
        raise FileNotFoundError(" ".join(missing.values()))
    for name in [name for name in FILES if name not in missing]:
        _run_set(cells, name, arms(quick=quick), effort, on_progress)
        yield {"image_scores": scores(cells, by_fold=True), "effort": effort, "missing": missing, "quick": quick}


def _run_set(folder: Path, name: str, compared: list[Arm], effort: Effort, on_progress: OnProgress) -> None:
    codes = halved(name).codes
    protocol = effort.protocol(len(codes))
    folds = [Fold(0, number, *sides(name, number), seed=number) for number in range(effort.n_folds)]
    with open_store(folder, name, effort) as store:
        rare = int(codes.max())
        store.put("problem", {"name": name, "family": name, "n_rows": len(codes), "rare": rare})
        for fold in folds:
            wanted = [(arm, fold) for arm in compared]
            run_cells(wanted, partial(_prepared, name), protocol, store, on_progress, stacked=False)


def _prepared(name: str, fold: Fold) -> PreparedFold:
    pixels, codes, _ = halved(name)
    train, test = fold.train, fold.test
    return PreparedFold(fold, pixels[train], pixels[test], codes[train], codes[test], int(codes.max()) + 1)


def images_page(image_scores: pd.DataFrame, missing: dict[str, str], **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    names = on_images.finished(image_scores)
    found = {name: effects.effects(on_images.of_set(image_scores, name), effects.over_folds) for name in names}
    return {
        "tables": on_images,
        "effects": effects,
        "found": found,
        "charts": {name: plots.effect_chart(frame) for name, frame in found.items()},
        "unfinished": [name for name in FILES if name not in {*names, *missing}],
        "readings": READINGS,
        "outer_steps": OUTER_STEPS,
        "factor": FACTOR,
        "n_parts": N_PARTS,
        "times": TIMES,
        "longer": {name: longer(name) for name in LONGER},
    }
