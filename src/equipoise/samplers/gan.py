"""Base of the GAN over-samplers: one GAN for each minority class, trained on its rows, gives synthetic rows."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from numpy.typing import NDArray
from rich.console import Console
from scipy.sparse import issparse
from sklearn.utils import check_random_state

from equipoise.progress import ProgressBars
from equipoise.samplers.any_container import AnyContainer
from equipoise.samplers.gan_diagnostics import (
    GANDiagnosticsWarning,
    caution,
    energy_distance,
    out_of_range,
    spread_ratio,
    two_sample_accuracy,
    unreachable,
)
from equipoise.samplers.unit_scale import UnitScale
from equipoise.sklearn_private import Interval, StrOptions
from equipoise.training.adversarial import train_gans
from equipoise.training.gans import GANSettings, GANTask, TrainedGAN

_FEWEST = 6  # different rows of a class with a GAN: SMOTE needs five neighbours
_LATENT = 512  # latent rows of a generator of the default variant, at least
_LOOKED_AT = 4096  # real and synthetic rows behind the diagnostics, at most

PUBLISHED = GANSettings(learning_rate=1e-5, max_epochs=1000, whole_latent=True)
"""Settings of SMOTified-GAN's authors, except for the epochs, which they chose by data set."""
DEFAULT = GANSettings(learning_rate=5e-5, batch_size=32, averaging=0.99)
"""Default settings, with GBO's batch size, which is smaller and cheaper than SMOTified-GAN's."""

Rows = NDArray[Any]


@dataclass(frozen=True, eq=False)
class _MinorityClass:
    """A minority class and the tasks of its GANs."""

    label: Any
    inputs: Rows
    n_wanted: int
    tasks: list[GANTask]
    starts: list[Rows]  # latent rows of each GAN


