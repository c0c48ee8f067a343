"""Any table at all: probabilities that can be trusted, or one sentence that says why there are none."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from equipoise import PriorCorrectedClassifier, recipes

QUICK = {"max_steps": 3, "hidden_layer_sizes": (4,), "random_state": 0}
CLASSIFIERS = {name: recipes.make(name, **QUICK) for name in ("none", "under", "cost", "remix")}
CLASSIFIERS["prior-corrected"] = PriorCorrectedClassifier(CLASSIFIERS["none"])

TEXTS = st.text(max_size=8)
NANOSECONDS = {"min_value": pd.Timestamp(1700, 1, 1), "max_value": pd.Timestamp(2250, 1, 1)}
CELLS = {
    "int64": st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9),
    "int8": st.integers(-128, 127),
    "uint64": st.integers(0, 2**64 - 1),
    "Int64": st.integers(-(2**63), 2**63 - 1) | st.none(),
    "float64": st.floats(),
    "float64 ": st.floats(-1e6, 1e6) | st.just(np.nan),
    "float32": st.floats(width=32),
    "Float32": st.floats(width=32, allow_nan=False) | st.none(),
    "float16": st.floats(width=16, allow_infinity=False),
    "bool": st.booleans(),
    "boolean": st.booleans() | st.none(),
    "str": TEXTS | st.none(),
    "string": TEXTS | st.none(),
    "category": TEXTS | st.none(),
    "category ": st.integers(0, 3) | st.none(),
    "object": TEXTS | st.integers() | st.floats() | st.booleans() | st.none() | st.binary(max_size=4),
    "object ": st.sampled_from(
        ["1", "2.5", "-1e300", "1e400", "inf", "true", "2024-02-30", "2024-02-29", "nan", " ", None]
    ),
    "object  ": st.decimals(allow_nan=False, allow_infinity=False) | st.fractions() | st.complex_numbers(),
    "object   ": st.lists(st.integers(), max_size=2) | st.dates() | st.timedeltas() | st.none(),
    "datetime64[ns]": st.datetimes(**NANOSECONDS) | st.none(),
    "datetime64[us]": st.datetimes() | st.none(),
    "datetime64[ns, Asia/Tokyo]": st.datetimes(**NANOSECONDS) | st.none(),
    "timedelta64[ns]": st.timedeltas(pd.Timedelta.min / 2, pd.Timedelta.max / 2) | st.none(),
    "complex128": st.complex_numbers(allow_infinity=False, allow_nan=False),
}
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LABELS = [*[st.integers(-(2**31), 2**31), st.integers(0, 40), st.text(min_size=1, max_size=5)] * 3, FLOATS]


@st.composite
def columns(draw, n_rows):
    """Cells picked from a few values; one value makes the column constant."""
    dtype = draw(st.sampled_from(list(CELLS)))
    pool = draw(st.lists(CELLS[dtype], min_size=1, max_size=6))
    picks = np.random.default_rng(draw(st.integers(0, 2**32))).integers(len(pool), size=n_rows)
    return pd.Series([pool[i] for i in picks], dtype=dtype.strip())


@st.composite
def tables(draw):
    n_rows = draw(st.integers(2, 200))
    names = draw(st.lists(TEXTS, min_size=1, max_size=5, unique=draw(st.integers(0, 9)) > 0))
    cells = [draw(columns(n_rows)) for _ in names]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if draw(st.integers(0, 3)):
        cells[-1] = pd.Series(rng.normal(size=n_rows) * 10.0 ** draw(st.integers(-300, 30)))
    if len(cells) > 1 and draw(st.booleans()):
        cells[0] = cells[1]
    table = pd.concat(cells, axis=1)
    table.columns = names if draw(st.booleans()) else pd.RangeIndex(len(names))
    if draw(st.booleans()):
        table.index = rng.permutation(n_rows)
    labels = draw(draw(st.sampled_from([st.lists(kind, min_size=2, max_size=30, unique=True) for kind in LABELS])))
    skew = draw(st.floats(0, 5))
    share = np.exp(-skew * np.arange(len(labels)))
    y = np.array(labels)[rng.choice(len(labels), n_rows, p=share / share.sum())]
    return table, pd.Series(y, index=table.index) if draw(st.booleans()) else y


def is_a_sentence(error):
    return len(str(error).split()) >= 4 and "\n" not in str(error)


def probabilities(classifier, table, y):
    try:
        model = classifier.fit(table, y)
        return model, model.predict_proba(table)
    except (ValueError, TypeError) as error:
        assert is_a_sentence(error), repr(error)
        return None, None


def as_polars(table):
    try:
        frame = pl.from_pandas(table)
        frame.columns = [str(name) for name in table.columns]
    except Exception:  # polars has no such type or names: nothing to test
        reject()
    return frame


CONTAINERS = {"pandas": lambda table: table, "numpy": lambda table: table.to_numpy(), "polars": as_polars}


def check(data, name, container):
    table, y = data
    contain = CONTAINERS[container]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = contain(table)
        model, proba = probabilities(CLASSIFIERS[name], rows, y)
        if model is None:
            return
        classes = np.unique(y)
        np.testing.assert_array_equal(model.classes_, classes)
        assert proba.shape == (len(table), len(classes)) and proba.dtype == np.float64
        assert np.isfinite(proba).all() and (proba >= 0).all()
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-9)
        np.testing.assert_array_equal(model.predict(rows), classes[proba.argmax(axis=1)])
        named = hasattr(model, "feature_names_in_")
        backwards = model.predict_proba(contain(table.iloc[::-1, :: -1 if named else 1]))
        np.testing.assert_allclose(backwards[::-1], proba, atol=1e-6)
        nothing = pd.DataFrame(None, table.index, table.columns, dtype=object)
        np.testing.assert_allclose(model.predict_proba(contain(nothing)).sum(axis=1), 1, atol=1e-9)


@settings(max_examples=60)
@given(tables(), st.sampled_from(list(CLASSIFIERS)), st.sampled_from(list(CONTAINERS)))
def test_probabilities_or_one_sentence(data, name, container):
    check(data, name, container)


@pytest.mark.long
@settings(max_examples=5000, derandomize=False)
@given(tables(), st.sampled_from(list(CLASSIFIERS)), st.sampled_from(list(CONTAINERS)))
def test_probabilities_or_one_sentence_5000_times(data, name, container):
    check(data, name, container)
