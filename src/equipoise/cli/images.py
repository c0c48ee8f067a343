"""Images as a task of the commands: read, checked, and their test part kept apart."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, Columns, Reading
from equipoise.cli.output import say
from equipoise.files import IMAGE_ENDINGS, check_input, is_table_folder, table_files
from equipoise.images.kinds import is_table
from equipoise.text import counted, listed

if TYPE_CHECKING:
    from equipoise.datasets import Dataset
    from equipoise.images import ImageSet
    from equipoise.reports.pictures import Pictures as Thumbnails

_pictures = Group("Images")


@Parameter(name="*", group=_pictures)
@dataclass(frozen=True)
class Pictures:
    """How images are read and shown."""

    image_size: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    """Longer side of the images in pixels; by default that of the data, at most 64."""
    thumbnails: Annotated[bool, Parameter(negative="--no-thumbnails")] = True
    """Whether the report shows images."""


AS_THEY_ARE = Pictures()


@dataclass(frozen=True, eq=False)
class ImageTask:
    """Images to learn from, and those of the test part, on which nothing is chosen."""

    data: "Dataset"
    images: "ImageSet"
    test: "ImageSet | None"

    def shown(self) -> "Thumbnails":
        """Return the images for the report."""
        from equipoise.reports.pictures import Pictures as Thumbnails

        return Thumbnails(self.images.pixels, self.images.names)

    def tested(self, model: Any) -> dict[str, float]:
        """Score a model on the test part, by titles of metrics, and print it; nothing without such a part."""
        if self.test is None or self.test.labels is None:
            return {}
        from equipoise import metrics
        from equipoise.images.reader import picture_table

        predicted = model.predict(picture_table(self.test))
        known = list(self.data.y.unique())
        figures = {
            "G-mean": metrics.g_mean(self.test.labels, predicted, labels=known),
            "balanced accuracy": metrics.balanced_accuracy(self.test.labels, predicted, labels=known),
        }
        scores = ", ".join(f"{title} {value:.3f}" for title, value in figures.items())
        say(f"On the {counted(len(self.test), 'image')} of the test part, which chose nothing: {scores}.")
        return figures


def load_images(
    path: Path, target: str | None, reading: Reading, columns: Columns, pictures: Pictures, *, unlabelled: bool = False
) -> ImageTask:
    """Read the images of a path as a task."""
    options = [*_given(reading, AS_IN_A_FILE), *_given(columns, AS_FOUND)]
    options += [name for name, there in (("--target", target is not None), ("--score-unlabelled", unlabelled)) if there]
    allowed = ("--target", "--group") if is_table(path) else ()
    if refused := [option for option in options if option not in allowed]:
        raise ValueError(
            f"{listed(refused)}: {'this option is' if len(refused) == 1 else 'these options are'} for tables, but "
            f"{path} is of images: leave {'it' if len(refused) == 1 else 'them'} out."
        )
    from equipoise.images import read_images
    from equipoise.images.task import image_task

    images = read_images(path, image_size=pictures.image_size, target=target, group=columns.group, cache=_cache())
    learned, test = images, None
    if images.parts is not None and (images.parts == "test").any():
        learned, test = images.part(["train", "val"]), images.part(["test"])
        if unknown := _new(test, learned):
            raise ValueError(
                f"The test part of {path} has classes that the other parts lack: {listed(map(repr, unknown), most=5)}. "
                "Add images of them to train/, or remove them from test/."
            )
        names = listed(dict.fromkeys(learned.parts.tolist() if learned.parts is not None else ()))
        note = f"The test part, {counted(len(test), 'image')}, chooses nothing; the rows are those of {names}."
        learned = replace(learned, notes=(*learned.notes, note))
    return ImageTask(image_task(learned, source=str(path)), learned, test)


def check_table_source(path: Path, target: str | None, pictures: Pictures) -> None:
    """Refuse what is neither a table with a target nor images, before anything slow."""
    if path.suffix.lower() in IMAGE_ENDINGS and path.is_file():
        raise ValueError(f"{path} is a single image: name a folder with a folder for each class, or an archive of it.")
    if not is_table_folder(path):
        check_input(path)
    if files := table_files(path) if path.is_dir() else []:
        from equipoise.tables.parquet import check_footers

        check_footers(files)
    if target is None:
        raise ValueError(f"Name the column of {path} that holds the classes: --target NAME.")
    if pictures.image_size is not None:
        raise ValueError(f"--image-size is for images, but {path} is a table: leave it out.")


def _given(options: Reading | Columns, default: Reading | Columns) -> Iterator[str]:
    """Yield the options that differ from their default, as they are typed."""
    for each in fields(options):
        if getattr(options, each.name) != getattr(default, each.name):
            yield "--no-header" if each.name == "header" else f"--{each.name.replace('_', '-')}"


def _new(test: "ImageSet", learned: "ImageSet") -> list[str]:
    return (
        []
        if test.labels is None or learned.labels is None
        else sorted(set(test.labels.tolist()) - set(learned.labels.tolist()))
    )


def _cache() -> Path | None:
    """Return where decoded pixels are kept; None where nothing can be written."""
    from equipoise.datasets import data_home

    home = data_home()
    there = next(place for place in (home, *home.parents) if place.exists())
    return home / "decoded" if os.access(there, os.W_OK) else None


def predict_images(model: Any, path: Path) -> "tuple[Any, tuple[str, ...]]":
    """Return a table of names, predictions and probabilities of the images of a path, and notes."""
    import pandas as pd

    from equipoise.images import read_images
    from equipoise.images.kinds import is_images
    from equipoise.images.reader import Picture, picture_table
    from equipoise.persistence.schema import image_reader

    reader = image_reader(model)
    assert reader is not None
    shape = reader.channels, reader.height, reader.width
    notes: tuple[str, ...] = ()
    if path.suffix.lower() in IMAGE_ENDINGS and path.is_file():
        table = pd.DataFrame({"image": [Picture(path.name, reader.transform([str(path)])[0])]})
        names = [path.name]
    elif is_images(path):
        images = read_images(path, shape=shape, labelled=False)
        table, names, notes = picture_table(images), list(images.names), images.notes
    else:
        raise ValueError(f"The model reads images, but {path} is none: name a folder, an archive, or a csv of paths.")
    proba = model.predict_proba(table)
    columns = {f"probability_{label}": column for label, column in zip(model.classes_, proba.T, strict=True)}
    return pd.DataFrame({"image": names, "prediction": model.predict(table), **columns}), notes
