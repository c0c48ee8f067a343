"""Comparisons on real clusters: the same results as on this machine, and a worker's death costs its task only."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing import forkserver
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from torch import nn

from equipoise import MUBO, NeuralClassifier, machines
from equipoise.bilevel import row_score
from equipoise.bilevel.rows import RowProblem
from equipoise.cli import main
from equipoise.datasets import open_table
from equipoise.experiments import Store, compare, results_path
from equipoise.machines import backend, cluster_in_use, n_workers
from equipoise.processes import side_by_side
from equipoise.training import Settings, Table, Task, fit

# Functions for the workers are made within tests: those of a test module cannot be imported there.


def rows(store):
    """All that a store holds of cells and folds, but for times."""
    cells = [(c.key, c.probabilities.tobytes(), c.confusion.tolist(), c.notes, c.error, c.made) for c in store.cells()]
    return cells, [(f.repeat, f.fold, f.seed, f.test_rows.tolist(), f.train_counts) for f in store.folds()]


def compared(dataset, quick, folder, **options):
    with Store(folder / "results.sqlite") as store:
        compare(dataset, store, **quick, budget=10_000, **options)
        return rows(store)


@pytest.fixture(scope="module")
def two_workers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOKY_MAX_CPU_COUNT", "2")  # what joblib takes as the cores of this machine
        patch.setenv("RAY_worker_niceness", "0")  # or tests beside other work wait for minutes
        yield


@pytest.fixture(scope="module")
def briefly(quick):
    return quick | {"recipes": ["none", "remix", "gbdt"], "n_repeats": 1}


@pytest.fixture(scope="module")
def on_this_machine(two_workers, dataset, briefly, tmp_path_factory):
    return compared(dataset, briefly, tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module", autouse=True)
def forks_for_dask():
    """Dask's workers are forks of the tests' server, which has imported the package; those of Ray import it."""
    if find_spec("dask") is None:
        yield
        return
    import dask

    forkserver.ensure_running()  # before Dask tells it to import less
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        yield


def dask_workers():
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    place = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with place, backend("dask", place.scheduler_address):
        yield


def ray_workers():
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with backend("ray"):
        yield


@pytest.fixture(scope="module", params=[dask_workers, ray_workers], ids=["dask", "ray"])
def cluster(request, on_this_machine):
    yield from request.param()


def test_jobs_run_on_the_workers_and_an_error_stays_with_its_job(cluster):
    def job(number):
        if number == 2:
            raise ValueError("two")
        return os.getpid()

    outcomes = dict(side_by_side(job, [(number,) for number in range(5)], 1))
    assert isinstance(error := outcomes.pop(2), ValueError) and "two" in str(error)
    assert set(outcomes) == {0, 1, 3, 4} and os.getpid() not in outcomes.values()


def test_a_worker_that_dies_costs_its_stack_only(cluster, tmp_path):
    driver = os.getpid()  # it builds a network, too, to see its size

    def network_of(stack):
        def network(input_shape, n_classes):
            if os.getpid() != driver:
                (tmp_path / f"{stack}-{uuid4()}").touch()
                # The first task: later ones meet a worker that may keep a result which Dask would compute again.
                if stack == 0 and not (tmp_path / "died").exists():
                    (tmp_path / "died").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            return nn.Linear(*input_shape, n_classes)

        return network

    table = Table(np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2, 2)
    settings = [Settings(network=network_of(stack), max_steps=20, epoch_steps=20) for stack in range(4)]
    tasks = [Task(table, seed, how) for how in settings for seed in range(2)]
    expected = fit(tasks)  # in this process
    for network, undisturbed in zip(fit(tasks, n_jobs=n_workers()), expected, strict=True):
        for name, weights in network.weights.items():
            np.testing.assert_allclose(weights, undisturbed.weights[name], rtol=1e-4, atol=1e-6)
    assert (tmp_path / "died").exists()
    built = Counter(file.name[0] for file in tmp_path.glob("[0-9]-*"))
    assert built["0"] - 1 == built["1"] == built["2"] == built["3"] > 0


def test_a_sample_is_drawn_by_the_workers_and_one_that_dies_costs_its_part(cluster, tmp_path):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=4000), "y": rng.random(4000) < 0.03})
    for number in range(4):
        rows.iloc[1000 * number : 1000 * (number + 1)].to_parquet(tmp_path / f"{number}.parquet")
    driver, alone = os.getpid(), open_table(tmp_path)
    expected = alone.sample("y", most_rows=500)

    def watched(part):
        def read(columns, target, **keep):
            assert os.getpid() != driver
            (tmp_path / f"{Path(part.name).stem}-{uuid4()}").touch()
            if part.name.endswith("0.parquet") and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return part.read(columns, target, **keep)

        return replace(part, read=read)

    data = replace(alone, parts=[watched(part) for part in alone.parts]).sample("y", most_rows=500)
    pd.testing.assert_frame_equal(data.X.assign(y=data.y), expected.X.assign(y=expected.y), check_exact=True)
    assert data.class_counts == expected.class_counts and (data.weights == expected.weights).all()
    read = Counter(file.name[0] for file in tmp_path.glob("[0-9]-*"))
    assert read == {"0": 3, "1": 2, "2": 2, "3": 2}  # counts, then rows; the first once more


def test_a_frame_of_dask_is_sampled_by_the_workers_that_hold_it(cluster):
    dask = pytest.importorskip("dask.dataframe")
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"x": rng.normal(size=4000), "y": rng.random(4000) < 0.03})
    data = open_table(dask.from_pandas(rows, npartitions=3)).sample("y", most_rows=500)
    expected = open_table(rows).sample("y", most_rows=500)
    pd.testing.assert_frame_equal(data.X.assign(y=data.y), expected.X.assign(y=expected.y), check_exact=True)


def test_rows_are_scored_by_the_workers_and_one_that_dies_costs_its_task(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(row_score, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(row_score, "_NUMBERS_OF_A_TASK", 700 * 3)
    driver, X = os.getpid(), np.random.default_rng(0).normal(size=(2700, 3)).astype(np.float32)

    class Watched:
        def of(self, X, code):
            assert os.getpid() != driver
            (tmp_path / f"{X[0, 0]:.6f}-{uuid4()}").touch()
            if X[0, 0] == first and not (tmp_path / "died").exists():
                (tmp_path / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return np.exp(X[:, 0] + code)

    candidates = np.flatnonzero(np.arange(len(X)) % 27)
    first = X[candidates[0], 0]
    problem = RowProblem(X, np.zeros(len(X), dtype=np.int8), 2, np.arange(0), {1: candidates})
    scores = row_score._scores(Watched(), problem, 1)
    np.testing.assert_array_equal(scores, np.exp(X[candidates, 0] + 1))
    assert (tmp_path / "died").exists()
    scored = Counter(file.name.rpartition("-")[0][:9] for file in tmp_path.glob("*-*-*"))
    assert len(scored) == 4 and sorted(scored.values()) == [1, 1, 1, 2]  # tasks of 700 rows; the first once more


def test_a_score_draws_the_same_rows_on_workers(cluster, monkeypatch):
    rng = np.random.default_rng(0)
    y = (rng.random(5000) < 0.02).astype(int)
    X = rng.normal(size=(5000, 3)).astype(np.float32) + y[:, None]
    on_workers, here = (MUBO(selector="score", max_steps=20, random_state=0) for _ in range(2))
    on_workers.fit_resample(X, y)
    monkeypatch.setattr(row_score, "on_workers", lambda function, jobs: enumerate(function(*job) for job in jobs))
    here.fit_resample(X, y)
    np.testing.assert_array_equal(on_workers.sample_indices_, here.sample_indices_)
    np.testing.assert_array_equal(on_workers.sample_weight_, here.sample_weight_)


def test_an_open_table_is_predicted_by_the_workers(cluster, tmp_path):
    X = np.random.default_rng(0).normal(size=(3000, 2))
    rows = pd.DataFrame(X, columns=["a", "b"])
    for number in range(3):
        rows.iloc[1000 * number : 1000 * (number + 1)].to_parquet(tmp_path / f"{number}.parquet")
    np.save(tmp_path / "rows.npy", X)
    driver, table = os.getpid(), open_table(tmp_path)

    def watched(part):
        def read(columns, target):
            assert os.getpid() != driver
            return part.read(columns, target)

        return replace(part, read=read)

    model = NeuralClassifier(max_steps=20, random_state=0).fit(rows, X[:, 0] > 0)
    found = model.predict_proba(replace(table, parts=[watched(part) for part in table.parts]))
    np.testing.assert_allclose(found, model.predict_proba(rows), rtol=1e-6)
    mapped = NeuralClassifier(max_steps=20, random_state=0).fit(X, X[:, 0] > 0)
    np.testing.assert_allclose(mapped.predict_proba(open_table(tmp_path / "rows.npy")), found, rtol=1e-6)


def test_a_comparison_survives_the_death_of_a_worker(cluster, on_this_machine, dataset, briefly, tmp_path):
    """With the same rows as on this machine."""
    assert n_workers() == 2
    pids = {pid for _, pid in side_by_side(os.getpid, [()] * 8, 2)}

    def kill_one(kind, done, total):
        if kind == "alone" and done == 1:
            os.kill(pids.pop(), signal.SIGKILL)

    assert compared(dataset, briefly, tmp_path, on_progress=kill_one) == on_this_machine


@pytest.mark.long
def test_a_task_that_kills_every_worker_fails_alone(cluster):
    def job(number):
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    outcomes = dict(side_by_side(job, [(number,) for number in range(4)], 2))
    assert isinstance(error := outcomes.pop(1), ChildProcessError) and "memory" in str(error)
    assert outcomes == {0: 0, 2: 2, 3: 3}


def test_a_command_starts_a_cluster_and_stops_it(dataset, tmp_path, monkeypatch, capsys):
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # one worker: importing the package is most of what each costs
    dataset.X.assign(label=dataset.y).to_csv(tmp_path / "table.csv", index=False)
    before = cluster_in_use()  # of the tests above, perhaps
    options = ["--target", "label", "--recipes", "none", "--folds", "2", "--repeats", "1", "--members", "1"]
    for where in ("local", "dask"):
        main(["compare", str(tmp_path / "table.csv"), *options, "--backend", where, "--out", str(tmp_path / where)])
    stores = [Store(results_path(tmp_path / where)) for where in ("local", "dask")]
    assert rows(stores[0]) == rows(stores[1])
    assert cluster_in_use() is before


def test_what_only_extras_need_is_not_imported_without_them():
    # dask itself is imported by skops, which walks scikit-learn and its shims for arrays.
    asked = "import sys, equipoise.cli; print({'distributed', 'mlflow', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--backend", "dask", "--address", "tcp://127.0.0.1:9"], "No Dask scheduler answers at 'tcp://127.0.0.1:9'"),
        (["--backend", "dask", "--address", "nowhere"], "No Dask scheduler answers at 'nowhere'"),
        (["--backend", "ray", "--address", "127.0.0.1:9"], "No Ray cluster answers at '127.0.0.1:9'"),
        (["--address", "tcp://127.0.0.1:9"], "address='tcp://127.0.0.1:9'"),
    ],
)
def test_a_wrong_address_is_told_in_a_sentence(options, said, tmp_path):
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    pytest.importorskip("ray", reason="the extra ray is not installed")
    with pytest.raises(SystemExit, match="equipoise: ") as error:
        main(["compare", "--demo", *options, "--out", str(tmp_path / "out")])
    assert said in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_extra_that_is_not_installed_is_named(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'equipoise\[{name}\]'"), backend(name):
        pass


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="no backend 'slurm': choose from local, dask, ray"), backend("slurm"):
        pass


@pytest.mark.parametrize(("n_workers", "said"), [(1, "one has 2 threads"), (0, "has no workers")])
def test_dask_workers_run_one_task_at_a_time(n_workers, said, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.setattr(machines, "_SECONDS", 1.0)
    options = {"threads_per_worker": 2, "processes": False, "protocol": "tcp", "dashboard_address": None}
    with (
        distributed.LocalCluster(n_workers=n_workers, **options) as place,
        pytest.raises(ValueError, match=said),
        backend("dask", place.scheduler_address),
    ):
        pass
