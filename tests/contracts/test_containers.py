"""Every sampler, wrapper and metric reads the same rows in any container and dtype alike, or refuses them at once."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from equipoise import (
    GBO,
    MUBO,
    SSG,
    PriorCorrectedClassifier,
    ResampledClassifier,
    SMOTifiedGAN,
    TunedThresholdsClassifier,
    metrics,
)

few = settings(max_examples=12)
N, FEATURES = 24, 3
RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1], [16, 8])
# Halves and signs keep every value exact in each dtype; the classes differ, but overlap.
HALVES = np.clip(np.rint(RNG.normal(size=(N, FEATURES)) * 3) / 2 + CODES[:, None], -4, 4)
WHOLE = np.abs(np.rint(2 * HALVES))
BITS = (HALVES > 0.5).astype(float)


FLOATS = ["f2", "f4", "f8", ">f4", ">f8", "O"]
WHOLES = ["i1", "u1", "i4", "i8", ">i2", "u8", *FLOATS]
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
}
SPARSE = [sparse.csr_array, sparse.csc_array, sparse.coo_array, sparse.csr_matrix, sparse.csc_matrix]
NAMES = list("abc")


@st.composite
def dense(draw):
    """Rows as plain float64, and the same rows in another container."""
    rows, dtypes = draw(st.sampled_from([(HALVES, FLOATS), (WHOLE, WHOLES), (BITS, ["?", *WHOLES])]))
    dtype = draw(st.sampled_from(dtypes))
    array = rows.astype(dtype)
    kind = draw(st.sampled_from([*LAYOUTS, "list", "pandas", "nullable", "pyarrow", "polars", "torch", "bfloat16"]))
    if kind in LAYOUTS:
        return rows, LAYOUTS[kind](array)
    if kind == "list":
        return rows, array.tolist()
    if kind == "bfloat16":
        return rows, torch.tensor(rows, dtype=torch.bfloat16, requires_grad=True)
    if dtype in ("O", "f2", "?") or dtype.startswith(">"):
        array = rows.astype("f4")
    if kind == "torch":
        return rows, torch.from_numpy(array.copy())
    frame = pd.DataFrame(array, columns=NAMES)
    if kind == "nullable":
        return rows, frame.convert_dtypes()
    if kind == "pyarrow":
        return rows, frame.convert_dtypes(dtype_backend="pyarrow")
    return rows, frame if kind == "pandas" else pl.DataFrame(array, schema=NAMES)


@st.composite
def sparse_rows(draw):
    rows, dtypes = draw(st.sampled_from([(HALVES, ["f4", "f8"]), (WHOLE, ["i4", "i8", "u1", "f8"])]))
    return rows, draw(st.sampled_from(SPARSE))(rows.astype(draw(st.sampled_from(dtypes))))


LABELS = {
    "int": np.array([0, 1]),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0]),
    "signs": np.array([-1, 1], dtype="i1"),
    "text": np.array(["no", "yes"]),
}


@st.composite
def labels(draw):
    """The two labels, and those of the rows in some container."""
    kind = draw(st.sampled_from(list(LABELS)))
    names = LABELS[kind]
    y = names[CODES]
    container = draw(
        st.sampled_from(
            ["numpy", "object", "list", "pandas", "nullable", "pyarrow", "categories", "polars"]
            + ([] if kind == "text" else ["torch", "big-endian", "column"])
        )
    )
    return names, {
        "numpy": lambda: y,
        "object": lambda: y.astype(object),
        "list": y.tolist,
        "pandas": lambda: pd.Series(y, index=range(100, 100 + N)),
        "nullable": lambda: pd.Series(y).convert_dtypes(),
        "pyarrow": lambda: pd.Series(y).convert_dtypes(dtype_backend="pyarrow"),
        "categories": lambda: pd.Series(y).astype("category"),
        "polars": lambda: pl.Series("y", y),
        "torch": lambda: torch.from_numpy(y.copy()),
        "big-endian": lambda: y.astype(y.dtype.newbyteorder(">")),
        "column": lambda: y[:, None],
    }[container]()


WEIGHTS = np.linspace(0.5, 2, N).round(1)
weights = st.sampled_from(
    [
        None,
        WEIGHTS,
        WEIGHTS.tolist(),
        WEIGHTS.astype(object),
        WEIGHTS.astype(">f8"),
        pd.Series(WEIGHTS, index=range(9, 9 + N)),
        pd.Series(WEIGHTS).convert_dtypes(),
        pl.Series(WEIGHTS),
        torch.tensor(WEIGHTS, requires_grad=True),
    ]
)


def plain(rows):
    if sparse.issparse(rows):
        return rows.toarray().astype(float)
    if isinstance(rows, torch.Tensor):
        return rows.detach().double().numpy()
    return np.asarray(rows).astype(float)


def codes(y, names):
    """Positions of labels in any container among the two."""
    found = (y.tolist() if hasattr(y, "tolist") else list(y)) if not isinstance(y, pl.Series) else y.to_list()
    return [names.tolist().index(label[0] if isinstance(label, list) else label) for label in found]


SAMPLERS = [
    MUBO(max_iter=2, max_epochs=1, hidden_layer_sizes=(4,), random_state=0),
    *(sampler(max_epochs=1, random_state=0) for sampler in (SMOTifiedGAN, GBO, SSG)),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
@pytest.mark.filterwarnings("ignore")
class TestSamplers:
    @settings(few, max_examples=8)
    @given(rows=st.one_of(dense(), sparse_rows()), labelled=labels(), weight=weights)
    def test_rows_and_labels_in_any_container(self, sampler, rows, labelled, weight):
        (X, given_X), (names, given_y) = rows, labelled
        expected_X, expected_y = sampler.fit_resample(X, CODES, None if weight is None else WEIGHTS)
        expected_weight = sampler.sample_weight_
        found_X, found_y = sampler.fit_resample(given_X, given_y, weight)
        assert codes(found_y, names) == expected_y.tolist()
        np.testing.assert_allclose(plain(found_X), expected_X, atol=1e-2)
        np.testing.assert_equal(sampler.sample_weight_, expected_weight)

    @pytest.mark.parametrize(
        "X, fault",
        [
            (np.full((N, 2), "word"), "not compatible with arrays of bytes/strings"),
            (pd.DataFrame({"a": ["word"] * N}), "could not convert string to float: 'word'"),
            (pl.DataFrame({"a": ["word"] * N}).lazy(), r"got a LazyFrame\. Call its collect\(\) first"),
            (HALVES.astype(complex), "Complex data not supported"),
            (np.where(HALVES > 3, np.nan, HALVES), "contains NaN"),
        ],
        ids=["text", "words", "lazy", "complex", "missing"],
    )
    def test_other_rows_are_refused(self, sampler, X, fault):
        with pytest.raises((ValueError, TypeError), match=fault):
            sampler.fit_resample(X, CODES)


WRAPPERS = [
    ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression()),
    ResampledClassifier(RandomOverSampler(shrinkage=0.1, random_state=0), LogisticRegression()),
    ResampledClassifier(SMOTE(k_neighbors=3, random_state=0), LogisticRegression()),
    PriorCorrectedClassifier(LogisticRegression()),
    TunedThresholdsClassifier(LogisticRegression(), cv=2),
]


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=str)
@few
@given(rows=st.one_of(dense(), sparse_rows()), labelled=labels(), weight=weights)
def test_wrappers_read_any_container(wrapper, rows, labelled, weight):
    (X, given_X), (names, given_y) = rows, labelled
    wrapper.fit(X, CODES, None if weight is None else WEIGHTS)
    expected, decided = wrapper.predict_proba(X), wrapper.predict(X)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A column-vector y was passed")
        wrapper.fit(given_X, given_y, weight)
    assert np.asarray(wrapper.classes_).tolist() == names.tolist()
    np.testing.assert_allclose(wrapper.predict_proba(given_X), expected, atol=2e-2)
    assert np.mean(np.array(codes(wrapper.predict(given_X), names)) == decided) > 0.9


OF_LABELS = [
    metrics.g_mean,
    metrics.macro_f1_score,
    metrics.balanced_accuracy,
    metrics.matthews_corrcoef,
]
OF_PROBABILITIES = [
    metrics.class_brier_scores,
    metrics.balanced_brier_score,
    metrics.brier_score,
    metrics.log_loss,
    metrics.expected_calibration_error,
    metrics.average_precision,
    metrics.roc_auc,
]
OF_GROUPS = [metrics.deo, metrics.group_errors]
PREDICTED = RNG.permutation(CODES)
GROUPS = np.tile(["a", "b"], N // 2)
PROBA = RNG.integers(9, size=N) / 8  # exact in half precision


@st.composite
def probabilities(draw):
    """Of the second class alone, or a column a class."""
    proba = PROBA if draw(st.booleans()) else np.stack([1 - PROBA, PROBA], axis=1)
    make = draw(
        st.sampled_from(
            [
                *(lambda a, d=d: a.astype(d) for d in FLOATS),
                *LAYOUTS.values(),
                np.ndarray.tolist,
                torch.from_numpy,
                lambda a: torch.tensor(a, dtype=torch.bfloat16, requires_grad=True),
                lambda a: pd.Series(a, index=range(9, 9 + N)) if a.ndim == 1 else pd.DataFrame(a),
                lambda a: (pd.Series(a) if a.ndim == 1 else pd.DataFrame(a)).convert_dtypes(),
                lambda a: pl.Series(a) if a.ndim == 1 else pl.DataFrame(a),
            ]
        )
    )
    return make(proba)


@few
@given(labelled=labels(), weight=weights, data=st.data())
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_metrics_read_any_container(labelled, weight, data):
    names, true = labelled
    plain_weight = None if weight is None else WEIGHTS
    for metric in OF_PROBABILITIES:
        found = metric(true, data.draw(probabilities()), sample_weight=weight)
        np.testing.assert_allclose(found, metric(CODES, PROBA, sample_weight=plain_weight))
    y_pred = names[PREDICTED]
    for metric in OF_LABELS:
        expected = metric(CODES, PREDICTED, sample_weight=plain_weight)
        assert metric(true, y_pred, sample_weight=weight) == expected
        assert metric(true, y_pred.astype(object), sample_weight=weight) == expected
        assert metric(true, y_pred.tolist(), sample_weight=weight) == expected
    for metric in OF_GROUPS:
        for groups in (GROUPS, GROUPS.tolist(), pd.Series(GROUPS, dtype="category"), pl.Series(GROUPS)):
            found = metric(true, y_pred, groups, sample_weight=weight)
            assert found == metric(CODES, PREDICTED, GROUPS, sample_weight=plain_weight)
