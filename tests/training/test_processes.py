"""Jobs in real processes that raise, run out of memory or are killed."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from equipoise.training.processes import side_by_side

# Functions for the workers are made within tests: those of a test module cannot be imported there.


def outcomes(function, jobs, n_jobs=2):
    """By number, each job once."""
    pairs = list(side_by_side(function, jobs, n_jobs))
    assert sorted(number for number, _ in pairs) == list(range(len(jobs)))
    return [outcome for _, outcome in sorted(pairs, key=lambda pair: pair[0])]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_job_that_raises_is_an_outcome_and_says_where(n_jobs):
    def tenth(number):
        return 10 // number

    first, *others = outcomes(tenth, [(0,), (1,), (2,), (5,)], n_jobs)
    assert isinstance(first, ZeroDivisionError) and "return 10 // number" in first.__notes__[0]
    assert others == [10, 5, 2]
    assert outcomes(tenth, [], n_jobs) == []


def test_what_a_killed_process_had_in_hand_is_computed_again(tmp_path):
    def killed_once(number):
        mark = tmp_path / f"{number}.mark"
        if number == 2 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return number, os.getpid()

    found = outcomes(killed_once, [(number,) for number in range(8)])
    assert [number for number, _ in found] == list(range(8))
    assert os.getpid() not in {process for _, process in found}


def test_a_job_that_kills_its_process_each_time_fails_alone(tmp_path):
    def deadly(number):
        with (tmp_path / f"{number}.runs").open("a") as runs:
            runs.write("x")
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    found = outcomes(deadly, [(number,) for number in range(8)])
    for number, outcome in enumerate(found):
        if number == 1:
            assert isinstance(outcome, ChildProcessError) and "more memory than there is" in str(outcome)
        else:
            assert outcome == number
    assert all(len((tmp_path / f"{number}.runs").read_text()) <= 3 for number in range(8))  # two pools, then alone


def test_a_worker_that_meets_its_memory_limit_reports_it(tmp_path):
    def greedy(megabytes):
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (200 << 20), hard))
        try:
            return np.ones(megabytes << 20, np.uint8).nbytes
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    small, large, after = outcomes(greedy, [(10,), (1000,), (20,)])
    assert (small, after) == (10 << 20, 20 << 20)
    assert isinstance(large, MemoryError)


def test_workers_end_with_a_driver_that_was_killed(tmp_path):
    script = "import os, sys, time\n" \
             "from equipoise.training.processes import side_by_side\n" \
             "def busy(folder):\n" \
             "    open(f'{folder}/{os.getpid()}', 'w').close()\n" \
             "    time.sleep(600)\n" \
             "list(side_by_side(busy, [(sys.argv[1],)] * 2, 2))"  # fmt: skip
    driver = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    while len(workers := list(tmp_path.iterdir())) < 2:
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    while any(Path("/proc", worker.name).exists() for worker in workers):
        time.sleep(0.05)
