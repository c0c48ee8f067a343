"""The page that says whether MUBO's choice of rows is better than chance, and why."""

from pathlib import Path

import pandas as pd

from equipoise.experiments.scores import METRICS
from equipoise.reports.files import replace_file
from equipoise_reproductions.chance import plots, tables
from equipoise_reproductions.chance.arms import ARMS, EXPLORED, RECIPES, TITLES
from equipoise_reproductions.chance.ledger import SETS, book
from equipoise_reproductions.chance.runs import FULL, QUICK, SCORED, run_all, scores
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.page import Plot, Section, Table, write_page
from equipoise_reproductions.suite import Effort, OnProgress

_PAPER = (
    "Medlin, Leyffer and Raghavan, A Bilevel Optimization Framework for Imbalanced Data Classification (2025), section "
    "1: rows that lower the majority loss serve better than rows drawn at random."
)
_PROTOCOL = (
    "Every method trains {members} networks a fold, two hidden layers of 256 and 128 units, and makes the same number "
    "of gradient steps; {folds} stratified folds, drawn once, natural shares on the test side, probabilities averaged, "
    "the most probable class decided. A source counts once, whatever sets were cut from it. MUBO is the recipe mubo: "
    "the sound search with 20 outer steps, each network that of a chain of its own, and 5% more gradient steps for the "
    "last inner loop."
)
_CHOSEN = (
    "Sizes of micro-samples, the proposal and the numbers of outer steps were chosen on half of the sets ({sets}). The "
    "tables below have the others alone, on which nothing was chosen."
)
_PARTS = (
    "One part changed each, on the sets of at most {rows} rows. The last two tell rows from networks: both train "
    "anew, one on the rows that MUBO kept, one on as many drawn at random. The two stopped early hold out a tenth of "
    "the rows and keep the weights with the lowest balanced loss, which is what the search's objective does beside "
    "choosing rows. MUBO as printed has 60 outer steps, at the learning rate of the others. What trains anew makes its "
    "gradient steps after those of the search."
)
_LEDGER = (
    "Algorithm 1 accepts a micro-sample when J, the majority share of the loss on the sample itself, does not rise. "
    "Here each step also trained on without the micro-sample, for as long, from the same weights. J's change then has "
    "three parts: what more training alone does, what training with the new rows adds, and what counting the new rows "
    "does. An acceptance that more training alone would have brought says nothing of the rows. Beside it, what the "
    "step did to the class-balanced loss on held-out rows, which nothing in the search sees."
)
_GAINS = {f"over {rival}": ("mubo", rival) for rival in ("under", "cost")}


def chance_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run MUBO, its parts and its rivals over the comparison suite, and say what chooses better than chance."""
    effort = QUICK if quick else FULL
    missing = run_all(out / "cells", effort, on_progress)
    found = scores(out / "cells")
    sets = [name for name in SETS if quick is False or name == "yeast_2_vs_4"]
    entries = book(out / "ledger.csv", sets, **({"n_steps": 5, "inner_steps": 20} if quick else {}))
    replace_file(out / "scores.csv", found.round(6).to_csv(index=False, lineterminator="\n"))
    sections = [
        Section("Is it better?", _whole(found, effort, missing)),
        Section("What does it?", _parts(found, effort)),
        Section(
            "Why the printed rule does not choose",
            [
                _LEDGER,
                Table("Steps of four chains", tables.ledger(entries)),
                Plot("Mean change of J in a step", plots.ledger_bars(entries), "Parts of the changes of J by set."),
            ],
        ),
        Section("Every set", [Table(METRICS[m].title, tables.every_set(found, m, list(TITLES))) for m in SCORED]),
    ]
    write_page(out / "mubo-chance.html", "MUBO against chance", _PAPER, sections, command=command)
    return out / "mubo-chance.html"


def _whole(found: pd.DataFrame, effort: Effort, missing: list[str]) -> list[str | Table | Plot]:
    unseen = found[~found["set"].isin(EXPLORED)]
    parts: list[str | Table | Plot] = [
        _PROTOCOL.format(members=effort.n_members, folds=effort.n_folds),
        *(["A quick run: the shape of the result, not its numbers."] if effort.quick else []),
        *([f"Missing: {', '.join(missing)}."] if missing else []),
        *tables.goals(found),
        Table("All sets", tables.ranks(found, RECIPES)),
        Table("Differences over sources", tables.tests(found, RECIPES)),
        Plot(
            "Gains source by source; right of the line MUBO is better",
            gain_dots(found, SCORED[:3], _GAINS),
            "Gains by source.",
        ),
    ]
    if unseen["family"].nunique() > 1:
        parts += [
            _CHOSEN.format(sets=", ".join(EXPLORED)),
            Table("The other sets", tables.ranks(unseen, RECIPES)),
            Table("Differences over the other sets' sources", tables.tests(unseen, RECIPES)),
        ]
    return parts


def _parts(found: pd.DataFrame, effort: Effort) -> list[str | Table]:
    methods = [*RECIPES, *(arm.name for arm in ARMS)]
    return [
        _PARTS.format(rows=f"{effort.most_rows:,}"),
        Table("Mean ranks among all", tables.ranks(found, methods)),
        Table("Differences over sources", tables.tests(found, methods)),
        Table("Rows alone", tables.tests(found, ("random-rows", "mubo-rows"), "mubo-rows")),
    ]
