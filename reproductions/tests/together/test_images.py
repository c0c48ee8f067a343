"""Every subset on images, small stand-ins in their place: what is trained, how folds are judged, and the page."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from equipoise import ReMix
from equipoise.cli import main
from equipoise.experiments import METRICS
from equipoise.images import Augment
from equipoise_reproductions import image_sets
from equipoise_reproductions.image_sets import Images
from equipoise_reproductions.together import effects, images, on_images
from equipoise_reproductions.together.design import ARMS, READINGS, SCORED


@pytest.fixture
def digits(monkeypatch):
    """Two digits, one of them rare, as infrared images; CIFAR-10 cannot be had."""
    found = load_digits(n_class=2)
    kept = np.flatnonzero((found.target == 0) | (np.arange(len(found.target)) % 3 == 0))
    pixels = found.images[kept, np.newaxis].astype(np.float32) / 16
    codes = found.target[kept].astype(np.int64)

    def halved(name):
        if name != "infrared":
            raise FileNotFoundError("no archive")
        return Images(pixels, codes, codes < 0)

    for module in (image_sets, images):
        monkeypatch.setattr(module, "halved", halved)


def test_the_page_of_a_quick_run(digits, tmp_path, read, nothing_is_left_to_fit):
    main(["reproduce", "together-images", "--quick", "--out", str(tmp_path)])
    page = read(tmp_path / "together-images.html")
    assert "A quick run" in page.text and "Missing: cifar-10-lt: no archive" in page.text
    assert "Should I combine them? infrared" in page.text and "infrared: 2 folds." in page.text and len(page.plots) == 1
    found = pd.read_csv(tmp_path / "image-scores.csv")
    names = {*ARMS, *(images.longer(name) for name in images.LONGER)}
    assert found.groupby("fold")["method"].apply(set).tolist() == [names, names]
    assert found.notna().all(axis=None)

    nothing_is_left_to_fit()
    main(["reproduce", "together-images", "--quick", "--out", str(tmp_path)])
    assert read(tmp_path / "together-images.html").html == page.html


def test_arms_augment_alike_and_the_longer_ones_train_longer(made_by):
    for arm in images.arms(quick=False):
        made = made_by(arm)
        mixes = "remix" in arm.name
        assert isinstance(made.batch_transform, ReMix if mixes else Augment)
        assert not mixes or (isinstance(made.batch_transform.between, Augment) and made.batch_transform.per_row)
        assert made.max_steps == (20 if "@" in arm.name else 10)


def scores(worth, folds=3):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {"set": "infrared", "family": "infrared", "fold": fold, "method": arm, "seconds": 1.0}
        | {
            f"{reading}_{name}": 0.5 + METRICS[name].sign * worth(arm.split("+")) + rng.normal(0, 1e-4)
            for reading in READINGS
            for name in SCORED
        }
        for fold in range(folds)
        for arm in ARMS
    )


def test_folds_are_the_blocks_and_a_gain_is_sure_by_its_interval():
    of_set = on_images.of_set(scores(lambda chosen: 0.1 * ("mubo" in chosen)), "infrared")
    found = effects.effects(of_set, effects.over_folds).query("reading == 'natural' and metric == 'g_mean'")
    found = found.set_index("term")
    assert found.loc["mubo", "gain"] == pytest.approx(0.1, abs=1e-3) and found.loc["mubo", "sure"]
    assert found["gain"].drop("mubo").abs().max() < 1e-3
    two = effects.effects(of_set[of_set["fold"] < 2], effects.over_folds)
    assert not two["sure"].any()
    told = on_images.answers(of_set, effects.effects(of_set, effects.over_folds), "infrared")
    assert len(told) == 5 and "mubo gains G-mean (+0.100)" in told[1]


def test_a_set_without_two_whole_folds_is_not_judged():
    whole = scores(len)
    assert on_images.finished(whole) == ["infrared"] and on_images.n_folds(whole, "infrared") == 3
    begun = whole[(whole["fold"] == 0) | (whole["method"] == "none")]
    assert on_images.finished(begun) == []
