"""The page that says whether over-sampling by GANs is worth its time."""

from pathlib import Path

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.reports.files import replace_file
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.gans import tables
from equipoise_reproductions.gans.arms import GANS, METHODS, MOVED, TITLES
from equipoise_reproductions.gans.runs import FULL, QUICK, run_all
from equipoise_reproductions.gans.scores import SCORED, health, scores
from equipoise_reproductions.page import Plot, Section, Table, write_page
from equipoise_reproductions.suite import Effort, OnProgress

_PAPER = (
    "Sharma, Singh and Chandra, SMOTified-GAN (IEEE Access, 2022); Ahsan, Ali and Siddique, GBO and SSG (Neural "
    "Networks, 2024). Here: the repaired samplers as the recipes have them, on the comparison suite."
)
_PROTOCOL = (
    "The sets of at most {rows} rows; {folds} stratified folds, drawn once, natural shares on the test side; "
    "{members} network a fold, two hidden layers of 256 and 128 units, the same gradient steps for every method. A GAN "
    "is trained on the training rows of each fold. A source counts once, whatever sets were cut from it."
)
_MOVED = (
    "The most probable class is decided, but for none, decision moved: the untreated network, its decision moved by "
    "offsets tuned for G-mean or for macro F1 on the test rows of the other folds, and its probabilities corrected to "
    "equal shares for balanced Brier. It costs no training."
)
_ALL_MOVED = "The same probabilities, every method's decision moved in that way: what is left of a treatment then."
_TIMES = "Wall time of a fit on one core, of the over-sampling and the training."
_HEALTH = (
    "Means over sets of what the samplers tell of their rows. Two-sample accuracy: how well a nearest neighbour tells "
    "as many made and real rows apart, 0.5 not at all, near 1 if the made rows lie off the data. The last column: "
    "whether sets on which made rows are easier to tell apart gain more over SMOTE on G-mean (above 0), or less."
)
_GAINS = {f"{TITLES[gan]} over {TITLES[rival]}": (gan, rival) for gan in GANS[:1] for rival in ("smote", MOVED)}


def gans_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run GAN over-samplers and their rivals over the comparison suite, and say whether they are worth their time."""
    effort = QUICK if quick else FULL
    missing = run_all(out / "cells", effort, on_progress)
    found, figures = scores(out / "cells"), health(out / "cells")
    replace_file(out / "scores.csv", found.round(6).to_csv(index=False, lineterminator="\n"))
    replace_file(out / "health.csv", figures.round(6).to_csv(index=False, lineterminator="\n"))
    sections = [
        Section("Is it worth its time?", _whole(found, effort, missing)),
        Section("Every decision moved", [_ALL_MOVED, Table("Mean ranks", tables.ranks_moved(found))]),
        Section("What it costs", [_TIMES, Table("Time", tables.times(found))]),
        Section("The rows that were made", [_HEALTH, Table("Health", tables.health(figures, found))]),
        Section("Every set", [Table(METRICS[m].title, tables.every_set(found, m, METHODS)) for m in SCORED]),
    ]
    write_page(out / "gan-suite.html", "GAN over-samplers against simpler means", _PAPER, sections, command=command)
    return out / "gan-suite.html"


def _whole(found: pd.DataFrame, effort: Effort, missing: list[str]) -> list[str | Table | Plot]:
    return [
        _PROTOCOL.format(rows=f"{effort.most_rows:,}", folds=effort.n_folds, members=effort.n_members),
        _MOVED,
        *(["A quick run: the shape of the result, not its numbers."] if effort.quick else []),
        *([f"Missing: {', '.join(missing)}."] if missing else []),
        *tables.answers(found),
        Table("Mean ranks among all", tables.ranks(found, METHODS)),
        *(Table(f"{TITLES[gan]}: differences over sources", tables.tests(found, gan)) for gan in GANS),
        Plot(
            "Gains source by source; right of the line the GAN is better",
            gain_dots(found, SCORED[:3], _GAINS),
            "Gains by source.",
        ),
    ]
