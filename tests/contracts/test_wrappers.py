"""scikit-learn's own suite for the classifiers that go around another one."""

import pytest
from imblearn import FunctionSampler
from imblearn.over_sampling import SMOTE
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from equipoise import (
    CalibratedClassifier,
    CapacityClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    TunedThresholdsClassifier,
)

INNER = LogisticRegression()
CLASSIFIERS = [
    PriorCorrectedClassifier(INNER),
    PriorCorrectedClassifier(INNER, training_priors="uniform", target_priors="observed"),
    TunedThresholdsClassifier(INNER, cv=2),
    CalibratedClassifier(INNER, cv=2),
    CapacityClassifier(INNER, capacity=0.4, cv=2),
    ResampledClassifier(FunctionSampler(), INNER),
    ResampledClassifier(SMOTE(random_state=0), INNER),
]


def expected_failed_checks(classifier):
    otherwise = {
        "check_classifiers_train": (
            "its purpose is to decide otherwise than for the most probable class "
            "(scikit-learn marks its TunedThresholdClassifierCV so itself)"
        )
    }
    if isinstance(classifier, CapacityClassifier):
        return otherwise | {"check_methods_subset_invariance": "a capacity is one of the batch that is predicted"}
    if isinstance(classifier, TunedThresholdsClassifier):
        return otherwise
    if isinstance(classifier, ResampledClassifier) and not isinstance(classifier.sampler, FunctionSampler):
        reason = "samplers count rows: resampling weighted rows is not resampling repeated ones"
        return {f"check_sample_weight_equivalence_on_{kind}_data": reason for kind in ("dense", "sparse")}
    return {}


@pytest.mark.filterwarnings("ignore:Class .* training rows")
@parametrize_with_checks(CLASSIFIERS, expected_failed_checks=expected_failed_checks, xfail_strict=True)
def test_scikit_learn(estimator, check):
    check(estimator)
