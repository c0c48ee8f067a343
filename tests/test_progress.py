"""Progress on a terminal, and as lines in a file."""

import io
import re

import pytest
from rich.console import Console

from equipoise import progress
from equipoise.deadline import Deadline


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def lines():
    """Lines of a run with a time limit of 10 minutes, and their clock."""
    clock, file = Clock(), io.StringIO()
    shown = progress._Lines(Console(file=file, width=80), Deadline(600, clock), clock)
    yield shown, clock, lambda: file.getvalue().splitlines()
    shown.stop()


def test_a_file_gets_a_line_at_each_stage_and_at_its_end(lines):
    shown, clock, written = lines
    shown.advance("reading", 0, 0)
    clock.now = 2.0
    for done in (0, 1, 2, 3, 4):
        shown.advance("training", 100 * done, 400)
        clock.now += 20.0
    assert written() == [
        "00:00 Reading, checking, limit in 10 min 0 s",
        "00:02 Training networks, 0 of 400, limit in 9 min 58 s",
        "01:22 Training networks, 400 of 400, limit in 8 min 38 s",
    ]


def test_a_line_between_stages_tells_the_time_left_by_the_pace(lines):
    shown, clock, written = lines
    shown.advance("training", 0, 400)
    clock.now = 30.0
    shown.advance("training", 100, 400)
    shown.write()  # as its thread does every half minute
    assert written()[-1] == "00:30 Training networks, 100 of 400, 1 min 30 s left, limit in 9 min 30 s"


def test_the_time_left_counts_down_and_then_is_a_bound(lines):
    """A step that takes long makes the pace unknown: what is left is then said to be a bound."""
    shown, clock, written = lines
    shown.advance("alone", 0, 10)
    clock.now = 40.0
    shown.advance("alone", 4, 10)  # 10 s a step
    said = []
    for clock.now in (45.0, 55.0, 75.0):
        shown.write()
        said.append(written()[-1].split(", ")[2])
    assert said == ["55 s left", "45 s left", "at least 1 min 52 s left"]


def test_the_stage_of_work_of_no_known_size_is_told(lines):
    shown, clock, written = lines
    shown.advance("fitting", 0, 0)
    clock.now = 30.0
    shown.tell("fitting", "fold 2 of 3: boosting", 0.0)
    shown.write()
    assert written() == [
        "00:00 Fitting, limit in 10 min 0 s",
        "00:30 Fitting, fold 2 of 3: boosting, limit in 9 min 30 s",
    ]


def test_a_stage_that_knows_its_share_tells_about_how_much_time_is_left(lines):
    shown, clock, written = lines
    shown.advance("fitting", 0, 0)
    said = []
    for clock.now in (30.0, 40.0, 130.0):
        shown.tell("fitting", "all rows", 0.25)
        shown.write()
        said.append(written()[-1].split(", ")[2])
    assert said == ["about 1 min 30 s left", "about 1 min 20 s left", "little left"]


def test_bars_fit_80_columns_and_stages_pass():
    file = io.StringIO()
    with progress.ProgressBars(Console(file=file, width=80, force_terminal=True, color_system=None)) as bars:
        bars.advance("reading")
        bars.advance("training", 1_234_567, 3_456_789)
        bars.say("remix is left out")
    shown = file.getvalue()
    assert "remix is left out" in shown and "Reading" in shown
    last = shown.splitlines()[-2]
    assert "Training networks" in last and "1,234,567 of 3,456,789 0:00:00 passed" in last
    assert "left" not in last  # before the pace tells
    assert "Reading" not in last and len(re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", last)) <= 80


def test_nothing_done_prints_nothing():
    file = io.StringIO()
    with progress.ProgressBars(Console(file=file, width=80)):
        pass
    assert file.getvalue() == ""
