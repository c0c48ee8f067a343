"""`MUBOClassifier`: the search of `MUBO`, whatever the labels are."""

import numpy as np
import pytest

from equipoise import MUBO, MUBOClassifier

QUICK = {"max_steps": 30, "hidden_layer_sizes": (8,), "random_state": 0}
NAMES = np.array(["b", "a", "c"])  # not in the order of the codes below


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    codes = rng.choice(3, size=600, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(600, 4)).astype(np.float32) + codes[:, None], NAMES[codes]


def fitted(data, strategy="auto"):
    return MUBOClassifier(MUBO(max_iter=4, sampling_strategy=strategy), **QUICK).fit(*data)


@pytest.mark.parametrize("strategy", ["auto", "not majority", ["b"], ["b", "a"]], ids=str)
def test_rows_and_networks_are_those_of_the_sampler_by_label(data, strategy):
    found = fitted(data, strategy)
    seed = np.random.RandomState(0).randint(1 << 31)
    search = MUBO(sampling_strategy=strategy, max_iter=4, **QUICK | {"random_state": seed})
    search.fit_resample(*data)
    np.testing.assert_array_equal(found.sample_indices_, search.sample_indices_)
    np.testing.assert_array_equal(found.predict(data[0]), search.classifier_.predict(data[0]))
    assert found.classes_.tolist() == found.ensemble_.classes_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("strategy", [["d"], ["b", 0]], ids=str)
def test_a_class_that_is_not_there_is_named(data, strategy):
    with pytest.raises(ValueError, match=r"sampling_strategy names the class .*; choose from 'a', 'b' and 'c'"):
        fitted(data, strategy)
