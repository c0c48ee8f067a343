"""What the ReMix paper and its authors' code ran: sets, ratios, widths and settings, and the rows as built."""

import pytest

from equipoise.batches import BalancedBatchSampler, BatchSMOTE, MixUp, ReMix
from equipoise.training import Settings
from equipoise_reproductions.remix.protocol import (
    BASELINE,
    CONTROL,
    COST,
    FULL,
    LONGER,
    MIXUP,
    NETWORKS,
    PAPER,
    QUICK,
    REMIX,
    REMIX_DATASET,
    SMOTE,
    SOURCES,
    Effort,
    Problem,
    hidden_width,
    problems,
    remix_at,
    settings,
)
from equipoise_reproductions.remix.runs import Rows

BINARY = {source.title: source for source in SOURCES if not source.multiclass}
MULTI = {source.title: source for source in SOURCES if source.multiclass}
CELLS = {problem.name: problem for problem in problems()}


@pytest.mark.parametrize(
    ("source", "n_features", "width"),
    [
        (BINARY["Musk"], 166, 112),
        (BINARY["Segment"], 19, 14),
        (BINARY["Statlog (Landsat)"], 36, 25),
        (BINARY["Seizure"], 178, 120),
        (BINARY["coil2000"], 85, 58),
        (BINARY["Ozone"], 72, 49),
        (BINARY["APS"], 170, 114),
        (MULTI["Optical digits"], 64, 197),
        (MULTI["Landsat"], 36, 117),
        (MULTI["Seizure"], 178, 490),
    ],
)
def test_hidden_layers_are_as_wide_as_the_authors_(source, n_features, width):
    assert hidden_width(source, n_features) == width


def test_there_are_eighteen_cells_of_two_classes_and_nine_of_more():
    """The paper's columns of Table 2 add up to 18 x 15 and 9 x 15 ranks."""
    cells = list(problems())
    assert [sum(cell.source.multiclass is kind for cell in cells) for kind in (False, True)] == [18, 9]
    assert len({cell.name for cell in cells}) == 27
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.") for name in CELLS)  # fit for a file


def test_ratios():
    assert {title: set(source.ratios) for title, source in BINARY.items()} == {
        **{title: {0.05, 0.025, 0.01} for title in BINARY},
        "Ozone": {0.025, 0.01},
        "APS": {0.01},
    }
    assert {source.ratios for source in MULTI.values()} == {(0.25, 0.1, 0.05)}


SEGMENT = {"rest": 1980}
LANDSAT = {"rest": 4902}
SEIZURE = {"rest": 9200}
COIL, MUSK, OZONE = {"0": 9236}, {"0": 5581}, {"0": 2463}
DIGITS = {"0": 554, "4": 568, "5": 558, "6": 558, "7": 566, "8": 554, "9": 562}
LANDS = {"1": 1533, "5": 707, "7": 1508}
SEIZURES = {"3": 2300, "4": 2300, "5": 2300}


def alike(labels, n):
    return dict.fromkeys(labels, n)


@pytest.mark.parametrize(
    ("name", "n_features", "counts"),
    [
        *((f"musk2-binary-{r}", 166, MUSK | {"1": n}) for r, n in ((0.01, 55), (0.025, 139), (0.05, 279))),
        *((f"segment-binary-{r}", 19, SEGMENT | {"brickface": n}) for r, n in ((0.01, 19), (0.025, 49), (0.05, 99))),
        *((f"satimage-binary-{r}", 36, LANDSAT | {"1": n}) for r, n in ((0.01, 49), (0.025, 122), (0.05, 245))),
        *((f"seizure-binary-{r}", 178, SEIZURE | {"1": n}) for r, n in ((0.01, 92), (0.025, 230), (0.05, 460))),
        *((f"coil2000-binary-{r}", 85, COIL | {"1": n}) for r, n in ((0.01, 92), (0.025, 230), (0.05, 461))),
        *((f"ozone-binary-{r}", 72, OZONE | {"1": n}) for r, n in ((0.01, 24), (0.025, 61))),
        *((f"optdigits-multi-{r}", 64, DIGITS | alike("123", n)) for r, n in ((0.25, 143), (0.1, 57), (0.05, 28))),
        *((f"satimage-multi-{r}", 36, LANDS | alike("234", n)) for r, n in ((0.25, 383), (0.1, 153), (0.05, 76))),
        *((f"seizure-multi-{r}", 178, SEIZURES | alike("12", n)) for r, n in ((0.25, 575), (0.1, 230), (0.05, 115))),
    ],
)
def test_rows_as_built(data_home, name, n_features, counts):
    problem = CELLS[name]
    if not (data_home / "tables" / f"{problem.source.dataset.removesuffix('_multiclass')}.parquet").is_file():
        pytest.skip(f"{problem.source.dataset} is not in the data home")
    rows = Rows(problem)
    assert rows.counts() == counts
    assert rows.X.shape == (sum(counts.values()), n_features)
    assert rows.n_before >= len(rows.y)


