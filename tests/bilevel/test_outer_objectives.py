"""Outer objectives, each against a derivation in plain numbers, row by row."""

from statistics import mean

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equipoise.bilevel.outer_objectives import OBJECTIVES, Blend, needs_groups, outer_objective

K, G = 3, 2
a_row = st.tuples(st.integers(0, K - 1), st.integers(0, G - 1), st.floats(0.0, 9.0))
some_rows = st.lists(a_row, min_size=1, max_size=30)


def cells(rows):
    sums, counts = torch.zeros(2, K, G, dtype=torch.float64)
    for y, g, loss in rows:
        sums[y, g] += loss
        counts[y, g] += 1
    return sums, counts


def plain(rows):
    """Every objective, by name."""
    of_class = [[x for y, _, x in rows if y == k] for k in range(K)]
    of_cell = [[[x for y, g, x in rows if (y, g) == (k, j)] for j in range(G)] for k in range(K)]
    classes = [mean(losses) for losses in of_class if losses]
    groups = [[mean(losses) for losses in row if losses] for row in of_cell]
    every = [m for row in groups for m in row]
    return {
        "balanced": mean(classes),
        "worst_class": max(classes),
        "group_balanced": mean(every),
        "worst_group": max(every),
        "deo": sum(max(row) - min(row) for row in groups if row),
    }


@given(some_rows)
def test_values_are_those_of_the_derivation(rows):
    for name, expected in plain(rows).items():
        assert OBJECTIVES[name](*cells(rows)).item() == pytest.approx(expected, rel=1e-9, abs=1e-9), name
        assert OBJECTIVES.keys() == plain(rows).keys()


@given(some_rows, st.floats(0.0, 1.0))
def test_a_blend_lies_between(rows, weight):
    expected = (1 - weight) * plain(rows)["balanced"] + weight * plain(rows)["deo"]
    assert Blend("balanced", "deo", weight)(*cells(rows)).item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(some_rows)
def test_slopes_are_finite_where_cells_are_empty(rows):
    for objective in OBJECTIVES.values():
        sums, counts = cells(rows)
        slopes = torch.func.grad(lambda s: objective(s, counts))(sums)  # noqa: B023
        assert slopes.isfinite().all()


def test_deo_of_two_groups_is_equation_4_1():
    sums, counts = torch.tensor([[8.0, 3.0], [1.0, 9.0]]), torch.tensor([[4.0, 3.0], [2.0, 3.0]])
    assert OBJECTIVES["deo"](sums, counts).item() == pytest.approx(abs(2 - 1) + abs(0.5 - 3))


def test_replicas_have_values_of_their_own():
    draws = torch.rand(5, K, G), torch.randint(1, 9, (5, K, G))
    for objective in OBJECTIVES.values():
        together = objective(*draws)
        assert together.shape == (5,)
        torch.testing.assert_close(together, torch.stack([objective(*each) for each in zip(*draws)]))


def test_what_is_not_an_objective_is_refused():
    with pytest.raises(ValueError, match=r"must be one of balanced, .*, or a Blend, but objective='fair'"):
        outer_objective("fair")
    with pytest.raises(ValueError, match="but objective='fair'"):
        Blend("balanced", "fair", 0.5)
    with pytest.raises(ValueError, match=r"weight must lie between 0 and 1, but weight=1\.5"):
        Blend("balanced", "deo", 1.5)


def test_which_objectives_need_groups():
    named = {name: needs_groups(name) for name in OBJECTIVES}
    assert [name for name, needed in named.items() if not needed] == ["balanced", "worst_class"]
    assert needs_groups(Blend("balanced", "deo", 0.1)) and not needs_groups(Blend("balanced", "worst_class", 0.1))
