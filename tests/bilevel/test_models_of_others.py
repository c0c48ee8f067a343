"""AutoBalance in loops and with networks as they are found: shared layers, attention, wrappers, many processes."""

import copy
import io
import pickle
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from equipoise import AutoBalance
from equipoise.bilevel import history, inner

COUNTS = [300, 60, 20]
SOLVERS = ["identity", "neumann", "cg", "exact"]


def rows(seed=0, n=48, shape=(5,), dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=draw, dtype=dtype), torch.arange(n) % 3


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3)).double()


def offsets(model, batches, solver="identity", steps=3, context=nullcontext, **settings):
    """Offsets after some outer steps on the same weights."""
    search = AutoBalance(warm_up=0, interval=1, start="ce", solver=solver, **settings).begin(model, COUNTS)
    with context():
        for _ in range(steps):
            search.step(*batches)
    return search.parameters["offset"]


def batches(shape=(5,), dtype=torch.float64):
    return [rows(0, shape=shape, dtype=dtype)], [rows(1, shape=shape, dtype=dtype)]


# Networks


class Shared(nn.Module):
    """One layer under two names, and one weight in two layers."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(5, 5)
        self.second = self.first
        self.third = nn.Linear(5, 5)
        self.third.weight = self.first.weight
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        for layer in (self.first, self.second, self.third):
            x = layer(x).tanh()
        return self.head(x)


@pytest.mark.parametrize("solver", SOLVERS)
def test_layers_of_several_names_stay_as_they_are(solver):
    torch.manual_seed(0)
    model = Shared().double()
    before = dict(model.named_parameters(remove_duplicate=False))
    found = offsets(model, batches(), solver)
    after = dict(model.named_parameters(remove_duplicate=False))
    assert before.keys() == after.keys() and all(after[name] is value for name, value in before.items())
    assert all(p.grad is None for p in model.parameters())

    class Functional(nn.Module):
        """The same function, of weights that each have one name."""

        def __init__(self):
            super().__init__()
            self.weight, self.bias, self.bias_3 = (
                nn.Parameter(p.detach().clone()) for p in (model.first.weight, model.first.bias, model.third.bias)
            )
            self.head = copy.deepcopy(model.head)

        def forward(self, x):
            for bias in (self.bias, self.bias, self.bias_3):
                x = (x @ self.weight.T + bias).tanh()
            return self.head(x)

    torch.testing.assert_close(found, offsets(Functional(), batches(), solver))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.head = nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x):
        q, k, v = (part[:, None] for part in self.qkv(x).chunk(3, -1))
        return self.head(scaled_dot_product_attention(q, k, v)[:, 0].mean(1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.layers(x).mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Bag(nn.Module):
    """Words of a text, as numbers from 0 to 19."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.EmbeddingBag(20, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.layer((x[..., 0] * 3).long().clamp(-9, 9) + 10))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", [Attention, Encoder, Recurrent, Bag])
def test_networks_without_forward_or_second_derivatives_search_all_the_same(kind, solver):
    torch.manual_seed(0)
    model = kind()
    both = batches((6, 8), torch.float32)
    found = offsets(model, both, solver)
    assert found.isfinite().all() and found.abs().max() > 1e-3
    assert model.training and all(isinstance(p, nn.Parameter) for p in model.parameters())


@pytest.mark.parametrize("solver", ["identity", "neumann", "cg"])
def test_differences_give_what_derivatives_give(solver, monkeypatch):
    expected = offsets(perceptron(), batches(), solver)
    monkeypatch.setattr(inner, "forward_product", _missing)
    monkeypatch.setattr(inner, "slope_product", _missing)
    torch.testing.assert_close(offsets(perceptron(), batches(), solver), expected, rtol=1e-6, atol=1e-8)


def _missing(*_):
    raise NotImplementedError


@pytest.mark.parametrize("solver", ["identity", "cg"])
def test_attention_gives_what_its_plain_kernel_gives(solver):
    torch.manual_seed(0)
    model, both = Attention(), batches((6, 8), torch.float32)
    expected = offsets(model, both, solver, context=lambda: sdpa_kernel(SDPBackend.MATH))
    torch.testing.assert_close(offsets(model, both, solver), expected, rtol=1e-3, atol=1e-4)


