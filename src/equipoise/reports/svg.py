"""Matplotlib figures as inline SVG that follows the page: its fonts, its colours, its dark mode."""

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager

from markupsafe import Markup
from matplotlib import style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

# Figures are drawn in these colours, which become the page's variables.
INK, MUTED, RULE, GROUND = "#000001", "#000002", "#000003", "#000004"
SERIES = ("#000011", "#000012", "#000013", "#000014")
_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", GROUND: "--ground"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)
}

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"(?<=url\(#)[^)]+(?=\))|(?<=^#).+")

ET.register_namespace("", _SVG[1:-1])


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with Matplotlib's own defaults, whatever the user's are, and leave text as text."""
    with style.context(["default", {"svg.fonttype": "none"}]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's browser has fonts of its own
        yield


def inline(figure: Figure, name: str, label: str) -> Markup:
    """Render a figure as an ``<svg>`` element, the same bytes each time.

    ``name`` is the prefix of the element's ids, unique on the page; ``label`` is for screen readers.
    """
    buffer = io.BytesIO()
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_facecolor("none")
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # `savefig` would draw the figure twice
    root = ET.fromstring(buffer.getvalue())
    _drop(root, ("metadata", "style"))
    _rename_ids(root, name)
    for element in root.iter():
        if "style" in element.attrib:
            rules = re.sub(r"font-family:[^;]*;?\s*", "", element.attrib["style"])
            element.set("style", re.sub(r"#0000\d\d", lambda match: f"var({_VARIABLES[match[0]]})", rules))
    width = root.get("viewBox", "").split()[2]
    root.attrib.update({"role": "img", "aria-label": label, "style": f"max-width: {float(width) * 1.2:.0f}px"})
    del root.attrib["width"], root.attrib["height"]
    return Markup(re.sub(r"\s*\n\s*", " ", ET.tostring(root, encoding="unicode")))


def _drop(root: ET.Element, tags: tuple[str, ...]) -> None:
    """Remove elements; matplotlib's style sheet would apply to the whole page."""
    unwanted = {_SVG + tag for tag in tags}
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in unwanted]:
            parent.remove(child)


def _rename_ids(root: ET.Element, name: str) -> None:
    """Number the ids that are referred to, under the figure's name, and drop the others."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    used = {found for value in values for found in _REFERENCE.findall(value)}
    defined = [element for element in root.iter() if "id" in element.attrib]
    names = {e.attrib["id"]: f"{name}-{i}" for i, e in enumerate(e for e in defined if e.attrib["id"] in used)}
    for element in defined:
        old = element.attrib.pop("id")
        if old in names:
            element.set("id", names[old])
    for element in root.iter():
        for key, value in element.attrib.items():
            if key in (_HREF, "clip-path"):
                element.set(key, _REFERENCE.sub(lambda match: names[match[0]], value))
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
