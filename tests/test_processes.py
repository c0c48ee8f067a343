"""Jobs in real processes that raise, run out of memory or are killed."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from equipoise.processes import in_time, side_by_side

# Functions for the workers are made within tests: those of a test module cannot be imported there.

SECONDS = 120  # a generous end to what hangs, not a measurement


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


LARGE = """
import os, signal, sys, time
from pathlib import Path
from equipoise.processes import in_time, side_by_side
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the suite runs in the background it is ignored

def large(number):
    (Path(sys.argv[1]) / str(os.getpid())).touch()
    while len(os.listdir(sys.argv[1])) < 2:  # else one worker might do all before the other has begun
        time.sleep(0.01)
    return bytes(5_000_000)

print(sum(len(outcome) for _, outcome in side_by_side(large, [(number,) for number in range(100)], 2)))
"""


@pytest.fixture
def driver(tmp_path):
    """Start a program that has two workers note their process numbers; returns it and them."""
    processes = []

    def start(script, **options):
        program = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], start_new_session=True, **options)
        processes.append(program)
        while len(workers := [int(file.name) for file in tmp_path.iterdir()]) < 2:
            assert program.poll() is None
            time.sleep(0.05)
        processes.extend(map(psutil.Process, workers))
        return program, processes[1:]

    yield start
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.parametrize("whom", ["a worker is killed", "a terminal's Ctrl-C"])
def test_a_worker_that_is_stopped_while_it_answers_stops_nobody_else(driver, whom):
    """The driver is held until large outcomes wait for it, which no pipe can hold."""
    program, workers = driver(LARGE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    program.send_signal(signal.SIGSTOP)
    time.sleep(1)
    if whom == "a worker is killed":
        workers[0].kill()
        program.send_signal(signal.SIGCONT)
        said, errors = program.communicate(timeout=SECONDS)
        assert program.returncode == 0, errors
        assert int(said) == 500_000_000
    else:
        program.send_signal(signal.SIGCONT)
        os.killpg(program.pid, signal.SIGINT)
        program.communicate(timeout=SECONDS)
        assert program.returncode == -signal.SIGINT  # which is how Python ends after KeyboardInterrupt
    assert not psutil.wait_procs(workers, timeout=SECONDS)[1]


def test_workers_end_with_a_driver_that_was_killed(driver):
    """At once, and what they had kept for it goes with them."""
    program, workers = driver(
        "import os, sys, time\n"
        "from equipoise.processes import _folder, side_by_side\n"
        "def busy(folder):\n"
        "    open(f'{folder}/{os.getpid()}', 'w').close()\n"
        "    time.sleep(600)\n"
        "print(_folder().name, flush=True)\n"
        "list(side_by_side(busy, [(sys.argv[1],)] * 2, 2))",
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(program.stdout.readline().strip())
    assert folder.is_dir()
    program.kill()
    program.communicate(timeout=SECONDS)
    assert not psutil.wait_procs(workers, timeout=SECONDS)[1]
    assert not folder.exists()


def test_jobs_that_run_at_the_time_limit_are_ended_and_others_do_not_begin():
    def endless(number):
        while True:
            time.sleep(1)

    found = dict(side_by_side(endless, [(number,) for number in range(5)], 2, seconds=1.0))
    assert set(found) == {0, 1} and all(isinstance(outcome, TimeoutError) for outcome in found.values())
    assert outcomes(abs, [(-1,), (-2,), (-3,)]) == [1, 2, 3]  # new processes


def test_a_time_limit_that_is_not_reached_changes_nothing():
    assert sorted(side_by_side(abs, [(-1,), (-2,)], 2, seconds=SECONDS)) == [(0, 1), (1, 2)]
    assert list(side_by_side(abs, [(-1,), (-2,)], 1, seconds=0.0)) == []


def test_a_call_in_time_returns_raises_or_is_ended():
    def endless():
        while True:
            time.sleep(1)

    def fails():
        raise KeyError("this")

    assert in_time(abs, -3, seconds=SECONDS) == 3
    with pytest.raises(KeyError, match="this"):
        in_time(fails, seconds=SECONDS)
    with pytest.raises(TimeoutError, match="longer than the time limit"):
        in_time(endless, seconds=1.0)


FORKED = """
import os, sys
from equipoise import forking
from equipoise.processes import side_by_side

