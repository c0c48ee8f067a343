"""What the AutoBalance paper claims, and what the scores say."""

from collections.abc import Iterator

import pandas as pd

from equipoise.experiments.claims import Claim, Statement
from equipoise.experiments.statistics import t_interval
from equipoise.experiments.tables import by_family
from equipoise_reproductions.autobalance.arms import DEFAULT, SOLVERS, TITLES, autobalance, blend
from equipoise_reproductions.autobalance.runs import BALANCED_ERROR, GROUP_SCORES
from equipoise_reproductions.autobalance.splits import SHARES
from equipoise_reproductions.autobalance.tables import LA, gap, in_plain_trainings, seed_gap

_A1 = "AutoBalance beats CE, LDAM, LA and CDT on long tails (all but CDT on CIFAR10-LT)."
_A2 = "Starting from LA improves it further."
_RIVALS = ("none", "ldam-drw", LA, "cdt-tuned")
_FAIR = blend(0.5)
_PAPER_COST = 4.0
_ALL = "w, l, delta"
_TAILS = (
    "Letter, Optdigits and Seizure as tables, training sides cut to an exponential tail with factor 100, small "
    "networks; the paper has CIFAR-LT, ImageNet-LT and iNaturalist. Intervals from the folds of one set (Nadeau and "
    "Bengio 2003)."
)
_IMAGES = (
    "Fashion-MNIST, training images cut to an exponential tail with factor 100, a small CNN and short runs; the paper "
    "has CIFAR-LT, ImageNet-LT and iNaturalist. Intervals over seeds, which share the test images (Student's t)."
)
_FOLDS = "Intervals from folds (Nadeau and Bengio 2003)."


def table_claims(suite: pd.DataFrame, suite_by_fold: pd.DataFrame, tails_by_fold: pd.DataFrame) -> list[Claim]:
    """Judge A1, A2 and A6 by the scores on tables, and say why A4 is open."""
    return [
        Claim(
            "A1",
            _A1,
            "Table 1",
            [s for rival in _RIVALS for s in _leads(tails_by_fold, rival, DEFAULT)],
            f"{TITLES[DEFAULT]}; tau and gamma of LA and CDT tuned on the same rows. {_TAILS}",
        ),
        Claim(
            "A2",
            _A2,
            "Table 1",
            [s for solver in SOLVERS for s in _start_helps(suite, tails_by_fold, solver)],
            f"Against a start at cross-entropy. {_TAILS} Over the suite's sources by Student's t.",
        ),
        Claim(
            "A4",
            "Augmentation tuned by class beats one policy for all, and adds to the loss search.",
            "Table 2",
            [],
            "The search over augmentations is not built; the authors' code has none, and the paper's search space is "
            "not known here.",
        ),
        Claim(
            "A6",
            "Search costs 4 to 5 times plain training.",
            "secondary source",
            [_costs(suite_by_fold, solver) for solver in SOLVERS],
            "Search and retraining of two members, wall time on one core; the first outer step after two fifths of "
            "the run, one every fifth step. Interval over data sets by Student's t.",
        ),
    ]


def image_claims(by_seed: pd.DataFrame) -> list[Claim]:
    """Judge A1 and A2 by the scores on long-tailed images."""
    return [
        Claim(
            "A1",
            _A1,
            "Table 1",
            [_ahead(by_seed, rival, DEFAULT) for rival in _RIVALS],
            f"{TITLES[DEFAULT]}; tau and gamma of LA and CDT tuned on the same rows. {_IMAGES}",
        ),
        Claim(
            "A2",
            _A2,
            "Table 1",
            [_ahead(by_seed, autobalance("ce", solver), autobalance("la", solver)) for solver in SOLVERS],
            f"Against a start at cross-entropy. {_IMAGES}",
        ),
    ]


def group_claims(scores: pd.DataFrame, looks: pd.DataFrame) -> list[Claim]:
    """Judge A3 by the scores of groups, and A5 by looks at searches."""
    return [
        Claim(
            "A3",
            "With groups it lowers DEO and the worst group's error at no loss of balanced error.",
            "Table 3",
            [s for rival in ("none", "la", "cells") for s in _fairer(scores, rival)],
            f"Adult, sex as the group and no feature, lambda .5; the paper has Waterbirds and Group DRO. Balanced "
            f"error is that of the four cells of class and sex. {_FOLDS}",
        ),
        Claim(
            "A5",
            "The training split says nothing of fairness at test, the validation split does; 1/4 is better "
            "than 1/8 and 1/40.",
            "Figure 4",
            [s for name in looks["set"].unique() for s in _split_tells(looks, name)],
            "Adult (DEO by sex) and long-tailed letter (balanced error), searches over w, l and delta from plain "
            "cross-entropy; few thousand rows. Interval over searches of one split into training and test, each with "
            "a validation split of its own, by Student's t.",
        ),
    ]


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
