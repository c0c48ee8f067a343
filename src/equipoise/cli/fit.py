"""``equipoise fit``: one recipe on all rows, saved as a model."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from equipoise import forking
from equipoise.cli.began import time_limit
from equipoise.cli.images import AS_THEY_ARE, Pictures, check_table_source, load_images
from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, MEMBERS, Columns, Count, Minutes, Reading, Seed
from equipoise.cli.output import announce, announce_replaced, say, stoppable
from equipoise.cli.task import check_columns, load_task
from equipoise.cli.terms import AS_TUNED, Stated
from equipoise.cli.unlabelled import check_unlabelled, write_unlabelled
from equipoise.deadline import Deadline
from equipoise.images.kinds import is_images
from equipoise.progress import ProgressBars
from equipoise.text import called, counted
from equipoise.text import seconds as length

if TYPE_CHECKING:
    from equipoise.datasets import Dataset

_TO_SAVE = 0.05  # of the time limit, to save the model
_STOPPED = "Stopped: no model was written."
_PASSES = 2  # in which rows become numbers: to be checked, and to be fitted on
_FOLDS = 3  # on which auto for images is calibrated


def fit(
    table: Path,
    /,
    *,
    target: str | None = None,
    recipe: str = "auto",
    decision: Literal["balanced", "macro_f1", "natural"] | None = None,
    out: Path = Path("model"),
    members: Count | None = None,
    budget: Minutes | None = None,
    seed: Seed = 0,
    score_unlabelled: bool = False,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
    stated: Stated = AS_TUNED,
    pictures: Pictures = AS_THEY_ARE,
) -> None:
    """Fit one recipe on all rows of a table, or on images, and save the model.

    Parameters
    ----------
    table
        csv, tsv, parquet, feather, xlsx or arff file, a folder of csv or parquet files, or images, as of `compare`.
        Of a folder too large for memory, all rows train networks, which draw them by class, and a sample by class
        trains other recipes and those that make rows or search (auto, gbdt, smote, autobalance); probabilities are
        those of the whole table.
    target
        Column of the classes: its name, its position from 1, or -1 for the last.
    recipe
        Name of a treatment, or several joined by +; `auto` needs no choice. For images it is calibrated on images that
        its networks are fitted without, in three folds, before it is fitted on all.
    decision
        Aim of auto's decisions: equal recall of the classes (balanced, the default), macro F1, or the fewest errors
        (natural).
    out
        Folder for the model.
    members
        Number of networks that a neural recipe averages, 4 by default; auto chooses its own.
    budget
        Time limit in minutes for the whole command; networks make fewer steps where needed.
    seed
        Random seed.
    score_unlabelled
        Write predictions for the rows without a target to unlabelled.csv, beside the model.
    """
    as_images = is_images(table)
    if not as_images:
        check_table_source(table, target, pictures)
        check_columns(table, target or "", reading, columns)
    deadline, console = None if budget is None else time_limit(budget), Console()
    with stoppable(lambda: _STOPPED), ProgressBars(console, deadline) as bars:
        if deadline is not None:  # the fit then has a process of its own
            forking.begin(*forking.OF_COMPARISONS)
        bars.advance("reading")
        terms = stated.terms()

        import numpy as np

        from equipoise import CalibratedClassifier, persistence, recipes
        from equipoise.classifiers.auto_job import MOST_ROWS
        from equipoise.datasets.sampling import sampled, words_of
        from equipoise.experiments.arms import fit_parameters, without_random_rows
        from equipoise.experiments.one_answer import one_answer
        from equipoise.experiments.trial import rows_to_fit
        from equipoise.experiments.whole import affords_all_rows, fit_deciding, fit_sampled, trains_on_all_rows
        from equipoise.recipes.images import parameters_for_images, steps_for_images
        from equipoise.reports.for_card import terms_for_card
        from equipoise.tables.preprocessing import TableWarning

        if terms and decision is not None:
            raise ValueError("--decision and the options in your terms are two decisions: remove one of them.")
        calibrates = as_images and recipe == recipes.AUTO
        parameters = {} if calibrates else _parameters(recipe, members, decision)
        recipe = recipes.AUTO_IMAGES if calibrates else recipe
        if as_images:
            parameters |= parameters_for_images(recipes.get(recipe))
        else:
            recipes.for_tables(recipe)  # raises for others
        recipes.classifier(recipe)  # raises where its package is missing
        persistence.check_place(out)
        announce_replaced(out)
        of_images = None
        if as_images:
            of_images = load_images(table, target, reading, columns, pictures, unlabelled=score_unlabelled)
        if of_images is not None:
            data = of_images.data
            parameters |= {"n_members": members or 1, "max_steps": steps_for_images(len(data.y))}
        else:
            data = load_task(table, target or "", reading, columns, seed=seed, deadline=deadline, passes=_PASSES)
    aim = terms.aim(np.unique(data.y.to_numpy()), data.rare)
    parameters |= without_random_rows(recipe) if data.dependence is not None else {}
    model = recipes.make(recipe, preprocessor=data.table_preprocessor(), random_state=seed, **parameters)
    if calibrates:
        recipe = f"{recipe}+{recipes.CALIBRATED}"
        model.steps[-1] = ("classifier", CalibratedClassifier(model[-1], cv=_FOLDS, decision=decision or "balanced"))
    fit_parameters(model[-1], data)  # refuses weights that it does not take
    announce(data)
    if recipe == recipes.AUTO and data.n_rows > MOST_ROWS:
        limit = "" if deadline else " --budget 5 limits the time to 5 minutes."
        most = min(MOST_ROWS, len(data.y))
        say(f"Note: auto trains on a sample by class of about {most:,} of {data.n_rows:,} rows.{limit}")
    to_score = score_unlabelled and check_unlabelled(data, out.parent)
    with stoppable(lambda: _STOPPED), ProgressBars(console, deadline) as bars, warnings.catch_warnings():
        bars.advance("fitting")
        warnings.simplefilter("ignore", TableWarning)  # they are among the notes
        of_all = not terms and trains_on_all_rows(model[-1], data)
        told = {"on_steps": partial(bars.advance, "fitting"), "on_stage": partial(bars.tell, "fitting")}
        try:
            if deadline is not None and not (as_images or terms or "weights" in data.roles):
                of_all, before = of_all and affords_all_rows(model, data, deadline.left), len(data.y)
                data = sampled(data, rows_to_fit(recipe, model, data, deadline), seed)
                if not of_all and (len(data.y) < before or trains_on_all_rows(model[-1], data)):
                    bars.say(
                        f"Note: {called(recipe)} trains on {words_of(data)}, to meet the time limit of {deadline}."
                    )
            seconds = None if deadline is None else max(deadline.left - _TO_SAVE * deadline.limit, 1e-3)
            with _in_minutes(deadline):
                if terms:
                    model = fit_deciding(recipe, model, data, aim, seconds=seconds, **told)
                else:
                    model = fit_sampled(recipe, model, data, all_rows=of_all, seconds=seconds, **told)
        except TimeoutError as error:
            assert deadline is not None
            remedy = "" if "budget" in str(error) else f" {deadline.remedy(deadline.spent)}"
            raise ValueError(f"{called(recipe)} cannot be fitted within {deadline}. {error}{remedy}") from error
    if not terms and (caution := one_answer(model, data)):
        say(f"Caution: {caution}")
    if (n_trained := getattr(model[-1], "n_rows_", data.n_rows)) < data.n_rows:
        say(f"Note: {called(recipe)} trained on {n_trained:,} of {counted(data.n_rows, 'row')}, sampled by class.")
    about = about_model(data, target, reading, columns, recipe, model) | terms_for_card(aim)
    if of_all:
        about["trained_rows"] = data.n_rows
    if of_images is not None and (tested := of_images.tested(model)):
        about["tested"] = tested
    persistence.save(model, out, about=about)
    say(f"Model: {out}")
    if to_score:
        write_unlabelled(out, table, out.parent)


@contextmanager
def _in_minutes(deadline: Deadline | None) -> Iterator[None]:
    """Tell what a time limit costs in the terms of the command line, and how much of it was left for training."""
    from equipoise.classifiers.auto_time import LittleTimeWarning

    if deadline is None:
        yield
        return
    limit = f"--budget of {deadline}, of which reading took {length(deadline.spent)},"
    with warnings.catch_warnings(record=True) as caught:
        yield
    for message in (warning.message for warning in caught):
        if isinstance(message, LittleTimeWarning):
            message = LittleTimeWarning(message.allowed, limit, deadline.remedy().rstrip("."))
        warnings.warn(message, stacklevel=2)


def about_model(
    data: "Dataset", target: str | None, reading: Reading, columns: Columns, recipe: str, model: Any
) -> dict[str, Any]:
    """Return the facts that a saved model keeps about its data and its training."""
    from equipoise.reports.for_card import facts_for_card

    facts = facts_for_card(data, recipe, model)
    return facts | {
        "target": facts["target"] if target is not None else None,
        "reading": reading.as_dict(),
        "id": columns.id or [],
        "left_out": [*(columns.drop or ()), *facts["left_out"]],
    }


def _parameters(recipe: str, members: int | None, decision: str | None) -> dict[str, Any]:
    """Return the parameters of a recipe's classifier, and refuse options that it does not have."""
    from equipoise.recipes import AUTO, is_neural

    if members is not None and not is_neural(recipe):
        raise ValueError(
            f"--members applies to neural recipes only, and {recipe!r} is not one. Remove it or choose another recipe."
        )
    if decision is not None and recipe != AUTO:
        raise ValueError(
            f"--decision applies to the recipe '{AUTO}' only, but --recipe is {recipe!r}. Remove it or choose "
            f"--recipe {AUTO}."
        )
    if recipe == AUTO:
        return {"decision": decision or "balanced"}
    return {"n_members": members or MEMBERS} if is_neural(recipe) else {}
