"""Tables to numbers: kinds, statistics of the fitted rows only, containers, messages, persistence."""

import datetime
import decimal
import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from equipoise.tables import TablePreprocessor

DAY = datetime.date(2020, 2, 1)
DAYS = [DAY + datetime.timedelta(days) for days in (0, 1, 3, 8)]
ISO_DAYS = [day.isoformat() for day in DAYS]


@parametrize_with_checks([TablePreprocessor()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_transformer_get_feature_names_out,
        estimator_checks.check_transformer_get_feature_names_out_pandas,
        estimator_checks.check_set_output_transform_pandas,
        estimator_checks.check_global_output_transform_pandas,
        estimator_checks.check_set_output_transform_polars,
        estimator_checks.check_global_set_output_transform_polars,
    ],
    ids=lambda check: check.__name__,
)
def test_scikit_learn_contract_on_names(check):
    check("TablePreprocessor", TablePreprocessor())


# Numbers


def test_numbers_are_standardised_over_the_known_cells_and_filled_with_their_median():
    X = pd.DataFrame({"a": [0.0, 0.0, 6.0, None]})  # known: mean 2, variance 8, median 0
    preprocessor = TablePreprocessor()
    root = np.sqrt(8.0)
    assert_allclose(
        preprocessor.fit_transform(X),
        [[-2 / root, 0], [-2 / root, 0], [4 / root, 0], [-2 / root, 1]],
        rtol=1e-6,
    )
    assert_array_equal(preprocessor.get_feature_names_out(), ["a", "a_missing"])
    assert_allclose(preprocessor.transform(pd.DataFrame({"a": [2.0]})), [[0, 0]], atol=1e-7)


def test_numbers_are_clipped_after_standardising():
    X = np.r_[np.zeros(99), 1.0][:, None]  # the one is (1 - 0.01) / sqrt(0.0099) = 9.95 deviations away
    assert TablePreprocessor().fit_transform(X).max() == 5
    assert TablePreprocessor(clip=2.5).fit_transform(X).max() == 2.5
    assert_allclose(TablePreprocessor(clip=100.0).fit_transform(X).max(), 0.99 / np.sqrt(0.0099), rtol=1e-6)
    assert TablePreprocessor().fit(X).transform([[-1e30]]) == -5


def test_a_cell_missing_only_at_predict_gets_the_median_and_no_indicator():
    preprocessor = TablePreprocessor().fit(pd.DataFrame({"a": [1.0, 2.0, 9.0]}))
    row = preprocessor.transform(pd.DataFrame({"a": [None]}, dtype=float))
    assert_allclose(row, [[(2 - 4) / np.std([1, 2, 9])]], rtol=1e-6)


def test_a_column_with_one_value_and_missing_cells_becomes_its_indicator():
    X = pd.DataFrame({"a": [7.0, None, 7.0], "flag": pd.array([None, True, True], dtype="boolean")})
    preprocessor = TablePreprocessor().fit(X)
    assert_array_equal(preprocessor.get_feature_names_out(), ["a_missing", "flag_missing"])
    assert_array_equal(preprocessor.transform(X), [[0, 1], [1, 0], [0, 0]])


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2, 4, 8],
        np.array([1, 2, 4, 8], dtype=np.float32),
        pd.array([1, 2, 4, 8], dtype="Int64"),
        pd.array([1, 2, 4, 8], dtype="Float32"),
        pd.array([1, 2, 4, 8], dtype="int64[pyarrow]"),
        pd.array([decimal.Decimal(v) for v in (1, 2, 4, 8)], dtype=pd.ArrowDtype(pa.decimal128(5, 2))),
        pd.Series([decimal.Decimal(v) for v in (1, 2, 4, 8)], dtype=object),
        pd.Series([1, 2.0, np.int8(4), 8], dtype=object),
        pd.Series(["1", " 2.0", "4e0", "8"], dtype=object),
        pd.Series([1, "2", 4.0, "8"], dtype=object),
        pd.to_timedelta([1, 2, 4, 8], unit="D"),
        pd.arrays.SparseArray([1.0, 2.0, 4.0, 8.0]),
    ],
    ids=str,
)
def test_every_spelling_of_a_number_is_the_same_number(cells):
    preprocessor = TablePreprocessor().fit(pd.DataFrame({"a": cells}))
    assert preprocessor.kinds_ == {"a": "number"}
    values = np.array([1.0, 2, 4, 8])
    expected = (values - values.mean()) / values.std()
    assert_allclose(preprocessor.transform(pd.DataFrame({"a": cells}))[:, 0], expected, rtol=1e-6)
    assert_allclose(preprocessor.transform(pd.DataFrame({"a": values}))[:, 0], expected, rtol=1e-6)


