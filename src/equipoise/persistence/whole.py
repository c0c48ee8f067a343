"""Whether the parts of a model fit each other, where nothing else would tell: encoders, and networks that are pooled.

An index that is out of range fails at the first row, or takes another column for its own; a weight too many is of no
network. One row without content, by which `load` tries a model, does not find all of that.
"""

from typing import Any

import numpy as np

from equipoise.classifiers import AutoClassifier
from equipoise.classifiers.auto import DECISIONS
from equipoise.persistence.walk import walk
from equipoise.tables import PiecewiseLinearEncoder


def check_whole(model: Any) -> None:
    """Refuse encoders and `AutoClassifier` whose parts do not fit each other.

    Raises
    ------
    ValueError
        If some do not.
    """
    found = list(walk(model))
    for part in found:
        if isinstance(part, PiecewiseLinearEncoder) and hasattr(part, "columns_"):
            _check_encoder(part)
    for part in found:
        if isinstance(part, AutoClassifier) and hasattr(part, "pool_weights_"):
            _check_pooled(part)  # by its encoders


def _check_encoder(encoder: PiecewiseLinearEncoder) -> None:
    columns = encoder.columns_
    if columns.dtype.kind != "i" or not ((columns >= 0) & (columns < encoder.n_features_in_)).all():
        raise ValueError(f"codes are of columns that are not there: {str(columns.tolist())[:100]}")
    _check_numbers("starts_ of codes", encoder.starts_, columns.shape)
    _check_numbers("widths_ of codes", encoder.widths_, columns.shape, above=0)


def _check_pooled(auto: AutoClassifier) -> None:
    of_features, of_classes = (auto.n_features_in_,), (len(auto.classes_),)
    auto.costs()
    _check_numbers("priors_", auto.priors_, of_classes, above=0)
    if auto.offsets_.keys() != set(DECISIONS):
        raise ValueError(f"offsets_ must be those of {DECISIONS}, but there are {list(auto.offsets_)!r:.100}")
    for name, offsets in auto.offsets_.items():
        _check_numbers(f"offsets_ of {name}", offsets, of_classes)
    _check_numbers("pool_weights_", auto.pool_weights_, (len(auto.kinds_),), least=0)
    if auto.scaler_ is not None:
        _check_numbers("mean_ of the scaler", auto.scaler_.mean_, of_features)
        _check_numbers("scale_ of the scaler", auto.scaler_.scale_, of_features, above=0)
    if not len(auto.fold_inputs_) == len(auto.fold_ensembles_) > 0:
        raise ValueError(
            f"there are inputs of {len(auto.fold_inputs_)} folds, but networks of {len(auto.fold_ensembles_)}"
        )
    for inputs, stacks in zip(auto.fold_inputs_, auto.fold_ensembles_, strict=True):
        _check_numbers("feature_importances_ of a fold", inputs.feature_importances_, of_features, least=0)
        if inputs.encoder_ is not None and inputs.encoder_.n_features_in_ != auto.n_features_in_:
            raise ValueError(f"codes are of {inputs.encoder_.n_features_in_!r:.20} features, not {auto.n_features_in_}")
        if len(stacks) != len(auto.kinds_):
            raise ValueError(f"a fold has {len(stacks)} networks, but there are {len(auto.kinds_)} kinds")
        for kind, stack in zip(auto.kinds_, stacks, strict=True):
            scales = inputs.scales(kind)
            _check_numbers("scales of what networks see", scales, scales.shape)
            members, n_inputs, _ = stack.weights_["weights.0"].shape
            if (members, n_inputs, len(stack.classes_)) != (1, len(scales), *of_classes) or stack.scaler_ is not None:
                raise ValueError(
                    f"{members} network(s) of {n_inputs} inputs and {len(stack.classes_)} classes, "
                    f"where one of {len(scales)} and {of_classes[0]} belongs"
                )


def _check_numbers(
    name: str, values: Any, shape: tuple[int, ...], least: float = -np.inf, above: float = -np.inf
) -> None:
    numbers = np.asarray(values)
    if numbers.dtype.kind != "f" or numbers.shape != shape:
        raise ValueError(f"{name} must be numbers of shape {shape}, but they are {numbers.dtype} of {numbers.shape}")
    if not (np.isfinite(numbers) & (numbers >= least) & (numbers > above)).all():
        bounds = ", 0 or more" if least == 0 else ", above 0" if above == 0 else ""
        raise ValueError(f"{name} must be finite{bounds}, but they are {str(numbers.tolist())[:100]}")
