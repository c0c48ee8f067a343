"""`read_images`: a folder, table, archive or array of images as an `ImageSet`."""

import atexit
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.files import IMAGE_ENDINGS, check_input
from equipoise.images.arrays import Part, idx_images, idx_parts, npz_parts
from equipoise.images.duplicates import joined
from equipoise.images.grouping import grouped
from equipoise.images.imageset import ImageSet
from equipoise.images.kinds import ARCHIVES
from equipoise.images.resizing import resized
from equipoise.images.sources import ImageFile, by_folder, in_folder, in_table, shown, unpacked
from equipoise.images.store import decoded, digest
from equipoise.images.wanted import Wanted
from equipoise.text import counted, listed

MOST_SIDE = 1024


def read_images(
    source: str | Path,
    *,
    image_size: int | None = None,
    target: str | None = None,
    group: str | None = None,
    cache: str | Path | None = None,
    n_jobs: int | None = None,
    labelled: bool = True,
    shape: tuple[int, int, int] | None = None,
) -> ImageSet:
    """Read images of any common format, and bring them to one size.

    Parameters
    ----------
    source : str or Path
        A folder with a folder for each class, perhaps in folders ``train``, ``val`` and ``test``; a ``.zip`` or
        ``.tar`` file of such folders; a csv file with the columns ``path``, ``label`` and perhaps ``group`` and
        ``part``; an ``.npz`` file as those of MedMNIST; or idx files as those of MNIST.
    image_size : int, optional
        Longer side of the images in pixels. By default that of the data, at most 64. Images of different shapes become
        squares: scaled, and cropped around their centre.
    target, group : str, optional
        Columns of a csv file, in place of ``label`` and ``group``.
    cache : str or Path, optional
        Folder that keeps the decoded pixels, so that a later run does not decode again; by default they are removed
        when the program ends.
    n_jobs : int, optional
        Processes that decode; by default one a core.
    labelled : bool, default=True
        False reads images without classes, as for a prediction.
    shape : tuple of int, optional
        Channels, height and width wanted, as of a fitted model.

    Returns
    -------
    ImageSet
        Grey if all images are grey, else in three channels. Transparent pixels are white, 16 bits become 8, and images
        stand upright. Broken files are left out and named.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    ValueError
        If it holds no images, or no classes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label, colour in (("cat", "red"), ("dog", "blue")):
    ...         (Path(folder) / label).mkdir()
    ...         Image.new("RGB", (40, 30), colour).save(f"{folder}/{label}/1.png")
    ...     images = read_images(folder)
    >>> images.shape, images.labels.tolist()
    ((3, 30, 40), ['cat', 'dog'])
    """
    path = Path(source)
    if image_size is not None and not 1 <= image_size <= MOST_SIDE:
        raise ValueError(f"The size of images must be 1 to {MOST_SIDE} pixels, but is {image_size!r}.")
    if not path.is_dir():
        check_input(path)
    wanted = Wanted(image_size, shape)
    if arrays := idx_images(path):
        return _of_arrays(path, list(idx_parts(arrays)), wanted)
    if path.suffix.lower() == ".npz":
        return _of_arrays(path, npz_parts(path), wanted)
    name, place = path.stem if not path.is_dir() else path.resolve().name, shown(path)
    if cache is None or path.name.lower().endswith(ARCHIVES):  # unpacked files are new each time
        cache = mkdtemp(prefix="equipoise-images-")
        atexit.register(shutil.rmtree, cache, ignore_errors=True)
    if path.is_dir():
        files, notes = in_folder(path)
        items, more = by_folder(files, place, labelled=labelled)
        return _of_files(name, place, items, [*notes, *more], wanted, Path(cache), n_jobs)
    if path.name.lower().endswith(ARCHIVES):
        with TemporaryDirectory(prefix="equipoise-archive-") as into:
            files, notes = unpacked(path, Path(into))
            items, more = by_folder(files, place, labelled=labelled)
            return _of_files(name, place, items, [*notes, *more], wanted, Path(cache), n_jobs)
    items = in_table(path, target, group, labelled=labelled)
    images = _of_files(name, place, items, [], wanted, Path(cache), n_jobs)
    return grouped(images, items, group or "group")


