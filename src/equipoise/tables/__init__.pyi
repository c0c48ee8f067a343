from .finding import Finding as Finding
from .piecewise_linear import PiecewiseLinearEncoder as PiecewiseLinearEncoder
from .preprocessing import TablePreprocessor as TablePreprocessor
from .reading import read_table as read_table
