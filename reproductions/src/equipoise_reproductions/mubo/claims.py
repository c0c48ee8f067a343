"""What the MUBO paper claims of its tables, and what the scores say."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from equipoise.experiments.statistics import Interval, corrected_interval, t_interval
from equipoise_reproductions.claims import Claim, Statement
from equipoise_reproductions.data import judged
from equipoise_reproductions.mubo.protocol import (
    ANEW,
    AUTHORS,
    COLUMNS,
    GBO,
    LARGEST_VARIANCE,
    PAPER,
    RANDOM,
    SEARCHES,
    SMOTIFIED_GAN,
    TEST_SHARE,
    UNDER,
    Method,
    Source,
)
from equipoise_reproductions.mubo.results import NATURAL, implied
from equipoise_reproductions.mubo.tables import TEST_TITLES

PUBLISHED = (PAPER, AUTHORS)
"""The two searches that stand for the paper's MUBO column."""

_LED = ("Gisette", "Abalone", "Connect4")  # where the paper's MUBO leads
_NEAR, _ALIKE = 0.01, 0.1  # "within .01"; the widest gap of the classes' F1 that the paper calls alike is .09
_HIGHEST = 0.1  # "up to .10"


def table_claims(scores: pd.DataFrame, sources: Sequence[Source]) -> list[Claim]:
    """Judge M1 to M8 and M11 by the scores of the columns at hand."""
    here = [source for source in sources if source.title in set(scores["set"])]
    led = [source for source in here if source.title in _LED]
    spambase, ionosphere = ([s for s in here if s.title == title] for title in ("Spambase", "Ionosphere"))
    rivals = (SMOTIFIED_GAN, GBO)
    others = [source for source in here if source not in ionosphere]
    return judged(
        "mubo",
        M1=[s for source in led for s in _leads(scores, source, 0.0)],
        M2=[s for source in spambase for s in _leads(scores, source, _NEAR)],
        M3=[s for source in ionosphere for rival in rivals for s in _against(scores, source, rival, "f1", "F1", -1)],
        M4=[s for method in PUBLISHED for s in _highest(scores, here, method)],
        M5=[s for source in others for s in _against(scores, source, GBO, "f1_m", "minority F1", 1)],
        M6=[s for source in here for s in (*_alike(scores, source), *_less_alike(scores, source))],
        M7=[s for source in here for s in _against(scores, source, GBO, "recall_M", "majority recall", -1)],
        M8=_serve_better(scores, here),
        M11=[s for source in led for s in _varies_little(scores, source)],
    )


def history_claims(histories: pd.DataFrame) -> list[Claim]:
    """Judge M9 and M10 by the histories of the searches, watched as they ran."""
    return judged(
        "mubo",
        M9=[s for method in PUBLISHED for s in _redundant(histories, method)],
        M10=[s for method in PUBLISHED for s in _more_right(histories, method)],
    )


def _tests(source: Source) -> list[str]:
    return list(dict.fromkeys([implied(source), NATURAL]))


def by_run(scores: pd.DataFrame, source: Source, test: str, metric: str) -> pd.DataFrame:
    """Scores of a data set, a row a run and a column a method."""
    part = scores[(scores["set"] == source.title) & (scores["test"] == test)]
    return part.pivot(index="run", columns="method", values=metric)


def _leads(scores: pd.DataFrame, source: Source, allowed: float) -> Iterator[Statement]:
    plus = f", plus {allowed:g}" if allowed else ""
    for test in _tests(source):
        for method in PUBLISHED:
            if (lead := _lead(scores, source, test, method)) is not None:
                gain, best = lead
                text = f"{source.title}, {TEST_TITLES[test]}: F1 of {method.title} less that of {best.title}{plus}"
                yield Statement(text, _of_runs(gain + allowed))


def _lead(scores: pd.DataFrame, source: Source, test: str, method: Method) -> tuple[pd.Series, Method] | None:
    """What a method leads the best of the paper's other columns by, a value a run, and that column."""
    table = by_run(scores, source, test, "f1")
    others = [m for m in COLUMNS if m.printed and not m.mode and m.name in table]
    if not others or method.name not in table:
        return None
    best = max(others, key=lambda other: table[other.name].mean())
    return table[method.name] - table[best.name], best


def _highest(scores: pd.DataFrame, sources: Sequence[Source], method: Method) -> Iterator[Statement]:
    for kind, title in ((implied, "test rows as the paper's"), (lambda source: NATURAL, TEST_TITLES[NATURAL])):
        leads = [(source, *lead) for source in sources if (lead := _lead(scores, source, kind(source), method))]
        if leads:
            source, gain, best = max(leads, key=lambda lead: lead[1].mean())
            text = f"{title}, {source.title}: F1 of {method.title} less that of {best.title}, less {_HIGHEST:g}"
            yield Statement(text, _of_runs(gain - _HIGHEST))


def _against(
    scores: pd.DataFrame, source: Source, rival: Method, metric: str, title: str, sign: int
) -> Iterator[Statement]:
    """Differences of the published searches to a rival: those by which they lead (1), or trail (-1)."""
    for test in _tests(source):
        table = by_run(scores, source, test, metric)
        for method in PUBLISHED:
            if {method.name, rival.name} <= set(table):
                first, second = (method, rival) if sign > 0 else (rival, method)
                text = f"{source.title}, {TEST_TITLES[test]}: {title} of {first.title} less that of {second.title}"
                yield Statement(text, _of_runs(table[first.name] - table[second.name]))


