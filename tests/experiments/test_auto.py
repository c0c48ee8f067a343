"""What a comparison makes of auto: it decides by name, keeps groups together and has a schedule of its own."""

from dataclasses import replace

import numpy as np
import pytest

from equipoise import metrics, recipes
from equipoise.classifiers import AutoClassifier, auto_folds, auto_job
from equipoise.experiments import METRICS, Store, compare, engine, refit
from equipoise.experiments.arms import make_recipe
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.protocol import Protocol
from equipoise.reports.tables import confusion


@pytest.fixture(scope="module")
def grouped(dataset):
    return replace(dataset, groups=np.arange(150) // 3)


@pytest.fixture(scope="module", autouse=True)
def brief():
    """Two folds of auto's own, few trees and no workers: the same, in less time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto_folds, "FOLDS", 2)
        patch.setattr(auto_job, "N_TREES", 20)
        yield


@pytest.fixture(scope="module")
def groups_seen():
    """Groups that auto was given, in order."""
    seen, prepare = [], AutoClassifier.prepare

    def watched(self, X, y, sample_weight=None, groups=None, dependence=None):
        seen.append(groups if dependence is None else dependence.groups)
        return prepare(self, X, y, sample_weight, groups, dependence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AutoClassifier, "prepare", watched)
        yield seen


@pytest.fixture(scope="module")
def comparison(brief, grouped, groups_seen, tmp_path_factory):
    path = tmp_path_factory.mktemp("auto") / "results.sqlite"
    with Store(path) as store:
        return compare(grouped, store, recipes=["auto", "none"], n_folds=2, n_repeats=1, n_members=1)


@pytest.fixture(scope="module")
def prepared(grouped, comparison):
    codes = np.unique(grouped.y, return_inverse=True)[1]
    return [PreparedFold.of(grouped, codes, fold) for fold in comparison.protocol.splits.folds(grouped, codes, 0)]


def same_groups(one, other):
    return len(one) == len(other) and len(set(zip(one, other))) == len(set(one)) == len(set(other))


def cells_of(comparison, recipe):
    return [cell for cell in comparison.cells if cell.arm == recipe]


def test_its_cell_is_what_it_decides_alone_on_that_fold(comparison, prepared):
    assert comparison.complete and not comparison.failures
    cell, fold = cells_of(comparison, "auto")[1], prepared[1]
    alone = recipes.classifier("auto", random_state=fold.fold.seed, decision="balanced")
    alone.fit(fold.X_train, fold.y_train, groups=fold.groups)
    np.testing.assert_allclose(cell.probabilities, alone.predict_proba(fold.X_test), atol=2e-3)
    assert np.mean(cell.decided == alone.predict(fold.X_test)) > 0.95  # rounding may turn a row on the line


def test_scores_at_a_threshold_count_what_was_decided(comparison):
    differing = 0
    scores = comparison.scores.set_index(["recipe", "repeat", "fold"])
    for cell in comparison.cells:
        codes = comparison.folds[cell.repeat, cell.fold].test_codes
        row = scores.loc[cell.key]
        assert row["g_mean"] == pytest.approx(metrics.g_mean(codes, cell.decided))
        assert row["macro_f1"] == pytest.approx(metrics.macro_f1_score(codes, cell.decided))
        assert row["brier"] == pytest.approx(metrics.brier_score(codes, cell.probabilities))
        counts = [[np.sum((codes == i) & (cell.decided == j)) for j in (0, 1)] for i in (0, 1)]
        np.testing.assert_array_equal(cell.confusion, counts)
        differing += np.sum(cell.decided != cell.probabilities.argmax(axis=1)) if cell.arm == "auto" else 0
    assert differing > 0  # else the argmax would pass this test
    decided = np.concatenate([cell.decided for cell in cells_of(comparison, "auto")])
    shown = [[cell["count"] for cell in row["cells"]] for row in confusion(comparison, comparison.confusion("auto"))]
    assert np.sum(shown, axis=0).tolist() == np.bincount(decided, minlength=2).tolist()


def test_other_recipes_decide_for_the_most_probable_class(comparison):
    for cell in cells_of(comparison, "none"):
        np.testing.assert_array_equal(cell.decided, cell.probabilities.argmax(axis=1))


def test_groups_of_training_rows_reach_it(comparison, groups_seen, prepared):
    of_folds = [groups for groups in groups_seen if groups is not None]  # it is timed without any
    assert len(of_folds) >= len(prepared) >= 2
    for seen, fold in zip(of_folds, prepared):
        assert same_groups(seen, fold.groups)


def test_its_probabilities_speak_of_the_shares_as_they_are(comparison):
    scores = comparison.scores.set_index("recipe").loc["auto"]
    np.testing.assert_allclose(scores["prior_brier"], scores["brier"], atol=1e-6)


DECISIONS = {
    "balanced": ("g_mean", "balanced_accuracy", "balanced_brier", "roc_auc", "average_precision"),
    "macro_f1": ("macro_f1", "matthews_corrcoef"),
    "natural": ("brier", "log_loss", "calibration_error"),
}


@pytest.mark.parametrize(("decision", "names"), DECISIONS.items())
def test_the_metric_says_what_it_decides_for(decision, names):
    assert {METRICS[name].decision for name in names} == {decision}
    protocol = Protocol(("auto",), 2, 1, 1, 300, 0, decision=decision)
    assert make_recipe("auto", Protocol.from_json(protocol.to_json()), 0).decision == decision


def test_each_metric_has_a_decision():
    assert sorted(name for names in DECISIONS.values() for name in names) == sorted(METRICS)


def test_compare_keeps_the_decision(grouped, tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(grouped, store, recipes=["none"], n_folds=2, n_repeats=1, n_members=1, metric="macro_f1")
    assert found.protocol.decision == "macro_f1"


def test_the_refitted_model_has_the_groups(comparison, grouped, groups_seen):
    model = refit(comparison, grouped, "auto")
    assert same_groups(groups_seen[-1], grouped.groups)
    assert set(model.predict(grouped.X)) == {"common", "rare"}


def test_its_time_is_as_the_protocol_cuts_it(comparison):
    for seconds in (None, 12.5):
        assert make_recipe("auto", replace(comparison.protocol, auto_seconds=seconds), 0).max_time == seconds


def test_rows_that_would_fill_memory_are_trained_on_in_parts(comparison, grouped, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_ROW_BYTES", 1)
    news = []
    with Store(tmp_path / "r.sqlite") as store:
        found = compare(
            grouped,
            store,
            recipes=["none", "under"],
            n_folds=2,
            n_repeats=1,
            n_members=1,
            on_progress=lambda *told: news.append(told),
        )
    assert found.complete and not found.failures
    for mine, together in zip(cells_of(found, "none"), cells_of(comparison, "none"), strict=True):
        np.testing.assert_allclose(mine.probabilities, together.probabilities, atol=2e-4)
    done = [(done, total) for kind, done, total in news if kind == "training"]
    assert done == sorted(done) and {total for _, total in done} == {4 * 300} and done[-1][0] == 1200