print("main")
forking.begin("colorsys", "numpy")

def seen():
    from threadpoolctl import threadpool_info
    return "colorsys" in sys.modules, os.environ["OMP_NUM_THREADS"], {each["num_threads"] for each in threadpool_info()}

for _, outcome in side_by_side(seen, [()] * 4, 2):
    print(*outcome)
assert "colorsys" not in sys.modules and os.environ["OMP_NUM_THREADS"] == "2"
"""


def test_workers_have_what_their_server_loaded_the_threads_they_are_given_and_no_part_of_a_script(tmp_path):
    """A script without a guard for its main part runs once. The server itself has loaded numpy without threads."""
    (tmp_path / "script.py").write_text(FORKED)
    given = {f"{name}_NUM_THREADS": "2" for name in ("OMP", "OPENBLAS", "MKL")}
    command = [sys.executable, str(tmp_path / "script.py")]
    said = subprocess.check_output(command, env=os.environ | given, text=True, timeout=SECONDS)
    assert said.splitlines() == ["main", *["True 2 {2}"] * 4]


OTHERS = """
import os, sys
from equipoise.processes import side_by_side

{}
print(*{{outcome for _, outcome in side_by_side(os.getppid, [()] * 2, 2)}} ^ {{os.getpid()}})
"""


@pytest.mark.parametrize("line", ['sys.modules["equipoise.forked_workers"] = None', ""], ids=["joblib", "long path"])
def test_workers_are_those_of_joblib_where_none_can_be_forked(tmp_path, line):
    """Where joblib is another within, or the path of the temporary folder is too long for a socket."""
    folder = tmp_path if line else tmp_path / ("long" * 30)
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", OTHERS.format(line)]
    environment = os.environ | {"TMPDIR": str(folder)}
    assert not subprocess.check_output(command, env=environment, text=True, timeout=SECONDS).split()


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux alone")
def test_a_server_that_was_killed_begins_anew():
    def parent():
        return os.getppid()

    [first] = {*outcomes(parent, [()] * 2)}
    os.kill(first, signal.SIGKILL)
    # to wait for it is left to its driver; until its last thread is gone, workers have it as their parent
    while psutil.Process(first).status() != psutil.STATUS_ZOMBIE or len(os.listdir(f"/proc/{first}/task")) > 1:
        time.sleep(0.05)
    [second] = {*outcomes(parent, [()] * 2)}
    assert second not in (first, os.getpid())


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux alone")
def test_ctrl_c_does_not_reach_a_server_that_still_loads():
    """Its mask is that of the process as it begins, whatever else Python begins with it."""
    code = """
from pathlib import Path
from equipoise import forking
forking.begin("torch")
status = Path(f"/proc/{forking._workers().server._forkserver_pid}/status").read_text()
masks = dict(line.split(":\\t") for line in status.splitlines() if line.startswith("Sig"))
print(int(masks["SigBlk"], 16) >> 1 & 1)  # of SIGINT, the second signal
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forks on Linux alone")
def test_ctrl_c_while_joblib_deletes_its_folders_is_answered_without_a_traceback():
    """Between the deletion of a folder and that of its finalizer."""
    code = """
import os, signal, sys
import numpy as np
from joblib.externals.loky.backend.resource_tracker import _resource_tracker as tracker
from equipoise.processes import in_time
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the suite runs in the background it is ignored
send, pressed = tracker._send, []
def sent(command, name, kind):
    send(command, name, kind)
    if (command, kind) == ("UNREGISTER", "folder") and not pressed:
        pressed.append(True)
        os.kill(os.getpid(), signal.SIGINT)
tracker._send = sent
try:
    in_time(np.sum, np.ones(3), seconds=100)
except KeyboardInterrupt:
    sys.exit(130)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS)
    assert (ended.returncode, ended.stderr) == (130, "")
