"""Files as users bring them: every format read, every fault named."""

import datetime
import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.tables import read_table
from equipoise.tables.reading import file_columns, table_batches

# Shaped like UCI Adult: no header, ", " between cells, " ?" for missing.
ADULT = """39, State-gov, 77516, Bachelors, 2174, <=50K
50, ?, 83311, Bachelors, 0, <=50K
52, Self-emp-inc, 287927, HS-grad, 15024, >50K
38, Private, ?, ?, 0, >50K

"""


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "amount": [1.5, np.nan, 3.0],
            "count": [1, 2, 3],
            "kind": ["a", None, "c"],
            "size": pd.Categorical(["s", "l", "s"]),
        }
    )


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.csv.gz", "T.CSV"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_text_is_read_whatever_separates_its_cells(tmp_path, name, delimiter):
    text = "a,b,c\n1,x,2.5\n2,y,3.5\n".replace(",", delimiter)
    path = write(tmp_path, name, gzip.compress(text.encode()) if name.endswith("gz") else text)
    expected = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [2.5, 3.5]})
    pd.testing.assert_frame_equal(read_table(path), expected)


def test_a_tsv_file_keeps_its_commas(tmp_path):
    path = write(tmp_path, "t.tsv", "a\tb\n1,5\tx,y\n")
    assert read_table(path).to_numpy().tolist() == [["1,5", "x,y"]]


def test_commas_in_quoted_cells_do_not_count_as_delimiters(tmp_path):
    path = write(tmp_path, "t.csv", 'a;b\n"1, 2, 3";x\n"4, 5, 6";"y\nz"\n')
    assert read_table(path).to_numpy().tolist() == [["1, 2, 3", "x"], ["4, 5, 6", "y\nz"]]


def test_a_named_delimiter_wins(tmp_path):
    path = write(tmp_path, "t.csv", "a b,c\n1 2,3\n")
    assert list(read_table(path, delimiter=" ").columns) == ["a", "b,c"]


def test_parquet_and_feather_keep_their_types(tmp_path, frame):
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_feather(tmp_path / "t.feather")
    for name in ("t.parquet", "t.feather"):
        pd.testing.assert_frame_equal(read_table(tmp_path / name), frame)


def test_a_named_index_of_a_parquet_file_is_a_column(tmp_path, frame):
    frame.set_index("count").to_parquet(tmp_path / "t.parquet")
    assert set(read_table(tmp_path / "t.parquet").columns) == set(frame.columns)


def test_headerless_file_with_question_marks(tmp_path):
    table = read_table(write(tmp_path, "adult.csv", ADULT), header=False, missing_values=["?"])
    assert list(table.columns) == ["1", "2", "3", "4", "5", "6"]
    assert len(table) == 4
    assert table.isna().sum().tolist() == [0, 1, 1, 1, 0, 0]
    assert table["3"].tolist()[:3] == [77516, 83311, 287927]
    assert set(table["6"]) == {"<=50K", ">50K"}


def test_blanks_around_cells_and_names_are_dropped(tmp_path):
    path = write(tmp_path, "t.csv", ' a , b\nyes ,1\n yes, 2\n"yes "," 3"\n')
    table = read_table(path)
    assert list(table.columns) == ["a", "b"]
    assert set(table["a"]) == {"yes"}


def test_missing_marks_count_in_binary_files_too(tmp_path):
    pd.DataFrame({"a": ["?", "x "], "b": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", missing_values=["?"])
    assert table["a"].isna().tolist() == [True, False]
    assert table["a"][1] == "x"


def test_a_column_without_a_name_is_named_by_position(tmp_path):
    assert list(read_table(write(tmp_path, "t.csv", ",b,\n1,2,3\n")).columns) == ["1", "b", "3"]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    assert list(read_table(write(tmp_path, "t.csv", "\ufeffa,b\n1,2\n")).columns) == ["a", "b"]


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(-999, 999), st.text("abc ,;|\"'\n", min_size=1), st.floats(-1, 1)),
        min_size=2,
        max_size=8,
    )
)
def test_what_pandas_writes_is_read_back(tmp_path_factory, rows):
    written = pd.DataFrame(rows, columns=["number", "text", "share"])
    written["text"] = "t" + written["text"].str.strip() + "t"
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    written.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_table(path, delimiter=","), written)