def test_integers_of_few_values_stay_numbers():
    assert TablePreprocessor().fit([[0], [1]] * 50).kinds_ == {"x0": "number"}


# Dates


@pytest.mark.parametrize(
    "cells",
    [
        pd.to_datetime(ISO_DAYS),
        pd.to_datetime(ISO_DAYS).tz_localize("UTC"),
        pd.to_datetime(ISO_DAYS).as_unit("ms"),
        pl.Series(DAYS),
        pl.Series(DAYS).cast(pl.Datetime("us", "UTC")),
        pd.Series(DAYS, dtype=object),
        pd.Series(ISO_DAYS, dtype=object),
        pd.Series([f"{day}T00:00:00Z" for day in ISO_DAYS]),
        pd.Series([f"{day} 00:00" for day in ISO_DAYS]),
        np.array(ISO_DAYS, dtype="datetime64[D]"),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_every_spelling_of_a_date_counts_days(cells):
    frame = pl.DataFrame({"day": cells}) if isinstance(cells, pl.Series) else pd.DataFrame({"day": cells})
    preprocessor = TablePreprocessor()
    days = np.array([0.0, 1, 3, 8])
    assert_allclose(preprocessor.fit_transform(frame)[:, 0], (days - 3) / days.std(), rtol=1e-6)
    assert preprocessor.kinds_ == {"day": "date"}


def test_the_time_of_day_counts_as_a_fraction_in_utc():
    X = pd.DataFrame({"at": ["1970-01-01T01:00:00+01:00", "1970-01-02T12:00:00Z", "1970-01-05"]})  # 0, 1.5, 4
    days = np.array([0, 1.5, 4])
    assert_allclose(TablePreprocessor().fit_transform(X)[:, 0], (days - days.mean()) / days.std(), rtol=1e-6)


def test_a_missing_date_gets_the_median_and_an_indicator():
    X = pl.DataFrame({"day": [DAYS[0], DAYS[1], DAYS[3], None]})
    assert_allclose(TablePreprocessor().fit_transform(X)[3], [(1 - 3) / np.std([0, 1, 8]), 1], rtol=1e-6)


def test_far_dates_are_dates():
    X = pd.DataFrame({"until": ["2020-01-01", "9999-12-31", "2020-01-02"]})
    assert TablePreprocessor().fit(X).kinds_ == {"until": "date"}


def test_words_that_pandas_takes_for_dates_are_levels():
    X = pd.DataFrame({"when": ["now", "today"] * 5, "month": ["2020-01", "2020-02"] * 5})
    assert set(TablePreprocessor().fit(X).kinds_.values()) == {"category"}


# Booleans


@pytest.mark.parametrize(
    "cells",
    [
        [True, False, True, True],
        pd.array([True, False, True, True], dtype="boolean"),
        pd.Series([True, False, True, np.True_], dtype=object),
        ["True", "False", "True", "true"],
    ],
    ids=str,
)
def test_booleans_are_zero_and_one(cells):
    preprocessor = TablePreprocessor().fit(pd.DataFrame({"b": cells}))
    assert preprocessor.kinds_ == {"b": "boolean"}
    assert_array_equal(preprocessor.transform(pd.DataFrame({"b": cells}))[:, 0], [1, 0, 1, 1])
    assert_array_equal(preprocessor.transform(pd.DataFrame({"b": [0.0, 1.0]}))[:, 0], [0, 1])


def test_a_missing_boolean_gets_the_more_frequent_value_and_an_indicator():
    X = pd.DataFrame({"b": pd.array([True, True, False, None], dtype="boolean")})
    assert_array_equal(TablePreprocessor().fit_transform(X), [[1, 0], [1, 0], [0, 0], [1, 1]])


def test_a_boolean_is_never_filled_with_a_half():
    X = pd.DataFrame({"b": pd.array([True, False, None], dtype="boolean")})
    assert TablePreprocessor().fit_transform(X)[2, 0] in (0, 1)


# Categories


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"c": ["u", "v", None, "u"]}),
        pd.DataFrame({"c": pd.Series(["u", "v", np.nan, "u"], dtype=object)}),
        pd.DataFrame({"c": pd.Series(["u", "v", "  ", "u"], dtype=object)}),
        pd.DataFrame({"c": pd.Categorical(["u", "v", None, "u"])}),
        pl.DataFrame({"c": ["u", "v", None, "u"]}),
        pl.DataFrame({"c": pl.Series(["u", "v", None, "u"], dtype=pl.Categorical)}),
        pl.DataFrame({"c": pl.Series(["u", "v", None, "u"], dtype=pl.Enum(["v", "u"]))}),
        pa.table({"c": ["u", "v", None, "u"]}),
    ],
    ids=lambda frame: type(frame).__module__,
)
def test_missing_is_a_level_of_its_own(frame):
    preprocessor = TablePreprocessor(min_frequency=1)
    assert_array_equal(preprocessor.fit_transform(frame), [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    assert preprocessor.kinds_ == {"c": "category"}
    assert_array_equal(preprocessor.get_feature_names_out(), ["c_(missing)", "c_u", "c_v"])


def test_rare_levels_share_a_column_and_unseen_ones_go_there():
    X = pd.DataFrame({"c": ["often"] * 6 + ["thrice"] * 3 + ["once", "twice", "twice"]})
    preprocessor = TablePreprocessor(min_frequency=3).fit(X)
    assert_array_equal(preprocessor.get_feature_names_out(), ["c_often", "c_thrice", "c_infrequent_sklearn"])
    rows = preprocessor.transform(pd.DataFrame({"c": ["often", "thrice", "once", "twice", "new", None]}))
    assert_array_equal(rows, [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1], [0, 0, 1]])


def test_an_unseen_level_is_zero_throughout_where_nothing_was_pooled():
    preprocessor = TablePreprocessor(min_frequency=1).fit(pd.DataFrame({"c": ["u", "v"] * 3}))
    assert_array_equal(preprocessor.transform(pd.DataFrame({"c": ["new", None]})), np.zeros((2, 2)))


def test_max_categories_bounds_the_width():
    X = pd.DataFrame({"c": [f"level {i % 12}" for i in range(120)]})
    assert TablePreprocessor(max_categories=4).fit_transform(X).shape == (120, 4)
    assert TablePreprocessor().fit_transform(X).shape == (120, 12)


def test_declared_categories_that_look_like_numbers_stay_categories():
    X = pd.DataFrame({"zip": pd.Categorical([10, 20, 10, 20, None])})
    preprocessor = TablePreprocessor(min_frequency=1).fit(X)
    assert_array_equal(preprocessor.get_feature_names_out(), ["zip_(missing)", "zip_10", "zip_20"])
    as_numbers = pd.DataFrame({"zip": [20, None, 10]})  # a missing cell made floats of the integers
    assert_array_equal(preprocessor.transform(as_numbers), [[0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_levels_are_found_again_in_rows_that_read_as_another_type():
    X = pd.DataFrame({"n": ["1", "2", "2", "more"] * 5, "b": ["True", "False", "unsure", "True"] * 5})
    preprocessor = TablePreprocessor().fit(X)
    names = preprocessor.get_feature_names_out().tolist()
    row = preprocessor.transform(pd.DataFrame({"n": [2], "b": [False]}))[0]
    assert {name for name, value in zip(names, row) if value} == {"n_2", "b_False"}


# Columns left out


def left_out(frame, **parameters):
    with pytest.warns(UserWarning, match="left out") as caught:
        preprocessor = TablePreprocessor(**parameters).fit(frame)
    return preprocessor, str(caught[0].message)


def test_useless_columns_are_left_out_named_and_not_looked_at_again():
    X = pd.DataFrame(
        {
            "good": np.arange(40.0),
            "constant": 1.5,
            "same": "yes",
            "empty": np.nan,
            "blank": "",
            "id": [f"row {i}" for i in range(40)],
            "rare": [f"level {i // 2}" for i in range(40)],
        }
    )
    preprocessor, message = left_out(X)
    assert preprocessor.dropped_ == {
        "constant": "constant",
        "same": "constant",
        "empty": "no cell has a value",
        "blank": "no cell has a value",
        "id": "nearly every value is distinct",
        "rare": "no value in 5 rows or more",
    }
    assert all(f"'{name}' ({reason})" in message for name, reason in preprocessor.dropped_.items())
    assert_array_equal(preprocessor.get_feature_names_out(), ["good"])
    strange = X.assign(constant="text", empty=np.inf)
    assert_array_equal(preprocessor.transform(strange), preprocessor.transform(X))


def test_free_text_that_is_mostly_missing_tells_by_its_absence():
    X = pd.DataFrame({"comment": [None] * 30 + [f"comment {i}" for i in range(10)]})
    preprocessor = TablePreprocessor().fit(X)
    names = preprocessor.get_feature_names_out()
    assert_array_equal(names, ["comment_(missing)", "comment_infrequent_sklearn"])
    assert_array_equal(preprocessor.transform(X)[[0, 39]], [[1, 0], [0, 1]])


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TablePreprocessor().fit(pd.DataFrame({"a": [1.0, None, 3.0], "b": [True, False, True]}))


def test_summary_tells_what_was_found():
    X = pd.DataFrame(
        {
            "a": [1.0, None, 3.0, 3.0] * 3,
            "c": ["u"] * 6 + ["v"] * 5 + ["w"],
            "k": ["same"] * 12,
            "d": pd.to_datetime(["2020-01-01", "2020-01-02", None] * 4),
        }
    )
    preprocessor, _ = left_out(X)
    expected = pd.DataFrame(
        {
            "column": ["a", "c", "k", "d"],
            "kind": ["number", "category", "category", "date"],
            "missing": [0.25, 0.0, 0.0, 1 / 3],
            "distinct": [2, 3, 1, 2],
            "note": ["", "pooled: 'w'", "left out: constant", ""],
        }
    )
    pd.testing.assert_frame_equal(preprocessor.summary(), expected)


# Numbers that stand apart


@pytest.mark.parametrize("sentinels", [[1e9], [-999.0] * 8, [9999.0, 1e9, 1e9]])
def test_sentinels_do_not_move_the_scale_and_are_named(sentinels):
    values = np.random.default_rng(0).normal(size=400)
    clean, spoilt = pd.DataFrame({"a": values}), pd.DataFrame({"a": np.r_[values, sentinels]})
    told = rf"Column .a.: {len(sentinels)} of {len(spoilt)} value.*\(.{sentinels[0]:.0f}"
    with pytest.warns(UserWarning, match=told):
        preprocessor = TablePreprocessor().fit(spoilt)
    rows = preprocessor.transform(clean)
    assert_allclose(rows, TablePreprocessor().fit_transform(clean), atol=0.8)
    assert abs(rows.std() - 1) < 0.3


@pytest.mark.parametrize("power", [1, 2, 4])
def test_heavy_tails_are_no_sentinels(power):
    values = np.random.default_rng(0).exponential(size=500) ** power
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = TablePreprocessor(clip=1e9).fit_transform(
            pd.DataFrame({"a": values, "b": np.where(values > 2, values, 0)})
        )
    assert_allclose(rows[:, 0], (values - values.mean()) / values.std(), rtol=1e-4, atol=1e-4)


# Rows, weights, state


def mixed_table(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "count": rng.integers(0, 4, n_rows),
            "flag": rng.random(n_rows) < 0.3,
            "colour": rng.choice(["red", "green", "blue"], n_rows),
            "day": pd.Timestamp("2021-03-01") + pd.to_timedelta(rng.integers(0, 99, n_rows), unit="D"),
        }
    )
    return table.mask(rng.random(table.shape) < 0.1).astype({"flag": "boolean"})


def test_statistics_are_those_of_the_fitted_rows_and_transform_changes_nothing():
    X = mixed_table(200)
    preprocessor = TablePreprocessor().fit(X[:100])
    state = pickle.dumps(preprocessor)
    other = X[100:].assign(number=X["number"] * 1000, colour="violet")
    before = preprocessor.transform(X[:100])
    preprocessor.transform(other)
    assert pickle.dumps(preprocessor) == state
    assert_array_equal(preprocessor.transform(X[:100]), before)
    known = X["number"][:100].dropna()
    expected = ((known - known.mean()) / known.std(ddof=0)).clip(-5, 5)
    assert_allclose(before[X["number"][:100].notna(), 0], expected, rtol=1e-5, atol=1e-6)


def test_each_row_is_transformed_alone():
    X = mixed_table()
    preprocessor = TablePreprocessor().fit(X)
    rows = [preprocessor.transform(X[i : i + 1]) for i in range(len(X))]
    assert_array_equal(np.vstack(rows), preprocessor.transform(X))


def test_integer_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=40), "c": rng.choice(["u", "v"], 40)})
    weight = rng.integers(0, 4, 40)
    weighted = TablePreprocessor().fit(X, sample_weight=weight).transform(X)
    repeated = TablePreprocessor().fit(X.loc[X.index.repeat(weight)]).transform(X)
    assert_allclose(weighted, repeated, rtol=1e-6, atol=1e-6)
    assert np.abs(weighted - TablePreprocessor().fit_transform(X)).max() > 0.01


