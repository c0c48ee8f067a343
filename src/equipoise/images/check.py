"""What in a set of images would make a model, or its figures, wrong: facts beside the picture that tell the class."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from equipoise.images.imageset import ImageSet
from equipoise.metrics import balanced_accuracy
from equipoise.tables.finding import Finding
from equipoise.text import percent

_MOST_IMAGES = 4000
_FOLDS = 3
_TELLING = 0.8  # of the way from guessing to certainty
_BY_BYTES = 0.98  # the same for sizes of files, which differ where pictures do
_FEWEST = 10  # images of a class


def check_images(images: ImageSet) -> list[Finding]:
    """Find facts that tell the class without the picture: size of the file, resolution, border.

    Each fact is judged by the balanced accuracy of a tree of three levels on images that it was not fitted on.

    A sample of the first images of each class is looked at.
    """
    assert images.labels is not None
    _, codes, counts = np.unique(images.labels, return_inverse=True, return_counts=True)
    large = np.flatnonzero(counts >= _FEWEST)
    if len(large) < 2:
        return []
    each = max(_FEWEST, _MOST_IMAGES // len(large))
    rows = np.concatenate([np.flatnonzero(codes == k)[:each] for k in large])
    found = []
    for fact, remedy, telling, columns in _facts(images, rows):
        score = _balanced_accuracy(columns, codes[rows])
        chance = 1 / len(large)
        if score > chance + telling * (1 - chance):
            evidence = (
                f"{fact} alone tells the class: a small tree on it has a balanced accuracy of {percent(score)}, "
                f"where guessing has {percent(chance)}."
            )
            found.append(Finding("caution", "leak", ("image",), evidence, remedy))
    return found


def _facts(images: ImageSet, rows: NDArray[np.int64]) -> Iterator[tuple[str, str, float, NDArray[np.float64]]]:
    sides, sizes = images.sides[rows].astype(float), images.file_bytes[rows].astype(float)
    if len(np.unique(sides, axis=0)) > 1:
        remedy = "Make all images of one size and of one camera, or collect others."
        yield "The resolution of the files", remedy, _TELLING, sides
    if len(np.unique(sizes)) > 1:
        remedy = (
            "Pictures of more detail make larger files; if that is not the reason, classes come from different sources "
            "or are compressed differently: save all images alike."
        )
        yield "The size of the files in bytes", remedy, _BY_BYTES, sizes[:, None]
    pixels = images.pixels[np.sort(rows)].astype(np.float32)[np.argsort(np.argsort(rows))]
    border = np.concatenate([pixels[:, :, 0], pixels[:, :, -1], pixels[:, :, :, 0], pixels[:, :, :, -1]], axis=2)
    remedy = "Frames, labels or backgrounds may differ between classes: crop them away, or collect others."
    border = np.column_stack([border.mean(2), border.std(2)]).astype(float)
    yield "The outermost line of pixels", remedy, _TELLING, border


def _balanced_accuracy(columns: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    tree = DecisionTreeClassifier(max_depth=3, class_weight="balanced", random_state=0)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    return balanced_accuracy(codes, cross_val_predict(tree, columns, codes, cv=folds))
