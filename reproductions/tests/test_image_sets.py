"""Halved images: what a pixel is, how classes are numbered, and that no image is on both sides or tests twice."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

from equipoise_reproductions import image_sets
from equipoise_reproductions.image_sets import FACTOR, N_PARTS, Images, sides


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """An archive in the place of the infrared images: eight of a class ``a``, twelve of ``b``, of 4 x 6 pixels."""
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path))
    path = tmp_path / "images" / image_sets.FILES["infrared"]
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    with tarfile.open(path, "w:xz") as packed:
        for kind, n in (("a", 8), ("b", 12)):
            for number in range(n):
                file = io.BytesIO()
                pixels = rng.integers(0, 256, size=(4, 6), dtype=np.uint8)
                pixels[:2, :2] = [[10, 20], [30, 40]]
                Image.fromarray(pixels).save(file, "png")
                member = tarfile.TarInfo(f"{kind}/{number}.png")
                member.size = file.tell()
                file.seek(0)
                packed.addfile(member, file)
    image_sets.whole.cache_clear()
    image_sets.halved.cache_clear()
    yield
    image_sets.whole.cache_clear()
    image_sets.halved.cache_clear()


def test_pixels_are_means_and_the_largest_class_is_the_first(archive):
    found = image_sets.halved("infrared")
    assert found.pixels.shape == (20, 1, 2, 3) and found.pixels[:, 0, 0, 0] == pytest.approx(25 / 255)
    assert np.bincount(found.codes).tolist() == [12, 8] and not found.tested.any()


def test_a_missing_archive_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path))
    image_sets.whole.cache_clear()
    image_sets.halved.cache_clear()
    with pytest.raises(FileNotFoundError, match="infrared_solar_modules"):
        image_sets.halved("infrared")


def stand_in(monkeypatch, tested):
    codes = np.repeat(np.arange(3), 1000)
    found = Images(np.zeros((3000, 1, 2, 2), np.float32), codes, np.arange(3000) % 3 == 0 if tested else codes < 0)
    monkeypatch.setattr(image_sets, "halved", lambda name: found)
    return found


def test_folds_of_a_whole_set_test_on_other_images_each(monkeypatch):
    stand_in(monkeypatch, tested=False)
    folds = [sides("infrared", number) for number in range(N_PARTS)]
    assert all(not set(train) & set(test) and len(train) + len(test) == 3000 for train, test in folds)
    assert len(set(np.concatenate([test for _, test in folds]))) == 3000


def test_folds_of_a_set_with_test_images_draw_their_tails(monkeypatch):
    found = stand_in(monkeypatch, tested=True)
    folds = [sides("cifar-10-lt", number) for number in range(N_PARTS)]
    tests = np.concatenate([test for _, test in folds])
    assert len(set(tests)) == len(tests) == found.tested.sum() and found.tested[tests].all()
    for train, _ in folds:
        counts = np.bincount(found.codes[train])
        assert counts[0] / counts[-1] == pytest.approx(FACTOR, rel=0.2) and not found.tested[train].any()
    assert set(folds[0][0]) != set(folds[1][0])
