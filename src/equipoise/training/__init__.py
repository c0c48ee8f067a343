"""The inner problem: R networks trained at once. `fit` is the only entry."""

from equipoise.training.fit import fit
from equipoise.training.fitted import FittedStack, TrainedNetwork
from equipoise.training.task import Settings, Table, Task

__all__ = ["FittedStack", "Settings", "Table", "Task", "TrainedNetwork", "fit"]
