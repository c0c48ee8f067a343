"""Steps counted across processes."""

import time

import numpy as np
import pytest

from equipoise.processes import side_by_side
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.tally import Tally, counted_by, tallies, tell


def tasks(n=4, steps=30, **settings):
    rows = Table(np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2, 2)
    return [Task(rows, seed, Settings(network=(4 + seed,), max_steps=steps, **settings)) for seed in range(n)]


def test_processes_add_to_one_file(tmp_path):
    tally = Tally(str(tmp_path / "steps"))
    assert tally.steps == 0
    outcomes = list(side_by_side(tally, [(3,)] * 10, 2))
    assert len(outcomes) == 10 and tally.steps == 30


def test_without_its_folder_nothing_is_counted(tmp_path):
    tally = Tally(str(tmp_path / "elsewhere" / "steps"))
    tally(5)
    assert tally.steps == 0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_tally_counts_the_steps_of_any_fit_within_it(n_jobs, tmp_path):
    tally = Tally(str(tmp_path / "steps"))
    with counted_by(tally):
        fit(tasks(), n_jobs=n_jobs)
        fit(tasks(1))
    assert tally.steps == 5 * 30
    fit(tasks(1))  # after it
    assert tally.steps == 5 * 30


@pytest.fixture
def often(monkeypatch):
    """Look many times a second."""
    monkeypatch.setattr("equipoise.training.tally._EVERY", 0.02)


def test_steps_are_told_while_processes_train(often):
    told = []
    fit(tasks(2, steps=3000), n_jobs=2, on_progress=lambda done, total: told.append((done, total)))
    done = [steps for steps, _ in told]
    assert done == sorted(done) and done[-1] == 6000 and {total for _, total in told} == {6000}
    assert any(0 < steps < 3000 for steps in done)  # before any network is done


def test_stages_are_told_to_the_tally_in_use(tmp_path):
    tally = Tally(str(tmp_path / "steps"))
    tell("to nobody")
    assert tally.stage == ("", 0.0)
    with counted_by(tally):
        tell("fold 1 of 3")
        tell("fold 2 of 3", 0.25)
    assert tally.stage == ("fold 2 of 3", 0.25) and tally.steps == 0
    Tally(str(tmp_path / "elsewhere" / "steps")).tell("lost")


def test_an_error_of_the_listener_is_raised_at_the_end(often):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), tallies(1, stop):
        time.sleep(0.2)
