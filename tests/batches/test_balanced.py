import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader, TensorDataset

from equipoise import BalancedBatchSampler, MixUp, NeuralClassifier, RootBatchSampler, load, recipes, save
from equipoise.training import Settings, Table, Task, fit

Y = np.array(["common"] * 95 + ["rare"] * 5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 99))
def test_every_batch_holds_the_classes_equally_often(counts, batch_size, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    sampler = BalancedBatchSampler(y, batch_size, generator=seeded(seed))
    batches = list(sampler)
    assert len(batches) == len(sampler) == -(-len(y) // batch_size)
    for batch in batches:
        drawn = np.bincount(y[batch], minlength=len(counts))
        assert drawn.sum() == batch_size and drawn.max() - drawn.min() <= 1


def test_what_is_left_over_goes_to_random_classes_and_rows_are_drawn_evenly():
    y = np.repeat([0, 1, 2], [2000, 300, 700])
    plan = BalancedBatchSampler(y, 4, generator=seeded()).plan().numpy()
    twice = [(np.bincount(y[batch], minlength=3) == 2).argmax() for batch in plan]
    shares = np.bincount(twice) / len(plan)
    assert abs(shares - 1 / 3).max() < 4 * np.sqrt(2 / 9 / len(plan))
    draws = np.bincount(plan.ravel(), minlength=3000)[y == 1]  # about 1000 draws of 300 rows
    mean = draws.sum() / 300
    assert abs(draws.var() - mean * (1 - 1 / 300)) < 5 * mean * np.sqrt(2 / 300)


def test_ranks_share_one_plan_and_take_different_batches_of_it():
    whole = BalancedBatchSampler(Y, 10, generator=seeded(), rank=0, num_replicas=1).plan()
    parts = [BalancedBatchSampler(Y, 5, generator=seeded(), rank=r, num_replicas=2) for r in (0, 1)]
    assert [len(part) for part in parts] == [10, 10] and len(whole) == 10
    first, second = (part.plan() for part in parts)
    assert not torch.equal(first, second)
    both = BalancedBatchSampler(Y, 5, generator=seeded(), rank=0, num_replicas=1).plan()
    torch.testing.assert_close(torch.stack([first, second], dim=1).flatten(0, 1), both)


def test_epochs_differ_and_repeat():
    sampler, twin = (BalancedBatchSampler(Y, 10, generator=seeded()) for _ in range(2))
    zero, one = list(sampler), list(sampler)
    assert zero != one and [zero, one] == [list(twin), list(twin)]
    sampler.set_epoch(1)
    assert torch.equal(sampler.plan(), torch.tensor(one)) and list(sampler) == one
    sampler.set_epoch(0)
    assert list(sampler) == zero
    assert list(BalancedBatchSampler(Y, 10, generator=seeded(1))) != zero


def test_roots_of_the_counts_and_even_rows():
    y = np.repeat([3, 1, 2], [1600, 100, 400])
    sampler = RootBatchSampler(y, 50, generator=seeded())
    plan = torch.cat([sampler.plan(), torch.tensor(list(sampler)), sampler.plan()])
    assert torch.equal(plan[:42], plan[42:84]) and not torch.equal(plan[:42], plan[84:])
    drawn = y[torch.cat([plan[:42], plan[84:]]).ravel()]
    shares = np.array([np.mean(drawn == label) for label in (3, 1, 2)])
    expected = np.array([40, 10, 20]) / 70
    assert (abs(shares - expected) < 4 * np.sqrt(expected / len(drawn))).all()
    rows = np.bincount(plan.ravel().numpy(), minlength=2100)
    assert rows[y == 1].min() > 0 and rows[y == 2].max() < 25


def test_it_serves_a_data_loader():
    codes = torch.from_numpy((Y == "rare").astype(int))
    sampler = BalancedBatchSampler(Y, 10, generator=seeded())
    batches = list(DataLoader(TensorDataset(torch.arange(100), codes), batch_sampler=sampler))
    assert len(batches) == 10
    assert all(len(rows) == 10 and labels.sum() == 5 for rows, labels in batches)


def test_epochs_of_a_loader_reach_every_row():
    sampler = BalancedBatchSampler([0] * 90 + [1] * 10, 20, generator=seeded())
    loader = DataLoader(torch.arange(100), batch_sampler=sampler)
    seen = {row for _ in range(30) for batch in loader for row in batch.tolist()}
    assert len(seen) > 95 and sampler.epoch == 30


def test_thousands_of_classes_are_drawn_a_few_batches_at_a_time():
    """Memory of the first batch, and of any: no more than a few megabytes, where a plan at once took 1.3 GB."""
    y = np.concatenate([np.arange(8142), np.random.default_rng(0).integers(0, 8142, 100_000)])
    sampler = BalancedBatchSampler(y, 64, generator=seeded())
    parts = sampler._parts(0)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as measured:
        batches = next(parts)
    assert sum(max(0, event.self_cpu_memory_usage) for event in measured.events()) < 50e6
    assert all(len(set(y[batch])) == 64 for batch in batches)


@pytest.mark.parametrize("num_replicas", [1, 3])
def test_parts_of_a_plan_join(num_replicas, monkeypatch):
    def plans():
        samplers = [
            BalancedBatchSampler(Y, 3, generator=seeded(), rank=r, num_replicas=num_replicas)
            for r in range(num_replicas)
        ]
        return [sampler.plan() for sampler in samplers]

    whole = plans()
    monkeypatch.setattr("equipoise.batches.balanced._DRAWN", 12)
    assert all(map(torch.equal, whole, plans()))


CONTAINERS = {
    "list": list,
    "array": np.asarray,
    "objects": lambda y: np.asarray(y, dtype=object),
    "series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "categories": lambda y: pd.Series(y, dtype="category"),
    "polars": lambda y: pl.Series("y", list(y)),
}
NUMBERS = {
    **{
        str(kind): (lambda y, kind=kind: torch.tensor(y, dtype=kind))
        for kind in (
            torch.bool,
            torch.int8,
            torch.uint8,
            torch.int64,
            torch.uint16,
            torch.float16,
            torch.bfloat16,
            torch.float64,
        )
    },
    **{kind: (lambda y, kind=kind: np.asarray(y, dtype=kind)) for kind in ("?", "i1", "u1", ">i4", "f2", ">f8")},
    "nullable": lambda y: pd.Series(y, dtype="Int64"),
    **CONTAINERS,
}


@pytest.mark.parametrize("held", CONTAINERS.values(), ids=CONTAINERS)
def test_labels_come_in_any_container(held):
    plan = BalancedBatchSampler(Y, 10, generator=seeded()).plan()
    assert torch.equal(BalancedBatchSampler(held(Y.tolist()), 10, generator=seeded()).plan(), plan)


@pytest.mark.parametrize("held", NUMBERS.values(), ids=NUMBERS)
def test_numbers_come_in_any_container(held):
    codes = [0] * 95 + [1] * 5
    plan = BalancedBatchSampler(codes, 10, generator=seeded()).plan()
    assert torch.equal(BalancedBatchSampler(held(codes), 10, generator=seeded()).plan(), plan)


@pytest.mark.parametrize(
    "y",
    [np.eye(2)[[0, 1, 0]], [[0], [1]], pd.DataFrame({"y": [0, 1]}), torch.zeros(3, 1), 3],
    ids=["one-hot", "column", "frame", "tensor", "number"],
)
def test_labels_that_are_not_one_a_row_are_refused(y):
    with pytest.raises(ValueError, match=r"one class a row, of shape \(n,\), but its shape is"):
        BalancedBatchSampler(y, 2)


@pytest.mark.parametrize(
    "y",
    [
        [0.0, float("nan")],
        ["a", None],
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
        np.array(["2020", "NaT"], dtype="datetime64[D]"),
        ["a", 1],
    ],
    ids=["nan", "none", "string", "nullable", "dates", "two kinds"],
)
def test_labels_with_gaps_are_refused(y):
    with pytest.raises(ValueError, match="one type, none missing"):
        BalancedBatchSampler(np.array(y, dtype=object) if isinstance(y, list) else y, 2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"y": []}, "there are 0 rows"),
        ({"num_replicas": 0}, "num_replicas=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 4.0}, "batch_size=4.0"),
        ({"rank": 2, "num_replicas": 2}, "rank=2 and num_replicas=2"),
    ],
)
def test_bad_arguments_are_quoted(arguments, named):
    with pytest.raises(ValueError, match=named):
        BalancedBatchSampler(**{"y": Y, "batch_size": 4, **arguments})


