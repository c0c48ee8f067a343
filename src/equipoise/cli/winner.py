"""The winner's model, fitted on all rows and saved beside the report."""

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equipoise.cli.fit import about_model
from equipoise.cli.images import ImageTask
from equipoise.cli.options import Columns, Reading
from equipoise.deadline import Deadline
from equipoise.progress import ProgressBars
from equipoise.text import called

if TYPE_CHECKING:
    from equipoise.datasets import Dataset
    from equipoise.experiments import Comparison

_TO_SAVE = 0.02  # of the time limit, to save the model
_LEAST = 0.05  # of the time limit, for the model


def save_winner(
    comparison: "Comparison",
    data: "Dataset",
    target: str | None,
    reading: Reading,
    columns: Columns,
    path: Path,
    deadline: Deadline,
    of_images: ImageTask | None,
    show_values: bool,
    to_report: float,
    bars: ProgressBars,
) -> str:
    """Fit the winner on all rows and save it; where it cannot be fitted in time or saved, return the reason.

    Time is left for the report, as many seconds as it takes.
    """
    from equipoise import persistence
    from equipoise.experiments import refit
    from equipoise.reports.for_card import findings_for_card, for_card, terms_for_card

    bars.advance("refitting")
    progress: dict[str, Any] = {
        "on_steps": partial(bars.advance, "refitting"),
        "on_stage": partial(bars.tell, "refitting"),
    }
    seconds = max(deadline.left - to_report - _TO_SAVE * deadline.limit, _LEAST * deadline.limit)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `compare` says at its end what is to be said of the model
            model = refit(comparison, data, seconds=seconds, **progress)
    except TimeoutError as error:
        return (
            f"fitting {called(comparison.winner)} on all rows takes longer than the time left. {error} Repeat the "
            "command: results are kept, and the whole time goes to the model."
        )
    except Exception as error:  # the report is still to come
        return f"fitting {called(comparison.winner)} on all rows failed: {type(error).__name__}: {error}"
    about = about_model(data, target, reading, columns, comparison.winner, model) | for_card(comparison)
    about |= terms_for_card(comparison.aim) | findings_for_card(data, show_values=show_values)
    if of_images is not None and (tested := of_images.tested(model)):
        about["tested"] = comparison.tested = tested
    try:
        persistence.save(model, path, about=about)
    except (ValueError, TypeError) as error:
        return str(error)
    return ""
