"""Fixtures of the tests of bilevel."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from torch import distributed


@pytest.fixture
def in_two_processes(tmp_path, monkeypatch):
    """What a function of the rank returns in each of two processes joined by gloo; both stay until both have it."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])  # where a new process finds the module of the function

    def run(function):
        with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as processes:
            both = [processes.submit(_joined, function, rank, tmp_path / "meet") for rank in range(2)]
            return [future.result() for future in both]

    return run


def _joined(function, rank, place):
    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    return function(rank)
