"""The report as data and as a summary: the same figures as the comparison's, valid json, at most 20 lines."""

import json

import numpy as np
import pytest

from equipoise.decisions import Terms
from equipoise.experiments import METRICS, Comparison, Store, shipped
from equipoise.experiments.terms import InTerms
from equipoise.reports import write_data, write_report, write_summary
from equipoise.reports.at_best import at_its_best
from equipoise.reports.for_card import for_card
from equipoise.reports.verdict import verdict
from equipoise.text import number

COMMAND = "equipoise compare table.csv --target y"


def test_the_data_are_the_comparison_s(stored, tmp_path):
    comparison = stored(recipes=("none", "under", "gbdt"), failed=[("gbdt", 0, 0)])
    write_data(comparison, tmp_path / "report.json", command=COMMAND)
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["verdict"] == vars(verdict(comparison)) and found["command"] == COMMAND
    assert found["winner"] == comparison.winner and found["best"] == comparison.best
    for row, (_, expected) in zip(found["leaderboard"], comparison.leaderboard.iterrows(), strict=True):
        assert row["recipe"] == expected["recipe"] and row["reading"] == expected["reading"]
        assert row["best_g_mean"] == pytest.approx(expected["best_g_mean"])
    assert found["confusion_of_own_decision"]["under"] == comparison.confusion("under").tolist()
    assert found["failures"] == [["gbdt", "ValueError: no <rows>", 1]]
    confusion = np.array(found["confusion"]["under"])
    for code, of_class in enumerate(found["by_class"]["under"]):
        assert of_class["scores"]["recall"] == pytest.approx(confusion[code, code] / confusion[code].sum())
        assert of_class["scores"]["precision"] == pytest.approx(confusion[code, code] / confusion[:, code].sum())
    assert set(found["precision_recall"]["under" if "under" in found["precision_recall"] else "none"]) == {
        "recall",
        "precision",
    }


def test_no_winner_is_null_with_its_reason(stored, tmp_path):
    comparison = stored((60, 8))
    write_data(comparison, tmp_path / "report.json", command=COMMAND)
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert found["winner"] is None and found["no_winner"] == comparison.obstacle


