"""A recipe on all rows of a table, within a time limit."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from equipoise import recipes as named
from equipoise.classifiers import AutoClassifier
from equipoise.datasets import Dataset
from equipoise.deadline import Deadline
from equipoise.experiments import shipped
from equipoise.experiments.arms import fit_parameters, recipe_parameters
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.plan import LEAST_SHARE
from equipoise.experiments.terms import natural, with_decision
from equipoise.training.processes import in_time

_OF_LEFT = 0.85  # of the time left, for training; the rest is for predictions, and to come back


def fit_whole(model: Pipeline, dataset: Dataset, *, seconds: float | None = None) -> Pipeline:
    """Fit a recipe's classifier for tables on all rows.

    Parameters
    ----------
    model : Pipeline
        Of `equipoise.recipes.make`.
    dataset : Dataset
    seconds : float, optional
        Time limit. The fit then runs in a process of its own; networks make fewer steps where needed, and say so in a
        warning.

    Returns
    -------
    Pipeline
        Fitted.

    Raises
    ------
    TimeoutError
        If the time is too short for an honest fit.
    ValueError
        If the rows have weights, which the classifier does not take.
    """
    given = fit_parameters(model[-1], dataset)
    if seconds is None:
        to_classifier = {f"classifier__{name}": value for name, value in given.items()}
        return model.fit(dataset.X, dataset.y, **_to_table(dataset), **to_classifier)
    fitted, sentences = in_time(_fit, model, dataset, given, seconds, seconds=seconds)
    for sentence in sentences:
        warnings.warn(sentence, stacklevel=2)
    return fitted


def refit(
    comparison: Comparison, dataset: Dataset, recipe: str | None = None, seconds: float | None = None
) -> Pipeline:
    """Fit a recipe, the winner by default, on all rows, as the comparison trained it, and ship it at its best reading.

    Class priors are corrected, and thresholds or a calibration taken from all held-out rows, where that is best. With
    terms, its probabilities are corrected to the observed class priors, and its decision is tuned on the held-out rows.

    Parameters
    ----------
    comparison : Comparison
    dataset : Dataset
    recipe : str, optional
    seconds : float, optional
        Time limit: networks make fewer steps where needed.

    Raises
    ------
    TimeoutError
        If the limit is too short.
    """
    name = recipe or comparison.winner
    protocol = comparison.protocol
    model = named.make(
        name,
        preprocessor=dataset.table_preprocessor(),
        random_state=protocol.random_state,
        **recipe_parameters(name, protocol),
    )
    counts, mass = (comparison.problem[key] for key in ("counts", "mass"))
    if comparison.aim.decides:
        unfitted = natural(name, model[-1], counts, mass)
    else:
        unfitted = shipped.corrected(comparison, name, model[-1])
    model.steps[-1] = ("classifier", unfitted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # each fold has reported them already
        fitted = fit_whole(model, dataset, seconds=seconds)
        labels = np.unique(dataset.y.to_numpy())
        if comparison.aim.decides:
            return with_decision(comparison, name, fitted, labels)
        fitted.steps[-1] = ("classifier", shipped.tuned(comparison, name, clone(unfitted), fitted[-1], labels))
    return fitted


def _fit(model: Pipeline, dataset: Dataset, given: dict[str, Any], seconds: float) -> tuple[Pipeline, list[str]]:
    deadline, classifier = Deadline(seconds), model[-1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        numbers = model[:-1].fit_transform(dataset.X, dataset.y, **_to_table(dataset))
        limits = _limits(classifier, max(1e-3, _OF_LEFT * deadline.left))
        before = {name: classifier.get_params()[name] for name in limits}
        classifier.set_params(**limits).fit(numbers, dataset.y, **given)
        classifier.set_params(**before)
    return model, [*dict.fromkeys(str(warning.message) for warning in caught), *_fewer_steps(classifier, numbers)]


def _to_table(dataset: Dataset) -> dict[str, Any]:
    return {} if dataset.weights is None else {"table__sample_weight": dataset.weights}


def _limits(classifier: Any, seconds: float) -> dict[str, float]:
    """Return a time limit for each part that has one; what is fitted once a fold, and then again, has its share."""
    parameters = classifier.get_params()
    folds = [value or 5 for name, value in parameters.items() if name.rpartition("__")[2] == "cv"]
    again = folds and not any(isinstance(value, AutoClassifier) for value in parameters.values())  # it has answers kept
    each = seconds / (1 + max(folds)) if again else seconds
    names = [name for name in parameters if name.rpartition("__")[2] == "max_time"]
    return {name: each if parameters[name] is None else min(each, parameters[name]) for name in names}


def _fewer_steps(classifier: Any, numbers: Any) -> list[str]:
    """Say how many steps networks made if they were stopped, and refuse a small part of them."""
    if not hasattr(classifier, "planned_steps") or not hasattr(classifier, "n_steps_"):
        return []
    made, planned = min(classifier.n_steps_), classifier.planned_steps(len(numbers))
    if made < LEAST_SHARE * planned:
        raise TimeoutError(f"Only {made:,} of {planned:,} gradient steps fit into the time.")
    return [f"The networks made {made:,} of {planned:,} gradient steps in the time given."] if made < planned else []
