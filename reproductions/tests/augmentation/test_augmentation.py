"""Policies of augmentation on long tails: what each run is scored by, what it costs, and what the page says."""

import numpy as np
import pandas as pd
import pytest
import torch

from equipoise.cli import main
from equipoise_reproductions import image_sets
from equipoise_reproductions.augmentation import study
from equipoise_reproductions.augmentation.policies import POLICIES, Training


@pytest.fixture
def digits_only(monkeypatch):
    """Digits, and a set of images that cannot be had."""

    def halved(name):
        raise FileNotFoundError("no archive")

    monkeypatch.setattr(image_sets, "halved", halved)
    monkeypatch.setattr(study, "SETS", {name: study.SETS[name] for name in ("digits", "infrared")})


def test_the_page_of_a_quick_run(digits_only, tmp_path, read, monkeypatch):
    monkeypatch.setattr(study, "QUICK_STEPS", 12)
    out = tmp_path / "out"
    main(["reproduce", "autobalance-augmentation", "--quick", "--out", str(out)])
    page = read(out / "autobalance-augmentation.html")
    assert "A quick run" in page.text and "Missing: infrared: no archive" in page.text
    assert "On digits, 2 runs, too few for a test: strengths searched by class lower the balanced error by" in page.text
    found = pd.read_csv(out / "recalls.csv")
    assert len(found) == 2 * len(POLICIES)
    passes = found.groupby("policy")["passes"].mean()
    assert passes["none"] == 12 and passes["class"] == passes["one"] > 24 and passes["cuda"] > 12

    monkeypatch.setattr(study, "_scored", lambda *key, quick: pytest.fail(f"{key} is stored"))
    main(["reproduce", "autobalance-augmentation", "--quick", "--out", str(out)])
    assert read(out / "autobalance-augmentation.html").html == page.html


def test_a_set_on_which_a_policy_was_not_run_is_not_judged():
    row = {"set": "digits", "seed": 0, "passes": 10, "recall_0": 0.5}
    whole = pd.DataFrame([row | {"policy": name} for name in POLICIES])
    begun = pd.DataFrame([row | {"set": "infrared", "policy": "none"}, row | {"seed": 1, "policy": "none"}])
    found = study.finished(pd.concat([whole, begun]))
    assert found["set"].tolist() == ["digits"] * len(POLICIES) and not found["seed"].any()


def test_measures_by_hand():
    none = {f"recall_{k}": 0.5 for k in range(10)}
    other = none | {"recall_0": 0.8, "recall_7": 0.2, "recall_9": 0.3}
    key = {"set": "digits", "seed": 0, "passes": 10}
    found = study.measures(pd.DataFrame([key | {"policy": "none"} | none, key | {"policy": "class"} | other]))
    found = found.set_index("policy")
    assert found.loc["none", "error"] == pytest.approx(0.5) and found.loc["none", "sacrificed"] == 0
    assert found.loc["class", "error"] == pytest.approx(1 - (0.5 * 7 + 1.3) / 10)
    assert found.loc["class", ["many", "medium", "few"]].tolist() == pytest.approx([0.6, 0.5, 1.0 / 3])
    assert found.loc["class", "sacrificed"] == pytest.approx(0.2)


def test_sets_of_more_and_of_fewer_classes_are_measured_by_their_own():
    few = {"set": "a", "seed": 0, "policy": "none", "passes": 1} | {f"recall_{k}": 0.5 for k in range(10)}
    many = {"set": "b", "seed": 0, "policy": "none", "passes": 1} | {f"recall_{k}": k / 11 for k in range(12)}
    found = study.measures(pd.DataFrame([few, many])).set_index("set")
    assert found["error"].tolist() == pytest.approx([0.5, 0.5])
    assert found.loc["b", ["many", "few"]].tolist() == pytest.approx([1.5 / 11, 9.5 / 11])


def test_classes_are_in_the_order_of_their_sizes_and_test_rows_are_others():
    training, (x, y) = study.SETS["digits"].training(0, 10)
    counts = training.counts
    assert (counts.diff() <= 0).all() and counts[0] / counts[-1] > 20
    assert torch.bincount(y).min() > 60
    rows = {row.numpy().tobytes() for row in training.train[0]}
    assert not rows & {row.numpy().tobytes() for row in x}


def test_a_search_sees_no_held_out_row_in_training_and_every_policy_keeps_the_shape(monkeypatch):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((80, 1, 8, 8), dtype=np.float32))
    y = torch.from_numpy(np.r_[np.zeros(60, int), np.ones(20, int)])
    for name, (_, policy) in POLICIES.items():
        training = Training((x, y), n_steps=12, seed=0)
        rows = policy(training)(x[:5], y[:5])
        assert rows.shape == (5, 1, 8, 8), name
        assert (name in ("none", "loss")) == torch.equal(rows, x[:5]) or name == "cuda"
