"""Augmentation by class on long-tailed images: what is run, how it is scored, and what the page speaks of."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from equipoise.experiments.statistics import Interval, t_interval
from equipoise.files import replace_file
from equipoise.progress import OnProgress
from equipoise.text import listed, number
from equipoise_reproductions.augmentation.policies import FIXED, LONGER, OPS, POLICIES, Policy
from equipoise_reproductions.augmentation.sets import DIGITS_FACTOR, SETS
from equipoise_reproductions.augmentation.training import BATCH, Rows, Training, recalls
from equipoise_reproductions.claims import Claim, Statement, in_words
from equipoise_reproductions.data import judged
from equipoise_reproductions.image_sets import FACTOR, FILES, missing_sets

SEEDS, LEAST_RUNS, QUICK_STEPS = 3, 3, 40
_PARTS, _SHARE = ("many", "medium", "few"), 0.3  # of the classes that are many-shot, and few-shot


def augmentation(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every policy on every seed of long tails; a row is written as it is known, and not run again."""
    seeds = 2 if quick else SEEDS
    missing = missing_sets(set(SETS) & set(FILES))
    sets = [name for name in SETS if name not in missing]
    wanted = [(name, policy, seed) for name in sets for seed in range(seeds) for policy in POLICIES]
    score = partial(_scored, quick=quick)
    found = run_missing(out / "recalls.csv", ("set", "policy", "seed"), wanted, score, on_progress)
    yield {"recalls": found, "missing": missing, "quick": quick}


def run_missing(
    path: Path,
    columns: Sequence[str],
    wanted: Sequence[tuple[Any, ...]],
    score: Callable[..., dict[str, float]],
    on_progress: OnProgress,
) -> pd.DataFrame:
    """Score the keys that a file does not have yet, and return all rows; each is written as it is known."""
    done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(columns))
    known = set(done[list(columns)].itertuples(index=False, name=None))
    for position, key in enumerate(wanted, start=1):
        if key not in known:
            row = dict(zip(columns, key, strict=True)) | score(*key)
            done = pd.concat([done, pd.DataFrame([row])], ignore_index=True)
            replace_file(path, done.to_csv(index=False, lineterminator="\n"))
        on_progress("training", position, len(wanted))
    return done


def _scored(name: str, policy: str, seed: int, *, quick: bool) -> dict[str, float]:
    training, test = SETS[name].training(seed, QUICK_STEPS if quick else SETS[name].n_steps)
    return trained(training, POLICIES[policy][1], test)


def trained(training: Training, policy: Policy, test: Rows) -> dict[str, float]:
    """Train by a policy, and return the passes that it took and the recalls of the classes on the test rows."""
    changed = policy(training)
    torch.manual_seed(training.seed)
    found = recalls(training.run(changed), *test)
    return {"passes": training.passes, **{f"recall_{k}": round(value, 6) for k, value in enumerate(found)}}


def recall_columns(scores: pd.DataFrame) -> list[str]:
    """Names of the columns of the classes' recalls, in the order of the classes."""
    return [str(column) for column in scores if str(column).startswith("recall_")]


