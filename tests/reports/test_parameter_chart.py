"""The chart of a searched loss's parameters draws what the history holds."""

import numpy as np
import pandas as pd
import pytest
import torch

from equipoise import AutoBalance
from equipoise.bilevel.outer_objectives import Blend
from equipoise.networks import MLPStack
from equipoise.reports.parameter_chart import parameter_chart
from equipoise.reports.svg import drawing, inline


@pytest.fixture
def searched():
    """Make the history of five outer steps."""

    def make(counts, lead=(), **parameters):
        torch.manual_seed(0)
        counts = torch.tensor(counts)
        K, group = counts.shape[len(lead)], counts.ndim - len(lead) == 2
        model = MLPStack((4, K), *lead) if lead else torch.nn.Linear(4, K)
        search = AutoBalance(warm_up=0, interval=1, **parameters).begin(model, counts)
        for _ in range(5):
            x, y, g = torch.randn(*lead, 60, 4), torch.randint(K, (*lead, 60)), torch.randint(2, (*lead, 60))
            batch = (x, y, g) if group else (x, y)
            search.loss(model(x), *batch[1:])
            search.step([batch], [batch])
        return search.history

    return make


def drawn(axes):
    return {tuple(line.get_ydata().round(12)) for line in axes.lines}


def expected(history, name, by):
    rows = history[history["parameter"] == name]
    return {tuple(rows.round(12)["value"]) for _, rows in rows.sort_values("step").groupby(by)}


def test_a_panel_a_parameter_that_changed_and_a_line_a_class(searched):
    history = searched([50, 30, 20])
    figure = parameter_chart(history)
    assert [axes.get_ylabel() for axes in figure.axes] == ["offset", "multiplier"]
    for axes, name in zip(figure.axes, ("offset", "delta")):
        assert drawn(axes) == expected(history, name, "class")
        assert [text.get_text() for text in axes.texts] == [" 0", " 1", " 2"]
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), range(6))


def test_groups_have_lines_of_their_own(searched):
    history = searched([[50, 5], [30, 20]], objective=Blend("balanced", "deo", 0.5), parameters=("w",))
    (axes,) = parameter_chart(history).axes
    assert drawn(axes) == expected(history, "w", ["class", "group"])
    assert axes.texts[1].get_text() == " 0, group 1"


def test_of_replicas_the_mean_is_drawn(searched):
    history = searched([[50, 30, 20], [10, 60, 30]], lead=(2,), parameters=("offset",))
    mean = history.groupby(["step", "parameter", "class"], as_index=False)["value"].mean()
    (axes,) = parameter_chart(history).axes
    assert drawn(axes) == expected(mean, "offset", "class")


def test_many_classes_are_not_named_and_a_start_alone_is_drawn(searched):
    assert not parameter_chart(searched([20 + k for k in range(13)])).axes[0].texts
    start = searched([50, 30, 20]).query("step == 0")
    assert len(parameter_chart(start).axes) == 3


def test_it_goes_into_a_page(searched):
    with drawing():
        assert inline(parameter_chart(searched([50, 30, 20])), "chart", "Parameters").startswith("<svg")


def test_the_order_of_rows_does_not_matter(searched):
    history = searched([50, 30, 20])
    shuffled = pd.concat([history.iloc[::2], history.iloc[1::2]])
    assert [drawn(a) for a in parameter_chart(history).axes] == [drawn(a) for a in parameter_chart(shuffled).axes]
