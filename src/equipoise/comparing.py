"""`compare` in Python: a comparison of recipes on a data frame, without files, that shows itself in a notebook."""

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.pipeline import Pipeline

from equipoise import forking
from equipoise.datasets import Dataset, OpenTable, split_target
from equipoise.deadline import Deadline
from equipoise.decisions import Terms
from equipoise.decisions.costs import Costs
from equipoise.experiments import METRICS, Comparison, Store, refit
from equipoise.experiments import compare as run_comparison
from equipoise.experiments.reasons import score_and_explain
from equipoise.progress import ProgressBars

_COMMAND = "equipoise.compare(...), in Python"

if TYPE_CHECKING:
    from collections.abc import Mapping


class ComparedRecipes:
    """A finished comparison on a table.

    Attributes
    ----------
    comparison : equipoise.experiments.Comparison
        Results by recipe and fold.
    dataset : equipoise.datasets.Dataset
        The table as it was read, with the findings of its check.
    """

    def __init__(self, comparison: Comparison, dataset: Dataset) -> None:
        self.comparison = comparison
        self.dataset = dataset

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row a recipe, best first; columns as in `leaderboard.csv`."""
        return self.comparison.leaderboard

    @property
    def importance(self) -> pd.DataFrame:
        """Permutation importance of the winner's columns, the most important first; see `Comparison.importance`."""
        return self.comparison.importance

    @cached_property
    def best(self) -> Pipeline:
        """The winner, fitted on all rows when first asked for; with terms, its `predict` decides by them.

        Raises
        ------
        ValueError
            If no winner is crowned, with the reason.
        """
        if obstacle := self.comparison.obstacle:
            raise ValueError(f"No winner is crowned. {obstacle}")
        return refit(self.comparison, self.dataset)

    def report(self, path: str | Path = "report.html", *, show_values: bool = False) -> Path:
        """Write the report as one HTML page.

        Parameters
        ----------
        path : str or Path, default="report.html"
            An older report there is replaced.
        show_values : bool, default=False
            Whether it may name categories and show other cells.

        Returns
        -------
        Path

        Raises
        ------
        FileExistsError
            If there is another file.
        """
        from equipoise.experiments.by_group import by_group
        from equipoise.files import first_bytes
        from equipoise.reports import write_report
        from equipoise.reports.page import PAGE_MARK

        path = Path(path)
        if path.is_dir() or (path.exists() and PAGE_MARK not in first_bytes(path, 1000)):
            raise FileExistsError(f"{path} exists and was not written by equipoise: choose another path.")
        groups = by_group(self.comparison, self.dataset.reported)
        write_report(self.comparison, path, command=_COMMAND, groups=groups, show_values=show_values)
        return path

    def save(self, folder: str | Path, *, show_values: bool = False) -> Path:
        """Write report, explorer, summary, leaderboard and the winner's model to a folder.

        Parameters
        ----------
        folder : str or Path
            Made if need be.
        show_values : bool, default=False
            Whether the report may name categories and show other cells.

        Returns
        -------
        Path
            The folder, with ``report.html``, ``explore.html``, ``report.json``, ``summary.md``, ``leaderboard.csv``
            and ``model/``; without a model where no winner is crowned.

        Raises
        ------
        FileExistsError
            If a file of another origin would be replaced.
        ValueError
            If the winner cannot be saved.
        """
        from equipoise import persistence
        from equipoise.experiments.by_group import by_group
        from equipoise.reports import check_places, write_folder

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        check_places(folder)
        persistence.check_place(folder / "model")
        groups = by_group(self.comparison, self.dataset.reported)
        if not self.comparison.obstacle:
            self.best  # noqa: B018 - what is to be said of the model stands in the report
        write_folder(self.comparison, folder, command=_COMMAND, typed=False, groups=groups, show_values=show_values)
        if not self.comparison.obstacle:
            persistence.save(self.best, folder / "model", about=self._about(show_values))
        return folder

    def _about(self, show_values: bool) -> dict[str, Any]:
        from equipoise.reports.for_card import facts_for_card, findings_for_card, for_card, terms_for_card

        found = self.comparison
        facts = facts_for_card(self.dataset, found.winner, self.best) | for_card(found) | terms_for_card(found.aim)
        return facts | findings_for_card(self.dataset, show_values=show_values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self._head()}\n{self._shown().to_string(index=False)}\n{self._said()}"

    def _repr_html_(self) -> str:
        from html import escape

        table = self._shown().to_html(index=False, escape=True)
        return f"<p>{escape(self._head())}</p>{table}<p>{escape(self._said())}</p>"

    def _head(self) -> str:
        return f"{self.dataset.name}, best first by {METRICS[self.comparison.metric].title}."

    def _said(self) -> str:
        from equipoise.experiments.terms import InTerms
        from equipoise.reports.verdict import verdict

        said, decides = verdict(self.comparison), self.comparison.aim.decides and not self.comparison.obstacle
        decision = f"Decision: {InTerms.of(self.comparison).sentence()}." if decides else ""
        return " ".join(filter(None, (said.best, said.advice, decision)))

    def _shown(self) -> pd.DataFrame:
        from equipoise.reports.at_best import own

        names = list(dict.fromkeys([self.comparison.metric, "g_mean", "average_precision", "balanced_brier"]))
        board = self.leaderboard[["recipe", self.comparison.chosen, *names, "seconds"]].round(3)
        titles = {name: METRICS[name].title for name in names}
        titles |= {self.comparison.chosen: "at its best", self.comparison.metric: own(self.comparison)}
        return board.rename(columns=titles)