# Faults


def test_a_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path, "fraud.csv", "a,b\n1,2\n")
    with pytest.raises(FileNotFoundError, match=r"fruad\.csv: did you mean fraud\.csv\?"):
        read_table(tmp_path / "fruad.csv")
    with pytest.raises(FileNotFoundError, match="no file there has a similar name"):
        read_table(tmp_path / "zzz.parquet")
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        read_table(tmp_path / "nowhere" / "fraud.csv")


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["t.xls", "t", "t.json.gz"])
def test_an_unknown_format_lists_the_known(tmp_path, name):
    with pytest.raises(ValueError, match="must be a csv, tsv, txt, parquet, feather, xlsx or arff file"):
        read_table(write(tmp_path, name, "a,b\n1,2\n"))


@pytest.mark.parametrize("content", ["", "\n\n", "  \n"])
def test_an_empty_file(tmp_path, content):
    with pytest.raises(ValueError, match=r"t\.csv is empty"):
        read_table(write(tmp_path, "t.csv", content))


def test_names_without_rows(tmp_path, frame):
    frame.iloc[:0].to_parquet(tmp_path / "t.parquet")
    for path in (tmp_path / "t.parquet", write(tmp_path, "t.csv", "a,b\n")):
        with pytest.raises(ValueError, match="has column names but no rows"):
            read_table(path)


@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_binary_file_cut_short(tmp_path, frame, ending, kept):
    path = tmp_path / f"t.{ending}"
    getattr(frame, f"to_{ending}")(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(ValueError, match=f"cannot be read as {ending} .* cut short"):
        read_table(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a,b,c\n1,2,3\n4,5",
            r"line 3, the last of .* has 2 cells where the first line has 3.*cut short",
        ),
        ("a,b,c\n1,2,3\n4", r"line 3, the last of .* has 1 cell where"),
        ('a,b,c\n1,2,3\n4,"5,6\n7,8,9\n', "quotation mark is left open"),
        ('a,b,c\n1,2,3\n4,5,"6\n7,8,9\n', "quotation mark is left open"),
        ("a,b,c\n1,2\n4,5,6\n", r"line 2 of .* has 2 cells where the first line has 3"),
        ("a,b,c\n1,2,3\n\n1,2,3,4\n4,5,6\n", r"line 4 of .* has 4 cells where the first line has 3"),
    ],
)
def test_a_text_file_cut_short_or_ragged(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read_table(write(tmp_path, "t.csv", content))


def test_a_file_may_end_without_a_line_break(tmp_path):
    assert read_table(write(tmp_path, "t.csv", "a,b\n1,2\n3,4")).shape == (2, 2)


def test_a_zipped_file_cut_short(tmp_path):
    whole = gzip.compress(b"a,b\n" + b"1,2\n" * 5000)
    with pytest.raises(ValueError, match="cut short"):
        read_table(write(tmp_path, "t.csv.gz", whole[:-12]))
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read_table(write(tmp_path, "t.csv.gz", b"a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("latin-1", "cp1252"),
        ("cp1252", "cp1252"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
    ],
)
def test_another_encoding_is_found_and_said(tmp_path, written, found):
    path = write(tmp_path, "t.csv", "städte,b\nköln,1\nulm,2\n".encode(written))
    with pytest.warns(UserWarning, match=f"not UTF-8 text; it was read as {found}"):
        assert read_table(path)["städte"].tolist() == ["köln", "ulm"]
    assert read_table(path, encoding=written)["b"].tolist() == [1, 2]


def test_a_wrong_encoding_is_refused(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\nköln,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"is not utf-8 text .* leave the encoding out"):
        read_table(path, encoding="utf-8")


@pytest.mark.parametrize("encoding", [None, "utf-8", "UTF8", "utf-8-sig"])
def test_a_byte_order_mark_never_enters_a_name(tmp_path, encoding):
    path = write(tmp_path, "t.csv", "\ufeffa,b\n1,2\n")
    assert list(read_table(path, encoding=encoding).columns) == ["a", "b"]


def test_an_encoding_that_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match=r"encoding must be one that Python knows.*'utf-9'"):
        read_table(write(tmp_path, "t.csv", "a,b\n1,2\n"), encoding="utf-9")


def test_repeated_column_names_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"repeats 'b', 'c'.*--no-header"):
        read_table(write(tmp_path, "t.csv", "a,b,c,b,c\n1,2,3,4,5\n"))
    repeated = pa.table([pa.array([1]), pa.array([2])], names=["q", "q"])
    pyarrow.parquet.write_table(repeated, tmp_path / "t.parquet")
    pyarrow.feather.write_feather(repeated, tmp_path / "t.feather")
    for name in ("t.parquet", "t.feather"):
        with pytest.raises(ValueError, match=r"column names must be unique.* repeats 'q'"):
            read_table(tmp_path / name)


