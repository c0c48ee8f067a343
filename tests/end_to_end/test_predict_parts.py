"""A long table is scored in parts, and its errors say from which row a part begins."""

from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from equipoise.cli.scorer import Scorer
from equipoise.tables import TablePreprocessor


def test_a_cell_of_a_later_part_is_named_with_the_row_of_its_part():
    part = pd.DataFrame({"x": ["1", "2", "3", "4"]})
    model = make_pipeline(TablePreprocessor(), LogisticRegression()).fit(part.astype(float), [0, 1, 0, 1])
    scorer = Scorer(model, {}, None, False, [])
    assert len(scorer.score(part, Path("t.csv"))) == 4
    with pytest.raises(ValueError, match=r"'a b' in row 0 .* Rows are counted from row 4 of t\.csv\."):
        scorer.score(pd.DataFrame({"x": ["a b"]}), Path("t.csv"))
