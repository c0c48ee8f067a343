"""Decoding of many files, in processes, into one memory-mapped array that later runs open at once."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from equipoise.images.decoding import BrokenImageError, Header, decode, header

T = TypeVar("T")

_VERSION = 1
_AT_ONCE = 256  # files of a call
_A_PROCESS = 1500  # files that are worth the start of a process
_PIXELS, _FACTS = "pixels.npy", "facts.json"


def headers(files: Sequence[Path], n_jobs: int | None) -> list[Header | str]:
    """Read the header of each file; for a broken one, the reason."""
    return [found for part in _in_parts(_headers, files, n_jobs) for found in part]


def _headers(start: int, files: Sequence[Path]) -> list[Header | str]:
    return [_tried(header, file) for file in files]


def _tried(function: Callable[..., T], *arguments: object) -> T | str:
    try:
        return function(*arguments)
    except BrokenImageError as error:
        return str(error)


@dataclass(frozen=True)
class Decoded:
    """Decoded files."""

    pixels: NDArray[np.uint8]  # (n, channels, height, width): of the files that could be read
    broken: dict[int, str]  # position of each other file, and the reason
    digests: list[str]  # digest of the pixels of each image


def decoded(files: Sequence[Path], channels: int, size: tuple[int, int], cache: Path, n_jobs: int | None) -> Decoded:
    """Decode files into a folder of the cache, or open what an earlier run left there.

    A file counts as the same if its path, size and time of change are.
    """
    place = cache / _key(files, channels, size)
    if not (place / _FACTS).exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix=".draft-", dir=cache))
        try:
            _decode_into(draft, files, channels, size, n_jobs)
            if not place.exists():
                os.replace(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    facts = json.loads((place / _FACTS).read_text())
    broken = {int(position): reason for position, reason in facts["broken"].items()}
    pixels = np.load(place / _PIXELS, mmap_mode="r")
    return Decoded(pixels[: len(facts["digests"])], broken, facts["digests"])


def _key(files: Sequence[Path], channels: int, size: tuple[int, int]) -> str:
    digest = hashlib.sha256(repr((_VERSION, channels, size)).encode())
    for file in files:
        there = file.stat()
        digest.update(os.fsencode(file.resolve()) + repr((there.st_size, there.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _decode_into(folder: Path, files: Sequence[Path], channels: int, size: tuple[int, int], n_jobs: int | None) -> None:
    shape = len(files), channels, *size
    pixels = open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape)
    outcomes = [o for part in _in_parts(_Decoder(folder / _PIXELS, channels, size), files, n_jobs) for o in part]
    broken = {i: reason for i, (fine, reason) in enumerate(outcomes) if not fine}
    kept = [i for i, (fine, _) in enumerate(outcomes) if fine]
    if broken:
        for to, position in enumerate(kept):
            if to != position:
                pixels[to] = pixels[position]
    pixels.flush()
    facts = {"broken": broken, "digests": [outcomes[i][1] for i in kept]}
    (folder / _FACTS).write_text(json.dumps(facts))


@dataclass(frozen=True)
class _Decoder:
    """Decodes a run of files into its rows of the array; returns whether each could be read, and digest or reason."""

    pixels: Path
    channels: int
    size: tuple[int, int]

    def __call__(self, start: int, files: Sequence[Path]) -> list[tuple[bool, str]]:
        rows = np.load(self.pixels, mmap_mode="r+")
        outcomes = []
        for row, file in enumerate(files, start):
            image = _tried(decode, file, self.size, self.channels)
            if isinstance(image, str):
                outcomes.append((False, image))
            else:
                rows[row] = image
                outcomes.append((True, digest(image)))
        return outcomes


def digest(image: NDArray[np.uint8]) -> str:
    """Return a digest of the pixels of an image."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()


def _in_parts(function: Callable[[int, Sequence[Path]], T], files: Sequence[Path], n_jobs: int | None) -> list[T]:
    workers = min(n_jobs or cpu_count(), 1 + len(files) // _A_PROCESS)
    starts = range(0, len(files), _AT_ONCE)
    return list(Parallel(n_jobs=workers)(delayed(function)(start, files[start : start + _AT_ONCE]) for start in starts))
