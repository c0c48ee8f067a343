"""Figure 1 of the ReMix paper: what networks make of a ring around a few rare rows, drawn and measured.

Bellinger, Corizzo and Japkowicz, "ReMix Training for Calibrated Imbalanced Deep Learning" (arXiv 2012.02312),
Figure 1, with the sizes of the authors' published demonstration. It has one network a panel; here each
treatment is trained many times, each time with rare rows of its own. The two classes are known densities, so
the surface that a calibrated network would show is drawn and measured as well: `TRUTH`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from contourpy import contour_generator
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.special import expit

from equipoise.batches import BatchSMOTE, ReMix
from equipoise.metrics import balanced_brier_score, g_mean
from equipoise.reports.plots import FONT, calm
from equipoise.reports.svg import GROUND, INK, MUTED, SERIES
from equipoise.text import number
from equipoise.training import FittedEnsemble, Task, fit
from equipoise_reproductions.networks import KERAS_ADAM
from equipoise_reproductions.remix.ring import Ring
from equipoise_reproductions.remix.sketches import wide_figure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TREATMENTS = {
    "imbalanced": None,
    "in-batch SMOTE": BatchSMOTE(),
    "ReMix": ReMix(alpha=0.5, variant="authors"),
}
TRUTH = "truth at equal shares"

_BATCH_SIZE, _WIDTH = 32, 10
_EDGE, _STEPS = 2.5, 201  # the square that is drawn, in standard deviations, and points along its side
_FILLS = np.linspace(0.1, 0.9, 9)
_FULLEST = 0.8
_SCORES = {"area": ("area", 2), "steepness": ("steepness", 1), "g_mean": ("G-mean", 3), "bbs": ("BBS", 3)}
_DASHED, _DOTTED = (0, (4, 2)), (0, (1, 2))


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Log odds of the rare class on a grid, and what they come to.

    Attributes
    ----------
    ring : Ring
    seeds : list of int
    log_odds : dict of str to ndarray of shape (runs, steps, steps)
        By treatment, and of the truth as one run; the first axis of a grid is the second feature.
    scores : DataFrame
        A row a treatment and run: ``treatment``, ``run``; ``area`` where the rare class is more probable and
        ``steepness``, the mean length of the gradient of its probability along the line of 0.5, both in
        standardised units; ``g_mean`` and ``bbs`` (balanced Brier score) of the test side.
    """

    ring: Ring
    seeds: list[int]
    log_odds: dict[str, Floats]
    scores: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Mean and standard deviation over runs of each score, a row a treatment."""
        return self.scores.drop(columns="run").groupby("treatment", sort=False).agg(["mean", "std"])


def axis() -> Floats:
    """Where the grid's lines lie, on both axes."""
    return np.linspace(-_EDGE, _EDGE, _STEPS)


def train_surfaces(*, n_seeds: int = 10, n_epochs: int = 150, random_state: int = 0) -> Surfaces:
    """Train the networks of Figure 1, all in one call, and measure them."""
    ring = Ring.make()
    seeds = list(range(random_state, random_state + n_seeds))
    networks = fit([_task(ring, name, seed, n_epochs) for name in TREATMENTS for seed in seeds])
    grid = np.stack(np.meshgrid(axis(), axis()), axis=-1).reshape(-1, 2)
    where = np.concatenate([grid, ring.X])
    found = {TRUTH: ring.log_odds(where)[None]}
    for place, name in enumerate(TREATMENTS):
        stack = FittedEnsemble(networks[place * n_seeds : (place + 1) * n_seeds], classes=np.arange(2))
        log_proba = np.log(stack.member_proba(where))
        found[name] = log_proba[..., 1] - log_proba[..., 0]
    surfaces = {name: odds[:, : len(grid)].reshape(-1, _STEPS, _STEPS) for name, odds in found.items()}
    scores = [
        {"treatment": name, "run": run, **_shape(surface), **_test_scores(ring.y, odds[len(grid) :])}
        for name in found
        for run, (surface, odds) in enumerate(zip(surfaces[name], found[name]))
    ]
    return Surfaces(ring, seeds, surfaces, pd.DataFrame(scores))


def _task(ring: Ring, treatment: str, seed: int, n_epochs: int) -> Task:
    rows = ring.rows(seed)
    epoch_steps = len(rows) // _BATCH_SIZE
    settings = replace(
        KERAS_ADAM,
        network=(_WIDTH,) * 3,
        batch_transform=TREATMENTS[treatment],
        batch_size=_BATCH_SIZE,
        max_steps=n_epochs * epoch_steps,
        epoch_steps=epoch_steps,
        initialization="glorot_uniform",
        dropout=(0.1, 0.1, 0.0),
    )
    return Task(ring.table, seed=seed, settings=settings, rows=rows)