def test_rows_of_weight_zero_are_as_good_as_absent():
    X = mixed_table().assign(colour=lambda table: table["colour"].where(table.index > 20, "early"))
    weight = (np.arange(60) > 20).astype(float)
    weighted = TablePreprocessor().fit(X, sample_weight=weight)
    alone = TablePreprocessor().fit(X[21:])
    assert_array_equal(weighted.transform(X), alone.transform(X))
    pd.testing.assert_frame_equal(weighted.summary(), alone.summary())


@pytest.mark.parametrize("weight", [[1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0]])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        TablePreprocessor().fit([[1.0], [2.0], [3.0]], sample_weight=weight)


# Containers


def test_pandas_polars_arrow_and_numpy_give_the_same_numbers():
    X = mixed_table()
    polars = pl.DataFrame({name: X[name].astype(object).where(X[name].notna(), None).tolist() for name in X})
    expected = TablePreprocessor().fit_transform(X)
    assert expected.dtype == np.float32 and expected.shape == (60, 2 + 1 + 1 + 4 + 4 + 2)
    for table in (polars, polars.to_arrow(), X.astype(object), X.to_numpy(dtype=object)):
        assert_array_equal(TablePreprocessor().fit_transform(table), expected)
    assert_array_equal(TablePreprocessor().fit(X).transform(polars), expected)


