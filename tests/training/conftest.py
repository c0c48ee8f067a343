"""Tables to train on, and what it means that two networks are the same."""

import numpy as np
import pytest

from equipoise.training import Table


@pytest.fixture(scope="session")
def table(problem):
    """Make a table of Gaussian classes; `soft` gives probabilities in place of class codes."""

    def make(counts=(54, 6), n_features=4, seed=0, soft=False, apart=2.0):
        X, y = problem(counts, n_features, seed, apart)
        if soft:
            y = 0.8 * np.eye(len(counts))[y] + 0.2 / len(counts)
        return Table(X, y, n_classes=len(counts))

    return make


@pytest.fixture(scope="session")
def assert_same():
    """Check that two networks are the same to rounding, and ended alike."""

    def check(network, other, rtol=1e-6, atol=1e-8):
        assert network.weights.keys() == other.weights.keys()
        for name, value in network.weights.items():
            np.testing.assert_allclose(value, other.weights[name], rtol=rtol, atol=atol, err_msg=name)
        assert (network.n_steps, network.stopped_by) == (other.n_steps, other.stopped_by)
        assert [step for step, _ in network.history] == [step for step, _ in other.history]
        np.testing.assert_allclose([s for _, s in network.history], [s for _, s in other.history], rtol=rtol)

    return check
