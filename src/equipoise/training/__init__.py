"""The inner problem: R networks trained at once. `fit` is the only entry."""

from equipoise.training.fit import fit
from equipoise.training.fitted import FittedStack, TrainedNetwork
from equipoise.training.task import FoundLoss, SearchRows, Settings, Table, Task

__all__ = ["FittedStack", "FoundLoss", "SearchRows", "Settings", "Table", "Task", "TrainedNetwork", "fit"]