def test_settings_are_the_paper_s():
    problem = CELLS["musk2-binary-0.01"]
    assert settings(problem, 166, 1972, BASELINE, FULL) == Settings(
        network=(112, 112, 112),
        loss="cross_entropy",
        batch_transform=None,
        batch_sampler=None,
        batch_size=64,
        max_steps=500 * 30,
        epoch_steps=30,
        learning_rate=1e-3,
        weight_decay=0.0,
        optimizer="adam",
        eps=1e-7,
        schedule="plateau",
        initialization="glorot_uniform",
        dropout=(0.1, 0.1, 0.0),
        early_stopping=None,
        gradient_tolerance=None,
        device="cpu",
        dtype="float32",
    )
    assert settings(CELLS["coil2000-binary-0.01"], 85, 3264, BASELINE, FULL).batch_size == 32


@pytest.mark.parametrize(("n_rows", "steps"), [(64, 1), (127, 1), (128, 2), (40, 1)])
def test_an_epoch_has_as_many_steps_as_whole_batches(n_rows, steps):
    found = settings(CELLS["segment-binary-0.05"], 19, n_rows, REMIX, Effort(epochs=7))
    assert (found.epoch_steps, found.max_steps, found.batch_size) == (steps, 7 * steps, min(64, n_rows))


@pytest.mark.parametrize(
    ("method", "transform", "parameters"),
    [
        (BASELINE, type(None), {}),
        (COST, type(None), {}),
        (SMOTE, BatchSMOTE, {}),
        (MIXUP, MixUp, {"alpha": 0.1}),
        (REMIX, ReMix, {"alpha": 0.1, "variant": "authors"}),
        (remix_at(0.3), ReMix, {"alpha": 0.3, "variant": "authors"}),
        (REMIX_DATASET, MixUp, {"alpha": 0.1}),
    ],
)
def test_methods(method, transform, parameters):
    found = settings(CELLS["segment-binary-0.05"], 19, 700, method, FULL)
    assert type(found.batch_transform) is transform
    assert {name: getattr(found.batch_transform, name) for name in parameters} == parameters
    assert found.batch_sampler is (BalancedBatchSampler if method is REMIX_DATASET else None)
    assert method.weighted == (method is COST)


def test_names_are_distinct_and_only_the_control_has_other_seeds():
    methods = [*NETWORKS, *LONGER, *(remix_at(alpha) for alpha in (0.01, 0.3))]
    assert len({method.name for method in methods}) == len(methods)
    assert [method for method in methods if method.seed] == [CONTROL]
    assert [method.name for method in PAPER] == ["baseline", "cost", "batch-smote", "mixup", "remix"]


def test_effort():
    dear, cheap = CELLS["seizure-multi-0.1"], CELLS["segment-binary-0.05"]
    assert [FULL.repeats_of(p) for p in (dear, cheap)] == [2, 10]
    assert [QUICK.repeats_of(p) for p in (dear, cheap)] == [1, 1]
    longer = next(method for method in LONGER if method.name.startswith("remix"))
    assert [FULL.epochs_of(p, REMIX) for p in (dear, cheap)] == [dear.source.epochs, 500]
    assert [FULL.epochs_of(p, longer) for p in (dear, cheap)] == [500, 500]
    assert [QUICK.epochs_of(p, method) for p in (dear, cheap) for method in (REMIX, longer)] == [50] * 4


def test_a_problem_is_named_by_set_kind_and_ratio():
    assert Problem(MULTI["Landsat"], 0.05).name == "satimage-multi-0.05"
    assert Problem(BINARY["Statlog (Landsat)"], 0.05).name == "satimage-binary-0.05"
