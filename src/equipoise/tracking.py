"""A comparison as MLflow runs: one parent run, and one nested run per recipe.

Needs the package mlflow-skinny, or mlflow: ``pip install 'equipoise[mlflow]'``.
"""

import math
import os
import time
from pathlib import Path
from typing import Any

try:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
except ImportError as error:
    raise ImportError("MLflow is not installed: run pip install 'equipoise[mlflow]'.") from error

from equipoise.experiments import Comparison

_LOCAL = "mlruns"


class MLflowTracker:
    """Logs comparisons to the store that ``MLFLOW_TRACKING_URI`` names, the folder ``mlruns`` by default.

    A folder needs neither a server nor a database driver; ``mlflow ui`` reads it if
    ``MLFLOW_ALLOW_FILE_STORE=true`` is set.

    Parameters
    ----------
    experiment : str
        Name of the MLflow experiment, created if it does not exist. Use one experiment per data set.

    Raises
    ------
    ConnectionError
        If the store cannot be used.
    """

    def __init__(self, experiment: str) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 refuses folders otherwise
        self.uri = os.environ.get("MLFLOW_TRACKING_URI") or Path(_LOCAL).resolve().as_uri()
        try:
            self._client = MlflowClient(self.uri, registry_uri=self.uri)
            found = self._client.get_experiment_by_name(experiment)
            self._experiment = found.experiment_id if found else self._client.create_experiment(experiment)
        except MlflowException as error:
            raise self._refused(error) from error

    def log(self, comparison: Comparison, folder: Path, command: str) -> str:
        """Log a comparison and its files.

        The parent run holds the protocol as parameters, the winner's metrics, and the report, leaderboard and model
        as artifacts. Each nested run holds a recipe as parameter and its row of the leaderboard as metrics; if the
        recipe failed on every fold, the reason is the note of the run.

        Parameters
        ----------
        comparison : Comparison
            Comparison with at least one result.
        folder : Path
            Folder that holds report.html, leaderboard.csv and, if there is a winner, model/.
        command : str
            Command line of the comparison, stored as the note of the run.

        Returns
        -------
        run_id : str

        Raises
        ------
        ConnectionError
            If the store cannot be used.
        """
        try:
            return self._log(comparison, folder, command)
        except MlflowException as error:
            raise self._refused(error) from error

    def _log(self, comparison: Comparison, folder: Path, command: str) -> str:
        rows = {str(row["recipe"]): row for row in comparison.leaderboard.to_dict("records")}
        run = self._begin(f"compare: {comparison.winner}", {MLFLOW_RUN_NOTE: command})
        self._describe(run, _parameters(comparison), rows[comparison.winner])
        for name in ("report.html", "leaderboard.csv"):
            self._client.log_artifact(run, str(folder / name))
        if (folder / "model").is_dir():
            self._client.log_artifacts(run, str(folder / "model"), "model")
        reasons = {cell.arm: str(cell.error) for cell in comparison.failures}
        for recipe in comparison.protocol.recipes:
            note = {MLFLOW_RUN_NOTE: reasons[recipe]} if recipe in reasons else {}
            nested = self._begin(recipe, {MLFLOW_PARENT_RUN_ID: run, **note})
            self._describe(nested, {"recipe": recipe}, rows.get(recipe, {}))
            self._client.set_terminated(nested, "FINISHED" if recipe in rows else "FAILED")
        self._client.set_terminated(run, "FINISHED")
        return run

    def _begin(self, name: str, tags: dict[str, str]) -> str:
        return str(self._client.create_run(self._experiment, run_name=name, tags=tags).info.run_id)

    def _describe(self, run: str, parameters: dict[str, object], row: dict[Any, Any]) -> None:
        now = int(1000 * time.time())
        figures = {name: value for name, value in row.items() if isinstance(value, float) and math.isfinite(value)}
        self._client.log_batch(
            run,
            metrics=[Metric(name, value, now, 0) for name, value in figures.items()],
            params=[Param(name, str(value)) for name, value in parameters.items()],
        )

    def _refused(self, error: MlflowException) -> ConnectionError:
        reason = str(error).strip().splitlines()[0]
        return ConnectionError(
            f"MLflow cannot log to {self.uri} ({reason}): check the environment variable MLFLOW_TRACKING_URI."
        )


def _parameters(comparison: Comparison) -> dict[str, object]:
    protocol = comparison.protocol
    names = ("n_folds", "n_repeats", "n_members", "max_steps", "random_state", "decision")
    named = {name: getattr(protocol, name) for name in names}
    problem = {name: comparison.problem[name] for name in ("n_rows", "classes", "counts")}
    versions = {f"version.{name}": version for name, version in comparison.versions.items()}
    return {
        "data": comparison.problem["name"],
        "metric": comparison.metric,
        "winner": "" if comparison.obstacle else comparison.winner,
        "recipes": " ".join(protocol.recipes),
        **named,
        **problem,
        **versions,
    }
