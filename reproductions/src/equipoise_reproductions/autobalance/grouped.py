"""Groups on images: objects whose background agrees with their class in training, and is independent of it at test.

A cell is a class and a background. The plain loop of `augmentation.training` sees cells as its classes; networks tell
classes only.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from equipoise import AutoBalance, ParametricCrossEntropy, metrics
from equipoise.bilevel.outer_objectives import Blend
from equipoise.datasets import make_grouped_images
from equipoise.experiments.statistics import Interval
from equipoise.losses import GroupDROLoss
from equipoise.networks.cnn import SmallCNN
from equipoise.progress import OnProgress
from equipoise.text import number
from equipoise_reproductions.augmentation.policies import balanced
from equipoise_reproductions.augmentation.study import interval_of, run_missing
from equipoise_reproductions.augmentation.training import BATCH, Loss, Rows, Training, held_out, plain
from equipoise_reproductions.claims import Claim, Statement, in_words
from equipoise_reproductions.data import judged
from equipoise_reproductions.image_sets import halved, missing_sets

SETS, _CIFAR = ("digits", "cifar-10"), "cifar-10-lt"
STEPS, QUICK_STEPS, SEEDS, QUICK_SEEDS, TIMES = 300, 20, 5, 2, 2
AGREEMENT, N_GROUPS = 0.95, 2
N_TRAIN, N_TEST = 6000, 4000  # of CIFAR-10
ANIMALS = (2, 3, 4, 5, 6, 7)
DRO_STEP, JTT_SHARE, JTT_TIMES = 0.1, 0.2, 20
MEASURES = {"error": "error", "balanced": "mean of four cells", "worst": "worst cell", "deo": "DEO"}
OURS = "blend"

Policy = Callable[[Training], None]


def _by_cell(loss: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Loss:
    return lambda logits, cells: loss(logits, cells // N_GROUPS, cells % N_GROUPS)


def _cells_of(training: Training) -> Tensor:
    return training.counts.view(-1, N_GROUPS)


def _untreated(training: Training) -> None:
    training.loss = _by_cell(lambda logits, y, group: nn.functional.cross_entropy(logits, y))


def _longer(training: Training) -> None:
    training.n_steps *= TIMES
    _untreated(training)


def _weighted(training: Training) -> None:
    counts = _cells_of(training)
    weights = counts.sum() / (counts.numel() * counts)
    training.loss = _by_cell(ParametricCrossEntropy(w=weights, num_groups=N_GROUPS))


def _group_dro(training: Training) -> None:
    training.loss = _by_cell(GroupDROLoss(_cells_of(training), step=DRO_STEP))


def _jtt(training: Training) -> None:
    """Repeat the rows that a short training gets wrong, whatever their group (Liu et al., ICML 2021)."""
    first = replace(training, n_steps=max(1, round(JTT_SHARE * training.n_steps)))
    _untreated(first)
    x, cells = training.train
    wrong = classes(first.run(plain), x) != cells // N_GROUPS
    rows = torch.cat([torch.arange(len(cells)), torch.nonzero(wrong)[:, 0].repeat(JTT_TIMES - 1)])
    training.train = x[rows], cells[rows]
    training.passes += first.passes
    _untreated(training)


def _searched(objective: Any, *, steps: bool = True) -> Policy:
    """Return a search by four fifths of the rows, judged by the others; or its start alone."""

    def policy(training: Training) -> None:
        rows, judges = held_out(training)
        inner = replace(training, train=rows)
        settings = AutoBalance(objective=objective, parameters=("w", "offset", "delta"))
        search = settings.begin(inner.model, _cells_of(training), max_steps=inner.n_steps)

        def step(batch: Rows) -> None:
            if search.due():
                judging = balanced(*judges, search.n_outer_steps, training.seed)
                search.step([_with_group(*batch)], [_with_group(*rows) for rows in judging])
                inner.passes += 2

        inner.loss = training.loss = _by_cell(search.loss)
        if steps:
            inner.run(plain, step)
            training.passes += inner.passes
            training.loss = _by_cell(search.retraining_loss())

    return policy


def _with_group(x: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return x, cells // N_GROUPS, cells % N_GROUPS


METHODS: dict[str, tuple[str, Policy]] = {
    "none": ("cross-entropy", _untreated),
    "longer": (f"cross-entropy, {TIMES} times the steps", _longer),
    "cells": ("weights by class and group", _weighted),
    "dro": ("group DRO", _group_dro),
    "jtt": ("JTT (reads no group)", _jtt),
    "start": ("LA by the shares of each group, no search", _searched("group_balanced", steps=False)),
    "mean": ("AutoBalance by group, mean of the cells", _searched("group_balanced")),
    OURS: ("AutoBalance by group, half DEO", _searched(Blend("group_balanced", "deo", 0.5))),
    "worst": ("AutoBalance by group, worst cell", _searched("worst_group")),
}
RIVALS = ("none", "cells", "dro", "jtt")


def sides(name: str, seed: int) -> tuple[Rows, Rows]:
    """Return images and cells that train, and those that test, by the seed; no image is on both sides."""
    if name == "digits":
        parts = [make_grouped_images(agreement=share, random_state=seed) for share in (AGREEMENT, 1 / N_GROUPS)]
        order = np.random.default_rng(seed).permutation(len(parts[0].y))
        places = np.array_split(order, 2)
    else:
        pixels, codes, tested = halved(_CIFAR)
        rng = np.random.default_rng(seed)
        places = [
            rng.choice(np.flatnonzero(tested == side), n, replace=False)
            for side, n in ((False, N_TRAIN), (True, N_TEST))
        ]
        kinds = np.isin(codes, ANIMALS).astype(np.int64)
        parts = [
            make_grouped_images(
                (255 * pixels[rows]).round().astype(np.uint8),
                kinds[rows],
                agreement=share,
                background="texture",
                random_state=seed,
            )
            for rows, share in zip(places, (AGREEMENT, 1 / N_GROUPS), strict=True)
        ]
        places = [np.arange(len(part.y)) for part in parts]
    train, test = (
        (torch.from_numpy(part.X[rows]).float() / 127.5 - 1, torch.from_numpy(N_GROUPS * part.y + part.group)[rows])
        for part, rows in zip(parts, places, strict=True)
    )
    return train, test


def classes(model: nn.Module, x: Tensor) -> Tensor:
    """Return the most probable class of each image."""
    with torch.no_grad():
        return torch.cat([model(rows) for rows in x.split(500)]).argmax(1)


def grouped(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every method on every seed; a row is written as it is known, and not run again."""
    missing = missing_sets([_CIFAR])
    sets = [name for name in SETS if name == "digits" or not missing]
    seeds = QUICK_SEEDS if quick else SEEDS
    wanted = [(name, seed, method) for name in sets for seed in range(seeds) for method in METHODS]
    score = partial(_scored, n_steps=QUICK_STEPS if quick else STEPS)
    found = run_missing(out / "grouped-scores.csv", ("set", "seed", "method"), wanted, score, on_progress)
    yield {"grouped_scores": found, "missing": missing, "quick": quick}


