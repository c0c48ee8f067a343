"""What the guide says about generators in a loader's workers, seen in two of them.

Run as a program, this file is the process that has the workers: they are forks of it, and a fork of pytest's process
could wait forever for a lock that one of its threads held.
"""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset, default_collate, get_worker_info

from equipoise import ReMix

# Four batches of the same rows: they come out alike exactly if the draws are alike.
DATA = TensorDataset(torch.arange(16.0).repeat(4), torch.arange(64) % 2)
SECONDS = 120  # a generous end to a hung run, not a measurement

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the collate functions below are not importable")


def epochs(of_transform=None, seed=0, reseeded=False, **options):
    """Batches that two workers form in two epochs, as ``[epoch][worker][batch]``."""
    remix = ReMix(num_classes=2, generator=of_transform)

    def collate(rows):
        return get_worker_info().id, remix(*default_collate(rows))[0].tolist()

    def reseed(worker_id):
        of_transform.manual_seed(torch.initial_seed())

    loader = DataLoader(
        DATA,
        batch_size=16,
        collate_fn=collate,
        worker_init_fn=reseed if reseeded else None,
        num_workers=2,
        multiprocessing_context="fork",
        timeout=SECONDS,
        **options,
    )
    torch.manual_seed(seed)
    runs = [list(loader) for _ in range(2)]
    return [[[x for worker, x in batches if worker == of] for of in (0, 1)] for batches in runs]


def formed():
    return {
        "plain": [epochs(seed=seed) for seed in (0, 0, 1)],
        "reseeded": [epochs(torch.Generator(), seed, reseeded=True) for seed in (0, 0, 1)],
        "the loader's": [epochs(seed=seed, generator=torch.Generator().manual_seed(7)) for seed in (0, 1)],
        "copied": epochs(torch.Generator().manual_seed(0)),
        "copied, persistent": epochs(torch.Generator().manual_seed(0), persistent_workers=True),
    }


@pytest.fixture(scope="module")
def seen(program):
    done = program(Path(__file__).read_text("utf-8"))
    assert done.wait() == 0, done.errors
    return json.loads(done.said)


def differ(draws):
    (a, b), (c, d) = draws
    return a != b and a != c and b != d


@pytest.mark.parametrize("how", ["plain", "reseeded"])
def test_workers_and_epochs_differ_and_repeat_by_the_seed(seen, how):
    first, again, other = seen[how]
    assert differ(first) and first == again != other


def test_the_loaders_generator_governs_them_too(seen):
    first, again = seen["the loader's"]
    assert differ(first) and first == again


def test_a_generator_is_copied_into_every_worker(seen):
    (a, b), (c, d) = seen["copied"]
    assert a == b == c == d
    (a, b), (c, d) = seen["copied, persistent"]
    assert a == b != c == d


if __name__ == "__main__":
    json.dump(formed(), sys.stdout)