def test_numeric_arrays_and_lists():
    X = np.arange(12.0).reshape(6, 2)
    expected = (X - X.mean(axis=0)) / X.std(axis=0)
    for table in (X, X.astype(int), X.astype(np.float32), X.tolist(), X.astype(str), pd.DataFrame(X)):
        preprocessor = TablePreprocessor()
        assert_allclose(preprocessor.fit_transform(table), expected, rtol=1e-6)
        assert_array_equal(preprocessor.get_feature_names_out(), ["x0", "x1"])


def test_lists_of_mixed_cells_read_nan_as_missing():
    X = [["u", 1.0], ["v", np.nan], ["u", 3.0], ["v", 3.0]]  # numpy turns this into an array of strings
    preprocessor = TablePreprocessor(min_frequency=1).fit(np.array(X))
    assert preprocessor.kinds_ == {"x0": "category", "x1": "number"}
    assert_array_equal(preprocessor.get_feature_names_out(), ["x1", "x1_missing", "x0_u", "x0_v"])


def test_columns_are_matched_by_name():
    X = mixed_table()
    preprocessor = TablePreprocessor().fit(X)
    assert_array_equal(preprocessor.transform(X[X.columns[::-1]]), preprocessor.transform(X))
    assert_array_equal(preprocessor.feature_names_in_, X.columns)
    assert preprocessor.n_features_in_ == 5


