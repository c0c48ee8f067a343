"""The page on images, run on small stand-ins: folds, the network, what augments, claims and what is missing."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import equipoise_reproductions as reproductions
from equipoise.datasets.imbalance import rows_at
from equipoise_reproductions.remix import images, pictures, protocol
from equipoise_reproductions.remix.pictures import ImageProblem, ImageRows, ImageSource, PaperCNN
from equipoise_reproductions.remix.protocol import FULL, Effort

SOURCES = (
    ImageSource("CIFAR-10", "cifar10", ("0",), (0.2, 0.1), (192, 90), most=90),
    ImageSource("CIFAR-10", "cifar10", ("0", "1"), (0.5,), (192, 100), multiclass=True, n_labels=3, batch_size=16),
    ImageSource("Infrared modules", "infrared", (), (0.5,), (192, 100), multiclass=True, n_labels=3),
)


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A folder of 120 small images of three levels of grey, with a part that tests; the other set is not there."""
    rng = np.random.default_rng(0)
    for i in range(120):
        place = tmp_path / "images" / "cifar" / ("test" if i % 10 == 9 else "train") / str(i % 3)
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.normal(60 + 60 * (i % 3), 30, (12, 12)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{i}.png")
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(pictures, "FILES", {"CIFAR-10": "cifar", "Infrared modules": "none.tar.xz"})
    monkeypatch.setattr(pictures, "SOURCES", SOURCES)
    monkeypatch.setattr(images, "QUICK", Effort(epochs=2, repeats=1))
    pictures._images.cache_clear()


def test_rows_are_cut_and_test_images_of_the_set_are_left_out(small):
    rows = ImageRows(ImageProblem(SOURCES[0], 0.1))
    counts = rows.counts()
    assert rows.pixels.shape == (sum(counts.values()), 1, 12, 12) and rows.n_before == 108
    assert counts["rest"] > 40 and counts["0"] == int(0.1 * counts["rest"])
    assert set(ImageRows(ImageProblem(SOURCES[1], 0.5)).counts()) == {"0", "1", "2"}
    (first, second) = rows.folds(1)
    assert not set(first.train) & set(first.test) and not set(first.test) & set(second.test)
    prepared = rows.prepared(first)
    assert np.allclose(prepared.X_train * 255, rows.pixels[first.train]) and prepared.X_train.dtype == np.float32


@pytest.mark.parametrize("source", [source for source in pictures.SOURCES if source.minority], ids=lambda s: s.title)
def test_classes_of_equal_size_can_be_cut_to_every_ratio(source, small, monkeypatch):
    labels = np.array(["automobile", "bird", "cat", "dog", "1", "2", "3", *"abc"]).repeat(2000)
    monkeypatch.setattr(pictures, "_images", lambda place: (np.zeros((len(labels), 1, 2, 2), np.uint8), labels))
    monkeypatch.setattr(pictures, "FILES", {source.title: "any"})
    for ratio in source.ratios:
        counts = ImageRows(ImageProblem(source, ratio)).counts()
        rest = {label: n for label, n in counts.items() if label not in source.minority}
        assert sum(rest.values()) == source.most
        largest = max(rest.values())  # of a class, or of the classes that are merged
        assert all(counts[label] == rows_at(ratio, largest) for label in source.minority)


def test_the_network_is_the_papers():
    sizes = {name: tuple(value.shape) for name, value in PaperCNN((3, 32, 32), 10).named_parameters()}
    assert sizes["0.weight"] == (32, 3, 3, 3) and sizes["3.weight"] == (64, 32, 3, 3)
    assert sizes["7.weight"] == (64, 6 * 6 * 64) and sizes["9.weight"] == (10, 64)
    with pytest.raises(ValueError, match="10 x 10"):
        PaperCNN((3, 8, 8), 2)


def test_augment_balances_without_mixing_and_remix_aug_mixes():
    x, y = torch.rand(64, 1, 12, 12), torch.arange(64) % 8 == 0
    generator = torch.Generator().manual_seed(0)
    made = {}
    for method in pictures.SEVEN[-2:]:
        transform = method.settings["batch_transform"]
        transform.set_params(num_classes=2, generator=generator)
        made[method.name] = [transform(x, y.long()) for _ in range(30)]
    mixed = {name: torch.cat([soft for _, soft in pairs]) for name, pairs in made.items()}
    assert all(0.4 < soft[:, 1].mean() < 0.6 for soft in mixed.values())
    assert set(mixed["augment"].unique().tolist()) == {0.0, 1.0} and len(mixed["remix-augment"].unique()) > 10
    assert not (made["augment"][0][0].flatten(1)[:, None] == x.flatten(1)).all(-1).any()  # all are moved


def test_the_page(small, tmp_path, read):
    reproductions.reproduce("remix-images", tmp_path / "out", quick=True)
    page = read(tmp_path / "out" / "remix-images.html")
    assert "A quick run" in page.text and "Missing: Infrared modules: images/none.tar.xz is not in" in page.text
    assert "Not run yet" not in page.text and "nothing can be said" not in page.text
    told = (tmp_path / "out" / "remix-images-claims.md").read_text()
    assert "R6" in told and "R7" in told
    scores = pd.read_csv(tmp_path / "out" / "image-scores.csv")
    seven = scores[scores["method"].isin(images.TITLES)]
    assert (seven.groupby("problem")["method"].value_counts() == 2).all() and len(seven) == 3 * 2 * 8
    others = set(scores["method"]) - set(seven["method"])
    assert others == {m.name for m in pictures.ALPHA_METHODS} | {m.name for m in pictures.longer(2)}
    assert {m.epochs for m in pictures.longer(2)} == {4, 8}


def by_rule(kind, **levels):
    """Scores in which each method has its level of G-mean, and the rest of balanced Brier."""
    rows = [
        {"source": "CIFAR-10", "kind": kind, "ratio": 0.1, "problem": kind, "method": name, "repeat": r, "fold": f}
        | {"g_mean": level + 0.001 * (r + f), "bbs": 1 - level, "brier": 0.1}
        for name, level in levels.items()
        for r in range(2)
        for f in range(2)
    ]
    return pd.DataFrame(rows)


def test_the_claim_follows_the_scores():
    levels = {"baseline": 0.1, "cost": 0.3, "batch-smote": 0.2, "mixup": 0.15, "remix": 0.5, "baseline-corrected": 0.3}
    as_claimed = pd.concat(
        [
            by_rule("binary", **levels, **{"augment": 0.6, "remix-augment": 0.7}),
            by_rule("multi-class", **levels, **{"augment": 0.8, "remix-augment": 0.7}),
        ]
    )
    facts = images.images_page(as_claimed, effort=FULL, missing={})
    (claim,) = facts["claims"]
    assert claim.verdict == "holds" and len(claim.statements) == 20
    assert not facts["alphas"] and facts["longer"] is None
    assert facts["gains"]["g_mean"].loc["CIFAR-10, binary", "ReMix (Aug)"].startswith("0.600")
    swapped = as_claimed.replace({"method": {"remix": "mixup", "mixup": "remix"}})
    assert images.images_page(swapped, effort=FULL, missing={})["claims"][0].verdict != "holds"


def test_without_any_set_the_remedy_is_told(small, tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match="images/cifar is not in the data home"):
        reproductions.reproduce("remix-images", tmp_path / "out", quick=True)


def test_the_sets_are_those_of_the_paper():
    real = [replace(source) for source in pictures.SOURCES if source.title == "CIFAR-10"]
    assert [source.minority for source in real] == [("dog",), ("automobile", "bird", "cat")]
    assert all(source.ratios == (0.25, 0.1, 0.05) for source in real)
    assert [source.most for source in real] == [5000, 8000] and protocol.ALPHA == 0.1
