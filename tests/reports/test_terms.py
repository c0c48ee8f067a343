"""The page of alarms and costs: its figures are those of the stored probabilities, counted again here."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_score, recall_score

from equipoise.decisions import Terms, correct_prior
from equipoise.experiments import Store
from equipoise.experiments.comparison import Comparison
from equipoise.experiments.terms import InTerms
from equipoise.reports import write_report
from equipoise.reports.terms import rows_to_review

COUNTS = (240, 60)


def with_terms(stored, tmp_path, **given):
    """Store a comparison with terms."""
    comparison = stored(COUNTS, ("none", "under"), labels=("ok", "fraud"), n_folds=4)
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(**given).aim(np.array(comparison.classes), rare="fraud").as_dict())
        return Comparison(store)


def test_outcomes_are_those_of_the_stored_probabilities(stored, tmp_path):
    comparison = with_terms(stored, tmp_path, capacity=0.1)
    read = InTerms(comparison)
    found = read.chosen()
    values = []
    for cell in comparison.readings.cells:
        if cell.arm != comparison.winner:
            continue
        fold = comparison.folds[cell.repeat, cell.fold]
        natural = np.array(fold.train_counts) / sum(fold.train_counts)
        proba = correct_prior(np.float64(cell.probabilities), cell.priors, natural)[:, 1]
        others = [f.proba[:, 1] for f in read.folds if f.repeat == cell.repeat and f.fold != cell.fold]
        pooled = np.sort(np.concatenate(others))[::-1]
        n_alarms = int(0.1 * len(pooled))
        alarm = proba > (pooled[n_alarms - 1] + pooled[n_alarms]) / 2
        truth = fold.test_codes == 1
        values.append((1000 * alarm.mean(), 1000 * (alarm & truth).mean(), precision_score(truth, alarm)))
    for name, expected in zip(("alarms", "caught", "precision"), np.mean(values, axis=0)):
        assert found[name].mean == pytest.approx(expected)
        assert found[name].low <= expected <= found[name].high


def test_capacities_count_the_most_probable_rows(stored, tmp_path):
    read = InTerms(with_terms(stored, tmp_path, capacity=5))
    found = read.at_capacity(200)
    recalls = []
    for fold in read.folds:
        alarm = np.zeros(len(fold.codes), dtype=bool)
        alarm[np.argsort(-fold.proba[:, 1], kind="stable")[:15]] = True  # 200 of 1,000 are 15 of 75
        recalls.append(recall_score(fold.codes == 1, alarm))
    assert found["alarms"].mean == pytest.approx(200)
    assert found["recall"].mean == pytest.approx(np.mean(recalls))
    assert found["lift"].mean == pytest.approx(found["precision"].mean / 0.2)
    everything = read.at_capacity(1000)
    assert (everything["recall"].mean, everything["missed"].mean) == (1, 0)
    assert everything["recall"].high == 1


def test_costs_are_summed_as_stated(stored, tmp_path):
    read = InTerms(with_terms(stored, tmp_path, cost={"miss": 7, "alarm": 2}, benefit={"catch": 1}))
    costs = []
    for fold, rule in zip(read.folds, read.rules):
        alarm = fold.proba[:, 1] > read.threshold(rule)
        truth = fold.codes == 1
        total = 7 * (truth & ~alarm).sum() + 2 * (~truth & alarm).sum() - (truth & alarm).sum()
        costs.append(1000 * total / len(truth))
    assert read.chosen()["cost"].mean == pytest.approx(np.mean(costs))
    chosen, low, high = read.range_of_threshold()
    assert low <= chosen <= high or low == pytest.approx(chosen, abs=0.2)


def test_without_terms_a_miss_costs_the_imbalance_ratio(stored):
    read = InTerms(stored(COUNTS, ("none", "under"), labels=("ok", "fraud")))
    assert read.assumed
    np.testing.assert_array_equal(read.costs, [[0, 1], [4, 0]])


def written(comparison, folder, reviewed=None):
    write_report(comparison, folder / "report.html", command="equipoise compare t.csv --target y", reviewed=reviewed)
    return (folder / "report.html").read_text()


@pytest.mark.parametrize("counts", [(240, 60), (100, 60, 20)])
@pytest.mark.parametrize("given", [{}, {"capacity": 12}, {"min_recall": 0.7}])
def test_the_page_tells_them(stored, tmp_path, counts, given):
    comparison = stored(counts, ("none", "under"))
    if given:
        with Store(tmp_path / "results.sqlite") as store:
            store.put("aim", Terms(**given).aim(np.array(comparison.classes), rare=comparison.classes[-1]).as_dict())
            comparison = Comparison(store)
    page = written(comparison, tmp_path)
    assert 'id="outcomes"' in page
    assert "500 alarms" in page
    assert ("No terms were given" in page) == (not given)
    assert ("is a batch" in page) == ("capacity" in given)
    assert 'id="reviewed"' not in page


def test_rows_are_shown_by_id_where_they_are_wanted(stored, tmp_path):
    comparison = with_terms(stored, tmp_path, min_recall=0.7)
    ids = pd.DataFrame({"customer": [f"C{i:04}" for i in range(300)]})
    rows = rows_to_review(comparison, ids)
    read = InTerms(comparison)
    best = read.folds[0].rows[np.argmax(read.folds[0].proba[:, 1])]
    assert rows["customer"].iloc[0] == f"C{best:04}"
    assert rows_to_review(comparison, None)["row"].iloc[0] == best + 1
    assert rows["customer"].iloc[0] in written(comparison, tmp_path, rows)
    assert rows["customer"].iloc[0] not in written(comparison, tmp_path)
