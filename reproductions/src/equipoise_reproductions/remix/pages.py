"""The pages of the ReMix reproduction: Table 1, Table 2, and the figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from equipoise.experiments.claims import Claim, as_markdown
from equipoise.experiments.statistics import corrected_interval
from equipoise.reports.files import replace_file
from equipoise.reports.svg import drawing
from equipoise.reports.text import number
from equipoise_reproductions.page import Plot, Section, Table, write_page
from equipoise_reproductions.remix import (
    claims,
    plots,
    protocol,
    results,
    runs,
    sketches,
    surfaces,
    tables,
    third_class,
)
from equipoise_reproductions.remix.protocol import (
    ALPHA,
    ALPHAS,
    FULL,
    LONGER,
    NETWORKS,
    PAPER,
    QUICK,
    Effort,
    Problem,
)
from equipoise_reproductions.remix.spread_claim import spread_parts

Part = str | Table | Plot | Claim
OnProgress = Callable[[str, int, int], None]

_PAPER = "Bellinger, Corizzo and Japkowicz, ReMix Training for Calibrated Imbalanced Deep Learning (arXiv 2012.02312)."
_RATIOS = (
    "The paper writes the ratio as N-/N+, but its values are N+/N-: rows of a rare class for each row of the rest "
    "(two classes) or of the largest class (more). Rows are drawn without replacement, with a fixed seed; the authors "
    "draw unseeded."
)
_GAINS = (
    "Mean gain over the untreated network, by N+/N- and over all cells. The BBS gain is the baseline's less the "
    "method's; the paper's text prints GM there by mistake."
)
_SURFACES = (
    "Probability of the rare class, and the line where it is one half. The numbers are means of ten runs, each with "
    "its own 25 rare rows."
)
_BEYOND = (
    "Columns that the paper lacks: the baseline again with other seeds (what chance alone does to ranks), the "
    "baseline with its decision moved to equal class priors (no training), ReMix balanced from all rows, and "
    "boosting. Brier is that of the natural class priors."
)
_COST = (
    "Cost adjusted is run as the paper describes it. The authors' code hands the weights over as an array where its "
    "library documents a dict, and may have been ignored: the last column of each table ranks the baseline at other "
    "seeds in the place of Cost adjusted."
)
_INTERVALS = "Intervals are from resampling sources, and repeats within them: wide, since three or six sources are few."
_ALPHA_SETS = {"musk2-binary": "Musk", "seizure-binary": "Seizure"}
_SHOWN_LONGER = (0.025, 0.1)  # the ratio, for two classes and for more, on which longer training is tried


def table1_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Write the data sets as they are built, beside the paper's Table 1; nothing is trained."""
    found, missing = runs.obtainable(protocol.problems())
    table = tables.table1(found)
    replace_file(out / "table1.csv", table.to_csv(lineterminator="\n"))
    section = Section("The data sets as built", [_RATIOS, *_missing(missing), Table("Table 1", table)])
    write_page(out / "remix-table1.html", "ReMix, Table 1", _PAPER, [section], command=command)
    return out / "remix-table1.html"


