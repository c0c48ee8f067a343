"""Verdicts follow from estimates and their intervals, and from nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.experiments.statistics import Interval
from equipoise_reproductions.claims import FAILS, HOLDS, IN_PART, UNTESTED, Claim, Statement, as_markdown

YES, MAYBE, UNLIKELY, NO = (1, 0.5, 1.5), (1, -0.5, 2.5), (-1, -2.5, 0.5), (-1, -1.5, -0.5)
ZERO, ALONE = (0, 0, 0), (1, math.nan, math.nan)


def claim(*values):
    return Claim("X1", "A claim.", "Table 9", [Statement(f"number {i}", Interval(*v)) for i, v in enumerate(values)])


@pytest.mark.parametrize(
    ("value", "holds", "sure"),
    [
        (YES, True, True),
        (MAYBE, True, False),
        (UNLIKELY, False, False),
        (NO, False, True),
        (ZERO, False, False),  # equal is not better
        ((1, 0, 2), True, False),  # an interval that touches zero leaves it open
        (ALONE, True, False),  # no interval, no certainty
    ],
)
def test_a_statement(value, holds, sure):
    statement = Statement("a number", Interval(*value))
    assert (statement.holds, statement.sure) == (holds, sure)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([], UNTESTED),
        ([YES, YES], HOLDS),
        ([YES, MAYBE], IN_PART),
        ([MAYBE], IN_PART),
        ([YES, NO], IN_PART),
        ([MAYBE, NO, NO], IN_PART),
        ([UNLIKELY, NO], FAILS),
        ([UNLIKELY], FAILS),
        ([ZERO], FAILS),
        ([ALONE], IN_PART),
    ],
)
def test_a_verdict(values, verdict):
    assert claim(*values).verdict == verdict


@given(st.lists(st.sampled_from([YES, MAYBE, UNLIKELY, NO, ZERO, ALONE]), max_size=6))
def test_any_claim(values):
    means, sure = [v[0] for v in values], [v[1] > 0 or v[2] < 0 for v in values]
    judged = claim(*values)
    assert (judged.verdict == UNTESTED) == (not values)
    assert (judged.verdict == HOLDS) == (bool(values) and all(m > 0 and s for m, s in zip(means, sure)))
    assert (judged.verdict == FAILS) == (bool(values) and max(means) <= 0)
    assert claim(*reversed(values)).verdict == judged.verdict


def test_the_summary_counts_what_is_told_apart_both_ways():
    assert claim(YES, YES, MAYBE, UNLIKELY, NO).summary == (
        "3 of 5 comparisons point the claimed way (2 significantly); 1 significantly the opposite way"
    )
    assert claim().summary == "There are no results for this claim"


def test_claims_as_markdown():
    sure = Claim("X2", "It is so.", "Table 9", [Statement("rows left", Interval(3.0, 2.0, 4.0))], "All.")
    open_claim = Claim(
        "X3",
        "It is so.",
        "Table 9",
        [Statement("first", Interval(0.5, 0.1, 0.9)), Statement("second", Interval(-0.25, -1.0, 0.5))],
    )
    untested = Claim("X4", "It is so.", "Table 9", [])
    lines = as_markdown([sure, open_claim, untested], "equipoise reproduce x").splitlines()
    assert all(line.count("|") == 7 for line in lines) and len(lines) == 5
    assert "**holds** | 1 of 1 comparisons point the claimed way" in lines[2]
    assert "Least: rows left: 3.000 (2.000 to 4.000). | All. |" in lines[2]
    assert "**holds in part**" in lines[3] and "Least: second: −0.250 (−1.000 to 0.500)." in lines[3]
    assert "**cannot be tested**" in lines[4] and lines[4].endswith("| `equipoise reproduce x` |")
