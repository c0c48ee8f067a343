"""`NotSaved`: placeholder of a part that only `fit` needs and a model file cannot hold."""

from typing import Any, NoReturn

from sklearn.base import BaseEstimator


class NotSaved(BaseEstimator):
    """Placeholder of a custom loss, sampler or transform in a saved model."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse any use."""
        raise ValueError(f"{self.name} was not saved with this model; set it again with set_params before fitting.")

    fit_resample = split = get_n_splits = __call__
