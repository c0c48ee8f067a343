"""The page that says how `auto` does against boosting and other references."""

from pathlib import Path

import pandas as pd

from equipoise.reports.files import replace_file
from equipoise.reports.text import count, number
from equipoise_reproductions.auto_suite import tables
from equipoise_reproductions.auto_suite.arms import N_DRAWS, TITLES, arms, missing_packages
from equipoise_reproductions.auto_suite.halves import halves
from equipoise_reproductions.auto_suite.references import BOOSTING, EXTRAS
from equipoise_reproductions.auto_suite.runs import FULL, QUICK, run_all
from equipoise_reproductions.auto_suite.scores import EQUAL, FITS, failures, of_sets, over_folds, scores_by_fold
from equipoise_reproductions.auto_suite.targets import as_table, best_booster, of_auto, targets
from equipoise_reproductions.gains import gain_dots
from equipoise_reproductions.page import Plot, Section, Table, write_page
from equipoise_reproductions.suite import Effort, OnProgress

_PAPER = (
    "The recipe auto, equipoise's default, beside scikit-learn's histogram boosting, LightGBM, XGBoost, CatBoost, "
    "logistic regression and TabM (Gorishniy, Kotelnikov and Babenko, ICLR 2025), on the comparison suite."
)
_PROTOCOL = (
    "{sets} sets of {sources} sources; a source counts once. {folds} stratified folds, groups of rows kept together; "
    "repeats: {repeats} on sets of at most {rows} rows, 1 on longer ones. Every method sees the same numbers, made by "
    "one preprocessing that is fitted on the training rows; trees get no missing cells or categories of their own. "
    "Each has its package's defaults where it is not searched."
)
_READINGS = (
    "Balanced: every class weighs alike in training. Corrected: the natural probabilities of a plain fit, corrected to "
    "equal shares of the classes; it costs no training. For G-mean and balanced Brier auto is read so, too: it decides "
    "by that. For macro F1 the decision of every method is tuned on the test rows of the other folds of the same "
    "repeat; auto's own decision, which it tunes on held-out rows in training, stands beside it. "
    "Searched: the best by log loss of the defaults and {draws} random draws in three folds of the training rows, then "
    "fitted to all of them."
)
_BEST = "The best boosting is that of the best mean rank, but for a mean, that of the best mean."
_FEW = "What was not run on every set or repeat of the others, ranked on the folds that all were run on."
_LOSES = "Sets on which auto is behind the best boosting of a metric, and by how much; empty where it is not behind."
_MEANS = (
    "Would a mean of auto's probabilities and those of boosting at its defaults be better? A gain below 0 says that "
    "auto alone is behind it in the median."
)
_TIMES = "Wall time of a fit on one core, beside other work; fits of boosting at its defaults on the same set."


