"""Which rows train and test, and what is made of them."""

import os

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from equipoise import SMOTifiedGAN
from equipoise_reproductions.smotified_gan import made
from equipoise_reproductions.smotified_gan.made import make_rows, methods_of
from equipoise_reproductions.smotified_gan.protocol import METHODS, SOURCES, Effort
from equipoise_reproductions.smotified_gan.rows import class_counts, splits

BY_NAME = {method.name: method for method in METHODS}


@pytest.mark.skipif("EQUIPOISE_DATA_HOME" not in os.environ, reason="EQUIPOISE_DATA_HOME names no folder of data sets")
@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_splits_are_those_of_the_authors(source):
    """Classes of both sides, as derived from the authors' files and seeds."""
    try:
        found = splits(source, Effort())[0]
    except OSError:
        pytest.skip(f"{source.name} is not in the data home")
    assert class_counts(found) == source.counts
    assert found.scaled.shape[1] == (len(source.columns) or found.raw.shape[1])


def test_the_authors_split_loses_the_first_row_and_scales_by_all_others(stand_ins):
    sources, effort = stand_ins()
    wine, other = (splits(source, effort)[0] for source in sources[:2])
    assert np.array_equal(np.sort(np.concatenate([other.fold.train, other.fold.test])), np.arange(1, 160))
    train, test = train_test_split(np.arange(1, 160), test_size=0.2, random_state=0)
    assert np.array_equal(other.fold.train, train) and np.array_equal(other.fold.test, test)
    assert class_counts(other) == sources[1].counts
    assert len(wine.fold.train) + len(wine.fold.test) == 178 and wine.scaled.shape == (178, 4)
    assert np.allclose([wine.scaled.min(axis=0), wine.scaled.max(axis=0)], [[0] * 4, [1] * 4])
    both = other.scaled[np.concatenate([train, test])]
    assert both.min() < -1 and both.max() > 1  # as they are


def test_the_folds_keep_shares_and_equal_rows_together(stand_ins):
    sources, effort = stand_ins()
    folds = splits(sources[1], Effort(n_folds=4))[1:]
    assert [split.fold.number for split in folds] == [1, 2, 3, 4] and all(split.sound for split in folds)
    assert np.array_equal(np.sort(np.concatenate([split.fold.test for split in folds])), np.arange(160))
    for split in folds:
        assert abs(split.y[split.fold.test].mean() - split.y.mean()) < 0.05
        sides = np.isin(np.arange(160), split.fold.test)
        assert np.array_equal(sides[:6], sides[-6:])
        own = split.scaled[split.fold.train]
        assert np.allclose(own.mean(axis=0), 0) and np.allclose(own.std(axis=0), 1)
    assert splits(sources[0], effort)[1].raw.shape == (178, 13)  # all features


@pytest.mark.parametrize("name", ["smote", "svm-smote", "gan", "smotified-gan"])
@pytest.mark.parametrize("place", [0, 1])
def test_the_rows_that_the_rare_class_lacks_are_made(stand_ins, name, place):
    sources, effort = stand_ins()
    split = splits(sources[0], effort)[place]
    result = make_rows(sources[0], split, BY_NAME[name], effort)
    common, rare = class_counts(split)[:2]
    assert result["figures"]["n_made"] == len(result["rows"])
    assert len(result["rows"]) == common - rare or (name == "svm-smote" and 0 < len(result["rows"]) < common - rare)
    assert np.shape(result["rows"])[1] == split.raw.shape[1]


def test_gans_run_faithful_on_the_authors_split_and_repaired_on_folds(stand_ins):
    """The rows and the figures are those of the sampler itself."""
    sources, effort = stand_ins()
    ways = ({"variant": "authors", "max_epochs": 2, "batch_size": 128}, {"max_epochs": 2})
    for split, params in zip(splits(sources[0], effort)[:2], ways, strict=True):
        X, y = split.raw[split.fold.train], split.y[split.fold.train]
        sampler = SMOTifiedGAN(**params, random_state=split.fold.seed)
        with pytest.warns(UserWarning):
            rows = sampler.fit_resample(X, y)[0][len(X) :]
        result = make_rows(sources[0], split, BY_NAME["smotified-gan"], effort)
        assert np.allclose(result["rows"], split.scaler.transform(rows))
        for figure in ("two_sample_accuracy", "spread_ratio", "out_of_range"):
            assert result["figures"][figure] == pytest.approx(sampler.diagnostics_[figure].item())
        assert result["figures"]["n_made"] == sampler.diagnostics_["n_made"].item()


def test_ssg_runs_on_the_authors_split_alone_where_few_rows_are_made(stand_ins, monkeypatch):
    sources, effort = stand_ins()
    authors, fold = splits(sources[0], effort)[:2]
    common, rare = class_counts(authors)[:2]
    names = ["none", "smote", "svm-smote", "gan", "smotified-gan"]
    for most, expected in ((common - rare, [*names, "ssg"]), (common - rare - 1, names)):
        monkeypatch.setattr(made, "MOST_FOR_ALL", most)
        assert [method.name for method in methods_of(authors)] == expected
        assert [method.name for method in methods_of(fold)] == names
