"""Tables as people have them: reading files, kinds of columns, cells to numbers."""

from equipoise.tables.piecewise_linear import PiecewiseLinearEncoder
from equipoise.tables.preprocessing import TablePreprocessor
from equipoise.tables.reading import read_table

__all__ = ["PiecewiseLinearEncoder", "TablePreprocessor", "read_table"]
