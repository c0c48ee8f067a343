"""`compare`: every recipe on one table, stored as it goes, so that the same call goes on after a stop."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import recipes as named
from equipoise.datasets import Dataset
from equipoise.datasets.sampling import sampled, words_of
from equipoise.deadline import Deadline
from equipoise.decisions import Terms
from equipoise.experiments.arms import taken_by
from equipoise.experiments.begun import begin, fingerprint, going_on
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.costs import measured_costs, resumed_costs
from equipoise.experiments.in_time import run_in_time
from equipoise.experiments.plan import FEWEST_ROWS, Schedule
from equipoise.experiments.prepared import PreparedFolds
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.rounds import Cells
from equipoise.experiments.scores import METRICS
from equipoise.experiments.splits import feasible_folds
from equipoise.experiments.store import Store
from equipoise.experiments.trial import affordable_rows, took_all
from equipoise.machines import n_workers
from equipoise.progress import OnProgress
from equipoise.recipes.images import SHORT, parameters_for_images, reads_images, steps_for_images
from equipoise.text import called, listed

_FEW_ROWS = 1000  # smaller tables get more repeats: they are cheap, and their scores vary more
_MANY_RARE = 500  # rows of the rarest class, from which on one division into folds tells enough


def compare(
    dataset: Dataset,
    store: Store,
    *,
    recipes: Sequence[str] | None = None,
    n_folds: int = 5,
    n_repeats: int | None = None,
    n_members: int = 4,
    metric: str = "g_mean",
    budget: float | Deadline = 900.0,
    random_state: int = 0,
    terms: Terms | None = None,
    on_progress: OnProgress = lambda kind, done, total: None,
    on_note: Callable[[str], None] = lambda note: None,
) -> Comparison:
    """Compare recipes on a table by repeated stratified cross-validation.

    Parameters
    ----------
    dataset : Dataset
        As `equipoise.datasets` makes it.
    store : Store
        Where results go; what it holds already is not computed again, also where fewer recipes or repeats are asked
        for than before.
    recipes : sequence of str, optional
        Names as `equipoise.recipes.get` takes them, or "all" for every one that is not slow; by default those of
        `equipoise.recipes.shortlist`.
    n_folds : int, default=5
        Fewer where the rarest class has fewer rows.
    n_repeats : int, optional
        2 by default, 4 up to 1,000 rows, 1 for larger tables with 500 rows or more of the rarest class.
    n_members : int, default=4
        Networks that each neural recipe averages over.
    metric : str, default="g_mean"
        Chooses the winner, and what the recipe ``auto`` decides for; one of `equipoise.experiments.METRICS`.
    budget : float or Deadline, default=900
        Time limit in seconds, with the time that scores, report and `refit` will take; or one that has begun. If
        needed, repeats, then gradient steps, then recipes are cut. The protocol's notes say which. A store goes on
        with the same or another limit and takes up what was left out; gradient steps stay as they were.
    random_state : int, default=0
    terms : Terms, optional
        What decisions are for. They change the decision of `refit` and what the report tells, but no result: the same
        comparison with other terms runs nothing again.
    on_progress : callable, optional
        Called with a kind of work ("planning", "preparing", "alone" for fits in processes, "resampling", "training"),
        how much of it is done and how much there is.
    on_note : callable, optional
        Called with each sentence on what is cut, as soon as it is known.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If an option does not serve, the store holds another comparison, or the time is too short for any recipe.
    TimeoutError
        If no recipe ended in time.
    """
    deadline = budget if isinstance(budget, Deadline) else Deadline(budget)
    check_names(recipes or (), metric, images=dataset.images)
    wanted = _wanted(dataset, recipes)
    _check_options(n_folds, n_repeats, n_members, deadline.limit, random_state)
    by_time, metric_weighs = dataset.times is not None, METRICS[metric].takes_weights
    if by_time and (n_repeats or 1) > 1:
        raise ValueError("Time divides the rows in one way: leave out the number of repeats (--repeats).")
    unweighted: list[str] = []
    if dataset.weights is not None and not metric_weighs:
        raise ValueError(f"The metric {metric!r} cannot weigh rows: choose another one, or leave the weights out.")
    if dataset.training_weights is not None:
        wanted, unweighted = _that_take_weights(wanted)
    before = store.get("seconds") or 0.0
    classes = np.unique(dataset.y.to_numpy())
    aim = (Terms() if terms is None else terms).aim(classes, dataset.rare)  # raises where they do not fit
    native = any(named.get(name).native for name in wanted)
    request = {
        "data": fingerprint(dataset),
        "recipes": wanted,
        "n_folds": n_folds,
        "n_members": n_members,
        "metric": metric,
        "budget": deadline.limit,
        "random_state": random_state,
    } | ({"gap": dataset.gap} if dataset.gap else {})

    def asked(few: Dataset) -> tuple[Protocol, PreparedFolds]:
        codes = np.unique(few.y.to_numpy(), return_inverse=True)[1]
        folds, notes = feasible_folds(codes, n_folds, few.dependence)
        if len(few.y) < len(dataset.y):
            notes.append(f"Compared on {words_of(few)}, to meet the time limit of {deadline}.")
        n_train = len(codes) - len(codes) // folds
        steps = steps_for_images(n_train) if few.images else named.classifier("none").planned_steps(n_train)
        wish = Protocol(
            wanted,
            folds,
            n_repeats or (1 if by_time else _default_repeats(codes)),
            n_members,
            steps,
            random_state,
            (*unweighted, *notes),
            METRICS[metric].decision,
            by_time=by_time,
            dependent=few.dependence is not None,
            images=few.images,
        )
        return wish, PreparedFolds(few, codes, wish.splits, native=native)

    if deadline.left <= 0 and not store.done():
        raise ValueError(f"No recipe can be compared within the time limit of {deadline}. {took_all(deadline)}")
    can_sample = metric_weighs and not dataset.images and dataset.training_weights is None
    rows = store.get("rows")
    if not rows or rows[0] != len(dataset.y):
        rows = [len(dataset.y), affordable_rows(dataset, n_folds, deadline) if can_sample else len(dataset.y)]
    few = sampled(dataset, rows[1], random_state)
    wish, ready = asked(few)
    request["n_repeats"] = wish.n_repeats
    timings = _timings(store, of := [request["data"], wish.n_folds, len(few.y)])
    if not store.done():  # without any result, another request may take the folder
        costs = measured_costs(ready, wish, deadline, on_progress, timings)
        schedule = Schedule(costs, deadline, wish.n_folds, n_workers(), n_rows=len(few.y))
        if can_sample and (share := schedule.rows_share(wish)) < 1:
            few = sampled(dataset, max(FEWEST_ROWS, int(share * len(few.y))), random_state)
            before_steps = wish.max_steps
            wish, ready = asked(few)
            schedule = schedule.on_rows(share, wish.max_steps / before_steps)
            costs = schedule.costs
        store.put("rows", [len(dataset.y), len(few.y)])
        store.put("parts", dataset.n_parts)
        codes = np.unique(few.y.to_numpy(), return_inverse=True)[1]
        begin(store, request, few, classes, codes, protocol := schedule.cut(wish))
        had_repeats = None
    else:
        protocol, had_repeats = going_on(store, request, wish)
        costs = resumed_costs(store, ready, protocol, deadline, on_progress, timings)
        schedule = Schedule(costs, deadline, protocol.n_folds, n_workers())
    store.put("timings", {"of": of, "seconds": timings})
    store.put("aim", aim.as_dict())
    for note in protocol.notes:
        on_note(note)

    def changed(protocol: Protocol, note: str) -> None:
        store.put("protocol", protocol.to_json())
        on_note(note)

    left_out = [name for name in costs.recipes if name not in protocol.recipes]
    try:
        run_in_time(protocol, schedule, Cells(store, ready, costs, on_progress), changed, left_out, had_repeats)
    finally:
        store.put("seconds", before + deadline.spent)
    comparison = Comparison(store)
    comparison.prepared, comparison.dataset = ready, few
    return comparison


def check_names(recipes: Sequence[str], metric: str, *, images: bool = False) -> None:
    """Refuse recipes that cannot be had and metrics that are not known, before a table or images are read."""
    for name in _for_images(recipes) if images else recipes:
        if name != "all":
            if not images:
                named.for_tables(name)  # raises for those of images
            named.classifier(name)
    if metric not in METRICS:
        raise ValueError(f"There is no metric {metric!r}: choose from {', '.join(METRICS)}.")


def _timings(store: Store, of: list[Any]) -> dict[str, float]:
    """Return what recipes took when they were timed on the same rows."""
    kept = store.get("timings")
    return kept["seconds"] if kept and kept["of"] == of else {}


def _default_repeats(codes: NDArray[np.int64]) -> int:
    if len(codes) <= _FEW_ROWS:
        return 4
    return 1 if np.bincount(codes).min() >= _MANY_RARE else 2


def _wanted(dataset: Dataset, recipes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the recipes to compare."""
    if dataset.images:
        return _for_images(recipes)
    chosen = recipes or named.shortlist(*dataset.X.shape, dataset.y.nunique())
    every = [
        name
        for name, recipe in named.RECIPES.items()
        if not (recipe.slow or recipe.images or not named.installed(name))
    ]
    return tuple(dict.fromkeys(name for choice in chosen for name in (every if choice == "all" else [choice])))


