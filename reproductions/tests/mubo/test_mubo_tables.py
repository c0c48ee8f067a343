"""The tables: the paper's figures and ours, each where it belongs."""

import pandas as pd
import pytest

from equipoise_reproductions.mubo.protocol import AUTHORS, COLUMNS, PAPER, SOURCES
from equipoise_reproductions.mubo.tables import f1_markdown, searches, spreads, table1, table2, table3

BY_TITLE = {source.title: source for source in SOURCES}


@pytest.fixture
def scores(scored):
    """A tenth wrong of both classes by one method, on natural rows two tenths of the majority; all right by another."""

    def made(name, method, run, test):
        if method == "smote":
            return [100, 0, 0, 100]
        return [80, 20, 10, 90] if test == "natural" else [90, 10, 10, 90]

    return scored(made, ["Abalone", "Ionosphere"], ["none", "smote", "mubo-paper"])


def test_table1_has_every_cell_three_ways(scores):
    table = table1(scores, BY_TITLE["Abalone"])
    assert list(table.columns) == [method.title for method in COLUMNS]
    assert [row.split(": ")[1] for row in table.index[:3]] == [
        "the paper",
        "ours, as the paper (balanced resample)",
        "ours, natural shares",
    ]
    assert table.loc["F1: the paper", ["w/o sampling", "SMOTE", "GBO", "MUBO as printed"]].tolist() == [
        "0.84",
        "0.76",
        "0.83",
        "0.86",
    ]
    recall = table.loc[["Recall: ours, as the paper (balanced resample)", "Recall: ours, natural shares"]]
    assert recall["MUBO as printed"].tolist() == ["0.900", "0.850"]  # balanced, and natural
    assert recall["SMOTE"].tolist() == ["1.000", "1.000"]
    assert recall["GBO"].tolist() == ["–", "–"] and recall["Random under-sampling"].tolist() == ["–", "–"]


def test_where_the_paper_s_test_side_is_natural_both_of_ours_are_one(scores):
    table = table1(scores, BY_TITLE["Ionosphere"])
    for metric in ("F1", "Precision", "Recall"):
        rows = table.loc[[f"{metric}: ours, as the paper (natural shares)", f"{metric}: ours, natural shares"]]
        assert rows.iloc[0].tolist() == rows.iloc[1].tolist()


def test_a_dash_where_the_paper_has_one(scores):
    assert table1(scores, BY_TITLE["Gisette"]).loc["F1: the paper", "SMOTified-GAN"] == "–"


def test_f1_in_short(scores):
    head, rule, abalone, ionosphere = f1_markdown(scores, [BY_TITLE["Abalone"], BY_TITLE["Ionosphere"]]).splitlines()
    titles = head.strip("| ").split(" | ")
    assert titles[0] == "w/o sampling" and "GBO" in titles and rule.count("---") == len(titles) + 1
    cells = dict(zip(titles, abalone.strip("| ").split(" | ")[1:], strict=True))
    natural = f"{(180 / 210 + 160 / 190) / 2:.3f}"
    assert cells["MUBO as printed"] == f"0.86 / 0.900 / {natural}"
    assert cells["SMOTE"] == "0.76 / 1.000 / 1.000" and cells["Random under-sampling"] == "– / – / –"
    assert f"0.87 / {natural} / {natural}" in ionosphere


def test_table3_tells_the_classes_apart(scores):
    table = table3(scores, BY_TITLE["Abalone"])
    assert table.loc["GBO: the paper"].tolist()[:3] == ["0.83", "0.73", "0.92"]
    assert table.loc["MUBO as printed: the paper"].tolist()[-3:] == ["0.86", "0.89", "0.83"]
    ours = table.loc["MUBO as printed: ours, natural shares"]
    assert ours[["Recall", "Recall, minority", "Recall, majority"]].tolist() == ["0.850", "0.900", "0.800"]
    assert ours["Precision, minority"] == f"{90 / 110:.3f}" and ours["F1, majority"] == f"{160 / 190:.3f}"
    assert set(table.loc["GBO: ours, natural shares"]) == {"–"}
    assert "MUBO, sound: the paper" not in table.index


def test_table2_has_the_rows_as_they_are_and_what_is_missing(stand_ins):
    sources = stand_ins(stand_ins.sources)
    table = table2(sources, sources[:3])
    assert table.loc["Ionosphere", ["instances (paper)", "instances", "features (paper)", "features"]].tolist() == [
        "351",
        "178",
        "34",
        "13",
    ]
    assert table.loc["Ionosphere", "minority"] == f"{100 * 48 / 178:.2f}%"
    assert table.loc["Abalone", ["features", "inputs"]].tolist() == ["7", "8"]
    assert table.loc["Spambase", "what it is"] == "a stand-in"
    assert (table.loc["Gisette"] == "missing").sum() == 7 and table.loc["Gisette", "instances (paper)"] == "2,750"


def test_variances_over_runs(scored):
    frame = scored(lambda name, method, run, test: [90 + run, 10 - run, 10, 90], ["Abalone"], ["mubo-paper"])
    table = spreads(frame, SOURCES, PAPER)
    f1 = frame.loc[frame["test"] == "natural", "f1"]
    assert table.loc["Abalone", "F1, natural shares: mean"] == f"{f1.mean():.3f}"
    assert table.loc["Abalone", "F1, natural shares: variance"] == f"{f1.var():.2g}"
    assert spreads(frame, SOURCES, AUTHORS).empty


def test_how_searches_went():
    told = pd.DataFrame(
        {
            "set": "Abalone",
            "method": "mubo-paper",
            "chain": [0, 0, 1, 1, 1],
            "step": [1, 2, 1, 2, 3],
            "accepted": [True, False, True, True, False],
            "size": [10, 10, 10, 20, 20],
            "objective": [0.5, 0.7, 0.4, 0.3, 0.9],
            "epochs": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    row = searches(told, {"Abalone": 10}).loc["Abalone: MUBO as printed"]
    assert row.tolist() == ["2.5", "1.5", "1.50", "3", "0.4"]
