"""Labels that cannot harm a page, numbers that say what they mean."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import text as numbers
from equipoise.reports import text
from equipoise.text import listed

anything = st.text(st.characters(exclude_categories=()))


@given(anything, st.integers(2, 40))
def test_short_is_one_printable_line_within_the_limit(label, limit):
    shown = text.short(label, limit)
    assert 0 < len(shown) <= max(limit, len("(blank)"))
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in shown)
    shown.encode("utf-8")


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_can_be_printed_stays(label):
    assert text.clean(label) == label


def test_marks_that_turn_the_writing_are_shown():
    assert text.clean("a\u202eb\u2066") == "a\ufffdb\ufffd"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.number(0.12349), "0.123"),
        (numbers.number(float("nan")), "–"),
        (numbers.number(-0.5), "−0.500"),
        (numbers.signed(0.0104), "+0.010"),
        (numbers.signed(-0.0104), "−0.010"),
        (numbers.signed(-0.0004), "0.000"),
        (numbers.between(0.1, 0.25), "0.100 to 0.250"),
        (numbers.between(float("nan"), float("nan")), "–"),
        (numbers.count(12345), "12,345"),
        (numbers.count(2.5), "2.5"),
        (numbers.percent(0.5), "50%"),
        (numbers.percent(0.00172), "0.17%"),
        (numbers.percent(0.0), "0%"),
        (numbers.percent(0.0999), "10%"),
        (numbers.seconds(0.25), "0.25 s"),
        (numbers.seconds(59.9), "60 s"),
        (numbers.seconds(75.2), "1 min 15 s"),
        (numbers.seconds(7260.0), "2 h 1 min"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_as_written(written, expected):
    assert written == expected