def table2_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Train every method on every cell that can be had; write ranks, values, extensions and verdicts."""
    effort, folder = QUICK if quick else FULL, _cells(out)
    found, missing = _problems()
    longer = [p for p in found if p.ratio in _SHOWN_LONGER and p.source.epochs < FULL.epochs and not quick]
    jobs: list[runs.Job] = [(p, NETWORKS) for p in found] + [(p, LONGER) for p in longer]
    runs.run_jobs(folder, jobs, effort, on_progress)
    runs.run_boosting_on(folder, found, effort, on_progress)
    scores = results.scores(folder, found)
    replace_file(out / "scores.csv", scores.round(6).to_csv(index=False, lineterminator="\n"))
    kinds = [kind for kind in claims.KINDS if kind in set(scores["kind"])]
    judged = claims.table_claims(scores)
    replace_file(out / "remix-table2-claims.md", as_markdown(judged, command))
    sections = [
        Section("Table 2: ranks", [*_what_was_run(effort, missing), *_ranks(scores, kinds)]),
        Section("The claims", judged),
        Section("Beyond the paper", _beyond(scores, kinds)),
        Section("Figure 5: gains over the baseline", [_gains(scores)]),
        Section(
            "Scores of every cell",
            [
                Table(
                    f"{tables.METRIC_TITLES[m]}, {kind}: mean ± standard deviation over folds",
                    tables.values(scores, m, kind, list(tables.TITLES)),
                )
                for kind in kinds
                for m in results.METRICS
            ],
        ),
    ]
    if longer:
        sections.append(Section("Fewer epochs than the paper", _longer(scores)))
    write_page(out / "remix-table2.html", "ReMix, Table 2", _PAPER, sections, command=command)
    return out / "remix-table2.html"


def figures_page(out: Path, *, quick: bool, command: str, on_progress: OnProgress) -> Path:
    """Redraw Figures 1 to 5, 7 and 8, and judge what the paper says of alpha and of the rows that ReMix makes."""
    effort, folder = QUICK if quick else FULL, _cells(out)
    found, missing = _problems()
    shown = [p for p in found if p.name.startswith(tuple(_ALPHA_SETS))]
    by_alpha = [(p, [protocol.remix_at(alpha)]) for alpha in ALPHAS for p in shown]
    runs.run_jobs(folder, [*((p, PAPER) for p in found), *by_alpha], effort, on_progress)
    scores = results.scores(folder, found)
    of_alpha = scores[scores["problem"].isin([p.name for p in shown])]
    found_surfaces = surfaces.train_surfaces()
    alpha, rows = _alpha(of_alpha), spread_parts(found)
    judged = [part for part in (*alpha, *rows) if isinstance(part, Claim)]
    replace_file(out / "remix-figures-claims.md", as_markdown(judged, command))
    with drawing():
        sections = [
            Section(
                "Figure 1: decision surfaces on the ring",
                [Plot(_SURFACES, surfaces.decision_surfaces(found_surfaces), "Three decision surfaces.")],
            ),
            Section(
                "Figures 2 and 3: what SMOTE and ReMix make of a batch",
                [
                    Plot("One batch (Figure 3).", sketches.made_rows(), "A batch before and after SMOTE and ReMix."),
                    Plot("Ten batches (Figure 2).", sketches.made_rows(n_batches=10), "Ten batches."),
                ],
            ),
            Section(
                "Figure 4: densities by alpha",
                [
                    Plot(
                        "Features (left) and labels (right) of mixed rows.",
                        sketches.densities(),
                        "Kernel densities by alpha.",
                    )
                ],
            ),
            Section("Figure 5: gains over the baseline", [_gains(scores)]),
            Section("Figure 7: alpha", [*_missing(missing), *alpha]),
            Section(
                "Figure 8: harmful interpolation",
                [Plot("A mix of two classes may land on the third.", third_class.harmful_mixes(), "Harmful mixes.")],
            ),
            Section("The rows that ReMix makes", rows),
        ]
    write_page(out / "remix-figures.html", "ReMix, figures", _PAPER, sections, command=command)
    return out / "remix-figures.html"


def _problems() -> tuple[list[Problem], dict[str, str]]:
    found, missing = runs.obtainable(protocol.problems())
    if not found:
        raise FileNotFoundError(
            "None of the paper's data sets can be had: connect to the internet, or name the folder that holds them in "
            "the environment variable EQUIPOISE_DATA_HOME."
        )
    return found, missing


def _alpha(scores: pd.DataFrame) -> list[Part]:
    sets = {start: title for start, title in _ALPHA_SETS.items() if scores["problem"].str.startswith(start).any()}
    plot = (
        Plot(
            "ReMix, drawn as the authors draw it; bands are 95% intervals from the folds (Nadeau and Bengio 2003).",
            plots.alpha_curves(scores, sets),
            "G-mean and balanced Brier against alpha.",
        )
        if sets
        else "Neither of its data sets can be had here."
    )
    return [plot, claims.alpha_claim(scores)]


def _gains(scores: pd.DataFrame) -> Plot:
    return Plot(_GAINS, plots.gain_bars(scores), "Gains by method and ratio.")


def _cells(out: Path) -> Path:
    return out / "cells"


def _missing(missing: dict[str, str]) -> list[Part]:
    return [f"Missing: {title}: {reason}" for title, reason in missing.items()]


def _what_was_run(effort: Effort, missing: dict[str, str]) -> list[Part]:
    text = (
        f"Two folds, repeats: {_limit('repeats', effort.repeats)}; epochs: {_limit('epochs', effort.epochs)}. Three "
        f"hidden layers, dropout 0.1, Adam at 1e-3, lowered on plateaus of the training loss. Alpha is {ALPHA:g}, and "
        f"batches are balanced as the authors' code does; 30% of each training half is unused, as there."
    )
    if effort != FULL:
        text = f"A quick run: the shape of the result, not its numbers. {text}"
    return [text, _COST, *_missing(missing)]


def _limit(name: str, usual: int) -> str:
    """Say how much of something is run, and on which sources it is less."""
    less = [s for s in protocol.SOURCES if getattr(s, name) < usual]
    exceptions = ", ".join(f"{s.title} ({claims.KINDS[s.multiclass]}): {getattr(s, name)}" for s in less)
    return f"{usual} ({exceptions})" if less else str(usual)


def _ranks(scores: pd.DataFrame, kinds: Sequence[str]) -> list[Part]:
    parts: list[Part] = []
    for kind in kinds:
        for metric in results.METRICS:
            parts.append(Table(f"{tables.METRIC_TITLES[metric]}, {kind}", tables.table2(scores, metric, kind)))
            parts.append(tables.tests_sentence(scores, metric, kind))
    return [*parts, _INTERVALS]


def _beyond(scores: pd.DataFrame, kinds: Sequence[str]) -> list[Part]:
    return [_BEYOND, *(Table(f"All methods, {kind}", tables.extended(scores, kind)) for kind in kinds)]


def _longer(scores: pd.DataFrame) -> list[Part]:
    rows = []
    for method in LONGER:
        short = method.name.partition("@")[0]
        for problem, part in scores[scores["method"].isin([method.name, short])].groupby("problem", sort=False):
            if set(part["method"]) == {method.name, short}:
                rows.append({"problem": problem, "method": tables.TITLES[short]} | _change(part, method.name, short))
    return (
        [
            "Where a data set is trained for fewer epochs than the paper's 500, one ratio was trained for 500 too.",
            Table("500 epochs less fewer epochs", pd.DataFrame(rows).set_index("problem")),
        ]
        if rows
        else []
    )


def _change(scores: pd.DataFrame, longer: str, shorter: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for metric, title in results.METRICS.items():
        table = scores.pivot_table(index=["repeat", "fold"], columns="method", values=metric).dropna()
        mean, low, high = corrected_interval(table[longer] - table[shorter], test_share=0.5)
        texts |= {
            f"{title}, fewer": number(table[shorter].mean()),
            f"{title}, 500": number(table[longer].mean()),
            f"{title}, change": f"{number(mean)} ({number(low)} to {number(high)})",
        }
    return texts
