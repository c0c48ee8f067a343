"""What is said of scores: hand values."""

import numpy as np
import pandas as pd
import pytest

from equipoise_reproductions.smotified_gan import findings, plots, tables
from equipoise_reproductions.smotified_gan.results import AUTHORS, SOUND, gains, means

RISE = {"none": 0.0, "smote": 0.4, "svm-smote": 0.3, "gan": 0.5, "smotified-gan": 0.6, "ssg": 0.1}


def rule(name, fold, loss, method, repeat):
    """Made rows help under the authors' loss, half as much under the logistic one, and not at all on folds."""
    if fold:
        return 0.5 + 0.01 * fold * (method == "smotified-gan")
    return RISE[method] * (1 if loss == "mae" else 0.5) + 0.2 * (loss == "logistic") + 0.1 * repeat * (method != "none")


def test_means_and_gains(scored):
    scores = scored(rule)
    assert means(scores, AUTHORS, "mae").loc["ecoli4"].tolist() == pytest.approx([0, 0.45, 0.35, 0.55, 0.65, 0.15])
    assert list(means(scores, SOUND, "logistic")) == ["none", "smote", "svm-smote", "gan", "smotified-gan"]
    assert gains(scores, "ecoli4", "smotified-gan", "smote").tolist() == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05])
    interval = tables.over_folds(scores, "ecoli4", "none")
    half = 2.776 * np.sqrt((1 / 5 + 0.2 / 0.8) * 0.00025)  # Student's t of four degrees of freedom
    assert interval == pytest.approx((0.03, 0.03 - half, 0.03 + half), abs=1e-4)


def test_nearness_to_the_notebooks(scored, stand_ins):
    near = tables.nearness(scored(rule), stand_ins.sources[:2])
    assert near.loc["Ionosphere", ["none", "smote", "smotified-gan"]].tolist() == pytest.approx([-0.9, -0.05, 0.15])
    assert near["within"].tolist() == [False, None] and near["below"].tolist() == [True, True]
    assert findings.nearness_found(near) == (
        "All methods that are printed are within the tolerance on 0 of 1 sets with a notebook; the untreated network "
        "is below SMOTE on 2 of 2. Outside: Ionosphere."
    )
    printed = tables.nearness_table(near)
    assert printed.loc["Ionosphere"].tolist() == ["−0.900", "−0.050", "+0.150", "no (±0.1)", "yes"]
    assert printed.loc["ecoli4"].tolist() == ["–", "–", "–", "–", "yes"]


def test_what_is_left_of_the_gain(scored, stand_ins):
    scores = scored(rule)
    first, over_none, over_smote, *_, leaders, deviations = findings.gains_found(scores)
    assert "untreated network +0.200 of F1, mean over 2 sets" in first
    assert "100% of its networks never find a rare row, under the logistic loss 0%" in first
    assert "+0.650 with the authors' loss, +0.350 with the logistic one, +0.030 (95%" in over_none
    assert "average precision there +0.015 (95%" in over_smote
    assert "SMOTified-GAN on 2, of 2 sets; mean ranks: SMOTified-GAN 1.00" in leaders
    assert "is 0.071 (mean over the sets); over folds it is 0.016" in deviations
    table = tables.left_of_gain(scores, stand_ins.sources[:2], "none")
    assert table.iloc[0, :3].tolist() == ["−0.400", "+0.650", "+0.350"]
    assert table.iloc[1, 0] == "–" and table.iloc[0, 3].startswith("+0.030 (+0.00")


def test_intervals_that_leave_out_zero_are_named(scored):
    scores = scored(
        lambda name, fold, loss, method, repeat: 0.5 + 0.1 * (method == "smotified-gan") * (name == "ecoli4")
    )
    said = findings.gains_found(scores)[-3]
    assert "over SMOTE, better on ecoli4 and worse on none" in said


def test_tables_of_scores_and_of_made_rows(scored, stand_ins):
    scores = scored(rule)
    beside = tables.beside(scores, stand_ins.sources[:2])
    assert beside.index.tolist()[:2] == ["Ionosphere: notebook", "Ionosphere: ours, mean absolute error"]
    assert beside.loc["Ionosphere: notebook"].tolist()[:3] == ["0.900 ± 0.100", "0.500 ± 0.100", "–"]
    assert beside.loc["ecoli4: ours, logistic loss", "SMOTE"] == "0.450 ± 0.071"
    without = tables.beside(scores[scores["method"] != "ssg"], stand_ins.sources[:2])
    assert set(without["SSG"]) == {"–"} and without["SMOTE"].equals(beside["SMOTE"])
    assert tables.on_folds(scores, "f1").loc["ecoli4", "SMOTified-GAN"] == "0.530 ± 0.016"
    health = pd.DataFrame(
        [
            {
                "set": "ecoli4",
                "split": split,
                "fold": fold,
                "method": method,
                "two_sample_accuracy": accuracy,
                "spread_ratio": spread,
                "unreachable": 0.25,
            }
            for split, folds in ((AUTHORS, [0]), (SOUND, [1, 2]))
            for fold in folds
            for method, accuracy, spread in (
                ("smote", 0.3, 0.8),
                ("gan", 0.95, 0.4),
                ("smotified-gan", 0.6 + fold / 10, 1),
            )
        ]
    )
    assert tables.health_table(health, SOUND).loc["ecoli4"].tolist() == ["0.30 / 0.80", "0.95 / 0.40", "0.75 / 1.00"]
    authors, repaired = findings.health_found(health)
    assert "GAN (= GBO) 0.95 to 0.95 (median 0.95; 0.9 or more on 1 of 1 sets, spread below 0.5 on 1)" in authors
    assert "SMOTified-GAN 0.75 to 0.75" in repaired
    assert findings.out_of_reach(health) == "Values of the rare class outside 0 to 1: ecoli4 25%."


def test_counts_that_differ_are_named(stand_ins):
    wine, made = stand_ins.sources[:2]
    counts = {wine.title: wine.counts, made.title: (98, 29, 30, 2)}
    assert findings.counts_found([wine, made], counts).endswith("on 1 of 2 sets, but not on ecoli4.")
    assert findings.few_tested(counts) == "Rare rows that are tested: Ionosphere 10 and ecoli4 2."


def test_the_plot_has_a_mark_for_every_score(scored):
    panels = plots.f1_dots(scored(rule)).axes
    assert [len(panel.lines) for panel in panels] == [4, 4, 4]
    smotified = panels[0].lines[3]
    assert smotified.get_xdata().tolist() == pytest.approx([0.65, 0.65])
