"""A folder of tables scored to a folder of tables, file by file, here or on the workers of a cluster."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.cli.output import say
from equipoise.cli.scored import ENDINGS, check_replaceable, write
from equipoise.cli.scorer import Scorer
from equipoise.progress import ProgressBars
from equipoise.text import counted, listed

if TYPE_CHECKING:
    from equipoise.datasets.sources import Part


def score_files(scorer: Scorer, parts: "Sequence[Part]", out: Path, target: str | None) -> None:
    """Score each part of a table to a file of its name in a folder; a cluster in use scores several at once."""
    from equipoise.processes import side_by_side

    paths = [_path(part, out) for part in parts]
    if twice := [path.name for path, n in Counter(paths).items() if n > 1]:
        raise ValueError(f"Several files of the table would be written to {listed(twice)}: rename all but one of each.")
    out.mkdir(exist_ok=True)
    jobs = [(scorer, part, path, target) for part, path in zip(parts, paths, strict=True)]
    notes = dict[str, None]()
    with ProgressBars(Console()) as bars:
        bars.advance("predicting", 0, len(jobs))
        for number, (_, done) in enumerate(side_by_side(score_part, jobs, 1), 1):
            if isinstance(done, Exception):
                raise done
            scorer.n_scored += done.n_scored
            notes |= dict.fromkeys(done.notes)
            scorer.clipped.update(done.clipped)
            for name, counts in done.unseen.items():
                scorer.unseen.setdefault(name, Counter()).update(counts)
            bars.advance("predicting", number, len(jobs))
    if not scorer.n_scored:
        raise ValueError("The table has no rows: there is nothing to predict.")
    for note in [*notes, *scorer.notes_on_cells()]:
        say(f"Note: {note}")
    say(f"{counted(scorer.n_scored, 'row')} in {counted(len(jobs), 'file')}: {out}")


def _path(part: "Part", out: Path) -> Path:
    path = out / Path(part.name).name.removesuffix(".gz")
    return path if path.suffix.lower() in ENDINGS else path.with_suffix(".csv")


def score_part(scorer: Scorer, part: "Part", path: Path, target: str | None) -> Scorer:
    """Score the rows of a part to a file, and return the scorer of this part without its model."""
    own = replace(scorer, names={}, notes=[], unseen={}, clipped=Counter(), n_scored=0)
    scored = (own.score(rows, Path(part.name)) for rows in part.read(None, target) if len(rows))
    first = next(scored, None)
    if first is not None:
        check_replaceable(path, list(own.names.values()))
        write(chain([first], scored), path, *scorer.style_of(Path(part.name)))
    return replace(own, pipeline=None)
