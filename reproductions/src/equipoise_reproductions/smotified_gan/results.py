"""What the stores hold, as frames of scores and of figures of the made rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from equipoise.experiments import Store
from equipoise_reproductions.mubo.results import by_class
from equipoise_reproductions.mubo.watch import CONFUSION
from equipoise_reproductions.smotified_gan.protocol import METHODS, Source

AUTHORS, SOUND = "authors", "stratified folds"
"""Ways to divide the rows."""


def _stores(folder: Path, sources: Sequence[Source]) -> Iterator[tuple[Source, Store]]:
    for source in sources:
        with Store(folder / f"{source.name}.sqlite") as store:
            yield source, store


def scores(folder: Path, sources: Sequence[Source]) -> pd.DataFrame:
    """Score every stored network."""
    rows = [row for source, store in _stores(folder, sources) for row in _scored(source, store)]
    found = pd.DataFrame(rows)
    return found.assign(f1=by_class(found[list(CONFUSION)])["f1_m"])


def _scored(source: Source, store: Store) -> Iterator[dict[str, Any]]:
    codes = {fold.fold: fold.test_codes for fold in store.folds()}
    for cell in store.cells():
        assert cell.probabilities is not None and cell.confusion is not None
        loss, method = cell.arm.split("/")
        yield {
            "set": source.title,
            "split": _split(cell.fold),
            "fold": cell.fold,
            "loss": loss,
            "method": method,
            "repeat": cell.repeat,
            **dict(zip(CONFUSION, cell.confusion.ravel().tolist(), strict=True)),
            "average_precision": average_precision_score(codes[cell.fold], cell.probabilities[:, 1]),
        }


def _split(fold: int) -> str:
    return SOUND if fold else AUTHORS


def health(folder: Path, sources: Sequence[Source]) -> pd.DataFrame:
    """Read the figures of the made rows: a row a ``set``, ``split``, ``fold`` and ``method``."""
    return pd.DataFrame(
        [
            {
                "set": source.title,
                "split": _split(fold),
                "fold": fold,
                "method": method.name,
                **made["figures"],
            }
            for source, store in _stores(folder, sources)
            for fold in dict.fromkeys(fold.fold for fold in store.folds())
            for method in METHODS
            if (made := store.get(f"made/{fold}/{method.name}")) is not None
        ]
    )


def counts(folder: Path, sources: Sequence[Source]) -> dict[str, tuple[int, ...]]:
    """Read the class counts of the authors' split, by set."""
    return {source.title: tuple(store.get("counts")) for source, store in _stores(folder, sources)}


def means(found: pd.DataFrame, split: str, loss: str, metric: str = "f1") -> pd.DataFrame:
    """Mean score over folds and repeats: a row a set, a column a method."""
    part = found[(found["split"] == split) & (found["loss"] == loss)]
    table = part.pivot_table(index="set", columns="method", values=metric, sort=False)
    return table[[method.name for method in METHODS if method.name in table]]


def gains(found: pd.DataFrame, title: str, method: str, over: str, metric: str = "f1") -> pd.Series:
    """Gain of a method over another on the stratified folds of a set, a value a fold."""
    part = found[(found["split"] == SOUND) & (found["set"] == title)]
    table = part.pivot_table(index="fold", columns="method", values=metric)
    return (table[method] - table[over]).astype(np.float64)
