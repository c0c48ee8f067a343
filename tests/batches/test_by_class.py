"""Rows of each class, found by their number."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equipoise.batches.by_class import RowsByClass


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.sampled_from([np.int8, np.int64, object]))
def test_numbers_of_a_class_go_through_its_rows_in_order(codes, dtype):
    labels = np.array(codes, dtype=dtype)
    classes, counts = np.unique(labels, return_counts=True)
    rows = RowsByClass(labels, classes, counts, start=100)
    for code, (label, n) in enumerate(zip(classes, counts, strict=True)):
        chance = torch.arange(n, dtype=torch.float64).add(0.5) / n
        found = rows.drawn(torch.full((n,), code), chance)
        assert (found - 100).tolist() == np.flatnonzero(labels == label).tolist()


@pytest.mark.parametrize("n", [1, 3, 1000, 1 << 20])
def test_the_largest_chance_finds_the_last_row(n):
    rows = RowsByClass(np.zeros(n, dtype=np.int8), np.arange(2), np.array([n, 0]))
    assert rows.drawn(torch.tensor([0]), torch.tensor([1 - 2.0**-53], dtype=torch.float64)).item() == n - 1
