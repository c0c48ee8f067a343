"""Rows of any kind: bytes, token ids, tensors, frames; and training and prediction whatever torch is set to."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.linear_model import LogisticRegression
from torch import nn

from equipoise import (
    AutoClassifier,
    MixUp,
    MUBOClassifier,
    NeuralClassifier,
    PriorCorrectedClassifier,
    ResampledClassifier,
    TunedThresholdsClassifier,
)
from equipoise.networks.cnn import SmallCNN
from equipoise.training import pool
from equipoise.training.scaling import Standardizer

QUICK = {"max_steps": 5, "hidden_layer_sizes": (4,), "random_state": 0}
MAKERS = {
    "neural": lambda: NeuralClassifier(**QUICK, n_bins=3),
    "mubo": lambda: MUBOClassifier(**QUICK),
    "auto": lambda: AutoClassifier(max_steps=2, random_state=0),
}
each_classifier = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
pytestmark = pytest.mark.usefixtures("few_trees")


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [50, 14])
    X = rng.integers(0, 120, (64, 2, 6, 6)) + 100 * y[:, None, None, None]
    return X.astype(np.uint8), y


def cnn(**changes):
    return NeuralClassifier(network=SmallCNN, random_state=0, **{"max_steps": 8, "n_members": 2, **changes})


class TestBytes:
    @pytest.mark.parametrize(
        "changes",
        [{}, {"standardize": False}, {"batch_transform": MixUp(alpha=0.3)}, {"early_stopping": True}],
        ids=str,
    )
    def test_they_train_as_the_same_numbers_do(self, changes, images):
        X, y = images
        as_bytes, as_numbers = cnn(**changes).fit(X, y), cnn(**changes).fit(X.astype(np.float64), y)
        np.testing.assert_allclose(as_bytes.predict_proba(X), as_numbers.predict_proba(X), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(as_bytes.predict_proba(X.astype(float)), as_bytes.predict_proba(X), atol=1e-5)

    def test_they_stay_bytes_until_they_are_gathered(self, images):
        X, y = images
        (task,) = cnn(n_members=1).prepare(X, y).tasks
        assert task.table.X.dtype == np.uint8 and np.shares_memory(task.table.X, X)
        held = pool.Pool([task], soft=False, dtype=torch.float32, device=torch.device("cpu"))
        gathered = held.X[torch.tensor([3, 60])]
        assert held.X._values.dtype == torch.uint8 and gathered.dtype == torch.float32
        mean, std = (getattr(X, name)(axis=(0, 2, 3))[:, None, None] for name in ("mean", "std"))
        np.testing.assert_allclose(gathered, ((X[[3, 60]] - mean) / std).clip(-5, 5), rtol=1e-5, atol=1e-6)

    def test_folds_of_one_stack_keep_their_own_scales(self, images):
        X, y = images
        jobs = [cnn(n_members=1).prepare(part, y[::2]) for part in (X[::2], X[::2] // 4)]
        tasks = [job.tasks[0] for job in jobs]
        held = pool.Pool(tasks, soft=False, dtype=torch.float64, device=torch.device("cpu"))
        for task in tasks:
            expected = task.table.scaler.transform(task.table.X)
            np.testing.assert_allclose(held.X[held.rows(task)], expected, atol=1e-9)

    def test_weights_reach_the_channels_scales(self, images):
        X, _ = images
        weights = np.random.default_rng(1).integers(0, 4, 64)
        repeated = Standardizer.of(X.repeat(weights, axis=0).astype(float))
        weighed = Standardizer.of(X, weights.astype(float))
        np.testing.assert_allclose(weighed.mean_, repeated.mean_)
        np.testing.assert_allclose(weighed.scale_, repeated.scale_)
        assert weighed.mean_.shape == (2, 1, 1)

    def test_they_are_numbers_for_a_sampler_and_in_vectors(self, images):
        X, y = images
        vectors = X.reshape(64, -1)
        one, other = (NeuralClassifier(**QUICK).fit(rows, y) for rows in (vectors, vectors.astype(float)))
        assert one.predict_proba(vectors).tobytes() == other.predict_proba(vectors).tobytes()
        assert NeuralClassifier(**QUICK, sampler=RandomUnderSampler()).fit(vectors, y).predict(vectors).shape == (64,)


@pytest.fixture(scope="module")
def tokens():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [60, 20])
    return rng.integers(0, 10, (80, 5)) + 10 * y[:, None], y


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.last = nn.Embedding(20, 6), nn.Linear(6, 2)

    def reset_parameters(self):
        pass

    def forward(self, x):
        return self.last(self.embedding(x).mean(-2))


class TestTokens:
    @pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8], ids=str)
    def test_they_reach_an_embedding_as_integers(self, tokens, dtype):
        X, y = tokens
        model = NeuralClassifier(network=Tokens(), standardize=False, max_steps=80, learning_rate=0.05, random_state=0)
        model.fit(X.astype(dtype), y)
        assert model.reads_integers_ and (model.predict(X) == y).mean() > 0.95
        np.testing.assert_array_equal(model.predict_proba(X.astype(float)), model.predict_proba(X))
        with pytest.raises(ValueError, match="trained on integers, but X holds other numbers"):
            model.predict(X + 0.5)

    @pytest.mark.parametrize("changes", [{}, {"batch_transform": MixUp(alpha=0.3)}, {"sampler": SMOTE()}], ids=str)
    def test_a_network_of_numbers_reads_them_as_numbers(self, changes, tokens):
        X, y = tokens
        network = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
        model = NeuralClassifier(network=network, standardize=False, max_steps=5, random_state=0, **changes)
        assert not model.fit(X, y).reads_integers_
        assert model.predict_proba(X).tobytes() == model.fit(X.astype(float), y).predict_proba(X).tobytes()

    def test_they_are_not_standardised_or_mixed_in_silence(self, tokens):
        X, y = tokens
        with pytest.raises(ValueError, match=r"Tokens cannot read rows .*token ids, stay integers with standardize=F"):
            NeuralClassifier(network=Tokens(), max_steps=2).fit(X, y)
        with pytest.raises(ValueError, match=r"reads integers, .*batch_transform=MixUp.* would mix or move"):
            NeuralClassifier(network=Tokens(), standardize=False, batch_transform=MixUp(alpha=0.3)).fit(X, y)
        with pytest.raises(ValueError, match=r"reads integers, .*sampler=RandomUnderSampler\(\) would mix or move"):
            NeuralClassifier(network=Tokens(), standardize=False, sampler=RandomUnderSampler()).fit(X, y)


class TestTorchState:
    @each_classifier
    def test_the_default_type_changes_nothing(self, make, problem):
        X, y = problem()
        expected = make().fit(X, y).predict_proba(X)
        torch.set_default_dtype(torch.float64)
        try:
            model = make().fit(X, y)
            assert model.predict_proba(X).tobytes() == expected.tobytes()
            assert torch.get_default_dtype() == torch.float64
        finally:
            torch.set_default_dtype(torch.float32)

    def test_it_does_not_change_modules_either(self, problem):
        X, y = problem()

        def network(shape, n_classes):
            return nn.Linear(shape[0], n_classes)

        expected = NeuralClassifier(network=network, max_steps=3, random_state=0).fit(X, y).predict_proba(X)
        torch.set_default_dtype(torch.float64)
        try:
            again = NeuralClassifier(network=network, max_steps=3, random_state=0).fit(X, y).predict_proba(X)
        finally:
            torch.set_default_dtype(torch.float32)
        assert again.tobytes() == expected.tobytes()

    @each_classifier
    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_fit_without_gradients(self, make, mode, problem):
        X, y = problem()
        with mode():
            model = make().fit(X, y)
            within = model.predict_proba(X)
        assert within.tobytes() == make().fit(X, y).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


class TestTransformOutput:
    @each_classifier
    @pytest.mark.parametrize("output", ["pandas", "polars"])
    def test_it_changes_nothing(self, make, output, problem):
        X, y = problem()
        before = make().fit(X, y)
        expected = before.predict_proba(X)
        with sklearn.config_context(transform_output=output):
            assert before.predict_proba(X).tobytes() == expected.tobytes()
            assert make().fit(X, y).predict_proba(X).tobytes() == expected.tobytes()


class TestDevices:
    @pytest.mark.parametrize("device", ["cuda:77", "nowhere", "meta", ""])
    def test_a_wrong_one_is_refused_before_the_work(self, device, problem, monkeypatch):
        monkeypatch.setattr(Standardizer, "of", None)  # whatever it is called with fails otherwise
        for classifier in (NeuralClassifier(device=device), AutoClassifier(device=device)):
            with pytest.raises(ValueError, match=f"device='{device}' is not available .*: choose one of 'auto', 'cpu'"):
                classifier.fit(*problem())

    def test_a_model_of_another_machine_predicts_here(self, problem):
        X, y = problem()
        model = NeuralClassifier(**QUICK).fit(X, y)
        expected = model.predict_proba(X)
        model.ensemble_.device_ = "cuda:77"
        assert pickle.loads(pickle.dumps(model)).predict_proba(X).tobytes() == expected.tobytes()

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    def test_a_network_trained_on_cuda_predicts_there(self, problem):
        X, y = problem()
        model = NeuralClassifier(**QUICK, device="cuda").fit(X, y)
        before = torch.cuda.memory_allocated()
        assert np.isfinite(model.predict_proba(X)).all() and torch.cuda.memory_allocated() > before
        assert model.ensemble_._network()[0].weights[0].is_cuda


def test_prediction_keeps_its_module_and_a_copy_builds_its_own(problem):
    X, y = problem()
    model = NeuralClassifier(**QUICK).fit(X, y)
    model.predict(X)
    module = model.ensemble_._network()[0]
    model.predict(X[:3])
    assert model.ensemble_._network()[0] is module
    assert "_module" not in vars(pickle.loads(pickle.dumps(model)).ensemble_)


@pytest.mark.parametrize("score", [True, "balanced_log_loss", "g_mean", "macro_f1"])
def test_early_stopping_holds_out_a_row_of_every_class(score, problem):
    X, y = problem((60, 3, 2))
    job = NeuralClassifier(**QUICK, early_stopping=score, n_members=3).prepare(X, y)
    for task in job.tasks:
        assert np.bincount(y[task.validation_rows]).tolist() == [6, 1, 1]
        assert sorted([*task.rows, *task.validation_rows]) == list(range(65))
    with pytest.raises(ValueError, match=r"class 2 has 1 row\(s\): give it two or more, .* early_stopping=False"):
        NeuralClassifier(**QUICK, early_stopping=score).fit(X[y < 2], np.where(np.arange(63) == 0, 2, y[y < 2]))


CONTAINERS = {
    "array": lambda X: X,
    "fortran": np.asfortranarray,
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "objects": lambda X: X.astype(object),
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "lists": lambda X: X.tolist(),
    "pandas": lambda X: pd.DataFrame(X) if X.ndim == 2 else pd.Series(X, index=range(100, 100 + len(X))),
    "pandas, any index": lambda X: (
        pd.DataFrame(X, columns=[3, 1, 2, 0], index=[7] * len(X)) if X.ndim == 2 else pd.Series(X, index=[7] * len(X))
    ),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")) if X.ndim == 2 else pl.Series(X),
    "torch": torch.tensor,
    "torch with gradients": lambda X: torch.tensor(X, dtype=torch.float32, requires_grad=True),
    "column": lambda X: X if X.ndim == 2 else X[:, None],
}
LABELS = {"0, 1": [0, 1], "truth": [False, True], "signs": [-1, 1], "0. 1.": [0.0, 1.0], "texts": ["no", "yes"]}


@pytest.mark.filterwarnings("ignore:A column-vector y:sklearn.exceptions.DataConversionWarning")
@pytest.mark.filterwarnings("ignore:X (does not have|has feature)")
@each_classifier
def test_any_container_and_type_trains_and_predicts_alike(make, problem):
    X, codes = problem((30, 8), apart=3.0)
    X = np.round(X * 4)  # whole numbers, the same in every type
    expected = make().fit(X, codes).predict_proba(X)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        rows=st.sampled_from(list(CONTAINERS)),
        of_y=st.sampled_from(list(CONTAINERS)),
        labels=st.sampled_from(list(LABELS)),
        dtype=st.sampled_from([np.float64, np.float32, np.float16, np.int64, np.int8]),
        predicted=st.sampled_from(list(CONTAINERS)),
    )
    def check(rows, of_y, labels, dtype, predicted):
        y = np.array(LABELS[labels])[codes]
        if of_y.startswith("torch") and (labels == "texts" or "gradients" in of_y):
            of_y = "array"
        model = make().fit(CONTAINERS[rows](X.astype(dtype)), CONTAINERS[of_y](y))
        assert model.classes_.tolist() == LABELS[labels]
        new = CONTAINERS[predicted](X.astype(dtype))
        np.testing.assert_allclose(model.predict_proba(new), expected, atol=2e-3)
        assert set(np.unique(model.predict(new))) <= set(LABELS[labels])

    check()


def test_integers_are_scaled_as_the_same_numbers(problem):
    X, y = problem()
    whole = np.round(X * 10).astype(int)
    whole[0, 0] = 10**9  # a sentinel does not set the scale of its column
    as_integers, as_floats = (NeuralClassifier(**QUICK).fit(rows, y) for rows in (whole, whole.astype(float)))
    assert as_integers.predict_proba(whole).tobytes() == as_floats.predict_proba(whole).tobytes()
    assert as_integers.scaler_.scale_[0] < 1000


WRAPPERS = {
    "resampled": lambda: ResampledClassifier(RandomUnderSampler(random_state=0), LogisticRegression()),
    "prior corrected": lambda: PriorCorrectedClassifier(LogisticRegression()),
    "tuned": lambda: TunedThresholdsClassifier(LogisticRegression(), cv=2),
}
each_kind = pytest.mark.parametrize("make", [*MAKERS.values(), *WRAPPERS.values()], ids=[*MAKERS, *WRAPPERS])


@pytest.fixture
def few():
    y = np.repeat([0, 1], [30, 12])
    return np.random.default_rng(0).normal(size=(42, 3)) + y[:, None], y


@each_kind
def test_lazy_frames_are_refused_in_a_sentence(make, few):
    with pytest.raises(TypeError, match=r"got a LazyFrame\. Call its collect\(\) first"):
        make().fit(pl.DataFrame(few[0]).lazy(), few[1])


@each_kind
def test_labels_of_several_kinds_are_refused_in_a_sentence(make, few):
    X, y = few
    with pytest.raises(ValueError, match="labels of one kind, without gaps, but holds these: int, str"):
        make().fit(X, np.array([1 if code else "a" for code in y], dtype=object))
    with pytest.raises(ValueError, match=r"labels of one kind, without gaps, but holds these: .*str|contains NaN"):
        make().fit(X, np.array([None if code else "a" for code in y], dtype=object))


@pytest.mark.parametrize("make", [v for k, v in {**MAKERS, **WRAPPERS}.items() if k != "mubo"])
def test_weights_may_be_tensors_with_gradients(make, few):
    X, y = few
    weights = torch.linspace(0.5, 2, 42, requires_grad=True)
    as_tensor, as_numbers = make().fit(X, y, weights), make().fit(X, y, weights.detach().numpy())
    np.testing.assert_array_equal(as_tensor.predict_proba(X), as_numbers.predict_proba(X))


def test_images_of_another_shape_or_scale_are_refused(images):
    X, y = images
    of_bytes, of_floats = (cnn(max_steps=1).set_params(network="small_cnn").fit(rows, y) for rows in (X, X / 255))
    shape = ", ".join(map(str, X.shape[1:]))
    with pytest.raises(ValueError, match=rf"shape \(n, {shape}\).*channels are last, give X.transpose"):
        of_bytes.predict(X.transpose(0, 2, 3, 1))
    for wrong in (X[:, :1].repeat(4, axis=1), X[:, :, :4], X[:, 0]):
        with pytest.raises(ValueError, match=rf"shape \(n, {shape}\)"):
            of_bytes.predict(wrong)
    with pytest.raises(ValueError, match="bytes, from 0 to 255, but X holds float64 from 0 to 1"):
        of_bytes.predict(X / 255)
    with pytest.raises(ValueError, match=r"numbers up to 1, but X holds bytes: give X / 255\."):
        of_floats.predict(X)


def test_images_with_reversed_channels_serve(images):
    X, y = images
    reversed_view, copied = X[:, ::-1], X[:, ::-1].copy()
    clf = cnn().fit(reversed_view, y)
    np.testing.assert_array_equal(clf.predict_proba(reversed_view), cnn().fit(copied, y).predict_proba(copied))


@pytest.mark.parametrize("weight", [-1, float("nan")])
def test_class_weights_that_do_not_serve_are_refused(weight, few):
    with pytest.raises(ValueError, match="class_weight must hold 0 or positive numbers, but class_weight="):
        NeuralClassifier(**QUICK, class_weight={0: 1, 1: weight}).fit(*few)
