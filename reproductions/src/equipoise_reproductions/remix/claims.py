"""What the ReMix paper claims of its tables and of alpha, and what the scores say."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from equipoise.experiments.statistics import Interval, corrected_interval
from equipoise_reproductions.claims import Claim, Statement
from equipoise_reproductions.data import judged
from equipoise_reproductions.remix.protocol import (
    ALPHA,
    ALPHAS,
    BASELINE,
    COST,
    MIXUP,
    PAPER,
    REMIX,
    SMOTE,
    Method,
    remix_at,
)
from equipoise_reproductions.remix.ranking import Floats, Places, Scoreboard, Statistic

KINDS = ("binary", "multi-class")
_FLAT = 0.02  # a change of G-mean that a reader of Figure 7 would not see


def table_claims(scores: pd.DataFrame) -> list[Claim]:
    """Judge R1 to R5 and R9 by the scores of the tables' methods.

    R8, what ReMix costs, is a matter for the benchmarks: cells are trained beside whatever else the machine does.
    """
    names = [method.name for method in PAPER]
    gm, bbs, brier = (Scoreboard.of(scores, metric, names) for metric in ("g_mean", "bbs", "brier"))
    others = [method for method in PAPER if method is not REMIX]
    return judged(
        "remix",
        R1=_leads(gm, REMIX, others),
        R2=_leads(bbs, REMIX, others),
        R3=[
            *_leads(gm, REMIX, [SMOTE]),
            *_leads(gm, SMOTE, [BASELINE, COST]),
            *(s for other in (REMIX, SMOTE, BASELINE, COST) for s in _leads(gm, other, [MIXUP])),
        ],
        R4=[s for kind in KINDS for m in (REMIX, SMOTE) for s in _shrinks(gm, m, kind)],
        R5=[s for m in (REMIX, SMOTE) for s in _smaller_with_more_classes(gm, m)],
        R9=[s for kind in KINDS for s in _decides_but_does_not_calibrate(gm, bbs, brier, kind)],
    )


def _statement(board: Scoreboard, text: str, statistic: Statistic, among: Places | None = None) -> Statement:
    return Statement(text, board.interval(statistic, among))


def _kinds(board: Scoreboard) -> list[str]:
    return [kind for kind in KINDS if len(board.of_kind(kind))]


def _leads(board: Scoreboard, first: Method, others: Sequence[Method]) -> Iterator[Statement]:
    for kind in _kinds(board):
        for other in others:
            text = f"{kind}: mean rank of {other.title} less that of {first.title}"
            yield _statement(board, text, board.mean_rank_lead(first.name, other.name, kind), board.of_kind(kind))


def _shrinks(board: Scoreboard, method: Method, kind: str) -> Iterator[Statement]:
    problems = board.problems
    of_kind = problems["kind"] == kind
    low, high = problems.loc[of_kind, "ratio"].agg(["min", "max"])
    with_low, with_high = (set(problems.loc[of_kind & (problems["ratio"] == r), "source"]) for r in (low, high))
    here = of_kind & problems["source"].isin(with_low & with_high)
    if low == high or not here.any():
        return
    mild, extreme = ((here & (problems["ratio"] == ratio)).to_numpy() for ratio in (high, low))

    def shrinkage(means: Floats, places: Places) -> float:
        gains = board.gains(means, method.name, BASELINE.name)
        return _mean(gains[mild[places]]) - _mean(gains[extreme[places]])

    text = f"{kind}: gain of {method.title} at {high:g} less that at {low:g}"
    yield _statement(board, text, shrinkage, np.flatnonzero(here))


def _smaller_with_more_classes(board: Scoreboard, method: Method) -> Iterator[Statement]:
    if len(_kinds(board)) < 2:
        return
    binary = (board.problems["kind"] == KINDS[0]).to_numpy()

    def difference(means: Floats, places: Places) -> float:
        gains = board.gains(means, method.name, BASELINE.name)
        return _mean(gains[binary[places]]) - _mean(gains[~binary[places]])

    yield _statement(board, f"gain of {method.title}, binary less multi-class", difference)


def _decides_but_does_not_calibrate(
    gm: Scoreboard, bbs: Scoreboard, brier: Scoreboard, kind: str
) -> Iterator[Statement]:
    if kind not in _kinds(gm):
        return
    metrics = ((gm, 1.0, "G-mean gained"), (bbs, -1.0, "balanced Brier lost"), (brier, -1.0, "Brier lost"))
    for board, sign, text in metrics:
        statistic = _change_by_smote(board, sign, kind)
        yield _statement(board, f"{kind}: {text} by {SMOTE.title}", statistic, board.of_kind(kind))


def _change_by_smote(board: Scoreboard, sign: float, kind: str) -> Statistic:
    kinds = (board.problems["kind"] == kind).to_numpy()
    return lambda means, places: sign * _mean(board.gains(means, SMOTE.name, BASELINE.name)[kinds[places]])


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else np.nan


def alpha_claim(scores: pd.DataFrame, section: str = "claims") -> Claim:
    """Judge R7 by the scores of ReMix at several alphas, a row a method and fold."""
    found = scores.groupby("problem", sort=False)
    (claim,) = judged("remix", section, R7=[s for problem, part in found for s in _of_alpha(str(problem), part)])
    return claim


def by_alpha(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Scores of ReMix, a row a repeat and fold and a column an alpha."""
    alphas = {REMIX.name: ALPHA} | {remix_at(alpha).name: alpha for alpha in ALPHAS}
    table = scores.assign(alpha=scores["method"].map(alphas)).dropna(subset="alpha")
    return table.pivot_table(index=["repeat", "fold"], columns="alpha", values=metric).dropna(axis=1)


def _of_alpha(problem: str, scores: pd.DataFrame) -> Iterator[Statement]:
    gm, bbs = by_alpha(scores, "g_mean"), by_alpha(scores, "bbs")
    if {0.01, 0.4} <= set(gm):
        yield Statement(f"{problem}: balanced Brier at alpha .01 less that at .4", _paired(bbs[0.01] - bbs[0.4]))
        change = _paired(gm[0.4] - gm[0.01])
        most, least = max(-change.low, change.high), max(change.low, -change.high, 0.0)
        flat = Interval(_FLAT - abs(change.mean), _FLAT - most, _FLAT - least)
        yield Statement(f"{problem}: {_FLAT:g} less the change of G-mean from alpha .01 to .4", flat)
    if {0.3, 1.0} <= set(gm):
        yield Statement(f"{problem}: G-mean at alpha .3 less that at 1", _paired(gm[0.3] - gm[1.0]))
        yield Statement(f"{problem}: balanced Brier at alpha 1 less that at .3", _paired(bbs[1.0] - bbs[0.3]))


def _paired(differences: pd.Series) -> Interval:
    return corrected_interval(differences, test_share=0.5)
