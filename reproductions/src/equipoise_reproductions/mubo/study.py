"""The MUBO reproduction, Tables 1, 2 and 3: what is run, and what the pages speak of."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise.experiments.statistics import corrected_interval
from equipoise.progress import OnProgress
from equipoise.reports.search import search_figure
from equipoise.text import number
from equipoise_reproductions.claims import Claim, in_words
from equipoise_reproductions.mubo import claims, plots, protocol, results, runs, tables
from equipoise_reproductions.mubo.protocol import (
    ANEW,
    AUTHORS,
    CURVES,
    FULL,
    N_ITER_NO_CHANGE,
    PAPER,
    QUICK,
    RANDOM,
    SEARCHES,
    TEST_SHARE,
    UNDER,
    Effort,
    Source,
    at_epochs,
)
from equipoise_reproductions.mubo.rows import obtainable
from equipoise_reproductions.study import check_found

Facts = dict[str, Any]

_CHOSEN = {"Macro-F1": "f1", "Mean recall": "recall"}


def table1(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Search and train for every column on every data set that can be had."""
    for facts in table3(out, quick, on_progress):
        yield facts | {"health": results.health(out / "cells", facts["sources"])}


def table3(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """Both classes apart, from the runs of Table 1, which are made if need be."""
    effort, cells = QUICK if quick else FULL, out / "cells"
    found, missing = obtainable(protocol.SOURCES)
    check_found(found)
    runs.run_jobs(cells, runs.jobs(found), effort, on_progress)
    frames = {"scores": results.scores(cells, found), "histories": results.histories(cells, found, SEARCHES)}
    yield {**frames, "sources": found, "missing": missing, "effort": effort}


def table2(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[Facts]:
    """The data sets as they are, beside the paper's Table 2; nothing is trained."""
    found, missing = obtainable(protocol.SOURCES)
    yield {"table2": tables.table2(protocol.SOURCES, found), "missing": missing}


def table2_page(**facts: Any) -> Facts:
    """Return nothing: the facts are all that the page speaks of."""
    return {}


def _shared(sources: Sequence[Source], effort: Effort, judged: list[Claim]) -> Facts:
    return {
        "quick": effort != FULL,
        "test_share": f"{TEST_SHARE:.0%}",
        "patience": N_ITER_NO_CHANGE,
        "limits": ", ".join(f"{source.title} {effort.epochs_of(source, PAPER)}" for source in sources),
        "caption": lambda source: f"{source.title} (the paper's MUBO: {tables.TEST_TITLES[results.implied(source)]})",
        "tables": tables,
        "claims": judged,
    }


def table3_page(scores: pd.DataFrame, sources: Sequence[Source], effort: Effort, **facts: Any) -> Facts:
    """Return what the page speaks of, beside its facts."""
    apart = [claim for claim in claims.table_claims(scores, sources) if claim.name in ("M5", "M6", "M7")]
    return _shared(sources, effort, apart)


def table1_page(
    scores: pd.DataFrame, histories: pd.DataFrame, sources: Sequence[Source], effort: Effort, **facts: Any
) -> Facts:
    """Return what the page speaks of, beside its facts."""
    judged = [*claims.table_claims(scores, sources), *claims.history_claims(histories)]
    curves = _with_curves(scores, sources)
    return _shared(sources, effort, sorted(judged, key=lambda claim: int(claim.name[1:]))) | {
        "files": {"mubo-table1-f1.md": tables.f1_markdown(scores, sources)},
        "gan_epochs": ", ".join(f"{s.title} {effort.gan_epochs_of(s)}" for s in sources),
        "loops": dict(_loops(histories, sources[:1])),
        "minorities": minorities(scores),
        "chosen": {title: chosen(scores, sources, name) for title, name in _CHOSEN.items()},
        "redundancy": redundancy(histories),
        "published": claims.PUBLISHED,
        "paper_title": PAPER.title,
        "curves": plots.epochs_curves(scores, curves) if curves else None,
        "by_epochs": by_epochs(scores, curves),
    }


def _loops(histories: pd.DataFrame, sources: Sequence[Source]) -> Iterator[tuple[str, Any]]:
    for source in sources:
        for method in SEARCHES:
            part = histories[(histories["set"] == source.title) & (histories["method"] == method.name)]
            if len(part):
                kept = part.drop(columns="restart", errors="ignore").rename(columns={"chain": "restart"})
                yield f"{method.title}, {source.title}.", search_figure(kept)


def minorities(scores: pd.DataFrame) -> dict[str, int]:
    """Minority rows that train, by data set: four for each that is tested, to rounding."""
    tested = scores[scores["test"] == results.NATURAL].groupby("set")[["tp", "fn"]].first().sum(axis=1)
    return {str(name): round(n * (1 - TEST_SHARE) / TEST_SHARE) for name, n in tested.items()}


def chosen(scores: pd.DataFrame, sources: Sequence[Source], metric: str) -> pd.DataFrame:
    """A score of networks anew on chosen and on random rows, and of MUBO's own against `under`."""
    pairs = {f"{m.title}: chosen, random": (m.name + ANEW, m.name + RANDOM) for m in SEARCHES}
    pairs[f"{PAPER.title}: its network, {UNDER.title.lower()}"] = (PAPER.name, UNDER.name)
    by_run = {source.title: claims.by_run(scores, source, results.NATURAL, metric) for source in sources}
    rows = {title: {text: _difference(table, *pair) for text, pair in pairs.items()} for title, table in by_run.items()}
    return pd.DataFrame(rows).T


def _difference(table: pd.DataFrame, first: str, second: str) -> str:
    if not {first, second} <= set(table):
        return "–"
    gain = corrected_interval(table[first] - table[second], test_share=TEST_SHARE)
    means = f"{number(table[first].mean())}, {number(table[second].mean())}"
    return f"{means}; {in_words(gain)}"


def redundancy(histories: pd.DataFrame) -> pd.DataFrame:
    """Accepted beside rejected micro-samples, a row a data set and search."""
    rows = {}
    for (name, method), part in histories.groupby(["set", "method"], sort=False):
        if method in (PAPER.name, AUTHORS.name):
            sides = [_two_sides(part, measure) for measure in ("distance", "loss")]
            rows[f"{name}: {tables.TITLES[str(method)]}"] = sides[0] | sides[1]
    return pd.DataFrame(rows).T.rename_axis("search")


def _two_sides(steps: pd.DataFrame, measure: str) -> dict[str, str]:
    found = claims.relative(steps, measure)
    texts = {}
    for side, title in ((True, "accepted"), (False, "rejected")):
        part = found.loc[found["accepted"].astype(bool) == side, "relative"]
        texts[f"{measure}, {title}"] = f"{number(part.mean())} ({len(part)} steps)"
    return texts | {f"{measure}: chance": number(claims.chances_greater(steps, measure).mean())}


def _with_curves(scores: pd.DataFrame, sources: Sequence[Source]) -> list[Source]:
    names = set(scores["method"])
    return [s for s in sources if s.name in CURVES and names & {at_epochs(epochs).name for epochs in CURVES[s.name]}]


def by_epochs(scores: pd.DataFrame, sources: Sequence[Source]) -> pd.DataFrame:
    """Macro-F1 of MUBO as printed by the limit on its epochs, a row a data set."""
    rows = {
        source.title: {
            f"at most {limit}": f"{number(values.mean())} ± {number(values.std())}"
            for limit, values in plots.by_epochs(scores, source).items()
        }
        for source in sources
    }
    return pd.DataFrame(rows).T.fillna("–")
