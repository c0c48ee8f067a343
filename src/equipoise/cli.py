"""The command line: compare, fit, predict, export, reproduce, datasets."""

import math
import os
import shlex
import sqlite3
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from cyclopts import App, Group, Parameter
from rich.console import Console
from rich.table import Table as RichTable

from equipoise import __version__, datasets, persistence
from equipoise import recipes as named
from equipoise.datasets import Dataset
from equipoise.experiments import METRICS, Comparison, Store, refit, results_path
from equipoise.experiments import compare as run_comparison
from equipoise.experiments.holding import held
from equipoise.progress import ProgressBars
from equipoise.reports import leaderboard_csv, write_report
from equipoise.reports.text import number
from equipoise.tables import read_table
from equipoise.training.machines import backend

app = App(name="equipoise", version=__version__, help="Train classifiers on imbalanced data, and learn what helps.")
datasets_app = App(name="datasets", help="Named data sets.")
app.command(datasets_app)

_DEMO = "digits"
_SHOWN = ("g_mean", "macro_f1", "average_precision", "balanced_brier")  # what fits a terminal; the report has all
_MEMBERS = 4
_reading = Group("How the file is read")


@Parameter(name="*", group=_reading)
@dataclass(frozen=True)
class Reading:
    """How a table is read from its file."""

    header: bool = True
    """The first line holds column names; without, columns are named by position, from 1."""
    delimiter: str | None = None
    """Character between cells of a text file; found by itself otherwise."""
    encoding: str | None = None
    """Encoding of a text file, UTF-8 otherwise."""
    missing_values: Annotated[list[str], Parameter(consume_multiple=True, allow_leading_hyphen=True)] | None = None
    """Texts that stand for a missing cell, beside empty cells."""

    def table(self, path: Path, target: str | None = None) -> pd.DataFrame:
        """Read a file."""
        return read_table(
            path,
            header=self.header,
            delimiter=self.delimiter,
            encoding=self.encoding,
            missing_values=self.missing_values or (),
            target=target,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what a saved model keeps, to read later files alike."""
        return {
            "header": self.header,
            "delimiter": self.delimiter,
            "encoding": self.encoding,
            "missing_values": self.missing_values,
        }


_AS_IN_A_FILE = Reading()
_where = Group("Where it runs")


@Parameter(name="*", group=_where)
@dataclass(frozen=True)
class Machines:
    """What runs the work."""

    backend: Literal["local", "dask", "ray"] = "local"
    """This machine alone, or the workers of a cluster; results are the same."""
    address: str | None = None
    """Of the cluster, such as tcp://10.0.0.1:8786; otherwise one is started on this machine."""


_THIS_MACHINE = Machines()


@app.command(name="compare")
def compare(
    table: Path | None = None,
    /,
    *,
    target: str | None = None,
    out: Path = Path("report"),
    demo: bool = False,
    dataset: str | None = None,
    recipes: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    folds: int = 5,
    repeats: int | None = None,
    members: int = _MEMBERS,
    metric: str = "g_mean",
    budget: float = 15.0,
    seed: int = 0,
    track: Literal["mlflow"] | None = None,
    machines: Machines = _THIS_MACHINE,
    reading: Reading = _AS_IN_A_FILE,
) -> None:
    """Compare every treatment on a table: a leaderboard, a report and the winner's model.

    Stopped at any point, the same command goes on where it was.

    Parameters
    ----------
    table
        csv, tsv, parquet or feather file.
    target
        Column that holds the classes; or its position from 1, or -1 for the last.
    out
        Folder for report.html, leaderboard.csv, results.sqlite and model/.
    demo
        Use a table that scikit-learn ships, instead of a file.
    dataset
        Use a data set by name (see `equipoise datasets list`), instead of a file.
    recipes
        Treatments to compare, all by default.
    folds
        Parts that the rows are divided into; each is tested on once a repeat.
    repeats
        Divisions into folds; 2 by default, 4 for small tables.
    members
        Networks that each recipe averages over; auto has its own number.
    metric
        Metric that chooses the winner, and what auto decides for.
    budget
        Minutes that the comparison may take; what is cut to meet it is said.
    seed
        Governs everything that is drawn.
    track
        Log what was found, report and model to ./mlruns, or where MLFLOW_TRACKING_URI says.
    """
    console = Console()
    data = _task(table, target, demo, dataset, reading)
    log = None if track is None else _tracker(data)
    _announce(console, data)
    with _results(out) as store, _told_when_stopped(console, store, out):
        with backend(machines.backend, machines.address), ProgressBars(console) as bars:
            comparison = run_comparison(
                data,
                store,
                recipes=recipes,
                n_folds=folds,
                n_repeats=repeats,
                n_members=members,
                metric=metric,
                budget=60 * budget,
                random_state=seed,
                on_progress=bars.advance,
            )
        if not comparison.recipes:
            raise ValueError(f"No recipe has a result; the first reason: {comparison.failures[0].error}")
        with console.status("Scoring"):
            comparison.leaderboard  # noqa: B018 - derived once, and kept
        _print_leaderboard(console, comparison)
        command = _command()
        with console.status("Fitting the winner on all rows"):
            model = refit(comparison, data)
            about = _about(data, target, reading, comparison.winner, model) | _figures(comparison)
            persistence.save(model, out / "model", about=about)
        write_report(comparison, out / "report.html", command=command)
        leaderboard_csv(comparison, out / "leaderboard.csv")
        if log is not None:
            with console.status("Logging to MLflow"):
                log(comparison, out, command)
    for note in comparison.protocol.notes:
        console.print(f"Note: {note}", highlight=False, markup=False)
    console.print(
        f"Report: {out / 'report.html'}   Model ({comparison.winner}): {out / 'model'}",
        highlight=False,
        markup=False,
    )


@app.command
def fit(
    table: Path,
    /,
    *,
    target: str,
    recipe: str = named.AUTO,
    decision: Literal["balanced", "macro_f1", "natural"] | None = None,
    out: Path = Path("model"),
    members: int | None = None,
    seed: int = 0,
    reading: Reading = _AS_IN_A_FILE,
) -> None:
    """Fit one recipe on all rows of a table and save the model.

    Parameters
    ----------
    table
        csv, tsv, parquet or feather file.
    target
        Column that holds the classes; or its position from 1, or -1 for the last.
    recipe
        Name of a treatment, or several joined by +; by default the one that needs no choosing.
    decision
        What auto decides for: classes found equally well (balanced, its default), macro F1, or the fewest errors
        (natural).
    out
        Folder for the model.
    members
        Networks that a neural recipe averages over, 4 by default; auto has its own number.
    seed
        Governs everything that is drawn.
    """
    console = Console()
    data = datasets.split_target(reading.table(table, target), target, name=table.stem)
    _announce(console, data)
    parameters = _parameters(recipe, members, decision)
    with console.status(f"Fitting {recipe}"):
        model = named.make(recipe, random_state=seed, **parameters).fit(data.X, data.y)
    persistence.save(model, out, about=_about(data, target, reading, recipe, model))
    console.print(f"Model: {out}", highlight=False, markup=False)


@app.command
def predict(model: Path, table: Path, /, *, out: Path) -> None:
    """Add what a model decides for and the probability of each class to the rows of a table.

    The file is read as the one that the model was fitted on; its target column, if there, is kept but not used.

    Parameters
    ----------
    model
        Folder or zip file that `fit`, `compare` or `save` wrote.
    table
        csv, tsv, parquet or feather file with the columns of the training table.
    out
        File to write, csv, tsv or parquet by its ending.
    """
    pipeline, about = persistence.load(model), persistence.read_card(model)["about"]
    rows = Reading(**about.get("reading", {})).table(table)
    features = rows.drop(columns=[about.get("target")], errors="ignore")
    scored = rows.assign(prediction=pipeline.predict(features))
    for label, column in zip(pipeline.classes_, pipeline.predict_proba(features).T, strict=True):
        scored[f"probability_{label}"] = column
    _write_table(scored, out)
    Console().print(f"{len(scored):,} rows: {out}", highlight=False, markup=False)


@app.command
def export(model: Path, /, *, onnx: Path) -> None:
    """Write a saved model as one ONNX graph, from the cells of a table to probabilities and decisions.

    Parameters
    ----------
    model
        Folder or zip file that `fit`, `compare` or `save` wrote.
    onnx
        File to write.
    """
    try:
        from equipoise.onnx_export import export_onnx  # the packages that it needs are an extra
    except ImportError as error:
        raise ValueError(str(error)) from error
    export_onnx(persistence.load(model), onnx)
    Console().print(f"Graph: {onnx}", highlight=False, markup=False)


@app.command
def reproduce(
    name: str, /, *, out: Path = Path("reproduction"), quick: bool = False, machines: Machines = _THIS_MACHINE
) -> None:
    """Run a paper's table or figures again, under one protocol, with a verdict on what it claims.

    A full run may take hours; stopped at any point, the same command goes on where it was.

    Parameters
    ----------
    name
        A paper and what of it, such as remix-table2 or mubo-chance; a wrong name lists them all.
    out
        Folder for the page, its tables and the results of every fold.
    quick
        A few epochs and one repeat: the shape of the result in minutes.
    """
    console = Console()
    run_again = _reproductions()
    try:
        with held(out), backend(machines.backend, machines.address), ProgressBars(console) as bars:
            page = run_again(name, out, quick=quick, command=_command(), on_progress=bars.advance)
    except KeyboardInterrupt:
        console.print(
            f"\nStopped: results so far are in {out}. To go on:\n{_command()}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        raise
    console.print(f"Page: {page}", highlight=False, markup=False)


def _reproductions() -> Callable[..., Path]:
    """Return `reproduce` of the project that holds the papers."""
    for entry in entry_points(group="equipoise.reproductions"):
        return entry.load().reproduce
    raise ValueError(
        "The papers are a project of their own, which is not installed: pip install equipoise-reproductions."
    )


@datasets_app.command(name="list")
def list_datasets() -> None:
    """List the named data sets and whether they are in the data home."""
    table = RichTable(title=f"Data home: {datasets.data_home()}")
    entries = datasets.catalogue()
    for column in entries.columns:
        table.add_column(str(column))
    for row in entries.itertuples(index=False):
        table.add_row(*(f"{value:.3g}" if isinstance(value, float) else str(value) for value in row))
    Console().print(table)


@datasets_app.command
def fetch(name: str, /) -> None:
    """Download a data set into the data home and say what it holds."""
    datasets.fetch(name)
    _announce(Console(), datasets.load(name))


def _task(table: Path | None, target: str | None, demo: bool, dataset: str | None, reading: Reading) -> Dataset:
    if sum((table is not None, demo, dataset is not None)) != 1:
        raise ValueError("Name one table to compare on: a file, --dataset NAME or --demo.")
    if table is None:
        return datasets.load(dataset or _DEMO)
    if target is None:
        raise ValueError(f"Say which column of {table} holds the classes: --target NAME.")
    return datasets.split_target(reading.table(table, target), target, name=table.stem)


def _tracker(data: Dataset) -> Callable[[Comparison, Path, str], str]:
    """Return what logs a comparison; a store that cannot be used is known before hours of work."""
    from equipoise.tracking import MLflowTracker  # the packages that it needs are an extra

    return MLflowTracker(data.name).log


def _parameters(recipe: str, members: int | None, decision: str | None) -> dict[str, Any]:
    """Return what a recipe's classifier is told, and refuse what it does not take."""
    if members is not None and not named.is_neural(recipe):
        raise ValueError(
            f"--members {members} says nothing to {recipe}, which averages no such networks: leave it out."
        )
    if decision is not None and recipe != named.AUTO:
        raise ValueError(
            f"--decision {decision} says nothing to {recipe}, which decides for the most probable class: leave it out, "
            f"or take --recipe {named.AUTO}."
        )
    if recipe == named.AUTO:
        return {"decision": decision or "balanced"}
    return {"n_members": members or _MEMBERS} if named.is_neural(recipe) else {}


def _about(data: Dataset, target: str | None, reading: Reading, recipe: str, model: Any) -> dict[str, Any]:
    counts = data.y.value_counts()
    return {
        "recipe": recipe,
        "decision": getattr(model[-1], "decision", None),
        "data": data.name,
        "target": str(data.y.name) if target is not None else None,
        "rows": len(data.y),
        "class_counts": {str(label): int(count) for label, count in counts.items()},
        "reading": reading.as_dict(),
    }


def _figures(comparison: Comparison) -> dict[str, Any]:
    """Return the winner's metrics by title, and how they were measured."""
    protocol = comparison.protocol
    row: pd.Series = comparison.leaderboard.set_index("recipe").loc[comparison.winner]  # type: ignore[assignment]
    figures = {metric.title: float(row[name]) for name, metric in METRICS.items() if name in row}
    return {
        "figures": {title: None if math.isnan(value) else value for title, value in figures.items()},
        "measured": f"on held-out rows, {protocol.n_folds} folds, {protocol.n_repeats} repeat(s)",
    }


def _announce(console: Console, data: Dataset) -> None:
    counts = data.y.value_counts()
    share = counts.min() / counts.sum()
    console.print(
        f"{data.name}: {len(data.y):,} rows, {data.X.shape[1]} columns, {len(counts)} classes; "
        f"the rare class is {data.rare!r} with {counts.min():,} rows ({share:.2%}).",
        highlight=False,
        markup=False,
    )
    for note in data.notes:
        console.print(f"  {note}", highlight=False, markup=False)


@contextmanager
def _told_when_stopped(console: Console, store: Store, out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        of_all = f" of {Comparison(store).n_expected}" if store.get("protocol") else ""
        console.print(
            f"\nStopped: {len(store.done())}{of_all} results are in {out}. To go on:\n{_command()}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        raise


def _print_leaderboard(console: Console, comparison: Comparison) -> None:
    board, chosen = comparison.leaderboard, METRICS[comparison.metric]
    names = list(dict.fromkeys((chosen.name, *_SHOWN)))
    table = RichTable(title=f"Best first by {chosen.title}")
    table.add_column("recipe")
    readings = {"prior-corrected": f"prior_{chosen.name}", "tuned": f"moved_{chosen.name}"}
    readings = {title: column for title, column in readings.items() if column in board}
    for title in (chosen.title, *readings, *(METRICS[name].title for name in names[1:]), "seconds a fit"):
        table.add_column(title, justify="right")
    for row in board.to_dict("records"):
        even = row["difference_low"] <= 0 <= row["difference_high"]
        table.add_row(
            row["recipe"] + (" =" if even else ""),
            *(number(row[column]) for column in (names[0], *readings.values(), *names[1:])),
            f"{row['seconds']:.1f}",
        )
    console.print(table)
    console.print("=  not told apart from the first (95% interval of the paired difference)", highlight=False)
    if readings:
        console.print(f"{', '.join(readings)}: {chosen.title} of the same models, read otherwise", highlight=False)


@contextmanager
def _results(out: Path) -> Iterator[Store]:
    """Open a folder's results, made if need be; take away again what a comparison that never began left."""
    new_folder = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    with held(out), Store(results_path(out)) as store:
        try:
            yield store
        except BaseException:
            if store.get("request") is None:
                store.close()
                results_path(out).unlink()
                if new_folder:
                    out.rmdir()
            raise


def _write_table(frame: pd.DataFrame, out: Path) -> None:
    separators = {".csv": ",", ".tsv": "\t"}
    kind = out.suffix.lower()
    if kind not in (*separators, ".parquet"):
        raise ValueError(f"The file to write must end in .csv, .tsv or .parquet, but it is {str(out)!r}.")
    draft = out.with_name(f".{out.name}.part")
    try:
        if kind == ".parquet":
            frame.to_parquet(draft, index=False)
        else:
            frame.to_csv(draft, index=False, sep=separators[kind])
        os.replace(draft, out)
    finally:
        draft.unlink(missing_ok=True)


def _command() -> str:
    return shlex.join(["equipoise", *sys.argv[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error is one sentence and a non-zero exit."""
    warnings.showwarning = _show_warning
    try:
        app(sys.argv[1:] if arguments is None else arguments, result_action="return_value")
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, TypeError, OSError, sqlite3.Error, MemoryError, ImportError) as error:
        sys.exit(f"equipoise: {_sentence(error)}")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Tell a warning as a user reads it, without the line of code that raised it."""
    print(f"Note: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'the output'}. Free space or choose another place (--out)."
    return str(error) or type(error).__name__


if __name__ == "__main__":
    main()
