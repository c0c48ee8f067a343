"""A model that gives nearly all rows one answer is said to be one, wherever a comparison ships it."""

import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from equipoise import recipes
from equipoise.datasets import split_target
from equipoise.experiments import Store, compare, refit
from equipoise.experiments.one_answer import one_answer
from equipoise.reports.for_card import for_card
from equipoise.reports.verdict import verdict


def table(counts):
    labels = [label for label, count in counts.items() for _ in range(count)]
    return split_target(pd.DataFrame({"size": range(len(labels)), "kind": labels}), "kind")


@pytest.mark.parametrize("counts", [{"a": 300, "b": 20}, {"a": 500, "b": 100, "c": 10}])
def test_only_a_model_of_one_answer_is_named(counts):
    data = table(counts)
    model = recipes.make("gbdt", preprocessor=data.table_preprocessor(), random_state=0).fit(data.X, data.y)
    assert not one_answer(model, data)
    for label in counts:  # also the rarest
        constant = DummyClassifier(strategy="constant", constant=label).fit(data.X, data.y)
        asked = len(counts) * min(counts.values())
        assert one_answer(constant, data).startswith(
            f"The model answers “{label}” for {asked} of {asked} training rows"
        )
        assert "hardly tells them apart" in one_answer(constant, data)


def test_a_shipped_model_of_one_answer_is_told_in_the_verdict_and_the_card(tmp_path, monkeypatch):
    """It ranks rows well, so that average precision does not see it."""
    (tmp_path / "shy.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Shy(LogisticRegression):\n"
        "    def __init__(self, C=1e-3):\n"
        "        super().__init__(C=C)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    data = table({"a": 300, "b": 20})
    with Store(tmp_path / "results.sqlite") as store:
        options = {"recipes": ["shy:Shy"], "n_folds": 2, "n_repeats": 1, "metric": "average_precision"}
        found = compare(data, store, **options)
    assert not found.obstacle and not found.refitted
    with pytest.warns(UserWarning, match="answers “a” for 40 of 40 training rows"):
        model = refit(found, data)
    assert set(model.predict(data.X)) == {"a"}
    for told in (verdict(found).use, *for_card(found)["cuts"][-1:]):
        assert "tell the others apart (ROC AUC 1.00 on these rows). So do not use its decisions: rank rows" in told
