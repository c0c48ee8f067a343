"""The page and the csv: complete for every shape of comparison, safe with any text, replaced whole."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from equipoise.experiments import METRICS
from equipoise.experiments.shipped import held_out
from equipoise.reports import leaderboard_csv, write_report
from equipoise.reports.verdict import verdict
from equipoise.text import number as written

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "<script>alert('x')</script>\"'><img src=x>$\\frac{--></style>\x00\u202e\ud800"


class Page(HTMLParser):
    """Text of a page, and whether its tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.ids, self.text, self.titles = [], [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        found = dict(attributes)
        self.ids += [found[key] for key in found if key == "id"]
        self.titles += [found[key] for key in found if key == "title"]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    @property
    def plots(self):
        return {name.removeprefix("plot-") for name in self.ids if name.startswith("plot-")}


@pytest.fixture
def report(tmp_path):
    def write(comparison, command="equipoise compare table.csv"):
        path = tmp_path / "report.html"
        write_report(comparison, path, command=command)
        html = path.read_text(encoding="utf-8")
        page = Page(html)
        assert len(set(page.ids)) == len(page.ids)
        assert not {"script", "img", "iframe", "object"} & set(page.tags)
        assert not re.search(r"(?:src|href)=\"(?!#|data:,\")", html)
        return page, html

    return write


def test_commands_are_for_the_folder_of_the_command(stored, tmp_path, monkeypatch):
    """The model is named as seen from where the comparison was run, so that both commands work there."""
    monkeypatch.chdir(tmp_path)
    out = Path("my report")
    out.mkdir()
    write_report(
        stored(recipes=("none", "gbdt")), out / "report.html", command="equipoise compare t.csv --out 'my report'"
    )
    again = (out / "report.html").read_text(encoding="utf-8").split('<section id="again">')[1]
    assert "equipoise predict 'my report/model' new.csv --out scored.csv" in unescape(again)
    assert 'model = load("my report/model")' in unescape(again)


ALWAYS = {"gain", "scores", "readings-g_mean", "readings-macro_f1", "precision-recall", "reliability-0"}


@pytest.mark.parametrize(
    ("counts", "recipes", "plots"),
    [
        ((40, 12), ("none", "under", "gbdt"), {"differences", "thresholds-0", "thresholds-1", "reliability-1"}),
        ((40, 12), ("none",), {"thresholds-0"}),
        ((40, 12), ("under", "gbdt"), {"differences", "thresholds-0"}),
        ((30, 12, 6), ("none", "under"), {"differences", "reliability-1"}),
        ((5,) * 29 + (3,), ("none",), set()),
    ],
)
def test_a_page_for_every_shape(stored, report, counts, recipes, plots):
    skill = {"none": 1.0, "under": 3.0, "gbdt": 1.0}
    page, html = report(stored(counts, recipes, skill=skill, n_repeats=1))
    assert page.plots == ALWAYS | plots | ({"cost"} if len(counts) == 2 else set())
    assert page.ids.count("unfinished") == 0
    assert html.count("<svg") == len(page.plots) + html.count('class="heat-map"')
    for number in range(len(counts)):
        assert str(number) in page.text


def test_the_first_paragraph_is_the_verdict(stored, report):
    """What is best and what to use, in a few sentences for a reader who reads no further; then the rest."""
    comparison = stored(recipes=("auto", "none", "gbdt"), n_repeats=1)
    _, html = report(comparison)
    box = re.search(r'<div class="verdict" id="verdict">(.*?)</div>(.*?)</div>', html, re.S)
    plain = [unescape(re.sub(r"<[^>]+>", "", each)) for each in re.findall(r"<p.*?>(.*?)</p>", box[0], re.S)]
    said = verdict(comparison)
    one = "One data set gives an interval, not a ranking of the methods."
    more = f"{said.more} {said.readings}".strip()
    expected = [f"{said.best} {said.advice}", more, said.use.replace("`", ""), f"{said.tried} {one}"]
    assert [" ".join(each.split()) for each in plain] == expected
    assert 2 <= len(re.findall(r"[.:](?= [A-Z]|$)", expected[0])) <= 5
    assert "<code>model/</code>" in box[2]
    assert html.count("(auto uses its own decision rule: balanced)") == 3
    assert "auto uses" not in report(stored(recipes=("none", "gbdt"), n_repeats=1))[1]


def test_numbers_are_the_comparison_s(stored, report):
    comparison = stored()
    _, html = report(comparison)
    board = re.search(r'<table class="board">(.*?)</table>', html, re.S)[1]
    rows = [re.findall(r"\d\.\d{3}", row) for row in board.split("<tr>")[2:]]
    order = [
        "g_mean",
        "macro_f1",
        "balanced_accuracy",
        "matthews_corrcoef",
        "average_precision",
        "roc_auc",
        "balanced_brier",
        "brier",
        "log_loss",
        "calibration_error",
    ]
    for found, (_, row) in zip(rows, comparison.leaderboard.iterrows(), strict=True):
        low, high = (f"{row[side]:.3f}" for side in ("low", "high"))
        best = f"{row['best_g_mean']:.3f}"
        assert found == [best, low, high, *(f"{row[name]:.3f}" for name in order)]
    assert len(re.findall('class="best"', board)) >= len(METRICS)


def cells(html, table):
    """Rows of a table with an id: the recipe, and its numbers."""
    body = re.search(rf'<table id="{table}">.*?<tbody>(.*?)</tbody>', html, re.S)[1]
    return {
        re.search(r"<th><span[^>]*>([^<]+)", row)[1]: re.findall(r"<td>(.*?)</td>", row)
        for row in body.split("<tr>")[1:]
    }


def test_each_recipe_is_read_in_three_ways(stored, report):
    comparison = stored(recipes=("none", "under", "focal"), skill={"none": 1.0, "under": 2.0, "focal": 1.5})
    _, html = report(comparison)
    readings, corrected = cells(html, "readings"), cells(html, "corrected")
    assert set(readings) == set(corrected) == {"none", "under", "focal"}
    for _, row in comparison.leaderboard.iterrows():
        columns = [f"{kind}{metric}" for metric in ("g_mean", "macro_f1") for kind in ("", "prior_", "tuned_")]
        assert readings[row["recipe"]] == [written(row[column]) for column in columns]
        proper = [
            f"{kind}{m}"
            for m in ("balanced_brier", "brier", "log_loss", "calibration_error")
            for kind in ("", "prior_")
        ]
        assert corrected[row["recipe"]] == [written(row[column]) for column in proper]
    assert readings["focal"][1] == "–" and readings["under"][0] == readings["under"][1]


def test_confusion_counts_are_means_over_repeats(stored, report):
    comparison = stored(recipes=("none",))
    _, html = report(comparison)
    matrices = re.findall(r'<table class="heat">(.*?)</table>', html, re.S)
    counts, own = ([float(n) for n in re.findall(r"<td[^>]*>([\d.]+)<small>", matrix)] for matrix in matrices)
    assert own == comparison.confusion("none").ravel().tolist()
    folds = list(held_out(comparison, "none"))
    found = sum(confusion_matrix(fold.codes, decided, labels=[0, 1]) for fold, decided in folds) / 2
    assert counts == found.ravel().tolist() != own
    assert sum(counts) == comparison.problem["n_rows"]


FIGURES = {
    "class": 1,
    "made_by": "GAN",
    "real_accuracy": 0.5,
    "made_accuracy": 0.75,
    "two_sample_accuracy": 0.625,
    "spread_ratio": 0.875,
    "out_of_range": 0.0,
}


def test_rows_that_were_made_are_shown_as_means_over_folds(stored, report):
    """One class by a GAN; on the second fold the other by SMOTE, which has no discriminator."""

    def made(recipe, repeat, fold):
        by_smote = {**FIGURES, "class": 0, "made_by": "SMOTE", "real_accuracy": np.nan, "made_accuracy": np.nan}
        figures = [{**FIGURES, "n_made": 30 + fold}, {**by_smote, "n_made": 8, "out_of_range": 0.25}]
        return figures[: fold + 1] if recipe == "gbo" else []

    comparison = stored(
        recipes=("none", "gbo"), skill={"none": 1.0, "gbo": 2.0}, labels=["fine", HOSTILE], made=made, n_folds=2
    )
    page, html = report(comparison)
    assert "made" in page.ids and page.text.count("Synthetic rows") == 2
    rows = re.search(r'<table id="made-rows">.*?<tbody>(.*?)</tbody>', html, re.S)[1].split("<tr>")[1:]
    of_gan, of_smote = (re.findall(r"<td>(.*?)</td>", row) for row in rows)
    assert of_gan == ["30.5", "50%", "75%", "62%", "0.88", "0%"]
    assert of_smote == ["8", "–", "–", "62%", "0.88", "25%"]
    assert ">GAN<" in rows[0] and ">SMOTE<" in rows[1] and ">fine<" in rows[1]


def test_without_rows_made_by_a_gan_there_is_no_such_section(stored, report):
    for figures in ([], [{**FIGURES, "n_made": 3, "made_by": "SMOTE"}]):
        page, _ = report(stored(n_repeats=1, made=lambda recipe, repeat, fold, figures=figures: figures))
        assert "made" not in page.ids and "Synthetic rows" not in page.text


def test_text_from_the_data_is_escaped_everywhere(stored, report):
    comparison = stored(labels=["fine", HOSTILE], columns=[HOSTILE, "b"], name=HOSTILE, notes=[HOSTILE])
    page, html = report(comparison, command=HOSTILE)
    shown = HOSTILE.replace("\x00", "\ufffd").replace("\u202e", "\ufffd").replace("\ud800", "\ufffd")
    assert page.text.count(shown) >= 5  # name, column, note of the data, of the protocol, warning, command
    assert shown in page.titles  # a class label, shortened
    assert "<script" not in html
    assert "\x00" not in html


def test_failed_cells_are_told(stored, report):
    failed = [("under", repeat, fold) for repeat in range(2) for fold in range(3)] + [("gbdt", 0, 0)]
    page, html = report(stored(failed=failed, notes=["few rows"]))
    failures = re.search(r'<table id="failures">(.*?)</table>', html, re.S)[1]
    assert re.findall(r"<td>(\d+)</td>", failures) == ["1", "6"]
    assert failures.count("ValueError: no &lt;rows&gt;") == 2
    warnings = re.search(r'<table id="warnings">(.*?)</table>', html, re.S)[1]
    assert re.findall(r"<td>(\d+)</td>", warnings) == ["5", "6"]
    assert "unfinished" not in page.ids


def test_an_unfinished_comparison_says_so(stored, report):
    missing = [(recipe, 1, fold) for recipe in ("none", "gbdt") for fold in (1, 2)]
    page, html = report(stored(missing=missing))
    assert "unfinished" in page.ids
    assert "14 of 18 cells" in html


def test_no_result_at_all(stored, report, tmp_path):
    comparison = stored(recipes=("none",), failed=[("none", 0, fold) for fold in range(3)], n_repeats=1)
    page, _ = report(comparison)
    assert "no-results" in page.ids
    assert page.plots == set()
    with pytest.raises(ValueError, match="needs at least one recipe with a result"):
        leaderboard_csv(comparison, tmp_path / "leaderboard.csv")


def test_many_columns_are_folded_away(stored, report):
    for number, folded in ((21, True), (20, False)):
        comparison = stored(recipes=("none",), columns=[f"c{i}" for i in range(number)], n_repeats=1)
        assert (f"All {number} columns" in report(comparison)[1]) == folded


def test_the_same_comparison_gives_the_same_bytes(stored, report):
    comparison = stored(n_repeats=1)
    assert report(comparison)[1] == report(comparison)[1]


def test_every_metric_is_defined():
    assert all(metric.definition for metric in METRICS.values())


def test_leaderboard_csv(stored, tmp_path):
    comparison = stored()
    leaderboard_csv(comparison, tmp_path / "leaderboard.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "leaderboard.csv"), comparison.leaderboard)


def test_a_page_that_cannot_be_written_leaves_the_old_one(stored, tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "report.html"
    path.write_text("old")
    comparison = stored(n_repeats=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # half way, as on a full disk
    try:
        with pytest.raises(OSError, match="File too large"):
            write_report(comparison, path, command="")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "results.sqlite"]
