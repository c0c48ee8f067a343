"""Groups on images: which rows train, what each method trains with, and the page."""

import numpy as np
import pandas as pd
import pytest
import torch

from equipoise.cli import main
from equipoise.losses import GroupDROLoss
from equipoise.networks.cnn import SmallCNN
from equipoise_reproductions import image_sets
from equipoise_reproductions.augmentation.training import Training
from equipoise_reproductions.autobalance import grouped
from equipoise_reproductions.image_sets import Images


@pytest.fixture
def without_cifar(monkeypatch):
    def halved(name):
        raise FileNotFoundError("no archive")

    monkeypatch.setattr(image_sets, "halved", halved)


@pytest.fixture
def training():
    train, _ = grouped.sides("digits", 0)
    shape = tuple(train[0].shape[1:])
    return Training(train, 10, 0, lambda n_cells: SmallCNN(shape, n_cells // grouped.N_GROUPS))


def test_backgrounds_agree_in_training_and_tell_nothing_at_test():
    (x, cells), (x_test, cells_test) = grouped.sides("digits", 0)
    assert len(x) + len(x_test) == 1797 and x.min() >= -1 and x.max() <= 1
    for part, share in ((cells, grouped.AGREEMENT), (cells_test, 0.5)):
        y, group = part // grouped.N_GROUPS, part % grouped.N_GROUPS
        assert (y == group).double().mean().item() == pytest.approx(share, abs=0.03)


def test_objects_of_colour_are_animals_or_not_and_test_images_are_others(monkeypatch):
    rng = np.random.default_rng(0)
    pixels, codes = rng.random((400, 3, 8, 8), dtype=np.float32), np.arange(400) % 10
    monkeypatch.setattr(grouped, "halved", lambda name: Images(pixels, codes, np.arange(400) >= 200))
    monkeypatch.setattr(grouped, "N_TRAIN", 150)
    monkeypatch.setattr(grouped, "N_TEST", 100)
    (x, cells), (x_test, cells_test) = grouped.sides("cifar-10", 0)
    assert x.shape == (150, 3, 8, 8) and len(x_test) == len(cells_test) == 100
    assert (cells // grouped.N_GROUPS).double().mean().item() == pytest.approx(0.6, abs=0.1)


def test_weights_count_every_cell_alike(training):
    grouped.METHODS["cells"][1](training)
    logits, cells = torch.zeros(len(training.train[1]), 2), training.train[1]
    alone = [training.loss(logits[cells == cell], cells[cells == cell]) for cell in range(4)]
    totals = torch.stack(alone) * training.counts
    torch.testing.assert_close(totals / totals.sum(), torch.full((4,), 0.25))


def test_group_dro_sees_the_cells(training, monkeypatch):
    made = []
    monkeypatch.setattr(grouped, "GroupDROLoss", lambda *args, **kw: made.append(GroupDROLoss(*args, **kw)) or made[0])
    grouped.METHODS["dro"][1](training)
    logits = torch.tensor([[9.0, -9.0]]).repeat(8, 1)
    training.loss(logits, torch.full((8,), 3))  # class 1 in group 1 is wrong
    assert made[0].weights.argmax() == 3


def test_jtt_repeats_what_a_short_training_gets_wrong(training, monkeypatch):
    cells = training.train[1]
    monkeypatch.setattr(
        grouped, "classes", lambda model, rows: torch.where(torch.arange(len(rows)) < 5, -1, cells // 2)
    )
    grouped.METHODS["jtt"][1](training)
    assert len(training.train[1]) == len(cells) + 5 * (grouped.JTT_TIMES - 1)
    assert torch.equal(training.train[1][len(cells) :].unique(), cells[:5].unique()) and training.passes == 2


def test_the_start_is_no_search(training):
    grouped.METHODS["start"][1](training)
    assert training.passes == 0
    counts = training.counts.view(2, 2).double()
    logits, cells = torch.zeros(4, 2), torch.arange(4)
    prior = torch.log(counts / counts.sum(0))  # of each class within a group
    expected = torch.nn.functional.cross_entropy(prior.T[cells % 2], cells // 2)
    torch.testing.assert_close(training.loss(logits, cells).double(), expected, atol=1e-5, rtol=0)


def test_the_page_of_a_quick_run(without_cifar, tmp_path, read, monkeypatch):
    main(["reproduce", "autobalance-grouped-images", "--quick", "--out", str(tmp_path)])
    page = read(tmp_path / "autobalance-grouped-images.html")
    assert "A quick run" in page.text and "Missing: cifar-10: no archive" in page.text and "A3: " in page.text
    found = pd.read_csv(tmp_path / "grouped-scores.csv")
    assert len(found) == grouped.QUICK_SEEDS * len(grouped.METHODS)
    assert (found["worst"] >= found["balanced"]).all() and (found.query("method == 'blend'")["passes"] > 40).all()

    monkeypatch.setattr(grouped, "_scored", lambda *key, n_steps: pytest.fail(f"{key} is stored"))
    main(["reproduce", "autobalance-grouped-images", "--quick", "--out", str(tmp_path)])
    assert read(tmp_path / "autobalance-grouped-images.html").html == page.html
