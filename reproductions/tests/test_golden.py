"""From the committed tables of scores, the committed pages come out with the same figures and verdicts."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

import equipoise_reproductions as reproductions
from equipoise_reproductions import page

KEPT = Path(__file__).parents[2] / "docs" / "reproductions"


class Figures(HTMLParser):
    """What a page says in figures: the rows of each table, and the numbers of paragraphs and verdicts by section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[tuple[str, str], list[list[str]]] = {}
        self.verdicts: list[str] = []
        self.numbers: dict[str, list[str]] = {}
        self._section, self._caption, self._text, self._open = "", "", "", []
        self.feed(re.sub(r"<svg.*?</svg>", "", html, flags=re.S))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "section":
            self._section = found["id"]
        if tag == "table":
            self.tables[self._section, self._caption] = []
        if tag == "tr":
            self._row = []
        if tag in ("h3", "th", "td", "p", "summary"):
            self._text = ""

    def handle_data(self, data):
        self._text += data

    def handle_endtag(self, tag):
        text = " ".join(self._text.split())
        if tag == "h3":
            self._caption = text
            if re.match(r"[A-Z]\d+: ", text):
                self.verdicts.append(text)
        if tag == "summary":
            self._caption += " " + text
        if tag in ("th", "td"):
            self._row.append(text)
        if tag == "tr":
            self.tables[self._section, self._caption].append(self._row)
        if tag == "p" and self._section not in ("", "again"):
            self.numbers.setdefault(self._section, []).extend(NUMBER.findall(text))


def kept(name: str, folder: str) -> Figures:
    return Figures((KEPT / folder / f"{name}.html").read_text(encoding="utf-8"))


def again(name: str, **facts) -> Figures:
    _, show = reproductions.parts_of(name)
    text = (Path(page.__file__).parent / "templates" / f"{name}.md.j2").read_text(encoding="utf-8")
    return Figures(page.render(text, command="", **facts, **show(**facts)))


def csv(path: str) -> pd.DataFrame:
    return pd.read_csv(KEPT / path)


def same(ours: Figures, theirs: Figures, without: tuple[str, ...] = ()) -> None:
    """Compare all figures, headings of columns apart; tables whose captions start with ``without`` need stores."""

    def cells(figures):
        return {
            key: [dict(zip(rows[0][1:], row[1:], strict=True)) for row in rows[1:]]
            for key, rows in figures.tables.items()
            if not key[1].startswith(without or "\0")
        }

    assert list(cells(ours)) == list(cells(theirs))
    for key, rows in cells(theirs).items():
        assert len(cells(ours)[key]) == len(rows), key
        for own, row in zip(cells(ours)[key], rows, strict=True):
            assert len(own) == len(row), (key, own, row)
            for (column, value), ours_here in zip(row.items(), own.values(), strict=True):
                assert alike(ours_here, value, column), (key, own, row)
    assert ours.verdicts == theirs.verdicts
    assert [k for k, v in ours.numbers.items() if v] == [k for k, v in theirs.numbers.items() if v]
    for section, numbers in ((k, v) for k, v in theirs.numbers.items() if v):
        assert alike(" ".join(ours.numbers[section]), " ".join(numbers)), (section, ours.numbers[section], numbers)


def alike(ours: str, theirs: str, column: str = "") -> bool:
    """The tables keep six decimals, which makes some ties and their ranks: the last decimal may differ by a little."""
    if NUMBER.sub("#", ours) != NUMBER.sub("#", theirs):
        return False
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True)
    leeway = dict.fromkeys(LEEWAY, 0.02) if column.startswith("p") and "paper" not in column else LEEWAY
    return all(abs(as_float(own) - as_float(their)) <= leeway[decimals(their)] for own, their in pairs)


NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?")
LEEWAY = {0: 0, 1: 0.1001, 2: 0.0501, 3: 0.00101, 4: 0.00101}
"""By the decimals that are printed."""


def decimals(number: str) -> int:
    return len(number.partition(".")[2])


def as_float(number: str) -> float:
    return float(number.replace("−", "-").replace(",", ""))


def test_gans():
    from equipoise_reproductions.gans import study

    facts = {"scores": csv("gans/scores.csv"), "health": csv("gans/health.csv"), "missing": [], "quick": False}
    same(again("gan-suite", **facts, effort=study.FULL), kept("gan-suite", "gans"))


def test_chance():
    from equipoise_reproductions.chance import study

    facts = {"scores": csv("mubo/chance-scores.csv"), "ledger": csv("mubo/ledger.csv"), "missing": [], "quick": False}
    ours = again("mubo-chance", **facts, effort=study.FULL, most_rows=study.MOST_ROWS)
    same(ours, kept("mubo-chance", "mubo"))


def test_auto():
    from equipoise_reproductions.auto_suite import study

    page = kept("auto-suite", "auto")
    sizes = page.tables["section-7", "Time"][1:]  # the page knows them of the stores
    columns = {"rows": 1, "columns": 2, "rare": 3}
    sets = {row[0]: {name: int(as_float(row[place])) for name, place in columns.items()} for row in sizes}
    facts = {"scores": csv("auto/scores.csv"), "missing": [], "failed": [], "quick": False, "few": {}, "sets": sets}
    same(again("auto-suite", **facts, effort=study.FULL), page, without=("On shared folds",))
