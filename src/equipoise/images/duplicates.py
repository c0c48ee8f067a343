"""Images of equal pixels: held out together, and told where they stand in two classes or in two parts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from equipoise.images.imageset import ImageSet
from equipoise.tables.finding import Finding
from equipoise.text import counted, listed

_MOST_NAMED = 3


def joined(images: ImageSet, digests: Sequence[str]) -> ImageSet:
    """Return images of which those with equal pixels belong together, and findings of them."""
    _, codes = np.unique(np.array(digests), return_inverse=True)
    if codes.max() + 1 == len(codes):
        return images
    groups = codes.astype(np.int64) if images.groups is None else _connected(images.groups, codes)
    return replace(images, groups=groups, findings=(*images.findings, *_findings(images, codes)))


def _findings(images: ImageSet, codes: NDArray[np.intp]) -> Iterator[Finding]:
    """Tell of each picture that stands more than once, by what is the worst about it."""
    several = [] if images.labels is None else _in_several(codes, images.labels)
    leaking = [] if images.parts is None else _in_several(codes, images.parts == "test")
    sizes = np.bincount(codes)
    sizes[[*several, *leaking]] = 1
    if repeats := int(sizes.sum()) - len(sizes):
        evidence = (
            f"{counted(repeats, 'image')} of {len(codes):,} {'repeats' if repeats == 1 else 'repeat'} the pixels of "
            f"another one{'' if images.labels is None else ' of the class'}."
        )
        remedy = "They are held out together; if they are copies of one case, remove them."
        yield Finding("caution" if repeats > 0.01 * len(codes) else "note", "duplicates", (), evidence, remedy)
    if twice := [code for code in several if len(_names(images, codes, code)) == 1]:
        evidence = (
            f"{counted(len(twice), 'image')} {'is' if len(twice) == 1 else 'are'} listed twice with different labels: "
            f"{listed((_with_labels(images, codes, code) for code in twice), most=_MOST_NAMED)}."
        )
        remedy = "No model can be right about them: correct the labels, or remove lines."
        yield Finding("caution", "contradictions", (), evidence, remedy)
    if found := [code for code in several if code not in twice]:
        evidence = (
            f"{counted(len(found), 'picture')} {_stands(found)} in two or more classes with equal pixels: "
            f"{_named(images, codes, found)}."
        )
        remedy = "No model can be right about them: correct the labels, or remove them."
        yield Finding("caution", "contradictions", (), evidence, remedy)
    if leaking:
        evidence = (
            f"{counted(len(leaking), 'picture')} {_stands(leaking)} in the test part and in another one with equal "
            f"pixels: {_named(images, codes, leaking)}."
        )
        remedy = "A model may know them by heart, so figures on the test part are too good: remove them there."
        yield Finding("caution", "test rows", (), evidence, remedy)


def _stands(found: Sequence[object]) -> str:
    return "stands" if len(found) == 1 else "stand"


def _in_several(codes: NDArray[np.intp], places: NDArray[np.generic]) -> list[int]:
    """Return the codes of pictures that stand in more than one place."""
    pairs = np.unique(np.column_stack([codes, np.unique(places, return_inverse=True)[1]]), axis=0)
    return np.flatnonzero(np.bincount(pairs[:, 0]) > 1).tolist()


def _named(images: ImageSet, codes: NDArray[np.intp], found: Sequence[int]) -> str:
    """Name the files of pictures."""
    return listed((" = ".join(_names(images, codes, code)[:_MOST_NAMED]) for code in found), most=_MOST_NAMED)


def _names(images: ImageSet, codes: NDArray[np.intp], code: int) -> list[str]:
    return list(dict.fromkeys(images.names[row] for row in np.flatnonzero(codes == code)))


def _with_labels(images: ImageSet, codes: NDArray[np.intp], code: int) -> str:
    assert images.labels is not None
    rows = np.flatnonzero(codes == code)
    return f"{images.names[rows[0]]} ({', '.join(sorted(set(images.labels[rows].tolist())))})"


def _connected(first: NDArray[np.int64], second: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return one number for all rows that share a number of either kind, directly or through others."""
    offset = int(first.max()) + 1
    n = offset + int(second.max()) + 1
    links = coo_array((np.ones(len(first)), (first, second + offset)), shape=(n, n))
    return connected_components(links, directed=False)[1][first].astype(np.int64)
