"""Images in the files that MNIST came in, which later sets of images keep to."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equipoise.files import first_bytes

_BYTES = 8  # code of the only type of these files here
_MOST_AXES = 4


def read_array(path: Path) -> NDArray[np.uint8]:
    """Read an idx file of bytes, as it is or packed by gzip.

    Raises ValueError if it is damaged, or of another type.
    """
    try:
        packed = first_bytes(path, 2) == b"\x1f\x8b"
        content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}).") from error
    axes = content[3] if len(content) > 3 else 0
    if content[:3] != bytes((0, 0, _BYTES)) or not 1 <= axes <= _MOST_AXES:
        raise ValueError(f"{path} is no idx file of bytes.")
    header = 4 + 4 * axes
    shape = tuple(np.frombuffer(content[4:header].ljust(4 * axes, b"\0"), ">u4").tolist())
    if len(content) - header != math.prod(shape):
        raise ValueError(f"{path} is damaged: it has {len(content):,} bytes, which do not fit its shape {shape}.")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_images(folder: Path, part: str, *, wanted: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images and their labels.

    Parameters
    ----------
    folder : Path
        Of ``{part}-images-idx3-ubyte.gz`` and ``{part}-labels-idx1-ubyte.gz``.
    part : {"train", "t10k"}
    wanted : str
        Whose files they are, and what for, for the message when they are not there.

    Returns
    -------
    images : ndarray of shape (n, height, width), from 0 to 255
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
    images, labels = map(read_array, paths)
    return images, labels
