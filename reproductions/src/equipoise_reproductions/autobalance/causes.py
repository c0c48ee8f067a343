"""Why a search does not beat logit adjustment with a tuned tau: its causes taken away, one after another.

Li et al., "AutoBalance" (NeurIPS 2021), section 2: validation rows choose well where parameters are few against them.
Tables are cut to long tails; the rows cut off are spare, so that the validation rows of the rarer classes can be more
than a split has, and the search need not give up any of its training rows.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from equipoise import AutoBalance, ParametricCrossEntropy, datasets
from equipoise.bilevel.cell_draws import CellDraws
from equipoise.bilevel.inner import Batch
from equipoise.experiments.splits import Fold
from equipoise.experiments.statistics import Interval, t_interval
from equipoise.files import replace_file
from equipoise.losses.counts import log_priors
from equipoise.progress import OnProgress
from equipoise.text import listed, number
from equipoise_reproductions.autobalance.arms import TAUS
from equipoise_reproductions.autobalance.spare import FOLDS, Effort, Parts, Tails
from equipoise_reproductions.autobalance.splits import Networks, Rows
from equipoise_reproductions.autobalance.tails import SETS
from equipoise_reproductions.claims import in_words

SOURCES = {"optdigits": SETS["optdigits"], "satimage": "satimage_multiclass", "segment": "segment_multiclass"}
MULTIPLES, MANY = (1, 2, 5, 10), 8
_BATCH, _FRESH, _LARGEST = 64, 100, 4000
_SEARCH, _TUNED = "search-1", "la-tuned-1"

ARMS = {
    "none": "cross-entropy",
    "la": "LA, tau 1",
    **{f"la-tuned-{m}": f"LA, tau tuned, {m} times the validation rows" for m in MULTIPLES},
    "la-best": "LA, tau of least test error (a bound)",
    **{f"search-{m}": f"search, {m} times the validation rows" for m in MULTIPLES},
    "search-1-smooth": f"search, {MANY} batches an outer step",
    "search-spare": f"search on all rows, judged by spare ones, {MANY} batches",
    "search-moved": "search, its departures applied to LA of all rows",
    "search-half": "the same, half of each departure",
    "search-folds": f"search in {FOLDS} folds, mean departure",
}
"""Arms, and their titles; all train their last network on all rows of the tail."""

CAUSES = {
    "noise of the hypergradient": (_SEARCH, "search-1-smooth"),
    "few validation rows": (_SEARCH, f"search-{MULTIPLES[-1]}"),
    "few validation rows, for a tuned tau": (_TUNED, f"la-tuned-{MULTIPLES[-1]}"),
    "rows lost to the split, and both above": (_SEARCH, "search-spare"),
    "priors of the split": (_SEARCH, "search-moved"),
    "what the best tau could gain": ("la", "la-best"),
}
"""What each cause comes to: the arm with it, and the one without."""

Found = dict[str, Tensor]


FULL, QUICK = Effort(), Effort(n_seeds=2, n_steps=40)


def rows_of(name: str) -> Rows:
    """Return a source in two halves: rows to be cut, and rows to test on."""
    dataset = datasets.load(SOURCES[name])
    codes = np.unique(dataset.y.to_numpy(), return_inverse=True)[1]
    halves = train_test_split(np.arange(len(codes)), test_size=0.5, stratify=codes, random_state=0)
    train, test = halves[0], halves[1][:_LARGEST]
    return Rows(dataset, Fold(0, 0, train, test, seed=0))


def searched(tails: Tails, trains: Parts, judges: Parts, n_batches: int = 1, shift: int = 0) -> tuple[Found, Networks]:
    """Search from LA; return what was found for each seed, and the networks of the search."""
    networks, rows = tails.networks(shift), tails.rows
    settings = AutoBalance(n_batches=n_batches)
    search = settings.begin(networks.stack, tails.counts(trains), max_steps=tails.effort.n_steps)
    draws = [
        CellDraws(torch.from_numpy(part), rows.y[part], _BATCH, torch.Generator().manual_seed(seed + shift))
        for seed, part in zip(tails.seeds, judges)
    ]
    seen: deque[Any] = deque(maxlen=n_batches)
    for _, batch in networks.train(search.loss, trains):
        seen.append(batch)
        if search.due() and len(seen) == n_batches:
            search.step(list(seen), _drawn(rows, draws))
    found = [each.parameters for each in search.found()]
    return {part: torch.from_numpy(np.stack([f[part] for f in found])) for part in ("offset", "delta")}, networks


def _drawn(rows: Rows, draws: Sequence[CellDraws]) -> Iterator[Batch]:
    for own in repeat(draws):
        drawn, weights = map(torch.stack, zip(*(each.draw() for each in own)))
        yield Batch(*rows.batch(drawn))._replace(weight=weights)


def la(counts: Tensor, tau: float = 1.0) -> Found:
    """Return what LA is as parameters."""
    offset = log_priors(counts.double(), tau).float()
    return {"offset": offset, "delta": torch.ones_like(offset)}


def _loss(found: Found) -> ParametricCrossEntropy:
    return ParametricCrossEntropy(offset=found["offset"], delta=found["delta"])


def _moved(found: Found, start: Tensor, end: Tensor, share: float = 1.0) -> Found:
    """Apply a share of the departure from one LA to another."""
    offset = la(end)["offset"] + share * (found["offset"] - la(start)["offset"])
    return {"offset": offset, "delta": 1 + share * (found["delta"] - 1)}


def scores(name: str, effort: Effort) -> pd.DataFrame:
    """Run every arm on a source: a row an ``arm`` and ``seed``, ``error`` at test, and the trainings that it ``took``.

    Searches also have the errors of the network that searched, on its training, validation and test rows.
    """
    tails = Tails(rows_of(name), effort)
    whole, counts, of_split = tails.parts, tails.counts(tails.parts), tails.counts(tails.trains)
    frames: list[pd.DataFrame] = []

    def add(arm: str, errors: Sequence[float], took: float, **others: Sequence[float]) -> None:
        frames.append(pd.DataFrame({"arm": arm, "seed": tails.seeds, "error": errors, "took": took, **others}))

    def retrained(found: Found) -> list[float]:
        return tails.errors(tails.trained(_loss(found), whole))

    add("none", tails.errors(tails.trained(ParametricCrossEntropy(), whole)), 1)
    by_tau = {tau: retrained(la(counts, tau)) for tau in TAUS}
    trials = {tau: tails.trained(_loss(la(of_split, tau)), tails.trains) for tau in TAUS}
    add("la", by_tau[1.0], 1)
    judged = {f"la-tuned-{m}": tails.more(m) for m in MULTIPLES}
    for arm, judges in judged.items():
        worth = {tau: tails.errors(trials[tau], judges) for tau in sorted(TAUS, key=lambda tau: abs(tau - 1))}
        best = [min(worth, key=lambda tau: worth[tau][seed]) for seed in tails.seeds]
        add(arm, [by_tau[tau][seed] for seed, tau in enumerate(best)], len(TAUS) + 1)
    add("la-best", np.min(list(by_tau.values()), axis=0).tolist(), len(TAUS))

    searches = {f"search-{m}": (tails.trains, tails.more(m), 1) for m in MULTIPLES}
    searches |= {
        "search-1-smooth": (tails.trains, tails.more(1), MANY),
        "search-spare": (whole, tails.more(10, of_split=False), MANY),
    }
    for arm, (trains, judges, n_batches) in searches.items():
        found, networks = searched(tails, trains, judges, n_batches)
        sides = {side: tails.errors(networks, part) for side, part in (("training", trains), ("validation", judges))}
        add(arm, retrained(found), _took(n_batches), **sides, test=tails.errors(networks))
        if arm == "search-1":
            add("search-moved", retrained(_moved(found, of_split, counts)), _took(1))
            add("search-half", retrained(_moved(found, of_split, counts, share=0.5)), _took(1))
    folds = [tails.fold(number) for number in range(FOLDS)]
    each = [
        _moved(searched(tails, *fold, shift=_FRESH * (number + 1))[0], tails.counts(fold[0]), counts)
        for number, fold in enumerate(folds)
    ]
    mean = {part: torch.stack([found[part] for found in each]).mean(0) for part in each[0]}
    add("search-folds", retrained(mean), FOLDS * (_took(1) - 1) + 1)
    return pd.concat(frames, ignore_index=True).assign(set=name)


def _took(n_batches: int) -> float:
    """Trainings of a search and a retraining: an outer step a batch is two steps, every fifth after two fifths."""
    return 2 + 0.6 / 5 * 2 * n_batches


def causes(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every source that has no file yet."""
    folder, frames, effort = out / "causes", [], QUICK if quick else FULL
    folder.mkdir(parents=True, exist_ok=True)
    sources = list(SOURCES)[: 1 if quick else None]
    for done, name in enumerate(sources, start=1):
        path = folder / f"{name}.csv"
        if not path.exists():
            replace_file(path, scores(name, effort).round(6).to_csv(index=False, lineterminator="\n"))
        frames.append(pd.read_csv(path))
        on_progress("splits", done, len(sources))
    yield {"cause_scores": pd.concat(frames, ignore_index=True), "quick": quick, "effort": effort}


