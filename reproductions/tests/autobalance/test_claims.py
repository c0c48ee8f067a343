"""Verdicts from made-up scores, and what the tables say of them."""

import numpy as np
import pandas as pd
import pytest

from equipoise_reproductions.autobalance import claims, tables
from equipoise_reproductions.autobalance.arms import DEFAULT, GROUPS, TABLES
from equipoise_reproductions.autobalance.splits import RETRAINED, SEARCHED, SHARES, SIDES


def made_up(error, seconds=lambda method: 1.0, n_sets=8, n_folds=3):
    """Scores by fold of sets; a method's error is a number of its own beside what is hard about the fold."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_sets):
        for fold in range(n_folds):
            hard = rng.uniform(0.2, 0.4)
            for arm in TABLES:
                value = hard + error(arm.name) + rng.normal(0, 1e-4)
                rows.append(
                    {
                        "set": f"s{number}",
                        "family": f"f{number}",
                        "method": arm.name,
                        "fold": fold,
                        "seconds": seconds(arm.name),
                        "balanced_error": value,
                        "balanced_brier": value,
                    }
                )
    return pd.DataFrame(rows)


def mean_scores(by_fold):
    return by_fold.drop(columns="fold").groupby(["set", "family", "method"], sort=False).mean().reset_index()


def verdicts(by_fold):
    judged = claims.table_claims(mean_scores(by_fold), by_fold, by_fold[by_fold["set"].isin(["s0", "s1", "s2"])])
    return {claim.name: claim for claim in judged}


@pytest.mark.parametrize(("sign", "verdict"), [(-1, "holds"), (1, "does not hold")])
def test_tables(sign, verdict):
    found = verdicts(made_up(lambda name: sign * 0.1 * (2 * name.startswith("autobalance-la") + ("-ce-" in name))))
    assert found["A1"].verdict == found["A2"].verdict == verdict
    assert len(found["A1"].statements) == 3 * 4 and len(found["A2"].statements) == 2 * (3 + 1)


def test_costs():
    by_fold = made_up(lambda name: 0.0, lambda name: {"none": 2.0, DEFAULT: 5.0}.get(name, 9.0))
    first, second = verdicts(by_fold)["A6"].statements
    assert first.value.mean == pytest.approx(5 / 2 - 4) and second.value.mean == pytest.approx(9 / 2 - 4)
    assert tables.costs(by_fold).loc["AutoBalance from LA, identity"].item() == "2.50"


@pytest.mark.parametrize(("gain", "said"), [(0.05, "is beaten"), (-0.05, "is not beaten"), (0.0, "is not beaten")])
def test_whether_la_is_beaten(gain, said):
    scores = mean_scores(made_up(lambda name: -gain * (name == DEFAULT)))
    assert f"LA with a tuned tau {said} by" in tables.is_la_beaten(scores)
    lines = tables.against_la(scores).reset_index()
    of_default = lines[lines.iloc[:, 1] == "AutoBalance from LA, identity"]
    if gain:
        assert of_default["better on"].tolist() == ["0 of 8" if gain > 0 else "8 of 8"] * 2


def group_frame(fair):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "method": arm.name,
                "fold": fold,
                **{
                    measure: 0.3 - (fair if arm.name == "blend-0.5" else 0.0) + rng.normal(0, 1e-3)
                    for measure in ("accuracy", "error", "cells", "worst", "deo")
                },
            }
            for arm in GROUPS
            for fold in range(3)
        ]
    )


def look_frame(values):
    return pd.DataFrame(
        [
            {
                "set": name,
                "fairness": "DEO",
                "share": share,
                "searched": searched,
                "seed": seed,
                "step": step,
                "side": side,
                "value": values(share, side) + 1e-3 * seed,
            }
            for name in ("adult", "letter")
            for share in SHARES
            for searched in SEARCHED
            for seed in range(4)
            for step in (1, 2)
            for side in (*SIDES, RETRAINED)
        ]
    )


def test_groups_and_splits():
    as_claimed = look_frame(
        lambda share, side: {"training": 0.0, "validation": 0.3}.get(side, 0.35 - SHARES[share] / 4)
    )
    fair, split = claims.group_claims(group_frame(0.1), as_claimed)
    assert fair.verdict == "holds" and len(fair.statements) == 9
    assert split.verdict == "holds" and len(split.statements) == 2 * 3
    sides = {"training": 0.3, "validation": 0.0}
    reverse = look_frame(lambda share, side: sides.get(side, 0.35 + SHARES[share] / 4))
    fair, split = claims.group_claims(group_frame(-0.1), reverse)
    assert fair.verdict == split.verdict == "does not hold"


def test_the_end_of_searches_is_shown():
    table = tables.splits(look_frame(lambda share, side: 0.25), "letter")
    assert len(table) == 12 and table.loc["1/8", "test"].tolist() == ["0.252"] * 4
