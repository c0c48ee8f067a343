"""A small imbalanced table and quick options for whole comparisons."""

import numpy as np
import pandas as pd
import pytest

from equipoise.datasets import split_target


@pytest.fixture(scope="session")
def dataset():
    rng = np.random.default_rng(0)
    label = np.repeat(["common", "rare"], [120, 30])
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=150) + 2.0 * (label == "rare"),
            "noise": rng.normal(size=150),
            "kind": rng.choice(["a", "b", "c"], 150),
            "class": label,
        }
    )
    frame.loc[::13, "size"] = np.nan
    return split_target(frame.sample(frac=1, random_state=0), "class", name="small")


@pytest.fixture(scope="session")
def quick():
    return {"recipes": ["none", "under", "remix", "gbdt"], "n_folds": 3, "n_repeats": 2, "n_members": 2}
