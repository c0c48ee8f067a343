"""CIFAR-10-LT: losses that are given, tuned or searched for, without and with augmentation, in one plain loop."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import nn

from equipoise import DeferredReweighting, LDAMLoss, VSLoss
from equipoise.datasets import make_long_tail
from equipoise.experiments.statistics import Interval, t_interval
from equipoise.images import Augment
from equipoise.networks.cosine import SCALE
from equipoise.progress import OnProgress
from equipoise.reports.plots import calm, legend, new_figure
from equipoise.reports.svg import MUTED, SERIES, drawing
from equipoise.text import number
from equipoise_reproductions.augmentation.fast import RECIPE, FastTraining, fast_network
from equipoise_reproductions.augmentation.policies import SEARCHED, Policy, cuda, searched
from equipoise_reproductions.augmentation.study import recall_columns, run_missing, trained
from equipoise_reproductions.augmentation.training import Changed, Rows, Training, held_out, plain, recalls
from equipoise_reproductions.claims import Claim, Statement, in_words
from equipoise_reproductions.data import judged
from equipoise_reproductions.image_sets import whole

FACTOR, STEPS, SEEDS = 100, 300, 1
QUICK_STEPS = 9
TAUS, GAMMAS, VS_TAUS, VS_GAMMAS = (0.5, 1.0, 1.5, 2.0), (0.1, 0.3), (1.0, 1.5), (0.1, 0.3)
AUGMENT = Augment(crop=1 / 8)
SIDES = {False: "without augmentation", True: "with augmentation"}
LA, OURS = "la-tuned", "autobalance-la"
_KEY = ("arm", "augmented", "seed")


def given(loss: Callable[..., Any], *, cosine: bool = False) -> Policy:
    """Return a policy that trains with a loss of the class counts."""

    def policy(training: Training) -> Changed:
        if cosine:
            torch.manual_seed(training.seed)
            training.model = fast_network(tuple(training.train[0].shape[1:]), len(training.counts), cosine=True)
        training.loss = loss(training.counts)
        return plain

    return policy


def tuned(taus: tuple[float, ...] = (0.0,), gammas: tuple[float, ...] = (0.0,)) -> Policy:
    """Return a policy that tries strengths of `VSLoss` on four fifths of the rows, and takes what the others prefer."""

    def policy(training: Training) -> Changed:
        rows, judges = held_out(training)
        worth = {}
        for tau, gamma in product(taus, gammas):
            trial = replace(training, train=rows)
            trial.loss = VSLoss(training.counts, tau=tau, gamma=gamma)
            worth[tau, gamma] = np.mean(recalls(trial.run(plain), *judges))
            training.passes += trial.passes
        tau, gamma = max(worth, key=worth.__getitem__)
        training.loss = VSLoss(training.counts, tau=tau, gamma=gamma)
        return plain

    return policy


class Arm(NamedTuple):
    """What is compared: its title, how it trains, and whether it runs without augmentation, with it, or both."""

    title: str
    policy: Policy
    sides: tuple[bool, ...] = (False, True)


_LDAM = partial(DeferredReweighting, partial(LDAMLoss, max_m=0.5 * SCALE, s=1.0))  # scaled in the network
ARMS = {
    "none": Arm("cross-entropy", given(lambda counts: nn.CrossEntropyLoss())),
    "ldam-drw": Arm("LDAM-DRW", given(_LDAM, cosine=True), (False,)),
    "la": Arm("LA, tau 1 (balanced softmax)", given(partial(VSLoss, tau=1.0, gamma=0.0))),
    LA: Arm("LA, tau tuned", tuned(TAUS)),
    "cdt-tuned": Arm("CDT, gamma tuned", tuned(gammas=GAMMAS), (False,)),
    "vs-tuned": Arm("VS, both tuned", tuned(VS_TAUS, VS_GAMMAS), (False,)),
    **{
        f"autobalance-{start}": Arm(f"AutoBalance from {start.upper()}", searched(None, SEARCHED, start))
        for start in ("ce", "la")
    },
    "autobalance-cdt": Arm("AutoBalance from CDT", searched(None, SEARCHED, "cdt"), (False,)),
    "cuda": Arm("CUDA's rule, LA", cuda, (True,)),
    "autobalance-class": Arm("AutoBalance from LA, strengths by class", searched("class", SEARCHED), (True,)),
}
_RIVALS = ("none", "ldam-drw", LA, "cdt-tuned")


def sides(seed: int) -> tuple[Rows, Rows]:
    """Return a long tail, which class is how rare drawn by the seed, and all test images; classes by size."""
    pixels, codes, tested = whole("cifar-10-lt")
    rng = np.random.RandomState(seed)
    places = rng.permutation(codes.max() + 1)[codes]
    X, y = make_long_tail(pixels[~tested], places[~tested], FACTOR, random_state=rng)
    mean, deviation = (getattr(X, part)((0, 2, 3), keepdims=True, dtype=np.float32) for part in ("mean", "std"))
    train, test = (torch.from_numpy((part - mean) / deviation) for part in (X, pixels[tested]))
    return (train, torch.from_numpy(y)), (test, torch.from_numpy(places[tested]))


def longtail(out: Path, quick: bool, on_progress: OnProgress) -> Iterator[dict[str, Any]]:
    """Run every arm on every seed; a row is written as it is known, and not run again."""
    n_steps = QUICK_STEPS if quick else STEPS
    wanted = [(name, side, seed) for seed in range(SEEDS) for name, arm in ARMS.items() for side in arm.sides]
    found = run_missing(out / "longtail-scores.csv", _KEY, wanted, partial(_scored, n_steps=n_steps), on_progress)
    yield {"longtail_scores": found, "quick": quick, "n_steps": n_steps}


def _scored(arm: str, augmented: bool, seed: int, *, n_steps: int) -> dict[str, float]:
    train, test = sides(seed)
    network = partial(fast_network, tuple(train[0].shape[1:]))
    training = FastTraining(train, n_steps, seed, network, _augmented if augmented else plain)
    begun = time.process_time()
    found = trained(training, ARMS[arm].policy, test)
    return {"seconds": round(time.process_time() - begun, 2), **found}


def _augmented(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return AUGMENT(x)


def gap(scores: pd.DataFrame, rival: str, ours: str, augmented: bool) -> Interval:
    """Balanced error of a rival less ours, over seeds (Student's t)."""
    wide = _errors(scores[scores["augmented"] == augmented])
    return t_interval((wide[rival] - wide[ours]).to_numpy())


def _errors(scores: pd.DataFrame) -> pd.DataFrame:
    errors = scores.assign(error=1 - scores[recall_columns(scores)].mean(axis=1))
    return errors.pivot_table(index="seed", columns="arm", values="error")


def table(scores: pd.DataFrame, augmented: bool, n_steps: int) -> pd.DataFrame:
    """Means over seeds of one side, a row an arm."""
    part = scores[scores["augmented"] == augmented]
    wide, columns = _errors(part), recall_columns(scores)
    rows = {}
    for name, arm in ARMS.items():
        if name in wide:
            own = part[part["arm"] == name]
            gain = gap(scores, LA, name, augmented) if LA in wide else None
            rows[arm.title] = {
                "balanced error": _spread(wide[name]),
                f"gain over {ARMS[LA].title}": "" if gain is None or name == LA else in_words(gain),
                "recall, three rarest": number(own[columns[-3:]].to_numpy().mean()),
                "recall, three largest": number(own[columns[:3]].to_numpy().mean()),
                "cost in steps": number(own["passes"].mean() / n_steps, 1),
            }
    return pd.DataFrame(rows).T.rename_axis("method")


def _spread(errors: pd.Series) -> str:
    return f"{number(errors.mean())} ± {number(errors.std())}" if len(errors) > 1 else number(errors.mean())


def claims(scores: pd.DataFrame) -> list[Claim]:
    """Judge A1, A2 and A6."""
    return judged(
        "autobalance",
        "longtail",
        A1=[_less(scores, rival, OURS, side) for rival in _RIVALS for side in _of_all(scores, rival, OURS)],
        A2=[_less(scores, "autobalance-ce", OURS, side) for side in _of_all(scores, "autobalance-ce", OURS)],
        A6=[_costs(scores, side) for side in _of_all(scores, "none", OURS)],
    )


def _of_all(scores: pd.DataFrame, *arms: str) -> list[bool]:
    """Return the sides on which all of these arms were run."""
    ran = scores.groupby("augmented")["arm"].agg(set)
    return [side for side in SIDES if side in ran and set(arms) <= ran[side]]


def _less(scores: pd.DataFrame, rival: str, ours: str, side: bool) -> Statement:
    text = f"{SIDES[side]}: balanced error of {ARMS[rival].title} less that of {ARMS[ours].title}"
    return Statement(text, gap(scores, rival, ours, side))


def _costs(scores: pd.DataFrame, side: bool) -> Statement:
    seconds = scores[scores["augmented"] == side].pivot_table(index="seed", columns="arm", values="seconds")
    ratio = (seconds[OURS] / seconds["none"]).to_numpy()
    return Statement(f"{SIDES[side]}: CPU time in plain trainings, less 4", t_interval(ratio - 4))


def is_la_beaten(scores: pd.DataFrame) -> str:
    """Say for either side whether AutoBalance from LA has less balanced error than LA with a tuned tau."""
    told = []
    for side in _of_all(scores, LA, OURS):
        gain = gap(scores, LA, OURS, side)
        told.append(f"{'beaten' if gain.low > 0 else 'not shown to be beaten'} {SIDES[side]} (gain {in_words(gain)})")
    return f"LA with a tuned tau is {' and '.join(told)} by AutoBalance from LA."


def not_run(scores: pd.DataFrame) -> list[str]:
    """Titles of the arms that were not run on a side that they have."""
    missing = ((arm, side) for name, arm in ARMS.items() for side in arm.sides if side not in _of_all(scores, name))
    return [f"{arm.title}, {SIDES[side]}" for arm, side in missing]


def by_class(scores: pd.DataFrame, augmented: bool) -> Figure:
    """Recall by class, the largest first, of four arms; means over seeds."""
    figure = new_figure(320, 860)
    axes = figure.add_subplot()
    columns = recall_columns(scores)
    with drawing():
        calm(axes)
        for name, color in zip(("none", LA, OURS, "la"), SERIES):
            means = scores[(scores["arm"] == name) & (scores["augmented"] == augmented)][columns].mean()
            axes.plot(range(1, len(columns) + 1), means, "o-", color=color, linewidth=2, label=ARMS[name].title)
        axes.set_xlabel("class, by training images", color=MUTED)
        axes.set_ylabel("recall", color=MUTED)
        legend(figure, axes)
    return figure


def longtail_page(longtail_scores: pd.DataFrame, n_steps: int, **facts: Any) -> dict[str, Any]:
    """Return what the page speaks of, beside its facts."""
    found = longtail_scores
    strengths = {"taus": TAUS, "gammas": GAMMAS, "vs_taus": VS_TAUS, "vs_gammas": VS_GAMMAS}
    return {
        "verdict": is_la_beaten(found),
        "tables": {title: table(found, side, n_steps) for side, title in SIDES.items()},
        "plot_by_class": by_class(found, augmented=False),
        "claims": claims(found),
        "not_run": not_run(found),
        "n_seeds": found["seed"].nunique(),
        "factor": FACTOR,
        "batch": RECIPE["batch_size"],
        **{name: ", ".join(f"{value:g}" for value in values) for name, values in strengths.items()},
    }
