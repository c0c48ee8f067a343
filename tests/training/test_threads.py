"""Stacks side by side on threads: the networks of stacks one after the other, progress, failures and interruption."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from equipoise import ReMix
from equipoise.losses import LogitAdjustedLoss
from equipoise.training import Settings, Table, Task, fit

STEPS = 60


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def tasks(number=7, **changes):
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(90, 4)), np.arange(90) % 9 // 7, n_classes=2)
    changes = {"network": (8, 6), "batch_size": 16, "max_steps": STEPS, "dtype": "float64", **changes}
    return [Task(table, seed, Settings(**changes)) for seed in range(number)]


@pytest.mark.parametrize(
    "changes",
    [{}, {"dropout": 0.3, "batch_transform": ReMix(alpha=0.3)}, {"loss": LogitAdjustedLoss}, {"head": "cosine"}],
    ids=str,
)
def test_networks_are_those_of_tasks_alone(changes):
    together = fit(tasks(**changes))
    torch.set_num_threads(1)
    alone = [fit([task])[0] for task in tasks(**changes)]
    torch.set_num_threads(3)
    for found, expected in zip(together, alone, strict=True):
        for name, weights in expected.weights.items():
            np.testing.assert_allclose(found.weights[name], weights, rtol=1e-6, atol=1e-9)


class Told(nn.Module):
    """Cross-entropy that notes the thread and torch's threads in it."""

    seen = set()

    def forward(self, logits, target):
        self.seen.add((threading.get_ident(), torch.get_num_threads()))
        return nn.functional.cross_entropy(logits, target, reduction="none")


def test_every_thread_trains_stacks_with_one_thread_of_torch():
    Told.seen.clear()
    fit(tasks(loss=Told(), max_steps=600))
    assert {threads for _, threads in Told.seen} == {1}
    assert threading.get_ident() not in {thread for thread, _ in Told.seen} and len(Told.seen) > 1


@pytest.mark.parametrize("number", [1, 2])
def test_fewer_networks_than_threads_have_all_of_them(number):
    Told.seen.clear()
    fit(tasks(number, loss=Told()))
    assert Told.seen == {(threading.get_ident(), 3)}


def test_progress_rises_to_all_steps_and_stacks_are_told_as_they_end():
    told, stored = [], {}
    networks = fit(tasks(), on_progress=lambda done, total: told.append((done, total)), on_stack=stored.update)
    assert [done for done, _ in told] == sorted(done for done, _ in told) and told[-1] == (7 * STEPS, 7 * STEPS)
    assert [stored[number] for number in range(7)] == networks


class Fails(nn.Module):
    def forward(self, logits, target):
        raise RuntimeError("no room")


def test_a_stack_that_fails_leaves_the_others():
    failed = []
    good, bad = tasks(4), tasks(3, loss=Fails())
    found = fit([*good, *bad], on_failure=lambda numbers, error: failed.append((sorted(numbers), str(error))))
    assert len(found) == 4 and sorted(failed) == [([4], "no room"), ([5], "no room"), ([6], "no room")]
    with pytest.raises(RuntimeError, match="no room"):
        fit([*good, *bad])


def test_an_interruption_ends_all_threads_soon():
    endless = tasks(max_steps=10**8)
    before = threading.active_count()

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(endless, on_progress=interrupt)
    assert threading.active_count() == before


def test_a_time_limit_is_shared():
    networks = fit(tasks(max_steps=10**8), max_time=0.5)
    assert len(networks) == 7 and {network.stopped_by for network in networks} == {"max_time"}
