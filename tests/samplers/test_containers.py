"""Our samplers read rows and labels in any container, and give them back in it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array

from equipoise import GBO, MUBO, SSG, SMOTifiedGAN
from equipoise.containers import readable

SAMPLERS = [
    MUBO(max_iter=2, max_epochs=1, hidden_layer_sizes=(4,), random_state=0),
    *(sampler(max_epochs=1, random_state=0) for sampler in (SMOTifiedGAN, GBO, SSG)),
]
NAMES = list("abcd")

pytestmark = pytest.mark.filterwarnings("ignore::equipoise.samplers.GANDiagnosticsWarning")


@pytest.fixture(scope="module")
def table(problem):
    X, y = problem((30, 12))
    X[:, 3] = X[:, 3].round()
    return X.astype(np.float32), y


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
class TestContainers:
    def test_polars(self, sampler, table):
        X, y = table
        expected_X, expected_y = sampler.fit_resample(*table)
        frame = pl.DataFrame(X, schema=NAMES).with_columns(pl.col("d").cast(pl.Int16))
        found_X, found_y = sampler.fit_resample(frame, pl.Series("label", y))
        assert found_X.schema == frame.schema and (found_y.name, found_y.dtype) == ("label", pl.Int64)
        assert found_y.to_list() == expected_y.tolist() and sampler.feature_names_in_.tolist() == NAMES
        np.testing.assert_allclose(found_X.to_numpy(), expected_X, atol=1e-4)

    def test_torch(self, sampler, table):
        X, y = table
        expected_X, expected_y = sampler.fit_resample(*table)
        rows = torch.tensor(X, requires_grad=True), torch.tensor(y, dtype=torch.int32)
        found_X, found_y = sampler.fit_resample(*rows)
        assert (found_X.dtype, found_y.dtype) == (torch.float32, torch.int32)
        np.testing.assert_array_equal(found_X.numpy(), expected_X)
        np.testing.assert_array_equal(found_y.numpy(), expected_y)

    def test_lazy_rows_are_refused_before_the_work(self, sampler, table):
        with pytest.raises(TypeError, match=r"got a LazyFrame\. Call its collect\(\) first"):
            sampler.fit_resample(pl.DataFrame(table[0]).lazy(), table[1])

    def test_the_global_random_state_stays(self, sampler, table):
        torch.manual_seed(5)
        numpy_state = np.random.mtrand._rand.get_state
        before = torch.get_rng_state(), numpy_state()[1].copy()
        sampler.fit_resample(*table)
        assert torch.equal(torch.get_rng_state(), before[0])
        np.testing.assert_array_equal(numpy_state()[1], before[1])


def test_numbers_in_odd_arrays_are_read_as_numbers():
    mixed = np.array([[1.5, True], [2, False]], dtype=object)
    np.testing.assert_array_equal(readable(mixed), [[1.5, 1.0], [2.0, 0.0]])
    assert readable(np.array([[1, 2]], dtype=">i4")).dtype == np.dtype("=i4")
    words = np.array([["007", 1.0]], dtype=object)
    assert readable(words) is words  # a code is no number
    half = torch.tensor([1.5], dtype=torch.bfloat16)
    np.testing.assert_array_equal(readable(half), [1.5])
    for same in (pd.DataFrame({"a": [1]}), csr_array(np.eye(2)), [1, 2]):
        assert readable(same) is same or readable(same).equals(same)
    for series in (pd.Series([True]), pd.Series([True], dtype="category"), pd.Series([True], dtype="boolean")):
        assert readable(series).dtype == bool
