"""A model that gives nearly all rows one answer, for want of gradient steps or because one class is so probable."""

from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from equipoise.datasets import Dataset
from equipoise.sklearn_private import safe_indexing

_ASKED = 300  # training rows, of each class alike
_FEW = 0.1  # of the rows of other classes
_RANKS = 0.75  # ROC AUC of a model that tells the classes apart by its probabilities


def one_answer(model: Pipeline, dataset: Dataset) -> str:
    """Return a caution, in a sentence, if a fitted model gives rows of every class one answer; empty if not.

    It is asked on some training rows, as many of each class; a tenth of those of the other classes must have another
    answer. Probabilities that tell them apart nonetheless are said to be good for ranks and for a stated decision.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from equipoise.datasets import split_target
    >>> data = split_target(pd.DataFrame({"size": range(200), "rare": [i < 20 for i in range(200)]}), "rare")
    >>> one_answer(DummyClassifier().fit(data.X, data.y), data)[:69]
    'The model answers “False” for 40 of 40 training rows, as many of each'
    """
    rng, y = np.random.default_rng(0), dataset.y.to_numpy()
    classes = [np.flatnonzero(y == label) for label in np.unique(y)]
    each = min(max(2, _ASKED // len(classes)), *map(len, classes))
    rows = np.concatenate([rng.choice(of_class, each, replace=False) for of_class in classes])
    asked = safe_indexing(dataset.X, rows)
    answers: Any = np.asarray(model.predict(asked))
    labels, counts = np.unique(answers, return_counts=True)
    most, n_most = labels[counts.argmax()], int(counts.max())
    if len(rows) - n_most >= _FEW * (y[rows] != most).sum():
        return ""
    kind = "images" if dataset.images else "rows"
    found = f"The model answers “{most}” for {n_most} of {len(rows)} training {kind}, as many of each class"
    of_most = model.predict_proba(asked)[:, np.flatnonzero(model.classes_ == most)[0]]
    if (auc := roc_auc_score(y[rows] != most, -of_most)) >= _RANKS:
        return (
            f"{found}, as this class is nearly always the most probable; its probabilities do tell the others apart "
            f"(ROC AUC {auc:.2f} on these {kind}). So do not use its decisions: rank {kind} by probability, or state "
            "what to decide (--cost, --min-recall, --capacity)."
        )
    return (
        f"{found}: it hardly tells them apart, so do not use its decisions. Give it more time (--budget), or choose "
        "another recipe."
    )
