"""A recipe on all rows of a table, within a time limit."""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from equipoise import recipes as named
from equipoise.classifiers import AutoClassifier, MUBOClassifier, NeuralClassifier
from equipoise.classifiers.all_rows import needs_same_rows
from equipoise.classifiers.auto_time import Clock, LittleTimeWarning, affordable_steps
from equipoise.datasets import Dataset
from equipoise.datasets.encoded import Encode, scratch
from equipoise.datasets.sampling import sampled
from equipoise.deadline import Deadline
from equipoise.decisions import Aim, PriorCorrectedClassifier
from equipoise.experiments import shipped
from equipoise.experiments.arms import fit_parameters, recipe_parameters, weighted_priors
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.one_answer import one_answer
from equipoise.experiments.plan import LEAST_SHARE
from equipoise.experiments.priors import learned_priors
from equipoise.experiments.terms import natural, with_decision
from equipoise.processes import in_time
from equipoise.progress import OnStage, OnSteps
from equipoise.tables.preprocessing import TableWarning
from equipoise.text import called
from equipoise.training import OuterProblem, Task
from equipoise.training.tally import Tally, counted_by, tallies

_OF_LEFT = 0.85  # of the time left, for training; the rest is for predictions, and to come back


_OF_WRITING = 0.3  # of the time left, for numbers of all rows of a table that memory does not hold
_TRIED = 2_000  # rows that a preprocessing is fitted on to see how long that takes


class FewerStepsWarning(UserWarning):
    """Networks made fewer gradient steps than planned to meet a time limit."""


_KNOWN = LittleTimeWarning, FewerStepsWarning, TableWarning  # kinds that whoever asks for a fit treats by their kind


def fit_whole(
    model: Pipeline,
    dataset: Dataset,
    *,
    seconds: float | None = None,
    given: Mapping[str, Any] = MappingProxyType({}),
    on_steps: OnSteps = lambda done, total: None,
    on_stage: OnStage = lambda stage, share: None,
) -> Pipeline:
    """Fit a recipe's classifier for tables on all rows.

    ``given`` is what its ``fit`` takes beside rows, labels, weights and their dependence. With ``seconds``, a time
    limit, the fit runs in a process of its own; networks make fewer steps where needed, and say so in a warning. From
    a thread ``on_steps`` is called with the gradient steps done and in all, where their number is known, and
    ``on_stage`` with what is being done and the share of the work before it, where the classifier tells it. Raises
    TimeoutError if the time is too short for an honest fit, ValueError if the rows have weights, which the classifier
    does not take.
    """
    given = fit_parameters(model[-1], dataset) | dict(given)
    with _counted(model[-1], dataset, on_steps, on_stage) as tally:
        if seconds is None:
            to_classifier = {f"classifier__{name}": value for name, value in given.items()}
            with counted_by(tally):
                return model.fit(dataset.X, dataset.y, **_to_table(dataset), **to_classifier)
        return _with_warnings(in_time(_fit, model, dataset, given, Deadline(seconds), tally, seconds=seconds))


def fit_all_rows(
    model: Pipeline,
    dataset: Dataset,
    *,
    seconds: float | None = None,
    on_steps: OnSteps = lambda done, total: None,
    on_stage: OnStage = lambda stage, share: None,
) -> Pipeline:
    """Fit networks on all rows of the table that a data set is a sample by class of.

    The preprocessing is fitted on the sample, and the rows are written as numbers to a temporary file. Networks then
    train as on the sample, but each time that one of its rows comes up, a row of its class is drawn from the file. The
    search of `MUBOClassifier` reads the file. Parameters and errors as of `fit_whole`.

    A warning tells the size of the file before it is written. Raises OSError if there is no room for it.
    """
    model[:-1].fit(dataset.X, dataset.y, **_to_table(dataset))
    row_bytes = 4 * len(model[0].get_feature_names_out())
    with (
        scratch(dataset.n_rows, row_bytes) as folder,
        _counted(model[-1], dataset, on_steps, on_stage) as tally,
    ):
        if seconds is None:
            return _with_warnings(_fit(model, dataset, {}, None, tally, folder))
        return _with_warnings(in_time(_fit, model, dataset, {}, Deadline(seconds), tally, folder, seconds=seconds))


