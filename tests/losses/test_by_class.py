"""Class counts and other values by class, in any container: by the order of class codes, or keyed by labels."""

from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from equipoise import (
    AutoBalance,
    CDTLoss,
    ClassBalancedLoss,
    DeferredReweighting,
    FocalLoss,
    LDAMLoss,
    LogitAdjustedLoss,
    ParametricCrossEntropy,
    RebalancedMixup,
    VSLoss,
)
from equipoise.losses import (
    cdt_loss,
    class_balanced_loss,
    class_balanced_weights,
    ldam_loss,
    logit_adjusted_loss,
    parametric_cross_entropy,
    vs_loss,
)
from equipoise.losses.counts import by_class

LABELS = st.one_of(
    st.lists(st.text(max_size=3), min_size=2, max_size=6, unique=True),
    st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True),
    st.lists(st.floats(-5, 5, allow_nan=False).map(lambda x: x + 0.0), min_size=2, max_size=6, unique=True),
    st.just([False, True]),
)


@st.composite
def counted(draw):
    """Labels in any order, and rows of each."""
    labels = draw(st.permutations(draw(LABELS)))
    return labels, draw(st.lists(st.integers(1, 120), min_size=len(labels), max_size=len(labels)))


KEYED = {
    "dict": lambda labels, counts: dict(zip(labels, counts)),
    "counter": lambda labels, counts: Counter(dict(zip(labels, counts))),
    "series": lambda labels, counts: pd.Series(counts, index=pd.Index(labels)),
    "value_counts": lambda labels, counts: pd.Series(np.repeat(np.array(labels), counts)).value_counts(),
    "categories": lambda labels, counts: pd.Series(counts, index=pd.CategoricalIndex(labels, categories=labels)),
    "frame": lambda labels, counts: (
        pd.Series(np.repeat(np.array(labels), counts), name="y").value_counts().reset_index()
    ),
    "polars groups": lambda labels, counts: (
        pl.DataFrame({"y": np.repeat(np.array(labels), counts)}).group_by("y").len()
    ),
    "polars": lambda labels, counts: pl.Series("y", np.repeat(np.array(labels), counts)).value_counts(),
}


@given(counted(), st.sampled_from(sorted(KEYED)))
def test_counts_keyed_by_labels_follow_the_order_of_codes(drawn, container):
    """As `numpy.unique`, scikit-learn's encoder and ours number the classes."""
    labels, counts = drawn
    _, codes = np.unique(np.repeat(np.array(labels), counts), return_inverse=True)
    found = by_class(KEYED[container](labels, counts), "class_counts")
    assert found.tolist() == np.bincount(codes).tolist()


PLAIN = {
    "list": list,
    "tuple": tuple,
    "frame of one replica": lambda counts: pd.DataFrame([counts]).iloc[0],
    "polars": lambda counts: pl.Series(counts),
    "objects": lambda counts: np.array(counts, dtype=object),
    "nullable": lambda counts: pd.array(counts, dtype="Int64"),
    **{
        kind: (lambda counts, kind=kind: np.array(counts, dtype=kind))
        for kind in ("i1", "u1", "u2", "u4", "u8", "i8", ">i4", "f2", "f4", "f8", ">f8", "g")
    },
    **{
        str(kind): (lambda counts, kind=kind: torch.tensor(counts, dtype=kind))
        for kind in (
            torch.int8,
            torch.uint8,
            torch.uint16,
            torch.int64,
            torch.float16,
            torch.bfloat16,
            torch.float32,
            torch.float64,
        )
    },
}
COUNTS = [90, 7, 33]  # each of them exact in every dtype
LOSSES = {
    "CDTLoss": CDTLoss,
    "ClassBalancedLoss": ClassBalancedLoss,
    "DeferredReweighting": lambda counts: DeferredReweighting(VSLoss, counts),
    "FocalLoss": lambda counts: FocalLoss(w=class_balanced_weights(counts)),
    "LDAMLoss": LDAMLoss,
    "LogitAdjustedLoss": LogitAdjustedLoss,
    "VSLoss": VSLoss,
    "ParametricCrossEntropy": lambda counts: ParametricCrossEntropy(w=counts, offset=counts, delta=counts),
    **{
        twin.__name__: (lambda counts, twin=twin: lambda z, y: twin(z, y, counts))
        for twin in (cdt_loss, class_balanced_loss, ldam_loss, logit_adjusted_loss, vs_loss)
    },
    "parametric_cross_entropy": lambda counts: lambda z, y: parametric_cross_entropy(z, y, w=counts, offset=counts),
}


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_every_loss_reads_every_container(loss, soft):
    draw = torch.Generator().manual_seed(0)
    logits, target = torch.randn(5, 3, generator=draw), torch.tensor([0, 1, 2, 1, 0])
    target = torch.nn.functional.one_hot(target, 3).float() if soft else target
    expected = loss(COUNTS)(logits, target)
    for name, held in PLAIN.items():
        torch.testing.assert_close(loss(held(COUNTS))(logits, target), expected, msg=name)
    keyed = pd.Series([33, 90, 7], index=["c", "a", "b"])
    torch.testing.assert_close(loss(keyed)(logits, target), expected)
    torch.testing.assert_close(loss(keyed.to_dict())(logits, target), expected)


def test_searches_and_transforms_read_them_too():
    counts = {"rare": 7, "common": 90}
    model = torch.nn.Linear(2, 2)
    by_label, by_code = (AutoBalance().begin(model, given).parameters["offset"] for given in (counts, [90, 7]))
    assert torch.equal(by_label, by_code)
    draws = [
        RebalancedMixup(class_counts=given).draw(torch.tensor([0, 1, 0, 1]), torch.Generator().manual_seed(0))
        for given in (counts, [90, 7])
    ]
    assert torch.equal(draws[0].label_share, draws[1].label_share)


def test_a_cross_table_is_ordered_along_both_axes():
    table = pd.DataFrame([[1, 2], [3, 4]], index=["b", "a"], columns=["y", "x"])
    assert by_class(table, "class_counts").tolist() == [[4, 3], [2, 1]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"a": 1, 2: 3}, "keyed by labels of one kind"),
        ({"a": 1, None: 3}, "leave out missing labels"),
        ({1.0: 1, float("nan"): 3}, "leave out missing labels"),
        (pd.Series([1, 2], index=["a", "a"]), "each once"),
        (pd.Series(["x", None]).value_counts(dropna=False), "leave out missing labels"),
        (["many", "few"], "must hold one number a class"),
        ([[1, 2], [3]], "must hold one number a class"),
        ({"a": None, "b": 2}, r"class 0 has nan|must hold one number"),
        (pd.Series([1, 2]).astype("category").value_counts().reindex([1, 2, 3], fill_value=0), "class 2 has 0"),
        (
            torch.tensor([0, 1, 0, 0, 1, 2]),
            r"labels of rows, count them, numpy.unique\(labels, return_counts=True\)\[1\]",
        ),
        (np.array(["a", "b"] * 400), r"count the labels of rows, numpy.unique"),
    ],
)
def test_what_cannot_be_read_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        LogitAdjustedLoss(values)