def test_global_frame_output_reaches_only_the_result():
    X = mixed_table()
    expected = TablePreprocessor().fit_transform(X)
    with config_context(transform_output="pandas"), warnings.catch_warnings():
        warnings.simplefilter("error")
        preprocessor = TablePreprocessor()
        frame = preprocessor.fit_transform(X)
    assert_array_equal(frame.columns, preprocessor.get_feature_names_out())
    assert_array_equal(frame, expected)


# Persistence


def test_clone_pickle_and_skops_keep_everything():
    X = mixed_table()
    preprocessor = TablePreprocessor(min_frequency=2, clip=3.0).fit(X)
    stored = skops.io.dumps(preprocessor)
    trusted = ["equipoise.tables.preprocessing.TablePreprocessor", "numpy.dtype"]  # SimpleImputer keeps dtypes
    assert set(skops.io.get_untrusted_types(data=stored)) <= set(trusted)
    for copy in (skops.io.loads(stored, trusted=trusted), pickle.loads(pickle.dumps(preprocessor))):
        assert_array_equal(copy.transform(X), preprocessor.transform(X))
        assert_array_equal(copy.get_feature_names_out(), preprocessor.get_feature_names_out())
        pd.testing.assert_frame_equal(copy.summary(), preprocessor.summary())
    assert clone(preprocessor).get_params() == preprocessor.get_params()
    with pytest.raises(NotFittedError):
        clone(preprocessor).summary()


