"""``equipoise compare``: recipes on a table, a report, and the winner's model."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from equipoise import forking
from equipoise.cli.began import time_limit
from equipoise.cli.images import AS_THEY_ARE, Pictures, check_table_source, load_images
from equipoise.cli.options import (
    AS_FOUND,
    AS_IN_A_FILE,
    MEMBERS,
    THIS_MACHINE,
    Columns,
    Count,
    Machines,
    Minutes,
    Names,
    Reading,
    Seed,
)
from equipoise.cli.output import announce, command_line, say, stoppable
from equipoise.cli.results import open_results, rows_read, so_far
from equipoise.cli.task import check_columns, load_task
from equipoise.cli.terms import AS_TUNED, Stated
from equipoise.cli.unlabelled import check_unlabelled, write_unlabelled
from equipoise.cli.winner import save_winner
from equipoise.deadline import Deadline
from equipoise.files import check_folder
from equipoise.images.kinds import is_images
from equipoise.progress import ProgressBars
from equipoise.text import called

if TYPE_CHECKING:
    from equipoise.datasets import Dataset
    from equipoise.experiments import Comparison

_DEMO = "digits"
_FOLDS = 5
_FURTHER_PASSES = 3  # in which rows become numbers: to be checked, to be described, and for the model


def compare(
    table: Path | None = None,
    /,
    *,
    target: str | None = None,
    out: Path = Path("report"),
    demo: bool = False,
    dataset: str | None = None,
    recipes: Annotated[list[str] | None, Parameter(consume_multiple=True)] = None,
    folds: Annotated[int | None, Parameter(validator=Number(gte=2))] = None,
    repeats: Count | None = None,
    members: Count | None = None,
    metric: str = "g_mean",
    budget: Minutes = 15.0,
    seed: Seed = 0,
    score_unlabelled: bool = False,
    track: Literal["mlflow"] | None = None,
    show_rows: bool = False,
    show_values: bool = False,
    report_by: Names = None,
    machines: Machines = THIS_MACHINE,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
    stated: Stated = AS_TUNED,
    pictures: Pictures = AS_THEY_ARE,
) -> None:
    """Compare recipes on a table or a folder of images: a leaderboard, a report and the winner's model.

    Without --recipes, a short list chosen for the table; `--recipes all` compares every one.

    To continue a stopped comparison, repeat the command; the exit status is 1 where no model was saved.

    Parameters
    ----------
    table
        csv, tsv, parquet, feather, xlsx or arff file; a folder of csv or parquet files, of which a sample by class is
        compared on if it is large; or images: a folder with a folder for each class, perhaps in
        train/, val/ and test/, a zip or tar file of it, a csv file of path and label, npz or idx files.
    target
        Column of the classes: its name, its position from 1, or -1 for the last.
    out
        Folder for report.html, explore.html, report.json, summary.md, leaderboard.csv, results.sqlite and model/.
    demo
        Use a table that scikit-learn ships, instead of a file.
    dataset
        Use a data set by name (see `equipoise datasets list`), instead of a file.
    recipes
        Recipes to compare: names, with blanks or commas between them, `all`, or package.module:function; by default a
        short list chosen for the table.
    folds
        Number of folds; each is the test set once a repeat. 5 by default, 3 for images.
    repeats
        Number of divisions into folds; 2 by default, 4 up to 1,000 rows, 1 for larger tables with 500 rows or more
        of the rarest class.
    members
        Number of networks that each neural recipe averages, 4 by default, 1 for images; auto chooses its own.
    metric
        Metric that ranks the recipes, and the aim of auto's decisions.
    budget
        Time limit in minutes for the whole command. If needed, repeats, gradient steps, then recipes are cut; each cut
        is printed, and listed in the report. Repeat the command, with the same or another limit, to take up what was
        left out; gradient steps stay as they were.
    seed
        Random seed.
    score_unlabelled
        Write predictions for the rows without a target to unlabelled.csv.
    track
        Log results, report and model to MLflow: to ./mlruns, or to MLFLOW_TRACKING_URI.
    show_rows
        Show the most suspicious rows of a held-out fold in the report, by --id or by their number.
    show_values
        Name levels of categories, and cells that the check quotes, in the report and the model card.
    report_by
        Columns whose values have lines of their own in the report: size, recall, precision, calibration.
    """
    deadline, console = time_limit(budget), Console()
    recipes = [name for given in recipes or () for name in given.split(",") if name] or None
    _check_source(table, target, demo, dataset, pictures)
    if table is not None and target is not None and not is_images(table):
        check_columns(table, target, reading, columns, report_by or ())
    check_folder(out)
    terms = stated.terms()
    with stoppable(lambda: "Stopped before any result."), ProgressBars(console, deadline) as bars:
        bars.advance("reading")
        forking.begin(*forking.OF_COMPARISONS)

        from equipoise import persistence
        from equipoise.experiments import compare as run_comparison
        from equipoise.experiments.by_group import by_group
        from equipoise.experiments.compare import check_names
        from equipoise.experiments.reasons import score_and_explain
        from equipoise.machines import backend
        from equipoise.reports import check_places, rows_to_review, write_folder

        of_files = table is not None and is_images(table)
        check_names(recipes or (), metric, images=of_files)
        check_places(out)
        persistence.check_place(out / "model")
        of_images = None
        if table is not None and of_files:
            if report_by:
                raise ValueError("Images have no columns to report by: leave out --report-by.")
            of_images = load_images(table, target, reading, columns, pictures, unlabelled=score_unlabelled)
            data = of_images.data
        else:
            passes = (folds or _FOLDS) + _FURTHER_PASSES
            limits = deadline, passes, rows_read(out)
            data = _task(table, target, dataset, reading, columns, report_by or (), seed, *limits)
    log = None if track is None else _tracker(data)
    announce(data)
    to_score = score_unlabelled and check_unlabelled(data, out)
    with (
        open_results(out) as store,
        stoppable(lambda: so_far(store, out)),
        ProgressBars(console, deadline) as bars,
    ):
        with backend(machines.backend, machines.address):
            comparison = run_comparison(
                data,
                store,
                recipes=recipes,
                n_folds=folds or (_FOLDS if of_images is None else 3),
                n_repeats=repeats,
                n_members=members or (MEMBERS if of_images is None else 1),
                metric=metric,
                budget=deadline,
                random_state=seed,
                terms=terms,
                on_progress=bars.advance,
                on_note=lambda note: bars.say(f"Note: {note}"),
            )
        data = comparison.dataset or data
        to_report = score_and_explain(comparison, data, store, deadline, bars.advance)
        groups = by_group(comparison, data.reported)
        _print(comparison, console)
        if not comparison.obstacle:
            how = deadline, of_images, show_values, to_report, bars
            comparison.not_saved = save_winner(comparison, data, target, reading, columns, out / "model", *how)
        bars.advance("report")
        command = command_line()
        write_folder(
            comparison,
            out,
            command=command,
            reviewed=rows_to_review(comparison, data.ids) if show_rows else None,
            pictures=of_images.shown() if of_images is not None and pictures.thumbnails else None,
            reading=None if table is None or of_images is not None else reading.as_dict(),
            groups=groups,
            show_values=show_values,
        )
        if log is not None:
            bars.advance("logging")
            log(comparison, out, command)
    saved = _conclude(comparison, out)
    if to_score and table is not None and saved:
        write_unlabelled(out / "model", table, out)
    if not saved:
        sys.exit(1)


def _check_source(table: Path | None, target: str | None, demo: bool, dataset: str | None, pictures: Pictures) -> None:
    if sum((table is not None, demo, dataset is not None)) != 1:
        raise ValueError("Name one table to compare on: a file, --dataset NAME or --demo.")
    if table is not None and not is_images(table):
        check_table_source(table, target, pictures)


def _task(
    table: Path | None,
    target: str | None,
    dataset: str | None,
    reading: Reading,
    columns: Columns,
    report_by: Sequence[str],
    seed: int,
    deadline: Deadline,
    passes: int,
    read_before: tuple[int, int] | None,
) -> "Dataset":
    if table is not None and target is not None:
        how: dict[str, Any] = {"seed": seed, "deadline": deadline, "passes": passes, "read_before": read_before}
        return load_task(table, target, reading, columns, report_by, **how)
    if columns.roles or report_by:
        given = ", ".join([f"--{role}" for role in columns.roles] + ["--report-by"] * bool(report_by))
        raise ValueError(f"{given}: the options of columns are for a file; leave them out of named data sets.")

    from equipoise import datasets

    return datasets.load(dataset or _DEMO)


def _tracker(data: "Dataset") -> Callable[["Comparison", Path, str], str]:
    """Return the function that logs a comparison; a store that cannot be used is refused before hours of work."""
    from equipoise.tracking import MLflowTracker  # the packages that it needs are an extra

    return MLflowTracker(data.name).log


def _print(comparison: "Comparison", console: Console) -> None:
    """Print the leaderboard, with cautions before it."""
    from equipoise.cli.leaderboard import print_leaderboard
    from equipoise.reports.split import measured

    for found in comparison.suspicions:
        say(f"Caution: {found}")
    print_leaderboard(console, comparison)
    say(f"Measured {measured(comparison)}.")


def _conclude(comparison: "Comparison", out: Path) -> bool:
    """Print the decision and what was written; returns whether a model was saved."""
    from equipoise.experiments.terms import InTerms

    if comparison.aim.decides and not comparison.obstacle:
        say(f"Decision: {InTerms.of(comparison).sentence()}.")
    saved = not (comparison.obstacle or comparison.not_saved)
    model = f"   Model ({called(comparison.winner)}): {out / 'model'}" if saved else ""
    say(f"Report: {out / 'report.html'}{model}")
    for sentence in comparison.refitted if saved else ():
        say(f"Caution: {sentence}")
    if comparison.obstacle:
        say("No model was saved: no winner is crowned, see the report; `equipoise fit` fits a recipe of your choice.")
        if comparison.protocol.share < 1:
            say("There was no time for all gradient steps (see the notes): use a longer --budget and another --out.")
        if (out / "model").exists():
            say(f"{out / 'model'} is of an earlier command, and does not decide by this one.")
    elif comparison.not_saved:
        say(f"No model was saved: {comparison.not_saved}")
    return saved