def _less_alike(scores: pd.DataFrame, source: Source) -> Iterator[Statement]:
    for test in _tests(source):
        gaps = (by_run(scores, source, test, "f1_m") - by_run(scores, source, test, "f1_M")).abs()
        for method in PUBLISHED:
            if {method.name, GBO.name} <= set(gaps):
                text = f"{source.title}, {TEST_TITLES[test]}: gap of {GBO.title} less that of {method.title}"
                yield Statement(text, _of_runs(gaps[GBO.name] - gaps[method.name]))


def _alike(scores: pd.DataFrame, source: Source) -> Iterator[Statement]:
    for test in _tests(source):
        rare, other = (by_run(scores, source, test, f"f1{part}") for part in ("_m", "_M"))
        for method in PUBLISHED:
            if method.name in rare:
                gap = _of_runs(rare[method.name] - other[method.name])
                widest, least = max(-gap.low, gap.high), max(gap.low, -gap.high, 0.0)
                text = f"{source.title}, {TEST_TITLES[test]}: {_ALIKE:g} less the gap of {method.title}"
                yield Statement(text, Interval(_ALIKE - abs(gap.mean), _ALIKE - widest, _ALIKE - least))


def _serve_better(scores: pd.DataFrame, sources: Sequence[Source]) -> Iterator[Statement]:
    pairs = [
        (f"a network anew on the rows of {m.title}, less on random rows", m.name + ANEW, m.name + RANDOM)
        for m in SEARCHES
    ]
    pairs.append((f"the network of {PAPER.title}, less {UNDER.title.lower()}", PAPER.name, UNDER.name))
    for text, first, second in pairs:
        for metric, title in (("f1", "F1"), ("recall", "mean recall")):
            tables = [by_run(scores, source, NATURAL, metric) for source in sources]
            gains = [(t[first] - t[second]).mean() for t in tables if {first, second} <= set(t)]
            if gains:
                yield Statement(f"{title}: {text}", t_interval(gains))


def _varies_little(scores: pd.DataFrame, source: Source) -> Iterator[Statement]:
    for test in _tests(source):
        table = by_run(scores, source, test, "f1")
        for method in PUBLISHED:
            if method.name in table and len(table) > 1:
                text = f"{source.title}, {TEST_TITLES[test]}: log10 of 2.29e-5 over the variance of {method.title}"
                yield Statement(text, _log_ratio(table[method.name].var(), len(table)))


def _log_ratio(variance: float, n: int) -> Interval:
    low, high = variance * (n - 1) / stats.chi2.ppf([0.975, 0.025], n - 1)
    with np.errstate(divide="ignore"):
        return Interval(*(float(np.log10(LARGEST_VARIANCE / v)) for v in (variance, high, low)))


def _redundant(histories: pd.DataFrame, method: Method) -> Iterator[Statement]:
    measures = (("distance", "farther from the rows accepted before"), ("loss", "of greater loss before the step"))
    for measure, title in measures:
        chances = chances_greater(histories[histories["method"] == method.name], measure)
        if len(chances):
            text = f"{method.title}: chance that an accepted micro-sample is {title} than a rejected one, less one half"
            yield Statement(text, t_interval(chances.groupby("set").mean() - 0.5))


def chances_greater(histories: pd.DataFrame, measure: str) -> pd.Series:
    """Chance that a measure is greater of an accepted step than of a rejected one, a value a data set and chain.

    Steps of one size are compared: means of few rows scatter more than those of many.
    """
    rows = []
    for (name, chain), steps in relative(histories, measure).groupby(["set", "chain"]):
        sizes = [_wins(alike) for _, alike in steps.groupby("proposed")]
        wins, pairs = np.sum(sizes, axis=0)
        rows.append({"set": name, "chain": chain, "chance": wins / pairs if pairs else np.nan})
    return pd.DataFrame(rows, columns=["set", "chain", "chance"]).set_index(["set", "chain"])["chance"].dropna()


def _wins(steps: pd.DataFrame) -> tuple[float, int]:
    """Count the pairs of an accepted and a rejected step in which the accepted one is greater; a tie is half a win."""
    taken, left = (steps.loc[steps["accepted"].astype(bool) == side, "relative"] for side in (True, False))
    if taken.empty or left.empty:
        return 0.0, 0
    return float(stats.mannwhitneyu(taken, left).statistic), len(taken) * len(left)


def relative(histories: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Histories with a column ``relative``: a measure of the proposed rows over that of any row at that step."""
    found = histories[f"{measure}_proposed"] / histories[f"{measure}_any"]
    return histories.assign(relative=found.replace([np.inf, -np.inf], np.nan)).dropna(subset="relative")


def _more_right(histories: pd.DataFrame, method: Method) -> Iterator[Statement]:
    accepted = histories[(histories["method"] == method.name) & histories["accepted"].astype(bool)]
    for column, title in (("objective", "J"), ("larger_loss", "mean majority loss")):
        found = correlations(accepted, column)
        if len(found):
            text = f"{method.title}: minus the rank correlation of {title} with majority recall"
            yield Statement(text, t_interval(-found.groupby("set").mean()))


def correlations(accepted: pd.DataFrame, column: str) -> pd.Series:
    """Rank correlation of a column with majority recall on the test side, a value a data set and chain."""
    recall = accepted["tn"] / (accepted["tn"] + accepted["fp"])
    parts = accepted.assign(recall=recall).groupby(["set", "chain"])
    rows = [
        {"set": key[0], "chain": key[1], "rho": part[column].corr(part["recall"], method="spearman")}
        for key, part in parts
        if len(part) > 2 and part["recall"].nunique() > 1
    ]
    return pd.DataFrame(rows, columns=["set", "chain", "rho"]).set_index(["set", "chain"])["rho"]


def _of_runs(differences: pd.Series) -> Interval:
    values = differences.dropna()
    if len(values) < 2:
        return Interval(float(values.mean()), np.nan, np.nan)
    return corrected_interval(values, test_share=TEST_SHARE)
