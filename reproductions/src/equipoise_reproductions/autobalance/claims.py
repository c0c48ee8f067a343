"""What the AutoBalance paper claims, and what the scores say."""

from collections.abc import Iterator

import pandas as pd

from equipoise.experiments.statistics import t_interval
from equipoise_reproductions.autobalance.arms import DEFAULT, SOLVERS, TITLES, autobalance, blend
from equipoise_reproductions.autobalance.scores import BALANCED_ERROR, GROUP_SCORES
from equipoise_reproductions.autobalance.splits import SHARES
from equipoise_reproductions.autobalance.tables import LA, gap, in_plain_trainings, seed_gap
from equipoise_reproductions.claims import Claim, Statement
from equipoise_reproductions.data import judged
from equipoise_reproductions.tables import by_family

_RIVALS = ("none", "ldam-drw", LA, "cdt-tuned")
_FAIR = blend(0.5)
_PAPER_COST = 4.0
_ALL = "w, l, delta"


def table_claims(suite: pd.DataFrame, suite_by_fold: pd.DataFrame, tails_by_fold: pd.DataFrame) -> list[Claim]:
    """Judge A1, A2 and A6 by the scores on tables."""
    return judged(
        "autobalance",
        "tables",
        A1=[s for rival in _RIVALS for s in _leads(tails_by_fold, rival, DEFAULT)],
        A2=[s for solver in SOLVERS for s in _start_helps(suite, tails_by_fold, solver)],
        A6=[_costs(suite_by_fold, solver) for solver in SOLVERS],
    )


def image_claims(by_seed: pd.DataFrame) -> list[Claim]:
    """Judge A1 and A2 by the scores on long-tailed images."""
    return judged(
        "autobalance",
        "images",
        A1=[_ahead(by_seed, rival, DEFAULT) for rival in _RIVALS],
        A2=[_ahead(by_seed, autobalance("ce", solver), autobalance("la", solver)) for solver in SOLVERS],
    )


def group_claims(scores: pd.DataFrame, looks: pd.DataFrame) -> list[Claim]:
    """Judge A3 by the scores of groups, and A5 by looks at searches."""
    return judged(
        "autobalance",
        "groups",
        A3=[s for rival in ("none", "la", "cells") for s in _fairer(scores, rival)],
        A5=[s for name in looks["set"].unique() for s in _split_tells(looks, name)],
    )


def _ahead(by_seed: pd.DataFrame, rival: str, ours: str) -> Statement:
    return Statement(f"balanced error of {TITLES[rival]} less that of {TITLES[ours]}", seed_gap(by_seed, rival, ours))


def _leads(by_fold: pd.DataFrame, rival: str, ours: str) -> Iterator[Statement]:
    for name, part in by_fold.groupby("set", sort=False):
        text = f"{name}: balanced error of {TITLES[rival]} less that of {TITLES[ours]}"
        yield Statement(text, gap(part, BALANCED_ERROR.name, rival, ours))


def _start_helps(suite: pd.DataFrame, tails_by_fold: pd.DataFrame, solver: str) -> Iterator[Statement]:
    ce, la = autobalance("ce", solver), autobalance("la", solver)
    yield from _leads(tails_by_fold, ce, la)
    table = by_family(suite, BALANCED_ERROR.name, [ce, la])
    text = f"the suite: balanced error of {TITLES[ce]} less that of {TITLES[la]}"
    yield Statement(text, t_interval(table[ce] - table[la]))


def _costs(by_fold: pd.DataFrame, solver: str) -> Statement:
    ratios = in_plain_trainings(by_fold)[autobalance("la", solver)]
    return Statement(f"{solver}: time in plain trainings, less {_PAPER_COST:g}", t_interval(ratios - _PAPER_COST))


def _fairer(scores: pd.DataFrame, rival: str) -> Iterator[Statement]:
    for measure in ("deo", "worst", "cells"):
        text = f"{GROUP_SCORES[measure]} of {TITLES[rival]} less that of {TITLES[_FAIR]}"
        yield Statement(text, gap(scores, measure, rival, _FAIR))


def _split_tells(looks: pd.DataFrame, name: str) -> Iterator[Statement]:
    here = looks[(looks["set"] == name) & (looks["searched"] == _ALL) & (looks["step"] == looks["step"].max())]
    wide = here.pivot_table(index=["share", "seed"], columns="side", values="value")
    quarter, *smaller = SHARES
    own = wide.loc[quarter]
    nearer = (own["test"] - own["training"]).abs() - (own["test"] - own["validation"]).abs()
    yield Statement(f"{name}: distance from test to training less that to validation", t_interval(nearer))
    for share in smaller:
        text = f"{name}: {here['fairness'].iloc[0]} at test with {share} less that with {quarter}"
        yield Statement(text, t_interval(wide.loc[share, "test"] - own["test"]))
