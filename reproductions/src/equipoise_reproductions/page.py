"""A reproduction as one HTML page that needs no network, no script and no other file; its prose is a template.

A page's template, ``templates/<name>.md.j2``, sets ``title`` and ``paper`` and goes on as prose: ``## `` begins a
section, a blank line a paragraph; ``table``, ``plot`` and ``claim`` put in what the paragraphs speak of.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from equipoise import __version__
from equipoise.files import replace_file
from equipoise.reports.svg import drawing, inline
from equipoise.reports.text import clean
from equipoise.text import number
from equipoise_reproductions.claims import Claim

_MARK = "\ue000{}\ue001"  # stands for a part until the paragraphs are told apart
_MARKED = re.compile("\ue000(\\d+)\ue001")


class Section(NamedTuple):
    """A part of the page: its title, and paragraphs and other parts in order."""

    title: str
    parts: list[Markup]


class _Parts:
    """Tables, plots and claims of a page, each drawn where its template puts it."""

    def __init__(self, environment: Environment) -> None:
        self._macros: Any = environment.get_template("parts.html.j2").module
        self._html: list[Markup] = []
        self._n_plots = 0

    def table(self, caption: str, frame: pd.DataFrame) -> str:
        """Put in a table of cells that are ready to print; the index heads the rows."""
        return self._put(self._macros.table(caption, frame))

    def plot(self, caption: str, figure: Figure, label: str) -> str:
        """Put in a figure: what it shows, and what a screen reader says."""
        self._n_plots += 1
        with drawing():
            return self._put(self._macros.plot(caption, inline(figure, f"plot-{self._n_plots}", label)))

    def claim(self, claim: Claim) -> str:
        """Put in a claim with its verdict and what was measured for it."""
        return self._put(self._macros.claim(claim))

    def _put(self, html: Markup) -> str:
        self._html.append(html)
        return _MARK.format(len(self._html) - 1)

    def paragraph(self, text: str) -> Markup:
        """Return a block of text, or the part that it stands for."""
        if found := _MARKED.fullmatch(text):
            return self._html[int(found[1])]
        return Markup("<p>{}</p>").format(text)


def _sections(text: str, parts: _Parts) -> Iterator[Section]:
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        blocks = (" ".join(block.split()) for block in re.split(r"\n\s*\n", body))
        yield Section(title.strip(), [parts.paragraph(block) for block in blocks if block])


def render(text: str, *, command: str, **context: Any) -> str:
    """Return the page of a template; the same results give the same bytes.

    Parameters
    ----------
    text : str
        The template.
    command : str
        What to type to run it again.
    **context
        What the template speaks of.
    """
    escaped = _environment()
    prose = escaped.overlay(autoescape=False)  # paragraphs are escaped as a whole
    parts = _Parts(escaped)
    known = {"table": parts.table, "plot": parts.plot, "claim": parts.claim} | context
    module: Any = prose.from_string(text).make_module(known)
    return escaped.get_template("reproduction.html.j2").render(
        title=module.title,
        paper=module.paper,
        sections=list(_sections(str(module), parts)),
        command=clean(command),
        made_by=__version__,
    )


@cache
def _environment() -> Environment:
    loader = ChoiceLoader([PackageLoader("equipoise_reproductions"), PackageLoader("equipoise.reports")])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    return environment


def write_page(path: Path, *, command: str, **context: Any) -> None:
    """Write the page of the template that has its name; a page is replaced by a whole one only.

    Raises
    ------
    OSError
        If the page cannot be written; nothing is left behind then.
    """
    template = files("equipoise_reproductions") / "templates" / f"{path.stem}.md.j2"
    replace_file(path, render(template.read_text(encoding="utf-8"), command=command, **context))