def trains_on_all_rows(classifier: Any, dataset: Dataset) -> bool:
    """Whether a classifier trains on all rows of the table that a data set is a sample of, not on the sample."""
    if dataset.whole is None or dataset.training_weights is not None:
        return False
    if isinstance(classifier, MUBOClassifier):
        return dataset.dependence is None  # else its search holds out groups
    return isinstance(classifier, NeuralClassifier) and needs_same_rows(classifier) is None


def affords_all_rows(model: Pipeline, dataset: Dataset, seconds: float) -> bool:
    """Whether all rows of the table of a sample can be written as numbers in a part of some seconds."""
    few = sampled(dataset, _TRIED)
    table = clone(model[:-1]).fit(few.X, few.y)
    began = time.monotonic()
    block = next(dataset.whole.table.blocks([*few.X.columns, dataset.whole.target], dataset.whole.target))
    table.transform(block[list(few.X.columns)])
    return dataset.n_rows * (time.monotonic() - began) / len(block) <= _OF_WRITING * seconds


def fit_recipe(
    recipe: str, dataset: Dataset, *, random_state: int | None = None, seconds: float | None = None, **parameters: Any
) -> Pipeline:
    """Fit a recipe on a table, or on a sample by class of a table that memory does not hold.

    Networks train on all rows of that table, with the class counts of the sample; others, and those whose sampler,
    search or early stopping needs the same rows at every step, train on the sample. Probabilities are corrected to
    those that the recipe would give for the class priors of the whole table (`equipoise.decisions.correct_prior`); of
    recipes that learn under no known class priors they stay, with a warning.

    Parameters
    ----------
    recipe : str
        As of `equipoise.recipes.get`.
    dataset : Dataset
        Of `equipoise.datasets.split_target`, or of ``sample`` of `equipoise.datasets.open_table`.
    random_state : int, optional
    seconds : float, optional
        As of `fit_whole`.
    **parameters
        Further parameters of the classifier, such as ``n_members``.

    Returns
    -------
    Pipeline
        Fitted.

    Examples
    --------
    >>> import pandas as pd
    >>> from equipoise.datasets import open_table
    >>> from equipoise.experiments import fit_recipe
    >>> frame = pd.DataFrame({"size": range(9000), "rare": [i % 100 == 0 for i in range(9000)]})
    >>> model = fit_recipe("logistic", open_table(frame).sample("rare", most_rows=200), random_state=0)
    >>> round(float(model.predict_proba(frame[["size"]])[:, 1].mean()), 2)
    0.01
    """
    preprocessor = dataset.table_preprocessor()
    model = named.make(recipe, preprocessor=preprocessor, random_state=random_state, **parameters)
    return fit_sampled(recipe, model, dataset, seconds=seconds)


def fit_sampled(
    recipe: str, model: Pipeline, dataset: Dataset, *, all_rows: bool | None = None, **options: Any
) -> Pipeline:
    """Fit the classifier of a recipe as `fit_recipe` does; options as of `fit_whole`.

    ``all_rows`` tells whether networks train on all rows of the table that a data set is a sample of; by default they
    do.
    """
    if dataset.class_counts is None:
        return fit_whole(model, dataset, **options)
    all_rows = trains_on_all_rows(model[-1], dataset) if all_rows is None else all_rows
    fit = fit_all_rows if all_rows else fit_whole
    labels, codes, own = np.unique(dataset.y.to_numpy(), return_inverse=True, return_counts=True)
    whole = np.array([dataset.class_counts[label] for label in labels.tolist()], dtype=np.float64)
    trained, mass = dataset.training_mass, np.bincount(codes, dataset.weights)
    if isinstance(model[-1], AutoClassifier):
        model[-1].set_params(class_priors=(mass / mass.sum()).tolist())
        return fit(model, dataset, **options)
    fitted = fit(model, dataset, **options)
    before, after = (
        None if learned is None else weighted_priors(learned, counts, weights)
        for learned, counts, weights in (
            (learned_priors(recipe, own), own, trained),
            (learned_priors(recipe, whole), whole, mass),
        )
    )
    if before is None or after is None:
        warnings.warn(
            f"{called(recipe)} learns under no known class priors: its probabilities are those of the sample.",
            stacklevel=2,
        )
    elif not np.allclose(before, after):
        corrected = PriorCorrectedClassifier(
            fitted[-1], training_priors=before.tolist(), target_priors=after.tolist()
        ).adopt(fitted[-1], trained / trained.sum())
        fitted.steps[-1] = ("classifier", corrected)
    return fitted


