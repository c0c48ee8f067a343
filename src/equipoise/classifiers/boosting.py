"""`BoostingClassifier`: LightGBM, XGBoost and CatBoost behind one interface, at their own defaults.

The libraries are an extra, imported where a model is fitted or answers. A fitted model is kept as the bytes that its
library writes, so that model files need no pickle; the library's reader of them is not safe against crafted files.
"""

import tempfile
from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from equipoise.containers import as_array
from equipoise.describing import Description

TITLES = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost"}
"""Libraries by package."""


class BoostingClassifier(ClassifierMixin, BaseEstimator):
    """Gradient boosting of another library at its defaults, on categories and gaps as they are.

    Parameters
    ----------
    library : {"lightgbm", "xgboost", "catboost"}, default="lightgbm"
        Package, from ``pip install 'equipoise[boosting]'``.
    options : dict, default=None
        Parameters of the library's classifier, such as ``{"n_estimators": 500}``.
    n_jobs : int, default=1
        Threads.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
    booster_ : ndarray of bytes
        Fitted model, as the library writes it.
    n_features_in_ : int

    Notes
    -----
    Columns of a data frame whose type is categorical are categories; their codes must mean the same at `predict`, as
    those of `TablePreprocessor` with ``native=True`` do. All other columns are numbers, NaN where missing.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from equipoise.classifiers.boosting import BoostingClassifier
    >>> X, y = make_classification(300, weights=[0.9], random_state=0)
    >>> BoostingClassifier("xgboost", random_state=0).fit(X, y).predict_proba(X).shape
    (300, 2)
    """

    def __init__(
        self,
        library: str = "lightgbm",
        *,
        options: dict[str, Any] | None = None,
        n_jobs: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.library = library
        self.options = options
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the library's classifier.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None

        Raises
        ------
        ImportError
            If the library is not installed.
        ValueError
            If it is none of the three, or ``y`` has one class only.
        """
        frame = self._frame(X, reset=True)
        labels = np.asarray(as_array(y))
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y needs two or more classes, but holds one class only: {self.classes_.tolist()[0]!r}.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        categories = [i for i, kind in enumerate(frame.dtypes) if isinstance(kind, pd.CategoricalDtype)]
        fitted = _FITS[check_installed(self.library)](
            frame, codes, categories, sample_weight, self.n_jobs, seed, self.options or {}
        )
        self.__dict__.pop("_reader", None)
        self.booster_ = np.frombuffer(fitted, dtype=np.uint8)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes, of shape (n, K).

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        """
        check_is_fitted(self)
        found = np.asarray(self._reader(self._frame(X, reset=False)), dtype=np.float64)
        return np.column_stack([1 - found, found]) if found.ndim == 1 else found / found.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable label of each row, of shape (n,)."""
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def describe(self) -> Description:
        """Name the library."""
        return Description(nature=(f"{TITLES[self.library]}, gradient boosting of trees.",))

    @cached_property
    def _reader(self) -> Callable[[pd.DataFrame], Any]:
        check_installed(self.library)
        return _READERS[self.library](self.booster_.tobytes())

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_reader"}

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Return the rows under plain names, which every library takes."""
        if isinstance(X, pd.DataFrame):
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X.copy(deep=False)
        else:
            rows = validate_data(self, as_array(X), reset=reset, ensure_all_finite="allow-nan", dtype=np.float64)
            frame = pd.DataFrame(rows)
        return frame.set_axis([f"f{i}" for i in range(frame.shape[1])], axis=1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def check_installed(library: str) -> str:
    """Return the name of a library that is there.

    Raises ImportError, which names the extra, or ValueError for another library.
    """
    if library not in TITLES:
        raise ValueError(f"library must be one of {', '.join(TITLES)}, got {library!r}.")
    try:
        import_module(library)
    except ImportError as error:
        raise ImportError(
            f"{library!r} needs the package {library}, which is not installed: pip install 'equipoise[boosting]'."
        ) from error
    return library


def _fit_lightgbm(X: Any, y: Any, categories: Any, weight: Any, n_jobs: int, seed: int, options: Any) -> bytes:
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(**{"random_state": seed, "n_jobs": n_jobs, "verbosity": -1, **options})
    fitted = model.fit(X, y, sample_weight=weight, categorical_feature=[f"f{i}" for i in categories])
    return fitted.booster_.model_to_string().encode()


def _read_lightgbm(model: bytes) -> Callable[[pd.DataFrame], Any]:
    from lightgbm import Booster

    return Booster(model_str=model.decode()).predict


def _fit_xgboost(X: Any, y: Any, categories: Any, weight: Any, n_jobs: int, seed: int, options: Any) -> bytes:
    from xgboost import XGBClassifier

    defaults = {"random_state": seed, "n_jobs": n_jobs, "verbosity": 0, "enable_categorical": True}
    fitted = XGBClassifier(**{**defaults, **options}).fit(X, y, sample_weight=weight)
    return bytes(fitted.get_booster().save_raw("json"))


def _read_xgboost(model: bytes) -> Callable[[pd.DataFrame], Any]:
    from xgboost import Booster, DMatrix

    booster = Booster(model_file=bytearray(model))
    booster.set_param({"nthread": 1})
    return lambda X: booster.predict(DMatrix(X, enable_categorical=True, nthread=1))


def _fit_catboost(X: Any, y: Any, categories: Any, weight: Any, n_jobs: int, seed: int, options: Any) -> bytes:
    from catboost import CatBoostClassifier

    defaults = {"random_seed": seed, "thread_count": n_jobs, "verbose": False, "allow_writing_files": False}
    model = CatBoostClassifier(**{**defaults, **options}, cat_features=categories)
    fitted = model.fit(_catboost_frame(X), y, sample_weight=weight)
    with tempfile.TemporaryDirectory() as folder:  # it writes to a path only
        path = Path(folder) / "model.cbm"
        fitted.save_model(str(path))
        return path.read_bytes()


def _read_catboost(model: bytes) -> Callable[[pd.DataFrame], Any]:
    from catboost import CatBoostClassifier

    booster = CatBoostClassifier().load_model(blob=model)
    return lambda X: booster.predict_proba(_catboost_frame(X), thread_count=1)


def _catboost_frame(X: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the codes of categories, -1 where missing, as CatBoost wants them."""
    coded = {name: X[name].cat.codes.astype(np.int64) for name in X.columns if X[name].dtype == "category"}
    return X.assign(**coded) if coded else X


_FITS: dict[str, Callable[..., bytes]] = {"lightgbm": _fit_lightgbm, "xgboost": _fit_xgboost, "catboost": _fit_catboost}
_READERS: dict[str, Callable[[bytes], Callable[[pd.DataFrame], Any]]] = {
    "lightgbm": _read_lightgbm,
    "xgboost": _read_xgboost,
    "catboost": _read_catboost,
}