def test_batches_smaller_than_the_number_of_classes_are_told():
    with pytest.warns(UserWarning, match=r"A batch of 2 rows cannot hold all 3 classes.*a batch of 3 rows or more"):
        BalancedBatchSampler([0, 1, 2], 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BalancedBatchSampler([0, 1, 2], 3)
        RootBatchSampler([0, 1, 2], 2)


@pytest.mark.parametrize("epoch", [-1, 1.0, None])
def test_epochs_are_numbered_from_zero(epoch):
    with pytest.raises(ValueError, match=f"epoch={epoch}"):
        BalancedBatchSampler(Y, 4).set_epoch(epoch)


def table(n_rare, seed):
    rng = np.random.default_rng(seed)
    y = np.repeat([0, 1], [60, n_rare])
    return Table(rng.normal(size=(len(y), 3)) + y[:, None], y, 2)


@pytest.mark.parametrize("transform", [None, MixUp(alpha=0.3)])
def test_a_replica_drawing_balanced_batches_does_not_feel_its_neighbours(transform):
    settings = Settings(
        (8,),
        batch_transform=transform,
        batch_sampler=BalancedBatchSampler,
        batch_size=12,
        max_steps=40,
        epoch_steps=10,
        dtype="float64",
    )
    tasks = [Task(table(n_rare, n_rare), seed=n_rare, settings=settings) for n_rare in (3, 9, 30)]
    for task, network in zip(tasks, fit(tasks), strict=True):
        (alone,) = fit([task])
        for name, value in network.weights.items():
            np.testing.assert_allclose(value, alone.weights[name], rtol=1e-6, atol=1e-9)


def test_the_classifier_trains_on_balanced_batches():
    rows = table(6, 0)
    quick = {"hidden_layer_sizes": (16,), "max_steps": 200, "random_state": 0}
    balanced = NeuralClassifier(batch_sampler=BalancedBatchSampler, **quick).fit(rows.X, rows.y)
    plain = NeuralClassifier(**quick).fit(rows.X, rows.y)
    expected = balanced.predict_proba(rows.X)[:, 1].mean(), plain.predict_proba(rows.X)[:, 1].mean()
    assert expected[1] == pytest.approx(6 / 66, abs=0.03)
    assert expected[0] > expected[1]


def test_a_model_trained_on_balanced_batches_is_saved(tmp_path):
    rows = table(6, 0)
    model = recipes.make("mixup", batch_sampler=BalancedBatchSampler, max_steps=20, random_state=0).fit(rows.X, rows.y)
    save(model, tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(rows.X), model.predict_proba(rows.X))


class Uneven(list):
    def __init__(self, labels, batch_size, *, generator):
        super().__init__([[0] * batch_size, [0]])


@pytest.mark.parametrize(("sampler", "said"), [(Uneven, "but gave 1"), (lambda *_, generator: [], "its length is 0")])
def test_samplers_that_cannot_be_trained_on_are_refused(sampler, said):
    with pytest.raises(ValueError, match=said):
        NeuralClassifier(batch_sampler=sampler, max_steps=20).fit(table(6, 0).X, table(6, 0).y)
