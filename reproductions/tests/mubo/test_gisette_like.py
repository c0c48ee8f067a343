"""The stand-in for Gisette: as large as the paper's, half of it noise, the same each time."""

import gzip
import struct

import numpy as np
import pytest

from equipoise.datasets import data_home
from equipoise_reproductions.mubo.gisette_like import gisette_like

MNIST = data_home() / "images" / "mnist"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Files in MNIST's format: a bright bar, upright for 9 and level for 4, on a grey ground of noise."""
    rng = np.random.default_rng(0)
    digits = rng.permutation(np.repeat([4, 9, 1], [300, 2500, 50])).astype(np.uint8)
    images = rng.integers(0, 120, size=(len(digits), 28, 28)).astype(np.uint8) * (rng.random((28, 28)) < 0.8)
    images[digits == 9, 4:22, 12:15] = 250
    images[digits == 4, 11:14, 4:22] = 250
    folder = tmp_path_factory.mktemp("home") / "images" / "mnist"
    folder.mkdir(parents=True)
    header = struct.pack(">IIII", 2051, len(digits), 28, 28)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images.astype(np.uint8).tobytes(), 1))
    header = struct.pack(">II", 2049, len(digits))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + digits.tobytes()))
    return folder.parent.parent


@pytest.fixture(scope="module")
def data(home):
    return gisette_like(data_home=home)


def correlations(data):
    X = data.X.to_numpy(dtype=float)
    y = (data.y == "4").to_numpy(dtype=float)
    X, y = X - X.mean(axis=0), y - y.mean()
    return np.abs(X.T @ y) / (np.sqrt((X**2).sum(axis=0) * (y**2).sum()) + 1e-12)


def test_it_has_the_size_and_shares_that_the_paper_prints(data):
    assert data.X.shape == (2750, 5000)
    assert data.y.value_counts().to_dict() == {"9": 2475, "4": 275} and data.rare == "4"
    assert data.X.to_numpy().min() >= 0 and data.X.to_numpy().max() <= 999
    assert data.X.columns.is_unique


def test_probes_are_half_of_the_columns_and_say_nothing(data):
    probes = data.X.columns.str.startswith("probe")
    assert probes.sum() == 2500
    strength = correlations(data)
    assert (strength[probes] > 0.1).mean() < 0.001 < 0.2 < (strength[~probes] > 0.1).mean()
    assert 1000 < np.flatnonzero(probes).mean() < 4000 and np.diff(probes).mean() > 0.3  # in random order


def test_probes_are_distributed_as_products_are(data):
    """A permuted column keeps its values, so probes look like real features one by one."""
    probes = data.X.columns.str.startswith("probe")
    filled = (data.X > 0).mean()
    assert (filled[probes] >= 0.01 - 1e-9).all()
    assert abs(filled[probes].median() - filled[~probes].median()) < 0.2


def test_the_same_seed_gives_the_same_table(home, data):
    again = gisette_like(data_home=home)
    assert again.X.equals(data.X) and again.y.equals(data.y)
    other = gisette_like(data_home=home, random_state=1)
    assert not other.X[data.X.columns].equals(data.X)


def test_without_mnist_it_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte.gz and .*put its files into images/mnist"):
        gisette_like(data_home=tmp_path)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not in the data home")
def test_real_digits():
    data = gisette_like()
    assert data.X.shape == (2750, 5000)
    strength = correlations(data)
    probes = data.X.columns.str.startswith("probe")
    assert strength[probes].max() < 0.15 < 0.4 < strength[~probes].max()
