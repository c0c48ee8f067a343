"""`save` and `load`: a fitted classifier to files and back, without trust in the files."""

import hashlib
import io
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import safetensors.numpy
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.utils.validation import check_is_fitted

from equipoise.classifiers.boosting import TITLES, BoostingClassifier
from equipoise.describing import plain_json
from equipoise.persistence.card import model_card
from equipoise.persistence.files import CARD, ESTIMATOR, LIMITS, README, WEIGHTS, check_member, read_file, write_files
from equipoise.persistence.native import check_native
from equipoise.persistence.schema import answer, probe, schema_of
from equipoise.persistence.stacks import put_in, take_out
from equipoise.persistence.trusted import read_objects, write_objects
from equipoise.persistence.walk import needs_trust, walk
from equipoise.persistence.whole import check_whole
from equipoise.tables.text_encoder import SentenceEncoder
from equipoise.tables.text_features import TextFeatures

FORMAT = 3
_PACKAGES = ("equipoise", "torch", "scikit-learn", "imbalanced-learn", "numpy")
_FIELDS = {"format": int, "versions": dict, "about": dict, "schema": dict, "sha256": dict, "probe": list | None}
_SAME = 1e-3  # largest difference between machines; a swapped tensor makes more


def save(model: ClassifierMixin, path: str | Path, *, about: dict[str, Any] | None = None) -> None:
    """Write a fitted classifier to a folder, or to one zip file.

    Parameters
    ----------
    model : classifier
        Fitted classifier of equipoise or scikit-learn.
    path : str or Path
        Folder, or zip file if it ends in ``.zip``. An older model there is replaced; other files are kept.
    about : dict, optional
        Metadata for the model card, as json can hold: ``recipe``, ``data``, ``target``, ``rows``, ``class_counts``
        (rows by label), ``figures`` (metrics by name; a number, or a dict of ``value``, ``low`` and ``high``),
        ``measured`` (protocol of the metrics), or any other keys.

    Raises
    ------
    ValueError
        If the model holds a custom network or types that cannot be loaded safely, `about` does not fit json, or the
        path is taken by something else.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_breast_cancer
    >>> from equipoise import load, recipes, save
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = recipes.make("none", max_steps=50, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.zip", about={"data": "breast cancer", "figures": {"G-mean": 0.97}})
    ...     again = load(f"{folder}/model.zip")
    >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
    True
    """
    check_is_fitted(model)
    _check_encoders(model)
    try:
        about = plain_json(about or {})
    except ValueError as error:
        raise ValueError(f"`about` may hold text, numbers, lists and dicts only, got {error}.") from None
    bare, tensors = take_out(model)
    check_native(bare)
    files = {WEIGHTS: safetensors.numpy.save(tensors), ESTIMATOR: write_objects(bare)}
    tried = probe(model)
    try:
        _restore(files, tried, trusted=True)  # a model that cannot be loaded is not written
    except Exception as error:
        raise ValueError(f"The model cannot be saved ({_reason(error)}).") from error
    card = {
        "format": FORMAT,
        "versions": _versions(),
        "about": about,
        "schema": schema_of(model, about),
        "probe": tried,
        "sha256": {name: _digest(content) for name, content in files.items()},
    }
    files[CARD] = (json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    files[README] = model_card(model, card).encode()
    write_files(Path(path), files)


def load(path: str | Path, *, trusted: bool = False, text_encoder: str | Path | None = None) -> Any:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : str or Path
        Folder or zip file.
    trusted : bool, default=False
        Whether the file comes from someone you trust. Models of LightGBM, XGBoost and CatBoost need it: their readers
        are not safe against crafted files. All others are safe to load without it.
    text_encoder : str or Path, optional
        Folder of the model of sentence-transformers that reads its texts, if it has moved since `save`; with the same
        files.

    Returns
    -------
    classifier
        The fitted one.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If a file is damaged, too large, of another format, or holds untrusted types; or a model that must be trusted.
    """
    card = read_card(path)
    try:
        files = {name: read_file(Path(path), name) for name in (WEIGHTS, ESTIMATOR)}
        for name, content in files.items():
            if card["sha256"].get(name) != _digest(content):
                raise ValueError(f"{name} was changed or truncated after saving")
        return _restore(files, card["probe"], trusted=trusted, text_encoder=text_encoder)
    except UntrustedModelError:
        raise
    except Exception as error:  # a crafted file may fail anywhere
        raise _unloadable(path, error, card["versions"]) from error


def read_card(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a saved model: its ``model.json``.

    Returns
    -------
    dict
        ``format``, ``versions``, ``about`` (as given to `save`), ``schema`` (columns, classes, class priors,
        decision), ``probe`` (probabilities of an empty row), ``sha256``.

    Raises
    ------
    FileNotFoundError
        If there is no model.
    ValueError
        If the file is damaged, or of another format.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"There is no model at {path}: it has no {CARD}. `equipoise fit` makes one.")
    try:
        card = json.loads(read_file(Path(path), CARD))
        _check_card(card)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise _unloadable(path, error) from error
    return card


def _check_card(card: Any) -> None:
    if not isinstance(card, dict) or "format" not in card:
        raise ValueError(f"{CARD} does not describe a model")
    if card["format"] != FORMAT or isinstance(card["format"], bool | float):
        raise ValueError(f"its format is {card['format']!r:.60}, but this version reads format {FORMAT}")
    for name, kind in _FIELDS.items():
        if not isinstance(card.get(name), kind) or name not in card:
            raise ValueError(f"{CARD} lacks {name!r}, or has another type there")


def _check_encoders(model: Any) -> None:
    for part in walk(model):
        if isinstance(part, TextFeatures) and callable(part.encoder):
            name = getattr(part.encoder, "__name__", type(part.encoder).__name__)
            raise ValueError(
                f"The model reads texts by a function of yours ({name}), whose code a model file cannot hold. Give "
                "text_encoder the folder of a model of sentence-transformers, or leave it out: n-grams are saved."
            )


class UntrustedModelError(ValueError):
    """A model whose reader is not safe against crafted files, loaded without trust."""


def _restore(
    files: dict[str, bytes], expected: list[float] | None, *, trusted: bool, text_encoder: str | Path | None = None
) -> Any:
    _check_packed(files[ESTIMATOR])
    tensors = safetensors.numpy.load(files[WEIGHTS])
    bare = read_objects(files[ESTIMATOR])
    if text_encoder is not None:
        _move_encoders(bare, text_encoder)
    check_native(bare)
    if not trusted and needs_trust(bare):
        library = next(TITLES[part.library] for part in walk(bare) if isinstance(part, BoostingClassifier))
        raise UntrustedModelError(
            f"The model is one of {library}, whose reader is not safe against crafted files: if it comes "
            "from someone you trust, say so with load(path, trusted=True), on the command line --trust."
        )
    model = put_in(bare, tensors)
    if not (isinstance(model, BaseEstimator) and is_classifier(model)):
        raise ValueError(f"it holds {type(model).__name__}, not a classifier")
    check_whole(model)
    if expected is not None and not np.allclose(answer(model), expected, rtol=0, atol=_SAME):
        raise ValueError("its probabilities differ from those when it was saved")
    return model


def _move_encoders(model: Any, path: str | Path) -> None:
    encoders = [part for part in walk(model) if isinstance(part, SentenceEncoder)]
    if not encoders:
        raise ValueError("it reads no texts by a text encoder, so text_encoder has no use")
    for encoder in encoders:
        encoder.path = str(Path(path).absolute())


def _check_packed(skops_file: bytes) -> None:
    """Check the unpacked sizes of a skops file before unpacking."""
    with ZipFile(io.BytesIO(skops_file)) as archive:
        for member in archive.infolist():
            check_member(member, LIMITS[ESTIMATOR])
        if sum(member.file_size for member in archive.infolist()) > LIMITS[ESTIMATOR]:
            raise ValueError(f"{ESTIMATOR} would unpack to more than the limit of {LIMITS[ESTIMATOR]:,} bytes")


def _unloadable(path: str | Path, error: Exception, versions: dict[str, Any] | None = None) -> ValueError:
    others = [
        f"{name} {str(saved)[:20]} (here {here})"
        for name, here in _versions().items()
        if versions and (saved := versions.get(name)) not in (None, here)
    ]
    note = f"; it was saved with {', '.join(others)}" if others else ""
    return ValueError(f"The model at {path} cannot be loaded ({_reason(error)}{note}). Save it again from its source.")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:700] or type(error).__name__


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