class Checkpointed(nn.Module):
    def __init__(self, layers, reentrant):
        super().__init__()
        self.layers, self.reentrant = layers, reentrant

    def forward(self, x):
        return self.layers[2](checkpoint(self.layers[:2], x, use_reentrant=self.reentrant))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointed_layers_count(reentrant, solver):
    model = Checkpointed(perceptron(), reentrant)
    torch.testing.assert_close(offsets(model, batches(), solver), offsets(perceptron(), batches(), solver))
    assert all(p.grad is None for p in model.parameters())


def test_what_the_exact_solver_cannot_solve_is_refused_when_it_begins():
    with pytest.raises(ValueError, match="'exact' solves for 5000 weights at most, but there are 6003: use 'cg'"):
        AutoBalance(solver="exact").begin(nn.Linear(2000, 3), COUNTS)
    with pytest.raises(ValueError, match="'exact' solves for the last linear layer, but Conv1d has none"):
        AutoBalance(solver="exact").begin(nn.Conv1d(2, 3, 1), COUNTS)


# Wrappers


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_fabric(precision):
    lightning_fabric = pytest.importorskip("lightning_fabric")
    fabric = lightning_fabric.Fabric(accelerator="cpu", devices=1, precision=precision)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    expected = offsets(model, batches(dtype=torch.float32))
    wrapped, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    torch.testing.assert_close(offsets(wrapped, batches(dtype=torch.float32)), expected)
    before = [p.detach().clone() for p in model.parameters()]
    search = AutoBalance(warm_up=0, interval=1).begin(wrapped, COUNTS)
    for _ in range(3):
        x, y = rows(dtype=torch.float32)
        fabric.backward(search.loss(wrapped(x), y))
        optimizer.step()
        optimizer.zero_grad()
        search.step(*batches(dtype=torch.float32))
    assert all((p != q).any() for p, q in zip(before, model.parameters(), strict=True))


def test_a_compiled_network_is_read_as_it_is():
    torch.testing.assert_close(offsets(torch.compile(perceptron()), batches()), offsets(perceptron(), batches()))


def test_autocast_changes_nothing():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))
    both = batches(dtype=torch.float32)
    for solver in SOLVERS:
        inside = offsets(model, both, solver, context=lambda: torch.autocast("cpu", torch.bfloat16))
        torch.testing.assert_close(inside, offsets(model, both, solver))


def _searched(rank):
    found = {}
    for solver in SOLVERS:
        model = DistributedDataParallel(perceptron())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        search = AutoBalance(warm_up=0, interval=1, start="ce", solver=solver).begin(model, COUNTS)
        for step in range(3):
            x, y = _part(step, rank)
            search.loss(model(x), y).backward()
            optimizer.step()
            optimizer.zero_grad()
            search.step([(x, y)], [_part(step + 10, rank)])
        found[solver] = search.parameters["offset"].tolist(), search.outer_steps["objective"].tolist()
    return found


def _part(step, rank):
    """Half of the rows of a step; of the rarest class one side has more."""
    x, y = rows(step, n=40)
    y = torch.where(torch.arange(40) < 5, 2, y % 2)
    return (x[:30], y[:30]) if rank == 0 else (x[30:], y[30:]) if rank == 1 else (x, y)


