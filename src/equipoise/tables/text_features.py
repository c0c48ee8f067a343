"""Columns of text as numbers: n-grams, weighed by how rare they are, in a few directions; or vectors of an encoder."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from equipoise.tables.text_encoder import Encoder, SentenceEncoder, encode

_HASHES = 1 << 14  # of each kind of n-gram
_MOST_KEPT = 10_000_000  # counts of n-grams of texts seen before, of 8 bytes each
_ANALYZERS = (("word", (1, 2)), ("char_wb", (2, 4)))


class TextFeatures(TransformerMixin, BaseEstimator):
    """Turn texts into a few numbers each, of mean 0 and deviation 1 over the texts fitted on.

    Words and pairs of words, and runs of 2 to 4 characters within words, are counted by hash, weighed by TF-IDF, and
    reduced by a truncated singular value decomposition (latent semantic analysis; Deerwester et al., 1990).

    Parameters
    ----------
    n_components : int, default=100
        Numbers of a text, at most.
    encoder : str, Path or callable, default=None
        Used instead of n-grams: the folder of a model of sentence-transformers, or a function that takes a list of
        texts and returns an array of shape (n, k). Each different text is encoded once.

    Attributes
    ----------
    n_features_out_ : int
    encoder_ : SentenceEncoder, callable or None

    Examples
    --------
    >>> from equipoise.tables.text_features import TextFeatures
    >>> texts = ["pay now", "pay at once", "see you soon", "see you then"]
    >>> TextFeatures(n_components=2).fit_transform(texts).shape
    (4, 2)
    """

    def __init__(self, *, n_components: int = 100, encoder: str | Path | Encoder | None = None) -> None:
        self.n_components = n_components
        self.encoder = encoder

    def fit(self, X: Sequence[str], y: Any = None) -> Self:
        """Learn weights, directions and scale of texts (n,)."""
        self.encoder_ = SentenceEncoder(self.encoder) if isinstance(self.encoder, str | Path) else self.encoder
        if self.encoder_ is not None:
            values = self._values(X)
        else:
            counts = _counts(X, keep=True)
            self._rarity = TfidfTransformer().fit(counts).idf_
            seen = np.union1d(counts.indices, 0)  # of all hashes, few occur: the others would only take time
            most = min(self.n_components, len(X) - 1, len(seen))
            svd, weighed = TruncatedSVD(max(1, most), random_state=0), self._weighed(counts)
            with threadpool_limits(1):  # which would wait for each other more than they compute
                svd.fit(weighed[:, seen].astype(np.float32))
            self._directions = np.zeros((svd.n_components, counts.shape[1]), dtype=np.float32)
            self._directions[:, seen] = svd.components_
            values = np.asarray(weighed @ self._directions.T, dtype=np.float64)
        self._mean, scale = values.mean(axis=0), values.std(axis=0)
        self._scale = np.where(scale > 0, scale, 1.0)
        self.n_features_out_ = values.shape[1]
        return self

    def transform(self, X: Sequence[str]) -> NDArray[np.float32]:
        """Return the numbers of texts (n,), of shape (n, n_features_out_)."""
        return ((self._values(X) - self._mean) / self._scale).astype(np.float32)

    def nature(self) -> str:
        """Say in a few words what the numbers are."""
        name = getattr(self.encoder, "__name__", self.encoder)
        made_of = "n-grams" if name is None else f"the encoder {name}"
        return f"{self.n_features_out_} numbers from {made_of}; treatments that mix rows mix these numbers, not words"

    def _values(self, X: Sequence[str]) -> NDArray[np.float64]:
        if self.encoder_ is not None:
            return encode(self.encoder_, list(X)).astype(np.float64)
        return np.asarray(self._weighed(_counts(X)) @ self._directions.T, dtype=np.float64)

    def _weighed(self, counts: csr_matrix) -> csr_matrix:
        """TF-IDF with logarithms of counts, each text of length 1."""
        weighed = counts.astype(np.float64)
        weighed.data = 1 + np.log(weighed.data)
        weighed.data *= self._rarity[weighed.indices]
        return normalize(weighed, copy=False)


_known: dict[str, int] = {}
_of_known: csr_matrix | None = None


def _counts(X: Sequence[str], *, keep: bool = False) -> csr_matrix:
    """Count the n-grams of texts; each different one is read once, and with ``keep`` once for all folds of a table."""
    global _known, _of_known
    place, different = pd.factorize(np.asarray(X, dtype=object))
    known, of_known = _known, _of_known
    at = np.array([known.get(text, -1) for text in different], dtype=np.int64)
    blocks, new = [] if of_known is None else [of_known], different[at < 0]
    at[at < 0] = len(known) + np.arange(len(new))
    if len(new):
        blocks.append(_counted(new))
    every = csr_matrix(vstack(blocks))
    if keep:
        _known, _of_known = {}, None
        if every.nnz <= _MOST_KEPT:
            _known, _of_known = known | dict(zip(different, at.tolist())), every
    return every[at[place]]


def _counted(texts: Iterable[str]) -> csr_matrix:
    parts = [
        HashingVectorizer(
            analyzer=kind, ngram_range=lengths, n_features=_HASHES, alternate_sign=False, norm=None, dtype=np.float32
        )
        for kind, lengths in _ANALYZERS
    ]
    return csr_matrix(hstack([part.transform(texts) for part in parts]))
