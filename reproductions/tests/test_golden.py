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
    return Figures(page_of(name, **facts))


def page_of(name: str, **facts) -> str:
    _, show = reproductions.parts_of(name)
    text = (Path(page.__file__).parent / "templates" / f"{name}.md.j2").read_text(encoding="utf-8")
    return page.render(text, command="", **facts, **show(**facts))


def csv(path: str) -> pd.DataFrame:
    return pd.read_csv(KEPT / path)


def same(ours: Figures, theirs: Figures, without: tuple[str, ...] = (), thousandths: int = 1) -> None:
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
                assert alike(ours_here, value, column, thousandths), (key, own, row)
    assert ours.verdicts == theirs.verdicts
    told, expected = ({key: " ".join(found) for key, found in page.numbers.items() if found} for page in (ours, theirs))
    assert list(told) == list(expected)
    for section, numbers in expected.items():
        assert alike(told[section], numbers, thousandths=thousandths), (section, told[section], numbers)


def alike(ours: str, theirs: str, column: str = "", thousandths: int = 1) -> bool:
    """The tables keep six decimals, which makes some ties and their ranks: the last decimal may differ by a little."""
    if NUMBER.sub("#", ours) != NUMBER.sub("#", theirs):
        return False
    pairs = zip(NUMBER.findall(ours), NUMBER.findall(theirs), strict=True)
    leeway = LEEWAY | {3: 0.00101 * thousandths}
    if column.startswith("p") and "paper" not in column:
        leeway = dict.fromkeys(range(5), 0.02)
    return all(abs(as_float(own) - as_float(their)) <= leeway.get(decimals(their), 1e-4) for own, their in pairs)


NUMBER = re.compile(r"[−-]?\d[\d,]*(?:\.\d+)?")
LEEWAY = {0: 0, 1: 0.1001, 2: 0.1001}
"""By the decimals that are printed."""


def decimals(number: str) -> int:
    return len(number.partition(".")[2])


def as_float(number: str) -> float:
    return float(number.replace("−", "-").replace(",", ""))


def test_gans():
    from equipoise_reproductions.gans import study

    facts = {"scores": csv("gans/scores.csv"), "health": csv("gans/health.csv"), "missing": [], "quick": False}
    same(again("gan-suite", **facts, effort=study.FULL), kept("gan-suite", "gans"))


def test_together():
    from equipoise_reproductions.together import study

    facts = {"scores": csv("together/scores.csv"), "missing": [], "quick": False}
    same(again("together", **facts, effort=study.FULL), kept("together", "together"))


def test_together_on_images():
    from equipoise_reproductions.together import images

    facts = {"image_scores": csv("together/image-scores.csv"), "missing": {}, "quick": False, "effort": images.FULL}
    same(again("together-images", **facts), kept("together-images", "together"))


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


def test_autobalance_tables():
    from equipoise_reproductions.autobalance import study

    efforts = {"effort": study.SUITE, "tails_effort": study.TAILS}
    ours = again("autobalance-tables", scores=csv("autobalance/scores.csv"), missing=[], quick=False, **efforts)
    same(ours, kept("autobalance-tables", "autobalance"))


def test_autobalance_images():
    from equipoise_reproductions.autobalance import images

    frames = {
        "image_scores": csv("autobalance/image-scores.csv"),
        "image_classes": csv("autobalance/image-classes.csv"),
    }
    ours = again("autobalance-images", **frames, strengths={}, quick=False, effort=images.FULL)
    same(ours, kept("autobalance-images", "autobalance"), without=("Tuned tau",))


def test_autobalance_groups():
    from equipoise_reproductions.autobalance import splits, study

    frames = {"group_scores": csv("autobalance/group-scores.csv"), "splits": csv("autobalance/splits.csv")}
    ours = again("autobalance-groups", **frames, quick=False, effort=study.ADULT, searches=splits.FULL)
    same(ours, kept("autobalance-groups", "autobalance"))


def test_autobalance_grouped_images():
    facts = {"grouped_scores": csv("autobalance/grouped-scores.csv"), "missing": {}, "quick": False}
    same(again("autobalance-grouped-images", **facts), kept("autobalance-grouped-images", "autobalance"))


def test_autobalance_causes():
    from equipoise_reproductions.autobalance import causes

    facts = {"cause_scores": csv("autobalance/cause-scores.csv"), "quick": False, "effort": causes.FULL}
    same(again("autobalance-causes", **facts), kept("autobalance-causes", "autobalance"))


def test_autobalance_augmentation():
    frames = {"recalls": csv("autobalance/augmentation-recalls.csv")}
    ours = again("autobalance-augmentation", **frames, missing={}, quick=False)
    same(ours, kept("autobalance-augmentation", "autobalance"))


