"""The numbers of rows that are planned give what they promise, in simulations; tolerances come from the draws."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, norm
from sklearn.metrics import average_precision_score

from equipoise.cli import main
from equipoise.experiments.sample_size import (
    CHANCE,
    counted_for,
    logit_interval,
    needs,
    paired_positives,
    rows_with,
    wilson,
)


def slack(share, draws):
    """Four standard errors of a share of so many draws."""
    return 4 * np.sqrt(share * (1 - share) / draws)


@given(st.integers(1, 500), st.data())
def test_wilson_is_scipys(n, data):
    hits = data.draw(st.integers(0, n))
    expected = binomtest(hits, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(hits / n, n), (expected.low, expected.high), atol=1e-12)


@given(st.floats(0.02, 0.98), st.floats(0.01, 0.2))
def test_no_fewer_rows_would_do(value, margin):
    n = counted_for(wilson, value, margin)
    low, high = wilson(value, n)
    assert (high - low) / 2 <= margin
    if n > 1:
        low, high = wilson(value, n - 1)
        assert (high - low) / 2 > margin


@pytest.mark.parametrize("recall", [0.5, 0.8, 0.95])
def test_intervals_of_a_recall_cover_it_and_have_the_width(recall):
    draws, rng = 4000, np.random.default_rng(0)
    n = counted_for(wilson, recall, 0.05)
    found = rng.binomial(n, recall, draws) / n
    low, high = np.array([wilson(share, n) for share in found]).T
    assert np.mean((low <= recall) & (recall <= high)) > 0.94 - slack(0.95, draws)
    assert np.mean(high - low) / 2 == pytest.approx(0.05, rel=0.03)


def test_so_many_rows_hold_the_positive_ones():
    draws, rng = 4000, np.random.default_rng(0)
    for counted, prior in ((245, 0.01), (20, 0.3)):
        enough = rng.binomial(rows_with(counted, prior), prior, draws) >= counted
        assert CHANCE - slack(CHANCE, draws) <= enough.mean() < CHANCE + slack(CHANCE, draws) + 0.03


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_intervals_of_an_average_precision_cover_it(shift):
    rng, prior, draws = np.random.default_rng(0), 0.1, 400

    def score(n_positive):
        truth = np.repeat([1, 0], [n_positive, round(n_positive * (1 - prior) / prior)])
        return average_precision_score(truth, rng.normal(size=len(truth)) + shift * truth)

    true = np.mean([score(20_000) for _ in range(3)])
    n = counted_for(logit_interval, true, 0.06)
    ends = np.array([logit_interval(score(n), n) for _ in range(draws)])
    covered = np.mean((ends[:, 0] <= true) & (true <= ends[:, 1]))
    assert covered > 0.93 - slack(0.95, draws)


@pytest.mark.parametrize(("difference", "discordant"), [(0.05, 0.15), (0.1, 0.3)])
def test_a_planned_comparison_has_its_power(difference, discordant):
    draws, rng = 4000, np.random.default_rng(0)
    n = paired_positives(0.8, difference, discordant)
    shares = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    only_one, only_other, _ = rng.multinomial(n, shares, draws).T
    z = (only_one - only_other) / np.sqrt(np.maximum(only_one + only_other, 1))
    power = np.mean(np.abs(z) > norm.ppf(0.975))
    assert power == pytest.approx(CHANCE, abs=slack(CHANCE, draws) + 0.01)


def test_what_cannot_be_is_refused():
    good = {"recall": 0.8, "precision": 0.3, "average_precision": 0.5, "margin": 0.05, "difference": 0.05}
    with pytest.raises(ValueError, match="The margin must be above 0 and below 1"):
        needs(0.01, **{**good, "margin": 0.0})
    with pytest.raises(ValueError, match="more alarms than there are rows"):
        needs(0.6, **{**good, "precision": 0.3})
    with pytest.raises(ValueError, match="discordant must be from the difference"):
        paired_positives(0.8, 0.2, 0.1)


def test_the_command_tells_them(capsys):
    main(["plan", "--prior", ".01", "--recall", ".8", "--margin", ".05"])
    said = capsys.readouterr().out
    assert "recall 0.8 ± 0.05" in said
    assert "26,516" in said
    assert max(map(len, said.splitlines()[:6])) <= 80
    assert "Wilson 1927" in said and "Connor 1987" in said and "says little" not in said


def test_the_command_measures_a_pilot(capsys, tmp_path):
    rng = np.random.default_rng(0)
    fraud = rng.random(400) < 0.15
    table = np.column_stack([rng.normal(size=(400, 2)) + fraud[:, None], fraud.astype(int)])
    np.savetxt(tmp_path / "pilot.csv", table, delimiter=",", header="a,b,y", comments="", fmt="%.6g")
    main(["plan", str(tmp_path / "pilot.csv"), "--target", "y"])
    said = capsys.readouterr().out
    assert "Boosting on held-out rows: precision" in said
    assert "The pilot has 400 rows" in said


def test_an_interval_wider_than_the_value_is_no_promise(capsys, tmp_path):
    rng = np.random.default_rng(0)
    fraud = rng.random(900) < 0.05
    table = np.column_stack([rng.normal(size=(900, 2)), fraud.astype(int)])
    np.savetxt(tmp_path / "pilot.csv", table, delimiter=",", header="a,b,y", comments="", fmt="%.6g")
    pilot = ["plan", str(tmp_path / "pilot.csv"), "--target", "y"]
    main(pilot)
    said = " ".join(capsys.readouterr().out.split())
    promised = said.partition("The pilot has 900 rows: ")[2]
    assert promised and "precision" not in promised
    [margin] = re.findall(r"says little \(precision .*: give a smaller margin, such as --margin ([\d.]+)\.", said)
    main([*pilot, "--margin", margin])
    assert "says little" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Give the share of the class that matters"),
        (["--prior", "2"], "Must be above 0 and below 1"),
        (["pilot.csv"], "--target NAME"),
    ],
)
def test_the_command_refuses_what_does_not_serve(options, sentence):
    with pytest.raises(SystemExit, match=sentence):
        main(["plan", *options])