def auto_suite_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Run auto and the references over the comparison suite, and judge the targets."""
    effort = QUICK if quick else FULL
    missing = run_all(out / "cells", effort, on_progress)
    by_fold, sets = scores_by_fold(out / "cells"), of_sets(out / "cells")
    found = over_folds(by_fold)
    replace_file(out / "scores.csv", found.round(6).to_csv(index=False, lineterminator="\n"))
    sections = [
        Section("What was reached", _reached(found, effort, missing, failures(out / "cells"))),
        Section("The half of the sources that was never looked at", _unseen(found)),
        Section("Ranks", _ranks(found, by_fold)),
        Section("Against every boosting", [Table(m.title, tables.tests(found, m)) for m in (*EQUAL, *FITS)]),
        Section("A mean with boosting", [_MEANS, *(Table(m.title, tables.means(found, m)) for m in (*EQUAL, *FITS))]),
        Section(
            "Where it loses",
            [
                _LOSES,
                Table("Sets", tables.losing_sets(found, sets)),
                Table("What they have in common", tables.in_common(found, sets)),
            ],
        ),
        Section("What it costs", [_TIMES, _ratio(found), Table("Time", tables.times(found, sets))]),
        Section("Every set", [Table(m.title, tables.every_set(found, m)) for m in (*EQUAL, *FITS)]),
    ]
    write_page(out / "auto-suite.html", "auto against boosting", _PAPER, sections, command=command)
    return out / "auto-suite.html"


def _reached(found: pd.DataFrame, effort: Effort, missing: list[str], failed: list[str]) -> list[str | Table]:
    judged = targets(found)
    return [
        *(["A quick run: the shape of the result, not its numbers."] if effort.quick else []),
        f"{sum(target.met for target in judged)} of {len(judged)} met.",
        Table("Targets", as_table(judged)),
        _BEST,
        _protocol(found, effort),
        _READINGS.format(draws=N_DRAWS),
        *_cuts(effort),
        *([f"Missing: {', '.join(missing)}."] if missing else []),
        *_absent(found, effort),
        *([f"Failed: {'; '.join(failed)}."] if failed else []),
    ]


def _protocol(found: pd.DataFrame, effort: Effort) -> str:
    return _PROTOCOL.format(
        sets=found["set"].nunique(),
        sources=found["family"].nunique(),
        folds=effort.n_folds,
        repeats=effort.n_repeats,
        rows=count(effort.most_rows_repeated),
    )


def _cuts(effort: Effort) -> list[str]:
    """Say which arms are run on less, from their limits."""
    cuts = []
    for arm in arms(quick=effort.quick):
        limits = [f"sets of at most {count(arm.most_cells)} rows times columns"] if arm.most_cells is not None else []
        if arm.most_repeats is not None and arm.most_repeats < effort.n_repeats:
            limits.append(f"{arm.most_repeats} of {effort.n_repeats} repeats")
        cuts += [f"{arm.title}: {', '.join(limits)}"] if limits else []
    return [f"Cut for their cost: {'; '.join(cuts)}."] if cuts else []


def _absent(found: pd.DataFrame, effort: Effort) -> list[str]:
    """Say which arms have no result, and what to install for them."""
    absent = [arm for arm in arms(quick=effort.quick) if arm.name not in set(found["method"])]
    extras = dict.fromkeys(EXTRAS[package] for arm in absent for package in missing_packages(arm.name))
    remedy = f": pip install {' '.join(repr(f'equipoise[{extra}]') for extra in extras)}" if extras else ""
    return [f"Not run: {'; '.join(arm.title for arm in absent)}{remedy}."] if absent else []


def _unseen(found: pd.DataFrame) -> list[str | Table]:
    seen, unseen = (found[found["set"].isin(half)] for half in halves())
    if unseen.empty:
        return ["None of its sets was run."]
    sources = [half["family"].nunique() for half in (seen, unseen)]
    return [
        "auto's constants were chosen on {} sources. On the {} others:".format(*sources),
        Table("Targets on the unseen half", as_table(targets(unseen))),
    ]


def _ranks(found: pd.DataFrame, by_fold: pd.DataFrame) -> list[str | Table | Plot]:
    few = {"all classes alike": tables.on_few_sets(by_fold, EQUAL), "fits": tables.on_few_sets(by_fold, FITS)}
    pairs = {f"over {TITLES[name]}": (of_auto(EQUAL[0]), name) for name in _rivals(found)}
    return [
        Table("Where all classes count alike", tables.ranks(found, EQUAL)),
        Table("Fits", tables.ranks(found, FITS)),
        Table("Macro F1, auto by its own decision", tables.own_decision(found)),
        Plot(
            "Gains of auto source by source; right of the line it is better",
            gain_dots(found, [metric.name for metric in EQUAL], pairs),
            "Gains by source.",
        ),
        *([_FEW] if any(table is not None for table in few.values()) else []),
        *(Table(f"On shared folds: {name}", table) for name, table in few.items() if table is not None),
    ]


def _rivals(found: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(best_booster(found, metric) for metric in EQUAL))


def _ratio(found: pd.DataFrame) -> str:
    ratios = [f"{number(tables.median_ratio(found, name), 0)} of {BOOSTING[name]}" for name in ("lightgbm", "catboost")]
    return f"In the median over sets auto takes the time of this many fits: {' and '.join(ratios)}."
