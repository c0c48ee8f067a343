"""Rows, folds and training of the ReMix reproduction: each step again by hand, and runs that are stopped go on."""

import warnings
from dataclasses import replace
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.metrics import geometric_mean_score
from sklearn.metrics import brier_score_loss, confusion_matrix, recall_score

from equipoise import recipes
from equipoise.datasets import fetching, split_target
from equipoise.decisions import correct_prior
from equipoise.experiments import Store, engine
from equipoise.training import TrainedNetwork
from equipoise.training.stacks import build_stack
from equipoise_reproductions.remix import results, runs
from equipoise_reproductions.remix.protocol import (
    BASELINE,
    BOOSTED,
    BOOSTING,
    CONTROL,
    COST,
    NETWORKS,
    PAPER,
    PRIOR_CORRECTED,
    REMIX,
    Effort,
    Problem,
    Source,
)
from equipoise_reproductions.remix.ranking import Scoreboard
from equipoise_reproductions.remix.runs import Rows, obtainable, run_jobs
from equipoise_reproductions.study import open_store

BRIEF = Effort(epochs=2, repeats=2)


def quiet(kind, done, total):
    pass


@pytest.fixture
def cells(stand_ins):
    return {problem.name: problem for problem in stand_ins()}


@pytest.fixture
def wine(cells):
    return cells["musk2-binary-0.2"]


def stored(folder, problem):
    with Store(folder / f"{problem.name}.sqlite") as store:
        return {cell.key: cell for cell in store.cells()}, store.folds()


def train(folder, problem, methods, effort=BRIEF):
    run_jobs(folder, [(problem, methods)], effort, quiet)
    return stored(folder, problem)[0]


@pytest.fixture
def no_training(monkeypatch):
    def refuse(tasks, **options):
        raise AssertionError(f"{len(tasks)} networks were to be trained")

    monkeypatch.setattr(engine, "fit", refuse)


# Rows, folds, scaling


def test_gaps_take_the_mean_of_the_whole_file(monkeypatch):
    """As in the authors' code: of all rows, those that are cut away too."""
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0, 8.0, 100.0, 200.0], "b": 1.0, "target": list("xxxxyy")})
    monkeypatch.setattr(runs.datasets, "load", lambda name: split_target(frame, "target", name=name))
    rows = Rows(Problem(Source("Made", "made", ("y",), (0.25,), (2, 6)), 0.25))
    assert rows.counts() == {"x": 4, "y": 1}
    assert rows.n_before == 6
    assert rows.X[:4, 0].tolist() == [1.0, (1 + 3 + 8 + 100 + 200) / 5, 3.0, 8.0]


def test_the_cut_keeps_rows_as_they_are_and_is_the_same_each_time(wine):
    rows, again = Rows(wine), Rows(wine)
    np.testing.assert_array_equal(rows.X, again.X)
    np.testing.assert_array_equal(rows.y, again.y)
    whole = {tuple(row) for row in runs.datasets.load("musk2").X.to_numpy()}
    assert {tuple(row) for row in rows.X} <= whole


def test_classes_that_are_not_cut_are_merged_for_two_classes_and_kept_for_more(cells):
    """Wine has 59, 71 and 48 rows; digits 178, 182, 177 and 183 of the first four."""
    assert Rows(cells["musk2-binary-0.2"]).counts() == {"0": int(0.2 * 119), "rest": 119}
    assert Rows(cells["few-multi-0.1"]).counts() == {"0": 178, "1": 18, "2": 18, "3": 183}


@pytest.mark.parametrize("name", ["musk2-binary-0.2", "few-multi-0.1"])
def test_halves_test_every_row_once_a_repeat_and_monitoring_rows_never(cells, name):
    rows = Rows(cells[name])
    folds, n = list(rows.folds(3)), len(rows.y)
    assert [(fold.repeat, fold.number) for fold in folds] == [(r, f) for r in range(3) for f in range(2)]
    assert len({fold.seed for fold in folds}) == 6
    for first, second in zip(folds[::2], folds[1::2]):
        assert sorted([*first.test, *second.test]) == list(range(n))
        for fold, other in ((first, second), (second, first)):
            half = set(other.test)  # the other half trains this fold
            unused = half - set(fold.train)
            assert set(fold.train) < half
            assert len(unused) == pytest.approx(0.3 * len(half), abs=1)
            shares = np.bincount(rows.y[list(half)]) / len(half)
            for part in (fold.train, list(unused), fold.test):  # each with the classes of the whole
                np.testing.assert_allclose(np.bincount(rows.y[part]) / len(part), shares, atol=1.5 / len(part))
    assert not np.array_equal(folds[0].test, folds[2].test)


