"""Which tasks train together."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from equipoise import MixUp, ReMix
from equipoise.training import Settings, Table, Task
from equipoise.training.stacks import build_stack, plan_stacks, stack_size


def task(n_features=4, n_classes=2, seed=0, shape=None, **changes):
    X = np.zeros((6, *(shape or (n_features,))))
    return Task(Table(X, np.arange(6) % n_classes, n_classes), seed, Settings(**changes))


def plan(*tasks):
    return sorted(sorted(part) for part in plan_stacks(tasks))


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([16, 32]), st.integers(2, 5)), max_size=300))
def test_every_task_is_in_one_stack(kinds):
    tasks = [task(d, k, batch_size=b) for d, b, k in kinds]
    stacks = plan_stacks(tasks)
    assert sorted(number for part in stacks for number in part) == list(range(len(tasks)))
    for part in stacks:
        assert 0 < len(part) <= 128
        assert len({tasks[n].settings.batch_size for n in part}) == 1
        widths = [tasks[n].table.X.shape[1] for n in part]
        assert max(widths) <= 1.25 * min(widths)


def test_mixing_transforms_share_a_stack():
    transforms = MixUp(alpha=0.1), MixUp(alpha=1.0, per_row=True), ReMix(), ReMix(variant="authors")
    assert plan(*(task(batch_transform=t, seed=s) for s, t in enumerate(transforms))) == [[0, 1, 2, 3]]


def test_untreated_and_mixed_do_not():
    assert plan(task(), task(batch_transform=MixUp(alpha=0.1))) == [[0], [1]]


def plain(x, y):
    return x, y


def other(x, y):
    return x, y


def test_plain_transforms_share_a_stack_only_with_themselves():
    assert plan(task(batch_transform=plain), task(batch_transform=other), task(batch_transform=plain)) == [[0, 2], [1]]


@pytest.mark.parametrize(
    "changes",
    [
        {"network": (9,)},
        {"batch_size": 32},
        {"max_steps": 5},
        {"epoch_steps": 5},
        {"learning_rate": 0.1},
        {"weight_decay": 0.5},
        {"optimizer": "adam"},
        {"schedule": "constant"},
        {"dropout": 0.1},
        {"early_stopping": plain},
        {"patience": 3},
        {"gradient_tolerance": 0.1},
        {"dtype": "float64"},
        {"loss": nn.CrossEntropyLoss()},
        {"network": nn.Linear(4, 2)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_settings_part_tasks(changes):
    assert plan(task(), task(**changes), task(seed=3)) == [[0, 2], [1]]


def test_seeds_features_and_classes_do_not():
    assert plan(task(8), task(9, seed=4), task(10, n_classes=3)) == [[0, 1, 2]]


def test_wide_tables_go_to_a_stack_of_their_own():
    assert plan(task(100), task(10), task(12), task(110), task(13)) == [[0, 3], [1, 2], [4]]


def flat_linear(shape, n_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), n_classes))


def test_modules_share_a_stack_with_tables_of_their_shape():
    shapes = (1, 4, 4), (1, 4, 5), (1, 4, 4)
    assert plan(*(task(shape=shape, network=flat_linear) for shape in shapes)) == [[0, 2], [1]]


def test_large_networks_train_few_at_once(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 10)
    assert stack_size(task(10, network=(8,))) == 128
    assert stack_size(task(5000, network=(2000,))) == 1
    wide = task(5000)  # 5000-256-128-2 in float32: weights, gradients, two moments
    bytes_each = 4 * 4 * (5001 * 256 + 257 * 128 + 129 * 2)
    assert stack_size(wide) == (40 << 20) // bytes_each
    assert stack_size(task(5000, device="cuda")) == (64 << 20) // bytes_each
    assert max(len(part) for part in plan_stacks([wide] * 20)) <= stack_size(wide)


def test_initial_weights_follow_from_the_seed_alone():
    stack = build_stack([task(8, seed=3), task(9, n_classes=4, seed=1), task(8, seed=3)])
    alone = build_stack([task(8, seed=3)])
    for together, one in zip(stack.parameters(), alone.parameters()):
        assert torch.equal(together[0], together[2])
        assert torch.equal(together[0][: one.shape[1], : one.shape[2]], one[0])
    assert not torch.equal(stack.weights[0][0], stack.weights[0][1])


def test_module_weights_follow_from_the_seed_alone():
    pattern = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    stack = build_stack([task(network=pattern, seed=s) for s in (3, 1, 3)])
    weight = getattr(stack, "0/weight")
    assert torch.equal(weight[0], weight[2]) and not torch.equal(weight[0], weight[1])
    assert weight.dtype == torch.float32
