"""The report of images: confusions of many classes as a map, recall by the size of a class, Python for images."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from equipoise.reports import write_report
from equipoise.reports.class_sizes import by_group, training_rows
from equipoise.reports.data import write_data, write_summary
from equipoise.reports.heat import by_size, heat_map, largest_confusions

COUNTS = [400, 150, 60, 31, 12, 6, *[9] * 18]  # 24 classes


@pytest.fixture
def comparison(stored):
    labels = [f"class <{i}>" for i in range(len(COUNTS))]
    return stored(COUNTS, ("none", "remix"), labels=labels, n_repeats=1, images=True)


def test_the_map_shows_each_share_of_the_largest_classes_first(comparison):
    root = ET.fromstring(str(heat_map(comparison, "none", comparison.confusion("none"))))
    order = by_size(comparison)
    assert order[:4].tolist() == [0, 1, 2, 3] and order[-1] == 5
    labels = [text.text for text in root.iter("text")]
    assert labels[:2] == ["class <0>"] * 2 and len(labels) == 2 * len(COUNTS)
    cells = sum(path.get("d").count("z") for path in root.iter("path")) - 1  # the frame
    assert cells == int((comparison.confusion("none") > 0).sum())
    assert root.get("role") == "img" and "24 classes" in root.get("aria-label")


def test_long_names_of_classes_stay_different_on_the_map(stored):
    labels = [f"a very long name that all classes share, number {i}" for i in range(24)]
    found = stored(COUNTS, ("none",), labels=labels, n_repeats=1, images=True)
    root = ET.fromstring(str(heat_map(found, "none", found.confusion("none"))))
    shown = {text.text for text in root.iter("text")}
    assert len(shown) == 24 and max(map(len, shown)) == 22


def test_figures_of_the_test_part_and_python_that_reads_images(stored, tmp_path):
    comparison = stored((60, 30), images=True)
    comparison.tested = {"G-mean": 0.5}
    sentence = "The model on the test part, which chose nothing: G-mean 0.500."
    write_report(comparison, tmp_path / "report.html", command="")
    write_data(comparison, tmp_path / "report.json", command="")
    write_summary(comparison, tmp_path / "summary.md", command="")
    page = (tmp_path / "report.html").read_text()
    assert sentence in page and "<dt>images</dt>" in page and "<dt>columns</dt>" not in page
    assert sentence in (tmp_path / "summary.md").read_text()
    assert json.loads((tmp_path / "report.json").read_text())["tested"] == {"G-mean": 0.5}
    code = re.search(r'id="code">(.*?)</pre>', page, re.DOTALL)[1]
    assert "rglob" in code and "read_csv" not in code


def test_the_largest_confusions_in_words(comparison):
    found = largest_confusions(comparison, comparison.confusion("none"))
    counts = comparison.confusion("none")
    np.fill_diagonal(counts, 0)
    i, j = np.unravel_index(counts.argmax(), counts.shape)
    assert len(found) == 15
    assert (found[0]["true"], found[0]["predicted"]) == (comparison.classes[i], comparison.classes[j])
    assert float(found[0]["count"]) == pytest.approx(counts.max(), abs=0.06)


def test_a_map_of_121_classes_is_small(stored):
    comparison = stored([40] * 60 + [3] * 61, ("none",), n_repeats=1, images=True)
    assert len(heat_map(comparison, "none", comparison.confusion("none"))) < 150_000


def test_recall_of_many_medium_and_few_and_maps_in_the_place_of_tables(comparison, tmp_path):
    rows, groups = training_rows(comparison), by_group(comparison)
    np.testing.assert_allclose(rows, np.array(COUNTS) * 2 / 3, atol=0.7)
    assert groups["classes"] == {"many": 1, "medium": 3, "few": 20, "all": 24}
    confusion = comparison.confusion("remix")
    recall = np.diag(confusion) / confusion.sum(axis=1)
    assert groups["recall"]["remix"]["few"] == pytest.approx(recall[rows < 20].mean())
    assert groups["recall"]["remix"]["many"] == pytest.approx(recall[0])
    write_data(comparison, tmp_path / "report.json", command="x")
    told = json.loads((tmp_path / "report.json").read_text())["by_class_size"]
    assert told["classes"] == groups["classes"] and told["training_rows"]["class <0>"] == pytest.approx(rows[0])
    write_report(comparison, tmp_path / "report.html", command="equipoise compare photos")
    page = (tmp_path / "report.html").read_text()
    sections = dict(re.findall(r'<section id="(\w+)">(.*?)</section>', page, re.DOTALL))
    sizes, confusion = sections["sizes"], sections["confusion"]
    assert "many (1)" in sizes and "few (20)" in sizes and 'aria-label="Recall of each class' in sizes
    assert confusion.count('class="heat-map"') == 2 and 'class="heat"' not in confusion and "heat many" not in confusion
    assert "<script" not in page


def test_a_page_of_a_table_is_without_what_is_for_images(stored, tmp_path):
    write_report(stored(), tmp_path / "report.html", command="x")
    page = (tmp_path / "report.html").read_text()
    assert "read_csv" in page and 'id="sizes"' not in page