def _that_take_weights(recipes: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """Return the recipes that can weigh rows, and a note of those that cannot."""
    able = tuple(name for name in recipes if "sample_weight" in taken_by(named.classifier(name)))
    unable = [name for name in recipes if name not in able]
    if not able:
        raise ValueError(
            f"{listed(map(called, unable))} cannot weigh rows: choose other recipes, or leave the weights out."
        )
    return able, [
        f"{listed(map(called, unable))} cannot weigh rows and {'was' if len(unable) == 1 else 'were'} left out."
    ] if unable else []


def _for_images(recipes: Sequence[str] | None) -> tuple[str, ...]:
    wanted = []
    for name in recipes or SHORT:
        if name == "all":
            wanted += [n for n in (named.AUTO_IMAGES, *named.RECIPES) if n in SHORT or reads_images(named.RECIPES[n])]
        else:
            wanted.append(named.AUTO_IMAGES if name == named.AUTO else name)
    for name in wanted:
        parameters_for_images(named.get(name))  # raises for those that read tables
    return tuple(dict.fromkeys(wanted))


def _check_options(n_folds: int, n_repeats: int | None, n_members: int, budget: float, random_state: int) -> None:
    if n_folds < 2 or n_members < 1 or (n_repeats is not None and n_repeats < 1) or not budget > 0:
        raise ValueError(
            "n_folds must be at least 2, n_repeats and n_members at least 1, and budget positive; got "
            f"n_folds={n_folds}, n_repeats={n_repeats}, n_members={n_members} and budget={budget}."
        )
    if not 0 <= random_state < 2**32:
        raise ValueError(f"random_state must be an integer from 0 to {2**32 - 1}, got {random_state}.")


def results_path(folder: Path) -> Path:
    """Return where a comparison in a folder keeps its results."""
    return folder / "results.sqlite"