# Bad input


def error(call, kind=ValueError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_text_in_columns_of_numbers_is_named_with_its_rows_and_the_remedy():
    X = pd.DataFrame({"x": [*map(str, range(20)), "oops", "21", "oops", "n/a"], "y": [*map(str, range(23)), "b b"]})
    message = error(lambda: TablePreprocessor().fit(X))
    assert "'x' holds numbers, but 2 cells" in message and "'oops' in row 20" in message
    assert "'y' holds numbers, but 1 cell " in message and "'b b' in row 23" in message
    assert "missing_values=['oops', 'b b']" in message and "--missing-values oops 'b b'" in message
    assert "--category x y" in message
    assert "'oops' in row 2 " in error(lambda: TablePreprocessor().fit([[1.0], [2.0], ["oops"], [4.0]]))
    mended = TablePreprocessor(kinds={"x": "category", "y": "category"}).fit(pd.concat([X] * 5))
    assert mended.kinds_ == {"x": "category", "y": "category"}


def test_cells_of_new_rows_are_to_be_mended_since_how_they_are_read_is_settled_at_fit():
    fitted = TablePreprocessor().fit(pd.DataFrame({"x": [f"{i}.5" for i in range(20)]}))
    message = error(lambda: fitted.transform(pd.DataFrame({"x": ["1,5", "2.5"]})))
    assert "'1,5' in row 0" in message and "decimal mark" in message and "--" not in message


def test_few_different_numbers_among_text_are_labels():
    X = pd.DataFrame({"doors": ["2", "3", "4", "5more"] * 10})
    assert TablePreprocessor().fit(X).kinds_ == {"doors": "category"}


def test_numbers_that_are_the_lesser_part_are_labels():
    X = pd.DataFrame({"code": [*map(str, range(15)), *["V57", "E909"] * 10]})
    assert TablePreprocessor().fit(X).kinds_ == {"code": "category"}


def test_text_in_a_column_of_numbers_at_predict():
    preprocessor = TablePreprocessor().fit(pd.DataFrame({"x": [1.0, 2.0, 4.0]}))
    message = error(lambda: preprocessor.transform(pd.DataFrame({"x": ["1", "a b"]})))
    assert "'x'" in message and "'a b' in row 1 " in message and "leave those empty" in message


def test_other_kinds_at_predict_are_refused():
    X = pd.DataFrame({"d": pd.to_datetime(ISO_DAYS), "b": [True, False, True, False], "x": range(4)})
    preprocessor = TablePreprocessor().fit(X)
    assert "'d' held dates" in error(lambda: preprocessor.transform(X.assign(d=1.0)))
    assert "'x' held numbers" in error(lambda: preprocessor.transform(X.assign(x=X["d"])))
    assert "'b' holds booleans" in error(lambda: preprocessor.transform(X.assign(b=[1, 0, 3, 1])))
    assert "'soon' in row 0 " in error(lambda: preprocessor.transform(X.assign(d="soon")))
    assert np.isfinite(preprocessor.transform(X.assign(d=None, b=np.nan, x=""))).all()


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39])
def test_infinite_values_are_refused_at_fit_and_at_predict(value):
    bad = pd.DataFrame({"fine": range(4), "x": [1.0, value, 2.0, value]})
    good = bad.assign(x=[1.0, 2.0, 3.0, np.nan])
    for call in (lambda: TablePreprocessor().fit(bad), lambda: TablePreprocessor().fit(good).transform(bad)):
        message = error(call)
        assert "'x' holds 2 infinite values" in message and "in row 1 " in message


