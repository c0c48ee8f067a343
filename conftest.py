"""What every test shares: one thread, the data home, and small imbalanced problems."""

import faulthandler
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from numpy.typing import NDArray

from equipoise.classifiers import auto_job

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
Problem = tuple[NDArray[np.float64], NDArray[np.int64]]

torch.set_num_threads(1)
settings.register_profile("equipoise", deadline=None, derandomize=True)  # a busy machine is no failure
settings.load_profile("equipoise")


def pytest_unconfigure() -> None:
    """Have an exit that waits for a thread or a process show where, and end."""
    faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)


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
            patch.setattr(auto_job, "_FOLDS", 3)
            yield

    return context


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
