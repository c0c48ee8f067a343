"""The arms on CIFAR-10-LT, on digits in its place: what is cut, chosen and trained, and the page."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits

from equipoise.cli import main
from equipoise.networks import CosineLinear, FastCNN
from equipoise_reproductions.augmentation import fast, longtail
from equipoise_reproductions.augmentation.fast import FastTraining, fast_network
from equipoise_reproductions.augmentation.longtail import ARMS, LA, OURS
from equipoise_reproductions.augmentation.training import plain, recalls
from equipoise_reproductions.image_sets import Images


@pytest.fixture
def coloured(monkeypatch):
    """Digits with three equal channels, every third for tests, the largest class six times the rarest."""
    digits = load_digits()
    pixels = np.repeat(digits.images[:, None], 3, axis=1).astype(np.uint8) * 15
    read = Images(pixels, digits.target.astype(np.int64), np.arange(len(pixels)) % 3 == 0)
    monkeypatch.setattr(longtail, "whole", lambda name: read)
    monkeypatch.setattr(longtail, "FACTOR", 6)
    return read


def test_the_tail_is_in_the_order_of_its_sizes_and_the_test_side_is_whole(coloured):
    (x, y), (x_test, y_test) = longtail.sides(0)
    counts = torch.bincount(y)
    assert (counts.diff() <= 0).all() and counts[0] / counts[-1] == pytest.approx(6, rel=0.1)
    assert len(y_test) == coloured[2].sum() and x.shape[1:] == x_test.shape[1:] == (3, 8, 8)
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0)
    assert not torch.equal(longtail.sides(1)[1][1], y_test)  # another class is rare


@pytest.fixture
def training(coloured):
    return lambda: FastTraining(longtail.sides(0)[0], 12, 0, partial(fast_network, (3, 8, 8)))


def test_a_tuned_strength_is_the_one_that_held_out_rows_prefer(training):
    ours = training()
    ARMS["cdt-tuned"].policy(ours)
    assert ours.passes == 2 * 12 and not ours.loss.offset.any()
    shares = (ours.counts / ours.counts.max()).numpy()
    assert any(np.allclose(ours.loss.delta, shares**gamma, atol=1e-6) for gamma in longtail.GAMMAS)

    rare_counts_for_all = training()
    longtail.tuned(taus=(30.0, 1.0))(rare_counts_for_all)  # the first one sees the rarest class only
    expected = torch.log(ours.counts / ours.counts.sum())
    torch.testing.assert_close(rare_counts_for_all.loss.offset, expected, atol=1e-5, rtol=0)


def test_what_each_arm_trains_with(training):
    plain_ce, la, ldam = training(), training(), training()
    for name, ours in (("none", plain_ce), ("la", la), ("ldam-drw", ldam)):
        assert ARMS[name].policy(ours) is plain and ours.passes == 0
    assert isinstance(plain_ce.loss, torch.nn.CrossEntropyLoss)
    assert isinstance(ldam.model.head, CosineLinear) and not isinstance(la.model.head, CosineLinear)
    logits, y = torch.randn(5, 10), torch.arange(5)
    by_hand = torch.nn.functional.cross_entropy(logits + torch.log(la.counts / la.counts.sum()), y)
    torch.testing.assert_close(la.loss(logits, y), by_hand)
    ldam.run(plain)
    assert ldam.loss.loss.w.unique().numel() > 1  # weights in the last part of the run


def test_a_base_comes_before_any_other_change(training):
    ours, seen = training(), []
    ours.n_steps, ours.base = 1, lambda x, y: torch.zeros_like(x)
    ours.run(lambda x, y: x + 1, lambda rows: seen.append(rows[0]))
    assert not seen[0].any()


def test_the_fast_network_whitens_learns_and_returns_averaged_weights(training):
    ours = training()
    ours.n_steps, last = 60, []
    before = ours.model.whitening.clone()
    found = ours.run(plain, lambda rows: last.append(ours.model.head.weight.detach().clone()))
    assert not torch.equal(ours.model.whitening, before) and ours.epoch == -(-len(ours.train[1]) // 256)
    mean = last[0]
    for weight in last[1:]:
        mean = mean + (weight - mean) / 3  # a twentieth of 60 steps
    torch.testing.assert_close(found.head.weight.detach(), mean, atol=1e-5, rtol=1e-4)
    assert np.mean(recalls(found, *longtail.sides(0)[1])) > 0.6


def test_recalls_by_hand():
    model = torch.nn.Identity()
    assert recalls(model, torch.eye(3)[[0, 1, 0, 2]], torch.tensor([0, 0, 0, 2]))[0] == pytest.approx(2 / 3)


def _narrow(name, shape, n_classes):
    head = {"head": partial(CosineLinear, scale=30)} if name.startswith("cosine") else {}
    return FastCNN(shape, n_classes, widths=(4, 4, 4), **head)


def test_the_page_of_a_quick_run(coloured, tmp_path, read, monkeypatch):
    monkeypatch.setattr(fast, "named_network", _narrow)
    main(["reproduce", "autobalance-longtail", "--quick", "--out", str(tmp_path)])
    page = read(tmp_path / "autobalance-longtail.html")
    assert "A quick run" in page.text and "LA with a tuned tau is " in page.text
    assert all(arm.title in page.text for arm in ARMS.values())
    assert all(f"{claim}: " in page.text for claim in ("A1", "A2", "A6"))
    found = pd.read_csv(tmp_path / "longtail-scores.csv")
    assert len(found) == longtail.SEEDS * sum(len(arm.sides) for arm in ARMS.values())
    passes = found.groupby("arm")["passes"].mean()
    assert passes["none"] == 9 and passes[LA] == 5 * 9 and 18 < passes[OURS] < passes["autobalance-class"]

    monkeypatch.setattr(longtail, "_scored", lambda *key, n_steps: pytest.fail(f"{key} is stored"))
    main(["reproduce", "autobalance-longtail", "--quick", "--out", str(tmp_path)])
    assert read(tmp_path / "autobalance-longtail.html").html == page.html


def test_claims_by_hand():
    rows = [
        {"arm": name, "augmented": side, "seed": seed, "seconds": 3.0 if name == OURS else 1.0}
        | {"passes": 300}
        | {f"recall_{k}": (0.8 if name == OURS else 0.7) + 0.01 * seed for k in range(10)}
        for name, arm in ARMS.items()
        for side in arm.sides
        for seed in range(3)
    ]
    found = {claim.name: claim for claim in longtail.claims(pd.DataFrame(rows))}
    assert {name: claim.verdict for name, claim in found.items()} == {
        "A1": "holds",
        "A2": "holds",
        "A6": "does not hold",
    }
    assert found["A1"].statements[0].value.mean == pytest.approx(0.1)
    assert "is beaten without augmentation" in longtail.is_la_beaten(pd.DataFrame(rows))

    without = pd.DataFrame(rows)[lambda frame: frame["arm"] != "cdt-tuned"]
    assert longtail.not_run(without) == ["CDT, gamma tuned, without augmentation"] and not longtail.not_run(
        pd.DataFrame(rows)
    )
    assert len(longtail.claims(without)[0].statements) == len(found["A1"].statements) - 1
    assert ARMS["cdt-tuned"].title not in longtail.table(without, False, 300).index

    given = pd.DataFrame(rows)[lambda frame: ~frame["augmented"] | frame["arm"].isin(["none", "la"])]
    assert "is beaten without augmentation" in longtail.is_la_beaten(given)
    assert "with augmentation" not in longtail.is_la_beaten(given).replace("without", "")
    assert set(longtail.table(given, True, 300).iloc[:, 1]) == {""}
