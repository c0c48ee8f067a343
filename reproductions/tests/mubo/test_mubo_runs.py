"""Searches and trainings of every column: what is stored, taken up again, and equal for all."""

from dataclasses import replace

import numpy as np
import pytest

from equipoise.experiments import Store, engine
from equipoise_reproductions.mubo import networks, searches
from equipoise_reproductions.mubo.networks import training_settings
from equipoise_reproductions.mubo.protocol import (
    ANEW,
    AUTHORS,
    BASELINES,
    GANS,
    PAPER,
    RANDOM,
    SEARCHES,
    SOUND,
    UNDER,
    Effort,
    at_epochs,
)
from equipoise_reproductions.mubo.rows import Rows, obtainable
from equipoise_reproductions.mubo.runs import jobs, run_jobs
from equipoise_reproductions.mubo.searches import history
from equipoise_reproductions.study import open_store

BRIEF = Effort(runs=2, max_iter=4, epochs=2)


def quiet(*told):
    pass


def cells(folder, source):
    with Store(folder / f"{source.name}.sqlite") as store:
        return {cell.key: cell for cell in store.cells()}


def names(found):
    return {name for name, _, _ in found}


@pytest.fixture
def run(stand_ins, tmp_path):
    source = stand_ins()[1]
    run_jobs(tmp_path, jobs([source]), BRIEF, quiet)
    return source, tmp_path


def test_every_column_of_every_run_is_stored(run):
    source, folder = run
    made = [method.name for method in (*BASELINES, *SEARCHES, at_epochs(200))]
    made += [method.name + kind for method in SEARCHES for kind in (ANEW, RANDOM)]
    assert set(cells(folder, source)) == {(name, r, 0) for name in made for r in range(2)}


def test_test_rows_are_stratified_and_runs_differ(stand_ins):
    rows = Rows(stand_ins()[1], 3)
    tests = [fold.test for fold in rows.folds]
    for fold in rows.folds:
        assert sorted([*fold.train, *fold.test]) == list(range(300))
        assert len(fold.test) == 60
        assert abs(rows.y[fold.test].mean() - rows.y.mean()) < 1 / 60
    assert not np.array_equal(tests[0], tests[1])
    assert rows.X.shape[1] == 6 + 2  # a column of text becomes one a value


def test_features_are_scaled_by_training_rows_alone(stand_ins):
    rows = Rows(stand_ins()[2], 2)
    for X, fold in zip(rows.scaled, rows.folds, strict=True):
        np.testing.assert_allclose(X[fold.train].mean(axis=0), 0, atol=1e-4)
    for X, fold in zip(rows.as_authors(), rows.folds, strict=True):
        np.testing.assert_allclose(X[fold.train].max(axis=0), 1, atol=1e-5)
    plain = Rows(stand_ins()[1], 1)
    np.testing.assert_allclose(plain.as_authors()[0], plain.X, rtol=1e-6)


def test_a_run_s_search_is_the_same_beside_others_and_alone(stand_ins, tmp_path):
    source = stand_ins()[1]
    for folder, n_runs in (("both", 2), ("one", 1)):
        run_jobs(tmp_path / folder, [(source, [PAPER])], replace(BRIEF, runs=n_runs), quiet)
    found = []
    for folder in ("both", "one"):
        with Store(tmp_path / folder / "abalone.sqlite") as store:
            found.append(store.get("rows/mubo-paper")[0])
    assert found[0] == found[1]


def test_rows_returned_are_training_rows_with_the_whole_minority(run):
    source, folder = run
    rows = Rows(source, 2)
    with open_store(folder, source.name, BRIEF) as store:
        for fold, found in zip(rows.folds, store.get("rows/mubo-paper"), strict=True):
            assert set(found) <= set(fold.train)
            rare = [row for row in found if rows.y[row]]
            assert sorted(rare) == sorted(fold.train[rows.y[fold.train] == 1])
        for fold, found in zip(rows.folds, store.get("rows/mubo-authors"), strict=True):
            rare = [row for row in found if rows.y[row]]
            assert len(rare) == rows.y[fold.train].sum() > len(set(rare))  # a bootstrap


def test_networks_make_the_steps_that_shaped_the_search_s(run):
    source, folder = run
    with open_store(folder, source.name, BRIEF) as store:
        told = history(store, PAPER)
        steps = [part.loc[part["accepted"], "steps"].sum() for _, part in told.groupby("chain")]
        assert training_settings(store).max_steps == int(np.mean(steps))


def test_all_missing_networks_train_in_one_call_but_gans(stand_ins, tmp_path, monkeypatch):
    source, calls, train = stand_ins()[1], [], engine.fit
    monkeypatch.setattr(engine, "fit", lambda tasks, **options: calls.append(tasks) or train(tasks, **options))
    run_jobs(tmp_path, [(source, [PAPER, AUTHORS])], BRIEF, quiet)
    tasks, *of_gans = calls
    assert len(tasks) == 2 * (len(BASELINES) - len(GANS) + 4) and [len(part) for part in of_gans] == [1] * 2 * len(GANS)
    assert len({id(task.settings) for task in tasks}) == 1


