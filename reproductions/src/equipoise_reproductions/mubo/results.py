"""What the stores hold, as a frame of scores: a row a data set, column, run and way to draw the test rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import confusion_matrix

from equipoise.experiments import Store
from equipoise_reproductions.mubo.protocol import BY_CLASS, GANS, METRICS, Method, Source
from equipoise_reproductions.mubo.watch import CONFUSION

NATURAL, BALANCED = "natural", "balanced"
"""Test rows as they are, or drawn from them with replacement, as many of the larger class as of the other."""

KEYS = ["set", "method", "run", "test"]


def scores(folder: Path, sources: Sequence[Source]) -> pd.DataFrame:
    """Score every stored result."""
    rows = [row for source in sources for row in _of_source(folder, source)]
    found = pd.DataFrame(rows, columns=[*KEYS, *CONFUSION, "seconds"])
    return found.join(by_class(found[list(CONFUSION)]))


def _of_source(folder: Path, source: Source) -> Iterator[dict[str, Any]]:
    path = folder / f"{source.name}.sqlite"
    if not path.exists():
        return
    with Store(path) as store:
        folds, cells = {fold.repeat: fold for fold in store.folds()}, store.cells()
    for cell in cells:
        if cell.probabilities is None:
            continue
        codes, decided = folds[cell.repeat].test_codes, cell.probabilities.argmax(axis=1)
        drawn = balanced_draw(codes, folds[cell.repeat].seed)
        key = {"set": source.title, "method": cell.arm, "run": cell.repeat, "seconds": cell.seconds}
        for test, rows in ((NATURAL, np.arange(len(codes))), (BALANCED, drawn)):
            counts = confusion_matrix(codes[rows], decided[rows], labels=[0, 1]).ravel()
            yield key | {"test": test} | dict(zip(CONFUSION, counts.tolist(), strict=True))


def balanced_draw(codes: NDArray[np.integer[Any]], seed: int) -> NDArray[np.intp]:
    """Draw test rows as the authors' code does: minority rows with replacement, and as many of the majority.

    All methods of a run are scored on the same draw.
    """
    rng = np.random.default_rng(seed)
    n = int((codes == 1).sum())
    return np.concatenate([rng.choice(np.flatnonzero(codes == code), size=n) for code in (1, 0)])


def by_class(counts: pd.DataFrame) -> pd.DataFrame:
    """F1, precision and recall from confusion counts, one row each: macro-averages and both classes."""
    tn, fp, fn, tp = (counts[name].to_numpy(dtype=np.float64) for name in CONFUSION)
    parts = {
        "f1_m": _ratio(2 * tp, 2 * tp + fp + fn),
        "f1_M": _ratio(2 * tn, 2 * tn + fp + fn),
        "precision_m": _ratio(tp, tp + fp),
        "precision_M": _ratio(tn, tn + fn),
        "recall_m": _ratio(tp, tp + fn),
        "recall_M": _ratio(tn, tn + fp),
    }
    means = {metric: (parts[f"{metric}_m"] + parts[f"{metric}_M"]) / 2 for metric in METRICS}
    return pd.DataFrame(parts | means, index=counts.index)[list(BY_CLASS)]


def _ratio(part: ArrayLike, whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def implied(source: Source) -> str:
    """Test rows that the paper's own figures for MUBO imply."""
    return BALANCED if source.balanced else NATURAL


def histories(folder: Path, sources: Sequence[Source], methods: Sequence[Method]) -> pd.DataFrame:
    """Join the histories of stored searches, a row a step, with columns ``set`` and ``method``."""
    parts = []
    for source in sources:
        with Store(folder / f"{source.name}.sqlite") as store:
            found = {method.name: store.get(f"history/{method.name}") for method in methods}
        parts += [pd.DataFrame(told).assign(set=source.title, method=name) for name, told in found.items() if told]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["set", "method"])


def health(folder: Path, sources: Sequence[Source]) -> pd.DataFrame:
    """Read what is known of the rows that GANs made: a row a set, method and run, see `SMOTifiedGAN.diagnostics_`."""
    rows = []
    for source in sources:
        with Store(folder / f"{source.name}.sqlite") as store:
            cells = {(cell.arm, cell.repeat): cell for cell in store.cells() if cell.made}
        for method in GANS:
            for run in sorted(repeat for arm, repeat in cells if arm == method.name):
                key = {"set": source.title, "method": method.name, "run": run}
                rows += [key | made for made in cells[method.name, run].made]
    return pd.DataFrame(rows)
