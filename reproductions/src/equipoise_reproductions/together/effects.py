"""Main effects and interactions of the parts, a 2 x 2 x 2 design in which every source is a block, and what they say.

The effect of a part is the mean gain of adding it, over the four subsets of the others. The interaction of two is half
of what the one gains more with the other than without it, that of three half of the difference of such interactions
(Box, Hunter and Hunter, "Statistics for Experimenters", 2005, chapter 5).
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
from scipy import stats

from equipoise.experiments.scores import METRICS
from equipoise.experiments.statistics import Interval, corrected_interval, t_interval
from equipoise.text import listed, number, signed
from equipoise_reproductions.image_sets import N_PARTS
from equipoise_reproductions.over_sets import holm, mean_ranks, wilcoxon_holm
from equipoise_reproductions.tables import Tables, by_family
from equipoise_reproductions.together.design import (
    ARMS,
    CORRECTED,
    NATURAL,
    PARTS,
    READINGS,
    SCORED,
    TERMS,
    TWICE,
    read,
)

_LEVEL = 0.05
_TABLES = Tables([METRICS[name] for name in SCORED], {name: name for name in (*ARMS, TWICE)})


def contrast(table: pd.DataFrame, term: str) -> pd.Series:
    """Return the effect or interaction of a term on each source, from the scores of `ARMS`, higher being better."""
    signs = [np.prod([1 if part in arm.split("+") else -1 for part in term.split("+")]) for arm in ARMS]
    return (table[list(ARMS)] * signs).sum(axis=1) / 4


def over_sources(gains: pd.DataFrame) -> pd.DataFrame:
    """Judge gains, a row a source, column by column: mean ``gain``, ``low``, ``high``, ``median``, ``p`` and ``sure``.

    Intervals are Student's, at 95%; p is Wilcoxon's, by Holm over the columns, and a gain is sure if it is below .05.
    """
    tested = wilcoxon_holm(gains.assign(nothing=0.0), "nothing")["pvalue_holm"]
    found = _with_intervals(gains, {str(name): t_interval(gains[name]) for name in gains})
    return found.assign(p=tested, sure=tested < _LEVEL)


def over_folds(gains: pd.DataFrame) -> pd.DataFrame:
    """Judge gains, a row a fold of one set, as `over_sources` does.

    Intervals are those of Nadeau and Bengio (2003), at 95%; p is that of their test, by Holm over the columns. Two
    folds make nothing sure.
    """
    share, freedom = 1 / N_PARTS, len(gains) - 1
    found = _with_intervals(gains, {str(name): corrected_interval(gains[name], test_share=share) for name in gains})
    error = (found["high"] - found["gain"]) / stats.t.ppf(0.975, freedom)
    tested = holm(pd.Series(2 * stats.t.sf((found["gain"] / error).abs(), freedom), index=found.index))
    return found.assign(p=tested, sure=(tested < _LEVEL) & (freedom > 1))


def _with_intervals(gains: pd.DataFrame, intervals: dict[str, Interval]) -> pd.DataFrame:
    found = pd.DataFrame({name: value._asdict() for name, value in intervals.items()}).T
    return found.rename(columns={"mean": "gain"}).assign(median=gains.median())


Judge = Callable[[pd.DataFrame], pd.DataFrame]


def effects(scores: pd.DataFrame, judge: Judge = over_sources) -> pd.DataFrame:
    """Return a row a ``reading``, ``metric`` and ``term``: its effect or interaction, as it is judged over families."""
    parts = [
        judge(contrasts(scores, reading, name)).rename_axis("term").reset_index().assign(reading=reading, metric=name)
        for reading, name in product(READINGS, SCORED)
    ]
    return pd.concat(parts, ignore_index=True)


def contrasts(scores: pd.DataFrame, reading: str, metric: str) -> pd.DataFrame:
    """Return the effects and interactions on a metric: a row a family, a column a term; above 0 is a gain."""
    table = METRICS[metric].sign * by_family(read(scores, reading), metric, ARMS)
    return pd.DataFrame({term: contrast(table, term) for term in TERMS})


def effect_table(found: pd.DataFrame, reading: str) -> pd.DataFrame:
    """Gains of a reading, a row a term and a column a metric; a star where one is sure."""
    columns = {}
    for name in SCORED:
        lines = found[(found["reading"] == reading) & (found["metric"] == name)].set_index("term").loc[list(TERMS)]
        columns[METRICS[name].title] = [
            f"{signed(line['gain'])} [{signed(line['low'])}, {signed(line['high'])}]{'*' if line['sure'] else ''}"
            for line in lines.to_dict("records")
        ]
    return pd.DataFrame(columns, index=pd.Index([_title(term) for term in TERMS], name="gain of"))


def ranks(scores: pd.DataFrame, reading: str) -> pd.DataFrame:
    """Mean rank and mean score of every subset."""
    return _TABLES.ranks(read(scores, reading), ARMS)


def twice(scores: pd.DataFrame, reading: str) -> pd.DataFrame:
    """Differences of the search that starts from cross-entropy to the one that starts from logit adjustment."""
    rival = "remix+autobalance"
    return _TABLES.tests(read(scores, reading), (rival, TWICE), rival)


def times(scores: pd.DataFrame) -> pd.DataFrame:
    """Seconds a fit, the median over sets, and in fits of the untreated networks."""
    wide = scores.pivot_table(index="set", columns="method", values="seconds")[list(ARMS)]
    ratios = wide.div(wide["none"], axis=0).median()
    columns = {"seconds a fit, median": wide.median(), "in untreated fits": ratios}
    return pd.DataFrame({title: values.map(lambda v: number(v, 1)) for title, values in columns.items()})


def answers(scores: pd.DataFrame, found: pd.DataFrame, judge: Judge = over_sources) -> list[str]:
    """Answer "should I combine them?" in five sentences."""
    first, best = best_subset(scores, NATURAL), best_subset(scores, CORRECTED)
    return [
        f"As the networks decide, the subset of the best mean rank over the five metrics is {first}; "
        f"{_beats(scores, first, NATURAL, judge)}.",
        f"The effects of the parts, in the mean over subsets of the others: {_mains(found, NATURAL)}.",
        f"Between the parts, {_pairs(found, NATURAL)}.",
        f"Once thresholds are tuned and probabilities calibrated on other rows, {_mains(found, CORRECTED)}, and the "
        f"subset of the best mean rank is {best}; {_beats(scores, best, CORRECTED, judge)}.",
        _advice(scores, first, best, judge=judge),
    ]


def best_subset(scores: pd.DataFrame, reading: str) -> str:
    """Return the subset whose mean rank over sources, in the mean over metrics, is best."""
    table = [
        mean_ranks(by_family(read(scores, reading), name, ARMS), greater_is_better=METRICS[name].greater_is_better)
        for name in SCORED
    ]
    return str(sum(table[1:], table[0]).idxmin())


def better_on(
    scores: pd.DataFrame, subset: str, reading: str, side: int = 1, judge: Judge = over_sources
) -> dict[str, list[str]]:
    """Return the metrics on which a subset is significantly better than each smaller one; worse with side -1."""
    smaller = [arm for arm in ARMS if arm != subset and (arm == "none" or set(arm.split("+")) < set(subset.split("+")))]
    won: dict[str, list[str]] = {arm: [] for arm in smaller}
    for name in SCORED if smaller else ():
        table = side * METRICS[name].sign * by_family(read(scores, reading), name, [subset, *smaller])
        judged = judge(table[smaller].rsub(table[subset], axis=0))
        for arm in judged.index[judged["sure"] & (judged["median"] > 0)]:
            won[arm].append(METRICS[name].title)
    return won


def _beats(scores: pd.DataFrame, subset: str, reading: str, judge: Judge) -> str:
    won, lost = (better_on(scores, subset, reading, side, judge) for side in (1, -1))
    if not won:
        return "nothing is better than it in the mean"
    said = [
        f"against {arm} it is significantly better on {_named(won[arm])}"
        + (f" and worse on {_named(lost[arm])}" if lost[arm] else "")
        for arm in won
    ]
    return "; ".join(said)


def _named(metrics: list[str]) -> str:
    return listed(metrics) if metrics else "no metric"


def _mains(found: pd.DataFrame, reading: str) -> str:
    return "; ".join(f"{part} {_verdict(found, reading, part)}" for part in PARTS)


def _pairs(found: pd.DataFrame, reading: str) -> str:
    of_two = [term for term in TERMS if term.count("+") == 1]
    return "; ".join(f"{_title(pair)} {_verdict(found, reading, pair)}" for pair in of_two)


def _verdict(found: pd.DataFrame, reading: str, term: str) -> str:
    lines = found[(found["reading"] == reading) & (found["term"] == term) & found["sure"]]
    parts = []
    for said, of_side in (("gains", lines[lines["gain"] > 0]), ("loses", lines[lines["gain"] < 0])):
        if len(of_side):
            named = [f"{METRICS[line['metric']].title} ({signed(line['gain'])})" for line in of_side.to_dict("records")]
            parts.append(f"{said} {listed(named)}")
    return " and ".join(parts) or "changes nothing significantly"


def _title(term: str) -> str:
    return term.replace("+", " x ")


def _advice(scores: pd.DataFrame, *chosen: str, judge: Judge) -> str:
    """Advise to combine only where a sum is significantly better, on some metric, than all that it is made of."""
    told = []
    for subset, reading in zip(chosen, READINGS, strict=True):
        earned = "+" in subset and all(better_on(scores, subset, reading, judge=judge).values())
        where = (
            f"where decisions and probabilities are {'taken as they are' if reading == NATURAL else READINGS[reading]}"
        )
        told.append(f"combine {subset.replace('+', ' and ')} {where}" if earned else f"combine nothing {where}")
    return f"So {told[0]}, and {told[1]}."
