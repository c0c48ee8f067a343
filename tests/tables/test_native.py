"""Categories and gaps as they are, for trees."""

import numpy as np
import pandas as pd
import pytest

from equipoise.tables import TablePreprocessor


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": rng.normal(size=90),
            "shop": np.repeat(["a", "b", "c"], [50, 38, 2]),
            "online": np.arange(90) % 2 == 0,
            "day": pd.date_range("2025-01-01", periods=90).strftime("%d.%m.%Y"),
        }
    )
    frame.loc[::7, "amount"] = np.nan
    frame.loc[::9, "shop"] = None
    return frame


def test_a_column_stays_a_column(frame):
    table = TablePreprocessor(native=True).fit(frame)
    found = table.transform(frame)
    assert list(found) == list(frame) == table.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found["amount"], frame["amount"])
    assert (found["amount"].isna() == frame["amount"].isna()).all()
    assert found["day"].diff().iloc[1:].eq(1).all() and set(found["online"]) == {0, 1}


def test_levels_keep_their_codes_and_rare_ones_are_pooled(frame):
    table = TablePreprocessor(native=True).fit(frame)
    shops = table.transform(frame)["shop"]
    assert (shops.isna() == frame["shop"].isna()).all()
    codes = {level: set(shops[frame["shop"] == level].cat.codes) for level in "abc"}
    assert all(len(found) == 1 for found in codes.values()) and len(set.union(*codes.values())) == 3
    new = frame.head(3).assign(shop=["b", "unseen", None])
    again = table.transform(new)["shop"]
    assert again.cat.codes[0] in codes["b"] and again.cat.codes[1] in codes["c"] and again.isna()[2]
    assert list(again.cat.categories) == list(shops.cat.categories)
