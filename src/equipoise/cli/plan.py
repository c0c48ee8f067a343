"""``equipoise plan``: how many labelled rows an evaluation needs, before they are collected."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from equipoise.cli.options import AS_FOUND, AS_IN_A_FILE, Columns, Reading
from equipoise.cli.output import announce, say
from equipoise.cli.task import load_task
from equipoise.files import check_input
from equipoise.progress import OnSteps, ProgressBars
from equipoise.text import counted, listed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from equipoise.datasets import Dataset


def _check_share(_: Any, value: float | None) -> None:
    if value is not None and not 0 < value < 1:  # NaN neither
        raise ValueError("Must be above 0 and below 1, such as 0.05.")


Share = Annotated[float | None, Parameter(validator=_check_share)]
GivenShare = Annotated[float, Parameter(validator=_check_share)]


def plan(
    pilot: Path | None = None,
    /,
    *,
    target: str | None = None,
    prior: Share = None,
    recall: GivenShare = 0.8,
    precision: Share = None,
    average_precision: Share = None,
    margin: GivenShare = 0.05,
    difference: GivenShare = 0.05,
    reading: Reading = AS_IN_A_FILE,
    columns: Columns = AS_FOUND,
) -> None:
    """Tell how many labelled rows give 95% intervals of a width, and would settle a comparison of two methods.

    Parameters
    ----------
    pilot
        Table with some labelled rows. Prior, precision and average precision are then those of boosting on held-out
        rows of it, unless they are given.
    target
        Column of the classes in the pilot.
    prior
        Share of the class that matters.
    recall
        Recall that is expected or wanted.
    precision
        Precision that is expected at this recall; 0.5 without a pilot.
    average_precision
        Average precision that is expected; 0.5 without a pilot.
    margin
        Half of the width of the intervals.
    difference
        Smallest difference between the recalls of two methods that a comparison should detect.
    """
    if pilot is None and prior is None:
        raise ValueError("Give the share of the class that matters (--prior .01), or a pilot table and its --target.")
    if pilot is not None and target is None:
        raise ValueError(f"Name the column of {pilot} that holds the classes: --target NAME.")
    if pilot is None and (target is not None or columns != AS_FOUND or reading != AS_IN_A_FILE):
        raise ValueError("--target and the options of columns are for a pilot table, but none is given: name its file.")
    expected = {"prior": prior, "precision": precision, "average_precision": average_precision}
    if pilot is not None and target is not None:
        check_input(pilot)
        console = Console()
        with ProgressBars(console) as bars:
            bars.advance("reading")
            data = load_task(pilot, target, reading, columns)
        announce(data)
        with ProgressBars(console) as bars:
            measured = _measured(data, recall, partial(bars.advance, "holding"))
        say(f"  Boosting on held-out rows: {_in_words(measured, data, recall)}.")
        expected = {name: measured[name] if value is None else value for name, value in expected.items()}

    from equipoise.experiments.sample_size import CHANCE, needs

    values = {name: 0.5 if value is None else value for name, value in expected.items()}
    found = needs(**values, recall=recall, margin=margin, difference=difference)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for title in ("95% interval or comparison", "counted rows", "labelled rows"):
        table.add_column(title, justify="left" if title.startswith("95") else "right")
    for need in found:
        table.add_row(need.goal, f"{need.counted:,}", f"{need.rows:,}")
    Console().print(table, highlight=False)
    say(
        f"Counted are positive rows, for precision alarms. The labelled rows hold them with a chance of {CHANCE:.0%}; "
        f"a comparison of two methods on the same rows (McNemar) then has a power of {CHANCE:.0%}. Sources: "
        "Wilson 1927 (recall, precision); Boyd, Eng and Page 2013 (average precision); Connor 1987 (comparison)."
    )
    little = [need.goal.partition(",")[0] for need in found if need.says_little]
    if little:
        least = min(recall, values["precision"], values["average_precision"])
        say(
            f"An interval wider than the value itself says little ({listed(little)}): "
            f"give a smaller margin, such as --margin {least / 5:.1g}."
        )
    if pilot is not None:
        have = len(data.y)
        settled = [need.goal for need in found if need.rows <= have and not need.says_little]
        say(
            f"The pilot has {counted(have, 'row')}: "
            + (f"enough for {'; '.join(settled)}." if settled else "not enough for any of these goals.")
        )


def _measured(data: "Dataset", recall: float, on_fold: OnSteps) -> dict[str, float]:
    """Return prior, precision at a recall, and average precision of boosting on held-out rows."""
    import warnings

    import numpy as np
    from sklearn.metrics import average_precision_score, precision_recall_curve

    from equipoise import recipes
    from equipoise.experiments.arms import without_random_rows
    from equipoise.experiments.splits import ForwardFolds, StratifiedFolds, feasible_folds

    rare = (data.y.astype(str) == str(data.rare)).to_numpy()
    codes, weights = rare.astype(np.int64), np.ones(len(rare)) if data.weights is None else data.weights
    n_folds, _ = feasible_folds(codes, 5, data.dependence)
    splits = (StratifiedFolds if data.times is None else ForwardFolds)(n_folds)
    options = without_random_rows("gbdt") if data.dependence is not None else {}
    held_out, scores = list[np.ndarray](), list[np.ndarray]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folds = list(splits.folds(data, codes, 0))
        for done, fold in enumerate(folds):
            on_fold(done, len(folds))
            model = recipes.make("gbdt", preprocessor=data.table_preprocessor(), random_state=0, **options)
            model.fit(data.X.iloc[fold.train], rare[fold.train], classifier__sample_weight=weights[fold.train])
            held_out.append(fold.test)
            scores.append(model.predict_proba(data.X.iloc[fold.test])[:, 1])
    rows, proba = np.concatenate(held_out), np.concatenate(scores)
    seen = rare[rows], proba
    precisions, recalls, _ = precision_recall_curve(*seen, sample_weight=weights[rows])
    score = average_precision_score(*seen, sample_weight=weights[rows])
    return {
        "prior": float(np.average(rare, weights=weights)),
        "precision": float(min(precisions[recalls >= recall].max(), 0.99)),
        "average_precision": float(min(score, 0.99)),
    }


def _in_words(measured: dict[str, float], data: "Dataset", recall: float) -> str:
    import numpy as np

    from equipoise.experiments.sample_size import logit_interval, wilson
    from equipoise.text import between, number

    rare = (data.y.astype(str) == str(data.rare)).to_numpy()
    prior = wilson(measured["prior"], _tells(data, np.ones_like(rare)))
    score = logit_interval(measured["average_precision"], _tells(data, rare))
    return (
        f"precision {number(measured['precision'])} at a recall of {recall:g}, average precision "
        f"{number(measured['average_precision'])} (95% interval {between(*score)}); the share of {data.rare!r} is "
        f"{measured['prior']:.3g} (95% interval {prior[0]:.3g} to {prior[1]:.3g})"
    )


def _tells(data: "Dataset", rows: "NDArray[np.bool_]") -> float:
    """Return how many equal rows tell as much as these do by their weights."""
    from equipoise.experiments.sample_size import as_equal_rows

    return float(rows.sum()) if data.weights is None else as_equal_rows(data.weights[rows])
