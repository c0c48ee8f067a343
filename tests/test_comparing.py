"""`equipoise.compare` on a data frame: what it shows, fits and saves."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import equipoise
from equipoise.experiments.terms import InTerms

QUICK = {"recipes": ["gbdt", "logistic"], "n_folds": 3, "n_repeats": 1, "verbose": False}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    fraud = rng.random(240) < 0.2
    amount = rng.normal(size=240) + 1.5 * fraud
    return pd.DataFrame({"amount": amount, "age": rng.normal(size=240), "fraud": np.where(fraud, "yes", "no")})


@pytest.fixture(scope="module")
def found(frame):
    return equipoise.compare(frame, "fraud", min_recall=0.8, **QUICK)


def test_the_best_decides_as_stated(found, frame):
    assert (
        found.best.predict(frame.drop(columns="fraud"))[frame["fraud"] == "yes"].tolist().count("yes")
        >= 0.75 * (frame["fraud"] == "yes").sum()
    )
    assert found.best[-1].min_recall == {"yes": 0.8}
    assert set(found.leaderboard["recipe"]) == {"gbdt", "logistic"}


def test_it_shows_itself(found):
    page = found._repr_html_()
    assert page.count("<tr") == 3
    assert "at least 80% of" in page
    first, columns, *_, said = repr(found).splitlines()
    assert "best first by G-mean" in first
    assert "at its best  own decision" in columns and "G-mean" not in columns
    for shown in (said, page):
        assert "By your terms, " in shown and "has the fewest false alarms" in shown and "Recommended: " in shown


def test_it_is_saved_whole(found, frame, tmp_path):
    folder = found.save(tmp_path / "report")
    assert sorted(path.name for path in folder.iterdir()) == [
        "explore.html",
        "leaderboard.csv",
        "model",
        "report.html",
        "report.json",
        "summary.md",
    ]
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["why"]["importance"][0]["columns"] == ["amount"] == [found.importance["columns"][0]]
    assert "amount" in (folder / "model" / "README.md").read_text(encoding="utf-8")
    X = frame.drop(columns="fraud")
    np.testing.assert_array_equal(equipoise.load(folder / "model").predict(X), found.best.predict(X))
    found.save(folder)  # over its own files
    (tmp_path / "notes.html").write_text("mine")
    with pytest.raises(FileExistsError, match="was not written by equipoise"):
        found.report(tmp_path / "notes.html")


def test_polars_gives_the_same(found, frame):
    again = equipoise.compare(pl.from_pandas(frame), "fraud", min_recall=0.8, **QUICK)
    columns = ["recipe", "g_mean", "average_precision"]
    pd.testing.assert_frame_equal(again.leaderboard[columns], found.leaderboard[columns])


def test_wrong_terms_are_refused_before_the_work(frame):
    with pytest.raises(ValueError, match="min_recall must be above 0"):
        equipoise.compare(frame, "fraud", min_recall=80)
    with pytest.raises(ValueError, match="There is no class 'maybe'"):
        equipoise.compare(frame, "fraud", positive="maybe", **QUICK)


def test_equal_rows_are_held_together_and_a_lost_class_is_said(frame):
    repeated = pd.concat([frame, frame.head(30)], ignore_index=True)
    repeated.loc[::4, "fraud"] = None
    with pytest.warns(UserWarning, match="68 rows of 270 have no label in 'fraud'.*keep_default_na=False"):
        found = equipoise.compare(repeated, "fraud", recipes=["logistic"], n_folds=3, n_repeats=1, verbose=False)
    groups = found.dataset.groups
    assert groups is not None
    for fold in found.comparison.folds.values():
        assert not set(groups[fold.test_rows]) & set(np.delete(groups, fold.test_rows))


def test_notes_and_findings_are_shown_once_and_nothing_else_warns(frame, capsys, recwarn):
    told = frame.assign(case=np.arange(240), price=[f"1.{n:03},50 €" for n in range(240)])
    found = equipoise.compare(told, "fraud", **{**QUICK, "verbose": True})
    found.leaderboard, repr(found)
    said = capsys.readouterr().out
    assert said.count("Column 'case' numbers the rows") == said.count("Numbers are written 1.234,5 in 'price'.") == 1
    assert [str(warning.message) for warning in recwarn if "equipoise" in warning.filename] == []


@pytest.mark.parametrize("use", [equipoise.compare, equipoise.check])
def test_labels_in_place_of_their_column_are_refused_in_a_sentence(frame, use):
    with pytest.raises(
        TypeError, match=r"^the target is the name of a column, .*got a Series: add the labels to the .*$"
    ):
        use(frame.drop(columns="fraud"), frame["fraud"])


def test_without_a_winner_there_is_no_model(frame, tmp_path):
    noise = frame.assign(fraud=np.random.default_rng(1).permutation(frame["fraud"]))
    found = equipoise.compare(noise, "fraud", **QUICK)
    assert found.comparison.obstacle
    assert "No winner is crowned" in repr(found)
    with pytest.raises(ValueError, match="No winner is crowned"):
        found.best
    assert not (found.save(tmp_path / "report") / "model").exists()


def test_costs_by_label_come_out_the_same_whatever_the_labels_are(frame):
    outcomes = []
    for ordinary, rare in ((0, 1), ("no", "yes"), ("ok", "fraud")):
        table = frame.assign(fraud=np.where(frame["fraud"] == "yes", rare, ordinary))
        cost = {rare: {ordinary: 5}, ordinary: {rare: 1}}
        found = equipoise.compare(table, "fraud", cost=cost, **QUICK | {"recipes": ["logistic"]})
        read = InTerms(found.comparison)
        outcomes.append([value for interval in read.chosen().values() for value in interval])
        outcomes[-1] += [*read.range_of_threshold(), (found.best.predict(table.drop(columns="fraud")) == rare).mean()]
    np.testing.assert_allclose(outcomes[1:], outcomes[:-1], rtol=1e-6)
