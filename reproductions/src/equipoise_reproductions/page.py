"""A reproduction as one HTML page that needs no network, no script and no other file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from equipoise import __version__
from equipoise.reports.files import replace_file
from equipoise.reports.svg import drawing, inline
from equipoise.reports.text import clean, number
from equipoise_reproductions.verdicts import Claim


@dataclass(frozen=True)
class Table:
    """A table: what it shows, and cells that are ready to print; the index heads the rows."""

    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Plot:
    """A figure: what it shows, and what a screen reader says."""

    caption: str
    figure: Figure
    label: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    title : str
    parts : sequence of str, Table, Plot or Claim
        Paragraphs and what they speak of, in order.
    """

    title: str
    parts: Sequence[str | Table | Plot | Claim]


def write_page(path: Path, title: str, paper: str, sections: Sequence[Section], *, command: str) -> None:
    """Write a reproduction; the same results give the same bytes, and a page is replaced by a whole one only.

    Parameters
    ----------
    path : Path
        Of the page; its folder must exist.
    title, paper : str
        What is reproduced, and the paper it comes from.
    sections : sequence of Section
    command : str
        What to type to run it again.

    Raises
    ------
    OSError
        If the page cannot be written; nothing is left behind then.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("equipoise_reproductions"), PackageLoader("equipoise.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests |= {
        kind.__name__.lower(): lambda part, kind=kind: isinstance(part, kind) for kind in (Table, Plot, Claim)
    }
    environment.filters |= {"svg": _Drawings(), "number": number}
    page = environment.get_template("reproduction.html.j2").render(
        title=title, paper=paper, sections=sections, command=clean(command), made_by=__version__
    )
    replace_file(path, page)


class _Drawings:
    """Draws plots, each with ids of its own."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, plot: Plot) -> Markup:
        self._count += 1
        with drawing():
            return inline(plot.figure, f"plot-{self._count}", plot.label)
