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

from equipoise.images.decoding import BrokenImageError, Header, header, header_of, opened, pixels_of
from equipoise.images.wanted import Form, Wanted

T = TypeVar("T")

_VERSION = 2
_AT_ONCE = 256  # files of a call
_A_PROCESS = 1500  # files that are worth the start of a process
_SAMPLE, _SMALL = 16, 128  # files that tell whether all are of one size, and its longest side
_PIXELS, _FACTS = "pixels.npy", "facts.json"

_Outcome = tuple[Header | str, str | None, str]  # header or reason, digest, and reason of pixels that are broken


@dataclass(frozen=True)
class Decoded:
    """Decoded files."""

    headers: list[Header | str]  # of each file; for a broken one, the reason
    pixels: NDArray[np.uint8]  # (n, channels, height, width): of the files that could be read
    digests: list[str]  # of the pixels of each of these


def decoded(files: Sequence[Path], wanted: Wanted, cache: Path, n_jobs: int | None) -> Decoded:
    """Decode files into a folder of the cache, or open what an earlier run left there.

    A file counts as the same if its path, size and time of change are.
    """
    place = cache / _key(files, wanted)
    if not (place / _FACTS).exists():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(prefix=".draft-", dir=cache))
        try:
            _decode_into(draft, files, wanted, n_jobs)
            if not place.exists():
                os.replace(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    facts = json.loads((place / _FACTS).read_text())
    pixels = np.load(place / _PIXELS, mmap_mode="r")
    heads = [found if isinstance(found, str) else Header(*found) for found in facts["headers"]]
    return Decoded(heads, pixels[: len(facts["digests"])], facts["digests"])


def _key(files: Sequence[Path], wanted: Wanted) -> str:
    digest = hashlib.sha256(repr((_VERSION, wanted)).encode())
    for file in files:
        try:
            there = os.stat(file)
        except OSError:
            continue
        digest.update(os.fsencode(os.path.abspath(file)) + repr((there.st_size, there.st_mtime_ns)).encode())
    return digest.hexdigest()[:32]


def _decode_into(folder: Path, files: Sequence[Path], wanted: Wanted, n_jobs: int | None) -> None:
    outcomes, form = list[_Outcome](), _form_of_small(files, wanted)
    if form is not None:
        outcomes = _all_in(form, folder, files, n_jobs)
        heads: list[Header | str] = [head for head, _, _ in outcomes]
    else:
        heads = [found for part in _in_parts(_headers, files, n_jobs) for found in part]
    fine = [head for head in heads if isinstance(head, Header)]
    if fine and (right := wanted.form(fine)) != form:
        outcomes = _all_in(right, folder, files, n_jobs)
    elif not fine:
        _array(folder, (0, 1, 1, 1))
    kept = [i for i, (_, found, _) in enumerate(outcomes) if found is not None]
    if len(kept) < len(outcomes):
        pixels = np.load(folder / _PIXELS, mmap_mode="r+")
        for to, position in enumerate(kept):
            if to != position:
                pixels[to] = pixels[position]
        pixels.flush()
    told = [head if isinstance(head, str) or found else reason for head, found, reason in outcomes] or heads
    facts = {
        "headers": [head if isinstance(head, str) else [*vars(head).values()] for head in told],
        "digests": [outcomes[i][1] for i in kept],
    }
    (folder / _FACTS).write_text(json.dumps(facts))


def _form_of_small(files: Sequence[Path], wanted: Wanted) -> Form | None:
    """Return the form of small images of one size, by a few of them: where all are so, no file is opened twice."""
    sample = [_tried(header, file) for file in files[:: max(1, len(files) // _SAMPLE)]]
    heads = [head for head in sample if isinstance(head, Header)]
    sizes = {(head.height, head.width) for head in heads}
    return wanted.form(heads) if len(sizes) == 1 and max(*sizes.pop()) <= _SMALL else None


def _all_in(form: Form, folder: Path, files: Sequence[Path], n_jobs: int | None) -> list[_Outcome]:
    _array(folder, (len(files), form.channels, *form.size))
    return [outcome for part in _in_parts(_Decoder(folder / _PIXELS, form), files, n_jobs) for outcome in part]


def _array(folder: Path, shape: tuple[int, ...]) -> None:
    open_memmap(folder / _PIXELS, mode="w+", dtype=np.uint8, shape=shape).flush()


def _headers(start: int, files: Sequence[Path]) -> list[Header | str]:
    return [_tried(header, file) for file in files]


def _tried(function: Callable[..., T], *arguments: object) -> T | str:
    try:
        return function(*arguments)
    except BrokenImageError as error:
        return str(error)


@dataclass(frozen=True)
class _Decoder:
    """Decodes a run of files into its rows of the array."""

    pixels: Path
    form: Form

    def __call__(self, start: int, files: Sequence[Path]) -> list[_Outcome]:
        rows = np.asarray(np.load(self.pixels, mmap_mode="r+"))  # rows of a memmap are slow to take
        return [self._read(file, rows[row]) for row, file in enumerate(files, start)]

    def _read(self, file: Path, row: NDArray[np.uint8]) -> _Outcome:
        head: Header | None = None
        try:
            with opened(file) as image:
                head = header_of(image)
                row[:] = pixels_of(image, self.form.size, self.form.channels)
        except BrokenImageError as error:
            return str(error) if head is None else head, None, str(error)
        return head, digest(row), ""


def digest(image: NDArray[np.uint8]) -> str:
    """Return a digest of the pixels of an image."""
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).hexdigest()


def _in_parts(function: Callable[[int, Sequence[Path]], T], files: Sequence[Path], n_jobs: int | None) -> list[T]:
    workers = min(n_jobs or cpu_count(), 1 + len(files) // _A_PROCESS)
    starts = range(0, len(files), _AT_ONCE)
    return list(Parallel(n_jobs=workers)(delayed(function)(start, files[start : start + _AT_ONCE]) for start in starts))
