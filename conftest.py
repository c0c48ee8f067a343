"""What every test shares: one thread, the data home, small imbalanced problems, and programs that start at once."""

import faulthandler
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray

from equipoise.classifiers import auto_folds, auto_job

CHROMIUM = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
IMPORTED = ["equipoise.cli.app", "equipoise.experiments", "equipoise.persistence", "equipoise.reports"]
FORKED = """
import atexit, multiprocessing, os, signal, sys, threading, types
for number, stream in enumerate(streams, 1):
    os.dup2(stream(), number)
os.setsid()
os.chdir(folder)
os.environ.update(environment)
sys.argv[:] = argv
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what runs in the background ignore it
multiprocessing.set_start_method(None, force=True)  # Python's own, as in any other program
module = sys.modules["__main__"] = types.ModuleType("__main__")
try:
    exec(compile(code, "<string>", "exec"), vars(module))
finally:  # as Python ends, which a fork does not
    threading._shutdown()
    atexit._run_exitfuncs()
"""
Problem = tuple[NDArray[np.float64], NDArray[np.int64]]

os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that tests start, too
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # importing the package is most of what a worker costs; a few tests have two
torch.set_num_threads(1)
settings.register_profile("equipoise", deadline=None, derandomize=True)  # a busy machine is no failure
settings.load_profile("equipoise")


def pytest_unconfigure() -> None:
    """Have an exit that waits for a thread or a process show where, and end."""
    faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)


class _Stream:
    """A file that a program writes to; it may be read meanwhile."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115, as it lasts as long as the program

    def __reduce__(self) -> Any:
        return getattr, (DupFd(self.file.fileno()), "detach")  # in the program, a call gives the file's number there

    def __str__(self) -> str:
        size = os.fstat(self.file.fileno()).st_size
        return os.pread(self.file.fileno(), size, 0).decode()  # leaves the place where the program writes


class Program:
    """Python code that runs in a process of its own: the fork of one that has imported the package, to save seconds.

    It leads a session of its own. What it says and its errors are files, so that nobody need read them.
    """

    _server = multiprocessing.get_context("forkserver")
    _server.set_forkserver_preload(IMPORTED)

    def __init__(self, code: str, *arguments: object, folder: Path | None = None, **environment: str) -> None:
        self._said, self._errors = _Stream(), _Stream()
        given = {
            "code": code,
            "argv": ["-c", *map(str, arguments)],
            "folder": str(folder or Path.cwd()),
            "environment": dict(os.environ) | environment,
            "streams": (self._said, self._errors),
        }
        self._process = self._server.Process(target=exec, args=(FORKED, given))
        self._process.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, or minus the signal that ended it; None while it runs."""
        return self._process.exitcode

    @property
    def said(self) -> str:
        """All that it has said by now."""
        return str(self._said)

    @property
    def errors(self) -> str:
        """All that it has written to the other stream by now."""
        return str(self._errors)

    def first_line(self) -> str:
        """Wait for the first line that it says."""
        while "\n" not in self.said:
            assert self.code is None, self.errors
            time.sleep(0.02)
        return self.said.splitlines()[0]

    def wait(self, seconds: float = 200) -> int | None:
        """Return `code` when it has ended, or after some seconds."""
        self._process.join(seconds)
        return self.code

    def signal(self, number: int) -> None:
        """Send a signal to it alone."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and all of its session."""
        self._process.kill()  # it may not lead its session yet
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.join()


@pytest.fixture(scope="session")
def data_home() -> Path:
    """Folder of the development data sets; the test is skipped where there is none."""
    home = os.environ.get("EQUIPOISE_DATA_HOME")
    if not home or not Path(home).is_dir():
        pytest.skip("EQUIPOISE_DATA_HOME names no folder with data sets")
    return Path(home)


@pytest.fixture(scope="session")
def problem() -> Callable[..., Problem]:
    """Make Gaussian classes of given counts, in random directions, ``1.4 apart`` deviations from each other."""

    def make(counts: tuple[int, ...] = (54, 6), n_features: int = 4, seed: int = 0, apart: float = 2.0) -> Problem:
        rng = np.random.default_rng(seed)
        directions, _ = np.linalg.qr(rng.normal(size=(n_features, n_features)))
        centres = apart * directions[: len(counts)]
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        return rng.normal(size=(len(y), n_features)) + centres[y], y

    return make


@pytest.fixture(scope="session")
def fewer_trees() -> Callable[[], AbstractContextManager[None]]:
    """Give a context with a fifth of `AutoClassifier`'s trees on three folds: the same code, seven times as fast."""

    @contextmanager
    def context() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(auto_job, "N_TREES", 20)
            patch.setattr(auto_folds, "FOLDS", 3)
            yield

    return context


@pytest.fixture(scope="session")
def program() -> Iterator[Callable[..., Program]]:
    """Start a `Program`, which ends with the tests at the latest."""
    started = []

    def start(code: str, *arguments: object, **options: Any) -> Program:
        started.append(Program(code, *arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def few_trees(fewer_trees: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Run a test in the context of `fewer_trees`."""
    with fewer_trees():
        yield


@pytest.fixture(scope="session")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no Chromium or Chrome with its chromedriver was found on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for option in CHROMIUM:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.set_page_load_timeout(60)
    chrome.set_script_timeout(60)
    yield chrome
    chrome.quit()
