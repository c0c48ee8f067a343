"""Tables in, data sets by name, and imbalance under control."""

from equipoise.datasets.dataset import Dataset, split_target
from equipoise.datasets.entries import catalogue, names, suite
from equipoise.datasets.home import data_home
from equipoise.datasets.imbalance import make_imbalance
from equipoise.datasets.memory_mapped import map_parquet
from equipoise.datasets.named import fetch, load

__all__ = [
    "Dataset",
    "catalogue",
    "data_home",
    "fetch",
    "load",
    "make_imbalance",
    "map_parquet",
    "names",
    "split_target",
    "suite",
]