def test_random_rows_are_as_many_beside_the_same_minority(run):
    source, folder = run
    rows = Rows(source, 2)
    with open_store(folder, source.name, BRIEF) as store:
        for name in ("mubo-paper", "mubo-authors", "mubo-sound"):
            chosen = np.array(store.get(f"rows/{name}")[1])
            drawn = networks.as_many_at_random(chosen, rows.y, rows.folds[1])
            assert len(drawn) == len(chosen) and set(drawn) <= set(rows.folds[1].train)
            rare = [np.sort(part[rows.y[part] == 1]) for part in (chosen, drawn)]
            np.testing.assert_array_equal(*rare)
            others = [part[rows.y[part] == 0] for part in (chosen, drawn)]
            assert not np.array_equal(*map(np.sort, others))
            if len(set(others[0])) == len(others[0]):
                assert len(set(others[1])) == len(others[1])


def test_samplers_make_classes_of_one_size(stand_ins):
    rows = Rows(stand_ins()[1], 1)
    ready = rows.prepared(rows.folds[0])
    table = networks.Table(ready.X_train, ready.y_train, 2)
    for method in BASELINES[1:]:
        if method.is_gan:
            gan = networks.GANRows(method.sampler, 1, 0)
            drawn, made = gan(table)
            assert gan.health["made_by"] == "GAN" and gan.health["n_made"] == len(made)
        else:
            drawn, made = networks.resampled(method.sampler, 0, table)
        codes = table.y if made is None else np.concatenate([table.y, made.y])
        counts = np.bincount(codes[drawn])
        assert counts[0] == counts[1]
        assert (made is not None) is (method.is_gan or "smote" in method.name)
        if method is UNDER:
            assert set(drawn) < set(range(len(table)))


def test_gans_make_rows_within_the_range_of_training_rows(stand_ins):
    rows = Rows(stand_ins()[1], 1)
    ready = rows.prepared(rows.folds[0])
    table = networks.Table(ready.X_train * 3 + 5, ready.y_train, 2)
    for method in GANS:
        _, made = networks.GANRows(method.sampler, 1, 0)(table)
        low, high = (edge(table.X, axis=0) for edge in (np.min, np.max))
        np.testing.assert_allclose(made.X.clip(low, high), made.X, atol=1e-4)
        assert (made.y == 1).all()


def test_a_stopped_run_goes_on_as_if_it_had_not_been(stand_ins, tmp_path, monkeypatch, run):
    source, whole = run
    folder, train = tmp_path / "again", engine.fit

    class Stopped(Exception):
        pass

    def stop(*args, **options):
        raise Stopped

    monkeypatch.setattr(engine, "fit", stop)
    with pytest.raises(Stopped):
        run_jobs(folder, jobs([source]), BRIEF, quiet)
    assert names(cells(folder, source)) == {PAPER.name, AUTHORS.name}
    monkeypatch.setattr(engine, "fit", train)
    monkeypatch.setattr(searches, "_search_in_lockstep", _only(searches._search_in_lockstep, at_epochs(200)))
    run_jobs(folder, jobs([source]), BRIEF, quiet)
    found, expected = cells(folder, source), cells(whole, source)
    assert found.keys() == expected.keys()
    for key, cell in found.items():
        np.testing.assert_allclose(cell.probabilities, expected[key].probabilities, atol=1e-5)


def _only(search, allowed):
    def checked(rows, method, *rest):
        assert method == allowed
        return search(rows, method, *rest)

    return checked


def test_the_sound_mode_can_be_run_by_itself_and_last(stand_ins, tmp_path):
    source = stand_ins()[1]
    planned = jobs([source])
    assert planned[-1] == (source, [SOUND])
    run_jobs(tmp_path, planned[:-1], BRIEF, quiet)
    before = names(cells(tmp_path, source))
    run_jobs(tmp_path, planned[-1:], BRIEF, quiet)
    assert names(cells(tmp_path, source)) - before == {SOUND.name, SOUND.name + ANEW, SOUND.name + RANDOM}


def test_progress_ends_at_its_total(stand_ins, tmp_path):
    told = []
    run_jobs(tmp_path, [(stand_ins()[1], [PAPER])], BRIEF, lambda *step: told.append(step))
    for kind in ("searching", "training"):
        done = [d for k, d, _ in told if k == kind]
        (total,) = {n for k, _, n in told if k == kind}
        assert done == sorted(done) and done[-1] == total and len(done) > 2


def test_another_effort_is_refused(stand_ins, tmp_path):
    source = stand_ins()[1]
    with open_store(tmp_path, source.name, BRIEF):
        pass
    with (
        pytest.raises(ValueError, match="holds results of another effort"),
        open_store(tmp_path, source.name, Effort()),
    ):
        pass


def test_sets_that_cannot_be_had_are_missing(stand_ins):
    found, missing = obtainable(stand_ins(stand_ins.sources))
    assert [source.title for source in found] == ["Ionosphere", "Abalone", "Spambase"]
    assert missing == {"Gisette": "MNIST's training files are not in the data home and cannot be fetched here."}
