"""The inner problem: R networks trained at once. `fit` is the only entry."""

from equipoise.training.fit import fit
from equipoise.training.fitted import FittedEnsemble, TrainedNetwork
from equipoise.training.task import FoundLoss, LossSearchRows, Settings, Table, Task

__all__ = ["FittedEnsemble", "FoundLoss", "LossSearchRows", "Settings", "Table", "Task", "TrainedNetwork", "fit"]
