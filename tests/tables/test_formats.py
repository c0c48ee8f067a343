"""Numbers and dates in every style: written, read back; doubt said; codes left alone."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from equipoise.datasets import split_target
from equipoise.datasets.checked import checked
from equipoise.tables import TablePreprocessor
from equipoise.tables.formats import NUMBERS, as_cells, read_dates, read_numbers

pytestmark = pytest.mark.filterwarnings("ignore:.*are written")


def written_number(value: float, style: str, digits: int, decoration: str) -> str:
    thousands, decimal = style[1:-5], style[-2]
    text = f"{abs(value):,.{digits}f}".replace(",", "T").replace(".", decimal).replace("T", thousands)
    if decoration == "brackets":
        return f"({text})" if value < 0 else text
    sign = "-" if value < 0 else ""
    return {
        "plain": f"{sign}{text}",
        "euro": f"{sign}{text} €",
        "dollar": f"{sign}${text}",
        "behind": f"{text}{sign}",
        "percent": f"{sign}{text} %",
        "close percent": f"{sign}{text}%",
        "narrow percent": f"{sign}{text}\u202f%",  # as French and ISO texts write it
        "no-break euro": f"{sign}{text}\u00a0€",
        "true minus percent": f"{sign.replace('-', '−')}{text}\u00a0%",
    }[decoration]


BLANKS = "\u00a0\u2007\u2009\u202f"  # no-break, of a digit's width, thin, and narrow no-break
STYLES = [*NUMBERS, *(f"1{blank}234{mark}5" for blank in BLANKS for mark in ",.")]
PLAIN_BLANK = str.maketrans(BLANKS, " " * len(BLANKS))
DECORATIONS = ["plain", "euro", "dollar", "brackets", "behind", "percent", "close percent"]
DECORATIONS += ["narrow percent", "no-break euro", "true minus percent"]


@given(st.sampled_from(STYLES), st.sampled_from(DECORATIONS), st.integers(0, 6), st.floats(-1e9, 1e9))
def test_a_number_in_any_style_is_read_back(style, decoration, digits, value):
    value = round(value, digits)
    text = written_number(value, style, digits, decoration)
    value /= 100 if "percent" in decoration else 1
    assert_allclose(read_numbers(as_cells([text]), style.translate(PLAIN_BLANK)), [value], rtol=1e-12, atol=1e-12)


@given(
    st.sampled_from(STYLES),
    st.sampled_from(DECORATIONS),
    st.lists(st.floats(2000, 1e7), min_size=12, max_size=20, unique=True),
)
def test_a_column_in_any_style_is_a_column_of_numbers(style, decoration, values):
    values = [round(value, 2) for value in values]
    column = pd.DataFrame({"a": [written_number(value, style, 2, decoration) for value in values]})
    preprocessor = TablePreprocessor().fit(column)
    assert preprocessor.kinds_["a"] == "number"
    assert_allclose(
        preprocessor.transform(column), TablePreprocessor().fit_transform(pd.DataFrame({"a": values})), atol=1e-5
    )


DATE_STYLES = {
    "%Y-%m-%d": "dates", "%Y/%m/%d": "dates", "%d %b %Y": "dates", "%d-%b-%y": "dates", "%B %d, %Y": "dates",
    "%b %d, %Y": "dates", "%a, %d %B %Y": "dates", "%d.%m.%Y": "dayfirst", "%d/%m/%Y": "dayfirst",
    "%d-%m-%y": "dayfirst", "%m/%d/%Y": "monthfirst", "%m-%d-%Y": "monthfirst",
}  # fmt: skip
TIME_STYLES = ["", " %H:%M", "T%H:%M:%S", " %I:%M %p", " %H:%M:%S.%f", " %H:%M:%S%z"]


@given(
    st.sampled_from(sorted(DATE_STYLES)),
    st.sampled_from(TIME_STYLES),
    st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2060, 1, 1)),
    st.integers(-12, 12),
)
def test_a_date_in_any_style_is_read_back(day_style, time_style, moment, zone):
    zoned = moment.replace(tzinfo=dt.timezone(dt.timedelta(hours=zone)))
    text = zoned.strftime(day_style + time_style)
    kept = {
        "": moment.replace(hour=0, minute=0, second=0, microsecond=0),
        " %H:%M": moment.replace(second=0, microsecond=0),
    }
    kept |= {" %I:%M %p": kept[" %H:%M"], " %H:%M:%S.%f": moment}
    wanted = kept.get(time_style, moment.replace(microsecond=0))
    if time_style.endswith("%z"):
        wanted -= dt.timedelta(hours=zone)
    days = (wanted - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)
    assert_allclose(read_dates(as_cells([text]), DATE_STYLES[day_style]), [days], atol=1e-8)


def test_cells_of_a_column_may_be_written_in_several_ways():
    cells = ["1970-01-02", "Donnerstag, 03.01.1970", None, "4 Jan 1970", "x", "Jan 5, 1970"]
    assert_allclose(read_dates(as_cells(cells), "dayfirst"), [1, 2, np.nan, 3, np.nan, 4])


@pytest.mark.parametrize("text", ["30.02.2020", "2020-13-01", "2020-01-32", "00.01.2020", "1.2.3", "2020-01-01 25:00"])
def test_no_date_is_no_date(text):
    assert np.isnan(read_dates(as_cells([text]), "dayfirst")).all()


def fitted(**columns):
    return TablePreprocessor(min_frequency=1).fit(pd.DataFrame(columns))


FILLER = [f"{i}.5" for i in range(20)]


@pytest.mark.parametrize(
    ("cells", "kind", "written"),
    [
        (["53,48", "161,07"], "number", "1234,5"),
        (["569,22", "2.722,89"], "number", "1.234,5"),
        (["$1,234.50", "($300.00)"], "number", "1,234.5"),
        (["1,234,567", "5"], "number", "1,234.5"),
        (["0,123", "1,555"], "number", "1234,5"),
        (["1.234", "2.500"], "number", "1234.5"),
        (["12,5 %", "3,1 %"], "number", "1234,5"),
        (["25/03/2023", "01/02/2022"], "date", "dayfirst"),
        (["03/25/2023", "01/02/2022"], "date", "monthfirst"),
        (["Aug 12, 2016", "Sep 3, 2017"], "date", "dates"),
        (["1_2", "12"], "category", ""),
        (["007", "12"], "category", ""),
        (["1E5", "2E3"], "category", ""),
        (["1.5e5", "2e3"], "number", "1234.5"),
    ],
)
def test_formats_and_codes(cells, kind, written):
    preprocessor = fitted(a=cells * 10)
    assert (preprocessor.kinds_["a"], preprocessor.formats_.get("a", "")) == (kind, written)


def test_words_for_missing_among_numbers_are_missing_and_said():
    with pytest.warns(UserWarning, match=r"'a': taken for missing: '\?', 'n\.a\.', 'unknown'"):
        preprocessor = fitted(a=[*map(str, range(20)), "?", "n.a.", "unknown"])
    assert preprocessor.kinds_["a"] == "number" and preprocessor.summary()["missing"][0] == 3 / 23


def test_doubt_is_said_and_settled_by_an_option_or_by_another_column():
    numbers, dates = [f"{i},{100 + i}" for i in range(2, 20)], [f"0{1 + i % 9}/0{1 + i % 8}/2024" for i in range(18)]
    with pytest.warns(UserWarning, match=r"'a' reads as numbers in two ways.*'2,102'.*--decimal") as caught:
        preprocessor = TablePreprocessor(min_frequency=1).fit(pd.DataFrame({"a": numbers, "d": dates, "x": range(18)}))
    assert any("'d' reads as dates in two ways" in str(w.message) and "--dates" in str(w.message) for w in caught)
    assert preprocessor.kinds_ == {"a": "category", "d": "category", "x": "number"}
    X = pd.DataFrame({"a": numbers, "d": dates})
    settled = TablePreprocessor(decimal=".", dates="monthfirst").fit(X)
    assert settled.formats_ == {"a": "1,234.5", "d": "monthfirst"}
    assert TablePreprocessor(decimal=",", dates="dayfirst").fit(X).formats_ == {"a": "1234,5", "d": "dayfirst"}
    beside = TablePreprocessor().fit(X.assign(b=FILLER[:18], e=["25/12/2024"] * 17 + ["01/02/2024"]))
    assert beside.formats_["a"] == "1,234.5" and beside.formats_["d"] == "dayfirst"
    with pytest.raises(ValueError, match=r"'a' reads as numbers in two ways.*name one with decimal"):
        TablePreprocessor(kinds={"a": "number"}).fit(X)


def test_formats_of_the_fit_hold_afterwards():
    train = pd.DataFrame({"a": ["1.234,5", "7,25", "2.000,75", "12,5"] * 5})
    preprocessor = TablePreprocessor().fit(train)
    one, other = (
        preprocessor.transform(pd.DataFrame({"a": ["1.810"]})),
        preprocessor.transform(pd.DataFrame({"a": [1810]})),
    )
    assert_allclose(one, other)
    assert preprocessor.pinned(train).fit(pd.DataFrame({"a": ["1.810", "1.910"]})).formats_ == {"a": "1.234,5"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"decimal": ";"}, "decimal must be one of '.', ','"),
        ({"thousands": "_"}, "thousands must be one of"),
        ({"decimal": ",", "thousands": ","}, "must differ"),
        ({"dates": "yearfirst"}, "dates must be 'dayfirst'"),
        ({"kinds": {"a": "numeric"}}, "kind of column 'a' must be one of number, category, boolean, date"),
    ],
)
def test_options_out_of_range(parameters, message):
    with pytest.raises(ValueError, match=message):
        TablePreprocessor(**parameters).fit(pd.DataFrame({"a": [1.0, 2.0]}))


def test_dates_become_a_number_and_their_place_in_year_week_and_day():
    days = pd.date_range("2020-01-01", periods=900, freq="29h")
    preprocessor = TablePreprocessor().fit(pd.DataFrame({"d": days}))
    names = preprocessor.get_feature_names_out().tolist()
    assert names == ["d", "d_year_sin", "d_year_cos", "d_week_sin", "d_week_cos", "d_day_sin", "d_day_cos"]
    rows = pd.DataFrame(preprocessor.transform(pd.DataFrame({"d": days})), columns=names)
    angle = 2 * np.pi * (days.hour + days.minute / 60) / 24
    assert_allclose(rows["d_day_sin"], np.sin(angle), atol=1e-5)
    assert rows.groupby(np.asarray(days.day_of_week))["d_week_cos"].std().max() < 0.35
    short = TablePreprocessor().fit(pd.DataFrame({"d": days[:5].normalize()}))
    assert short.get_feature_names_out().tolist() == ["d"]


def test_a_style_that_a_column_is_not_written_in_is_said():
    with pytest.warns(UserWarning, match="'a' holds numbers written 1.234,5, not as --decimal . would have them"):
        TablePreprocessor(decimal=".", min_frequency=1).fit(pd.DataFrame({"a": ["1.234,5", "2,25"] * 9}))
    with pytest.warns(UserWarning, match="'d' holds dates written dayfirst, not as --dates monthfirst would"):
        TablePreprocessor(dates="monthfirst", min_frequency=1).fit(pd.DataFrame({"d": ["25.03.2024", "1.4.2024"] * 9}))


def test_columns_that_do_not_have_the_decimal_mark_asked_for_are_named():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)).round(2), columns=["comma", "point", "number"])
    texts = {
        "comma": [f"{value:.2f}".replace(".", ",") for value in frame["comma"]],
        "point": frame["point"].map("{:.2f}".format),
    }
    data = checked(
        split_target(frame.assign(**texts, y=np.arange(60) % 3), "y", preprocessor=TablePreprocessor(decimal=","))
    )
    assert "--decimal , does not fit columns 'point' and 'number': they are read with a decimal point." in data.notes
    assert "Numbers are written 1234,5 in 'comma'." in data.notes


def test_weights_are_read_as_the_options_say_or_name_the_one_that_hinders():
    weights = ["1,5", "2,25"] * 30
    frame = pd.DataFrame({"w": weights, "x": np.random.default_rng(0).normal(size=60), "y": np.arange(60) % 3})
    data = checked(split_target(frame, "y", weights="w", preprocessor=TablePreprocessor(decimal=",")))
    assert "Numbers are written 1234,5 in 'w'." in data.notes
    assert not any("No column needs" in note for note in data.notes)
    assert data.weights.mean() == pytest.approx(1) and data.weights[1] / data.weights[0] == pytest.approx(1.5)
    said = "'w' must hold weights: correct or remove the option. .* written 1234,5, not as --decimal . would have them"
    with pytest.raises(ValueError, match=said):
        split_target(frame, "y", weights="w", preprocessor=TablePreprocessor(decimal="."))


def test_plain_dates_and_times_are_told_too():
    days = pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"day": days, "x": np.random.default_rng(0).normal(size=60), "y": np.arange(60) % 3})
    assert any(
        note.endswith("in 'day'.") and note.startswith("Dates") for note in checked(split_target(frame, "y")).notes
    )
    ordered = checked(split_target(frame, "y", time="day")).notes
    assert "Rows are ordered by 'day', dates from 2024-01-01 to 2024-02-29." in ordered
