"""What a fit leaves: numpy weights that make the networks again."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.training import FittedEnsemble, Settings, Table, Task, fit


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.out(self.lstm(x.unsqueeze(1))[0][:, -1])


NETWORKS = {
    "perceptron": (8, 6),
    "linear": (),
    "deep": (3,) * 11,  # names with two digits
    "batch-norm": nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), nn.Linear(5, 3)),
    "recurrent": Recurrent(),
}
CLASSES = np.array(["a", "b", "c"])


@pytest.fixture(scope="module", params=NETWORKS)
def fitted(request, table):
    network = NETWORKS[request.param]
    settings = Settings(network=network, max_steps=15, batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        networks = fit([Task(table((30, 20, 10)), seed, settings) for seed in range(3)])
    return FittedEnsemble(networks, CLASSES), table((30, 20, 10)).X.astype(np.float32)


def test_module_gives_the_same_probabilities(fitted):
    stack, X = fitted
    module = stack.to_module()
    assert not module.training
    with torch.no_grad():
        logits = module(torch.tensor(X).expand(3, *X.shape))
    member = logits.double().softmax(dim=-1).numpy()
    np.testing.assert_allclose(stack.member_proba(X), member, rtol=1e-6)
    np.testing.assert_allclose(stack.predict_proba(X), member.mean(axis=0), rtol=1e-6)
    assert np.array_equal(stack.predict(X), CLASSES[member.mean(axis=0).argmax(axis=1)])


def test_probabilities(fitted):
    stack, X = fitted
    proba = stack.predict_proba(X)
    assert proba.dtype == np.float64 and proba.shape == (60, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert stack.n_members == len(stack.member_proba(X)) == 3
    assert not np.allclose(*stack.member_proba(X)[:2])


def test_rows_do_not_depend_on_each_other(fitted, monkeypatch):
    stack, X = fitted
    whole = stack.predict_proba(X)
    monkeypatch.setattr("equipoise.training.fitted._ROWS_AT_ONCE", 10)
    np.testing.assert_allclose(stack.predict_proba(X), whole, rtol=1e-5)
    np.testing.assert_allclose(stack.predict_proba(X[7:8]), whole[7:8], rtol=1e-5)


def test_no_rows(fitted):
    stack, X = fitted
    assert stack.predict_proba(X[:0]).shape == (0, 3)
    assert stack.predict(X[:0]).shape == (0,)


def test_pickle_gives_the_same_bytes(fitted):
    stack, X = fitted
    twin = pickle.loads(pickle.dumps(stack))
    assert twin.predict_proba(X).tobytes() == stack.predict_proba(X).tobytes()
    assert all(isinstance(value, np.ndarray) for value in stack.weights_.values())


def test_using_the_module_changes_no_weight(fitted):
    stack, X = fitted
    before = stack.predict_proba(X)
    with torch.no_grad():
        for parameter in stack.to_module().parameters():
            parameter.zero_()
    assert np.array_equal(stack.predict_proba(X), before)


def test_any_floating_rows_serve(fitted):
    """To rounding: how sums are cut depends on where in memory the rows begin."""
    stack, X = fitted
    for rows in (X.astype(np.float64), np.asfortranarray(X)):
        np.testing.assert_allclose(stack.predict_proba(rows), stack.predict_proba(X), rtol=1e-6)


def test_read_only_rows_and_weights_bring_no_warning(fitted):
    """Memory-mapped models and tables are read-only."""
    stack, X = fitted
    frozen = pickle.loads(pickle.dumps(stack))
    for value in (X := X.copy(), *frozen.weights_.values()):
        value.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frozen.predict(X).shape == (60,)


def test_a_network_that_writes_into_its_input_leaves_the_rows_as_they_are(table):
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3))
    trained = fit([Task(table((30, 20, 10)), 0, Settings(network=network, max_steps=2, batch_size=16))])
    X = table((30, 20, 10)).X.astype(np.float32)
    before = X.copy()
    assert (X < 0).any()
    FittedEnsemble(trained, CLASSES).predict_proba(X)
    np.testing.assert_array_equal(X, before)


def test_weights_of_a_narrow_replica_are_cut_out(table):
    settings = Settings(network=(5,), max_steps=3)
    narrow, wide = fit([Task(table((30, 9), 8), 0, settings), Task(table((30, 9, 9), 10), 0, settings)])
    assert {name: value.shape for name, value in narrow.weights.items()} == {
        "weights.0": (8, 5),
        "weights.1": (5, 2),
        "biases.0": (1, 5),
        "biases.1": (1, 2),
    }
    assert wide.weights["weights.0"].shape == (10, 5) and wide.weights["biases.1"].shape == (1, 3)
    assert narrow.weights["weights.0"].flags.c_contiguous
    assert narrow.pattern is None and narrow.vectorized


def test_buffers_and_frozen_parameters(table):
    """A backbone that is frozen stays as it was given; a buffer that is not saved by torch is kept."""

    def make(shape, n_classes):
        class Shifted(nn.Module):
            def __init__(self):
                super().__init__()
                self.backbone = nn.Linear(*shape, 3).requires_grad_(False)
                self.head = nn.Linear(3, n_classes)
                self.register_buffer("shift", torch.tensor([1.0, 2.0, 3.0]), persistent=False)
                nn.init.constant_(self.backbone.weight, 0.5)

            def forward(self, x):
                return self.head(self.backbone(x) + self.shift)

        return Shifted()

    network = fit([Task(table(), 0, Settings(network=make, max_steps=10))])[0]
    assert (network.weights["backbone/weight"] == 0.5).all()
    assert network.weights["shift"].tolist() == [1, 2, 3]


def test_tied_weights(table):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.out = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.out(self.second(self.first(x).relu()))

    settings = Settings(network=Tied(), max_steps=10, dtype="float64")
    proba = FittedEnsemble(fit([Task(table(), 0, settings)]), np.arange(2)).predict_proba(table().X)
    assert proba.shape == (60, 2)


def test_diverged_networks_are_known():
    X, y = np.full((20, 2), 1e30), np.arange(20) % 2
    network = fit([Task(Table(X, y, 2), 0, Settings(network=(4,), max_steps=30, learning_rate=1e30))])[0]
    assert not network.is_finite()
