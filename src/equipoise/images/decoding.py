"""One image file to bytes: any of the common formats and pixel types, told by content and never by name."""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from equipoise.images.resizing import resized

MOST_PIXELS = 1 << 26
"""Largest image that is decoded, in pixels: a file of a few bytes can claim any size."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # others can run programs, or are no photos
_MOST_BYTES = 1 << 28
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)
_GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "La")
_DEEP = ("I", "I;16", "I;16B", "I;16L")


class BrokenImageError(ValueError):
    """A file that cannot be read as an image; its message is the reason, without the name of the file."""


@dataclass(frozen=True)
class Header:
    """What the header of an image file states."""

    height: int  # upright, as the camera's orientation says
    width: int
    grey: bool
    deep: bool  # whether pixels have 16 bits
    transparent: bool  # whether a pixel is


def header(file: Path) -> Header:
    """Read the header of an image file, without its pixels, unless they may be transparent.

    Raises BrokenImageError.
    """
    with opened(file) as image:
        return header_of(image)


def decode(file: Path, size: tuple[int, int] | None, channels: int) -> NDArray[np.uint8]:
    """Read an image file: upright, in one or three channels, cropped and scaled to a size.

    The size None leaves the image as it is; raises BrokenImageError.
    """
    with opened(file) as image:
        return pixels_of(image, size, channels)


def header_of(image: Image.Image) -> Header:
    """Return what the header of an open image states."""
    width, height = image.size
    if _orientation(image) in _TURNED:
        height, width = width, height
    transparent = False
    if _has_alpha(image) and image.mode not in _DEEP:
        transparent = image.convert("RGBA").getchannel("A").getextrema() != (255, 255)
    return Header(height, width, image.mode in _GREY, image.mode in _DEEP, transparent)


def pixels_of(image: Image.Image, size: tuple[int, int] | None, channels: int) -> NDArray[np.uint8]:
    """Decode an open image, as in `decode`; the image is not read again after that."""
    if _orientation(image):
        ImageOps.exif_transpose(image, in_place=True)
    pixels = _bytes(image, channels)
    return pixels if size is None else resized(pixels, size)


def _orientation(image: Image.Image) -> int | None:
    known = "exif" in image.info or "Raw profile type exif" in image.info or image.format in ("TIFF", "WEBP")
    return image.getexif().get(_ORIENTATION) if known else None


def _bytes(image: Image.Image, channels: int) -> NDArray[np.uint8]:
    if image.mode in _DEEP:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise BrokenImageError(f"its pixels reach from {values.min()} to {values.max()}, beyond 16 bits")
        grey = np.floor(values / 257 + 0.5).astype(np.uint8)
        return np.repeat(grey[None], channels, axis=0)
    if image.mode == "F":
        raise BrokenImageError("its pixels are floats, whose range is not known")
    if _has_alpha(image):
        layers = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


@contextmanager
def opened(file: Path) -> Iterator[Image.Image]:
    """Open an image; every error of the decoder, of its pixels, too, becomes the reason for leaving it out."""
    try:
        with warnings.catch_warnings(), _regular(file) as stream:
            warnings.simplefilter("ignore")  # of odd metadata
            with Image.open(stream, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise BrokenImageError(
                        f"its {image.width:,} x {image.height:,} pixels are more than the limit of {MOST_PIXELS:,}"
                    )
                yield image
    except BrokenImageError:
        raise
    except Image.DecompressionBombError:
        raise BrokenImageError(f"it claims more pixels than the limit of {MOST_PIXELS:,}") from None
    except UnidentifiedImageError:
        raise BrokenImageError("its content is no image of a known format") from None
    except FileNotFoundError:
        raise BrokenImageError("there is no such file") from None
    except Exception as error:  # decoders of damaged files raise anything
        text = " ".join(str(error).split())[:120]
        raise BrokenImageError(text or type(error).__name__) from None


def _regular(file: Path) -> BinaryIO:
    """Open a regular file; a pipe would wait for ever."""
    there = os.stat(file)
    if not stat.S_ISREG(there.st_mode):
        raise BrokenImageError("it is no regular file")
    if there.st_size == 0:
        raise BrokenImageError("it is empty")
    if there.st_size > _MOST_BYTES:
        raise BrokenImageError(f"its {there.st_size:,} bytes are more than the limit of {_MOST_BYTES:,}")
    return open(file, "rb")
