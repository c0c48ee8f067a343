"""What moves the printed objective from step to step: more training, the new rows, or their share of the sample.

From one network three are had: as it was, trained on without the micro-sample for as long, and trained with it. The
printed objective J of each, on the sample before and after, splits its change into three parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from equipoise import datasets
from equipoise.bilevel.objectives import BalancedHeldOut, MajorityShare, Measured
from equipoise.bilevel.row_search import RowSearch, new_restart, search_rows, train_restarts
from equipoise.bilevel.rows import Restart, RowProblem, Rows
from equipoise.files import replace_file
from equipoise.losses import Loss
from equipoise.samplers.mubo_variants import VARIANTS
from equipoise.tables import TablePreprocessor
from equipoise.training import TrainedNetwork

SETS = ("abalone", "sick_euthyroid", "yeast_2_vs_4", "creditcard_5k")
_CHAINS, _STEPS, _INNER_STEPS = 4, 40, 200


@dataclass
class Ledger:
    """The printed objective, which also books what its changes come from.

    Attributes
    ----------
    search : RowSearch or None
        That this objective belongs to.
    entries : list of dict
        A step of a chain each: changes of J by ``training``, ``rows`` and ``sample``, which add up to that of the
        objective; changes of the balanced loss on held-out rows, ``held_out_waiting`` without the rows and
        ``held_out`` with them.
    """

    search: RowSearch | None = None
    entries: list[dict[str, Any]] = field(default_factory=list)

    def measure(
        self, chains: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `equipoise.bilevel.objectives.Objective`."""
        objective, held_out = MajorityShare(), BalancedHeldOut()
        measured = objective.measure(chains, samples, networks, loss)
        before = [chain.network for chain in chains]
        if self.search is None or any(network is None for network in before):
            return measured
        old, known = [chain.rows() for chain in chains], [network for network in before if network is not None]
        waiting = train_restarts(self.search, chains, old)
        values = np.array(
            [[m.objective for m in objective.measure(chains, old, nets, loss)] for nets in (known, waiting, networks)]
        )
        outside = np.array(
            [[m.objective for m in held_out.measure(chains, old, nets, loss)] for nets in (known, waiting, networks)]
        )
        for number, worth in enumerate(measured):
            start, waited, trained = values[:, number]
            self.entries.append(
                {
                    "training": waited - start,
                    "rows": trained - waited,
                    "sample": worth.objective - trained,
                    "change": worth.objective - start,
                    "held_out_waiting": outside[1, number] - outside[0, number],
                    "held_out": outside[2, number] - outside[0, number],
                }
            )
        return measured


def entries_of(name: str, *, n_steps: int = _STEPS, inner_steps: int = _INNER_STEPS) -> pd.DataFrame:
    """Book a search of Algorithm 1 on a set: a row a step of a chain after the first."""
    problem = _problem(datasets.load(name))
    search = VARIANTS["paper"].search
    settings = replace(search.settings, network=(256, 128), learning_rate=1e-3, gradient_tolerance=None)
    ledger = Ledger()
    search = replace(search, settings=settings, max_iter=n_steps, inner_steps=inner_steps, objective=ledger)
    ledger.search = search
    search_rows(search, [new_restart(problem, seed) for seed in range(_CHAINS)])
    return pd.DataFrame(ledger.entries).assign(set=name)


def book(path: Path, sets: Sequence[str], **effort: int) -> pd.DataFrame:
    """Book searches on sets, or read what was booked."""
    if not path.exists():
        frames = [entries_of(name, **effort) for name in sets]
        replace_file(path, pd.concat(frames).to_csv(index=False, lineterminator="\n"))
    return pd.read_csv(path)


def _problem(dataset: datasets.Dataset) -> RowProblem:
    classes, codes = np.unique(dataset.y.to_numpy(), return_inverse=True)
    train, held_out = train_test_split(np.arange(len(codes)), test_size=0.2, stratify=codes, random_state=0)
    table = TablePreprocessor().fit(dataset.X.iloc[train])
    X = StandardScaler().fit(table.transform(dataset.X.iloc[train])).transform(table.transform(dataset.X))
    rare = int(np.bincount(codes).argmin())
    kept = train[codes[train] == rare]
    candidates = {code: np.sort(train[codes[train] == code]) for code in range(len(classes)) if code != rare}
    return RowProblem(X, codes, len(classes), kept, candidates, held_out)
