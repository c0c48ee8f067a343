"""The paper's tables beside ours: sums, means and gains as anyone would work them out by hand."""

import numpy as np
import pandas as pd
import pytest

from equipoise.experiments.statistics import corrected_interval
from equipoise_reproductions.over_sets import friedman_nemenyi
from equipoise_reproductions.remix import ranking, study, tables
from equipoise_reproductions.remix.plots import alpha_curves, gain_bars
from equipoise_reproductions.remix.protocol import BOOSTING, CONTROL, PAPER, PRIOR_CORRECTED, REMIX_DATASET, Source

NAMES = [method.name for method in PAPER]
TITLES = ["Baseline", "Cost adjusted", "SMOTE (in batch)", "MixUp", "ReMix"]
SOURCES = {"binary": {"s1": (0.05, 0.01), "s2": (0.05,), "s3": (0.01,)}, "multi-class": {"s4": (0.25,)}}

# G-mean of the five methods and the control on each problem, and the ranks of the five.
GM = {
    ("s1", 0.05): ([0.5, 0.6, 0.7, 0.4, 0.8, 0.55], [4, 3, 2, 5, 1]),
    ("s1", 0.01): ([0.2, 0.2, 0.3, 0.1, 0.6, 0.1], [3.5, 3.5, 2, 5, 1]),
    ("s2", 0.05): ([0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [3, 3, 3, 3, 3]),
    ("s3", 0.01): ([0.1, 0.5, 0.4, 0.3, 0.2, 0.6], [5, 1, 2, 3, 4]),
    ("s4", 0.25): ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [5, 4, 3, 2, 1]),
}
ORDER = [*NAMES, CONTROL.name]


@pytest.fixture
def frame(made_up):
    """Repeats differ by 0.02 and folds by 0.04, alike for all methods, around the means of `GM`."""

    def g_mean(kind, source, ratio, method, repeat, fold):
        return GM[source, ratio][0][ORDER.index(method)] + 0.02 * (repeat - 0.5) + 0.04 * (fold - 0.5)

    return made_up(SOURCES, ORDER, g_mean=g_mean, bbs=lambda *key: 1 - g_mean(*key), brier=lambda *key: 0.25)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(ranking, "_DRAWS", 20)


# The paper's numbers


def test_the_printed_sums_add_up():
    """Ranks 1 to 5 on each of 18 and 9 cells add up to 270 and 135; the paper's second column is off by two."""
    assert tables.PRINTED.sum().to_dict() == {
        ("binary", "g_mean"): 270,
        ("binary", "bbs"): 268,
        ("multi-class", "g_mean"): 135,
        ("multi-class", "bbs"): 135,
    }
    assert {kind: 15 * cells for kind, cells in tables.PRINTED_CELLS.items()} == {"binary": 270, "multi-class": 135}


# Table 2


@pytest.mark.parametrize("metric", ["g_mean", "bbs"])
def test_sums_and_means_of_ranks(frame, metric):
    """Balanced Brier is one less the G-mean here, and less is better: the ranks are the same."""
    table = tables.table2(frame, metric, "binary")
    ranks = np.array([of for (source, _), (_, of) in GM.items() if source != "s4"])
    assert table.index.tolist() == TITLES
    assert table["ours: sum (4 cells)"].tolist() == ["15.5", "10.5", "9", "16", "9"]
    assert table["ours: mean rank"].tolist() == [f"{mean:.2f}" for mean in ranks.mean(axis=0)]
    printed = {"g_mean": ["65", "70", "36", "77", "22"], "bbs": ["63", "66", "54", "63", "22"]}[metric]
    assert table["paper: sum (18 cells)"].tolist() == printed
    assert table["paper: mean rank"].tolist() == [f"{int(total) / 18:.2f}" for total in printed]


def test_ranks_with_the_weights_ignored(frame):
    """With the control in the place of Cost adjusted."""
    found = tables.table2(frame, "g_mean", "multi-class")
    assert found["ours: mean rank"].tolist() == ["5.00", "4.00", "3.00", "2.00", "1.00"]
    assert found["mean rank, weights ignored"].tolist() == ["5.00", "1.00", "4.00", "3.00", "2.00"]
    ignored = tables.table2(frame, "g_mean", "binary")["mean rank, weights ignored"]
    assert ignored["MixUp"] == f"{(5 + 4.5 + 3 + 3) / 4:.2f}"