def test_options_that_make_no_sense(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\n1,2\n")
    with pytest.raises(ValueError, match="delimiter must be a single character, got '::'"):
        read_table(path, delimiter="::")
    with pytest.raises(TypeError, match=r"missing_values must be a list .* got 'none'"):
        read_table(path, missing_values="none")


# What pandas would read in silence


def test_quoted_words_and_the_target_are_not_missing(tmp_path):
    path = write(tmp_path, "t.csv", 'x,"y"\nNone,None\n"None","NA"\nNA,\n')
    plain, with_target = read_table(path), read_table(path, target="y")
    assert plain["x"].isna().tolist() == [True, False, True] and plain["y"].isna().tolist() == [True, False, True]
    assert with_target["y"].tolist()[:2] == ["None", "NA"] and with_target["y"].isna().tolist() == [False, False, True]
    assert read_table(path, target=-1)["y"][0] == "None"
    assert read_table(path, target="y", missing_values=["None"])["y"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    "codes", [["1_2", "12"], ["007", "12"], ["02139", "94110"], ["1E5", "2E3"], ["1" * 20, "2" * 20]]
)
def test_codes_stay_as_they_are_written(tmp_path, codes):
    path = write(tmp_path, "t.csv", "code,x\n" + "".join(f"{code},1\n" for code in codes))
    assert read_table(path)["code"].tolist() == codes


def test_all_columns_as_text(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\n1.50,True\n,x\n")
    assert read_table(path, as_text=True).astype(object).where(lambda f: f.notna(), None).to_numpy().tolist() == [
        ["1.50", "True"],
        [None, "x"],
    ]


def test_names_that_are_numbers_are_pointed_out(tmp_path):
    with pytest.warns(UserWarning, match=r"all numbers \(1.5, 2\).*--no-header"):
        read_table(write(tmp_path, "t.csv", "1.5,2\n3,4\n"))


def test_several_named_levels_of_an_index_are_columns_and_levels_of_names_are_joined(tmp_path):
    frame = pd.DataFrame({"customer": [1, 2], "month": [1, 1], "v": [3.0, 4.0]})
    frame.set_index(["customer", "month"]).to_parquet(tmp_path / "t.parquet")
    assert list(read_table(tmp_path / "t.parquet").columns) == ["customer", "month", "v"]
    wide = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    wide.to_parquet(tmp_path / "wide.parquet")
    assert list(read_table(tmp_path / "wide.parquet").columns) == ["a x", "a y"]


def test_a_separator_line_and_comments_before_the_header(tmp_path):
    assert read_table(write(tmp_path, "t.csv", "sep=;\na;b,c\n1;2\n")).columns.tolist() == ["a", "b,c"]
    with pytest.warns(UserWarning, match="begins with 2 comment line"):
        table = read_table(write(tmp_path, "t.csv", "# made today\n# by hand, twice\n\na,b,c\n1,2,3\n"))
    assert table.to_dict("list") == {"a": [1], "b": [2], "c": [3]}
    assert list(read_table(write(tmp_path, "t.csv", "#id,b\n1,2\n")).columns) == ["#id", "b"]


def test_a_cell_of_twenty_million_characters(tmp_path):
    path = write(tmp_path, "t.csv", "a,b\n1,x\n2," + "y" * 20_000_000 + "\n")
    assert len(read_table(path)["b"][1]) == 20_000_000


def test_blanks_after_delimiters_before_quotes(tmp_path):
    path = write(tmp_path, "t.csv", 'a, b\n1, "x, ""y"""\n2, NA\n"3, 3", z\n')
    table = read_table(path)
    assert table["b"].tolist()[0] == 'x, "y"' and table["b"].isna().tolist() == [False, True, False]
    assert table["a"].tolist() == ["1", "2", "3, 3"]


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip"])
def test_packed_text(tmp_path, name):
    if name == "t.zip":
        with zipfile.ZipFile(tmp_path / name, "w") as folder:
            folder.writestr("__MACOSX/._t.csv", "junk")
            folder.writestr("t.csv", "a;b\n1;2,5\n")
    else:
        write(tmp_path, name, gzip.compress(b"a;b\n1;2,5\n"))
    assert read_table(tmp_path / name).to_dict("list") == {"a": [1], "b": ["2,5"]}


def test_a_zip_file_of_two_tables(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as folder:
        folder.writestr("a.csv", "a\n1\n")
        folder.writestr("b.csv", "a\n1\n")
    with pytest.raises(ValueError, match=r"holds 2 files: a\.csv, b\.csv"):
        read_table(tmp_path / "t.zip")


def test_excel(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("python_calamine")
    book = openpyxl.Workbook()
    for row in (["day", "n", "kind"], [datetime.date(2020, 1, 2), 1.5, "a"], [None, None, "b"]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    table = read_table(tmp_path / "t.xlsx")
    assert list(table.columns) == ["day", "n", "kind"] and table["n"][0] == 1.5 and table["n"].isna()[1]
    assert list(read_table(tmp_path / "t.xlsx", header=False).columns) == ["1", "2", "3"]
    assert file_columns(tmp_path / "t.xlsx") == ["day", "n", "kind"]
    assert file_columns(tmp_path / "t.xlsx", header=False) == ["1", "2", "3"]
    with pytest.raises(ValueError, match="cannot be read as xlsx"):
        read_table(write(tmp_path, "broken.xlsx", "PK"))


ARFF = """% a comment
@RELATION visits

@attribute 'the age' numeric
@attribute kind {low, 'quite high'}
@ATTRIBUTE note string
@data
12.5, low, 'it''s'
?,'quite high', ?
"""


def test_arff(tmp_path):
    table = read_table(write(tmp_path, "t.arff", ARFF))
    assert list(table.columns) == ["the age", "kind", "note"]
    assert table["the age"].tolist()[0] == 12.5 and table["the age"].isna()[1]
    assert table["kind"].tolist() == ["low", "quite high"] and table["kind"].dtype == "category"
    with pytest.raises(ValueError, match="is no ARFF file"):
        read_table(write(tmp_path, "t.arff", "a,b\n1,2\n"))


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_batches_are_the_table(tmp_path, name):
    path = tmp_path / name
    table = pd.DataFrame({"a": [f"{i:03}" for i in range(100)], "b": "x"})
    table.to_csv(path, index=False) if name == "t.csv" else table.to_parquet(path)
    pd.testing.assert_frame_equal(pd.concat(table_batches(path), ignore_index=True), table)


def test_numbers_for_missing_are_missing_in_typed_files_too(tmp_path):
    frame = pd.DataFrame({"a": [1.5, -999.0], "b": [-999, 3], "c": [" -999.0 ", "u"], "d": [True, False]})
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet", missing_values=["-999"])
    assert read.isna().to_numpy().tolist() == [[False, True, True, False], [True, False, False, False]]
