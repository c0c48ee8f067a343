"""Consistency of the fitted parts of a loaded model: encoders and pooled networks.

The empty row of `load` does not find every index out of range or superfluous weight.
"""

from functools import singledispatch
from typing import Any

import numpy as np

from equipoise.classifiers import AutoClassifier
from equipoise.classifiers.auto import DECISIONS
from equipoise.persistence.walk import walk
from equipoise.tables import PiecewiseLinearEncoder


def check_whole(model: Any) -> None:
    """Refuse a model with inconsistent fitted parts.

    Raises
    ------
    ValueError
        If there are some.
    """
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
    if not hasattr(auto, "pool_weights_"):
        return
    of_features, of_classes = (auto.n_features_in_,), (len(auto.classes_),)
    auto.costs()
    _check_numbers("priors_", auto.priors_, of_classes, above=0)
    if auto.offsets_.keys() != set(DECISIONS):
        raise ValueError(f"offsets_ must have the keys {DECISIONS}, got {list(auto.offsets_)!r:.100}")
    for name, offsets in auto.offsets_.items():
        _check_numbers(f"offsets_ of {name}", offsets, of_classes)
    _check_numbers("pool_weights_", auto.pool_weights_, (len(auto.kinds_),), least=0)
    if auto.scaler_ is not None:
        _check_numbers("mean_ of the scaler", auto.scaler_.mean_, of_features)
        _check_numbers("scale_ of the scaler", auto.scaler_.scale_, of_features, above=0)
    if not len(auto.fold_inputs_) == len(auto.fold_ensembles_) > 0:
        raise ValueError(
            f"the inputs have {len(auto.fold_inputs_)} folds, but the networks {len(auto.fold_ensembles_)}"
        )
    for inputs, stacks in zip(auto.fold_inputs_, auto.fold_ensembles_, strict=True):
        _check_numbers("feature_importances_ of a fold", inputs.feature_importances_, of_features, least=0)
        _check(inputs.encoder_)
        if inputs.encoder_ is not None and inputs.encoder_.n_features_in_ != auto.n_features_in_:
            raise ValueError(f"codes read {inputs.encoder_.n_features_in_!r:.20} features, not {auto.n_features_in_}")
        if len(stacks) != len(auto.kinds_):
            raise ValueError(f"a fold has {len(stacks)} networks for {len(auto.kinds_)} kinds")
        for kind, stack in zip(auto.kinds_, stacks, strict=True):
            scales = inputs.scales(kind)
            _check_numbers("scales of inputs", scales, scales.shape)
            members, n_inputs, _ = stack.weights_["weights.0"].shape
            if (members, n_inputs, len(stack.classes_)) != (1, len(scales), *of_classes) or stack.scaler_ is not None:
                raise ValueError(
                    f"expected one network of {len(scales)} inputs and {of_classes[0]} classes, "
                    f"got {members} of {n_inputs} inputs and {len(stack.classes_)} classes"
                )


def _check_numbers(
    name: str, values: Any, shape: tuple[int, ...], least: float = -np.inf, above: float = -np.inf
) -> None:
    numbers = np.asarray(values)
    if numbers.dtype.kind != "f" or numbers.shape != shape:
        raise ValueError(f"{name} must be floats of shape {shape}, got {numbers.dtype} of shape {numbers.shape}")
    if not (np.isfinite(numbers) & (numbers >= least) & (numbers > above)).all():
        bounds = ", 0 or more" if least == 0 else ", above 0" if above == 0 else ""
        raise ValueError(f"{name} must be finite{bounds}, got {str(numbers.tolist())[:100]}")