def test_intervals_of_mean_ranks_stay_within_the_ranks(frame):
    texts = tables.table2(frame, "g_mean", "binary")["95% interval"]
    ends = [[float(end) for end in text.split(" to ")] for text in texts]
    means = tables.table2(frame, "g_mean", "binary")["ours: mean rank"].astype(float)
    assert all(1 <= low <= mean <= high <= 5 for (low, high), mean in zip(ends, means))
    assert set(tables.table2(frame, "g_mean", "multi-class")["95% interval"]) == {"– to –"}  # a single source


def test_the_sentence_on_tests(frame):
    assert tables.tests_sentence(frame, "g_mean", "multi-class") == (
        "Ranks over the multi-class cells by GM: one source, so there is no test."
    )
    means = pd.DataFrame({key: of[:5] for key, (of, _) in GM.items() if key[0] != "s4"}, index=NAMES).T
    result = friedman_nemenyi(means.groupby(level=0).mean())
    sentence = tables.tests_sentence(frame, "g_mean", "binary")
    assert sentence.startswith("GM, binary: Friedman's test over 3 sources, each with its mean over ratios, has p = ")
    assert f"p = {result.pvalue:.3f}; Nemenyi's critical difference is {result.critical_difference:.2f}" in sentence
    assert sentence.endswith("tells apart: no two methods.")


def test_the_sentence_names_who_is_told_apart(made_up):
    sources = {"binary": {f"s{i}": (0.05,) for i in range(8)}}
    frame = made_up(sources, g_mean=lambda kind, s, r, method, *_: NAMES.index(method))
    sentence = tables.tests_sentence(frame, "g_mean", "binary")
    assert "Baseline and ReMix (p = 0.000)" in sentence and "Baseline and Cost adjusted" not in sentence


# Scores, extensions, gains


def test_scores_of_every_cell(frame):
    table = tables.values(frame, "g_mean", "binary", list(tables.TITLES))
    deviation = np.std([sum(pair) for pair in [(-0.01, -0.02), (-0.01, 0.02), (0.01, -0.02), (0.01, 0.02)]], ddof=1)
    assert table.columns.tolist() == [*TITLES, "Baseline, other seeds"]
    assert table.index.tolist() == ["s1-binary-0.05", "s1-binary-0.01", "s2-binary-0.05", "s3-binary-0.01"]
    assert table.loc["s1-binary-0.05", "ReMix"] == f"0.800 ± {deviation:.3f}"
    gone = frame[~((frame["problem"] == "s2-binary-0.05") & (frame["method"] == "mixup"))]
    assert tables.values(gone, "g_mean", "binary", list(tables.TITLES)).loc["s2-binary-0.05", "MixUp"] == "–"


def test_the_columns_that_the_paper_lacks(frame):
    """Six methods; the control's ranks among them."""
    table = tables.extended(frame, "multi-class")
    assert table.index.tolist() == [*TITLES, "Baseline, other seeds"]
    assert table["GM, mean of 1 cells"].tolist() == [f"{v:.3f}" for v in GM["s4", 0.25][0]]
    assert table["GM, mean rank"].tolist() == [f"{rank:.2f}" for rank in (6, 5, 4, 3, 2, 1)]
    assert set(table["Brier, mean rank"]) == {"3.50"}
    assert set(tables.TITLES) == {*NAMES, CONTROL.name, REMIX_DATASET.name, PRIOR_CORRECTED, BOOSTING}


def test_gains_by_ratio(frame):
    table = tables.gains(frame, "g_mean", "binary")
    assert table.columns.tolist() == ["0.05", "0.01", "All"]
    assert table.index.tolist() == NAMES[1:]
    gain = {key: np.subtract(of[1:5], of[0]) for key, (of, _) in GM.items()}
    np.testing.assert_allclose(table["0.05"], (gain["s1", 0.05] + gain["s2", 0.05]) / 2, atol=1e-12)
    np.testing.assert_allclose(table["0.01"], (gain["s1", 0.01] + gain["s3", 0.01]) / 2, atol=1e-12)
    np.testing.assert_allclose(table["All"], np.mean([gain[k] for k in gain if k[0] != "s4"], axis=0), atol=1e-12)
    lowered = tables.gains(frame, "bbs", "binary")  # less is better, so the gains have the same sign
    np.testing.assert_allclose(lowered, table, atol=1e-12)


def test_bars_are_the_gains(frame):
    figure = gain_bars(frame)
    kinds = ["binary", "multi-class"]
    expected = [tables.gains(frame, metric, kind) for metric in ("g_mean", "bbs") for kind in kinds]
    for panel, table in zip(figure.axes, expected, strict=True):
        heights = [bar.get_height() for bars in panel.containers for bar in bars]
        np.testing.assert_allclose(heights, table.to_numpy().ravel())
        assert [label.get_text() for label in panel.get_xticklabels()] == table.columns.tolist()
    binary = frame[frame["kind"] == "binary"]
    assert len(gain_bars(binary).axes) == 2


