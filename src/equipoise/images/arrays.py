"""Images that come as arrays: ``.npz`` in the layout of MedMNIST, and MNIST's idx files."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.datasets.idx import read_array

_PARTS = ("train", "val", "test")
_OF_IDX = {"train": "train", "t10k": "test"}

Part = tuple[str | None, NDArray[np.uint8], NDArray[Any]]
"""Name of a part, its images (n, channels, height, width), and labels (n,)."""


def npz_parts(path: Path) -> list[Part]:
    """Read ``{part}_images`` and ``{part}_labels``, or ``images`` and ``labels``, of a file of arrays.

    Raises ValueError if the arrays are no images and labels.
    """
    try:
        with _opened(path) as arrays:
            names: list[str | None] = [part for part in _PARTS if f"{part}_images" in arrays]
            return [_part(path, arrays, part) for part in names or [None]]
    except (OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} cannot be read as an npz file ({' '.join(str(error).split())[:120]}).") from error


def _part(path: Path, arrays: Any, part: str | None) -> Part:
    keys = [name if part is None else f"{part}_{name}" for name in ("images", "labels")]
    if absent := [key for key in keys if key not in arrays]:
        raise ValueError(
            f"{path} must hold train_images and train_labels (and val_ and test_), as MedMNIST's files do, or images "
            f"and labels, but it lacks {absent[0]!r}: it holds {', '.join(arrays)[:200]}."
        )
    images, labels = (_array(path, arrays, key) for key in keys)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) != len(images):
        raise ValueError(f"{keys[1]} of {path} must be one label an image, but its shape is {labels.shape}.")
    return part, _channels_first(images, f"{keys[0]} of {path}"), labels


def _opened(path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no npz file: write it with numpy.savez(path, images=..., labels=...).")
    return np.load(path, allow_pickle=False)


def _array(path: Path, arrays: Any, key: str) -> NDArray[Any]:
    try:
        return arrays[key]
    except ValueError as error:  # objects, which could run code
        raise ValueError(
            f"{key} of {path} cannot be read ({' '.join(str(error).split())[:80]}): save labels as integers or text, "
            f"as by labels.astype(str), and images as bytes."
        ) from error


def _channels_first(images: NDArray[Any], name: str) -> NDArray[np.uint8]:
    grey = images.ndim == 3
    if images.dtype != np.uint8 or not (grey or (images.ndim == 4 and images.shape[-1] in (1, 3))):
        raise ValueError(
            f"{name} must be bytes (uint8) of shape (n, height, width) or (n, height, width, 3), but are "
            f"{images.dtype} of shape {images.shape}."
        )
    return images[:, None] if grey else np.ascontiguousarray(np.moveaxis(images, -1, 1))


def idx_images(path: Path) -> list[Path]:
    """Return the idx files of images that a path stands for: itself, or those of a folder."""
    if path.is_dir():
        return sorted(file for file in path.iterdir() if _is_idx(file))
    return [path] if _is_idx(path) else []


def _is_idx(file: Path) -> bool:
    return "-images-idx" in file.name and file.is_file()


def idx_parts(files: list[Path]) -> Iterator[Part]:
    """Read idx files of images, each with the file of labels beside it.

    Raises ValueError if a file is damaged, or labels and images do not fit; FileNotFoundError without labels.
    """
    for file in files:
        beside = file.with_name(file.name.replace("-images-idx3", "-labels-idx1"))
        if not beside.is_file():
            raise FileNotFoundError(f"The labels of {file} are missing: put {beside.name} beside it.")
        images, labels = read_array(file), read_array(beside)
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{file} and {beside.name} must hold images and as many labels, but their shapes are {images.shape} "
                f"and {labels.shape}."
            )
        part = _OF_IDX.get(file.name.split("-images")[0])
        yield part if len(files) > 1 else None, images[:, None], labels
