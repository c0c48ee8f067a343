"""Any module as a stack: each replica computes what its module does alone."""

import copy

import pytest
import torch
from torch import nn

from equipoise.networks import ModuleStack, ScalarHead
from equipoise.networks.modules import accepts_vmap, fresh_copy


class Branching(nn.Module):
    """Looks at its data to choose a way: vmap cannot."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(x) if x.sum() > 0 else -self.linear(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def convolution():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 2)
    )


def one_activation_twice():
    relu = nn.ReLU()
    return nn.Sequential(nn.Linear(4, 3), relu, nn.Sequential(nn.Linear(3, 3, bias=False), relu), nn.Linear(3, 2))


def one_layer_twice():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.Tanh(), layer)


def hooked():
    layers = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    layers[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    return layers


class Residual(nn.Linear):
    """A linear layer that is more than one."""

    def forward(self, x):
        return x + super().forward(x)


CASES = [
    (lambda: nn.Linear(4, 2), (4,), True),
    (lambda: nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)), (4,), True),
    (convolution, (1, 6, 6), True),
    (lambda: nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Linear(3, 2)), (4,), True),
    (Recurrent, (5, 4), False),
    (Branching, (4,), False),
    (lambda: ScalarHead(4, (5, 3)), (4,), True),
    (one_activation_twice, (4,), True),
    (one_layer_twice, (4,), True),
    (hooked, (4,), True),
    (lambda: nn.Sequential(Residual(4, 4), nn.GELU(), nn.Linear(4, 2)), (4,), True),
    (lambda: nn.Sequential(nn.Linear(4, 3), nn.ELU()), (2, 3, 4), True),
]
each_case = pytest.mark.parametrize(
    ("make", "shape", "vectorized"),
    CASES,
    ids=[
        "linear",
        "batch-norm",
        "convolution",
        "dropout",
        "lstm",
        "branching",
        "scalar head",
        "activation twice",
        "layer twice",
        "hooked",
        "residual",
        "sequence of rows",
    ],
)


@each_case
def test_vmap_is_tried(make, shape, vectorized):
    module = make()
    before = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    assert accepts_vmap(module, torch.zeros(2, *shape)) is vectorized
    assert torch.equal(before[1], torch.get_rng_state())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[0][name])


@each_case
def test_replicas_compute_what_their_modules_do(make, shape, vectorized):
    modules = [make().double() for _ in range(3)]
    stack = ModuleStack(modules, vectorized=vectorized)
    x = torch.randn(3, 6, *shape, dtype=torch.float64)
    stack.eval()
    for module, rows, logits in zip(modules, x, stack(x)):
        torch.testing.assert_close(logits, module.eval()(rows))


@each_case
def test_gradients_are_those_of_the_modules(make, shape, vectorized):
    if make is CASES[3][0]:
        pytest.skip("dropout draws by itself")
    modules = [make().double() for _ in range(3)]
    stack = ModuleStack(modules, vectorized=vectorized)
    x = torch.randn(3, 6, *shape, dtype=torch.float64)
    stack(x).square().sum().backward()
    for replica, module in enumerate(modules):
        module(x[replica]).square().sum().backward()
        for name, parameter in module.named_parameters():
            stacked = dict(stack.named_parameters())[name.replace(".", "/")]
            torch.testing.assert_close(stacked.grad[replica], parameter.grad)


def test_a_perceptron_runs_without_vmap_and_its_gradients_lie_as_its_weights_do(monkeypatch):
    monkeypatch.setattr("equipoise.networks.modules.vmap", None)
    stack = ModuleStack([ScalarHead(4, (5, 3)) for _ in range(3)])
    parameters = list(stack.parameters())
    for weight, gradient in zip(parameters, torch.autograd.grad(stack(torch.randn(3, 6, 4)).sum(), parameters)):
        assert gradient.stride() == weight.stride()


def test_batch_norm_keeps_statistics_per_replica():
    modules = [nn.BatchNorm1d(2) for _ in range(3)]
    stack = ModuleStack(modules)
    x = torch.randn(3, 50, 2) + torch.tensor([0.0, 10.0, -5.0]).view(3, 1, 1)
    for _ in range(4):
        stack(x)
        for module, rows in zip(modules, x):
            module(rows)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(stack, name), torch.stack([getattr(m, name) for m in modules]))


def test_evaluation_turns_dropout_off_and_training_on():
    stack = ModuleStack([nn.Sequential(nn.Dropout(0.5))] * 2)
    x = torch.ones(2, 1000, 1)
    assert torch.equal(stack.eval()(x), x)
    dropped = stack.train()(x)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(dropped[0], dropped[1])


def test_given_modules_stay_apart():
    module = nn.Linear(2, 2)
    stack = ModuleStack([module, nn.Linear(2, 2)])
    before = module.weight.clone()
    with torch.no_grad():
        stack.weight.zero_()
    assert torch.equal(module.weight, before)
    assert {name for name, _ in stack.named_parameters()} == {"weight", "bias"}


def test_frozen_parameters_stay_frozen():
    backbone = nn.Linear(4, 3).requires_grad_(False)
    stack = ModuleStack([nn.Sequential(backbone, nn.Linear(3, 2))] * 2)
    wanted = {name.replace("/", "."): parameter.requires_grad for name, parameter in stack.named_parameters()}
    assert wanted == {"0.weight": False, "0.bias": False, "1.weight": True, "1.bias": True}


def test_like_takes_a_state():
    modules = [convolution() for _ in range(2)]
    stack = ModuleStack(modules)
    stack(torch.randn(2, 5, 1, 6, 6))
    twin = ModuleStack.like(stack.pattern, 2, vectorized=True)
    twin.load_state_dict(stack.state_dict())
    x = torch.randn(2, 3, 1, 6, 6)
    assert torch.equal(twin.eval()(x), stack.eval()(x))


def test_fresh_copies_follow_from_the_seed():
    pattern = convolution()
    state = torch.get_rng_state()
    first, again, other = fresh_copy(pattern, 1), fresh_copy(pattern, 1), fresh_copy(pattern, 2)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first[0].weight, again[0].weight)
    assert not torch.equal(first[0].weight, other[0].weight)
    assert not torch.equal(first[0].weight, pattern[0].weight)


def test_fresh_copy_resets_statistics():
    pattern = nn.BatchNorm1d(2)
    pattern(torch.randn(8, 2) + 9)
    assert not fresh_copy(pattern, 0).running_mean.any()


class Tied(nn.Module):
    """One layer under two names, and one weight in two layers."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = self.first
        self.third = nn.Linear(4, 4)
        self.third.weight = self.first.weight

    def forward(self, x):
        return self.third(self.second(self.first(x).tanh()).tanh())


@pytest.mark.parametrize("vectorized", [True, False])
def test_tied_weights_stay_tied_and_the_pattern_stays_whole(vectorized):
    modules = [Tied() for _ in range(3)]
    stack, x = ModuleStack(modules, vectorized=vectorized), torch.randn(3, 5, 4)
    assert len(list(stack.parameters())) == 3
    for _ in range(2):
        torch.testing.assert_close(stack(x), torch.stack([m(rows) for m, rows in zip(modules, x, strict=True)]))
        assert all(type(p) is nn.Parameter for p in stack.pattern.parameters())
    stack(x).square().sum().backward()
    modules[0](x[0]).square().sum().backward()
    torch.testing.assert_close(getattr(stack, "first/weight").grad[0], modules[0].first.weight.grad)
