"""Images as a classification task: what a comparison, a fit and a check begin with."""

import pandas as pd

from equipoise.datasets import Dataset
from equipoise.images.check import check_images
from equipoise.images.imageset import ImageSet
from equipoise.images.reader import ImageReader, picture_table
from equipoise.text import listed


def image_task(images: ImageSet, *, source: str) -> Dataset:
    """Return labelled images as a task.

    Its rows are the images; its preprocessing reads them; ``source`` says where they come from. Raises ValueError if
    there are no labels, a single class, or a class with a single image.
    """
    if images.labels is None:
        raise ValueError(f"{source} has no labels: put the images of each class into a folder of its own.")
    y = pd.Series(images.labels.tolist(), name="class")
    counts = y.value_counts()
    if len(counts) < 2:
        raise ValueError(f"Two classes or more are needed, but {source} holds only {counts.index[0]!r}.")
    if single := sorted(counts.index[counts == 1]):
        raise ValueError(
            f"Each class needs at least two images, but these classes of {source} have a single one: "
            f"{listed(map(repr, single), most=5)}. Add images, or remove these folders."
        )
    channels, height, width = images.shape
    reader = ImageReader(channels=channels, height=height, width=width)
    rare = min(counts.index[counts == counts.min()])
    return Dataset(
        name=images.name,
        X=picture_table(images),
        y=y,
        rare=rare,
        family=None,
        groups=images.groups,
        source=source,
        licence="not stated",
        notes=images.notes,
        preprocessor=reader,
        findings=(*images.findings, *check_images(images)),
        roles={} if images.grouped_by is None else {"group": images.grouped_by},
        images=True,
    )
