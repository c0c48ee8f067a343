"""Why a recipe decides as it does: importance and response curves, against plain loops over models fitted here."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from scipy.stats.contingency import association
from sklearn.metrics import recall_score
from sklearn.pipeline import make_pipeline

from equipoise import recipes
from equipoise.datasets import split_target
from equipoise.deadline import Deadline
from equipoise.decisions import Terms
from equipoise.experiments import Comparison, Store, compare
from equipoise.experiments.by_group import by_group
from equipoise.experiments.reasons import explain
from equipoise.experiments.sample_size import wilson
from equipoise.experiments.terms import InTerms
from equipoise.experiments.together import associations, groups_of
from equipoise.reports import write_data, write_report
from equipoise.tables import TablePreprocessor

N = 360


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    fraud = rng.random(N) < 0.25
    amount = rng.normal(size=N) + 2 * fraud
    return pd.DataFrame(
        {
            "amount": amount,
            "in_cents": 100 * amount + rng.normal(scale=0.1, size=N),
            "noise": rng.normal(size=N),
            "ward": np.where(rng.random(N) < 0.3 + 0.3 * fraud, "Ward 7", rng.choice(["Ward 8", "Ward 9"], N)),
            "day": pd.date_range("2023-01-01", periods=N, freq="2D"),
            "fraud": np.where(fraud, "yes", "no"),
        }
    ).sample(frac=1, random_state=0, ignore_index=True)


@pytest.fixture(scope="module")
def task(frame):
    return split_target(frame, "fraud", report_by=["ward", "noise"])


@pytest.fixture(scope="module")
def store(task, tmp_path_factory):
    with Store(tmp_path_factory.mktemp("reasons") / "results.sqlite") as store:
        compare(task, store, recipes=["logistic"], n_folds=3, n_repeats=1, budget=3600)
        yield store


@pytest.fixture(scope="module")
def comparison(task, store):
    comparison = Comparison(store)
    explain(comparison, task, store, Deadline(3600))
    return comparison


@pytest.fixture(scope="module")
def fold_models(task, comparison):
    """Held-out rows of each fold with the model of the other rows."""
    codes = (task.y == "yes").astype(int).to_numpy()
    found = []
    for fold in comparison.protocol.splits.folds(task, codes, 0):
        model = make_pipeline(task.table_preprocessor(), recipes.classifier("logistic", random_state=fold.seed))
        found.append((model.fit(task.X.iloc[fold.train], codes[fold.train]), task.X.iloc[fold.test], codes[fold.test]))
    return found


def test_columns_that_matter_come_first_and_twins_are_moved_together(comparison):
    importance = comparison.importance
    assert set(importance["columns"][0].split(", ")) == {"amount", "in_cents"}
    assert importance["low"][0] > 0.05
    rest = importance.set_index("columns").loc[["noise", "day"]]
    assert (rest["importance"] < 0.2 * importance["importance"][0]).all()
    assert (importance["low"] <= importance["importance"]).all()
    assert (importance["importance"] <= importance["high"]).all()


def test_importance_is_the_loss_by_permuted_cells(comparison, fold_models):
    cells = {cell.fold: cell for cell in comparison.cells}
    losses = []
    for number, (model, X, y) in enumerate(fold_models):
        reading, _ = comparison.at_best.of(cells[number])
        reader = comparison.readings.reader(cells[number], comparison.at_best.metric, reading) or np.asarray

        def score(rows, model=model, y=y, reader=reader):
            decided = reader(model.predict_proba(rows)).argmax(axis=1)
            return np.sqrt(np.prod(recall_score(y, decided, average=None)))

        rng = np.random.default_rng(number)
        for _ in range(20):
            swapped, order = X.copy(), rng.permutation(len(X))
            for name in ("amount", "in_cents"):
                swapped[name] = X[name].to_numpy()[order]
            losses.append(score(X) - score(swapped))
    assert comparison.importance["importance"][0] == pytest.approx(np.mean(losses), abs=0.05)


@pytest.mark.parametrize(
    ("terms", "lowers"),
    [
        ({"cost": {"miss": 9, "alarm": 1}}, lambda alarm, y: -1000 * np.mean(np.where(y == 1, 9 * ~alarm, alarm))),
        (
            {"cost": {"miss": 9, "alarm": 1}, "capacity": 20},
            lambda alarm, y: -1000 * np.mean(np.where(y == 1, 9 * ~alarm, alarm)),
        ),
        ({"capacity": 20}, lambda alarm, y: alarm[y == 1].mean()),
        ({"min_recall": 0.8}, lambda alarm, y: -1000 * np.mean(alarm & (y == 0))),
    ],
)
def test_importance_follows_the_terms_that_chose_the_winner(task, store, fold_models, terms, lowers, tmp_path):
    """What the decision by the terms loses by permuted cells; asked again, since the terms are others."""
    store.put("aim", Terms(**terms).aim(np.array(["no", "yes"]), rare="yes").as_dict())
    try:
        told = Comparison(store)
        explain(told, task, store, Deadline(3600))
        write_report(told, tmp_path / "report.html", command="equipoise compare")
    finally:
        store.put("aim", None)
    read, losses = InTerms(told), []
    for number, ((model, X, y), rule) in enumerate(zip(fold_models, read.rules, strict=True)):

        def score(rows, model=model, y=y, rule=rule):
            return lowers(rule.decide(model.predict_proba(rows)) == 1, y)

        rng = np.random.default_rng(number)
        for _ in range(20):
            swapped, order = X.copy(), rng.permutation(len(X))
            for name in ("amount", "in_cents"):
                swapped[name] = X[name].to_numpy()[order]
            losses.append(score(X) - score(swapped))
    tolerance = 4 * np.std(losses) / np.sqrt(15)  # 5 permutations in each of 3 folds
    first = told.importance.set_index("columns")["importance"].filter(like="amount").iloc[0]
    assert first == pytest.approx(np.mean(losses), abs=tolerance) and first > 0
    assert "decided by your terms" in (tmp_path / "report.html").read_text()


def test_curves_are_mean_probabilities_with_the_cells_set(comparison, fold_models):
    curve = next(c for c in comparison.reasons["curves"] if c["columns"] == ["noise"])
    assert len(curve["values"]) == 13
    for place in (0, 6, 12):
        proba = [m.predict_proba(X.assign(noise=curve["values"][place]))[:, 1] for m, X, _ in fold_models]
        # a value of another fold is stood for by the nearest one of the training rows
        assert curve["mean"][place] == pytest.approx(np.mean([p.mean() for p in proba]), abs=0.005)
        assert curve["high"][place] == pytest.approx(np.mean([np.quantile(p, 0.9) for p in proba]), abs=0.02)
    ward = next(c for c in comparison.reasons["curves"] if c["columns"] == ["ward"])
    assert ward["values"][0] == "Ward 7"
    for place, value in enumerate(ward["values"]):
        proba = [m.predict_proba(X.assign(ward=value))[:, 1].mean() for m, X, _ in fold_models]
        assert ward["mean"][place] == pytest.approx(np.mean(proba), abs=1e-5)


def test_missing_cells_have_a_line_of_their_own_and_numbered_categories_say_how_to_name_them(frame, tmp_path):
    rng = np.random.default_rng(1)
    rows = frame[["amount", "ward", "fraud"]].copy()
    rows.loc[rng.random(N) < 0.15, "ward"] = None
    rows.loc[rng.random(N) < 0.1, "amount"] = np.nan
    task = split_target(rows, "fraud")
    codes = (task.y == "yes").astype(int).to_numpy()
    with Store(tmp_path / "results.sqlite") as store:
        compare(task, store, recipes=["logistic"], n_folds=3, n_repeats=1, budget=3600)
        explain(Comparison(store), task, store, Deadline(3600))
        found = Comparison(store)  # as it was kept
    models = []
    for fold in found.protocol.splits.folds(task, codes, 0):
        model = make_pipeline(task.table_preprocessor(), recipes.classifier("logistic", random_state=fold.seed))
        models.append((model.fit(task.X.iloc[fold.train], codes[fold.train]), task.X.iloc[fold.test]))
    curves = {curve["columns"][0]: curve for curve in found.reasons["curves"]}
    for name, curve in curves.items():
        proba = [
            model.predict_proba(X.assign(**{name: None if name == "ward" else np.nan}))[:, 1] for model, X in models
        ]
        assert curve["missing"]["mean"] == pytest.approx(np.mean([p.mean() for p in proba]), abs=1e-5)
        assert curve["missing"]["high"] == pytest.approx(np.mean([np.quantile(p, 0.9) for p in proba]), abs=1e-5)
        assert len(curve["values"]) == len(curve["mean"]) == (3 if name == "ward" else 13)
    assert set(curves) == {"ward", "amount"} and sorted(curves["ward"]["values"]) == ["Ward 7", "Ward 8", "Ward 9"]
    for show_values in (False, True):
        write_report(found, tmp_path / "report.html", command="equipoise compare", show_values=show_values)
        page = " ".join((tmp_path / "report.html").read_text().split())
        assert ("Categories are numbered here" in page) != show_values and ("Ward 7" in page) == show_values
        assert "(missing)" in page and "cell is missing" in page


def test_it_is_kept_and_not_done_again(task, store, comparison):
    store.put("reasons", comparison.reasons)
    again = Comparison(store)
    assert again.reasons == comparison.reasons
    explain(again, task, store, Deadline(0.001))
    assert again.reasons == comparison.reasons


def test_without_time_it_says_so(task, store, comparison, tmp_path):
    late = Comparison(store)
    late.reasons = {}
    with Store(tmp_path / "results.sqlite") as other:
        explain(late, task, other, Deadline(0.001))
    assert late.importance.empty
    write_report(late, tmp_path / "report.html", command="equipoise compare")
    page = " ".join((tmp_path / "report.html").read_text().split())
    assert "There was no time for it within the limit" in page
    assert 'id="plot-importance"' not in page


def test_the_report_names_categories_only_where_it_may(task, comparison, tmp_path):
    groups = by_group(comparison, task.reported)
    for shown in (False, True):
        told = {"command": "equipoise compare", "groups": groups, "show_values": shown}
        write_report(comparison, tmp_path / "report.html", **told)
        write_data(comparison, tmp_path / "report.json", **told)
        for name in ("report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert ("Ward 7" in text) is shown
            assert ("category 1" in text and "group 1" in text) is not shown
            assert ("<code>--show-values</code> (in Python" in text) is (not shown and name == "report.html")
    assert 'id="plot-importance"' in (tmp_path / "report.html").read_text()


def test_groups_are_counted_on_held_out_rows(task, comparison, frame):
    record = by_group(comparison, task.reported)["ward"][0]
    own = (frame["ward"] == "Ward 7").to_numpy()
    yes = (frame["fraud"] == "yes").to_numpy()
    assert (record["value"], record["rows"]) == ("Ward 7", own.sum())
    assert record["prior"] == pytest.approx(yes[own].mean())
    assert record["prior_low"] < record["prior"] < record["prior_high"]
    alarm = np.zeros(N, dtype=bool)
    for cell in comparison.cells:
        reading, _ = comparison.at_best.of(cell)
        reader = comparison.readings.reader(cell, comparison.at_best.metric, reading) or np.asarray
        rows = comparison.folds[cell.repeat, cell.fold].test_rows
        alarm[rows] = reader(cell.probabilities).argmax(axis=1) == 1
    assert record["recall"] == pytest.approx(alarm[own & yes].mean())
    assert record["precision"] == pytest.approx(yes[own & alarm].mean())
    parts = by_group(comparison, task.reported)["noise"]
    assert [part["rows"] for part in parts] == [N // 4] * 4 + [N]
    assert (parts[-1]["value"], parts[-1]["share"]) == ("all rows", 1)
    assert parts[0]["value"].startswith("up to")


def test_groups_are_weighed_as_the_rows_are(frame, tmp_path):
    weights = np.where(np.arange(N) % 3, 1.0, 4.0)
    task = split_target(frame.assign(weight=weights), "fraud", weights="weight", report_by=["ward"])
    with Store(tmp_path / "results.sqlite") as store:
        comparison = compare(task, store, recipes=["logistic"], n_folds=3, n_repeats=1, budget=3600)
    first, *_, whole = by_group(comparison, task.reported)["ward"]
    own, yes = (frame["ward"] == "Ward 7").to_numpy(), (frame["fraud"] == "yes").to_numpy()
    assert first["rows"] == own.sum()
    assert first["share"] == pytest.approx(weights[own].sum() / weights.sum())
    assert first["prior"] == pytest.approx(np.average(yes[own], weights=weights[own]))
    assert whole["prior"] == pytest.approx(np.average(yes, weights=weights))
    tells = weights[own].sum() ** 2 / (weights[own] ** 2).sum()
    assert (first["prior_low"], first["prior_high"]) == pytest.approx(wilson(first["prior"], tells))
    proba = np.zeros(N)
    for cell in comparison.cells:
        proba[comparison.folds[cell.repeat, cell.fold].test_rows] = cell.probabilities[:, 1]
    assert first["predicted"] == pytest.approx(np.average(proba[own], weights=weights[own]), abs=1e-5)


def test_many_or_small_groups_are_shown_when_asked_only(frame):
    small = frame.assign(customer=np.arange(N) // 20)
    assert list(split_target(frame, "fraud", group="ward").reported) == ["ward"]
    assert split_target(small, "fraud", group="customer").reported is None
    assert list(split_target(small, "fraud", group="customer", report_by=["customer"]).reported) == ["customer"]


def test_associations_are_the_known_measures():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    u, v = rng.integers(0, 3, 200), rng.integers(0, 2, 200)
    v = np.where(rng.random(200) < 0.6, u % 2, v)
    columns = {
        "a": pd.Series(a),
        "b": pd.Series(a + b),
        "u": pd.Series(pd.Categorical(u)),
        "v": pd.Series(pd.Categorical(v)),
    }
    found = associations(columns)
    assert found.loc["a", "b"] == pytest.approx(abs(spearmanr(a, a + b).statistic))
    assert found.loc["u", "v"] == pytest.approx(association(pd.crosstab(u, v).to_numpy(), method="cramer"))
    ranks = pd.Series(a).rank()
    between = sum((u == k).sum() * (ranks[u == k].mean() - ranks.mean()) ** 2 for k in range(3))
    assert found.loc["a", "u"] == pytest.approx(np.sqrt(between / ((ranks - ranks.mean()) ** 2).sum()))
    assert groups_of(associations({"a": pd.Series(a), "b": pd.Series(b), "c": pd.Series(-a)})) == [["a", "c"], ["b"]]


@pytest.mark.parametrize("native", [False, True])
def test_every_feature_has_its_source(frame, native):
    X = frame.drop(columns="fraud").assign(
        note=[f"paid by card number {i} in shop {i % 7}" for i in range(N)],
        noise=frame["noise"].where(frame["noise"] < 1),
    )
    table = TablePreprocessor(native=native, kinds={"note": "text"}).fit(X)
    sources = table.sources()
    names = table.get_feature_names_out()
    assert table.transform(X).shape[1] == len(sources) == len(names)
    assert all(name == source or name.startswith(f"{source}_") for name, source in zip(names, sources, strict=True))


def test_folds_that_are_ready_from_the_comparison_tell_the_same_as_folds_made_anew(task, tmp_path):
    """They are ready for recipes that read categories as they are, too, which the winner here does not."""
    with Store(tmp_path / "results.sqlite") as store:
        asked = {"recipes": ["logistic", "gbdt"], "n_folds": 3, "n_repeats": 1, "budget": 3600}
        ready, anew = compare(task, store, **asked), Comparison(store)
        assert ready.prepared is not None and anew.prepared is None
        explain(ready, task, store, Deadline(3600))
        assert ready.prepared is None and ready.reasons["importance"]
        store.put("reasons", {})
        explain(anew, task, store, Deadline(3600))
        assert anew.reasons == ready.reasons


def test_no_time_that_the_report_needs_goes_to_the_reasons(task, store):
    told = Comparison(store)
    told.reasons = {}
    explain(told, task, store, Deadline(3600), to_report=3600)
    assert "no time for it" in told.reasons["notes"][0] and not told.reasons["importance"]
