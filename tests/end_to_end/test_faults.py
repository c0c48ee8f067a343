"""Comparisons that are killed, stopped or lose a worker, two at once, a full disk and a folder that is read-only."""

import itertools
import os
import resource
import shlex
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing, contextmanager

import numpy as np
import pandas as pd
import psutil
import pytest

from equipoise.experiments import Comparison, Store

SECONDS = 200  # a generous end to a command that hangs


def stored_rows(folder):
    """Every cell with its number in the file, which changes when it is written again; the file must be whole."""
    path = folder / "results.sqlite"
    if not path.exists():
        return {}
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not database.execute("SELECT * FROM sqlite_master WHERE name = 'cells'").fetchone():
            return {}
        return {row[0]: row for row in database.execute("SELECT rowid, * FROM cells")}


def assert_same_results(folder, undisturbed):
    """Row for row but for times; stacks cut elsewhere add up in another order, which rounds otherwise."""
    with Store(folder / "results.sqlite") as mine, Store(undisturbed / "results.sqlite") as other:
        pairs = list(zip(mine.cells(), other.cells(), strict=True))
        folds = list(zip(mine.folds(), other.folds(), strict=True))
        assert Comparison(mine).protocol == Comparison(other).protocol
    for a, b in pairs:
        assert (a.key, a.notes, a.error, a.made) == (b.key, b.notes, b.error, b.made)
        np.testing.assert_array_equal(a.confusion, b.confusion)
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=2e-4)
    for a, b in folds:
        np.testing.assert_equal(vars(a), vars(b))


@pytest.mark.parametrize(("n_kills", "workers"), [(2, 1), pytest.param(50, 2, marks=pytest.mark.long)])
def test_killed_at_random_moments_the_same_command_ends_with_the_same_results(
    report, begun, fraud_csv, quick, tmp_path, n_kills, workers
):
    """Each command is killed at any moment of the time that an undisturbed one takes, until one gets through.

    When that is before the last kill, another comparison begins. How workers end with it is told by the tests of
    processes.
    """
    undisturbed, _, seconds = report
    rng, stored_when_killed = np.random.default_rng(0), []
    for number in itertools.count():
        folder, before = tmp_path / str(number), {}
        while True:
            process = begun("compare", fraud_csv, *quick, "--out", folder, workers=workers)
            if process.wait(rng.uniform(0, seconds) if len(stored_when_killed) < n_kills else SECONDS) is None:
                assert len(stored_when_killed) < n_kills, "The command hangs"
                process.signal(signal.SIGKILL)
                process.wait()
            after = stored_rows(folder)
            assert before.items() <= after.items()  # nothing that was stored is computed or written again
            before = after
            if process.code != -signal.SIGKILL:
                break
            stored_when_killed.append(len(after))
        assert process.code == 0
        assert_same_results(folder, undisturbed)
        if len(stored_when_killed) == n_kills:
            break
    print(f"{n_kills} kills in {number + 1} comparisons; results stored at each: {stored_when_killed}")


def workers_of(process):
    """Process numbers of the workers, which are forks of a server."""
    return [worker.pid for child in psutil.Process(process.pid).children() for worker in child.children()]


def test_a_worker_that_is_killed_costs_nothing_but_time(report, begun, fraud_csv, quick, tmp_path):
    """As the kernel does when memory runs out, among results: their pool goes, and they stay."""
    folder, undisturbed = tmp_path / "report", report[0]
    process = begun("compare", fraud_csv, *quick, "--out", folder, workers=2)
    while not stored_rows(folder) or not (workers := workers_of(process)):
        assert process.code is None, process.errors
        time.sleep(0.02)
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait() == 0, process.errors
    assert "Traceback" not in process.errors and str(folder / "report.html") in process.said.replace("\n", "")
    assert_same_results(folder, undisturbed)


def test_two_comparisons_never_write_to_one_folder(report, begun, here, fraud_csv, quick, tmp_path):
    """The second says who holds it; stopped by Ctrl-C, the first says what is done and how to go on."""
    folder = tmp_path / "report"
    first = begun("compare", fraud_csv, *quick, "--out", folder, workers=2)
    while not stored_rows(folder):
        assert first.code is None, first.errors
        time.sleep(0.05)
    first.signal(signal.SIGSTOP)
    second = here("compare", fraud_csv, *quick, "--out", folder, refused=True)
    assert f"{folder} is being written by process {first.pid}, since" in second
    os.killpg(first.pid, signal.SIGINT)  # a terminal tells the workers, too
    first.signal(signal.SIGCONT)
    assert first.wait() == 130 and "Traceback" not in first.errors + first.said
    *_, summary, command = first.said.splitlines()
    assert summary == f"Stopped: {len(stored_rows(folder))} of 12 results are in {folder}. To go on:"
    name, *arguments = shlex.split(command)
    assert name == "equipoise"
    here(*arguments)
    assert_same_results(folder, report[0])


@contextmanager
def files_of_at_most(n_bytes):
    """A limit on file sizes stands for the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_is_said_and_leaves_nothing_half_written(here, report, frame, tmp_path):
    big, scored = tmp_path / "big.csv", tmp_path / "scored.csv"
    pd.concat([frame] * 40).drop(columns="is_fraud").to_csv(big, index=False)
    with files_of_at_most(100_000):
        assert "File too large" in here("predict", report[0] / "model", big, "--out", scored, refused=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["big.csv"]


def test_a_store_that_cannot_grow_is_said(here, fraud_csv, quick, tmp_path):
    with files_of_at_most(8_192):
        assert "disk" in here("compare", fraud_csv, *quick, "--out", tmp_path / "report", refused=True)


def test_a_disk_that_fills_after_the_results_costs_none_of_them(report, here, fraud_csv, quick, tmp_path):
    """The store has room, the report has not; with more room, the same command writes what is missing."""
    folder = tmp_path / "report"
    folder.mkdir()
    shutil.copy(report[0] / "results.sqlite", folder)
    before = stored_rows(folder)
    with files_of_at_most(100_000):
        said = here("compare", fraud_csv, *quick, "--out", folder, refused=True)
    assert said.startswith("equipoise: File too large") and "\n" not in said
    assert {path.name for path in folder.iterdir()} <= {"model", "results.sqlite"}  # a model is written whole
    here("compare", fraud_csv, *quick, "--out", folder)
    assert stored_rows(folder) == before
    assert sorted(p.name for p in folder.iterdir()) == [
        "explore.html",
        "leaderboard.csv",
        "model",
        "report.html",
        "report.json",
        "results.sqlite",
        "summary.md",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are of Linux")
@pytest.mark.parametrize("name", [".", "report"])
def test_a_folder_that_is_read_only_is_said(program, fraud_csv, quick, tmp_path, name):
    """Root may write anywhere, unless it gives up what it is capable of."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    give_up = "import ctypes; ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522), (ctypes.c_uint32 * 6)())\n"
    command = give_up + "from equipoise.cli import main; main()"
    done = program(command, "compare", fraud_csv, *quick, "--out", locked / name)
    assert done.wait() == 1 and done.errors.startswith("equipoise: ") and done.errors.count("\n") == 1
    assert str(locked) in done.errors and "choose another" in done.errors.lower()
    assert not list(locked.iterdir())