def _of_files(
    name: str, place: str, items: Sequence[ImageFile], notes: list[str], wanted: Wanted, cache: Path, n_jobs: int | None
) -> ImageSet:
    images = decoded([item.file for item in items], wanted, cache, n_jobs)
    fine = [(item, head) for item, head in zip(items, images.headers) if not isinstance(head, str)]
    unread = [(item, reason) for item, reason in zip(items, images.headers) if isinstance(reason, str)]
    others = [item for item, _ in unread if not _named_as_image(item)]
    left_out = broken = [(item, reason) for item, reason in unread if _named_as_image(item)]
    if not fine:
        first = f" The first, {shown(broken[0][0].name)}: {broken[0][1]}." if broken else ""
        raise ValueError(f"{place} holds no image that can be read, of {counted(len(items), 'file')}.{first}")
    rest, heads = [item for item, _ in fine], [head for _, head in fine]
    sides = np.array([(head.height, head.width) for head in heads])
    if others:
        notes.append(f"Left out: {counted(len(others), 'file')} of other kinds, such as {shown(others[0].name)}.")
    if absent := [shown(item.name) for item, _ in broken if not item.file.exists()]:
        notes.append(f"Left out: {counted(len(absent), 'image')} not found: {listed(absent, most=3)}.")
    if broken := [(item, reason) for item, reason in broken if item.file.exists()]:
        reasons = listed((f"{shown(item.name)} ({reason})" for item, reason in broken), most=3)
        notes.append(f"Left out: {counted(len(broken), 'broken image')}: {reasons}.")
    if lost := sorted({shown(item.label) for item in items if item.label} - {shown(item.label) for item in rest}):
        notes.append(f"Left out, for want of images that can be read: {_classes(lost)}.")
    _, channels, *size = images.pixels.shape
    notes += _changes(sides, tuple(size), channels, heads)
    labels = None if any(item.label is None for item in rest) else np.array(_shown_labels([i.label for i in rest]))
    return joined(
        ImageSet(
            name,
            images.pixels,
            tuple(shown(item.name) for item in rest),
            labels,
            _codes([item.group for item in rest]),
            _parts([item.part for item in rest]),
            sides,
            np.array([os.stat(item.file).st_size for item in rest]),
            tuple((shown(item.name), reason) for item, reason in left_out),
            tuple(notes),
        ),
        images.digests,
    )


def _named_as_image(item: ImageFile) -> bool:
    return Path(item.name).suffix.lower() in IMAGE_ENDINGS


def _shown_labels(labels: Sequence[str | None]) -> list[str]:
    """Return labels as they can be printed, and refuse those that only unprintable characters tell apart."""
    as_shown = {label: shown(label) for label in dict.fromkeys(labels)}
    if len(set(as_shown.values())) < len(as_shown):
        twice = next(name for name in as_shown.values() if list(as_shown.values()).count(name) > 1)
        raise ValueError(f"Two classes differ only in characters that cannot be shown, as {twice!r}: rename a folder.")
    return [as_shown[label] for label in labels]


def _classes(labels: Sequence[str]) -> str:
    return f"{'class' if len(labels) == 1 else 'classes'} {listed(map(repr, labels), most=5)}"


def _changes(sides: NDArray[np.int64], size: tuple[int, int], channels: int, heads: Sequence[Any]) -> list[str]:
    """Say what was done to the pixels."""
    notes, now = [], f"{size[0]} x {size[1]} pixels"
    if (differing := len(np.unique(sides, axis=0))) > 1:
        (low_height, low_width), (high_height, high_width) = sides.min(axis=0), sides.max(axis=0)
        notes.append(
            f"Images of {differing:,} sizes, {low_height} x {low_width} to {high_height} x {high_width} pixels (height "
            f"x width), were scaled and cropped around the centre to {now}."
        )
    elif tuple(sides[0]) != size:
        notes.append(f"Images of {sides[0][0]} x {sides[0][1]} pixels (height x width) were scaled to {now}.")
    if deep := sum(head.deep for head in heads):
        notes.append(f"16-bit pixels of {counted(deep, 'image')} were divided by 257, to bytes.")
    if transparent := sum(head.transparent for head in heads):
        notes.append(f"Transparent pixels of {counted(transparent, 'image')} were made white.")
    grey = sum(head.grey for head in heads)
    if channels == 3 and grey:
        notes.append(f"{counted(grey, 'grey image')} among coloured ones got three equal channels.")
    return notes


def _of_arrays(path: Path, parts: Sequence[Part], wanted: Wanted) -> ImageSet:
    shapes = {images.shape[1:] for _, images, _ in parts}
    if len(shapes) > 1:
        raise ValueError(f"The images of all parts of {path} must have one shape, but have {listed(sorted(shapes))}.")
    pixels = parts[0][1] if len(parts) == 1 else np.concatenate([images for _, images, _ in parts])
    if not len(pixels):
        raise ValueError(f"{path} holds no images.")
    labels = np.concatenate([labels for _, _, labels in parts])
    names = [part for part, images, _ in parts for _ in range(len(images))]
    sides = np.tile(pixels.shape[2:], (len(pixels), 1))
    size, notes = wanted.size(sides), list[str]()
    if size != pixels.shape[2:]:
        notes = _changes(sides, size, pixels.shape[1], [])
        pixels = np.stack([resized(image, size) for image in pixels])
    if wanted.shape is not None and wanted.shape[0] != pixels.shape[1]:
        raise ValueError(f"{path} has images of {pixels.shape[1]} channels, but {wanted.shape[0]} are needed.")
    return joined(
        ImageSet(
            path.resolve().name if path.is_dir() else path.stem,
            pixels,
            tuple(f"{part or path.stem}/{i}" for i, part in enumerate(names)),
            labels.astype(str),
            None,
            _parts(names),
            sides,
            np.zeros(len(pixels), dtype=np.int64),
            notes=tuple(notes),
        ),
        [digest(image) for image in pixels],
    )


def _codes(groups: Sequence[str | None]) -> NDArray[np.int64] | None:
    if all(group is None for group in groups):
        return None
    own = [("", i) if group is None else (group, -1) for i, group in enumerate(groups)]
    places = {group: code for code, group in enumerate(dict.fromkeys(own))}
    return np.array([places[group] for group in own])


def _parts(parts: Sequence[str | None]) -> NDArray[np.str_] | None:
    return None if all(part is None for part in parts) else np.array([part or "train" for part in parts])
