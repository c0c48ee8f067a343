"""Generated rare events: shares, where events are, and what is refused."""

import numpy as np
import pytest

from equipoise.datasets import make_rare_events


def test_shares_are_as_asked():
    X, y, useful = make_rare_events(
        400_000, minority_fraction=0.002, useful_fraction=0.05, n_features=7, random_state=1
    )
    assert X.shape == (400_000, 7) and X.dtype == np.float32
    assert abs(y.sum() - 800) < 5 * np.sqrt(800)
    assert abs(useful.sum() - 20_000) < 5 * np.sqrt(19_000)
    assert y[useful].mean() > 50 * y[~useful].mean()
    np.testing.assert_array_equal(make_rare_events(1000, random_state=1)[0], make_rare_events(1000, random_state=1)[0])


@pytest.mark.parametrize(
    "parameters, said", [({"n_features": 4}, "five features"), ({"minority_fraction": 0.3}, "minority_fraction")]
)
def test_what_cannot_be_is_refused(parameters, said):
    with pytest.raises(ValueError, match=said):
        make_rare_events(100, **parameters)
