"""Tables end to end in one tensor."""

import numpy as np
import torch

from equipoise.training import Table, Task
from equipoise.training.pool import Pool


def pool(tasks, soft=False):
    return Pool(tasks, soft=soft, dtype=torch.float64, device=torch.device("cpu"))


def tables():
    narrow = Table(np.arange(6.0).reshape(3, 2), np.array([0, 1, 1]), 2)
    wide = Table(np.arange(20.0, 32.0).reshape(4, 3), np.array([2, 0, 1, 2]), 3)
    made = Table(np.array([[7.0, 7.5]]), np.array([1]), 2)
    return narrow, wide, made


def test_a_table_is_placed_once():
    narrow, wide, made = tables()
    tasks = [Task(narrow, 0), Task(wide, 0), Task(narrow, 1, made=made), Task(wide, 1)]
    assert pool(tasks).X.shape == (8, 3)


def test_rows_are_found_whatever_table_they_are_in():
    narrow, wide, made = tables()
    rows = np.array([3, 0, 2, 3])  # row 0 of the made ones, then rows of the table
    tasks = [Task(wide, 0), Task(narrow, 0, rows=rows, made=made), Task(narrow, 1, validation_rows=np.array([2]))]
    placed = pool(tasks)
    assert placed.X[placed.rows(tasks[0])].tolist() == wide.X.tolist()
    expected = np.concatenate([narrow.X, made.X])[rows]
    assert placed.X[placed.rows(tasks[1])].tolist() == [[*row, 0.0] for row in expected.tolist()]
    assert placed.target[placed.rows(tasks[1])].tolist() == tasks[1].labels().tolist() == [1, 0, 1, 1]
    assert placed.X[placed.validation_rows(tasks[2])].tolist() == [[4.0, 5.0, 0.0]]
    assert len(placed.validation_rows(tasks[0])) == 0


def test_targets_are_codes_where_all_are():
    narrow, wide, _ = tables()
    placed = pool([Task(narrow, 0), Task(wide, 0)])
    assert placed.target.dtype == torch.int64
    assert placed.n_classes == 3


def test_targets_are_probabilities_where_any_are_or_mixing_asks():
    narrow, wide, _ = tables()
    soft = Table(wide.X, np.full((4, 3), 1 / 3), 3)
    for placed in (pool([Task(narrow, 0), Task(soft, 0)]), pool([Task(narrow, 0), Task(wide, 0)], soft=True)):
        assert placed.target.shape == (7, 3)
        assert placed.target[:3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]]
    assert soft.labels().tolist() == [0, 0, 0, 0]


def test_images_are_padded_at_their_ends():
    small, large = (Table(np.ones((2, 1, size, size)), np.array([0, 1]), 2) for size in (2, 3))
    placed = pool([Task(small, 0), Task(large, 0)])
    assert placed.X.shape == (4, 1, 3, 3)
    assert placed.X[:2].sum() == 8 and placed.X[0, 0, :2, :2].all()