@pytest.mark.parametrize("n_recipes", [1, 3, 12])
def test_the_summary_has_twenty_lines_at_most(stored, tmp_path, n_recipes):
    names = ("auto", "none", "under", "over", "cost", "remix", "mixup", "smote", "focal", "la", "vs", "cdt")[:n_recipes]
    notes = [f"{n} repeats instead of 9 to meet the time limit." for n in range(20)]
    comparison = stored(recipes=names, skill=dict.fromkeys(names, 2.0), n_repeats=1, notes=notes)
    write_summary(comparison, tmp_path / "summary.md", command=COMMAND)
    text = (tmp_path / "summary.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 20 and f"`{COMMAND}`" == lines[-1]
    first = comparison.leaderboard.iloc[0]
    row = next(line for line in lines if line.startswith(f"| {first['recipe']}"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1] == number(first["best_g_mean"]) and cells[3] == number(first["g_mean"])
    shown = sum(line.startswith("| ") and "---" not in line for line in lines) - 1
    assert shown == min(n_recipes, 6) and ("; the first 6 of 12 recipes, " in text) == (n_recipes == 12)
    assert "Note: 15 more stand in report.html." in lines


def test_levels_of_categories_are_named_only_if_they_may_be_shown(stored, tmp_path):
    comparison = stored(n_repeats=1)
    comparison.problem["columns"][0]["note"] = "read as 1,5; pooled: 'Ward 7', 'Ward 9'"
    for shown in (False, True):
        write_report(comparison, tmp_path / "report.html", command=COMMAND, show_values=shown)
        write_data(comparison, tmp_path / "report.json", command=COMMAND, show_values=shown)
        for name in ("report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert ("Ward 7" in text) is shown and ("read as 1,5; rare levels are pooled" in text) is not shown


def test_cells_that_the_check_quotes_are_shown_only_if_they_may_be(stored, tmp_path):
    found = {
        "severity": "note",
        "kind": "marks",
        "columns": ["a"],
        "evidence": "Column 'a' holds 'Ward 7' (3) as categories.",
        "remedy": "If they stand for missing cells, use --missing-values 'Ward 7'.",
    }
    found["text"] = f"{found['evidence']} {found['remedy']}"
    comparison = stored(n_repeats=1, findings=[found])
    comparison.problem["notes"] = ["Column 'a': taken for missing: 'Ward 7', 'n/a'."]
    for shown in (False, True):
        write_report(comparison, tmp_path / "report.html", command=COMMAND, show_values=shown)
        write_data(comparison, tmp_path / "report.json", command=COMMAND, show_values=shown)
        for name in ("report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8").replace("&#39;", "'")
            assert ("Ward 7" in text) is shown
            assert ("Column 'a' holds … (3) as categories." in text) is not shown


def test_cells_in_failures_and_warnings_are_shown_only_if_they_may_be(stored, tmp_path):
    comparison = stored(recipes=("none", "gbdt"), failed=[("gbdt", 0, 0)], n_repeats=1)
    for cell in comparison.cells:
        said = "Column 'a' holds 'Ward 7', unknown to 'none'."
        cell.__dict__.update(error=said) if cell.error else cell.__dict__.update(notes=[said])
    for shown in (False, True):
        write_report(comparison, tmp_path / "report.html", command=COMMAND, show_values=shown)
        write_data(comparison, tmp_path / "report.json", command=COMMAND, show_values=shown)
        for name in ("report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8").replace("&#39;", "'")
            assert ("Ward 7" in text) is shown
            assert (text.count("Column 'a' holds …, unknown to 'none'.") >= 2) is not shown


@pytest.mark.parametrize("metric", ["g_mean", "balanced_accuracy", "balanced_brier", "roc_auc"])
def test_one_figure_everywhere(stored, tmp_path, metric):
    """The score at its best is the same in leaderboard, verdict, page, data, summary and model card."""
    comparison = stored((240, 40), ("none", "gbdt"), metric=metric, n_folds=4)
    best = comparison.leaderboard.set_index("recipe")[f"best_{metric}"]
    card = for_card(comparison)
    title = METRICS[metric].title
    figure = (card["figures"] | card["figures_of_probabilities"])[title]
    first = comparison.leaderboard.set_index("recipe").loc[comparison.winner]
    assert figure == pytest.approx({"value": best[comparison.winner], "low": first["low"], "high": first["high"]})
    write_report(comparison, tmp_path / "report.html", command=COMMAND)
    write_data(comparison, tmp_path / "report.json", command=COMMAND)
    write_summary(comparison, tmp_path / "summary.md", command=COMMAND)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert f'<b class="best">{number(best.iloc[0])}</b>' in page
    assert told["leaderboard"][0][f"best_{metric}"] == pytest.approx(best.iloc[0])
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    meaning = at_its_best(comparison)
    for text in (page, summary, told["verdict"]["tried"], card["measured"]):
        assert text.count("“At its best” means: ") == (metric != "roc_auc")
        assert meaning.rstrip(".") in text
    how = f" {title}{' at its best' if meaning else ''}: {number(best.iloc[0])}"
    assert how in told["verdict"]["best"] and how in page and how in summary
    for name, said in told["at_its_best"].items():
        readings = comparison.scores.loc[comparison.scores["recipe"] == name, "reading"]
        counts = [int(each.split(" in ")[1].split()[0]) if " in " in each else len(readings) for each in said]
        assert sorted(counts) == sorted(readings.value_counts()) and sum(counts) == 8


@pytest.mark.parametrize(
    ("terms", "title"),
    [({"cost": {"miss": 20, "alarm": 1}}, "cost of 1,000 rows"), ({"capacity": 0.1}, "share caught (recall)")],
)
def test_the_card_tells_what_the_choice_by_terms_rests_on(stored, tmp_path, terms, title):
    comparison = stored((240, 60), ("none", "gbdt"), notes=["200 of 2,000 gradient steps."], n_folds=4)
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(**terms).aim(np.array(comparison.classes), rare="1").as_dict())
        comparison = Comparison(store)
    card, found = for_card(comparison), InTerms(comparison).chosen()
    told = {title: found["cost" if "cost" in terms else "recall"], "precision": found["precision"]}
    told |= {"alarms of 1,000 rows": found["alarms"]}
    for name, interval in told.items():
        assert card["figures"][name] == pytest.approx(dict(zip(("value", "low", "high"), interval)))
    assert next(iter(card["figures"])) == title or "capacity" in terms
    assert "G-mean" not in card["figures"] and "Brier" in card["figures_of_probabilities"]
    assert card["cuts"] == ["200 of 2,000 gradient steps."] and card["terms"] == InTerms(comparison).sentence()


def test_scores_by_class_have_names(stored, tmp_path):
    comparison = stored((240, 60), ("none", "under"))
    write_data(comparison, tmp_path / "report.json", command=COMMAND)
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for recipe, matrix in told["confusion"].items():
        matrix = np.array(matrix)
        for code, row in enumerate(told["by_class"][recipe]):
            assert row["scores"]["recall"] == pytest.approx(matrix[code, code] / matrix[code].sum())
            assert row["scores"]["precision"] == pytest.approx(matrix[code, code] / matrix[:, code].sum())
            assert set(row["scores"]) == {"precision", "recall", "f1", "brier"}


@pytest.mark.parametrize("counts", [(240, 60), (100, 60, 20)])
def test_alarms_and_costs_are_data_too(stored, tmp_path, counts):
    comparison = stored(counts, ("none", "under"))
    write_data(comparison, tmp_path / "report.json", command=COMMAND)
    terms = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["terms"]
    read = InTerms(comparison)
    chosen = read.chosen()
    for line, outcomes in {"decision": shipped.outcomes(comparison, read.recipe), "lowest_cost": chosen}.items():
        for name, value in terms["outcomes"][line].items():
            assert value["mean"] == pytest.approx(outcomes[name].mean)
            assert value["low"] == pytest.approx(outcomes[name].low)
    matrix = shipped.confusion(comparison, read.recipe)
    alarms = 1000 * matrix[:, read.positive].sum() / matrix.sum()
    assert terms["outcomes"]["decision"]["alarms"]["mean"] == pytest.approx(alarms)
    assert terms["outcomes"]["100"]["recall"]["mean"] == pytest.approx(read.at_capacity(100)["recall"].mean)
    assert len(terms["gain"]["caught"]) == len(read.folds) and terms["gain"]["caught"][0][-1] == 1
    if len(counts) == 2:
        assert tuple(terms["threshold_of_lowest_cost"].values()) == pytest.approx(read.range_of_threshold())
        assert len(terms["cost"]["cost"][0]) == len(terms["cost"]["threshold"])
    else:
        assert terms["threshold_of_lowest_cost"] is None
