"""The chart of a searched augmentation shows what the history ends with, class by operation."""

import numpy as np
import pandas as pd
import pytest
import torch

from equipoise import AutoBalance
from equipoise.images import ClassAugmentation
from equipoise.reports.augmentation_chart import augmentation_chart
from equipoise.reports.svg import drawing, inline

OPS = ("rotation", "contrast", "cut_out")


def searched(by="class", counts=(40, 20, 10), **parameters):
    torch.manual_seed(0)
    counts = torch.tensor(counts)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, len(counts)))
    augmentation = ClassAugmentation(OPS, by=by, strength=0.5)
    search = AutoBalance(augmentation=augmentation, warm_up=0, interval=1, **parameters).begin(model, counts)
    for _ in range(4):
        x, y, g = torch.rand(30, 1, 8, 8), torch.randint(len(counts), (30,)), torch.randint(2, (30,))
        batch = (x, y, g) if counts.ndim == 2 else (x, y)
        search.loss(model(search.augment(*batch)), *batch[1:])
        search.step([batch], [batch])
    return search


def numbers(axes):
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    cells = {(rows[round(t.get_position()[1])], columns[round(t.get_position()[0])]): t.get_text() for t in axes.texts}
    return columns, rows, cells


def test_a_row_a_class_and_a_column_an_operation():
    search = searched()
    figure = augmentation_chart(search.history)
    for axes, kind in zip(figure.axes, ("strength", "probability")):
        columns, rows, cells = numbers(axes)
        assert columns == ["rotation", "contrast", "cut out"] and rows == ["0", "1", "2"]
        for op in OPS:
            values = search.parameters[f"{kind}_{op}"]
            assert values.unique().numel() > 1
            assert [cells[str(k), op.replace("_", " ")] for k in range(3)] == [f"{value:.2f}" for value in values]
        shades = [patch.get_alpha() for patch in axes.patches]
        values = torch.stack([search.parameters[f"{kind}_{op}"] for op in OPS], dim=1)
        np.testing.assert_allclose(shades, 0.6 * values.flatten())


def test_groups_and_one_policy_for_all():
    by_group = searched("group", ((20, 20), (10, 5), (5, 5)))
    _, rows, cells = numbers(augmentation_chart(by_group.history).axes[0])
    assert rows[:2] == ["0, group 0", "0, group 1"] and len(rows) == 6
    assert cells["2, group 1", "contrast"] == f"{by_group.parameters['strength_contrast'][2, 1]:.2f}"
    one = searched("one")
    _, rows, cells = numbers(augmentation_chart(one.history).axes[1])
    assert len({cells[row, "rotation"] for row in rows}) == 1


def test_of_members_the_mean_and_of_many_classes_no_numbers():
    rows = [(5, m, "strength_blur", k, m / 2) for m in (0, 1) for k in range(30)]
    rows += [(5, m, "probability_blur", k, 0.5) for m in (0, 1) for k in range(30)]
    figure = augmentation_chart(pd.DataFrame(rows, columns=["step", "member", "parameter", "class", "value"]))
    assert {patch.get_alpha() for patch in figure.axes[0].patches} == {0.6 * 0.25}
    assert len(figure.axes[0].patches) == 30 and not figure.axes[0].texts
    with drawing():
        assert inline(figure, "chart", "Augmentation").startswith("<svg")


def test_a_search_without_augmentation_has_no_such_chart():
    plain = AutoBalance(warm_up=0).begin(torch.nn.Linear(4, 2), torch.tensor([50, 5]))
    with pytest.raises(ValueError, match="ClassAugmentation"):
        augmentation_chart(plain.history)