def _scored(name: str, seed: int, method: str, *, n_steps: int) -> dict[str, float]:
    train, (x, cells) = sides(name, seed)
    training = Training(train, n_steps, seed, lambda n_cells: SmallCNN(tuple(x.shape[1:]), n_cells // N_GROUPS))
    METHODS[method][1](training)
    torch.manual_seed(seed)
    y, found = (cells // N_GROUPS).numpy(), classes(training.run(plain), x).numpy()
    errors = metrics.group_errors(y, found, (cells % N_GROUPS).numpy())
    values = {"error": float((found != y).mean())} | {key: errors[key] for key in ("balanced", "worst", "deo")}
    return {"passes": training.passes, **{key: round(value, 6) for key, value in values.items()}}


def gap(scores: pd.DataFrame, measure: str, rival: str, ours: str = OURS) -> Interval:
    """A measure of a rival less ours, over the seeds of a set."""
    wide = scores.pivot_table(index="seed", columns="method", values=measure)
    return interval_of((wide[rival] - wide[ours]).dropna())


def table(scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """Mean and standard deviation over seeds of a set, a row a method; the last column is the cost."""
    own = scores[scores["set"] == name]
    means, deviations = (own.groupby("method").agg(kind, numeric_only=True) for kind in ("mean", "std"))
    rows = {
        title: {
            text: f"{number(means[key][method])} ± {number(deviations[key][method])}" for key, text in MEASURES.items()
        }
        | {"cost in steps": number(means["passes"][method] / means["passes"]["none"], 1)}
        for method, (title, _) in METHODS.items()
    }
    return pd.DataFrame(rows).T.rename_axis("method")


def verdict(scores: pd.DataFrame, name: str) -> str:
    """Say what a search by group gains over each rival, on a set."""
    own = scores[scores["set"] == name]
    gains = [f"{METHODS[rival][0]}: {_lowered(own, rival)}" for rival in (*RIVALS, "start")]
    return f"On {name}, how much lower {METHODS[OURS][0]} is than {'; than '.join(gains)}."


def _lowered(scores: pd.DataFrame, rival: str) -> str:
    return ", ".join(f"{MEASURES[key]} {in_words(gap(scores, key, rival))}" for key in ("worst", "deo"))


def claims(scores: pd.DataFrame) -> list[Claim]:
    """Judge A3 on each set."""
    statements = [
        Statement(
            f"{name}: {MEASURES[key]} of {METHODS[rival][0]} less that of {METHODS[OURS][0]}",
            gap(scores[scores["set"] == name], key, rival),
        )
        for name in scores["set"].unique()
        for rival in RIVALS
        for key in ("deo", "worst", "balanced")
    ]
    return judged("autobalance", "grouped", A3=statements)


def grouped_page(grouped_scores: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    n_methods = grouped_scores.groupby(["set", "seed"])["method"].transform("nunique")
    grouped_scores = grouped_scores[n_methods == len(METHODS)]
    names = list(grouped_scores["set"].unique())
    return {
        "found": {name: table(grouped_scores, name) for name in names},
        "verdicts": [verdict(grouped_scores, name) for name in names],
        "claims": claims(grouped_scores),
        "unfinished": [name for name in SETS if name not in names],
        "n_steps": STEPS,
        "batch": BATCH,
        "n_seeds": grouped_scores.groupby("set", sort=False)["seed"].nunique().to_dict(),
        "times": TIMES,
        "agreement": AGREEMENT,
        "n_train": N_TRAIN,
        "n_test": N_TEST,
        "dro_step": DRO_STEP,
        "jtt_share": JTT_SHARE,
        "jtt_times": JTT_TIMES,
    }