def _test_scores(y: Ints, log_odds: Floats) -> dict[str, float]:
    return {"g_mean": g_mean(y, (log_odds > 0).astype(int)), "bbs": balanced_brier_score(y, expit(log_odds))}


def _shape(log_odds: Floats) -> dict[str, float]:
    cell = (2 * _EDGE / (_STEPS - 1)) ** 2
    return {"area": float((log_odds > 0).sum() * cell), "steepness": steepness(log_odds)}


def steepness(log_odds: Floats) -> float:
    """Mean length of the gradient of the probability along the line of 0.5; NaN where there is no such line."""
    lines: list[Any] = list(contour_generator(axis(), axis(), log_odds).lines(0.0))
    if not lines:
        return float("nan")
    # At p = 1/2 the gradient of p is a quarter of that of the log odds, which bends less and differs better.
    slope = np.hypot(*np.gradient(log_odds, axis(), axis())) / 4
    middles = np.concatenate([(line[1:] + line[:-1]) / 2 for line in lines])
    lengths = np.concatenate([np.linalg.norm(np.diff(line, axis=0), axis=1) for line in lines])
    at = RegularGridInterpolator((axis(), axis()), slope)(middles[:, ::-1])
    return float(np.average(at, weights=lengths))


def decision_surfaces(surfaces: Surfaces) -> Figure:
    """Draw Figure 1: the fuller the colour the more probable the rare class, dashed where it is 0.5, one run a panel.

    The other runs' lines are thin; the dotted circle is the truth's line of 0.5.
    """
    figure = wide_figure(310)
    panels = figure.subplots(1, len(TREATMENTS), sharex=True, sharey=True)
    for panel, name in zip(panels, TREATMENTS):
        _panel(panel, surfaces, name)
        panel.set_title(name, color=INK, fontsize=FONT + 1)
        panel.set_xlabel(_written(surfaces.summary().loc[name].to_dict()), color=MUTED)
    figure.legend(handles=_handles(), loc="outside upper left", ncols=4, frameon=False, fontsize=FONT, labelcolor=INK)
    return figure


def _written(summary: dict[Any, float]) -> str:
    """Put mean and deviation of each score on a line."""
    values = ((summary[score, "mean"], summary[score, "std"]) for score in _SCORES)
    return "\n".join(
        f"{title} {number(mean, digits)} ± {number(deviation, digits)}"
        for (mean, deviation), (title, digits) in zip(values, _SCORES.values())
    )


def _panel(panel: Axes, surfaces: Surfaces, name: str) -> None:
    calm(panel)
    panel.set(aspect="equal", xticks=[], yticks=[], xlim=(-_EDGE, _EDGE), ylim=(-_EDGE, _EDGE))
    first, *others = surfaces.log_odds[name]
    for level, opacity in zip(_FILLS, nested_opacities(len(_FILLS), _FULLEST)):
        fill = to_rgba(SERIES[0], opacity)
        panel.contourf(axis()[::4], axis()[::4], expit(first)[::4, ::4], levels=[level, 1.0], colors=[fill])
    for odds in others:
        _line(panel, odds, linewidths=0.6, alpha=0.35)
    _line(panel, first, linewidths=1.8, linestyles=[_DASHED])
    _line(panel, surfaces.log_odds[TRUTH][0], linewidths=1.2, linestyles=[_DOTTED])
    rows = surfaces.ring.rows(surfaces.seeds[0])
    for code, colour in ((0, MUTED), (1, SERIES[1])):
        of_class = surfaces.ring.table.X[rows][surfaces.ring.table.y[rows] == code]
        panel.scatter(of_class[:, 0], of_class[:, 1], s=9, color=colour, edgecolor=GROUND, linewidth=0.4, zorder=3)


def _line(panel: Axes, log_odds: Floats, **style: Any) -> None:
    if log_odds.min() < 0 < log_odds.max():
        panel.contour(axis()[::2], axis()[::2], log_odds[::2, ::2], [0.0], colors=[INK], **style)


def nested_opacities(n: int, fullest: float) -> Floats:
    """Opacities of n areas, each upon the last, for which coverage grows evenly up to ``fullest``."""
    step = fullest / n
    return np.array([step / (1 - step * below) for below in range(n)])


def _handles() -> list[Artist]:
    return [
        Patch(color=to_rgba(SERIES[0], 0.5), label="p(rare)"),
        Line2D([], [], color=INK, linewidth=1.8, linestyle=_DASHED, label="p = 0.5"),
        Line2D([], [], color=INK, linewidth=0.6, alpha=0.35, label="of other runs"),
        Line2D([], [], color=INK, linewidth=1.2, linestyle=_DOTTED, label="of the truth"),
    ]
