"""Images in the files that MNIST came in, which later sets of images keep to."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SIDE = 28
_HEADERS = 16, 8  # bytes of the idx format before images, and before labels


def read_images(folder: Path, part: str, *, wanted: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images of 28 x 28 pixels and their labels.

    Parameters
    ----------
    folder : Path
        Of ``{part}-images-idx3-ubyte.gz`` and ``{part}-labels-idx1-ubyte.gz``.
    part : {"train", "t10k"}
    wanted : str
        Whose files they are, and what for, for the message when they are not there.

    Returns
    -------
    images : ndarray of shape (n, 28, 28), from 0 to 255
    labels : ndarray of shape (n,)

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    """
    paths = [folder / f"{part}-{name}-ubyte.gz" for name in ("images-idx3", "labels-idx1")]
    if absent := [str(path) for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"{wanted}, but {' and '.join(absent)} cannot be found: put its files into images/{folder.name} of the "
            f"data home."
        )
    images, labels = (
        np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8)[header:]
        for path, header in zip(paths, _HEADERS, strict=True)
    )
    return images.reshape(-1, _SIDE, _SIDE), labels
