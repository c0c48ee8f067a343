"""The pages of the MUBO reproduction: Tables 1, 2 and 3."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from equipoise.experiments.claims import Claim, as_markdown
from equipoise.experiments.statistics import corrected_interval
from equipoise.reports.files import replace_file
from equipoise.reports.search import search_figure
from equipoise.reports.text import number
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
from equipoise_reproductions.page import Plot, Section, Table, write_page

Part = str | Table | Plot | Claim
OnProgress = Callable[[str, int, int], None]

_PAPER = (
    "Medlin, Leyffer and Raghavan, A Bilevel Optimization Framework for Imbalanced Data Classification (11 July 2025)."
)
_READINGS = (
    "Each cell stands three times: as the paper prints it; ours on test rows as the paper's own figures imply; ours on "
    "the test rows at their natural shares. Both of ours come from the same networks. What the paper prints for MUBO "
    "fits test sides with as many rows of both classes on Abalone, Spambase and Gisette, as its authors' code draws "
    "them (with replacement), and natural shares on Ionosphere and Connect-4; what it prints for GBO fits natural "
    "shares everywhere. F1, precision and recall are macro-averaged, means over the runs; 0 where a class is never "
    "predicted. A dash: the paper has no value."
)
_GANS = (
    "SMOTified-GAN, GBO and SSG as SMOTified-GAN's authors train their GANs, on features brought to 0 and 1 by the "
    "training rows, which is all that their generators can reach; epochs: {epochs}. Those of the first three are the "
    "authors'; theirs for Spambase are 1500, and Gisette is no set of theirs: there it is what a few minutes a fit "
    "allow."
)
_HEALTH = (
    "What a discriminator that has seen a GAN train, and a nearest neighbour, make of its rows; means over the runs. "
    "Two-sample accuracy: how well a nearest neighbour tells as many made and real rows apart, 0.5 not at all, "
    "near 1 if the made rows lie off the data. Spread: deviation of the made rows over that of the real ones; well "
    "below 1, they have collapsed. They tell only of the rows that were made, not whether they help."
)
_SLIPS = (
    "Of the paper's figures: MUBO's precision and recall on Spambase in Table 1 are those of the minority in Table 3; "
    "the SMO-GAN column was copied from that paper, where F1 is that of the minority."
)
_STEPS = (
    "Networks that are trained on rows (all columns but MUBO's, and those of claim M8) have the paper's network on "
    "standardised features and make as many gradient steps as shaped the network of MUBO as printed on the data set "
    "(mean over the runs; those that a rejection undid do not count)."
)
_WATCHED = (
    "Distance: that of a micro-sample's rows to the nearest majority row accepted before, over that of 500 majority "
    "rows drawn once. Loss: theirs under the network that has not trained on them, over that of the 500. Rows that are "
    "redundant have ratios below one; what was rejected would lie below what was accepted. Chance: that an accepted "
    "micro-sample has the greater ratio of the two, among those of one chain and size, mean over the chains."
)
_LOOP = (
    "A full run of Figure 2's loop, a line a chain (run). Accepted micro-samples are joined by a line; the size grows "
    "with each."
)


def table1_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Search and train for every column on every data set that can be had; write the table, its claims and Figure 2."""
    effort, found, missing = _run(out, quick, on_progress)
    scores, histories = _stored(out, found)
    judged = [*claims.table_claims(scores, found), *claims.history_claims(histories)]
    judged.sort(key=lambda claim: int(claim.name[1:]))
    replace_file(out / "mubo-table1-claims.md", as_markdown(judged, command))
    replace_file(out / "mubo-table1-f1.md", tables.f1_markdown(scores, found))
    sections = [
        Section("Table 1", [*_what_was_run(effort, found, missing), _READINGS, _SLIPS, *_table1(scores, found)]),
        Section("The claims", judged),
        Section("Figure 2: the loop, from real runs", _charts(histories, found)),
        Section(
            "Rows made by GANs",
            [
                _GANS.format(epochs=", ".join(f"{s.title} {effort.gan_epochs_of(s)}" for s in found)),
                _HEALTH,
                Table("Health of the made rows", tables.health(results.health(_cells(out), found))),
            ],
        ),
        Section(
            "The searches",
            [
                "Means over the runs; m is the number of minority rows that train.",
                Table("How the searches went", tables.searches(histories, _minorities(scores))),
            ],
        ),
        Section("Chosen rows against random ones", [_STEPS, *_chosen(scores, found)]),
        Section("What is rejected against what is accepted", [_WATCHED, _redundancy(histories)]),
        Section(
            "How much runs vary",
            [Table(method.title, tables.spreads(scores, found, method)) for method in claims.PUBLISHED],
        ),
        Section("Fewer and more epochs", _epochs(scores, found)),
    ]
    write_page(out / "mubo-table1.html", "MUBO, Table 1", _PAPER, sections, command=command)
    return out / "mubo-table1.html"


