"""Training of R networks at once, the inner problem of all searches. `fit` is the only entry."""

from equipoise.training.fit import fit
from equipoise.training.fitted import FittedEnsemble
from equipoise.training.outer import InnerTraining, OuterProblem, OuterSearch
from equipoise.training.results import TrainedNetwork
from equipoise.training.task import InnerRows, Settings, Table, Task

__all__ = [
    "FittedEnsemble",
    "InnerRows",
    "InnerTraining",
    "OuterProblem",
    "OuterSearch",
    "Settings",
    "Table",
    "Task",
    "TrainedNetwork",
    "fit",
]
