"""The verdict on images, counted once more from the bytes of results.sqlite by formulas written here."""

import sqlite3

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from sklearn.metrics import average_precision_score

from equipoise.experiments import Store, compare
from equipoise.images import read_images
from equipoise.images.task import image_task
from equipoise.reports.verdict import verdict
from equipoise.text import number

FOLDS = 3


@pytest.fixture(scope="module")
def judged(few_steps, tmp_path_factory):
    """Grey images of 8 x 8 pixels, the rare ones a little brighter, so that recipes err."""
    rng = np.random.default_rng(0)
    labels = np.array(["off"] * 75 + ["on"] * 24)
    level = np.where(labels == "on", 134, 120)
    root = tmp_path_factory.mktemp("recount")
    for label in ("off", "on"):
        (root / "images" / label).mkdir(parents=True)
    for i, (label, bright) in enumerate(zip(labels, level, strict=True)):
        pixels = rng.normal(bright, 40, (8, 8)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / label / f"{i:02}.png")
    data = image_task(read_images(root / "images"), source="made")
    path = root / "results.sqlite"
    options = {"recipes": ["none", "la"], "n_folds": FOLDS, "n_repeats": 1, "n_members": 1, "budget": 3600.0}
    with Store(path) as store:
        comparison = compare(data, store, metric="average_precision", **options)
    return comparison, path, data.y.to_numpy()


@pytest.fixture(scope="module")
def counted(judged):
    """A row a recipe and fold: average precision of the rare class, and the geometric mean of both recalls."""
    _, path, labels = judged
    database, rows, seen = sqlite3.connect(path), [], []
    for fold, places, codes in database.execute("SELECT fold, test_rows, test_codes FROM folds ORDER BY fold"):
        truth = np.frombuffer(codes, "<i4")
        assert (truth == (labels[np.frombuffer(places, "<i8")] == "on")).all()
        seen += np.frombuffer(places, "<i8").tolist()
        query = "SELECT arm, probabilities, decided FROM cells WHERE repeat = 0 AND fold = ?"
        for arm, probabilities, decided in database.execute(query, (fold,)):
            proba, said = np.frombuffer(probabilities, "<f4").reshape(-1, 2), np.frombuffer(decided, "<u2")
            recalls = [(said[truth == code] == code).mean() for code in (0, 1)]
            ap = average_precision_score(truth, proba[:, 1])
            rows.append({"recipe": arm, "fold": fold, "ap": ap, "g_mean": np.sqrt(np.prod(recalls))})
    database.close()
    assert sorted(seen) == list(range(len(labels)))  # every image is tested once
    return pd.DataFrame(rows)


def test_the_scores_are_those_of_the_stored_probabilities_and_decisions(judged, counted):
    board = judged[0].leaderboard.set_index("recipe")
    means = counted.groupby("recipe")[["ap", "g_mean"]].mean()
    assert board["average_precision"].to_dict() == pytest.approx(means["ap"].to_dict())
    assert board["g_mean"].to_dict() == pytest.approx(means["g_mean"].to_dict())


def test_the_verdict_names_the_best_and_who_does_not_differ_from_it(judged, counted):
    comparison, folds = judged[0], counted.pivot(index="fold", columns="recipe", values="ap")
    best = folds.mean().idxmax()
    [other] = {"none", "la"} - {best}
    difference = folds[other] - folds[best]
    half = stats.t.ppf(0.975, FOLDS - 1) * np.sqrt((1 / FOLDS + 1 / (FOLDS - 1)) * difference.var(ddof=1))
    low, high = difference.mean() - half, difference.mean() + half
    row = comparison.leaderboard.set_index("recipe").loc[other]
    assert comparison.best == best and 0 < folds[best].mean() < 1 and difference.mean() != 0
    assert row["difference_low"] == pytest.approx(max(low, -1)) and row["difference_high"] == pytest.approx(high)
    assert set(comparison.near_best) == ({best, other} if low <= 0 <= high else {best})
    assert number(folds[best].mean()) in verdict(comparison).best and best in verdict(comparison).best