def table2_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Write the data sets as they are, beside the paper's Table 2; nothing is trained."""
    found, missing = obtainable(protocol.SOURCES)
    table = tables.table2(protocol.SOURCES, found)
    replace_file(out / "table2.csv", table.to_csv(lineterminator="\n"))
    section = Section("The data sets as they are", [*_missing(missing), Table("Table 2", table)])
    write_page(out / "mubo-table2.html", "MUBO, Table 2", _PAPER, [section], command=command)
    return out / "mubo-table2.html"


def table3_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Write both classes' scores apart, from the runs of Table 1, which are made if need be."""
    effort, found, missing = _run(out, quick, on_progress)
    scores, _ = _stored(out, found)
    apart = [claim for claim in claims.table_claims(scores, found) if claim.name in ("M5", "M6", "M7")]
    sections = [
        Section(
            "Table 3",
            [
                *_what_was_run(effort, found, missing),
                _READINGS,
                *(Table(_caption(source), tables.table3(scores, source)) for source in found),
            ],
        ),
        Section("The claims", apart),
    ]
    write_page(out / "mubo-table3.html", "MUBO, Table 3", _PAPER, sections, command=command)
    return out / "mubo-table3.html"


def _run(out: Path, quick: bool, on_progress: OnProgress) -> tuple[Effort, list[Source], dict[str, str]]:
    effort = QUICK if quick else FULL
    found, missing = obtainable(protocol.SOURCES)
    if not found:
        raise FileNotFoundError(
            "None of the paper's data sets can be had: connect to the internet, or name the folder that holds them in "
            "the environment variable EQUIPOISE_DATA_HOME."
        )
    runs.run_jobs(_cells(out), runs.jobs(found), effort, on_progress)
    return effort, found, missing