def test_missing_and_unknown_columns_are_named():
    X = mixed_table()
    preprocessor = TablePreprocessor().fit(X)
    bad = X.drop(columns=["flag", "day"]).assign(surplus=1)
    message = error(lambda: preprocessor.transform(bad))
    assert "Missing: 'flag' and 'day';" in message and "Unknown: 'surplus'." in message
    assert "rename 'Flag '?" in error(lambda: preprocessor.transform(X.rename(columns={"flag": "Flag "})))
    with pytest.warns(UserWarning, match="does not know are not used: 'surplus'"):
        rows = preprocessor.transform(X.assign(surplus=1))
    assert_array_equal(rows, preprocessor.transform(X))
    with pytest.warns(UserWarning, match="feature names"):
        message = error(lambda: preprocessor.transform(X.to_numpy()[:, :2]))
    assert "X has 2 features" in message


def test_repeated_column_names_are_refused():
    message = error(lambda: TablePreprocessor().fit(pd.DataFrame(np.eye(3), columns=["a", "b", "a"])))
    assert "'a'" in message and "distinct" in message


@pytest.mark.parametrize("X", [pd.DataFrame({"a": []}), pl.DataFrame(), pd.DataFrame(index=range(3)), [[]]])
def test_empty_tables_are_refused(X):
    error(lambda: TablePreprocessor().fit(X))


def test_a_table_without_a_usable_column_is_refused():
    message = error(lambda: TablePreprocessor().fit(pd.DataFrame({"a": [1, 1], "b": [None, None]})))
    assert "'a' (constant) and 'b' (no cell has a value)" in message


@pytest.mark.parametrize("cell", [{"u": 1}, [1, 2], (1,), np.ones(2)], ids=str)
def test_collections_in_cells_are_refused(cell):
    X = pd.DataFrame({"a": range(3), "nested": pd.Series([cell] * 3, dtype=object)})
    assert "'nested'" in error(lambda: TablePreprocessor().fit(X), TypeError)
    lists = pl.DataFrame({"nested": [[1], [2]]})
    assert "'nested'" in error(lambda: TablePreprocessor().fit(lists), TypeError)


def test_complex_numbers_are_refused():
    for cells in (np.array([3, 1 + 2j]), pd.Series([None, 1 + 2j], dtype=object)):
        X = pd.DataFrame({"a": range(2), "wave": cells})
        assert "'wave' holds (1+2j)" in error(lambda X=X: TablePreprocessor().fit(X))
    assert "array holds complex numbers" in error(lambda: TablePreprocessor().fit(np.array([[1 + 2j], [3]])))


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"min_frequency": 0}, ValueError),
        ({"min_frequency": 0.1}, TypeError),
        ({"max_categories": 1}, ValueError),
        ({"clip": 0.0}, ValueError),
        ({"clip": "5"}, TypeError),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, kind):
    message = error(lambda: TablePreprocessor(**parameters).fit([[1.0], [2.0]]), kind)
    assert next(iter(parameters)) in message


# Anything at all

