"""The page of a reproduction: whole, closed in itself, safe with any text, the same bytes for the same results."""

import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from jinja2 import UndefinedError

from equipoise.experiments.statistics import Interval
from equipoise.reports.plots import calm, new_figure
from equipoise_reproductions import page as pages
from equipoise_reproductions.claims import Claim, Statement

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=y>{{ 7 * 7 }}</style>&amp;--></svg>"


TEMPLATE = """
{% set title = name %}
{% set paper = source %}

## First

A paragraph of
two lines.

{{ table("A table", frame) }}

{{ plot("A caption.", figure(), label) }}

{{ plot("A caption.", figure(), label) }}

{% if 0 %}Left out.{% endif %}

## Second

{% for judged in claims %}
{{ claim(judged) }}

{% endfor %}

{{ plot("A caption.", figure(), label) }}
"""


def figure():
    drawn = new_figure(200, 300)
    panel = drawn.subplots()
    calm(panel)
    panel.plot([0, 1], [0, 1], "o-")
    panel.set_title("rising")
    return drawn


def claim(name, *values, text="A claim."):
    return Claim(name, text, "Table 9", [Statement(f"{name} {v}", Interval(*v)) for v in values], "What differs.")


FRAME = pd.DataFrame({"ours": ["0.812", "–"], "theirs": ["0.9", "1,234"]}, index=pd.Index(["a", "b"], name="method"))


def context(**changes):
    claims = [claim("X1", (1, 0.5, 1.5)), claim("X2")]
    known = {"name": "A title", "source": "A paper.", "frame": FRAME, "claims": claims, "label": "A line."}
    return known | {"figure": figure, "command": "equipoise reproduce it"} | changes


@pytest.fixture
def page(tmp_path, read):
    def write(template=TEMPLATE, **changes):
        (tmp_path / "page.html").write_text(pages.render(template, **context(**changes)), encoding="utf-8")
        return read(tmp_path / "page.html")

    return write


def test_everything_is_there_in_its_order(page):
    found = page()
    said = [
        "A title",
        "A paper.",
        "First",
        "Second",
        "First",
        "A paragraph of two lines.",
        "A table",
        "A caption.",
        "Second",
        "X1: holds",
        "A claim.",
        "(Table 9)",
        "1 of 1 comparisons point the claimed way",
        "What differs.",
        "X1 (1, 0.5, 1.5)",
        "1.000",
        "0.500 to 1.500",
        "X2: cannot be tested",
        "There are no results for this claim.",
        "equipoise reproduce it",
        "loads nothing and runs no script",
    ]
    place = 0
    for words in said:
        place = found.text.index(words, place) + len(words)
    assert found.links == ["#section-1", "#section-2", "#again"] and "Left out." not in found.text


def test_a_table_has_the_cells_of_its_frame(page):
    html = page().html
    table = ET.fromstring(re.search(r"<table>.*?</table>", html, re.S)[0])
    rows = [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]
    assert rows == [["method", "ours", "theirs"], ["a", "0.812", "0.9"], ["b", "–", "1,234"]]


def test_each_plot_stands_for_itself(page):
    drawn = page().plots
    assert len(drawn) == 3
    ids = []
    for svg in drawn:
        root = ET.fromstring(svg)
        own = {element.get("id") for element in root.iter() if element.get("id")}
        used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
        assert used and used <= own
        assert (root.get("role"), root.get("aria-label")) == ("img", "A line.")
        ids += own
    assert len(set(ids)) == len(ids)


def test_any_text_is_only_text(page):
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=pd.Index([HOSTILE], name=HOSTILE))
    template = TEMPLATE.replace("A paragraph of\ntwo lines.", "{{ name }}").replace('"A table"', "name")
    hostile = {"name": HOSTILE, "source": HOSTILE, "label": HOSTILE, "command": HOSTILE, "frame": frame}
    found = page(template, **hostile, claims=[claim("X1", (1, 0, 2), text=HOSTILE)])
    assert found.words.count(HOSTILE) >= 9  # the title, a paragraph, a caption, three cells, ...
    assert found.html.count("<style>") == 1
    assert ET.fromstring(found.plots[0]).get("aria-label") == HOSTILE


def test_a_command_of_any_bytes_can_be_shown(page):
    assert "--out \ufffd\ufffd" in page(command="equipoise --out \udcff\x00").text


def test_the_same_results_give_the_same_bytes(page):
    assert page().html == page().html


def test_what_a_template_does_not_know_is_no_silent_gap(page):
    with pytest.raises(UndefinedError, match="'mistyped' is undefined"):
        page(TEMPLATE + "{{ mistyped }}")


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path):
    resource = pytest.importorskip("resource")
    path, facts = tmp_path / "mubo-table2.html", {"table2": FRAME, "missing": {}, "command": ""}
    path.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, limits[1]))  # half way, as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            pages.write_page(path, **facts)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["mubo-table2.html"]