def _stored(out: Path, found: Sequence[Source]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read scores and histories, and write them as tables."""
    scores = results.scores(_cells(out), found)
    histories = results.histories(_cells(out), found, SEARCHES)
    replace_file(out / "scores.csv", scores.round(6).to_csv(index=False, lineterminator="\n"))
    replace_file(out / "histories.csv", histories.round(6).to_csv(index=False, lineterminator="\n"))
    return scores, histories


def _cells(out: Path) -> Path:
    return out / "cells"


def _missing(missing: dict[str, str]) -> list[Part]:
    return [f"Missing: {title}: {reason}" for title, reason in missing.items()]


def _what_was_run(effort: Effort, found: Sequence[Source], missing: dict[str, str]) -> list[Part]:
    limits = ", ".join(f"{source.title} {effort.epochs_of(source, PAPER)}" for source in found)
    stand_ins = [f"{source.title}: {source.is_what}." for source in found if source.is_what]
    text = (
        f"{effort.runs} runs, each with a stratified split of its own ({TEST_SHARE:.0%} test rows) and seeds of its "
        f"own; {effort.max_iter} outer steps at most, a search ends after {N_ITER_NO_CHANGE} without an acceptance; "
        f"epochs of the inner loop, at most: {limits} (the authors' code: 2000); it stops at a gradient of 1e-3. Two "
        f"hidden layers of 256 and 128, batches of 32, Adam at 1e-4."
    )
    if effort != FULL:
        text = f"A quick run: the shape of the result, not its numbers. {text}"
    return [text, *_missing(missing), *stand_ins]


def _caption(source: Source) -> str:
    return f"{source.title} (the paper's MUBO: {tables.TEST_TITLES[results.implied(source)]})"


def _table1(scores: pd.DataFrame, found: Sequence[Source]) -> list[Part]:
    return [Table(_caption(source), tables.table1(scores, source)) for source in found]


def _charts(histories: pd.DataFrame, found: Sequence[Source]) -> list[Part]:
    parts: list[Part] = [_LOOP]
    for source in found[:1]:
        for method in SEARCHES:
            part = histories[(histories["set"] == source.title) & (histories["method"] == method.name)]
            if len(part):
                parts.append(
                    Plot(
                        f"{method.title}, {source.title}.",
                        search_figure(part),
                        "Objective and size against outer steps.",
                    )
                )
    return parts


def _minorities(scores: pd.DataFrame) -> dict[str, int]:
    """Minority rows that train, by data set: four for each that is tested, to rounding."""
    tested = scores[scores["test"] == results.NATURAL].groupby("set")[["tp", "fn"]].first().sum(axis=1)
    return {str(name): round(n * (1 - TEST_SHARE) / TEST_SHARE) for name, n in tested.items()}


def _chosen(scores: pd.DataFrame, found: Sequence[Source]) -> list[Part]:
    """F1 and mean recall of networks anew on chosen and on random rows, and of MUBO's own against `under`."""
    pairs = [(f"{m.title}: chosen, random", m.name + ANEW, m.name + RANDOM) for m in SEARCHES]
    pairs.append((f"{PAPER.title}: its network, {UNDER.title.lower()}", PAPER.name, UNDER.name))
    parts: list[Part] = []
    for metric, title in (("f1", "Macro-F1"), ("recall", "Mean recall")):
        rows = {source.title: _pairs(claims.by_run(scores, source, results.NATURAL, metric), pairs) for source in found}
        parts.append(
            Table(
                f"{title}, natural shares: the first, the second, and their difference with its interval",
                pd.DataFrame(rows).T,
            )
        )
    return parts


def _pairs(table: pd.DataFrame, pairs: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    texts = {}
    for title, first, second in pairs:
        if {first, second} <= set(table):
            mean, low, high = corrected_interval(table[first] - table[second], test_share=TEST_SHARE)
            means = f"{number(table[first].mean())}, {number(table[second].mean())}"
            texts[title] = f"{means}; {number(mean)} ({number(low)} to {number(high)})"
        else:
            texts[title] = "–"
    return texts


def _redundancy(histories: pd.DataFrame) -> Table:
    rows = []
    for (name, method), part in histories.groupby(["set", "method"], sort=False):
        if method in (PAPER.name, AUTHORS.name):
            row = {"search": f"{name}: {tables.TITLES[str(method)]}"}
            for measure in ("distance", "loss"):
                row |= _two_sides(part, measure)
            rows.append(row)
    return Table("Accepted and rejected micro-samples", pd.DataFrame(rows).set_index("search"))


def _two_sides(steps: pd.DataFrame, measure: str) -> dict[str, str]:
    found = claims.relative(steps, measure)
    texts = {}
    for side, title in ((True, "accepted"), (False, "rejected")):
        part = found.loc[found["accepted"].astype(bool) == side, "relative"]
        texts[f"{measure}, {title}"] = f"{number(part.mean())} ({len(part)} steps)"
    return texts | {f"{measure}: chance": number(claims.chances_greater(steps, measure).mean())}


def _epochs(scores: pd.DataFrame, found: Sequence[Source]) -> list[Part]:
    names = set(scores["method"])
    shown = [s for s in found if s.name in CURVES and names & {at_epochs(epochs).name for epochs in CURVES[s.name]}]
    if not shown:
        return ["None of the data sets that show it can be had here."]
    rows = {
        source.title: {
            f"at most {limit}": f"{number(values.mean())} ± {number(values.std())}"
            for limit, values in plots.by_epochs(scores, source).items()
        }
        for source in shown
    }
    return [
        f"{PAPER.title}, natural test rows: F1 of its network under other limits on the epochs of the inner loop.",
        Plot("A dot a run, a line through their means.", plots.epochs_curves(scores, shown), "F1 by limit on epochs."),
        Table("Macro-F1: mean ± standard deviation over the runs", pd.DataFrame(rows).T.fillna("–")),
    ]
