"""The SMOTified-GAN reproduction: rows are made and networks trained where they are not stored; the page's context."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise import datasets
from equipoise.experiments import Store
from equipoise.experiments.engine import run_cells
from equipoise.machines import n_workers
from equipoise.processes import side_by_side
from equipoise.progress import OnProgress
from equipoise_reproductions.networks import AS_SET
from equipoise_reproductions.smotified_gan import findings, plots, protocol, results, tables
from equipoise_reproductions.smotified_gan.made import key, make_rows, methods_of
from equipoise_reproductions.smotified_gan.networks import arms, prepared
from equipoise_reproductions.smotified_gan.protocol import FULL, MOST_FOR_ALL, QUICK, TITLES, Effort, Method, Source
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND
from equipoise_reproductions.smotified_gan.rows import Split, class_counts, splits
from equipoise_reproductions.study import obtainable, open_store


def notebooks(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run the authors' protocol as they ran it and done properly; yield every score after each set."""
    effort, cells = QUICK if quick else FULL, out / "cells"
    found, missing = obtainable({source.name: partial(datasets.load, source.name) for source in protocol.SOURCES})
    small = [name for name, dataset in found if len(dataset.y) <= effort.most_rows]
    sources = [source for source in protocol.SOURCES if source.name in small]
    divided = [splits(source, effort) for source in sources]
    n_made = [len(_jobs(parts)) for parts in divided]
    for number, (source, parts) in enumerate(zip(sources, divided, strict=True)):
        with open_store(cells, source.name, effort) as store:
            store.put("counts", class_counts(parts[0]))
            made = partial(_of_all, on_progress, sum(n_made[:number]), sum(n_made))
            _make_all(source, parts, effort, store, made)
            trained = partial(_of_sets, on_progress, number, len(sources))
            run_cells(arms(source, parts, effort, store), partial(prepared, parts), AS_SET, store, trained)
        done = sources[: number + 1]
        absent = [
            *(
                f"Missing: {s.title} is not in the data home and cannot be fetched here."
                for s in protocol.SOURCES
                if s.name in missing
            ),
            *(f"{source.title} is not finished yet." for source in sources[number + 1 :]),
        ]
        yield {
            "scores": results.scores(cells, done),
            "made_rows": results.health(cells, done),
            "counts": results.counts(cells, done),
            "sources": done,
            "absent": absent,
            "effort": effort,
        }


def _of_all(on_progress: OnProgress, before: int, total: int, done: int) -> None:
    on_progress("resampling", before + done, total)


def _of_sets(on_progress: OnProgress, number: int, n_sets: int, kind: str, done: int, total: int) -> None:
    if kind == "training":
        on_progress("training", number * total + done, n_sets * total)


def _jobs(parts: Sequence[Split]) -> list[tuple[Method, Split]]:
    return [(method, split) for split in parts for method in methods_of(split) if method.makes_rows]


def _make_all(source: Source, parts: Sequence[Split], effort: Effort, store: Store, tell: Any) -> None:
    pending = [(method, split) for method, split in _jobs(parts) if store.get(key(method, split)) is None]
    done = len(_jobs(parts)) - len(pending)
    tell(done)
    jobs = [(source, split, method, effort) for method, split in pending]
    for _, made in side_by_side(_made, jobs, n_workers()):
        if isinstance(made, Exception):
            raise made
        store.put(*made)
        done += 1
        tell(done)


def _made(source: Source, split: Split, method: Method, effort: Effort) -> tuple[str, dict[str, Any]]:
    return key(method, split), make_rows(source, split, method, effort)


def notebooks_page(
    scores: pd.DataFrame, made_rows: pd.DataFrame, sources: Sequence[Source], effort: Effort, **facts: Any
) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    return {
        "quick": effort != FULL,
        "most": MOST_FOR_ALL,
        "tables": tables,
        "findings": findings,
        "near": tables.nearness(scores, sources),
        "dots": plots.f1_dots(scores),
        "titles": TITLES,
        "ways": {"authors": AUTHORS, "sound": SOUND},
    }
