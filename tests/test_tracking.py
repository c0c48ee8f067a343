"""Comparisons logged to a real MLflow store on disk, read back as MLflow's users do."""

import math
import shlex
import sys
import warnings
from pathlib import Path

import pytest

from equipoise import load
from equipoise.cli import main
from equipoise.experiments import Comparison, Store
from equipoise.experiments.store import Cell

mlflow = pytest.importorskip("mlflow", reason="tracking needs the extra mlflow")

OPTIONS = ("--target", "class", "--recipes", "none", "under", "--members", "1", "--repeats", "1", "--folds", "2")


@pytest.fixture(scope="module")
def csv(problem, tmp_path_factory):
    X, y = problem((40, 10))
    lines = [",".join([*map(str, row), "rare" if label else "common"]) for row, label in zip(X, y)]
    path = tmp_path_factory.mktemp("data") / "small.csv"
    path.write_text("\n".join(["a,b,c,d,class", *lines]))
    return path


def command(csv):
    return ["compare", str(csv), *OPTIONS, "--out", "report", "--track", "mlflow"]


@pytest.fixture(scope="module")
def tracked(csv, tmp_path_factory):
    """The folder in which a comparison was tracked, and a client of its store."""
    place = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setattr(warnings, "showwarning", warnings.showwarning)  # the command line changes it
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setattr(sys, "argv", ["equipoise", *command(csv)])
        main(command(csv))
    return place, mlflow.MlflowClient((place / "mlruns").as_uri())


def runs_of(client):
    experiment = client.get_experiment_by_name("small")
    runs = client.search_runs([experiment.experiment_id])
    nested = {run.info.run_name: run for run in runs if "mlflow.parentRunId" in run.data.tags}
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    return parent, nested


def test_each_recipe_is_a_nested_run_with_its_row_of_the_leaderboard(tracked):
    place, client = tracked
    parent, nested = runs_of(client)
    with Store(place / "report" / "results.sqlite") as store:
        comparison = Comparison(store)
    assert set(nested) == {"none", "under"}
    for row in comparison.leaderboard.to_dict("records"):
        run = nested[row["recipe"]]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params == {"recipe": row["recipe"]} and run.info.status == "FINISHED"
        finite = {name: value for name, value in row.items() if isinstance(value, float) and math.isfinite(value)}
        assert run.data.metrics == pytest.approx(finite) and "balanced_brier" in finite
    assert parent.data.metrics == nested[comparison.winner].data.metrics


def test_the_run_holds_protocol_command_report_and_a_model_that_loads(tracked, tmp_path, csv):
    place, client = tracked
    parent, _ = runs_of(client)
    expected = {
        "data": "small",
        "recipes": "none under",
        "n_folds": "2",
        "n_repeats": "1",
        "n_members": "1",
        "random_state": "0",
        "metric": "g_mean",
        "n_rows": "50",
        "counts": "[40, 10]",
    }
    assert expected.items() <= parent.data.params.items()
    assert parent.info.run_name == f"compare: {parent.data.params['winner']}" and parent.info.status == "FINISHED"
    assert parent.data.tags["mlflow.note.content"] == shlex.join(["equipoise", *command(csv)])
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {
        "leaderboard.csv",
        "model",
        "report.html",
    }
    model = load(client.download_artifacts(parent.info.run_id, "model", str(tmp_path)))
    assert list(model.classes_) == ["common", "rare"]
    report = Path(client.download_artifacts(parent.info.run_id, "report.html", str(tmp_path)))
    assert report.read_text() == (place / "report" / "report.html").read_text()


def test_a_recipe_without_a_result_is_a_failed_run_with_its_reason(tracked, tmp_path, monkeypatch):
    from equipoise.tracking import MLflowTracker

    place, _ = tracked
    uri = (tmp_path / "elsewhere").as_uri()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with Store(place / "report" / "results.sqlite") as store:
        whole, comparison = Comparison(store), Comparison(store)
    loser = str(whole.leaderboard["recipe"].iloc[-1])
    error = "ValueError: too few rows"
    comparison.cells = [
        Cell(cell.arm, cell.repeat, cell.fold, 0.0, None, None, error=error) if cell.arm == loser else cell
        for cell in whole.cells
    ]
    MLflowTracker("small").log(comparison, place / "report", "equipoise compare")
    _, nested = runs_of(mlflow.MlflowClient(uri))
    assert nested[loser].info.status == "FAILED" and not nested[loser].data.metrics
    assert nested[loser].data.tags["mlflow.note.content"] == error


def test_a_store_that_cannot_be_used_is_told_before_anything_runs(csv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "carrier-pigeon://loft")
    with pytest.raises(SystemExit, match=r"^equipoise: MLflow cannot log to carrier-pigeon://loft .*TRACKING_URI"):
        main(command(csv))
    assert not list(tmp_path.iterdir())


def test_mlflow_is_missed_in_a_sentence(csv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delitem(sys.modules, "equipoise.tracking", raising=False)
    with pytest.raises(SystemExit) as error:
        main(command(csv))
    assert str(error.value) == ("equipoise: MLflow is not installed: run pip install 'equipoise[mlflow]'.")
    assert not list(tmp_path.iterdir())
