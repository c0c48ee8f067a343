"""Every subset of the three parts: what is trained, what is an effect and an interaction, and what the page says."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from equipoise import AutoBalance, ReMix
from equipoise.cli import main
from equipoise.datasets import split_target
from equipoise_reproductions.together import effects, study
from equipoise_reproductions.together.design import ARMS, NATURAL, PARTS, READINGS, SCORED, TERMS, TWICE


def table(name):
    X, y = make_classification(90, 4, n_informative=3, n_redundant=1, weights=[0.8], random_state=ord(name))
    return split_target(pd.DataFrame(X).rename(columns=str).assign(kind=np.where(y == 1, "rare", "common")), "kind")


def test_the_page_of_a_quick_run(serve, tmp_path, read, nothing_is_left_to_fit):
    serve(table, {name: name for name in ("a", "b")})
    out = tmp_path / "out"
    main(["reproduce", "together", "--quick", "--out", str(out)])
    page = read(out / "together.html")
    assert "A quick run" in page.text and "Should I combine them?" in page.text and len(page.plots) == 1
    found = pd.read_csv(out / "scores.csv")
    assert found.groupby("set")["method"].apply(set).map(lambda methods: methods == {*ARMS, TWICE}).all()
    assert found.drop(columns=["set", "family", "method"]).notna().all(axis=None)
    assert (found[f"{NATURAL}_average_precision"] == found["corrected_average_precision"]).all()

    nothing_is_left_to_fit()
    main(["reproduce", "together", "--quick", "--out", str(out)])
    assert read(out / "together.html").html == page.html


def test_arms_are_the_subsets_and_balanced_batches_are_known_to_the_search(made_by):
    for arm in study.arms(quick=False):
        made = made_by(arm)
        assert (made.sampler is not None) == ("mubo" in arm.name)
        assert isinstance(made.batch_transform, ReMix) == ("remix" in arm.name)
        assert isinstance(made.loss, AutoBalance) == ("autobalance" in arm.name)
        if "autobalance" in arm.name:
            assert made.loss.start == ("ce" if "remix" in arm.name and arm.name != TWICE else "la")


def made_up(worth, n=12):
    """Scores of sources in which a subset gains ``worth(parts)``, with a little chance."""
    rng, rows = np.random.default_rng(0), []
    for number in range(n):
        for arm in (*ARMS, TWICE):
            gain = worth(set(arm.split("+")) & set(PARTS))
            row = {"set": f"s{number}", "family": f"s{number}", "method": arm, "seconds": 1.0}
            for reading in READINGS:
                for name in SCORED:
                    down = name in ("balanced_brier", "log_loss")
                    row[f"{reading}_{name}"] = (-gain if down else gain) + 0.5 + rng.normal(0, 1e-4)
            rows.append(row)
    return pd.DataFrame(rows)


def gains(worth):
    found = effects.effects(made_up(worth))
    of_one = found[(found["reading"] == NATURAL) & (found["metric"] == "balanced_brier")]
    return of_one.set_index("term")


def test_what_adds_up_has_no_interaction():
    found = gains(lambda parts: 0.1 * ("mubo" in parts) - 0.05 * ("remix" in parts))
    assert found.loc["mubo", "gain"] == pytest.approx(0.1, abs=1e-3)
    assert found.loc["remix", "gain"] == pytest.approx(-0.05, abs=1e-3)
    assert found.loc[[t for t in TERMS if t not in ("mubo", "remix")], "gain"].abs().max() < 1e-3
    assert (found.loc[["mubo", "remix"], "p"] < 0.05).all()


def test_parts_that_replace_each_other_have_an_interaction_below_nought():
    found = gains(lambda parts: 0.1 * bool({"remix", "autobalance"} & parts))
    assert found.loc["remix", "gain"] == pytest.approx(0.05, abs=1e-3)  # 0.1 without the other, 0 with it
    assert found.loc["remix+autobalance", "gain"] == pytest.approx(-0.05, abs=1e-3)
    assert found.loc["remix+autobalance", "low"] < -0.049 < found.loc["remix+autobalance", "high"] + 0.002


@pytest.mark.parametrize(
    ("worth", "advice"),
    [
        (lambda parts: 0.1 * len(parts), "combine mubo and remix and autobalance where"),
        (lambda parts: 0.1 * ("remix" in parts) - 0.01 * len(parts), "So combine nothing where"),
    ],
)
def test_a_sum_is_advised_where_it_beats_all_that_it_is_made_of(worth, advice):
    scores = made_up(worth)
    found = effects.answers(scores, effects.effects(scores))
    assert len(found) == 5 and advice in found[-1]
