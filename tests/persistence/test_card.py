"""model.json and the model card say what the model is, what it was trained on, its figures and its limits."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.frozen import FrozenEstimator

from equipoise import NeuralClassifier, PriorCorrectedClassifier, TunedThresholdsClassifier, recipes, save
from equipoise.describing import Description
from equipoise.persistence import read_card
from equipoise.persistence.card import model_card
from equipoise.persistence.schema import schema_of
from equipoise.tables import TablePreprocessor

ABOUT = {
    "recipe": "under+remix",
    "data": "fraud|2025",
    "target": "is_fraud",
    "rows": 90,
    "class_counts": {"common": 70, "rare": 20},
    "figures": {"G-mean": 0.81234567, "folds": 5},
    "measured": "on held-out rows",
}


def card_of(path):
    return (path / "README.md").read_text(encoding="utf-8")


def test_a_missing_cell_is_no_category():
    frame = pd.DataFrame({"kind": ["a", "b", None, "a"] * 20, "x": np.arange(80.0)})
    found = TablePreprocessor().fit(frame)
    (row,) = (row for row in found.describe_columns() if row["name"] == "kind")
    assert row["categories"] == ["a", "b"] and row["missing"] == 0.25
    assert found.summary().set_index("column")["distinct"]["kind"] == 2


def test_the_schema_tells_columns_kinds_and_categories(model, tmp_path):
    save(model, tmp_path / "model", about=ABOUT)
    card = read_card(tmp_path / "model")
    assert card["about"] == ABOUT
    schema = card["schema"]
    assert [(c["name"], c["kind"], c.get("categories")) for c in schema["columns"]] == [
        ("number", "number", None),
        ("kind", "category", ["b", "ä"]),
        ("flag", "boolean", None),
    ]
    assert schema["columns"][0]["missing"] == pytest.approx(9 / 90)
    assert schema["classes"] == ["common", "rare"]
    assert schema["class_priors"] == {"common": pytest.approx(7 / 9), "rare": pytest.approx(2 / 9)}
    assert {"equipoise", "torch", "scikit-learn", "imbalanced-learn", "numpy", "python"} == card["versions"].keys()
    assert card["probe"] == pytest.approx(model.predict_proba(np.full((1, 3), None, dtype=object))[0].tolist())


def test_the_card_tells_training_figures_and_limits(model, tmp_path):
    save(model, tmp_path / "model", about=ABOUT)
    text = card_of(tmp_path / "model")
    for told in [
        "# under+remix: a classifier of common, rare",
        "NeuralClassifier of 2 networks: 5 x 6 x 6 x 6 x 2.",
        "| rare | 20 | 22.22% |",
        "| kind | category | 0.0% | 2 categories |",
        "Measured on held-out rows.",
        "| G-mean | 0.8123 |",
        "Data: fraud\\|2025",
        "Class rare had only 20 training rows",
        "Trained with RandomUnderSampler, ReMix: probabilities of minority classes are too high",
    ]:
        assert told in text, told


def test_costs_of_several_classes_are_a_table_and_intervals_have_two_ends(model, tmp_path):
    costs = {"a|b": {"a|b": 0.0, "c": 12345.67}, "c": {"a|b": 60.125, "c": -1.0}}
    figures = {
        "alarms": {"value": 66.667, "low": 66.667, "high": 66.667},
        "cost": {"value": 9.0, "low": 8.0, "high": 11.0},
    }
    save(model, tmp_path / "model", about=ABOUT | {"costs": costs, "figures": figures})
    text = card_of(tmp_path / "model")
    assert (
        "| true / decided | a\\|b | c |\n| --- | --- | --- |\n| a\\|b | 0 | 12345.67 |\n| c | 60.125 | -1 |\n" in text
    )
    assert "| alarms | 66.67 |  |\n| cost | 9 | 8 to 11 |" in text


def test_levels_are_named_where_values_may_be_shown(model, tmp_path):
    save(model, tmp_path / "model", about=ABOUT | {"show_values": True})
    assert "| kind | category | 0.0% | b and ä |" in card_of(tmp_path / "model")


def test_findings_are_whole_sentences(model, tmp_path):
    finding = f"Caution: {'a long finding ' * 30}ends here."
    save(model, tmp_path / "model", about={"findings": [finding]})
    assert f"- {finding}" in (tmp_path / "model" / "README.md").read_text()


def test_decisions_are_told(table, tmp_path):
    wrapped = PriorCorrectedClassifier(
        recipes.make("cost", max_steps=10), training_priors="uniform", target_priors=[0.9, 0.1]
    )
    model = TunedThresholdsClassifier(wrapped, cv=2).fit(*table)
    save(model, tmp_path / "model")
    tuned, corrected = read_card(tmp_path / "model")["schema"]["decision"]
    assert tuned["thresholds"]["rare"] == model.offsets_[1]
    assert corrected == {"from_priors": {"common": 0.5, "rare": 0.5}, "to_priors": {"common": 0.9, "rare": 0.1}}
    text = card_of(tmp_path / "model")
    cut = 1 / (1 + np.exp(model.offsets_[1] - model.offsets_[0]))
    assert f"The decision is rare from a probability of {cut:.3g} on." in text and "thresholds common" not in text
    assert "to priors common 0.9, rare 0.1" in text and "are too high" not in text and "Thresholds were tuned" in text


def test_the_threshold_is_told_for_the_positive_class_and_figures_with_intervals(table, tmp_path):
    model = TunedThresholdsClassifier(recipes.make("none", max_steps=3), cv=2).fit(*table)
    figures = {"cost of 1,000 rows": {"value": 291.2, "low": 196.1, "high": 416.0}, "alarms": {"value": 12.5}}
    about = {"positive": "common", "figures": figures, "figures_of_probabilities": {"Brier": {"value": 0.1}}}
    save(model, tmp_path / "model", about=about | {"cuts": ["200 of 2,000 gradient steps."]})
    text = card_of(tmp_path / "model")
    assert f"The decision is common from a probability of {1 - model.threshold_:.3g} on." in text
    for told in (
        "| figure | value | 95% interval |",
        "| cost of 1,000 rows | 291.2 | 196.1 to 416 |",
        "| alarms | 12.5 |  |",
        "| figure | value |\n| --- | --- |\n| Brier | 0.1 |",
        "- 200 of 2,000 gradient steps.",
    ):
        assert told in text, told


def test_pooled_networks_are_told(auto, tmp_path):
    save(auto, tmp_path / "model", about=ABOUT)
    assert read_card(tmp_path / "model")["schema"]["decision"] == [
        {"decision": "balanced", "offsets": {"common": -np.log(7 / 9), "rare": -np.log(2 / 9)}}
    ]
    text = card_of(tmp_path / "model")
    pool = auto[-1]
    for told in [
        f"AutoClassifier of {len(pool.members_)} kinds of models, fitted on 90 rows",
        f"Power {pool.pool_.weights[-1]:.4g}: {list(pool.members_)[-1]}, 2 networks of ",
        "ExtraTreesClassifier",
        "The decision is the most probable class if all classes were equally frequent; offsets to log probabilities: "
        "common 0.2513, rare 1.504.",
        "Probabilities assume the class priors common 0.7778, rare 0.2222.",
    ]:
        assert told in text, told
    assert "are too high" not in text


def test_every_decision_of_pooled_networks_is_told(auto, tmp_path):
    told = {
        "macro_f1": "best class for macro F1, by offsets found on held-out rows; offsets to log probabilities: common",
        "natural": "The decision is the most probable class; offsets to log probabilities: common 0, rare 0.",
    }
    for decision, words in told.items():
        save(copy.deepcopy(auto).set_params(classifier__decision=decision), tmp_path / "model")
        assert words in card_of(tmp_path / "model")
        assert read_card(tmp_path / "model")["schema"]["decision"][0]["decision"] == decision
    save(copy.deepcopy(auto).set_params(classifier__decision=[[0, 1], [20, 0.5]]), tmp_path / "model")
    costs = {"common": {"common": 0, "rare": 1}, "rare": {"common": 20, "rare": 0.5}}
    assert read_card(tmp_path / "model")["schema"]["decision"] == [{"decision": "costs", "costs": costs}]
    text = card_of(tmp_path / "model")
    assert "lowest expected cost; costs of decisions where the class is common: common 0, rare 1; costs of" in text


def test_what_decides_around_pooled_networks_is_told_and_no_more(auto, table, tmp_path):
    wrapped = PriorCorrectedClassifier(FrozenEstimator(auto), target_priors=[0.5, 0.5]).fit(*table)
    save(wrapped, tmp_path / "model")
    (corrected,) = read_card(tmp_path / "model")["schema"]["decision"]
    assert corrected["to_priors"] == {"common": 0.5, "rare": 0.5}
    text = card_of(tmp_path / "model")
    assert "AutoClassifier of" in text and "Probabilities assume" not in text and "equally frequent" not in text


def test_a_model_of_numbers_that_nothing_was_told_of(problem, tmp_path):
    X, y = problem((50, 5, 5), 3)
    save(NeuralClassifier(max_steps=10).fit(X, y), tmp_path / "model")
    schema = read_card(tmp_path / "model")["schema"]
    assert schema["columns"] == [{"name": str(i), "kind": "number"} for i in range(3)]
    assert schema["class_priors"] is None and schema["classes"] == [0, 1, 2]
    text = card_of(tmp_path / "model")
    assert "Not recorded." in text and "No metrics were recorded." in text


def test_names_stay_in_their_cells(table, tmp_path):
    X, y = table
    odd = X.rename(columns={"number": "a|b\n\n# Heading", "kind": "<b>"})
    save(recipes.make("none", max_steps=5).fit(odd, y), tmp_path / "model")
    text = card_of(tmp_path / "model")
    assert "| a\\|b # Heading | number |" in text and "&lt;b>" in text and "\n# Heading" not in text
    assert json.loads((tmp_path / "model" / "model.json").read_text())["schema"]["columns"][0]["name"].startswith(
        "a|b\n"
    )


def test_a_sample_that_trained_is_told(model, tmp_path):
    for trained, line in ((80, "- Rows: 90, of which a sample by class of 80 trained\n"), (90, "- Rows: 90\n")):
        save(model, tmp_path / str(trained), about={"rows": 90, "trained_rows": trained})
        assert line in card_of(tmp_path / str(trained))


@pytest.mark.parametrize("counts", [5, {"a": "many"}, {"a": -1}, {"a": None}])
def test_class_counts_must_be_counts(counts, model, tmp_path):
    with pytest.raises(ValueError, match=r"class_counts.*rows"):
        save(model, tmp_path / "model", about={"class_counts": counts})
    assert not list(tmp_path.iterdir())


MARKDOWN = {
    "[click](https://evil.example)": r"\[click\](https:\//evil.example)",
    "![](http://a/b.png)": r"!\[\](http:\//a/b.png)",
    "<a href=x>": "&lt;a href=x>",
    "&lt;b>": "&amp;lt;b>",
    "**bold** `code` ~~gone~~": r"\*\*bold\*\* \`code\` \~\~gone\~\~",
    "_leading __dunder__ snake_case": r"\_leading \_\_dunder\_\_ snake_case",
    "www.evil.example me@evil.example": r"www\.evil.example me\@evil.example",
    "back\\slash|pipe": r"back\\slash\|pipe",
    "a\u202eb\x00c": "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c",
}


def test_markdown_in_labels_and_levels_stays_text(table, tmp_path):
    names = list(MARKDOWN)
    X = table[0].assign(kind=[names[i % len(names)] for i in range(90)])
    y = np.array([names[i] for i in np.arange(90) % 3])
    save(
        recipes.make("none", max_steps=5).fit(X, y), tmp_path / "model", about={"target": names[3], "show_values": True}
    )
    text = card_of(tmp_path / "model")
    title = next(line for line in text.splitlines() if line.startswith("# "))
    for name in names[:3]:
        assert MARKDOWN[name] in title
    assert f"Target: {MARKDOWN[names[3]]}" in text
    (levels,) = (line for line in text.splitlines() if line.startswith("| kind "))
    assert all(written in levels for written in MARKDOWN.values())


@pytest.mark.parametrize(
    "labels, told",
    [([0, 1], [0, 1]), ([False, True], [False, True]), ([-1.0, 2.0], [-1.0, 2.0]), (["None", "nan"], ["None", "nan"])],
    ids=str,
)
def test_labels_of_any_kind(labels, told, problem, tmp_path):
    X, codes = problem()
    y = np.array(labels)[codes]
    model = TunedThresholdsClassifier(NeuralClassifier(max_steps=3), cv=2).fit(X, y)
    counts = dict(zip(*np.unique(y, return_counts=True)))  # numpy's labels and numbers
    save(model, tmp_path / "model", about={"class_counts": counts, "figures": {"AUC": np.float64("nan")}})
    card = read_card(tmp_path / "model")
    names = [str(label) for label in labels]
    assert card["schema"]["classes"] == told
    assert card["about"]["class_counts"] == dict(zip(names, [54, 6])) and card["about"]["figures"] == {"AUC": None}
    assert card["schema"]["class_priors"] == {names[0]: 0.9, names[1]: 0.1}
    assert card["schema"]["decision"][0]["thresholds"].keys() == set(names)
    text = card_of(tmp_path / "model")
    assert f"| {names[1]} | 6 | 10.00% |" in text and f"Class {names[1]} had only 6 training rows" in text
    assert f"a classifier of {names[0]}, {names[1]}" in text


class OwnClassifier(NeuralClassifier):
    def describe(self):
        return Description(("Written by *me*.",), ("OwnTreatment",), decision={"thresholds": {"common": 0, "rare": 2}})


def test_a_users_own_classifier_describes_itself(table, tmp_path):
    model = recipes.make("none", max_steps=3).fit(*table)
    model.steps[-1] = ("own", OwnClassifier().become(model[-1]))
    schema = schema_of(model, {})
    assert schema["decision"] == [{"thresholds": {"common": 0, "rare": 2}}]
    text = model_card(model, {"versions": {"equipoise": "1"}, "about": {}, "schema": schema})
    for told in (r"Written by \*me\*.", "Trained with OwnTreatment:", "thresholds common 0, rare 2.", "were tuned"):
        assert told in text, told


def test_thresholds_within_a_correction_do_not_decide(table, tmp_path):
    tuned = TunedThresholdsClassifier(recipes.make("none", max_steps=3), cv=2)
    save(PriorCorrectedClassifier(tuned).fit(*table), tmp_path / "model")
    (corrected,) = read_card(tmp_path / "model")["schema"]["decision"]
    assert corrected.keys() == {"from_priors", "to_priors"} and "were tuned" not in card_of(tmp_path / "model")
