"""An augmentation of another kind, noise on the cells of a table, searched for without a change to any file of ours."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification

from equipoise import AutoBalance, NeuralClassifier


class Jitter:
    """Normal noise with a scale by class."""

    by, bounds, generator = "class", {"scale": (0.0, 2.0)}, None

    def __init__(self, scale=0.5):
        self.scale = torch.as_tensor(scale, dtype=torch.float64)

    def __call__(self, x, y, group=None):
        return self.rows(x, y, group=group), y

    def start(self):
        return {"scale": self.scale}

    def with_values(self, values):
        return Jitter(values["scale"])

    def rows(self, x, y, *, group=None, generator=None, values=None):
        scale = self.scale if values is None else values["scale"]
        noise = torch.randn(x.shape, generator=generator).to(x)
        return x + noise * scale.to(x).expand(2)[y].unsqueeze(-1)


def rows(n, seed):
    """Two classes that one column tells apart without noise."""
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 4 // 3
    x = torch.randn(n, 3, generator=draw, dtype=torch.float64)
    x[:, 0] = 0.3 * (2.0 * y - 1)
    return x, y


def test_noise_that_hides_the_classes_is_searched_away():
    torch.manual_seed(0)
    model, (x, y), validation = torch.nn.Linear(3, 2).double(), rows(200, 0), [rows(200, 1)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    settings = AutoBalance(parameters=(), augmentation=Jitter(), warm_up=20, interval=2)
    search = settings.begin(model, [150, 50])
    for _ in range(300):
        search.loss(model(search.augment(x, y)), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        if search.due():
            search.step([(x, y)], validation)
    found = search.retraining_augmentation()
    assert isinstance(found, Jitter) and found.scale.shape == (2,)
    assert (search.parameters["scale"] < 0.4).all() and (found.scale < 0.5).all()


def test_the_trainer_searches_for_it_and_trains_with_it():
    X, y = make_classification(200, weights=[0.8], random_state=0)
    loss = AutoBalance(augmentation=Jitter(), warm_up=10)
    clf = NeuralClassifier(loss=loss, max_steps=80, n_members=2, hidden_layer_sizes=(8,), random_state=0).fit(X, y)
    scale = clf.loss_parameters_["scale"]
    assert np.all((np.asarray(scale) > 0) & (np.asarray(scale) < 2)) and not np.allclose(scale, 0.5)


def test_what_cannot_be_searched_for_is_refused():
    with pytest.raises(ValueError, match="augmentation"):
        AutoBalance(augmentation=object()).begin(torch.nn.Linear(3, 2), [3, 2])
