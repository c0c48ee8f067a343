"""Heads whose logits are cosines, alone and in stacks."""

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.networks import CosineLinear, CosineMLPStack, MLPStack
from equipoise.networks.modules import accepts_vmap
from equipoise.training import FittedEnsemble, Settings, Table, Task, fit


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def stack(sizes=(4, 6, 5, 3), n_replicas=2, dtype=torch.float64):
    made = CosineMLPStack(sizes, n_replicas, dtype)
    for replica in range(n_replicas):
        made.reset_replica(replica, sizes[0], sizes[-1], seeded(replica))
    return made


def test_logits_are_cosines_by_hand():
    head = CosineLinear(2, 2, scale=10.0)
    head.weight.data = torch.tensor([[3.0, 0.0], [2.0, 2.0]])
    x = torch.tensor([[5.0, 0.0], [0.0, 0.1], [-4.0, -4.0]])
    root = 0.5**0.5
    torch.testing.assert_close(head(x), 10 * torch.tensor([[1.0, root], [0.0, root], [-root, -1.0]]))


def test_norms_of_features_and_weights_do_not_matter():
    head, x = CosineLinear(8, 3), torch.randn(5, 8, generator=seeded(0))
    before = head(x)
    head.weight.data *= torch.tensor([[0.1], [7.0], [100.0]])
    torch.testing.assert_close(head(1000 * x), before)


def test_weights_are_drawn_as_those_of_a_linear_layer():
    torch.manual_seed(0)
    linear = nn.Linear(8, 3)
    torch.manual_seed(0)
    assert torch.equal(CosineLinear(8, 3).weight, linear.weight)


@pytest.mark.parametrize("masked", [False, True])
def test_a_stack_is_its_replicas(masked):
    """Layers before the head as those of a plain perceptron of the same draws, then cosines times 30."""
    both = stack()
    x = torch.randn(2, 7, 4, generator=seeded(3), dtype=torch.float64)
    masks = [2.0 * (torch.rand(2, 7, width, generator=seeded(5)) > 0.5) for width in (6, 5)] if masked else []
    logits = both(x, masks)
    for replica in range(2):
        h = x[replica]
        for layer in range(2):
            h = (h @ both.weights[layer][replica] + both.biases[layer][replica]).relu()
            h = h * masks[layer][replica] if masked else h
        head = CosineLinear(5, 3, scale=30.0).double()
        head.weight.data = both.weights[2][replica].T
        torch.testing.assert_close(logits[replica], head(h))
    assert (logits.abs() <= 30 + 1e-9).all()


def test_hidden_layers_start_as_those_of_a_plain_perceptron():
    plain = MLPStack([4, 6, 3], 1)
    plain.reset_replica(0, 4, 3, seeded(0))
    cosine = stack([4, 6, 3], 1, torch.float32)
    for ours, theirs in zip(cosine.parameters(), [plain.weights[0], plain.weights[1], plain.biases[0]]):
        assert torch.equal(ours, theirs)
    assert len(cosine.biases) == 1  # the head has none


def test_rows_and_classes_of_zeros_have_finite_gradients():
    """Rows that no unit answers to, and columns of classes that a narrower replica does not have."""
    made = stack([4, 5, 3], 1)
    made.biases[0].data.fill_(-100.0)
    made.weights[1].data[..., 2] = 0.0
    x = torch.randn(1, 6, 4, dtype=torch.float64)
    for absent in (0.0, -1e30):
        logits = made(x) + torch.tensor([0.0, 0.0, absent])
        logits.softmax(-1)[..., 0].sum().backward()
        assert all(p.grad.isfinite().all() for p in made.parameters())
    assert (made(x) == 0).all()


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_gradients_against_finite_differences(depth):
    made = stack((4, *(5,) * depth, 3), 2)
    x = torch.randn(2, 3, 4, generator=seeded(1), dtype=torch.float64)

    def logits(*parameters):
        return torch.func.functional_call(made, dict(zip(dict(made.named_parameters()), parameters)), (x,))

    assert torch.autograd.gradcheck(logits, tuple(made.parameters()), eps=1e-6, atol=1e-5)


def test_the_head_stacks_in_any_module():
    assert accepts_vmap(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), CosineLinear(5, 2)), torch.randn(3, 4))


QUICK = {"head": "cosine", "network": (6,), "max_steps": 30, "epoch_steps": 10, "batch_size": 16, "dtype": "float64"}


def test_a_replica_does_not_feel_its_neighbours(problem):
    """Of other numbers of rows, features and classes."""
    shapes = [((30, 9), 10), ((20, 10, 5, 4), 9), ((25, 5, 8), 10)]
    tables = [Table(*problem(counts, d, seed=d), n_classes=len(counts)) for counts, d in shapes]
    tasks = [Task(table, seed, Settings(**QUICK)) for seed, table in enumerate(tables)]
    for network, task in zip(fit(tasks), tasks):
        alone = fit([task])[0]
        assert network.weights.keys() == alone.weights.keys() == {"weights.0", "weights.1", "biases.0", "scale"}
        for name, value in alone.weights.items():
            assert value.shape == network.weights[name].shape
            np.testing.assert_allclose(network.weights[name], value, rtol=1e-6, atol=1e-9)


def test_a_fitted_stack_predicts_by_scaled_cosines(problem):
    X, y = problem((54, 6))
    wide = Settings(**{**QUICK, "network": (32,)})  # so that some unit answers to every row
    networks = fit([Task(Table(X, y, 2), seed, wide) for seed in range(2)])
    fitted = FittedEnsemble(networks, np.array(["a", "b"]))
    cosines = []
    for network in networks:
        h = np.maximum(X @ network.weights["weights.0"] + network.weights["biases.0"], 0)
        w = network.weights["weights.1"]
        cosines.append((h @ w) / np.linalg.norm(h, axis=1, keepdims=True) / np.linalg.norm(w, axis=0))
    expected = torch.tensor(30 * np.stack(cosines)).softmax(-1).mean(0)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, atol=1e-6)
    assert type(fitted.to_module()) is CosineMLPStack


def test_an_unknown_head_is_quoted():
    with pytest.raises(ValueError, match="head='round'"):
        Settings(head="round")