class GANOverSampler(AnyContainer, BaseOverSampler):
    """Base of the GAN over-samplers, which differ in the latent rows of the generator."""

    _parameter_constraints = {
        **BaseOverSampler._parameter_constraints,
        "variant": [StrOptions({"default", "paper"})],
        "n_gans": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [None, Interval(Integral, 1, None, closed="left")],
        "batch_size": [None, Interval(Integral, 2, None, closed="left")],
        "learning_rate": [None, Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "max_time": [None, Interval(Real, 0, None, closed="neither")],
        "verbose": ["boolean"],
        "random_state": ["random_state"],
    }
    published: ClassVar[str] = "paper"
    """Name of the published variant."""
    _published_batch_size = 32

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        variant: str = "default",
        n_gans: int = 1,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        n_iter_no_change: int = 10,
        max_time: float | None = None,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.variant = variant
        self.n_gans = n_gans
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.n_iter_no_change = n_iter_no_change
        self.max_time = max_time
        self.verbose = verbose
        self.random_state = random_state

    @property
    def _as_published(self) -> bool:
        return self.variant != "default"

    @abstractmethod
    def _task(self, X: Rows, y: Rows, label: Any, n_latent: int, seed: int) -> GANTask:
        """Return the task of one GAN of a class, with ``n_latent`` latent rows unless it starts from noise."""

    def _fit_resample(self, X: Any, y: Rows, sample_weight: Rows | None = None) -> tuple[Any, Rows]:
        if issparse(X):
            X_new, y_new = self._fit_resample(X.toarray(), y, sample_weight)
            return type(X)(X_new), y_new
        rng = np.random.default_rng(check_random_state(self.random_state).randint(1 << 31))
        scale, real = UnitScale(X), X.astype(np.float64 if X.dtype.kind in "biu" else X.dtype, copy=False)
        inputs = real if self._as_published else scale.to_unit(X)
        made: dict[Any, Rows] = {}
        records = {}
        rare = []
        for label, n_wanted in self.sampling_strategy_.items():
            if not n_wanted:
                continue
            if len(np.unique(X[y == label], axis=0)) < _FEWEST:
                rows, records[label] = _without_gan(real, y, label, n_wanted, _seed(rng))
                made[label] = rows if self._as_published else scale.from_unit(scale.to_unit(rows))
            else:
                rare.append(self._minority_class(inputs, y, label, n_wanted, rng))
        gans = self._train([task for c in rare for task in c.tasks], scale)
        for number, c in enumerate(rare):
            of_class = gans[number * self.n_gans : (number + 1) * self.n_gans]
            rows = self._make(c, of_class)
            made[c.label] = rows if self._as_published else scale.from_unit(rows)
            records[c.label] = _figures(c.inputs, rows, of_class)
        self.diagnostics_ = self._diagnostics(X, y, made, records, scale)
        self.sample_weight_ = sample_weight
        if sample_weight is not None:
            means = [np.full(len(rows), sample_weight[y == label].mean()) for label, rows in made.items()]
            self.sample_weight_ = np.concatenate([sample_weight, *means])
        return self._joined(X, y, made)

    def _minority_class(
        self, inputs: Rows, y: Rows, label: Any, n_wanted: int, rng: np.random.Generator
    ) -> _MinorityClass:
        n_latent = max(n_wanted, 2 if self._as_published else _LATENT)
        seeds = [_seed(rng) for _ in range(self.n_gans)]
        tasks = list(map(partial(self._task, inputs, y, label, n_latent), seeds))
        shape = n_latent, inputs.shape[1]
        starts = [rng.standard_normal(shape) if task.latent is None else task.latent for task in tasks]
        return _MinorityClass(label, inputs[y == label], n_wanted, tasks, starts)

    def _train(self, tasks: list[GANTask], scale: UnitScale) -> list[TrainedGAN]:
        def score(real: Rows, made: Rows) -> float:
            return -energy_distance(real, scale.to_unit(scale.from_unit(made)))

        given: dict[str, Any] = {
            "learning_rate": self.learning_rate,
            "max_epochs": self.max_epochs,
            "batch_size": self.batch_size or (self._published_batch_size if self._as_published else None),
            "score": None if self._as_published else score,
        }
        settings = replace(
            PUBLISHED if self._as_published else DEFAULT,
            n_iter_no_change=self.n_iter_no_change,
            **{name: value for name, value in given.items() if value is not None},
        )
        with ProgressBars(Console(quiet=not self.verbose)) as bars:
            return train_gans(
                tasks, settings, max_time=self.max_time, on_progress=lambda *steps: bars.advance("training", *steps)
            )

    def _make(self, rare: _MinorityClass, gans: list[TrainedGAN]) -> Rows:
        """Make the synthetic rows of a class, in equal parts by its GANs."""
        parts = np.array_split(np.arange(rare.n_wanted), len(gans))
        made = [gan.generate(start, batch_statistics=self._as_published) for gan, start in zip(gans, rare.starts)]
        return np.concatenate([rows[part] for rows, part in zip(made, parts, strict=True)])

    def _diagnostics(
        self, X: Rows, y: Rows, made: Mapping[Any, Rows], records: Mapping[Any, dict[str, Any]], scale: UnitScale
    ) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        rows = []
        for label in sorted(made, key=list(self.sampling_strategy_).index):
            real, new = (rng.permutation(scale.to_unit(part))[:_LOOKED_AT] for part in (X[y == label], made[label]))
            compared = {measure.__name__: measure(real, new) for measure in _COMPARISONS}
            sizes = {"class": plain(label), "n_real": int((y == label).sum()), "n_made": len(made[label])}
            rows.append({**sizes, **compared, **records[label]})
            if rows[-1]["made_by"] == "GAN" and (text := caution(rows[-1])):
                warnings.warn(text, GANDiagnosticsWarning, stacklevel=8)
        return pd.DataFrame(rows, columns=_COLUMNS)

    def _joined(self, X: Rows, y: Rows, made: Mapping[Any, Rows]) -> tuple[Rows, Rows]:
        """Append the synthetic rows; integers stay integers where columns are snapped."""
        dtype = X.dtype if np.issubdtype(X.dtype, np.floating) or not self._as_published else np.float64
        labels = [np.full(len(rows), label, dtype=y.dtype) for label, rows in made.items()]
        X_new = np.concatenate([X.astype(dtype, copy=False), *(rows.astype(dtype) for rows in made.values())])
        return X_new, np.concatenate([y, *labels])


_COMPARISONS = (two_sample_accuracy, spread_ratio, out_of_range)
_COLUMNS = [
    "class", "n_real", "n_made", "made_by", "real_accuracy", "made_accuracy", "two_sample_accuracy", "spread_ratio",
    "out_of_range", "unreachable", "n_steps", "stopped_by",
]  # fmt: skip


def _figures(inputs: Rows, made: Rows, gans: list[TrainedGAN]) -> dict[str, Any]:
    """Return the diagnostics that need the GANs of a class."""
    taken_for_real = [gan.finds_real(part) for gan, part in zip(gans, np.array_split(made, len(gans)), strict=True)]
    return {
        "made_by": "GAN",
        "real_accuracy": float(np.mean([gan.finds_real(inputs).mean() for gan in gans])),
        "made_accuracy": float(1 - np.concatenate(taken_for_real).mean()),
        "unreachable": unreachable(inputs),
        "n_steps": max(gan.n_steps for gan in gans),
        "stopped_by": ", ".join(sorted({gan.stopped_by for gan in gans})),
    }


def _without_gan(X: Rows, y: Rows, label: Any, n_wanted: int, seed: int) -> tuple[Rows, dict[str, Any]]:
    """Over-sample a class that is too small for a GAN."""
    n = int((y == label).sum())
    common = {"sampling_strategy": {label: n + n_wanted}, "random_state": seed}
    if n == 1:
        sampler, how = RandomOverSampler(**common), "its row was repeated"
    else:
        k = min(5, n - 1)
        sampler, how = SMOTE(k_neighbors=k, **common), f"SMOTE was used, with k = {k}"
    warnings.warn(
        f"Class {plain(label)!r} has fewer than {_FEWEST} different rows ({n} in all), too few for a GAN: {how}.",
        UserWarning,
        stacklevel=8,
    )
    return appended(sampler, X, y), {"made_by": type(sampler).__name__}


def appended(sampler: BaseOverSampler, X: Rows, y: Rows) -> Rows:
    """Return only the synthetic rows of an over-sampler of imbalanced-learn."""
    with warnings.catch_warnings():
        # A generator may need more latent rows than the class gets synthetic ones.
        warnings.filterwarnings("ignore", "After over-sampling, the number of samples", UserWarning)
        return sampler.fit_resample(X, y)[0][len(X) :]


def smote_rows(X: Rows, y: Rows, label: Any, n: int, seed: int) -> Rows:
    """Return n synthetic rows of SMOTE for a class of 6 rows or more."""
    target = {label: int((y == label).sum()) + n}
    return appended(SMOTE(sampling_strategy=target, random_state=seed), X, y)


def plain(label: Any) -> Any:
    """Return a label as Python spells it."""
    return label.item() if isinstance(label, np.generic) else label


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))