def finished(recalls: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the sets and seeds on which every policy was run."""
    n_policies = recalls.groupby(["set", "seed"])["policy"].transform("nunique")
    return recalls[n_policies == len(POLICIES)]


def measures(recalls: pd.DataFrame) -> pd.DataFrame:
    """Return a row a run: balanced ``error``, recall of ``many``, ``medium`` and ``few`` shots, and ``sacrificed``.

    Classes are in the order of their sizes: many-shot are the first three tenths, rounded up, few-shot the last.
    Sacrificed is the share of classes whose recall is below that without augmentation, of the same seed (DODA, ICLR
    2024).
    """
    return pd.concat([_measures(part) for _, part in recalls.groupby("set", sort=False)], ignore_index=True)


def _measures(recalls: pd.DataFrame) -> pd.DataFrame:
    columns = recall_columns(recalls.dropna(axis=1, how="all"))
    values, edge = recalls[columns].to_numpy(), math.ceil(_SHARE * len(columns))
    plain = recalls[recalls["policy"] == "none"].set_index("seed")[columns]
    found = recalls[["set", "policy", "seed", "passes"]].assign(error=1 - values.mean(axis=1))
    for part, places in zip(_PARTS, (slice(edge), slice(edge, -edge), slice(-edge, None)), strict=True):
        found[part] = values[:, places].mean(axis=1)
    return found.assign(sacrificed=(values < plain.loc[recalls["seed"]].to_numpy()).mean(axis=1))


def errors_of(recalls: pd.DataFrame) -> pd.DataFrame:
    """Balanced error, a row a set and seed, a column a policy."""
    return measures(recalls).pivot_table(index=["set", "seed"], columns="policy", values="error", sort=False)


def interval_of(gains: ArrayLike) -> Interval:
    """Return the mean over runs, with Student's interval of three runs or more."""
    found: NDArray[np.float64] = np.asarray(gains, dtype=np.float64)
    return t_interval(found) if len(found) >= LEAST_RUNS else Interval(float(found.mean()), math.nan, math.nan)


def gain_of(errors: pd.DataFrame, ours: str, rival: str) -> Interval:
    """Balanced error of a rival less that of ours."""
    return interval_of(errors[rival] - errors[ours])


def table(recalls: pd.DataFrame, name: str) -> pd.DataFrame:
    """Means over seeds of a set; the gain over no augmentation with Student's interval."""
    own = recalls[recalls["set"] == name]
    found, errors = measures(own), errors_of(own)
    rows = {}
    for policy, (title, _) in POLICIES.items():
        means = found[found["policy"] == policy].drop(columns=["set", "policy", "seed"]).mean()
        rows[title] = {
            "balanced error": number(means["error"]),
            "gain over none": "" if policy == "none" else in_words(gain_of(errors, policy, "none")),
            **{f"recall, {part}-shot": number(means[part]) for part in _PARTS},
            "sacrifice rate": "" if policy == "none" else number(means["sacrificed"], 2),
            "cost in steps": number(means["passes"] / found.loc[found["policy"] == "none", "passes"].mean(), 1),
        }
    return pd.DataFrame(rows).T.rename_axis("policy")


def verdict(recalls: pd.DataFrame, name: str) -> str:
    """Say whether strengths searched by class are better than each rival, over the seeds of a set."""
    errors = errors_of(recalls[recalls["set"] == name])
    gains = {title: gain_of(errors, "class", rival) for rival, (title, _) in POLICIES.items() if rival != "class"}
    runs = f"On {name}, {len(errors)} runs"
    if len(errors) < LEAST_RUNS:
        lowered = listed([f"{number(gain.mean)} against {title}" for title, gain in gains.items()])
        return f"{runs}, too few for a test: strengths searched by class lower the balanced error by {lowered}."
    parts: dict[str, list[str]] = {"better than": [], "worse than": [], "not significantly different from": []}
    for title, gain in gains.items():
        side = "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not significantly different from"
        parts[side].append(f"{title} (gain {in_words(gain)})")
    said = "; ".join(f"{side} {listed(rivals)}" for side, rivals in parts.items() if rivals)
    return f"{runs}: strengths searched by class are {said}."


def claims(recalls: pd.DataFrame) -> list[Claim]:
    """Judge A4: strengths by class against one policy for all, and beside the search for the loss, on each set."""
    comparisons = (("one", "class"), ("fixed", "class"), ("longer", "class"), ("loss", "both"))
    names = recalls["set"].unique()
    statements = [_less(recalls[recalls["set"] == name], name, *pair) for pair in comparisons for name in names]
    return judged("autobalance", "augmentation", A4=statements)


def _less(recalls: pd.DataFrame, name: str, rival: str, ours: str) -> Statement:
    errors = errors_of(recalls)
    text = f"{name}: balanced error of {POLICIES[rival][0]} less that of {POLICIES[ours][0]}"
    return Statement(text, gain_of(errors, ours, rival))


def augmentation_page(recalls: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    whole = finished(recalls)
    names = list(whole["set"].unique())
    return {
        "found": {name: table(whole, name) for name in names},
        "verdicts": [verdict(whole, name) for name in names],
        "claims": claims(whole),
        "unfinished": sorted(set(SETS) - set(names)),
        "n_seeds": whole.groupby("set", sort=False)["seed"].nunique().to_dict(),
        "n_steps": {name: tail.n_steps for name, tail in SETS.items()},
        "digits_factor": DIGITS_FACTOR,
        "factor": FACTOR,
        "batch": BATCH,
        "fixed": FIXED,
        "longer": LONGER,
        "ops": OPS,
    }