def test_two_processes_find_what_one_finds_on_the_rows_of_both(in_two_processes):
    first, second = in_two_processes(_searched)
    assert first == second
    for solver in SOLVERS:
        model = perceptron()
        search = AutoBalance(warm_up=0, interval=1, start="ce", solver=solver).begin(model, COUNTS)
        for step in range(3):
            means = [search.loss(model(x), y) for x, y in (_part(step, 0), _part(step, 1))]  # DDP averages ranks
            slopes = torch.autograd.grad(sum(means) / 2, list(model.parameters()))
            with torch.no_grad():
                for p, slope in zip(model.parameters(), slopes, strict=True):
                    p -= 0.1 * slope
            search.step([_part(step, None)], [_part(step + 10, None)])
        offset, objective = first[solver]
        torch.testing.assert_close(search.parameters["offset"].tolist(), offset, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(search.outer_steps["objective"].tolist(), objective, rtol=1e-8, atol=1e-10)


# Loops


class Loader:
    """Four batches a pass, and the passes begun."""

    def __init__(self):
        self.passes, self.given = 0, []

    def __len__(self):
        return 4

    def __iter__(self):
        self.passes += 1
        for seed in range(4):
            self.given.append(seed)
            yield rows(seed)


def test_a_loader_goes_on_where_the_last_outer_step_ended():
    train, validation = Loader(), Loader()
    search = AutoBalance(n_batches=3).begin(perceptron(), COUNTS)
    for _ in range(4):
        search.step(train, validation)
    assert train.given == validation.given == [0, 1, 2, 3] * 3
    assert train.passes == 3


def test_micro_batches_of_one_optimiser_step_count_once():
    for set_to_none in (True, False):
        model = perceptron()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        search = AutoBalance(warm_up=2, interval=2).begin(model, COUNTS)
        for step in range(12):
            x, y = rows(step)
            (search.loss(model(x), y) / 3).backward()
            if step % 3 == 2:
                optimizer.step()
                optimizer.zero_grad(set_to_none=set_to_none)
            if search.due():
                search.step(*batches())
        assert search.n_steps == 4
        assert search.outer_steps["step"].tolist() == [2, 4]


class WithKeywords(nn.Module):
    """Takes its parts by name and answers with an object, as models of Hugging Face do."""

    def __init__(self):
        super().__init__()
        self.layers = perceptron()

    def forward(self, values, mask):
        return {"logits": self.layers(values * mask[..., None]), "loss": None}


@pytest.mark.parametrize("name", ["labels", "target"])
def test_batches_may_be_dicts(name):
    as_dicts = [[{"values": x, "mask": torch.ones(len(x)), name: y}] for [(x, y)] in batches()]
    torch.testing.assert_close(offsets(WithKeywords(), as_dicts), offsets(perceptron(), batches()))
    search = AutoBalance().begin(WithKeywords(), COUNTS)
    with pytest.raises(ValueError, match=r"needs its target under one of the keys 'labels', .* its keys are 'values'"):
        search.step([{"values": rows()[0]}], as_dicts[1])
    with pytest.raises(ValueError, match=r"must be \(x, y\).* but a batch is of type Tensor"):
        search.step([rows()[0]], as_dicts[1])


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_a_copy_goes_on_by_itself(twin_of):
    model = perceptron()
    search = AutoBalance(warm_up=0, interval=1, solver="cg").begin(model, COUNTS)
    loader = Loader()
    search.step(loader, batches()[1])
    twin, again = twin_of((model, search))
    before = search.parameters
    again.step(*batches())
    assert all(torch.equal(value, search.parameters[name]) for name, value in before.items())
    search.step(*batches())
    assert all(torch.equal(value, again.parameters[name]) for name, value in search.parameters.items())
    assert again.history.equals(search.history)
    twin[0].weight.data.zero_()
    again.step(*batches())
    search.step(*batches())
    assert again.outer_steps["objective"].iloc[-1] != search.outer_steps["objective"].iloc[-1]


def _state_bytes(search):
    file = io.BytesIO()
    torch.save(search.state_dict(), file)
    return file.tell()


def test_a_state_of_many_classes_stays_small():
    K = 8142
    model = nn.Linear(2, K)
    search = AutoBalance().begin(model, torch.arange(1, K + 1))
    x, y = torch.randn(4, 2), torch.arange(4)
    sizes = []
    for _ in range(4):
        search.step([(x, y)], [(x, y)])
        sizes.append(_state_bytes(search))
    assert sizes[-1] - sizes[0] < 3 * 8_000


def test_a_long_history_is_thinned(monkeypatch):
    monkeypatch.setattr(history, "_MOST_NUMBERS", 2 * 3 * 9)
    model = perceptron()
    search = AutoBalance(warm_up=0, interval=1).begin(model, COUNTS)
    whole = [search.parameters["offset"]]
    for step in range(21):
        search.loss(model(rows()[0]), rows()[1])
        search.step(*batches())
        whole.append(search.parameters["offset"])
        frame = search.history
        kept = frame["step"].unique().tolist()
        assert kept[0] == 0 and kept[-1] == step + 1 and len(kept) <= 9
        assert search.outer_steps["step"].tolist() == kept[1:]
        wide = frame[frame["parameter"] == "offset"].pivot(index="step", columns="class", values="value")
        for number in kept:
            assert wide.loc[number].tolist() == whole[number].tolist()
    assert search.n_outer_steps == 21 and kept == [0, 4, 8, 12, 16, 20, 21]
    again = AutoBalance(warm_up=0, interval=1).begin(model, COUNTS)
    again.load_state_dict(search.state_dict())
    assert again.history.equals(search.history)
