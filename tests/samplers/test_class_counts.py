"""Class counts described before resampling are those that are left."""

from collections import Counter

import numpy as np
import pytest
from imblearn.combine import SMOTEENN
from imblearn.over_sampling import SMOTE, SMOTENC, RandomOverSampler
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import ClusterCentroids, NearMiss, RandomUnderSampler, TomekLinks
from sklearn.base import BaseEstimator

from equipoise import GBO, MUBO
from equipoise.samplers import resampled_counts

LABELS = np.array(["a", "b", "c"])


def twice_the_smallest(y):
    counts = Counter(y.tolist())
    return {label: min(n, 2 * min(counts.values())) for label, n in counts.items()}


@pytest.mark.parametrize(
    "sampler",
    [
        RandomOverSampler(),
        RandomOverSampler(sampling_strategy="minority"),
        RandomOverSampler(sampling_strategy={"c": 20}),
        SMOTE(sampling_strategy="all", k_neighbors=2),
        SMOTENC([0], sampling_strategy=lambda y: {"b": 50}),
        RandomUnderSampler(),
        RandomUnderSampler(sampling_strategy="majority"),
        RandomUnderSampler(sampling_strategy=twice_the_smallest),
        NearMiss(sampling_strategy={"a": 12}, n_neighbors=2),
        ClusterCentroids(sampling_strategy="not majority"),
        GBO(sampling_strategy={"b": 19}, max_epochs=1),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
@pytest.mark.filterwarnings("ignore::equipoise.samplers.GANDiagnosticsWarning")
def test_described_counts_are_left(sampler, problem):
    X, codes = problem((40, 15, 6))
    X[:, 0] = X[:, 0].round()
    y = LABELS[codes]
    left = Counter(sampler.fit_resample(X, y)[1].tolist())
    assert resampled_counts(sampler, Counter(y.tolist())) == left


@pytest.mark.parametrize("sampler", [RandomOverSampler, RandomUnderSampler])
def test_ratios_and_lists(sampler, problem):
    X, y = problem((40, 10))
    half = sampler(sampling_strategy=0.5)
    assert resampled_counts(half, {0: 40, 1: 10}) == Counter(half.fit_resample(X, y)[1].tolist())
    with pytest.raises(ValueError, match="'sampling_strategy' cannot be a list"):
        resampled_counts(sampler(sampling_strategy=[0]), {0: 40, 1: 10})


@pytest.mark.parametrize("sampler", [TomekLinks(), SMOTEENN(), MUBO(), make_pipeline(SMOTE(), TomekLinks())], ids=str)
def test_what_depends_on_the_rows_is_not_described(sampler):
    assert resampled_counts(sampler, {0: 40, 1: 10}) is None


class OneOfEach(BaseEstimator):
    """A user's own sampler, on no base of imbalanced-learn."""

    def __init__(self, known=True):
        self.known = known

    def fit_resample(self, X, y):
        rows = np.unique(y, return_index=True)[1]
        return X[rows], y[rows]

    def resampled_counts(self, counts):
        return dict.fromkeys(sorted(counts), 1) if self.known else None


def test_a_sampler_of_ones_own_describes_its_counts():
    assert list(resampled_counts(OneOfEach(), {"b": 4, "a": 2}).items()) == [("b", 1), ("a", 1)]
    assert resampled_counts(OneOfEach(known=False), {"b": 4, "a": 2}) is None
