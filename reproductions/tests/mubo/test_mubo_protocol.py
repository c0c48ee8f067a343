"""What the paper prints, and the rows that stand in for its own."""

import numpy as np
import pytest

from equipoise.datasets import data_home
from equipoise.samplers.mubo_variants import VARIANTS
from equipoise_reproductions.mubo.protocol import (
    BASELINES,
    COLUMNS,
    FULL,
    GANS,
    PAPER,
    PRINTED_1,
    PRINTED_3,
    QUICK,
    SEARCHES,
    SOURCES,
    at_epochs,
    connect4,
)

BY_TITLE = {source.title: source for source in SOURCES}


def test_columns_are_known_and_named_once():
    assert len({method.name for method in COLUMNS}) == len(COLUMNS)
    assert {method.printed for method in COLUMNS if method.printed} == set(PRINTED_1)
    assert {method.mode for method in SEARCHES} == set(VARIANTS)
    assert [method.title for method in GANS] == ["SMOTified-GAN", "GBO", "SSG"]
    assert len(BASELINES) + len(SEARCHES) == len(COLUMNS)


def test_the_two_printed_tables_agree_where_they_should():
    """Table 1 rounds the same values as Table 3; its precision and recall of MUBO on Spambase are a slip."""
    assert set(PRINTED_1.index.get_level_values(0)) == set(BY_TITLE)
    for title in BY_TITLE:
        for method in ("GBO", "MUBO"):
            for metric in ("f1", "precision", "recall"):
                both = PRINTED_1[method][title, metric], PRINTED_3[metric][title, method]
                slip = title == "Spambase" and method == "MUBO" and metric != "f1"
                assert (both[0] == both[1]) != slip


def test_printed_averages_are_those_of_the_classes():
    for metric in ("f1", "precision", "recall"):
        means = PRINTED_3[[f"{metric}_m", f"{metric}_M"]].mean(axis=1)
        assert (means - PRINTED_3[metric]).abs().max() <= 0.0151  # of values that are rounded themselves


@pytest.mark.parametrize("title", BY_TITLE)
def test_balanced_test_sides_are_where_printed_figures_imply_them(title):
    """Precision follows from both recalls and the share of the minority: the nearer share is the one implied."""
    printed = PRINTED_3.loc[(title, "MUBO")]

    def misfit(share):
        hit, missed = share * printed["recall_m"], (1 - share) * (1 - printed["recall_M"])
        other, lost = (1 - share) * printed["recall_M"], share * (1 - printed["recall_m"])
        found = hit / (hit + missed), other / (other + lost)
        return np.abs(np.subtract(found, [printed["precision_m"], printed["precision_M"]])).max()

    natural = misfit(BY_TITLE[title].printed[2] / 100)
    assert (misfit(0.5) < natural) == BY_TITLE[title].balanced


def test_limits_on_epochs():
    limits = {source.title: FULL.epochs_of(source, PAPER) for source in SOURCES}
    assert limits == {"Ionosphere": 200, "Connect4": 50, "Abalone": 50, "Gisette": 50, "Spambase": 20}
    assert FULL.epochs_of(BY_TITLE["Abalone"], at_epochs(200)) == 200
    assert QUICK.epochs_of(BY_TITLE["Abalone"], at_epochs(200)) == QUICK.epochs
    assert at_epochs(200).name == "mubo-paper@200"


@pytest.mark.skipif(not (data_home() / "tables" / "connect4.parquet").is_file(), reason="Connect-4 is not here")
def test_connect4_is_cut_to_the_paper_s_share():
    data = connect4()
    assert data.X.shape == (10_000, 42) and len(data.y) == 10_000
    assert (data.y == data.rare).sum() == 384
    assert data.X.index.equals(data.y.index) and data.X.index.is_unique
