"""Augmentation by class on long-tailed images: what is run, how it is scored, and what the page speaks of."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from equipoise.datasets import make_long_tail
from equipoise.experiments.statistics import t_interval
from equipoise.files import replace_file
from equipoise.progress import OnProgress
from equipoise.text import number
from equipoise_reproductions.augmentation.policies import FIXED, LONGER, OPS, POLICIES, Policy
from equipoise_reproductions.augmentation.training import BATCH, Rows, Training, recalls
from equipoise_reproductions.autobalance.images import fashion_mnist
from equipoise_reproductions.claims import Claim, Statement
from equipoise_reproductions.data import judged

FACTORS = {"digits": 30, "fashion_mnist": 50}
STEPS, SEEDS = {"digits": 200, "fashion_mnist": 200}, 3
QUICK_STEPS = 40
_PARTS = ("many", "medium", "few")
_CLASSES = 10


def long_tailed(name: str, seed: int, n_steps: int) -> tuple[Training, Rows]:
    """Return a training on a long tail, which class is how rare drawn by the seed, and balanced test rows."""
    rng = np.random.RandomState(seed)
    if name == "digits":
        images, codes = load_digits(return_X_y=True)
        pixels = images.reshape(-1, 1, 8, 8).astype(np.float32) / 16
        sides = train_test_split(pixels, codes, test_size=0.4, stratify=codes, random_state=rng)
    else:
        pixels, codes, n_train = _clothes()
        picked = rng.choice(n_train, 10_000, replace=False)
        tested = n_train + rng.choice(len(codes) - n_train, 2000, replace=False)
        sides = [pixels[picked], pixels[tested], codes[picked], codes[tested]]
    X, X_test, y, y_test = sides
    order = rng.permutation(_CLASSES)  # place of each class in the tail
    X, y = make_long_tail(X, order[y], FACTORS[name], random_state=rng)
    test = torch.from_numpy(X_test), torch.from_numpy(order[y_test])
    return Training((torch.from_numpy(X), torch.from_numpy(y)), n_steps, seed), test


@cache
def _clothes() -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
    """Fashion-MNIST at half its size: means over two by two pixels, from 0 to 1."""
    images, codes, n_train = fashion_mnist()
    return images.reshape(-1, 1, 14, 2, 14, 2).mean((3, 5), dtype=np.float32) / 255, codes, n_train


def augmentation(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every policy on every seed of long tails; a row is written as it is known, and not run again."""
    seeds = 2 if quick else SEEDS
    sets, missing = obtainable()
    wanted = [(name, policy, seed) for seed in range(seeds) for name in sets for policy in POLICIES]
    score = partial(_scored, quick=quick)
    found = run_missing(out / "recalls.csv", ("set", "policy", "seed"), wanted, score, on_progress)
    yield {"recalls": found, "missing": missing, "quick": quick, "n_steps": STEPS, "seeds": seeds}


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


def obtainable() -> tuple[list[str], list[str]]:
    """Return the names of the sets that can be read here, and of the others."""
    try:
        fashion_mnist()
    except FileNotFoundError:
        return ["digits"], ["fashion_mnist"]
    return list(FACTORS), []


def _scored(name: str, policy: str, seed: int, *, quick: bool) -> dict[str, float]:
    training, test = long_tailed(name, seed, QUICK_STEPS if quick else STEPS[name])
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


def measures(recalls: pd.DataFrame) -> pd.DataFrame:
    """Return a row a run: balanced ``error``, recall of ``many``, ``medium`` and ``few`` shots, and ``sacrificed``.

    Classes are in the order of their sizes: the first three, the next four, the last three. Sacrificed is the share of
    classes whose recall is below that without augmentation, of the same seed (DODA, ICLR 2024).
    """
    columns = recall_columns(recalls)
    values = recalls[columns].to_numpy()
    plain = recalls[recalls["policy"] == "none"].set_index(["set", "seed"])[columns]
    rivals = plain.loc[list(recalls[["set", "seed"]].itertuples(index=False, name=None))].to_numpy()
    found = recalls[["set", "policy", "seed", "passes"]].assign(error=1 - values.mean(axis=1))
    for part, places in zip(_PARTS, (slice(0, 3), slice(3, 7), slice(7, None)), strict=True):
        found[part] = values[:, places].mean(axis=1)
    return found.assign(sacrificed=(values < rivals).mean(axis=1))


def table(recalls: pd.DataFrame, name: str) -> pd.DataFrame:
    """Means over seeds of a set; the gain over no augmentation with Student's interval."""
    found = measures(recalls[recalls["set"] == name])
    errors = found.pivot_table(index="seed", columns="policy", values="error")
    rows = {}
    for policy, (title, _) in POLICIES.items():
        means = found[found["policy"] == policy].drop(columns=["set", "policy", "seed"]).mean()
        gain, low, high = t_interval((errors["none"] - errors[policy]).to_numpy())
        rows[title] = {
            "balanced error": number(means["error"]),
            "gain over none": "" if policy == "none" else f"{number(gain)} [{number(low)}, {number(high)}]",
            **{f"recall, {part}-shot": number(means[part]) for part in _PARTS},
            "sacrifice rate": "" if policy == "none" else number(means["sacrificed"], 2),
            "cost in steps": number(means["passes"] / STEPS[name], 1),
        }
    return pd.DataFrame(rows).T.rename_axis("policy")


def verdict(recalls: pd.DataFrame) -> str:
    """Say whether strengths searched by class are better than each rival, over all runs."""
    errors = measures(recalls).pivot_table(index=["set", "seed"], columns="policy", values="error")
    parts = []
    for rival, (title, _) in POLICIES.items():
        if rival != "class":
            gain, low, high = t_interval((errors[rival] - errors["class"]).to_numpy())
            side = "better than" if low > 0 else "worse than" if high < 0 else "not significantly different from"
            parts.append(f"{side} {title} (gain {number(gain)}, {number(low)} to {number(high)})")
    return f"Over {len(errors)} runs, strengths searched by class are {'; '.join(parts)}."


def claims(recalls: pd.DataFrame) -> list[Claim]:
    """Judge A4: strengths by class against one policy for all, and beside the search for the loss, on each set."""
    comparisons = (("one", "class"), ("fixed", "class"), ("loss", "both"))
    names = recalls["set"].unique()
    statements = [_less(recalls, name, *pair) for pair in comparisons for name in names]
    return judged("autobalance", "augmentation", A4=statements)


def _less(recalls: pd.DataFrame, name: str, rival: str, ours: str) -> Statement:
    errors = measures(recalls[recalls["set"] == name]).pivot_table(index="seed", columns="policy", values="error")
    text = f"{name}: balanced error of {POLICIES[rival][0]} less that of {POLICIES[ours][0]}"
    return Statement(text, t_interval((errors[rival] - errors[ours]).to_numpy()))


def augmentation_page(recalls: pd.DataFrame, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    return {
        "found": {name: table(recalls, name) for name in recalls["set"].unique()},
        "verdict": verdict(recalls),
        "claims": claims(recalls),
        "factors": FACTORS,
        "batch": BATCH,
        "fixed": FIXED,
        "longer": LONGER,
        "ops": OPS,
    }