def _by_source(found: pd.DataFrame, column: str = "error") -> pd.DataFrame:
    return found.pivot_table(index="set", columns="arm", values=column)


def gain(found: pd.DataFrame, rival: str, ours: str) -> Interval:
    """Balanced error of a rival less ours, over sources (Student's t)."""
    wide = _by_source(found)
    return t_interval((wide[rival] - wide[ours]).to_numpy())


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Means over sources, a row an arm."""
    wide, took = _by_source(found), found.groupby("arm")["took"].first()
    rows = {}
    for arm, title in ARMS.items():
        own = wide[_TUNED] - wide[arm]
        rows[title] = {
            "balanced error": number(wide[arm].mean()),
            "gain over tuned LA": "" if arm == _TUNED else in_words(gain(found, _TUNED, arm)),
            "sources won": "" if arm == _TUNED else f"{int((own > 0).sum())} of {len(own)}",
            "cost in trainings": number(took[arm], 1),
        }
    return pd.DataFrame(rows).T.rename_axis("method")


def causes_table(found: pd.DataFrame) -> pd.DataFrame:
    """What the search gains where a cause is taken away."""
    rows = {cause: {"gain without it": in_words(gain(found, *arms))} for cause, arms in CAUSES.items()}
    return pd.DataFrame(rows).T.rename_axis("cause")


def sides_table(found: pd.DataFrame) -> pd.DataFrame:
    """Balanced error of the networks that searched, on either side of the split and at test."""
    searches = [arm for arm in ARMS if found.loc[found["arm"] == arm, "test"].notna().all()]
    columns = ("training", "validation", "test")
    rows = {
        ARMS[arm]: {column: number(_by_source(found, column)[arm].mean()) for column in columns} for arm in searches
    }
    return pd.DataFrame(rows).T.rename_axis("network of the search")


def sources_table(found: pd.DataFrame) -> pd.DataFrame:
    """Balanced error by source."""
    return _by_source(found)[list(ARMS)].T.map(number).rename(index=ARMS).rename_axis("method")


def verdict(found: pd.DataFrame) -> str:
    """Say which arms beat LA with a tuned tau."""
    ours = [arm for arm in ARMS if arm.startswith("search")]
    winners = [ARMS[arm] for arm in ours if gain(found, _TUNED, arm).low > 0]
    beating = (
        f"LA with a tuned tau is beaten by {listed(winners)}" if winners else "No search beats LA with a tuned tau"
    )
    return f"{beating}, over {found['set'].nunique()} sources."


def causes_page(cause_scores: pd.DataFrame, effort: Effort, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    found = cause_scores
    return {
        "verdict": verdict(found),
        "methods": table(found),
        "causes": causes_table(found),
        "sides": sides_table(found),
        "sources": sources_table(found),
        "names": ", ".join(found["set"].unique()),
        "taus": ", ".join(f"{tau:g}" for tau in TAUS),
        "n_folds": FOLDS,
    }
