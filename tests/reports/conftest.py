"""Comparisons to report on: stored with probabilities drawn at random, so that any shape of result is quick."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from equipoise.datasets import Dataset
from equipoise.experiments import Comparison, Store
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.store import Cell

SKILL = {"auto": 2.2, "none": 1.0, "under": 2.0, "remix": 2.5, "gbdt": 1.5}

Stored = Callable[..., Comparison]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Store a comparison: the larger a recipe's skill, the more its probabilities know of the class."""

    def make(
        counts: Sequence[int] = (60, 15),
        recipes: Sequence[str] = ("none", "under", "gbdt"),
        *,
        labels: Sequence[str] | None = None,
        columns: Sequence[str] = ("a", "b"),
        name: str = "table",
        metric: str = "g_mean",
        skill: dict[str, float] = SKILL,
        seconds: dict[str, float] | None = None,
        findings: Sequence[dict[str, object]] = (),
        failed: Sequence[tuple[str, int, int]] = (),
        missing: Sequence[tuple[str, int, int]] = (),
        made: Callable[[str, int, int], list[dict[str, object]]] = lambda recipe, repeat, fold: [],
        notes: Sequence[str] = (),
        n_folds: int = 3,
        n_repeats: int = 2,
        images: bool = False,
        left_out: Sequence[str] = (),
    ) -> Comparison:
        codes = np.repeat(np.arange(len(counts)), counts)
        dataset = Dataset(name, None, None, None, None, None, "", "", ())
        protocol = Protocol(tuple(recipes), n_folds, n_repeats, 1, 300, 0, tuple(notes), images=images)
        with Store(tmp_path / "results.sqlite") as store:
            store.put(
                "problem",
                {
                    "name": name,
                    "n_rows": len(codes),
                    "classes": list(labels or map(str, range(len(counts)))),
                    "counts": list(counts),
                    "mass": list(counts),
                    "training_mass": list(counts),
                    "roles": {},
                    "gap": "",
                    **dict.fromkeys(("by_time", "grouped", "weighted"), False),
                    "rare": int(np.argmin(counts)),
                    "notes": list(notes),
                    "findings": list(findings),
                    "source": name,
                    "columns": [
                        {"column": c, "kind": "number", "missing": 0.25, "distinct": 7, "note": ""} for c in columns
                    ],
                },
            )
            store.put("versions", {"equipoise": "0.1"})
            store.put("request", {"metric": metric, "recipes": list(left_out) + list(recipes)})
            store.put("protocol", protocol.to_json())
            rng = np.random.default_rng(0)
            for repeat in range(n_repeats):
                for fold in protocol.splits.folds(dataset, codes, repeat):
                    trained = np.bincount(codes[fold.train], minlength=len(counts))
                    store.add_fold(fold, codes[fold.test], trained)
                    for recipe in recipes:
                        key = recipe, repeat, fold.number
                        cell = _cell(key, codes[fold.test], len(counts), skill[recipe], list(notes), rng)
                        priors = learned_priors(recipe, trained)
                        cell = replace(
                            cell,
                            priors=None if priors is None else priors.tolist(),
                            seconds=(seconds or {}).get(recipe, 0.5),
                        )
                        if key in failed:
                            store.add([Cell(*key, 0.0, None, None, error="ValueError: no <rows>")])
                        elif key not in missing:
                            store.add([replace(cell, made=made(*key))])
            return Comparison(store)

    return make


def _cell(
    key: tuple[str, int, int], codes: np.ndarray, k: int, skill: float, notes: list[str], rng: np.random.Generator
) -> Cell:
    logits = skill * np.eye(k)[codes] + rng.normal(size=(len(codes), k))
    proba = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    decided = (proba + 0.2 * np.eye(k)[-1]).argmax(axis=1) if key[0] == "auto" else proba.argmax(axis=1)
    confusion = np.zeros((k, k), dtype=np.int64)
    np.add.at(confusion, (codes, decided), 1)
    return Cell(*key, 0.5, proba, confusion, notes, decided=decided, predicting=0.25)