def fit_deciding(recipe: str, model: Pipeline, dataset: Dataset, aim: Aim, **options: Any) -> Pipeline:
    """Fit the classifier of a recipe with the decision of an aim, tuned on out-of-fold answers; options of `fit_whole`.

    On a sample by class, probabilities are those of the whole table, and answers count by the weights of the rows, so
    that costs, recall, precision and the share of alarms are estimates for the table. The rows of the sample train.
    """
    is_sample, codes = dataset.class_counts is not None, np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
    counts, mass = np.bincount(codes), np.bincount(codes, dataset.weights)
    if is_sample and isinstance(model[-1], AutoClassifier):
        honest = model[-1].set_params(class_priors=(mass / mass.sum()).tolist())
    else:
        honest = natural(recipe, model[-1], counts, dataset.training_mass, mass if is_sample else None)
    model.steps[-1] = ("classifier", aim.classifier(honest))
    return fit_whole(model, dataset, given={"tuning_weight": dataset.weights} if is_sample else {}, **options)


def refit(comparison: Comparison, dataset: Dataset, recipe: str | None = None, **options: Any) -> Pipeline:
    """Fit a recipe, the winner by default, on all rows, as the comparison trained it, and ship it at its best reading.

    Class priors are corrected, and thresholds or a calibration taken from all held-out rows, where that is best. With
    terms, its probabilities are corrected to the observed class priors, and its decision is tuned on the held-out rows.

    Options are those of `fit_whole`. A warning tells if networks made fewer steps than those of the folds, or if the
    model gives nearly all rows one answer; the comparison keeps these sentences in ``refitted``.
    """
    name = recipe or comparison.winner
    protocol = comparison.protocol
    model = named.make(
        name,
        preprocessor=dataset.table_preprocessor(),
        random_state=protocol.random_state,
        **recipe_parameters(name, protocol),
    )
    if comparison.aim.decides:
        counts, trained, mass = (comparison.problem[key] for key in ("counts", "training_mass", "mass"))
        unfitted = natural(name, model[-1], counts, trained, None if dataset.class_counts is None else mass)
    else:
        unfitted = shipped.corrected(comparison, name, model[-1])
    model.steps[-1] = ("classifier", unfitted)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = fit_whole(model, dataset, **options)
        labels = np.unique(dataset.y.to_numpy())
        if comparison.aim.decides:
            fitted = with_decision(comparison, name, fitted, labels)
        else:
            fitted.steps[-1] = ("classifier", shipped.tuned(comparison, name, clone(unfitted), fitted[-1], labels))
    # Each fold has reported the other warnings already.
    cuts = [str(warning.message) for warning in caught if issubclass(warning.category, FewerStepsWarning)]
    found = "" if comparison.aim.decides else one_answer(fitted, dataset)  # terms may ask for few alarms
    comparison.refitted = [*cuts, *filter(None, [found])]
    for sentence in comparison.refitted:
        warnings.warn(sentence, stacklevel=2)
    return fitted