CELLS = {
    "float": st.floats(-1e38, 1e38),
    "integer": st.integers(-(2**62), 2**62),
    "boolean": st.booleans(),
    "level": st.sampled_from(["u", "v", "w"]),
    "text": st.text(st.characters(codec="utf-8", categories=["L", "Zs", "P"]), max_size=5),
    "date": st.dates(),
    "iso": st.dates().map(str),
    "numeral": st.floats(-1e38, 1e38).map(str),
    "categorical": st.sampled_from(["1", "2", "3"]),
}


@st.composite
def tables(draw):
    """Draw a fitting table and another of its kind, columns of random types with missing cells."""
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    sizes = draw(st.integers(2, 12)), draw(st.integers(1, 5))
    cells = {f"{i} {kind}": st.none() | CELLS[kind] for i, kind in enumerate(kinds)}
    types = {name: pl.Categorical for name in cells if name.endswith("categorical")}
    return [
        pl.DataFrame(
            {name: draw(st.lists(cell, min_size=n, max_size=n)) for name, cell in cells.items()},
            schema_overrides=types,
        )
        for n in sizes
    ]


@pytest.mark.filterwarnings("ignore:Columns left out")
@settings(deadline=None, max_examples=80)
@given(tables(), st.integers(1, 3))
def test_any_table_becomes_finite_float32_columns_with_names(pair, min_frequency):
    train, test = pair
    preprocessor = TablePreprocessor(min_frequency=min_frequency)
    try:
        preprocessor.fit(train)
    except ValueError as problem:
        assume("No usable column" not in str(problem))
        raise
    names = preprocessor.get_feature_names_out()
    for table in (train, test):
        rows = preprocessor.transform(table)
        assert rows.dtype == np.float32 and rows.shape == (len(table), len(names))
        assert np.isfinite(rows).all() and np.abs(rows).max() <= 5
        assert_array_equal(clone(preprocessor).fit(train).transform(table), rows)


# Real tables


@pytest.fixture
def data_home():
    if "EQUIPOISE_DATA_HOME" not in os.environ:
        pytest.skip("EQUIPOISE_DATA_HOME is not set: no real tables here")
    return Path(os.environ["EQUIPOISE_DATA_HOME"])


def test_sick_has_real_missing_cells(data_home):
    X = pd.read_parquet(data_home / "tables" / "sick.parquet").drop(columns="target")
    preprocessor, message = left_out(X)
    assert preprocessor.dropped_ == {"TBG measured": "constant", "TBG": "no cell has a value"}
    assert "'TBG'" in message
    rows = pd.DataFrame(preprocessor.transform(X), columns=preprocessor.get_feature_names_out())
    for name in ("age", "TSH", "T3", "TT4", "T4U", "FTI"):
        assert preprocessor.kinds_[name] == "number"
        assert_array_equal(rows[f"{name}_missing"], X[name].isna())
        scaled = (X[name] - X[name].mean()) / X[name].std(ddof=0)
        assert_allclose(rows[name], scaled.fillna(scaled.median()).clip(-5, 5), rtol=1e-4, atol=1e-5)
    assert_array_equal(rows["sex_(missing)"], X["sex"].isna())
    assert (rows.drop(columns=list(X.columns.intersection(rows.columns))).isin([0, 1])).all(axis=None)


def test_adult_reads_the_same_from_pandas_and_polars(data_home):
    path = data_home / "files" / "adult-train.csv"
    X = pd.read_csv(path, header=None, skipinitialspace=True, na_values="?").iloc[:, :14]
    X.columns = [f"c{i}" for i in range(14)]
    preprocessor = TablePreprocessor().fit(X)
    numbers = [name for name, kind in preprocessor.kinds_.items() if kind == "number"]
    assert numbers == ["c0", "c2", "c4", "c10", "c11", "c12"]
    assert "Holand-Netherlands" in preprocessor.summary().set_index("column")["note"]["c13"]
    assert_array_equal(preprocessor.transform(pl.from_pandas(X)), preprocessor.transform(X))


def test_numbers_in_another_unit_are_counted_as_clipped():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"share": rng.random(200), "age": rng.integers(18, 80, 200).astype(float)})
    fitted = TablePreprocessor().fit(frame)
    assert fitted.clipped_cells(frame) == {"share": 0, "age": 0}
    assert fitted.clipped_cells(frame.assign(share=100 * frame["share"]))["share"] > 150
