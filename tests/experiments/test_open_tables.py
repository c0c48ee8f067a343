"""Recipes on a sample by class of a large table: probabilities and scores are those of the whole table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from equipoise import recipes
from equipoise.classifiers import AutoClassifier
from equipoise.datasets import open_table, split_target
from equipoise.datasets.checked import checked
from equipoise.decisions import Terms
from equipoise.experiments import METRICS, Store, compare, fit_recipe, refit
from equipoise.experiments.terms import InTerms
from equipoise.experiments.whole import fit_deciding
from equipoise.reports.split import measured

N = 30_000


@pytest.fixture(scope="module")
def table():
    """Two features of known class-conditional densities: the true probabilities are known."""
    rng = np.random.default_rng(0)
    y = (rng.random(N) < 0.02).astype(int)
    return pd.DataFrame(rng.normal(size=(N, 2)) + 1.5 * y[:, None], columns=["a", "b"]).assign(y=y)


@pytest.fixture(scope="module")
def truth(table):
    odds = 0.02 / 0.98 * np.exp(1.5 * (table["a"] + table["b"]) - 1.5**2)
    return (odds / (1 + odds)).to_numpy()


@pytest.fixture(scope="module")
def sample(table):
    return checked(open_table(table).sample("y", most_rows=2400))


@pytest.mark.parametrize("recipe", ["logistic", "gbdt", "none", "auto", "la", "under+calibrated"])
def test_probabilities_are_those_of_the_whole_table(sample, table, truth, recipe):
    steps = {"n_members": 2, "max_steps": 300} if recipe in ("none", "la") else {}
    model = fit_recipe(recipe, sample, random_state=0, **steps)
    proba = model.predict_proba(table[["a", "b"]])[:, 1]
    if recipe == "la":  # learns under equal priors, of the sample and of the whole table alike
        proba = proba * 0.02 / (proba * 0.02 + (1 - proba) * 0.98)
    near = 0.6 if recipe == "gbdt" else 0.3  # boosting of few rows is too sure; the sample has 25%, not 2%
    assert abs(proba.mean() - truth.mean()) < near * truth.mean()
    assert np.corrcoef(proba, truth)[0, 1] > 0.85


def test_balanced_recipes_stay_balanced_and_losses_with_margins_say_that_nothing_is_known(sample):
    kwargs = {"random_state": 0, "n_members": 1, "max_steps": 20}
    model = fit_recipe("remix-dataset", sample, **kwargs)
    assert type(model[-1]).__name__ == "NeuralClassifier"  # equal priors before and after
    with pytest.warns(UserWarning, match="no known class priors"):
        fit_recipe("ldam", sample, **kwargs)


def test_a_sample_that_is_the_whole_table_is_fitted_as_a_table_in_memory(table):
    small = table.iloc[:600]
    data, opened = split_target(small, "y"), open_table(small).sample("y")
    models = [fit_recipe("logistic", each, random_state=0) for each in (data, opened)]
    first, second = (model.predict_proba(table[["a", "b"]]) for model in models)
    np.testing.assert_array_equal(first, second)


def test_priors_of_auto_move_every_decision(sample, table):
    X, y = sample.X.to_numpy(), sample.y.to_numpy()
    whole = np.array([sample.class_counts[0], sample.class_counts[1]]) / N
    made = [AutoClassifier(max_steps=50, random_state=0, class_priors=priors).fit(X, y) for priors in (None, whole)]
    own, moved = (clf.predict_proba(X) for clf in made)
    ratio = np.log(moved[:, 1] / moved[:, 0]) - np.log(own[:, 1] / own[:, 0])
    sampled = np.bincount(y) / len(y)
    expected = np.log(whole[1] / whole[0]) - np.log(sampled[1] / sampled[0])
    inner = (own[:, 1] > 1e-6) & (own[:, 0] > 1e-6)
    np.testing.assert_allclose(ratio[inner], expected, atol=1e-6)
    np.testing.assert_array_equal(made[0].predict(X), made[1].predict(X))  # balanced either way
    offsets = made[1].offsets_["macro_f1"]
    assert np.isfinite(offsets).all() and not np.allclose(offsets, made[0].offsets_["macro_f1"])
    with pytest.raises(ValueError, match="class_priors must hold a positive prior for each of 2 classes"):
        AutoClassifier(class_priors=[1.0]).fit(X, y)


@pytest.fixture(scope="module")
def weighted(table):
    """Rare rows weigh three times as much, and rows differ within their class."""
    own = np.exp(table["a"] / 2) * (1 + 2 * table["y"])
    return table.assign(own=own)


@pytest.mark.parametrize("recipe", ["logistic", "none", "cost", "under", "auto"])
def test_weights_of_rows_count_in_a_sample_as_in_the_whole_table(weighted, recipe):
    options = {"logistic": {}, "auto": {"max_steps": 30}}.get(recipe, {"n_members": 2, "max_steps": 300})
    if recipe == "under":
        options |= {"max_steps": 100}
    data = checked(open_table(weighted).sample("y", most_rows=2400, weights="own"))
    whole = split_target(weighted, "y", weights="own")
    X = weighted[["a", "b"]]
    found, expected = (
        fit_recipe(recipe, each, random_state=0, **options).predict_proba(X)[:, 1] for each in (data, whole)
    )
    if recipe == "under":  # of which equally many rows a class train, with their weights
        assert abs(found.mean() - expected.mean()) < 0.25 * expected.mean()
        return
    odds = [np.log(each / (1 - each)) for each in (found, expected)]
    assert abs(np.median(odds[0] - odds[1])) < (1.0 if recipe == "none" else 0.5)  # unweighted, 1.1; uncorrected, 2.8
    assert np.corrcoef(*odds)[0, 1] > 0.9


def test_a_comparison_weighs_rows_by_a_column_and_as_a_sample(weighted, tmp_path):
    data = checked(open_table(weighted).sample("y", most_rows=2400, weights="own"))
    quick = {"n_folds": 3, "n_repeats": 1, "budget": 1000.0, "recipes": ["logistic", "balanced-forest"], "n_members": 1}
    with Store(tmp_path / "store.sqlite") as store:
        comparison = compare(data, store, **quick)
        scores, model = comparison.leaderboard.set_index("recipe"), refit(comparison, data, "logistic")
        assert "rows weighed by 'own' and as a sample by class of 30,000 rows" in measured(comparison)
    whole = split_target(weighted, "y", weights="own")
    of_all = fit_recipe("logistic", whole)
    proba = of_all.predict_proba(weighted[["a", "b"]])
    expected = METRICS["average_precision"].of(weighted["y"].to_numpy(), proba, 1, whole.weights)
    assert abs(scores.loc["logistic", "average_precision"] - expected) < 0.06
    share = np.average(model.predict_proba(weighted[["a", "b"]])[:, 1], weights=whole.weights)
    assert abs(share - np.average(weighted["y"], weights=whole.weights)) < 0.3 * share


TERMS = {
    "cost": Terms(cost={"miss": 20, "alarm": 1}),
    "recall": Terms(min_recall=0.8),
    "capacity": Terms(capacity=0.05),
}


@pytest.mark.parametrize("recipe", ["logistic", "under", "auto"])
@pytest.mark.parametrize("terms", TERMS.values(), ids=TERMS.keys())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_decisions_of_a_fit_on_a_sample_are_made_for_the_whole_table(sample, table, truth, recipe, terms):
    """Alarms and what they catch are those that the true probabilities give, not those of a quarter of rare rows."""
    aim = terms.aim(np.array([0, 1]), 1)
    options = {"logistic": {}, "under": {"n_members": 1, "max_steps": 200}, "auto": {"max_steps": 30}}[recipe]
    model = recipes.make(recipe, preprocessor=sample.table_preprocessor(), random_state=0, **options)
    fitted = fit_deciding(recipe, model, sample, aim)
    alarm, y = fitted.predict(table[["a", "b"]]) == 1, table["y"].to_numpy() == 1
    best = aim.rule(table["y"].to_numpy(), np.column_stack([1 - truth, truth]))
    ideal = best.decide(np.column_stack([1 - truth, truth])) == 1
    assert abs(alarm.mean() - ideal.mean()) < 0.3 * ideal.mean()
    assert abs(alarm[y].mean() - ideal[y].mean()) < 0.08


def test_scores_of_a_sample_are_those_of_the_whole_table(sample, table, tmp_path):
    quick = {"n_folds": 3, "n_repeats": 1, "budget": 1000.0, "recipes": ["logistic", "under"]}
    found = {}
    for name, data in (("sample", sample), ("plain", replace(sample, weights=None, class_counts=None))):
        with Store(tmp_path / f"{name}.sqlite") as store:
            comparison = compare(data, store, n_members=1, **quick)
            found[name] = comparison.leaderboard.set_index("recipe")["average_precision"]
            if name == "sample":
                model = refit(comparison, data)
    model_of_all = fit_recipe("logistic", split_target(table, "y"))
    whole = METRICS["average_precision"].of(
        table["y"].to_numpy(), model_of_all.predict_proba(table[["a", "b"]]), 1, None
    )
    assert abs(found["sample"]["logistic"] - whole) < 0.06
    assert found["plain"]["logistic"] > whole + 0.2  # a quarter of the rows of the sample are rare
    assert abs(model.predict_proba(table[["a", "b"]])[:, 1].mean() - 0.02) < 0.006


@pytest.mark.parametrize(
    "terms", [Terms(cost={"miss": 20, "alarm": 1}), Terms(capacity=0.05)], ids=["cost", "capacity"]
)
def test_outcomes_in_your_terms_are_estimates_for_the_whole_table(sample, tmp_path, terms):
    """Cost, alarms and what they catch, estimated on the sample, are those of the model on new rows of the table."""
    rng = np.random.default_rng(1)
    y = (rng.random(200_000) < 0.02).astype(int)
    new = pd.DataFrame(rng.normal(size=(len(y), 2)) + 1.5 * y[:, None], columns=["a", "b"])
    with Store(tmp_path / "store.sqlite") as store:
        comparison = compare(
            sample, store, recipes=["logistic", "under"], n_folds=3, n_repeats=1, n_members=1, budget=1e3, terms=terms
        )
        expected = {name: interval.mean for name, interval in InTerms(comparison, "logistic").chosen().items()}
        model = refit(comparison, sample, "logistic")
    alarm = model.predict(new) == 1
    found = {"alarms": alarm.mean(), "caught": (alarm & (y == 1)).mean(), "missed": (~alarm & (y == 1)).mean()}
    for name, value in found.items():
        assert abs(expected[name] - 1000 * value) < 0.2 * 1000 * value
    if terms.cost is not None:
        cost = 20 * found["missed"] + found["alarms"] - found["caught"]
        assert abs(expected["cost"] - 1000 * cost) < 0.15 * 1000 * cost
