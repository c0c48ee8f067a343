"""Predictions for the rows of a table that have no target, in a file beside the model."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.cli.output import say
from equipoise.cli.predict import blocks_of
from equipoise.cli.scored import check_replaceable, write
from equipoise.cli.scorer import Scorer, free_names
from equipoise.text import counted

if TYPE_CHECKING:
    import pandas as pd

    from equipoise.datasets import Dataset

FILE = "unlabelled.csv"


def check_unlabelled(data: "Dataset", folder: Path) -> bool:
    """Return whether there are rows without a target; refuse a file of another origin in the place of their scores."""
    import numpy as np

    if data.class_counts is not None:
        raise ValueError("--score-unlabelled is for tables in memory: use `equipoise predict` on the large one.")
    if data.unlabelled is None or not len(data.unlabelled):
        say(f"  Every row has a target: no {FILE} is written.")
        return False
    made = ["prediction", *(f"probability_{label}" for label in np.unique(data.y.to_numpy()))]
    names = free_names(made, [*map(str, data.unlabelled.columns), str(data.y.name)])
    check_replaceable(folder / FILE, list(names.values()))
    return True


def write_unlabelled(model: Path, table: Path, folder: Path) -> None:
    """Write the rows of a table without a target, with their predictions by a model that was just saved."""
    from equipoise import persistence
    from equipoise.datasets.target import is_labelled
    from equipoise.tables.text_cells import without_marks

    about = persistence.read_card(model)["about"]
    scorer = Scorer(persistence.load(model, trusted=True), about, None, False, [])
    named, target = about["reading"]["missing_values"] or (), about["target"]
    reading = {**about["reading"], "missing_values": ()}  # cells are kept as they stand

    def rows() -> Iterator["pd.DataFrame"]:
        parts = blocks_of(table, reading, target)
        open_rows = (part[~is_labelled(without_marks(part[[target]], named)[target])] for part in parts)
        return (part.reset_index(drop=True) for part in open_rows if len(part))

    if scorer.counts_alarms:
        scorer.count_alarms(rows(), table)
    scored = (scorer.score(part, table) for part in rows())
    n_rows = write(scored, folder / FILE, *scorer.style_of(table))
    say(f"{counted(n_rows, 'row')} without a target: {folder / FILE}")