def test_more_repeats_begin_with_the_same_folds(wine):
    rows = Rows(wine)
    for few, many in zip(rows.folds(1), rows.folds(3)):
        np.testing.assert_array_equal(few.test, many.test)
        np.testing.assert_array_equal(few.train, many.train)
        assert few.seed == many.seed


def test_scaling_is_by_the_whole_training_half_and_ends_at_five(wine):
    rows = Rows(wine)
    fold = next(rows.folds(1))
    rows.X[fold.test[0], 0], rows.X[fold.test[1], 0] = 1e6, -1e6
    half = np.delete(rows.X, fold.test, axis=0)
    mean, deviation = half.mean(axis=0), half.std(axis=0)
    expected = [np.clip((rows.X[part] - mean) / deviation, -5, 5) for part in (fold.train, fold.test)]
    for found, by_hand in zip(rows.scaled(fold), expected):
        np.testing.assert_allclose(found, by_hand, rtol=1e-5, atol=1e-6)
        assert found.dtype == np.float32
    assert (rows.scaled(fold)[1][:2, 0] == [5, -5]).all()


# Training and the store


def test_every_method_is_stored_for_every_fold(wine, tmp_path):
    rows, found = Rows(wine), train(tmp_path, wine, NETWORKS)
    assert set(found) == {(m.name, r, f) for m in NETWORKS for r in range(2) for f in range(2)}
    folds = {(fold.repeat, fold.number): fold for fold in rows.folds(2)}
    for (_, repeat, number), cell in found.items():
        y = rows.y[folds[repeat, number].test]
        assert cell.error is None and cell.seconds > 0
        np.testing.assert_allclose(cell.probabilities.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(cell.confusion, confusion_matrix(y, cell.probabilities.argmax(axis=1)))
    for fold in stored(tmp_path, wine)[1]:
        mine = folds[fold.repeat, fold.fold]
        np.testing.assert_array_equal(fold.test_rows, mine.test)
        np.testing.assert_array_equal(fold.test_codes, rows.y[mine.test])
        assert fold.train_counts == np.bincount(rows.y[mine.train]).tolist()  # without the monitoring rows
    with Store(tmp_path / f"{wine.name}.sqlite") as store:
        assert {"torch", "scikit-learn", "python", "equipoise"} <= set(store.get("versions"))


def test_what_is_stored_is_not_trained_again(wine, tmp_path, request):
    before = train(tmp_path, wine, PAPER)
    request.getfixturevalue("no_training")
    after = train(tmp_path, wine, PAPER)
    assert all(before[key].seconds == after[key].seconds for key in before)


def test_the_same_seeds_give_the_same_bytes(wine, tmp_path):
    one, other = (train(tmp_path / name, wine, NETWORKS) for name in ("one", "other"))
    assert [cell.probabilities.tobytes() for cell in one.values()] == [
        cell.probabilities.tobytes() for cell in other.values()
    ]


def test_methods_may_come_one_by_one(wine, tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", wine, NETWORKS)
    counts = []
    monkeypatch.setattr(
        engine, "fit", lambda tasks, fit=engine.fit, **kw: counts.append(len(tasks)) or fit(tasks, **kw)
    )
    for methods in (NETWORKS[4:5], NETWORKS[:2], NETWORKS):
        parts = train(tmp_path / "parts", wine, methods)
    assert counts == [4, 8, 4 * 4]
    assert set(parts) == set(whole)
    for key, cell in whole.items():
        np.testing.assert_allclose(parts[key].probabilities, cell.probabilities, atol=1e-4)


def test_a_run_that_breaks_keeps_what_was_finished(cells, tmp_path, monkeypatch):
    problem = cells["few-multi-0.1"]
    whole = train(tmp_path / "whole", problem, NETWORKS)
    add, calls = Store.add, []

    def breaking(store, cells):
        if calls:
            raise KeyboardInterrupt
        calls.append(len(cells))
        add(store, cells)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", breaking)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "broken", problem, NETWORKS)
    kept = stored(tmp_path / "broken", problem)[0]
    assert 0 < len(kept) == calls[0] < len(whole)
    finished = train(tmp_path / "broken", problem, NETWORKS)
    assert set(finished) == set(whole)
    assert all(finished[key].seconds == cell.seconds for key, cell in kept.items())
    for key, cell in whole.items():
        np.testing.assert_allclose(finished[key].probabilities, cell.probabilities, atol=1e-4)


def test_another_effort_is_refused(wine, tmp_path, no_training):
    with open_store(tmp_path, wine.name, Effort(500, 10)):
        pass
    with pytest.raises(ValueError, match=r'holds results of another effort .*"epochs": 500.*"epochs": 50.*--out'):
        run_jobs(tmp_path, [(wine, PAPER)], Effort(50, 1), quiet)


def test_progress_counts_all_jobs_and_what_is_stored_no_more(cells, tmp_path):
    few, wine = cells["few-multi-0.1"], cells["musk2-binary-0.2"]
    told = []
    run_jobs(tmp_path, [(wine, PAPER), (few, PAPER)], BRIEF, lambda *news: told.append(news))
    kinds, done, totals = zip(*told)
    total = sum(runs.work(problem, method, BRIEF) for problem in (few, wine) for method in PAPER)
    assert (set(kinds), set(totals)) == ({"training"}, {total})
    assert list(done) == sorted(done) and done[0] < done[-1] == total
    told.clear()
    run_jobs(tmp_path, [(wine, NETWORKS), (few, PAPER)], BRIEF, lambda *news: told.append(news))
    assert told[-1][1] == told[-1][2] == 2 * runs.work(wine, CONTROL, BRIEF)


@pytest.fixture
def tasks(wine, tmp_path, monkeypatch):
    """The tasks of a problem, by method and fold, and its folds."""
    seen = []
    monkeypatch.setattr(engine, "fit", lambda tasks, **options: seen.extend(tasks))
    run_jobs(tmp_path, [(wine, NETWORKS)], Effort(2, 1), quiet)
    rows = Rows(wine)
    names = [(method.name, fold) for method in NETWORKS for fold in range(2)]
    return dict(zip(names, seen, strict=True)), rows, list(rows.folds(1))


def test_methods_start_from_the_same_weights_and_the_control_does_not(tasks):
    found, *_ = tasks
    for fold in range(2):
        starts = {name: build_stack([task]).state_dict() for (name, f), task in found.items() if f == fold}
        ours = starts[BASELINE.name]
        for name, weights in starts.items():
            alike = all(torch.equal(weights[key], ours[key]) for key in ours)
            assert alike == (name != CONTROL.name), name


def test_all_methods_of_a_fold_train_on_the_same_rows(tasks):
    found, rows, folds = tasks
    for (_, number), task in found.items():
        np.testing.assert_array_equal(task.table.X, rows.scaled(folds[number])[0])
        np.testing.assert_array_equal(task.table.labels(), rows.y[folds[number].train])
        assert task.rows is task.validation_rows is task.made is None


def test_errors_are_weighed_by_class_for_cost_alone(tasks):
    found, rows, folds = tasks
    for (name, number), task in found.items():
        if name != COST.name:
            assert task.weights is None
            continue
        y = rows.y[folds[number].train]
        counts = np.bincount(y)
        np.testing.assert_allclose(task.weights, [len(y) / (2 * counts[code]) for code in y])
        assert np.mean(task.weights) == pytest.approx(1)


def test_batches_without_the_rare_class_are_no_news_here(wine, tmp_path):
    rare = Problem(replace(wine.source, batch_size=8), 0.05)
    assert Rows(rare).counts()["0"] == 5  # in a batch of 8, often none of the one or two that train
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(tmp_path, rare, [REMIX], Effort(1, 1))


def test_boosting_is_the_recipe_on_the_same_rows(cells, tmp_path):
    problem = cells["few-multi-0.1"]
    run_jobs(tmp_path, [(problem, [BOOSTED])], BRIEF, quiet)
    rows, (found, _) = Rows(problem), stored(tmp_path, problem)
    assert set(found) == {(BOOSTING, 0, 0), (BOOSTING, 0, 1)}  # one repeat of this source
    fold = next(rows.folds(1))
    X_train, X_test = rows.scaled(fold)
    model = recipes.classifier(BOOSTING, random_state=fold.seed).fit(X_train, rows.y[fold.train])
    np.testing.assert_allclose(found[BOOSTING, 0, 0].probabilities, model.predict_proba(X_test), atol=1e-6)


# Scores of what is stored


@pytest.fixture
def scored(cells, tmp_path):
    problem = cells["few-multi-0.1"]
    found = train(tmp_path, problem, NETWORKS)
    return problem, found, stored(tmp_path, problem)[1], results.scores(tmp_path, [problem])


def test_scores_are_those_of_other_libraries(scored):
    _, cells, folds, frame = scored
    assert set(frame["kind"]) == {"multi-class"} and set(frame["source"]) == {"Few digits"}
    assert len(frame) == len(cells) + 2  # the corrected baseline on each fold
    codes = {(fold.repeat, fold.fold): fold.test_codes for fold in folds}
    for (method, repeat, fold), cell in cells.items():
        row = frame.set_index(["method", "repeat", "fold"]).loc[method, repeat, fold]
        y, proba = codes[repeat, fold], cell.probabilities.astype(float)
        proba /= proba.sum(axis=1, keepdims=True)
        squared = ((np.eye(4)[y] - proba) ** 2).sum(axis=1) / 2
        by_class = [squared[y == k].mean() for k in range(4)]
        assert row["g_mean"] == pytest.approx(geometric_mean_score(y, proba.argmax(axis=1)))
        assert row["bbs"] == pytest.approx(np.mean(by_class), abs=1e-6)
        assert row["brier"] == pytest.approx(brier_score_loss(y, proba, scale_by_half=True), abs=1e-6)
        np.testing.assert_allclose(row["class_briers"], by_class, atol=1e-6)
        np.testing.assert_allclose(row["recalls"], recall_score(y, proba.argmax(axis=1), average=None), atol=1e-5)
        assert row["seconds"] == cell.seconds


def test_the_corrected_baseline_is_from_the_training_shares(scored):
    _, cells, folds, frame = scored
    for fold in folds:
        shares = np.array(fold.train_counts) / sum(fold.train_counts)
        before = cells[BASELINE.name, fold.repeat, fold.fold].probabilities
        proba = before / shares
        proba /= proba.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(correct_prior(before, shares, [0.25] * 4), proba, atol=1e-6)
        row = frame.set_index(["method", "repeat", "fold"]).loc[PRIOR_CORRECTED, fold.repeat, fold.fold]
        assert row["g_mean"] == pytest.approx(geometric_mean_score(fold.test_codes, proba.argmax(axis=1)))
        assert row["brier"] == pytest.approx(brier_score_loss(fold.test_codes, proba, scale_by_half=True), abs=1e-6)


def test_what_is_not_there_has_no_score(cells, tmp_path):
    assert results.scores(tmp_path, list(cells.values())).empty


def test_a_network_that_diverged_costs_its_cell_the_ranking(wine, cells, tmp_path, monkeypatch):
    """Its other half alone would be a mean over other rows than the other methods have."""
    digits = cells["optdigits-binary-0.05"]
    train(tmp_path, digits, PAPER, Effort(1, 1))
    finite = iter([False] + [True] * 100)
    monkeypatch.setattr(TrainedNetwork, "is_finite", lambda network: next(finite))
    found = train(tmp_path, wine, PAPER, Effort(1, 1))
    assert [cell.error for cell in found.values()].count("ValueError: training diverged") == 1
    frame = results.scores(tmp_path, [wine, digits])
    assert len(frame[frame["problem"] == wine.name]) < len(frame[frame["problem"] == digits.name])
    board = Scoreboard.of(frame, "g_mean", [method.name for method in PAPER])
    assert board.problems["problem"].tolist() == [digits.name]


# What can be had

LANDSAT = Source("Statlog (Landsat)", "satimage_multiclass", ("1",), (0.05,), (36, 6435))
LANDSATS = (LANDSAT, replace(LANDSAT, title="Landsat", minority=("2",), multiclass=True, n_labels=8))
APS = Source("APS", "aps_failure", ("pos",), (0.01,), (171, 60000))
SEIZURE = Source("Seizure", "seizure_multiclass", ("1",), (0.05, 0.01), (179, 11500))


def test_sets_that_cannot_be_had_are_missing_under_every_title(stand_ins):
    problems = stand_ins((*LANDSATS, APS, Source("Digits", "optdigits", ("1",), (0.05,), (64, 1797))))
    found, missing = obtainable(problems)
    assert [problem.name for problem in found] == ["optdigits-binary-0.05"]
    assert list(missing) == ["Statlog (Landsat)", "Landsat", "APS"]
    assert missing["APS"] == (
        "aps_failure (OpenML 41138) cannot be had here; `equipoise datasets fetch aps_failure` says why."
    )


@pytest.mark.parametrize("failure", [URLError("no network"), ValueError("another version")])
def test_a_set_is_asked_for_once_and_in_silence(monkeypatch, tmp_path, failure):
    asked = []

    def fetch(data_id, **options):
        asked.append(data_id)
        warnings.warn("A network error occurred. Retrying...", UserWarning, stacklevel=2)
        raise failure

    monkeypatch.setenv("EQUIPOISE_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(fetching, "fetch_openml", fetch)
    sources = (*LANDSATS, APS, SEIZURE)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found, missing = obtainable(Problem(source, ratio) for source in sources for ratio in source.ratios)
    assert asked == [182, 41138]
    assert not told and not found
    assert list(missing) == ["Statlog (Landsat)", "Landsat", "APS", "Seizure"]
    assert all(str(tmp_path) not in sentence for sentence in missing.values())


def test_a_mistake_of_ours_does_not_pass_for_a_missing_set(stand_ins, monkeypatch):
    problems = stand_ins()
    monkeypatch.setattr(runs.datasets, "load", lambda name: {}[name])
    with pytest.raises(KeyError):
        obtainable(problems)
