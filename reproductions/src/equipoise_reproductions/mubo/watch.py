"""What is seen of a search beside what it decides by: its rows as proposed, and its networks on the test side.

Nothing is selected by what is seen here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances

from equipoise.bilevel.evaluation import losses_on
from equipoise.bilevel.objectives import Measured, Objective
from equipoise.bilevel.rows import Restart, Rows
from equipoise.losses import Loss
from equipoise.training import TrainedNetwork

_ANY_ROWS = 500  # of the larger class, drawn once a chain: what proposed rows are held against
_RIGHT = np.log(2)  # a row of two classes is classified right if its loss is no larger (Lemma 1 of the paper)
CONFUSION = ("tn", "fp", "fn", "tp")
"""Columns with the confusion counts of a step's network on the test side; the minority is positive."""


class Watch:
    """An objective that measures as another does, and keeps what it saw.

    Parameters
    ----------
    objective : Objective
    chains : sequence of Restart
    tests : sequence of ndarray of int
        Test rows of each chain.
    """

    def __init__(self, objective: Objective, chains: Sequence[Restart], tests: Sequence[Rows]) -> None:
        self._objective, self._chains, self._tests = objective, chains, tests
        self._any = [np.random.default_rng(0).permutation(_candidates(chain))[:_ANY_ROWS] for chain in chains]
        self._seen: list[dict[str, Any]] = []

    def measure(
        self, chains: Sequence[Restart], samples: Sequence[Rows], networks: Sequence[TrainedNetwork], loss: Loss
    ) -> list[Measured]:
        """See `Objective`."""
        places = [next(i for i, own in enumerate(self._chains) if own is chain) for chain in chains]
        proposed = [_proposed(chain, sample) for chain, sample in zip(chains, samples, strict=True)]
        before = self._losses_before(chains, places, proposed)
        on_test = _losses(chains, [self._tests[place] for place in places], networks)
        for i, (place, chain) in enumerate(zip(places, chains, strict=True)):
            codes = chain.problem.codes[self._tests[place]]
            seen = {"chain": place, "step": chain.n_steps, "steps": networks[i].n_steps, "rows": proposed[i]}
            self._seen.append(seen | before[i] | _confusion(codes, on_test[i] <= _RIGHT))
        return self._objective.measure(chains, samples, networks, loss)

    def _losses_before(
        self, chains: Sequence[Restart], places: Sequence[int], proposed: Sequence[Rows]
    ) -> list[dict[str, float]]:
        """Mean losses of proposed rows, and of any, under the networks that have not trained on the former."""
        networks = [chain.network for chain in chains if chain.network is not None]
        if len(networks) < len(chains) or not all(map(len, proposed)):
            return [{"loss_proposed": np.nan, "loss_any": np.nan} for _ in chains]
        rows = [np.concatenate([part, self._any[place]]) for part, place in zip(proposed, places, strict=True)]
        losses = _losses(chains, rows, networks)
        return [
            {"loss_proposed": float(values[: len(part)].mean()), "loss_any": float(values[len(part) :].mean())}
            for values, part in zip(losses, proposed, strict=True)
        ]

    def history(self, records: Sequence[dict[str, Any]]) -> pd.DataFrame:
        """Join what `equipoise.bilevel.row_search.search_rows` recorded to what was seen.

        Returns
        -------
        DataFrame
            A row a step of a chain, with the columns of the records and: gradient ``steps``; the confusion counts
            `CONFUSION`; mean losses ``loss_proposed`` and ``loss_any`` of the proposed rows and of 500 others before
            the step; mean distances ``distance_proposed`` and ``distance_any`` of the same to the nearest row of the
            larger class that was accepted before.
        """
        kept = {"restart": "chain", "majority_loss": "larger_loss", "minority_loss": "rare_loss"}  # names in stores
        table = pd.DataFrame(records).rename(columns=kept).merge(pd.DataFrame(self._seen), on=["chain", "step"])
        table = table.sort_values(["chain", "step"], ignore_index=True)
        parts = [self._distances(place, table[table["chain"] == place]) for place in range(len(self._chains))]
        return table.join(pd.concat(parts)).drop(columns="rows")

    def _distances(self, place: int, steps: pd.DataFrame) -> pd.DataFrame:
        """Follow how near the larger class's rows are to the nearest one accepted, as a chain grows."""
        problem, candidates = self._chains[place].problem, _candidates(self._chains[place])
        X, anyone = problem.gather(candidates), np.searchsorted(candidates, np.sort(self._any[place]))
        nearest, found = np.full(len(candidates), np.inf), []
        for rows, accepted in zip(steps["rows"], steps["accepted"], strict=True):
            own = nearest[np.searchsorted(candidates, rows)]
            found.append((float(own.mean()) if len(own) else np.inf, float(nearest[anyone].mean())))
            if accepted and len(rows):
                nearest = np.minimum(nearest, pairwise_distances(X, problem.gather(rows)).min(axis=1))
        columns = ["distance_proposed", "distance_any"]
        return pd.DataFrame(found, steps.index, columns).replace(np.inf, np.nan)


def _proposed(chain: Restart, sample: Rows) -> Rows:
    """Rows of the larger class that a step adds; of a burn-in, which comes as step 0, those that it begins with."""
    return sample[len(chain.kept) + len(chain.accepted) :] if chain.n_steps else chain.accepted


def _candidates(chain: Restart) -> NDArray[np.int64]:
    return np.sort(np.concatenate(list(chain.problem.candidates.values()))).astype(np.int64)


def _losses(
    chains: Sequence[Restart], rows: Sequence[Rows], networks: Sequence[TrainedNetwork]
) -> list[NDArray[np.float64]]:
    tables = [chain.problem.gather(part) for chain, part in zip(chains, rows, strict=True)]
    codes = [chain.problem.codes[part] for chain, part in zip(chains, rows, strict=True)]
    return losses_on(networks, tables, codes, chains[0].problem.n_classes)


def _confusion(codes: NDArray[np.integer[Any]], right: NDArray[np.bool_]) -> dict[str, int]:
    counts = [np.sum((codes == code) & (right == hit)) for code, hit in ((0, True), (0, False), (1, False), (1, True))]
    return dict(zip(CONFUSION, map(int, counts), strict=True))
