"""Every loss with a plain derivation of its own: Python numbers, one row at a time, from class counts."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from equipoise import (
    CDTLoss,
    ClassBalancedLoss,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    ParametricCrossEntropy,
    VSLoss,
)
from equipoise import losses as package

COUNTS = [50, 900, 7, 43]  # not by rank
WEIGHTS, OFFSETS, MULTIPLIERS = [1.0, 0.5, 3.0, 0.0], [0.2, -1.0, 0.0, 2.0], [1.0, 0.3, 0.8, 2.0]


def log_softmax(z: list[float]) -> list[float]:
    top = max(z)
    return [v - top - math.log(sum(math.exp(u - top) for u in z)) for v in z]


def cross_entropy(z, y, w=None, offset=None, delta=None):
    """The form of them all: ``y`` holds probabilities."""
    K = range(len(z))
    w, offset, delta = w or [1.0] * len(z), offset or [0.0] * len(z), delta or [1.0] * len(z)
    log_p = log_softmax([delta[k] * z[k] + offset[k] for k in K])
    return -sum(y[k] * w[k] * log_p[k] for k in K if y[k])


def la(z, y, n, tau=1.0):
    return cross_entropy(z, y, offset=[tau * math.log(c / sum(n)) for c in n])


def cdt(z, y, n, gamma=0.2):
    return cross_entropy(z, y, delta=[(c / max(n)) ** gamma for c in n])


def vs(z, y, n, tau=1.0, gamma=0.2):
    return cross_entropy(z, y, offset=[tau * math.log(c / sum(n)) for c in n], delta=[(c / max(n)) ** gamma for c in n])


def class_balanced(z, y, n, beta=0.9999):
    raw = [(1 - beta) / (1 - beta**c) for c in n]
    return cross_entropy(z, y, w=[len(n) * r / sum(raw) for r in raw])


def focal(z, y, n, gamma=2.0, w=None):
    log_p = log_softmax(z)
    w = w or [1.0] * len(z)
    return -sum(y[k] * w[k] * (1 - math.exp(log_p[k])) ** gamma * log_p[k] for k in range(len(z)) if y[k])


def ldam(z, y, n, max_m=0.5, s=30.0, w=None):
    m = [max_m * (min(n) / c) ** 0.25 for c in n]
    return cross_entropy([s * (z[k] - m[k] * y[k]) for k in range(len(z))], y, w=w)


def parametric(z, y, n, **parameters):
    return cross_entropy(z, y, **parameters)


@dataclass(frozen=True)
class Case:
    """A loss, its functional twin, what it is set to, and its derivation ``(z, y, counts) -> loss of the row``."""

    name: str
    module: Callable[..., nn.Module]
    twin: Callable[..., torch.Tensor]
    plain: Callable[..., float]
    parameters: dict[str, Any] = field(default_factory=dict)
    counted: bool = True

    def make(self, counts=None, **options):
        counts = ([COUNTS] if counts is None else [counts]) if self.counted else []
        return self.module(*counts, **self.parameters, **options)

    def call(self, logits, target, **options):
        """Call the twin."""
        tensors = {k: torch.tensor(v) if isinstance(v, list) else v for k, v in self.parameters.items()}
        return self.twin(logits, target, *([COUNTS] if self.counted else []), **tensors, **options)

    def row(self, z, y, counts=None):
        return self.plain(z, y, COUNTS if counts is None else counts, **self.parameters)


CASES = [
    Case("cross-entropy", ParametricCrossEntropy, package.parametric_cross_entropy, parametric, {}, False),
    Case(
        "parametric",
        ParametricCrossEntropy,
        package.parametric_cross_entropy,
        parametric,
        {"w": WEIGHTS, "offset": OFFSETS, "delta": MULTIPLIERS},
        False,
    ),
    Case("la", LogitAdjustedLoss, package.logit_adjusted_loss, la),
    Case("la-1.7", LogitAdjustedLoss, package.logit_adjusted_loss, la, {"tau": 1.7}),
    Case("cdt", CDTLoss, package.cdt_loss, cdt),
    Case("cdt-0.4", CDTLoss, package.cdt_loss, cdt, {"gamma": 0.4}),
    Case("vs", VSLoss, package.vs_loss, vs),
    Case("vs-1.2-0.3", VSLoss, package.vs_loss, vs, {"tau": 1.2, "gamma": 0.3}),
    Case("class-balanced", ClassBalancedLoss, package.class_balanced_loss, class_balanced),
    Case("class-balanced-0.9", ClassBalancedLoss, package.class_balanced_loss, class_balanced, {"beta": 0.9}),
    Case("focal", FocalLoss, package.focal_loss, focal, {}, False),
    Case("focal-0.5-w", FocalLoss, package.focal_loss, focal, {"gamma": 0.5, "w": WEIGHTS}, False),
    Case("ldam", LDAMLoss, package.ldam_loss, ldam),
    Case("ldam-w", LDAMLoss, package.ldam_loss, ldam, {"max_m": 2.0, "s": 1.0, "w": WEIGHTS}),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a case with every one, or with those that take class counts."""
    for name, cases in {"case": CASES, "counted_case": [case for case in CASES if case.counted]}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, cases, ids=lambda case: case.name)


@pytest.fixture
def batch():
    """Make logits ``(*lead, B, K)`` and targets for them: class indices, or probabilities with ``soft``."""

    def make(*lead, n_rows=6, n_classes=4, soft=False, seed=0, dtype=torch.float64, size=2.0):
        draw = torch.Generator().manual_seed(seed)
        logits = size * torch.randn(*lead, n_rows, n_classes, generator=draw, dtype=torch.float64)
        indices = torch.randint(n_classes, (*lead, n_rows), generator=draw)
        blurred = torch.rand(*lead, n_rows, n_classes, generator=draw, dtype=torch.float64)
        target = blurred / blurred.sum(-1, keepdim=True) if soft else indices
        return logits.to(dtype), target.to(dtype) if soft else target

    return make
