"""Files as users bring them: every format read, every fault named."""

import gzip
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
    with pytest.raises(FileNotFoundError, match="no file there has a name like it"):
        read_table(tmp_path / "zzz.parquet")
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        read_table(tmp_path / "nowhere" / "fraud.csv")


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["t.xlsx", "t", "t.json.gz"])
def test_an_unknown_format_lists_the_known(tmp_path, name):
    with pytest.raises(ValueError, match="must be a csv, tsv, txt, parquet or feather file"):
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
            r"line 3, the last of .* has 2 cell\(s\) where the first line has 3.*cut short",
        ),
        ("a,b,c\n1,2,3\n4", r"line 3, the last of .* has 1 cell\(s\)"),
        ('a,b,c\n1,2,3\n4,"5,6\n7,8,9\n', "quotation mark is left open"),
        ('a,b,c\n1,2,3\n4,5,"6\n7,8,9\n', "quotation mark is left open"),
        ("a,b,c\n1,2\n4,5,6\n", r"line 2 of .* has 2 cell\(s\) where the first line has 3"),
        ("a,b,c\n1,2,3\n\n1,2,3,4\n4,5,6\n", r"line 4 of .* has 4 cell\(s\) where the first line has 3"),
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


@pytest.mark.parametrize(("encoding", "named"), [("latin-1", "latin-1"), ("utf-16", "utf-16")])
def test_another_encoding_is_named_in_the_error_and_then_works(tmp_path, encoding, named):
    path = write(tmp_path, "t.csv", "städte,b\nköln,1\nulm,2\n".encode(encoding))
    with pytest.raises(ValueError, match=f"encoding='{named}' .*--encoding {named}"):
        read_table(path)
    assert read_table(path, encoding=named)["städte"].tolist() == ["köln", "ulm"]


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
