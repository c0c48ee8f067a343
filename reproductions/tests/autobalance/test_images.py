"""Long-tailed images: what is read and cut, what is stored, what was chosen; and networks that read images."""

import gzip
import struct

import numpy as np
import pytest

from equipoise import NeuralClassifier
from equipoise.datasets import data_home
from equipoise.experiments import engine
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.store import Store
from equipoise.networks import CosineLinear
from equipoise.networks.cnn import SmallCNN
from equipoise_reproductions.autobalance import images
from equipoise_reproductions.autobalance.arms import IMAGES, TABLES
from equipoise_reproductions.autobalance.scores import by_fold
from equipoise_reproductions.autobalance.tails import tail_sizes
from equipoise_reproductions.autobalance.tuned import TunedLossClassifier
from equipoise_reproductions.study import Effort

from .conftest import clothes

REAL = data_home() / "images" / "fashion_mnist"
SHOWN = [arm for arm in IMAGES if arm.name in ("none", "cdt-tuned", "ldam-drw", "autobalance-la-identity")]
BRIEF = Effort(n_folds=2, n_members=1, most_rows=1000, most_steps=20)


def idx(path, values):
    header = struct.pack(f">I{values.ndim}I", 2048 + values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 1))


def written(folder, images, labels, part):
    idx(folder / f"{part}-images-idx3-ubyte.gz", images)
    idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)


def test_both_sides_are_read_the_training_side_first(tmp_path):
    folder = tmp_path / "images" / "fashion_mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    parts = {
        part: (rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8))
        for part, n in (("train", 7), ("t10k", 3))
    }
    for part, pair in parts.items():
        written(folder, *pair, part)
    pixels, codes, n_train = images.fashion_mnist(data_home=tmp_path)
    assert n_train == 7 and pixels.shape == (10, 1, 28, 28)
    assert (pixels[:7, 0] == parts["train"][0]).all() and (pixels[7:, 0] == parts["t10k"][0]).all()
    assert codes.tolist() == [*parts["train"][1], *parts["t10k"][1]]


def test_without_files_it_says_what_to_do(tmp_path):
    told = r"zalandoresearch/fashion-mnist, but .*train-images.* cannot be found: put its files into images"
    with pytest.raises(FileNotFoundError, match=told):
        images.fashion_mnist(data_home=tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="Fashion-MNIST is not in the data home")
def test_the_real_files():
    pixels, codes, n_train = images.fashion_mnist()
    assert n_train == 60_000 and np.bincount(codes[:n_train]).tolist() == [6000] * 10
    assert np.bincount(codes[n_train:]).tolist() == [1000] * 10
    light = [pixels[codes == k].mean() for k in range(10)]
    assert np.argmin(light) == images.CLASSES.index("Sandal") and len(pixels) == 70_000


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder, told = tmp_path_factory.mktemp("images"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "fashion_mnist", clothes)
        patch.setattr(images, "IMAGES", SHOWN)
        images.run_images(folder, BRIEF, lambda *progress: told.append(progress))
        patch.setattr(engine, "fit_cells", None)  # nothing is left to fit
        images.run_images(folder, BRIEF, lambda *progress: None)
    return folder, told


def test_every_arm_runs_on_every_seed_once(stored):
    folder, told = stored
    assert told == [("alone", done, 8) for done in range(9)]
    with Store(folder / "fashion_mnist.sqlite") as store:
        assert {cell.key for cell in store.cells()} == {(arm.name, 0, seed) for arm in SHOWN for seed in (0, 1)}
        assert not any(cell.error for cell in store.cells())


def test_the_tail_is_cut_and_the_test_side_is_whole(stored):
    codes = clothes()[1]
    with Store(stored[0] / "fashion_mnist.sqlite") as store:
        folds = store.folds()
    largest = np.bincount(codes[:1000]).min()
    for fold in folds:
        assert sorted(fold.train_counts)[::-1] == tail_sizes(10, int(largest)).tolist()
        assert (fold.test_rows == np.arange(1500, len(codes))).all() and (fold.test_codes == codes[1500:]).all()
    assert folds[0].train_counts != folds[1].train_counts  # another class is rare


