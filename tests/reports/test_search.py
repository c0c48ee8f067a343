"""The chart of a search: every step in its place, accepted apart from rejected, a line a restart."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from equipoise.reports.search import search_chart, search_figure
from equipoise.reports.svg import SERIES, inline


def history(**changes):
    """Two restarts: one rejects its second step and ends, the other goes on."""
    frame = pd.DataFrame(
        {
            "restart": [0, 0, 0, 1, 1, 1, 1],
            "step": [1, 2, 3, 1, 2, 3, 4],
            "proposed": 5,
            "accepted": [True, False, True, True, True, True, False],
            "objective": [0.5, 0.6, 0.4, 0.6, 0.5, 0.45, 0.7],
            "size": [5, 5, 10, 5, 10, 15, 15],
        }
    )
    return frame.assign(**changes)


def points(line):
    return list(zip(*(values.tolist() for values in line.get_data()), strict=True))


def test_accepted_steps_are_joined_and_rejected_ones_are_crosses():
    above, _ = search_chart(history()).axes
    lines = [line for line in above.lines if line.get_marker() == "o"]
    crosses = [line for line in above.lines if line.get_marker() == "x"]
    assert [points(line) for line in lines] == [[(1, 0.5), (3, 0.4)], [(1, 0.6), (2, 0.5), (3, 0.45)]]
    assert [points(line) for line in crosses] == [[(2, 0.6)], [(4, 0.7)]]
    assert all(line.get_linestyle() == "None" for line in crosses)
    assert to_hex(lines[0].get_color()) != to_hex(crosses[0].get_color())


def test_sizes_are_steps_from_nothing_and_end_with_a_dot():
    _, below = search_chart(history()).axes
    lines = [line for line in below.lines if line.get_drawstyle() == "steps-post"]
    ends = [line for line in below.lines if line.get_marker() == "o"]
    assert [points(line) for line in lines] == [
        [(0, 0), (1, 5), (2, 5), (3, 10)],
        [(0, 0), (1, 5), (2, 10), (3, 15), (4, 15)],
    ]
    assert [points(line) for line in ends] == [[(3, 10)], [(4, 15)]]


def test_rows_of_a_history_may_come_in_any_order():
    first, second = (search_chart(h).axes[0].lines for h in (history(), history().sample(frac=1, random_state=0)))
    assert [points(line) for line in first] == [points(line) for line in second]


@pytest.mark.parametrize(("last", "scale"), [(0.7, "linear"), (70.0, "log"), (-0.7, "linear")])
def test_a_wide_range_of_positive_objectives_is_logarithmic(last, scale):
    objectives = [0.5, 0.6, 0.4, 0.6, 0.5, 0.45, last]
    assert search_chart(history(objective=objectives)).axes[0].get_yscale() == scale


def test_the_legend_names_both_once():
    (legend,) = search_chart(history()).legends
    assert [text.get_text() for text in legend.texts] == ["accepted (one line per restart)", "rejected"]


def test_a_chart_to_keep_has_real_colours_and_a_page_its_own():
    drawn = io.BytesIO()
    search_chart(history()).savefig(drawn, format="svg")
    assert not any(colour in drawn.getvalue().decode() for colour in ("#000001", "#000002", *SERIES))
    assert "var(--series-1)" in inline(search_figure(history()), "name", "label")


def test_a_history_that_never_rejects_or_never_accepts():
    for accepted in (True, False):
        found = [line for line in search_chart(history(accepted=accepted)).axes[0].lines if len(line.get_xdata())]
        assert sum(len(line.get_xdata()) for line in found) == 7


def test_what_is_no_history_is_refused():
    with pytest.raises(ValueError, match="lacks the columns accepted and size"):
        search_chart(history().drop(columns=["accepted", "size"]))
    with pytest.raises(ValueError, match="is empty"):
        search_chart(history()[:0])


def test_missing_objectives_leave_a_gap():
    values = history()["objective"].where(history()["step"] != 2, np.nan)
    assert len(search_chart(history(objective=values)).axes) == 2
