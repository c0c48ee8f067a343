"""Long tails with spare rows: who trains, who judges, and how far apart they are kept."""

import numpy as np
import pandas as pd
import pytest
import torch

from equipoise.losses.counts import log_priors
from equipoise_reproductions.autobalance import causes
from equipoise_reproductions.autobalance.spare import FOLDS, Effort, Tails
from equipoise_reproductions.autobalance.splits import Rows

from .conftest import digits, fold


@pytest.fixture
def tails():
    return Tails(Rows(digits(), fold(1797)), Effort(n_seeds=2, n_steps=10))


def test_more_validation_rows_of_rare_classes_come_from_spare_ones(tails):
    y = tails.rows.y
    for seed, (once, tenfold) in enumerate(zip(tails.more(1), tails.more(10))):
        own, many = (np.bincount(y[part], minlength=10) for part in (once, tenfold))
        frequent = np.argsort(-np.bincount(y[tails.parts[seed]], minlength=10), kind="stable")[:5]
        rare = np.setdiff1d(np.arange(10), frequent)
        assert (many[frequent] == own[frequent]).all()
        there = np.bincount(y[tails.spare[seed]], minlength=10)
        assert (many[rare] >= np.minimum(10 * own[rare], there[rare])).all()
        assert len(np.intersect1d(tenfold, tails.trains[seed])) == 0 and len(np.unique(tenfold)) == len(tenfold)
    for part, spare in zip(tails.parts, tails.more(10, of_split=False)):
        assert len(np.intersect1d(part, spare)) == 0


def test_folds_share_the_rows(tails):
    folds = [tails.fold(number) for number in range(FOLDS)]
    for seed, part in enumerate(tails.parts):
        judges = np.concatenate([judges[seed] for _, judges in folds])
        lonely = np.bincount(tails.rows.y[part], minlength=10) == 1
        assert np.array_equal(np.sort(judges), part[~lonely[tails.rows.y[part]]])
        assert all(np.array_equal(np.union1d(t[seed], j[seed]), part) for t, j in folds)


def test_departures_move_from_one_logit_adjustment_to_another():
    start, end = torch.tensor([[90.0, 8.0, 2.0]]), torch.tensor([[100.0, 10.0, 3.0]])
    found = {"offset": log_priors(start.double()).float() + 0.5, "delta": torch.tensor([[1.0, 0.8, 1.2]])}
    half = causes._moved(found, start, end, share=0.5)
    torch.testing.assert_close(half["offset"], (end / end.sum()).log() + 0.25)
    torch.testing.assert_close(half["delta"], torch.tensor([[1.0, 0.9, 1.1]]))


def test_gains_are_of_sources_not_of_seeds():
    rows = [("a", 0, 0.4, 0.3), ("a", 1, 0.6, 0.3), ("b", 0, 0.3, 0.2), ("b", 1, 0.3, 0.2)]
    found = pd.concat(
        pd.DataFrame({"set": s, "arm": ["la", "search-1"], "seed": seed, "error": [rival, ours]})
        for s, seed, rival, ours in rows
    )
    assert causes.gain(found, "la", "search-1").mean == pytest.approx((0.2 + 0.1) / 2)
