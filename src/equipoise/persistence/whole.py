"""Consistency of the fitted parts of a loaded model: encoders and pooled networks.

The empty row of `load` does not find every index out of range or superfluous weight.
"""

from functools import singledispatch
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from equipoise.classifiers import AutoClassifier
from equipoise.classifiers.auto import DECISIONS
from equipoise.persistence.walk import walk
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import FittedEnsemble


def check_whole(model: Any) -> None:
    """Refuse a model with inconsistent fitted parts."""
    for part in walk(model):
        _check(part)


@singledispatch
def _check(part: Any) -> None:
    """Check one part; most types need no check."""


@_check.register
def _(encoder: PiecewiseLinearEncoder) -> None:
    if not hasattr(encoder, "columns_"):
        return
    columns = encoder.columns_
    if columns.dtype.kind != "i" or not ((columns >= 0) & (columns < encoder.n_features_in_)).all():
        raise ValueError(f"codes refer to columns out of range: {str(columns.tolist())[:100]}")
    _check_numbers("starts_ of codes", encoder.starts_, columns.shape)
    _check_numbers("widths_ of codes", encoder.widths_, columns.shape, above=0)


@_check.register
def _(auto: AutoClassifier) -> None:
    if not hasattr(auto, "pool_"):
        return
    of_features, of_classes = (auto.n_features_in_,), (len(auto.classes_),)
    auto.costs()
    _check_numbers("priors_", auto.priors_, of_classes, above=0)
    if auto.offsets_.keys() != set(DECISIONS):
        raise ValueError(f"offsets_ must have the keys {DECISIONS}, got {list(auto.offsets_)!r:.100}")
    for name, offsets in auto.offsets_.items():
        _check_numbers(f"offsets_ of {name}", offsets, of_classes)
    if auto.scaler_ is not None:
        _check_numbers("mean_ of the scaler", auto.scaler_.mean_, of_features)
        _check_numbers("scale_ of the scaler", auto.scaler_.scale_, of_features, above=0)
    _check_numbers("feature_importances_", auto.feature_importances_, of_features, least=0)
    _check_numbers("weights of the pool", auto.pool_.weights, (len(auto.members_),), least=0)
    _check_numbers("intercepts of the pool", auto.pool_.intercepts, of_classes)
    widths = {auto.n_features_in_}
    if auto.encoder_ is not None:
        _check(auto.encoder_)
        if auto.encoder_.n_features_in_ != auto.n_features_in_:
            raise ValueError(f"codes read {auto.encoder_.n_features_in_!r:.20} features, not {auto.n_features_in_}")
        widths.add(auto.n_features_in_ + len(auto.encoder_.columns_))
    for name, member in auto.members_.items():
        _check_member(name, member, widths, auto)


def _check_member(name: str, member: Any, widths: set[int], auto: AutoClassifier) -> None:
    """Refuse a member that reads other inputs than its pool has, or knows other classes."""
    if not isinstance(member, ExtraTreesClassifier | HistGradientBoostingClassifier | FittedEnsemble):
        raise ValueError(f"a pool has no members such as {type(member).__name__}")
    known: set[Any] = {auto.n_features_in_}
    if isinstance(member, FittedEnsemble):
        n_inputs, known = member.weights_["weights.0"].shape[1], widths
        if member.scaler_ is not None:
            raise ValueError(f"the member {name!r:.40} has a scaler of its own")
    else:
        n_inputs = member.n_features_in_
    if n_inputs not in known:
        raise ValueError(f"the member {name!r:.40} reads {n_inputs!r:.20} inputs, which its pool does not have")
    if not np.array_equal(member.classes_, np.arange(len(auto.classes_))):
        raise ValueError(f"the member {name!r:.40} knows other classes than its pool")


def _check_numbers(
    name: str, values: Any, shape: tuple[int, ...], least: float = -np.inf, above: float = -np.inf
) -> None:
    numbers = np.asarray(values)
    if numbers.dtype.kind != "f" or numbers.shape != shape:
        raise ValueError(f"{name} must be floats of shape {shape}, got {numbers.dtype} of shape {numbers.shape}")
    if not (np.isfinite(numbers) & (numbers >= least) & (numbers > above)).all():
        bounds = ", 0 or more" if least == 0 else ", above 0" if above == 0 else ""
        raise ValueError(f"{name} must be finite{bounds}, got {str(numbers.tolist())[:100]}")
