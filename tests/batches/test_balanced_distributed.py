"""BalancedBatchSampler under torch.distributed: two processes that talk by gloo.

Run as a program, this file is one of the processes.
"""

import json
import socket
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, TensorDataset

from equipoise import BalancedBatchSampler

Y = np.array(["common"] * 93 + ["rare"] * 8)
EPOCHS = [0, 1, 0]
BATCH_SIZE, N_RANKS = 6, 2
SECONDS = 120  # a generous end to a hung run, not a measurement


def sampler(**of_process):
    return BalancedBatchSampler(Y, BATCH_SIZE, generator=torch.Generator().manual_seed(3), **of_process)


def served(batches):
    """The rows of each epoch's batches, as a data loader gives them."""
    rows = TensorDataset(torch.arange(len(Y)), torch.from_numpy(Y == "rare"))
    loader = DataLoader(rows, batch_sampler=batches)
    epochs = []
    for epoch in EPOCHS:
        batches.set_epoch(epoch)
        epochs.append([(row.tolist(), int(is_rare.sum())) for row, is_rare in loader])
    return epochs


def serve(rank, folder):
    """Take part as one process: write down what every process was served."""
    torch.manual_seed(rank)  # the global streams differ, as they do in real runs
    dist.init_process_group(
        "gloo", f"file://{folder}/rendezvous", rank=rank, world_size=N_RANKS, timeout=timedelta(seconds=SECONDS)
    )
    of_all = [None] * N_RANKS
    dist.all_gather_object(of_all, served(sampler()))
    Path(folder, f"{rank}.json").write_text(json.dumps(of_all))
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def seen(program, tmp_path_factory):
    """What either process saw: of each rank, of each epoch, its batches."""
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    folder = tmp_path_factory.mktemp("gloo")
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    environment = {"GLOO_SOCKET_IFNAME": loopback} if loopback else {}
    code = Path(__file__).read_text("utf-8")
    processes = [program(code, rank, folder, **environment) for rank in range(N_RANKS)]
    for process in processes:
        assert process.wait() == 0, process.errors
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(N_RANKS)]


def test_all_processes_tell_the_same(seen):
    assert seen[0] == seen[1]


def test_the_processes_divide_the_plan_of_a_single_one(seen):
    whole = served(sampler(rank=0, num_replicas=1))
    for epoch, batches in enumerate(whole):
        shares = [of_rank[epoch] for of_rank in seen[0]]
        assert len(shares[0]) == len(shares[1]) == -(-len(Y) // (N_RANKS * BATCH_SIZE))
        alternating = [batch for both in zip(*shares, strict=True) for batch in both]
        # A single process makes no round for the sake of others, so its plan may be shorter, never different.
        assert [list(batch) for batch in batches] == [list(batch) for batch in alternating][: len(batches)]
        assert len(alternating) - len(batches) < N_RANKS
        assert all(len(rows) == BATCH_SIZE and n_rare == BATCH_SIZE // 2 for rows, n_rare in alternating)


def test_epochs_differ_and_come_again(seen):
    for zero, one, again in seen[0]:
        assert zero == again != one


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
