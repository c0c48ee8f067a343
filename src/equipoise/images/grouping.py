"""Images that a column of a table keeps together: told, and where they stand in the test part and in another one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from equipoise.images.imageset import ImageSet
from equipoise.images.sources import ImageFile
from equipoise.tables.finding import Finding
from equipoise.text import counted, listed


def grouped(images: ImageSet, items: Sequence[ImageFile], column: str) -> ImageSet:
    """Return images with the name of the column of their groups, a note on it, and findings."""
    parts = defaultdict(set)
    for item in items:
        if item.group is not None:
            parts[item.group].add(item.part == "test")
    if not parts:
        return images
    note = f"Images of one {column!r} are held out together: {counted(len(parts), 'group')}."
    both = [group for group, within in parts.items() if len(within) > 1]
    found = (
        Finding(
            "caution",
            "test rows",
            (column,),
            f"{counted(len(both), 'group')} of {column!r} {'stands' if len(both) == 1 else 'stand'} in the test part "
            f"and in another one: {listed(map(repr, both), most=3)}.",
            "A model may know them, so figures on the test part are too good: keep each group in one part.",
        ),
    )
    findings = (*images.findings, *(found if both else ()))
    return replace(images, grouped_by=column, notes=(*images.notes, note), findings=findings)