def _fit(
    model: Pipeline,
    dataset: Dataset,
    given: dict[str, Any],
    deadline: Deadline | None,
    tally: Tally,
    folder: Path | None = None,
) -> tuple[Pipeline, list[Warning | str]]:
    """Fit a model, on all rows if there is a folder for them, and return what it warned of.

    The deadline runs from before this process began, which takes a while on a busy machine.
    """
    classifier = model[-1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with counted_by(tally):
            _train(model, dataset, given, deadline, folder)
    messages: dict[str, Warning | str] = {str(warning.message): warning.message for warning in caught}
    return model, [*messages.values(), *_fewer_steps(classifier, dataset)]


def _train(
    model: Pipeline, dataset: Dataset, given: dict[str, Any], deadline: Deadline | None, folder: Path | None
) -> None:
    table, classifier = model[0], model[-1]

    def limits() -> dict[str, Any]:
        return {} if deadline is None else _limits(classifier, max(1e-3, _OF_LEFT * deadline.left))

    def write(encode: Encode) -> tuple[NDArray[np.floating], pd.Categorical]:
        classes, columns = np.unique(dataset.y.to_numpy()), table.feature_names_in_.tolist()
        return dataset.whole.write(encode, columns, classes, dataset.n_rows, folder)

    if isinstance(classifier, NeuralClassifier) and (folder is not None or deadline is not None):
        if folder is None:
            model[:-1].fit(dataset.X, dataset.y, **_to_table(dataset))
        job = classifier.prepare(model[:-1].transform(dataset.X), dataset.y, **given)
        if folder is not None:
            X, y = write(lambda frame: job.inputs(table.transform(frame)))
            job.draw_from(X, y.codes)
        seconds = limits().get("max_time", classifier.max_time)
        if not dataset.images:
            job.tasks = _in_time(job.tasks, seconds)
        job.train(seconds)
        return
    changed: dict[str, Any] = {}
    labels: pd.Series | pd.Categorical = dataset.y
    if folder is None:
        numbers = model[:-1].fit_transform(dataset.X, labels, **_to_table(dataset))
    else:
        numbers, labels = write(table.transform)
        changed["max_steps"] = classifier.max_steps or NeuralClassifier().planned_steps(len(dataset.y))
    changed |= limits()
    before = {name: classifier.get_params()[name] for name in changed}
    classifier.set_params(**changed).fit(numbers, labels, **given)
    classifier.set_params(**before)


def _in_time(tasks: list[Task], seconds: float | None) -> list[Task]:
    """Let networks make as many steps as the time allows, so that their learning rate comes to its end."""
    if any(task.settings.outer is not None or task.inner is not None for task in tasks):
        return tasks
    planned = min(task.settings.max_steps for task in tasks)
    steps = affordable_steps(planned, Clock(seconds), tasks)
    if not 0 < steps < planned:
        return tasks
    return [replace(task, settings=replace(task.settings, max_steps=steps)) for task in tasks]


def _with_warnings(outcome: tuple[Pipeline, list[Warning | str]]) -> Pipeline:
    fitted, messages = outcome
    for each in messages:
        warnings.warn(each if isinstance(each, _KNOWN) else str(each), stacklevel=3)
    return fitted


def _to_table(dataset: Dataset) -> dict[str, Any]:
    return {} if dataset.weights is None else {"table__sample_weight": dataset.weights}


@contextmanager
def _counted(classifier: Any, dataset: Dataset, on_steps: OnSteps, on_stage: OnStage) -> Iterator[Tally]:
    """Tell the gradient steps of a fit that a tally counts, where their number in all is known, or else its stage."""
    total, is_one = _planned_steps(classifier, len(dataset.y)), _fits(classifier) == 1

    def look(made: list[Tally]) -> None:
        if total:
            on_steps(min(made[0].steps, total), total)
            return
        stage, share = made[0].stage
        if stage:
            on_stage(stage, share if is_one else 0.0)

    with tallies(1, look) as (tally,):
        yield tally


def _planned_steps(classifier: Any, n_rows: int) -> int:
    """Return the gradient steps of the networks of a fit, 0 where their number is not known."""
    networks = [each for each in (classifier, *classifier.get_params().values()) if isinstance(each, NeuralClassifier)]
    if not networks:
        return 0
    trained = 2 if isinstance(networks[0].loss, OuterProblem) else 1  # a search, and then with what it found
    return _fits(classifier) * trained * networks[0].n_members * networks[0].planned_steps(n_rows)


def _fits(classifier: Any) -> int:
    """Return how often the classifier within one is fitted: once, or once a fold and then again."""
    parameters = classifier.get_params()
    folds = [value or 5 for name, value in parameters.items() if name.rpartition("__")[2] == "cv"]
    keeps_answers = any(isinstance(value, AutoClassifier) for value in parameters.values())
    return 1 + max(folds) if folds and not keeps_answers else 1


def _limits(classifier: Any, seconds: float) -> dict[str, float]:
    """Return a time limit for each part that has one; what is fitted once a fold, and then again, has its share."""
    parameters, each = classifier.get_params(), seconds / _fits(classifier)
    names = [name for name in parameters if name.rpartition("__")[2] == "max_time"]
    return {name: each if parameters[name] is None else min(each, parameters[name]) for name in names}


def _fewer_steps(classifier: Any, dataset: Dataset) -> list[Warning]:
    """Say how many steps networks made if they were stopped, and refuse a small part of them."""
    if not hasattr(classifier, "planned_steps") or not hasattr(classifier, "n_steps_"):
        return []
    made, planned = min(classifier.n_steps_), classifier.planned_steps(len(dataset.y))
    if made < LEAST_SHARE * planned:
        raise TimeoutError(f"Only {made:,} of {planned:,} gradient steps fit into the time.")
    said = f"The networks made {made:,} of {planned:,} gradient steps in the time given."
    return [FewerStepsWarning(said)] if made < planned else []
