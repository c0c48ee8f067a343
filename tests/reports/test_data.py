"""The report as data and as a summary: the same figures as the comparison's, valid json, at most 20 lines."""

import json

import pytest

from equipoise.reports import write_data, write_report, write_summary
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
    assert found["confusion"]["under"] == comparison.confusion("under").tolist()
    assert found["failures"] == [["gbdt", "ValueError: no <rows>", 1]]
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


def test_levels_of_categories_are_named_only_if_they_may_be_shown(stored, tmp_path):
    comparison = stored(n_repeats=1)
    comparison.problem["columns"][0]["note"] = "read as 1,5; pooled: 'Ward 7', 'Ward 9'"
    for shown in (False, True):
        write_report(comparison, tmp_path / "report.html", command=COMMAND, show_values=shown)
        write_data(comparison, tmp_path / "report.json", command=COMMAND, show_values=shown)
        for name in ("report.html", "report.json"):
            text = (tmp_path / name).read_text(encoding="utf-8")
            assert ("Ward 7" in text) is shown and ("read as 1,5; rare levels are pooled" in text) is not shown
