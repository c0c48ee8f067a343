"""Images on the page: examples of each class, and the mistakes that the winner is surest of, as small JPEG files."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from equipoise.experiments import Comparison

_EXAMPLES, _MISTAKES = 8, 6  # of a class
_MOST_BYTES = 2_000_000  # of all images on a page, as text
_LEAST_SIDE, _MOST_SIDE = 48, 96  # pixels of a thumbnail


@dataclass(frozen=True)
class Thumbnail:
    """An image on the page, and what to say of it."""

    source: str
    title: str


@dataclass
class Pictures:
    """The images of a comparison, by the rows of its table."""

    pixels: NDArray[np.uint8]  # (n, channels, height, width), uint8
    names: Sequence[str]
    _spent: int = field(default=0, init=False)

    def examples(self, comparison: Comparison) -> list[tuple[str, list[Thumbnail]]]:
        """Return a strip of images for each class, the rarest first, evenly taken from its rows."""
        codes = self._codes(comparison)
        strips = []
        for code in np.argsort(comparison.problem["counts"], kind="stable"):
            rows = np.flatnonzero(codes == code)
            evenly = np.linspace(0, max(0, len(rows) - 1), min(_EXAMPLES, len(rows))).round().astype(int)
            said = [(row, self.names[row]) for row in rows[evenly].tolist()]
            strips.append((comparison.classes[code], self._thumbnails(said)))
        return [(label, strip) for label, strip in strips if strip]

    def mistakes(self, comparison: Comparison) -> list[tuple[str, list[Thumbnail]]]:
        """Return the images of each class that the winner puts into another one, the surest first; out of fold."""
        repeat = min(cell.repeat for cell in comparison.cells if cell.arm == comparison.winner and cell.error is None)
        codes, proba = comparison.out_of_fold(comparison.winner, repeat)
        folds = [fold for (number, _), fold in sorted(comparison.folds.items()) if number == repeat]
        rows = np.concatenate([fold.test_rows for fold in folds])
        if len(rows) != len(codes):  # a fold of the winner failed
            return []
        predicted, surest = proba.argmax(axis=1), proba.max(axis=1)
        strips = []
        for code in np.argsort(comparison.problem["counts"], kind="stable"):
            wrong = np.flatnonzero((codes == code) & (predicted != code))
            wrong = wrong[np.argsort(-surest[wrong], kind="stable")][:_MISTAKES]
            said = [
                (
                    int(rows[i]),
                    f"{self.names[rows[i]]}: predicted {comparison.classes[predicted[i]]}, {surest[i]:.0%} sure",
                )
                for i in wrong
            ]
            strips.append((comparison.classes[code], self._thumbnails(said)))
        return [(label, strip) for label, strip in strips if strip]

    def _codes(self, comparison: Comparison) -> NDArray[np.int64]:
        codes = np.full(len(self.pixels), -1)
        for fold in comparison.folds.values():
            codes[fold.test_rows] = fold.test_codes
        return codes

    def _thumbnails(self, rows: Sequence[tuple[int, str]]) -> list[Thumbnail]:
        """Encode images for as long as the page has room for them."""
        found = []
        for row, title in rows:
            source = encoded(self.pixels[row])
            if self._spent + len(source) > _MOST_BYTES:
                break
            self._spent += len(source)
            found.append(Thumbnail(source, title))
        return found


def encoded(pixels: NDArray[np.uint8]) -> str:
    """Return an image of shape (channels, height, width) as the address of a JPEG file within the page."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    longer = max(image.size)
    wanted = min(_MOST_SIDE, max(_LEAST_SIDE, longer))
    size = (max(1, round(image.width * wanted / longer)), max(1, round(image.height * wanted / longer)))
    resample = Image.Resampling.NEAREST if wanted > longer else Image.Resampling.BILINEAR
    buffer = io.BytesIO()
    image.resize(size, resample).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