def compare(
    frame: Any,
    target: str | int,
    *,
    group: str | None = None,
    time: str | None = None,
    gap: str | float = 0.0,
    weights: str | None = None,
    report_by: str | Sequence[str] = (),
    recipes: str | Sequence[str] | None = None,
    metric: str = "g_mean",
    cost: "Costs | Mapping[str, float] | None" = None,
    benefit: "Costs | Mapping[str, float] | None" = None,
    capacity: float | None = None,
    min_recall: float | None = None,
    min_precision: float | None = None,
    positive: Any = None,
    n_folds: int = 5,
    n_repeats: int | None = None,
    n_members: int = 4,
    budget: float = 900.0,
    random_state: int = 0,
    name: str = "table",
    verbose: bool = True,
) -> ComparedRecipes:
    """Compare recipes on a table, as the command ``equipoise compare`` does, without files.

    Parameters
    ----------
    frame : pandas, polars or other data frame, array of shape (n_samples, n_columns), or OpenTable
        The table, target included. Of a large open table, folds are those of a sample by class.
    target : str or int
        Column of the classes, or its position, counted from 1.
    group, time, weights : str, optional
        Columns whose rows of one value are held out together, by which later rows are held out, and that weigh rows.
    gap : str or float, default=0
        Time between training and test rows, such as ``"30d"``; see `equipoise.datasets.split_target`.
    report_by : str or sequence of str, optional
        Further columns whose values have lines of their own in the report: size, recall, precision, calibration.
    recipes : str or sequence of str, optional
        Names of `equipoise.recipes`; by default a short list chosen for the table.
    metric : str, default="g_mean"
        Metric that ranks the recipes.
    cost, benefit, capacity, min_recall, min_precision, positive
        What decisions are for, as in `equipoise.decisions.Terms`; the winner then decides so.
    n_folds, n_repeats, n_members : int
        As of ``equipoise.experiments.compare``.
    budget : float, default=900
        Time limit in seconds.
    random_state : int, default=0
        Random seed.
    name : str, default="table"
        What to call the table.
    verbose : bool, default=True
        Whether findings, notes and progress are shown.

    Returns
    -------
    ComparedRecipes
        With ``leaderboard``, ``importance``, ``best``, ``report()`` and ``save()``; a notebook shows it as a table.

    Raises
    ------
    ValueError
        If an option or the target does not serve, or every recipe fails.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> import equipoise
    >>> frame = load_breast_cancer(as_frame=True).frame
    >>> found = equipoise.compare(frame, "target", recipes=["gbdt", "logistic"], n_folds=3, n_repeats=1,
    ...                           cost={"miss": 20, "alarm": 1}, verbose=False)
    >>> sorted(found.leaderboard["recipe"])
    ['gbdt', 'logistic']
    >>> found.best.predict(frame.drop(columns="target")).shape
    (569,)
    """
    from rich.console import Console

    from equipoise.datasets.checked import checked
    from equipoise.experiments.compare import check_names
    from equipoise.tables.check_table import missing_labels

    terms = Terms(cost, benefit, capacity, min_recall, min_precision, positive)
    report_by = [report_by] if isinstance(report_by, str) else report_by
    recipes = [recipes] if isinstance(recipes, str) else recipes
    check_names(recipes or (), metric)
    deadline = Deadline(budget)
    forking.begin(*forking.OF_COMPARISONS)
    roles: dict[str, Any] = {"group": group, "time": time, "gap": gap, "weights": weights, "report_by": report_by}
    if isinstance(frame, OpenTable):
        task = frame.sample(target, random_state=random_state, **roles)
    else:
        task = split_target(frame, target, name=name, **roles)
    dataset = checked(task, deadline=deadline)
    for found in missing_labels(task.unlabelled, task.y):
        dataset = replace(dataset, findings=(found, *dataset.findings))
        if found.severity != "note" and not verbose:
            warnings.warn(str(found), UserWarning, stacklevel=2)
    console = Console(quiet=not verbose)
    for line in dataset.introduced():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store(Path(folder) / "results.sqlite") as store,
        ProgressBars(console, deadline) as bars,
    ):
        comparison = run_comparison(
            dataset,
            store,
            recipes=recipes,
            n_folds=n_folds,
            n_repeats=n_repeats,
            n_members=n_members,
            metric=metric,
            budget=deadline,
            random_state=random_state,
            terms=terms,
            on_progress=bars.advance,
            on_note=lambda note: bars.say(f"Note: {note}"),
        )
        dataset = comparison.dataset or dataset
        score_and_explain(comparison, dataset, store, deadline, bars.advance)
    return ComparedRecipes(comparison, dataset)