def test_autobalance_longtail():
    from equipoise_reproductions.augmentation import longtail

    facts = {"longtail_scores": csv("autobalance/longtail-scores.csv"), "quick": False, "n_steps": longtail.STEPS}
    same(again("autobalance-longtail", **facts), kept("autobalance-longtail", "autobalance"))


def test_smotified_gan():
    from equipoise_reproductions.smotified_gan import protocol

    counts = {source.title: source.counts for source in protocol.SOURCES}
    frames = {"scores": csv("smotified-gan/scores.csv"), "made_rows": csv("smotified-gan/made-rows.csv")}
    facts = {"counts": counts, "sources": protocol.SOURCES, "absent": [], "effort": protocol.FULL}
    same(again("smotified-gan", **frames, **facts), kept("smotified-gan", "smotified-gan"))


HEALTH = ("real_accuracy", "made_accuracy", "two_sample_accuracy", "spread_ratio")


@pytest.mark.parametrize("name", ["mubo-table1", "mubo-table3"])
def test_mubo(name):
    from equipoise_reproductions.mubo import protocol

    facts = {"sources": protocol.SOURCES, "missing": {}, "effort": protocol.FULL}
    health = {"set": ["Abalone"], "method": ["gbo"], "n_steps": [1]}  # is in no csv
    facts["health"] = pd.DataFrame(health | {key: [0.5] for key in HEALTH})
    ours = again(name, scores=csv("mubo/scores.csv"), histories=csv("mubo/histories.csv"), **facts)
    same(ours, kept(name, "mubo"), without=("Health of the made rows",), thousandths=10)


def test_mubo_sets():
    table = csv("mubo/table2.csv").fillna("").set_index("data set")
    same(again("mubo-table2", table2=table, missing={}), kept("mubo-table2", "mubo"))


def missing_on(page: str) -> dict[str, str]:
    """Sets that could not be had when a page was made, and why."""
    html = (KEPT / page).read_text(encoding="utf-8")
    return dict(re.findall(r"<p>Missing: ([^:<]*): ([^<]*)</p>", html))


def test_remix_table1():
    table = csv("remix/table1.csv").fillna("missing").astype(str).set_index("data set")
    same(
        again("remix-table1", table1=table, missing=missing_on("remix/remix-table1.html")),
        kept("remix-table1", "remix"),
    )


@pytest.mark.parametrize("draws", [20, pytest.param(2000, marks=pytest.mark.long)])
def test_remix_table2(draws, monkeypatch):
    """Intervals and verdicts need all draws of the bootstrap, which take a minute."""
    from equipoise_reproductions.remix import protocol, ranking

    monkeypatch.setattr(ranking, "_DRAWS", draws)
    facts = {"scores": csv("remix/scores.csv"), "missing": missing_on("remix/remix-table2.html")}
    ours, theirs = again("remix-table2", **facts, effort=protocol.FULL), kept("remix-table2", "remix")
    if draws < 2000:
        for page in (ours, theirs):
            page.verdicts = []
            page.numbers.pop("section-2")
            kinds = {key: re.sub(": [a-z ]* The", " The", key[1]) for key in page.tables}
            page.tables = {(key[0], kinds[key]): without_intervals(rows) for key, rows in page.tables.items()}
    same(ours, theirs)


def test_remix_text():
    from equipoise_reproductions.remix import protocol

    facts = {"text_scores": csv("remix/text-scores.csv"), "missing": missing_on("remix/remix-text.html")}
    same(again("remix-text", **facts, effort=protocol.FULL), kept("remix-text", "remix"))


def test_remix_images():
    from equipoise_reproductions.remix import protocol

    facts = {"image_scores": csv("remix/image-scores.csv"), "missing": missing_on("remix/remix-images.html")}
    same(again("remix-images", **facts, effort=protocol.FULL), kept("remix-images", "remix"))


def without_intervals(rows: list[list[str]]) -> list[list[str]]:
    kept_places = [place for place, heading in enumerate(rows[0]) if heading != "95% interval"]
    return [[row[place] for place in kept_places] for row in rows]


def test_remix_figures():
    """What is said of alpha; the other figures are drawn from rows made on the spot."""
    from equipoise_reproductions.remix import surfaces

    ring = surfaces.train_surfaces(n_seeds=1, n_epochs=1)
    facts = {"scores": csv("remix/scores.csv"), "missing": missing_on("remix/remix-figures.html"), "counts": {}}
    ours, theirs = again("remix-figures", **facts, ring=ring), kept("remix-figures", "remix")
    assert ours.verdicts[0] == theirs.verdicts[0]
    key = "section-5", f"{ours.verdicts[0]} The comparisons"
    assert ours.tables[key] == theirs.tables[key]
    facts["scores"] = facts["scores"][facts["scores"]["source"] == "Segment"]
    assert "Neither of its data sets can be had here." in page_of("remix-figures", **facts, ring=ring)
