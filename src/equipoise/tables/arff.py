"""Weka's ARFF files: attributes with types, then cells between commas."""

import io
import re

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

_ATTRIBUTE = re.compile(r"""(?i)^@attribute\s+('(?:[^'\\]|\\.)*'|"[^"]*"|\S+)\s+(.+?)\s*$""")


def read_arff(text: str, path: str) -> pd.DataFrame:
    """Read a table; nominal attributes become categories, numeric ones numbers, all others text.

    Raises ValueError if the file has no attributes or no data, or is sparse.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("%")]
    start = next((i for i, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    matches = filter(None, (_ATTRIBUTE.match(line.strip()) for line in lines[:start]))
    declared = {match[1].strip("'\"").replace("\\'", "'"): match[2] for match in matches}
    if start is None or not declared:
        raise ValueError(f"{path} is no ARFF file: it needs @attribute lines, then @data.")
    rows = lines[start + 1 :]
    if rows and rows[0].lstrip().startswith("{"):
        raise ValueError(f"{path} is a sparse ARFF file, which is not read: write it as csv.")
    numeric = ("numeric", "real", "integer")
    types = {name: pa.float64() if kind.lower() in numeric else pa.string() for name, kind in declared.items()}
    table = arrow_csv.read_csv(
        io.BytesIO(re.sub(r"(?m),[ \t]+|^[ \t]+", lambda m: m[0].strip(), "\n".join(rows)).encode()),
        arrow_csv.ReadOptions(column_names=list(declared)),
        arrow_csv.ParseOptions(quote_char="'", escape_char="\\"),
        arrow_csv.ConvertOptions(
            column_types=types,
            null_values=["?", ""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    frame = table.to_pandas()
    return frame.astype({name: "category" for name, kind in declared.items() if kind.startswith("{")})
