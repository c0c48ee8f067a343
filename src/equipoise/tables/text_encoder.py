"""Texts to vectors by what was trained before: a folder of sentence-transformers, or a function.

A model file keeps the place of the folder and a digest of its files, no weights. The folder is read only while its
digest is the one kept, and its code is never run: sentence-transformers refuses that from version 6 on, unless told to.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

Encoder = Callable[[list[str]], Any]

_AT_ONCE = 1024  # texts given to an encoder in one call
_MOST_KEPT = 100_000  # vectors kept of one encoder

_vectors: WeakKeyDictionary[Any, dict[bytes, NDArray[np.float32]]] = WeakKeyDictionary()


class SentenceEncoder:
    """Sentence embeddings by a model of sentence-transformers in a folder.

    ``fingerprint`` is the SHA-256 of the names and contents of the model's files. Raises FileNotFoundError if the
    folder holds no such model, ImportError if sentence-transformers is not installed.
    """

    def __init__(self, path: str | Path) -> None:
        check_encoder(path)
        self.path = str(Path(path).absolute())
        self.fingerprint = _digest(_files(Path(path)))

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts, of shape (n, k)."""
        return self.model().encode(texts, show_progress_bar=False, convert_to_numpy=True)

    def model(self) -> Any:
        """Return the model, loaded on first use.

        Raises FileNotFoundError if the folder is not there, ValueError if its files are not those that the encoder was
        made with.
        """
        try:
            check_encoder(self.path)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error} If the folder of a fitted model's encoder has moved, name its new place: load(..., "
                "text_encoder=PATH), on the command line predict --text-encoder PATH."
            ) from None
        if _digest(_files(Path(self.path))) != self.fingerprint:
            raise ValueError(
                f"The text encoder in {self.path} is not the one that the model was fitted with: its files differ. Put "
                "the former files back, or fit the model again."
            )
        return _opened(self.path, self.fingerprint)


def check_encoder(path: str | Path) -> None:
    """Refuse a folder without a model of sentence-transformers, before any work; see `SentenceEncoder`."""
    if not (Path(path) / "modules.json").is_file():
        raise FileNotFoundError(
            f"There is no model of sentence-transformers in {str(path)!r}: name the folder that holds its modules.json."
        )
    if find_spec("sentence_transformers") is None:
        raise ImportError("A text encoder needs the packages of an extra: pip install 'equipoise[text]'.")


def encode(encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
    """Return the vectors of texts, each different text encoded once in the life of the encoder.

    Raises ValueError if the encoder returns another shape than (n, k), or numbers that are not finite.
    """
    known = _known(encoder.model() if isinstance(encoder, SentenceEncoder) else encoder)
    keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
    new = {key: text for key, text in zip(keys, texts) if key not in known}
    found = dict(zip(new, _in_batches(encoder, list(new.values()))))
    for key in list(found)[: max(0, _MOST_KEPT - len(known))]:
        known[key] = found[key]
    vectors = [found[key] if key in found else known[key] for key in keys]
    widths = {len(vector) for vector in vectors}
    if len(widths) != 1:
        raise ValueError(f"The encoder of texts must return vectors of one length, got the lengths {sorted(widths)}.")
    return np.stack(vectors)


def _known(encoder: Any) -> dict[bytes, NDArray[np.float32]]:
    try:
        return _vectors.setdefault(encoder, {})
    except TypeError:  # not hashable
        return {}


def _in_batches(encoder: Encoder, texts: list[str]) -> list[NDArray[np.float32]]:
    vectors: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), _AT_ONCE):
        batch = texts[start : start + _AT_ONCE]
        values = np.asarray(encoder(batch), dtype=np.float32)
        if values.ndim != 2 or len(values) != len(batch) or not np.isfinite(values).all():
            raise ValueError(
                f"The encoder of texts must return finite numbers of shape ({len(batch)}, k), got {values.shape}."
            )
        vectors += list(values)
    return vectors


def _files(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return place, size and time of change of each file that makes the model what it is."""
    parts = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".md"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    return (str(folder.absolute()), 0, 0), *(
        (str(path), s.st_size, s.st_mtime_ns) for path in parts for s in [path.stat()]
    )


@lru_cache(maxsize=8)
def _digest(files: tuple[tuple[str, int, int], ...]) -> str:
    folder = Path(files[0][0])
    digest = hashlib.sha256()
    for name, size, _ in files[1:]:
        digest.update(f"{Path(name).absolute().relative_to(folder).as_posix()} {size}\n".encode())
        with open(name, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _opened(path: str, fingerprint: str) -> Any:
    import transformers
    from sentence_transformers import SentenceTransformer

    bars: Any = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        return SentenceTransformer(path, local_files_only=True, trust_remote_code=False)
    finally:
        if shown:
            bars.enable_progress_bar()
