"""A network with its linear layers turned is the same network, and the trainer takes it down the right gradient."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from equipoise.bilevel.evaluation import losses_on
from equipoise.networks import ScalarHead, factored_perceptron
from equipoise.reproductions.mubo.turned import turned
from equipoise.training import Settings, Table, Task, fit

MAKERS = {
    "paper": lambda shape, k: ScalarHead(shape[0], (16, 8)),
    "authors": lambda shape, k: factored_perceptron(shape[0], (16, 8), k),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_same_outputs_from_the_same_seed(make):
    torch.manual_seed(0)
    plain = make((5,), 2)
    torch.manual_seed(0)
    other = turned(make)((5,), 2)
    rows = torch.randn(7, 5)
    assert not any(isinstance(module, torch.nn.Linear) for module in other.modules())
    torch.testing.assert_close(other(rows), plain(rows))


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_training_makes_the_steps_that_torch_makes(make):
    """Whole batches of all rows, so that their order does not matter."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 5)).astype(np.float32), np.arange(20) % 2
    settings = Settings(
        network=turned(make), batch_size=20, max_steps=30, learning_rate=0.01, weight_decay=0.0, optimizer="adam",
        schedule="constant",
    )  # fmt: skip
    start, trained = (fit([Task(Table(X, y, 2), 3, s)])[0] for s in (_still(settings), settings))
    network = turned(make)((5,), 2)
    names = {name: name.replace(".", "/") for name, _ in network.named_parameters()}
    network.load_state_dict({name: torch.tensor(start.weights[key]) for name, key in names.items()})
    adam = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(30):
        adam.zero_grad()
        functional.cross_entropy(network(torch.tensor(X)), torch.tensor(y)).backward()
        adam.step()
    expected = functional.cross_entropy(network(torch.tensor(X)), torch.tensor(y), reduction="none")
    np.testing.assert_allclose(losses_on([trained], [X], [y], 2)[0], expected.detach(), rtol=1e-3)


def _still(settings):
    return Settings(**(vars(settings) | {"learning_rate": 0.0, "max_steps": 1}))
