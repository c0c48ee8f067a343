"""Figures as inline SVG: theirs alone are the ids, the page's are the colours, and text stays text."""

import re
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest

from equipoise.reports import plots
from equipoise.reports.svg import INK, drawing, inline

HOSTILE = f"</text><script>$\\frac{{ & {INK} --></style>"


def draw(name, label=HOSTILE):
    with drawing():
        sweep = {key: np.linspace(0, 1, 201) for key in ("g_mean", "recall")}
        return inline(plots.thresholds(sweep, {"g_mean": "G-mean", "recall": "recall"}, label=label), name, label)


def test_the_same_figure_gives_the_same_bytes():
    assert draw("one") == draw("one")


def test_what_the_user_set_in_matplotlib_changes_nothing():
    expected = draw("one")
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path", "lines.linewidth": 9}):
        assert draw("one") == expected


def test_text_is_kept_as_it_is():
    root = ET.fromstring(draw("one"))
    assert HOSTILE in ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("text")]
    assert root.get("aria-label") == HOSTILE
    assert root.get("role") == "img"


def test_ids_are_unique_and_references_lead_somewhere():
    page = ET.fromstring(f"<div>{draw('one')}{draw('two')}</div>")
    ids = [element.get("id") for element in page.iter() if element.get("id")]
    assert ids
    assert len(set(ids)) == len(ids)
    values = [value for element in page.iter() for value in element.attrib.values()]
    used = {found for value in values for found in re.findall(r"url\(#([^)]+)\)", value)}
    used |= {element.get("href")[1:] for element in page.iter() if element.get("href")}
    assert used == set(ids)


def test_colours_are_the_page_s():
    root = ET.fromstring(draw("one"))
    styles = " ".join(element.get("style", "") for element in root.iter())
    assert "var(--ink)" in styles
    assert "var(--series-2)" in styles
    assert not re.search(r"#[0-9a-f]{6}", styles)
    assert "font-family" not in styles
    assert not [element for element in root.iter() if element.tag.endswith(("}style", "}metadata"))]


@pytest.mark.parametrize("values", [[np.nan] * 3, [0.5, np.nan, 0.7], [0.0, 0.0, 0.0]])
def test_intervals_that_are_missing_are_left_out(values):
    x = np.array(values)
    with drawing():
        figure = plots.intervals(["a", "b", "$\\frac{"], x, x - 0.1, x + 0.1, near=x > 0.6, line=0.5, label="score")
        assert "$\\frac{" in inline(figure, "one", "score")