def test_pixels_are_scaled_by_the_images_that_train():
    pixels, codes, n_train = clothes()
    fold = next(images._folds(codes, n_train, BRIEF))
    sides = images._sides(pixels, codes, fold)
    assert sides.X_train.dtype == np.float32 and sides.X_train.shape == (len(fold.train), 1, 8, 8)
    assert sides.X_train.mean() == pytest.approx(0, abs=1e-5) and sides.X_train.std() == pytest.approx(1, abs=1e-5)
    seen = pixels[fold.train].astype(float)
    np.testing.assert_allclose(sides.X_test, (pixels[n_train:] - seen.mean()) / seen.std(), atol=1e-5)
    assert (sides.y_train == codes[fold.train]).all()


def test_errors_by_class_are_those_of_the_scores(stored):
    path = stored[0] / "fashion_mnist.sqlite"
    classes = images.by_class(path)
    assert len(classes) == 4 * 2 * 10 and set(classes["class"]) == set(images.CLASSES)
    by_seed = by_fold(stored[0]).set_index(["method", "fold"])
    means = classes.groupby(["method", "seed"])["error"].mean()
    for key, mean in means.items():
        assert mean == pytest.approx(by_seed.loc[key, "balanced_error"])


def test_what_was_chosen_is_kept(stored):
    path = stored[0] / "fashion_mnist.sqlite"
    classes = images.by_class(path).set_index("method")
    assert classes.loc[["none", "cdt-tuned", "ldam-drw"], ["l", "delta"]].isna().all(axis=None)
    searched = classes.loc["autobalance-la-identity"]
    for _, part in searched.groupby("seed"):
        assert part["l"].mean() == pytest.approx(0, abs=1e-5) and part["l"].corr(part["images"]) > 0.5
        shares = np.log(part["images"] / part["images"].sum())
        assert np.abs(part["l"] - (shares - shares.mean())).max() > 1e-3  # it was moved from logit adjustment
        assert part["delta"].between(0, 2).all() and part["delta"].std() > 0
    chosen = images.strengths(path)
    assert set(chosen["method"]) == {"cdt-tuned"} and chosen["tau"].eq(0).all()
    assert chosen["gamma"].isin([0.1, 0.2, 0.3, 0.4]).all() and len(chosen) == 2


def test_arms_of_images_are_those_of_tables():
    assert [(arm.name, arm.title) for arm in IMAGES] == [(arm.name, arm.title) for arm in TABLES]


def test_networks_of_the_arms_read_images():
    pixels, codes, _ = clothes()
    X, y = (pixels[:300] / 16).astype(np.float32), codes[:300]
    fold, protocol = images._sides(pixels, codes, next(images._folds(codes, 1500, BRIEF))), Protocol((), 2, 1, 1, 3, 0)
    for arm in IMAGES:
        if arm.name in ("none", "la-tuned", "ldam-drw"):
            model = arm.make(fold, protocol).fit(X, y)
            network = (model._model if isinstance(model, TunedLossClassifier) else model).ensemble_.pattern_
            assert isinstance(network, SmallCNN)
            assert isinstance(network[-1], CosineLinear) == (arm.name == "ldam-drw")
            np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, atol=1e-6)


def test_a_tuned_loss_trains_the_network_it_is_given():
    pixels, codes, _ = clothes()
    X, y = (pixels[:300] / 16).astype(np.float32), codes[:300]
    same = {"network": SmallCNN, "max_steps": 10, "random_state": 2}
    tuned = TunedLossClassifier(taus=(0.0,), gammas=(0.0,), **same).fit(X, y)
    plain = NeuralClassifier(standardize=False, **same).fit(X, y)
    np.testing.assert_allclose(tuned.predict_proba(X), plain.predict_proba(X), atol=1e-4)
