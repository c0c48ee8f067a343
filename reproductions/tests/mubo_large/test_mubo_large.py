"""Rows worth training on: what each way keeps, what its probabilities mean, and what the page says."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from equipoise.cli import main
from equipoise_reproductions.mubo_large import study, tables
from equipoise_reproductions.mubo_large.choices import WAYS
from equipoise_reproductions.mubo_large.models import MODELS, OnChosenRows, installed
from equipoise_reproductions.mubo_large.sets import generated


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 3)).astype(np.float32)
    y = (rng.random(3000) < 1 / (1 + np.exp(3 - 1.5 * X[:, 0]))).astype(np.int64)
    return X, y


@pytest.mark.parametrize("way", [way for way in WAYS if way not in ("all", "random", "search")])
def test_a_way_keeps_the_minority_and_so_many_others(way, rows):
    X, y = rows
    choice = WAYS[way](X, y, 150, np.random.default_rng(0))
    assert set(np.flatnonzero(y == 1)) <= set(choice.rows) and len(np.unique(choice.rows)) == len(choice.rows)
    assert abs((y[choice.rows] == 0).sum() - 150) <= 1
    own = y[choice.rows] == 0
    assert (choice.probabilities[~own] == 1).all()
    np.testing.assert_allclose(choice.probabilities[own], choice.inclusion(X[choice.rows])[own], rtol=1e-4)
    assert abs(choice.inclusion(X[y == 0]).sum() - 150) < 2


def test_rows_at_random_and_those_of_a_search(rows):
    X, y = rows
    random = WAYS["random"](X, y, 150, np.random.default_rng(0))
    assert abs(len(random.rows) - 150 - y.sum()) <= 2 and (y[random.rows] == 1).sum() < y.sum()
    search = WAYS["search"](X, y, 100, np.random.default_rng(0))
    assert (y[search.rows] == 0).sum() <= 100 and (y[search.rows] == 1).sum() == y.sum()


@pytest.mark.parametrize("reading", ["corrected", "weighted"])
@pytest.mark.parametrize("way", ["balanced", "loss", "score"])
def test_probabilities_are_those_of_all_rows(way, reading, rows):
    X, y = rows
    for labels, column in ((y, 1), (1 - y, 0)):  # whichever class is the rare one
        model = OnChosenRows(way, "network", reading, 0.2, 0).fit(X, labels)
        proba = model.predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1)
        assert abs(proba[:, column].mean() / y.mean() - 1) < 0.35


@pytest.fixture
def one_table(monkeypatch):
    monkeypatch.setattr(study, "loaders", lambda: {"rare_events": partial(generated_with_more_events, 6000)})


def generated_with_more_events(n_rows):
    dataset = generated(n_rows)
    y = dataset.y.where(dataset.X["x0"] < 1, 1)  # a share of 0.05% is too little for so few rows
    return replace(dataset, y=y)


def test_the_page_of_a_quick_run(one_table, tmp_path, read, nothing_is_left_to_fit):
    out = tmp_path / "out"
    main(["reproduce", "mubo-large", "--quick", "--out", str(out)])
    page = read(out / "mubo-large.html")
    assert "A quick run" in page.text and "the score is within 0.002" in page.text and len(page.plots) == 1
    found = pd.read_csv(out / "scores.csv")
    assert len(found) == 2 * len(study.arms()) and found["average_precision"].between(0, 1).all()
    first = next(model for model in MODELS if installed(model))
    assert set(tables.of(found, first)["way"]) == set(WAYS)
    assert (found["cpu_seconds"] >= found["search_seconds"]).all()
    nothing_is_left_to_fit()
    main(["reproduce", "mubo-large", "--quick", "--out", str(out)])
    assert read(out / "mubo-large.html").html == page.html


def test_nearness_counts_sets_and_time():
    rows = [
        ("a", "all", 0.9, 10.0), ("a", "score", 0.899, 1.0), ("a", "balanced", 0.5, 1.0),
        ("b", "all", 0.9, 10.0), ("b", "score", 0.899, 5.0), ("b", "balanced", 0.95, 1.0),
    ]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["set", "way", "average_precision", "cpu_seconds"])
    scores = scores.assign(fold=0, model="hist", reading="corrected", share=0.05)
    near = tables.nearness(scores, "hist")
    assert near.loc["score"].iloc[:3].tolist() == ["2 of 2", "1 of 2", "1 of 2"]
    assert near.loc["balanced"].iloc[:3].tolist() == ["1 of 2", "2 of 2", "1 of 2"]
