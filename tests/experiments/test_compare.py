import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from equipoise import GBO, ResampledClassifier, recipes
from equipoise.datasets import Dataset, split_target
from equipoise.decisions import Terms, correct_prior, decide, tune_offsets
from equipoise.decisions.calibration import fit_calibration
from equipoise.experiments import Comparison, Store, compare, refit, rounds, shipped
from equipoise.experiments.arms import Arm, make_recipe, recipe_arms
from equipoise.experiments.begun import fingerprint
from equipoise.experiments.engine import fit_cells, run_cells
from equipoise.experiments.plan import Cost, Costs, Schedule
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.experiments.readings import Readings


@pytest.fixture(scope="module")
def stored(dataset, quick, tmp_path_factory):
    path = tmp_path_factory.mktemp("compare") / "results.sqlite"
    with Store(path) as store:
        return compare(dataset, store, **quick), path


@pytest.fixture
def comparison(stored):
    return stored[0]


def test_every_recipe_is_scored_on_every_fold(comparison):
    assert comparison.complete and not comparison.failures
    keys = {(c.arm, c.repeat, c.fold) for c in comparison.cells}
    assert keys == {(r, k, f) for r in ("none", "under", "remix", "gbdt") for k in range(2) for f in range(3)}
    for cell in comparison.cells:
        assert cell.confusion.sum() == len(cell.probabilities) == 50
        np.testing.assert_allclose(cell.probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_cell_is_what_training_that_recipe_alone_on_that_fold_gives(comparison, dataset):
    """Stacking, preprocessing by fold and storing add nothing and take nothing away."""
    _, codes = np.unique(dataset.y, return_inverse=True)
    for recipe in ("none", "under", "remix", "gbdt"):
        fold = list(comparison.protocol.splits.folds(dataset, codes, 1))[2]
        (cell,) = (c for c in comparison.cells if c.key == (recipe, 1, 2))
        quick = {"n_members": 2, "max_steps": comparison.protocol.max_steps} if recipes.is_neural(recipe) else {}
        alone = recipes.make(recipe, random_state=fold.seed, **quick)
        alone.fit(dataset.X.iloc[fold.train], codes[fold.train])
        np.testing.assert_allclose(cell.probabilities, alone.predict_proba(dataset.X.iloc[fold.test]), atol=2e-4)
        np.testing.assert_array_equal(comparison.folds[1, 2].test_rows, fold.test)


def test_nothing_is_learned_from_test_rows(dataset, comparison):
    _, codes = np.unique(dataset.y, return_inverse=True)
    fold = next(comparison.protocol.splits.folds(dataset, codes, 0))
    poisoned = dataset.X.copy()
    poisoned.iloc[fold.test, poisoned.columns.get_loc("size")] = 1e6
    poisoned.iloc[fold.test, poisoned.columns.get_loc("kind")] = "new"
    altered = replace(dataset, X=poisoned)
    clean, dirty = (PreparedFold.of(data, codes, fold) for data in (dataset, altered))
    np.testing.assert_array_equal(clean.X_train, dirty.X_train)
    assert (clean.X_test != dirty.X_test).any()


def test_neural_recipes_share_gradient_steps_and_seeds(comparison):
    makes = [make_recipe(name, comparison.protocol, 5) for name in ("none", "under", "remix")]
    assert {(m.max_steps, m.n_members, m.random_state) for m in makes} == {(300, 2, 5)}


class Stop(Exception):
    pass


def test_a_stopped_comparison_goes_on_where_it_was(comparison, dataset, quick, tmp_path):
    """Stopped at three places, the store ends as that of an undisturbed run, and nothing runs twice."""
    path = tmp_path / "results.sqlite"
    for patience in (1, 3, 8):
        calls = 0

        def stop_later(kind, done, total, patience=patience):
            nonlocal calls
            calls += 1
            if calls > patience:
                raise Stop

        with Store(path) as store, pytest.raises(Stop):
            compare(dataset, store, on_progress=stop_later, **quick)
    with Store(path) as store:
        before = {c.key: c.seconds for c in store.cells()}
        again = compare(dataset, store, **quick)
    assert 0 < len(before) < again.n_expected
    assert all(c.seconds == before[c.key] for c in again.cells if c.key in before)
    for mine, undisturbed in zip(again.cells, comparison.cells, strict=True):
        assert mine.key == undisturbed.key
        np.testing.assert_array_equal(mine.confusion, undisturbed.confusion)
        np.testing.assert_allclose(mine.probabilities, undisturbed.probabilities, atol=2e-4)


def test_a_finished_comparison_is_not_run_again(stored, dataset, quick):
    with Store(stored[1]) as store:
        compare(dataset, store, on_progress=lambda *_: pytest.fail("something ran"), **quick)


@pytest.mark.parametrize(
    ("change", "option"),
    [({"n_folds": 4}, "folds"), ({"random_state": 1}, "seed"), ({"recipes": ["none", "over"]}, "recipes"),
     ({"n_repeats": 3}, "repeats"), ({"metric": "brier"}, "metric")],
)  # fmt: skip
def test_another_comparison_in_the_same_folder_is_refused(stored, dataset, quick, change, option):
    with Store(stored[1]) as store, pytest.raises(ValueError, match=f"differs in {option}:"):
        compare(dataset, store, **{**quick, **change})


def test_fewer_recipes_and_repeats_are_told_from_the_store(dataset, quick, tmp_path):
    """With other terms, too, after a run that the time limit had cut; then all of them go on."""
    few = {**quick, "recipes": ["gbdt", "logistic", "none"]}
    with Store(tmp_path / "results.sqlite") as store:
        whole = compare(dataset, store, **few)
        cut = replace(whole.protocol, recipes=("gbdt", "logistic"), n_repeats=1, notes=("Left out: none.",))
        store.put("protocol", cut.to_json())
        part = compare(
            dataset,
            store,
            terms=Terms(capacity=5),
            on_progress=lambda *_: pytest.fail("something ran"),
            **few | {"recipes": ["logistic", "gbdt"], "n_repeats": 1},
        )
        assert part.complete and sorted(part.recipes) == ["gbdt", "logistic"] and part.aim.capacity == 5
        assert {c.repeat for c in part.cells} == {0} and not part.protocol.notes
        again = compare(dataset, store, **few)
        assert again.protocol == whole.protocol and again.complete


def test_the_number_of_repeats_by_default_may_be_named(dataset, tmp_path):
    named = {"recipes": ["logistic"], "n_folds": 3}
    with Store(tmp_path / "results.sqlite") as store:
        first = compare(dataset, store, **named)
        again = compare(dataset, store, n_repeats=first.protocol.n_repeats, **named)
        assert again.protocol == first.protocol
        with pytest.raises(ValueError, match="differs in repeats:"):
            compare(dataset, store, n_repeats=first.protocol.n_repeats + 1, **named)


@pytest.mark.parametrize("again", [300, 600])
def test_a_repeated_comparison_takes_up_what_was_left_out(dataset, quick, tmp_path, monkeypatch, again):
    """With the same or another time limit, and at the gradient steps of the results that are there."""
    path, few = tmp_path / "results.sqlite", {**quick, "recipes": ["gbdt", "logistic"]}
    with Store(path) as store:
        before = compare(dataset, store, budget=300, **few)
        left_out = replace(before.protocol, recipes=("gbdt",), n_repeats=1, notes=("Left out: logistic.",))
        store.put("protocol", left_out.to_json())
        ran = []
        found = compare(dataset, store, budget=again, on_progress=lambda kind, *_: ran.append(kind), **few)
        assert found.protocol == before.protocol and found.complete and not ran
    with Store(tmp_path / "new.sqlite") as store:
        monkeypatch.setattr(Schedule, "cut", lambda schedule, wish: replace(wish, **cut))
        cut = {"recipes": ("logistic",), "share": 0.25, "max_steps": 3, "notes": ("Left out: gbdt.",)}
        with monkeypatch.context() as patch:
            patch.setattr(Schedule, "seconds_after_all", lambda *_, **__: 0.0)
            assert compare(dataset, store, budget=300, **few).recipes == ["logistic"]
        found = compare(dataset, store, budget=again, **few)
        assert set(found.recipes) == {"gbdt", "logistic"} and found.protocol.max_steps == 3
        assert found.protocol.notes == (
            f"3 gradient steps per network instead of {before.protocol.max_steps:,}, as in the results that are "
            "there; for all of them choose another folder (--out).",
        )


def test_other_data_in_the_same_folder_are_refused(stored, dataset, quick):
    other = replace(dataset, X=dataset.X.assign(noise=0.0))
    with Store(stored[1]) as store, pytest.raises(ValueError, match="differs in data"):
        compare(other, store, **quick)


def test_the_fingerprint_sees_cells_labels_and_column_names(dataset):
    X, y = dataset.X, dataset.y
    changed = [{"X": X.rename(columns={"size": "length"})}, {"X": X.fillna(0)}, {"y": y[::-1].reset_index(drop=True)}]
    prints = {fingerprint(replace(dataset, **change)) for change in [{}, *changed]}
    assert len(prints) == 4
    assert fingerprint(dataset) in prints


def test_scores_are_those_of_the_stored_probabilities(comparison):
    row = comparison.scores.query("recipe == 'under' and repeat == 0 and fold == 1").iloc[0]
    (cell,) = (c for c in comparison.cells if c.key == ("under", 0, 1))
    codes = comparison.folds[0, 1].test_codes
    recalls = [np.mean(cell.probabilities.argmax(axis=1)[codes == k] == k) for k in (0, 1)]
    assert row["g_mean"] == pytest.approx(np.sqrt(np.prod(recalls)))
    briers = [np.mean((cell.probabilities[codes == k, 1].astype(float) - k) ** 2) for k in (0, 1)]
    assert row["balanced_brier"] == pytest.approx(np.mean(briers), abs=1e-5)


def test_thresholds_are_tuned_on_other_folds_only(comparison):
    (cell,) = (c for c in comparison.cells if c.key == ("none", 0, 0))
    first = comparison.folds[0, 0]
    hidden = comparison.folds | {(0, 0): replace(first, test_codes=1 - first.test_codes)}
    blind = Readings(comparison.cells, hidden.values(), comparison.rare)
    np.testing.assert_array_equal(blind.offsets(cell, "g_mean"), comparison.offsets(cell, "g_mean"))


def test_prior_correction_is_bayes_with_the_shares_of_training(comparison):
    scores = comparison.scores.set_index(["recipe", "repeat", "fold"])
    (cell,) = (c for c in comparison.cells if c.key == ("none", 0, 1))
    fold, p = comparison.folds[0, 1], cell.probabilities[:, 1].astype(float)
    even = p / fold.train_counts[1] / (p / fold.train_counts[1] + (1 - p) / fold.train_counts[0])
    recalls = [np.mean((even[fold.test_codes == k] > 0.5) == k) for k in (0, 1)]
    assert scores.loc[cell.key, "prior_g_mean"] == pytest.approx(np.sqrt(np.prod(recalls)))
    briers = [np.mean((even[fold.test_codes == k] - k) ** 2) for k in (0, 1)]
    assert scores.loc[cell.key, "prior_balanced_brier"] == pytest.approx(np.mean(briers))
    assert scores.loc[cell.key, "prior_brier"] == pytest.approx(scores.loc[cell.key, "brier"], abs=1e-6)
    under = scores.loc["under"]
    np.testing.assert_allclose(under["prior_g_mean"], under["g_mean"])
    assert under["prior_brier"].mean() < under["brier"].mean()
    assert not {"prior_average_precision", "prior_roc_auc"} & set(scores)


def test_the_leaderboard_is_in_order_and_its_intervals_hold_the_means(comparison):
    board = comparison.leaderboard
    assert list(board["best_g_mean"]) == sorted(board["best_g_mean"], reverse=True)
    assert comparison.best == board["recipe"][0] and comparison.winner in comparison.near_best
    assert ((board["low"] <= board["best_g_mean"]) & (board["best_g_mean"] <= board["high"])).all()
    assert board["high"].max() <= 1 and (board["predicting"] > 0).all()
    assert board["difference_low"][0] == board["difference_high"][0] == 0
    expected = comparison.scores.groupby("recipe")["g_mean"].mean()
    np.testing.assert_allclose(board.set_index("recipe")["g_mean"], expected[board["recipe"]])
    assert board["rank"].mean() == pytest.approx(2.5)


def test_the_refitted_winner_has_seen_all_rows(comparison, dataset):
    model = refit(comparison, dataset)
    name = comparison.winner
    assert model.predict_proba(dataset.X).shape == (150, 2)
    if recipes.is_neural(name):
        trained = model[-1]
        while hasattr(trained, "estimator_"):  # what decides, or corrects its probabilities
            trained = trained.estimator_
        assert trained.n_members == 2 and trained.n_steps_ == [300, 300]


@pytest.mark.parametrize("reading", ["prior-corrected", "threshold-tuned", "calibrated", "as decided"])
def test_a_model_is_shipped_as_it_is_read_at_its_best(stored, dataset, reading, monkeypatch):
    """Its class priors corrected, or its thresholds or calibration those of all held-out answers together."""
    monkeypatch.setattr("equipoise.experiments.best.AtBest.overall", lambda self, arm: reading)
    with Store(stored[1]) as store:
        found = Comparison(store)
    model, plain = (refit(found, dataset, "gbdt"), recipes.make("gbdt", random_state=0).fit(dataset.X, dataset.y))
    raw = plain.predict_proba(dataset.X)
    codes, proba = found.readings.joined([c for c in found.cells if c.arm == "gbdt"])
    decided, honest = raw.argmax(axis=1), raw
    if reading == "prior-corrected":
        decided = correct_prior(raw, [0.8, 0.2], [0.5, 0.5]).argmax(axis=1)
    elif reading == "threshold-tuned":
        decided = decide(raw, tune_offsets(codes, proba, metric="g_mean"))
    elif reading == "calibrated":
        weights = np.where(codes == 1, 2.5, 0.625)  # G-mean asks for equal class priors
        expected = fit_calibration(codes, proba, sample_weight=weights).apply(raw)
        decided, honest = expected.argmax(axis=1), correct_prior(expected, [0.5, 0.5], [0.8, 0.2])
    assert (model.predict(dataset.X) == plain.classes_[decided]).all()
    np.testing.assert_allclose(model.predict_proba(dataset.X), honest)
    at_best = [found.at_best.of(cell)[1] for cell in found.readings.cells if cell.arm == "gbdt"]
    assert shipped.scores(found, "gbdt")["g_mean"] == pytest.approx(np.mean(at_best))  # chosen fold by fold


@pytest.mark.parametrize("reading", ["as decided", "prior-corrected", "threshold-tuned", "calibrated"])
def test_a_balanced_recipe_is_shipped_with_honest_probabilities(dataset, tmp_path, reading, monkeypatch):
    """Whatever it is read at, probabilities are those of the table, and the told threshold is one of them."""
    with Store(tmp_path / "r.sqlite") as store:
        compare(dataset, store, recipes=["gbdt-balanced"], n_folds=3, n_repeats=1)
        found = Comparison(store)
    plain = recipes.make("gbdt-balanced", random_state=0).fit(dataset.X, dataset.y).predict_proba(dataset.X)
    monkeypatch.setattr("equipoise.experiments.best.AtBest.overall", lambda self, arm: reading)
    model = refit(found, dataset, "gbdt-balanced")
    proba, decided = model.predict_proba(dataset.X), model.predict(dataset.X)
    if reading != "calibrated":
        np.testing.assert_allclose(proba, correct_prior(plain, [0.5, 0.5], [0.8, 0.2]))
    if reading == "as decided":
        assert (decided == model.classes_[plain.argmax(axis=1)]).all()
    if reading == "prior-corrected":
        assert (decided == model.classes_[(proba[:, 1] > 0.2).astype(int)]).all()
        np.testing.assert_allclose(found.at_best.thresholds("gbdt-balanced"), 0.2, atol=0.005)
    if reading == "threshold-tuned":
        own = model[-1].threshold_
        told = found.at_best.thresholds("gbdt-balanced")
        assert told.min() / 2 < own < told.max() * 2


@pytest.mark.filterwarnings("ignore::equipoise.samplers.GANDiagnosticsWarning")
def test_what_a_sampler_says_of_its_rows_is_kept_by_fold_and_network(dataset, tmp_path, monkeypatch):
    brief = replace(recipes.RECIPES["gbo"], parts={"sampler": GBO(max_epochs=2)})
    monkeypatch.setitem(recipes.RECIPES._records, "gbo", brief)
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(dataset, store, recipes=["none", "gbo"], n_folds=2, n_repeats=1, n_members=2)
    made = found.made
    assert made[["recipe", "repeat", "fold"]].to_numpy().tolist() == [["gbo", 0, fold] for fold in (0, 0, 1, 1)]
    assert made["class"].tolist() == [1] * 4 and made["made_by"].tolist() == ["GAN"] * 4
    assert (made["n_made"] == 45).all() and made["real_accuracy"].between(0, 1).all()


@pytest.mark.filterwarnings("ignore::equipoise.samplers.GANDiagnosticsWarning")
def test_what_a_sampler_says_comes_from_a_classifier_fitted_on_its_own_too(dataset, comparison):
    _, codes = np.unique(dataset.y, return_inverse=True)
    fold = PreparedFold.of(dataset, codes, next(comparison.protocol.splits.folds(dataset, codes, 0)))
    sampler = GBO(max_epochs=2, random_state=0)
    arm, model = Arm("gbo", "GBO", lambda *_: None), ResampledClassifier(sampler, LogisticRegression())
    (cell,) = fit_cells(arm, model, fold)
    sampler.fit_resample(fold.X_train, fold.y_train)
    assert cell.made == sampler.diagnostics_.to_dict("records") and cell.made[0]["class"] == 1


def test_no_sampler_says_nothing(comparison):
    assert comparison.made.empty


def test_a_cell_that_fails_does_not_stop_the_others(tmp_path, monkeypatch):
    (tmp_path / "picky.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "class Picky(DummyClassifier):\n"
        "    def fit(self, X, y):\n"
        "        if len(y) == 40:\n"
        "            raise ValueError('40 rows are not to its taste')\n"
        "        return super().fit(X, y)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=61), "class": np.repeat(["a", "b"], [51, 10])})
    with Store(tmp_path / "r.sqlite") as store:
        data = split_target(frame, "class")
        found = compare(data, store, recipes=["none", "picky:Picky"], n_folds=3, n_repeats=1, n_members=1)
    assert [c.arm for c in found.failures] == ["picky:Picky"] and "not to its taste" in found.failures[0].error
    assert found.complete and found.recipes == ["none", "picky:Picky"]
    assert len(found.leaderboard) == 2


def test_a_class_of_one_group_is_refused_before_the_work(tmp_path):
    frame = pd.DataFrame({"x": np.arange(60.0), "class": np.repeat(["a", "b"], [50, 10])})
    grouped = Dataset(**{**vars(split_target(frame, "class")), "groups": np.repeat(np.arange(6), 10)})
    with Store(tmp_path / "r.sqlite") as store, pytest.raises(ValueError, match="All rows of a class are of one group"):
        compare(grouped, store, recipes=["none"], n_folds=3)


def test_a_further_command_tells_of_the_repeat_that_it_takes_up(dataset, tmp_path, monkeypatch):
    few, said = {"recipes": ["logistic"], "n_folds": 3, "n_repeats": 2}, []
    with Store(tmp_path / "results.sqlite") as store:
        with monkeypatch.context() as patch:
            patch.setattr(Schedule, "cut", lambda schedule, wish: replace(wish, n_repeats=1))
            assert compare(dataset, store, on_note=said.append, **few).protocol.n_repeats == 1 and not said
        for told in ["Time was left, so there are 2 repeats now, 1 before."], []:
            said.clear()
            found = compare(dataset, store, on_note=said.append, **few)
            assert found.complete and len(found.cells) == 6 and said == told


def fits_of_a_minute(folds, protocol, deadline, on_progress, timings):
    return Costs({"none": Cost(0.0, 60.0), "remix": Cost(0.0, 60.0), "svm-smote": Cost(1e6, 60.0)})


def test_a_time_limit_cuts_and_says_so(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[compare.__module__], "measured_costs", fits_of_a_minute)
    said, names = [], ["none", "svm-smote", "remix"]
    with Store(tmp_path / "r.sqlite") as store:
        options = {"recipes": names, "n_folds": 3, "n_repeats": 9, "n_members": 3, "budget": 240.0}
        found = compare(dataset, store, on_note=said.append, **options)
    planned, again = said[:3], said[3:]
    assert all("to meet the time limit of 240 seconds" in note for note in planned)
    assert [note.split()[0] for note in planned] == ["1", planned[1].split()[0], "Left"]
    assert 30 <= int(planned[1].split()[0]) < 300
    assert planned[2].startswith("Left out to meet the time limit of 240 seconds: svm-smote (about ")
    assert found.complete and found.recipes == ["none", "remix"]
    # they take far less than that, so that all steps and repeats are made, and what was said before no longer stands
    assert again[0] == "The work takes less than estimated, so the plan was made again."
    assert found.protocol.max_steps == 300 and planned[1] not in found.protocol.notes
    assert found.protocol.n_repeats == 9 and found.protocol.notes[-1] == said[-1]
    assert said[-1] == "Time was left, so there are 9 repeats after all." and again.count(said[-1]) == 1
    assert sum("repeats after all" in note for note in found.protocol.notes) == 1


def test_too_short_a_time_is_refused_before_anything_is_stored(dataset, tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        with pytest.raises(
            ValueError, match=r"No recipe can be compared .*\. Reading and checking took .* Raise budget, to .* seconds"
        ):
            compare(dataset, store, recipes=["none", "remix"], budget=0.001)
        assert store.get("request") is None


def test_a_recipe_that_is_left_out_during_the_run_has_no_results(dataset, tmp_path, monkeypatch):
    """Estimated at nothing, and ended: the store keeps what it has, the comparison shows the others."""
    monkeypatch.setattr(sys.modules[compare.__module__], "measured_costs", fits_of_a_minute)
    run, said = rounds.run_cells, []

    def ends_remix(wanted, *arguments, **options):
        kept = [(arm, fold) for arm, fold in wanted if arm.name != "remix" or fold.number == 0]
        run(kept, *arguments, **options)
        return {arm.name: 1.0 for arm, _ in wanted if arm.name == "remix"}

    monkeypatch.setattr(rounds, "run_cells", ends_remix)
    options = {"recipes": ["none", "remix"], "n_folds": 3, "n_repeats": 1, "n_members": 1}
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(dataset, store, on_note=said.append, **options)
        assert ("remix", 0, 0) in store.done()
        again = compare(dataset, store, **options)
    for view in (found, again):
        assert view.complete and view.recipes == ["none"] and view.protocol.recipes == ("none",)
        assert {cell.arm for cell in view.cells} == {"none"} and view.protocol.notes == tuple(said)
    assert said == [
        "Left out during the run to meet the time limit of 900 seconds: remix; took longer than estimated.",
        "Time was left, so remix was begun after all.",
        "The time that was left was not enough for remix.",
    ]


def test_cells_ended_at_a_limit_are_not_stored_and_can_run_again(dataset, tmp_path):
    _, codes = np.unique(dataset.y, return_inverse=True)
    protocol = Protocol(("none", "remix"), 3, 1, 2, 100_000, random_state=0)
    wanted = [(arm, fold) for fold in protocol.splits.folds(dataset, codes, 0) for arm in recipe_arms(protocol.recipes)]
    prepare = partial(PreparedFold.of, dataset, codes)
    with Store(tmp_path / "r.sqlite") as store:
        assert run_cells(wanted, prepare, protocol, store, seconds=0.3).keys() <= {"none", "remix"}
        assert store.done() == set()
        assert run_cells(wanted, prepare, replace(protocol, max_steps=20), store, seconds=600) == {}
        assert len(store.done()) == 6 and not any(cell.error for cell in store.cells())


@pytest.mark.parametrize("recipe", ["none", "gbdt"])
def test_a_refit_in_time_is_the_same_model(comparison, dataset, recipe):
    alone, in_time = refit(comparison, dataset, recipe), refit(comparison, dataset, recipe, seconds=600)
    np.testing.assert_allclose(alone.predict_proba(dataset.X), in_time.predict_proba(dataset.X), atol=2e-4)


def test_a_refit_that_would_make_few_steps_is_refused(comparison, dataset):
    with pytest.raises(TimeoutError, match=r"longer than the time limit|gradient steps fit into the time"):
        refit(comparison, dataset, "none", seconds=0.001)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipes": ["none", "smot"]}, "no recipe 'smot'"),
        ({"metric": "gmean"}, "no metric 'gmean'"),
        ({"n_folds": 1}, "n_folds=1"),
        ({"n_members": 0}, "n_members=0"),
        ({"n_repeats": 0}, "n_repeats=0"),
        ({"budget": 0.0}, "budget=0.0"),
    ],
)
def test_bad_options_are_refused_before_anything_is_stored(dataset, tmp_path, options, message):
    with Store(tmp_path / "r.sqlite") as store:
        with pytest.raises(ValueError, match=message):
            compare(dataset, store, **options)
        assert store.get("request") is None


def test_reading_an_old_store_gives_the_same_view(stored):
    with Store(stored[1]) as store:
        again = Comparison(store)
    pd.testing.assert_frame_equal(again.leaderboard, stored[0].leaderboard)


def test_probabilities_are_honest_where_only_their_order_is_scored(dataset, tmp_path):
    """Average precision asks for no class priors, so the model has those of the table."""
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(dataset, store, recipes=["gbdt-balanced"], metric="average_precision", n_folds=3, n_repeats=1)
    plain = recipes.make("gbdt-balanced", random_state=0).fit(dataset.X, dataset.y)
    model, raw = refit(found, dataset, "gbdt-balanced"), plain.predict_proba(dataset.X)
    np.testing.assert_allclose(model.predict_proba(dataset.X), correct_prior(raw, [0.5, 0.5], [0.8, 0.2]))
    assert (model.predict(dataset.X) == plain.predict(dataset.X)).all()