@pytest.mark.parametrize("n_repeats", [1, 3])
def test_curves_are_means_with_intervals_from_the_folds(made_up, noise, n_repeats):
    methods = ["remix@0.01", "remix", "remix@0.4", "remix@500"]  # the last is trained for longer: no alpha
    frame = made_up({"binary": {"musk2": (0.05, 0.01)}}, methods, n_repeats, g_mean=noise, bbs=noise)
    panels = alpha_curves(frame, {"musk2-binary": "Musk"}).axes
    for panel, metric in zip(panels, ("g_mean", "bbs"), strict=True):
        for line, ratio in zip(panel.get_lines(), (0.01, 0.05), strict=True):
            part = frame[frame["ratio"] == ratio]
            assert line.get_xdata().tolist() == [0.01, 0.1, 0.4]
            np.testing.assert_allclose(
                line.get_ydata(), [part.loc[part["method"] == m, metric].mean() for m in methods[:3]]
            )
        assert len(panel.collections) == (0 if n_repeats == 1 else 2)
    if n_repeats > 1:
        first = frame[(frame["ratio"] == 0.01) & (frame["method"] == "remix@0.01")]
        _, low, high = corrected_interval(first["g_mean"], test_share=0.5)
        ends = panels[0].collections[0].get_paths()[0].vertices
        at_first = ends[np.isclose(ends[:, 0], 0.01), 1]
        assert (at_first.min(), at_first.max()) == pytest.approx((low, high))


# Table 1

APS = Source("APS", "aps_failure", ("pos",), (0.01,), (171, 60000))


def test_table1_has_what_is_there_beside_what_is_printed_and_names_what_is_missing(stand_ins):
    found = stand_ins()[1:4]
    stand_ins(
        (*(dict.fromkeys(p.source for p in found)), Source("APS", "aps_failure", ("pos",), (0.01,), (171, 60000)))
    )
    table = tables.table1(found).reset_index().to_dict("records")
    assert table[0] == {
        "data set": "Digits",
        "kind": "binary",
        "cut down": "1",
        "N+/N-": "0.05",
        "dim (paper)": "64",
        "instances (paper)": "1,797",
        "dim": "missing",
        "rows before the cut": "missing",
        "rows": "missing",
        "rows of each class as built": "missing",
    }
    assert table[1] == table[0] | {
        "N+/N-": "0.025",
        "dim": "64",
        "rows before the cut": "1,797",
        "rows": "1,655",
        "rows of each class as built": "1: 40, rest: 1,615",
    }
    assert [(row["data set"], row["rows"]) for row in table] == [
        ("Digits", "missing"),
        ("Digits", "1,655"),
        ("Musk", "148"),
        ("Musk", "142"),
        ("APS", "missing"),
    ]


def test_table1_without_any_set(stand_ins):
    stand_ins((APS,))
    assert tables.table1([]).to_dict("records") == [
        {"kind": "binary", "cut down": "pos", "N+/N-": "0.01", "dim (paper)": "171", "instances (paper)": "60,000"}
    ]


# Longer training


def test_longer_training_is_a_paired_difference(made_up):
    score = {"remix": 0.5, "remix@500": 0.6, "baseline": 0.4, "baseline@500": 0.3}
    frame = made_up(
        {"binary": {"s1": (0.025,), "s2": (0.025,)}},
        score,
        g_mean=lambda kind, s, r, method, repeat, fold: score[method] + 0.1 * repeat,
        bbs=lambda kind, s, r, method, repeat, fold: 0.1 + 0.01 * fold * method.endswith("@500"),
    )
    frame = frame[~((frame["source"] == "s2") & frame["method"].str.endswith("@500"))]
    table = study.longer(frame)
    assert table.index.tolist() == ["s1-binary-0.025"] * 2
    assert table["method"].tolist() == ["Baseline", "ReMix"]
    assert table["GM, fewer"].tolist() == ["0.450", "0.550"]
    assert table["GM, 500"].tolist() == ["0.350", "0.650"]
    assert table["GM, change"].tolist() == ["−0.100 (−0.100 to −0.100)", "0.100 (0.100 to 0.100)"]
    mean, low, high = corrected_interval([0, 0.01, 0, 0.01], test_share=0.5)
    assert table["BBS, change"].iloc[1] == f"{mean:.3f} ({low:.3f} to {high:.3f})".replace("-", "−")
    assert study.longer(frame[~frame["method"].str.endswith("@500")]) is None
