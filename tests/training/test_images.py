"""Training of networks for images: a plain torch loop as the measure, augmentation, precision, averages."""

import copy

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from torch import nn

from equipoise import Augment, LogitAdjustedLoss, MixUp, NeuralClassifier, ReMix
from equipoise.batches import BalancedBatchSampler, RootBatchSampler
from equipoise.classifiers.neural_job import FreshWeightsWarning
from equipoise.training import Settings, Table, Task, fit
from equipoise.training.precision import in_bfloat16
from equipoise.training.scaling import Standardizer
from equipoise.training.schedules import learning_rate
from equipoise.training.stacks import plan_stacks


def pictures(n=60, shape=(3, 8, 8), seed=0):
    """Bytes of two classes, one in six of the second, which is brighter."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % 6 == 0).astype(int)
    return np.clip(rng.normal(100, 40, (n, *shape)) + 60 * y[:, None, None, None], 0, 255).astype(np.uint8), y


def table(**changes):
    X, y = pictures(**changes)
    return Table(X, y, 2, scaler=Standardizer.of(X))


def network(shape=(3, 8, 8), n_classes=2):
    return nn.Sequential(nn.Conv2d(shape[0], 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, n_classes))


def task(seed=0, data=None, **settings):
    plain = {"network": network, "optimizer": "sgd", "batch_size": 16, "max_steps": 12, "epoch_steps": 4}
    return Task(data or table(), seed, Settings(**plain | {"schedule": "constant", "learning_rate": 0.05} | settings))


def weights(**settings):
    return fit([task(**settings)])[0].weights


def test_sgd_equals_a_plain_torch_loop():
    """The same initial weights and batches, in a loop as people write it."""
    torch.manual_seed(0)
    data, module = table(), network()
    batches = [torch.arange(60)[16 * i % 45 : 16 * i % 45 + 16] for i in range(12)]

    class InTurn:
        def __init__(self, y, batch_size, *, generator):
            pass

        def __len__(self):
            return len(batches)

        def __iter__(self):
            return iter(batches)

    settings = {"network": module, "init": "keep", "batch_sampler": InTurn, "momentum": 0.8, "weight_decay": 0.01}
    ours = weights(data=data, schedule="triangle", max_gradient_norm=0.5, **settings)

    x = torch.tensor(data.scaler.transform(data.X)).float()
    y, twin = torch.tensor(data.y), copy.deepcopy(module)
    optimizer = torch.optim.SGD(twin.parameters(), 0.05, momentum=0.8, weight_decay=0.01, nesterov=True)
    for step, rows in enumerate(batches, start=1):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(Settings(schedule="triangle", learning_rate=0.05), step / 12)
        optimizer.zero_grad()
        nn.functional.cross_entropy(twin(x[rows]), y[rows]).backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
    for name, value in twin.state_dict().items():
        assert np.allclose(ours[name.replace(".", "/")], value.numpy(), rtol=1e-4, atol=1e-6)


def test_label_smoothing_mixes_the_priors_into_each_target():
    class Soft(nn.Module):
        """Cross-entropy with a target smoothed by hand: 50 and 10 of 60 rows."""

        def forward(self, logits, target):
            smooth = 0.8 * nn.functional.one_hot(target, 2) + 0.2 * torch.tensor([50 / 60, 10 / 60])
            return nn.functional.cross_entropy(logits, smooth, reduction="none")

    ours, by_hand = weights(label_smoothing=0.2), weights(loss=Soft())
    assert all(np.allclose(ours[name], by_hand[name], atol=1e-5) for name in ours)


@pytest.mark.parametrize(("sampler", "power"), [(BalancedBatchSampler, 0.0), (RootBatchSampler, 0.5)])
def test_smoothing_follows_the_priors_of_the_batches(sampler, power):
    class Soft(nn.Module):
        def forward(self, logits, target):
            priors = torch.tensor([50.0, 10.0]) ** power
            smooth = 0.8 * nn.functional.one_hot(target, 2) + 0.2 * priors / priors.sum()
            return nn.functional.cross_entropy(logits, smooth, reduction="none")

    common = {"batch_sampler": sampler}
    ours, by_hand = weights(label_smoothing=0.2, **common), weights(loss=Soft(), **common)
    assert all(np.allclose(ours[name], by_hand[name], atol=1e-5) for name in ours)


def test_smoothing_keeps_logit_adjustment_consistent():
    """Without any signal the smoothed loss is least where the logits are equal, not where tail logits are high."""
    counts = torch.tensor([990, 10])
    loss, priors = LogitAdjustedLoss(counts), counts / 1000.0
    z = torch.zeros(1, 2, requires_grad=True)
    (0.8 * loss(z, priors[None]) + 0.2 * loss(z, priors[None])).backward()
    assert z.grad.abs().max() < 1e-6
    z.grad = None
    (0.8 * loss(z, priors[None]) + 0.2 * loss(z, torch.full((1, 2), 0.5))).backward()
    assert z.grad[0, 1] < -0.05  # uniform smoothing pushes the logit of the minority class up


def test_weight_averages_reach_back_over_their_share():
    steps = [weights(max_steps=12, epoch_steps=12, weight_averaging=share) for share in (0.0, 0.5)]
    last, average = steps
    assert any(not np.allclose(last[name], average[name]) for name in last)
    # By hand: weights after each step, from runs that end there; a constant rate makes them the same run.
    after = [weights(max_steps=n, epoch_steps=12) for n in range(1, 13)]
    start = fit([task(max_steps=1, learning_rate=1e-30)])[0].weights
    for name, mean in start.items():
        for done, value in enumerate(after, start=1):
            decay = min(1 - 1 / 6, (1 + done) / (10 + done))
            mean = decay * mean + (1 - decay) * value[name]
        assert np.allclose(mean, average[name], atol=1e-5)


@pytest.mark.parametrize(
    "transform", [Augment(crop=2), ReMix(between=Augment(crop=2, noise=0.1)), MixUp(alpha=0.3, between=Augment())]
)
def test_replicas_do_not_feel_each_other_under_augmentation(transform, monkeypatch):
    tasks = [task(seed, batch_transform=transform) for seed in range(3)]
    alone = [fit([each])[0].weights for each in tasks]
    monkeypatch.setattr("equipoise.training.stacks.has_convolutions", lambda module: False)
    assert len(plan_stacks(tasks)) == 1
    for network, other in zip(fit(tasks), alone):
        assert all(np.allclose(network.weights[name], other[name], rtol=1e-3, atol=1e-5) for name in other)


def test_augmentation_changes_training_rows_only_and_follows_the_seed():
    augment = Augment(crop=0, flip=0.0, brightness=0.5)
    one, twin, plain = weights(batch_transform=augment), weights(batch_transform=augment), weights()
    assert all(np.array_equal(one[name], twin[name]) for name in one)
    assert any(not np.allclose(one[name], plain[name], atol=1e-4) for name in one)


def test_augmentation_sees_bytes_before_they_are_standardised():
    seen = []

    class Watch:
        def rows(self, x, y=None, *, generator=None):
            seen.append((x.dtype, int(x.max()), tuple(x.shape)))
            return x.float()

        def __call__(self, x, y):
            raise AssertionError

    ours, plain = weights(batch_transform=Watch()), weights()
    assert seen[0][0] == torch.uint8 and max(m for _, m, _ in seen) > 100 and seen[0][2] == (16, 3, 8, 8)
    assert all(np.allclose(ours[name], plain[name], atol=1e-6) for name in ours)


def test_convolutions_train_one_by_one_on_a_cpu():
    assert plan_stacks([task(seed) for seed in range(3)]) == [[0], [1], [2]]


def test_bfloat16_is_close_to_float32():
    half, full = weights(precision="bfloat16"), weights()
    assert any(not np.array_equal(half[name], full[name]) for name in half)
    assert all(np.allclose(half[name], full[name], atol=0.02) and half[name].dtype == np.float32 for name in half)


def test_weights_of_a_module_are_kept_or_drawn_anew():
    X, y = pictures()
    module = network()
    nn.init.constant_(module[3].weight, 9.0)
    common = {"optimizer": "sgd", "learning_rate": 1e-12, "max_steps": 1, "random_state": 0}
    with pytest.warns(FreshWeightsWarning, match="init='keep'"):
        fresh = NeuralClassifier(network=module, **common).fit(X, y)
    kept = NeuralClassifier(network=module, init="keep", **common).fit(X, y)
    assert np.allclose(kept.ensemble_.weights_["3/weight"], 9.0)
    assert np.abs(fresh.ensemble_.weights_["3/weight"]).max() < 1


def test_repeated_images_stay_bytes_and_synthetic_ones_do_not():
    X, y = pictures()
    for sampler, size in ((RandomOverSampler(), 100), (RandomUnderSampler(), 20)):
        (repeated,) = NeuralClassifier(sampler=sampler, network="small_cnn", random_state=0).prepare(X, y).tasks
        assert repeated.table.X.dtype == np.uint8 and repeated.made is None
        assert np.bincount(repeated.labels()).tolist() == [size // 2] * 2
    for sampler in (RandomOverSampler(shrinkage=0.5), SMOTE(k_neighbors=2)):
        (made,) = NeuralClassifier(sampler=sampler, network="small_cnn", random_state=0).prepare(X, y).tasks
        assert made.table.X.dtype == np.float32 and made.made is not None and len(made.made) == 40


def pretrained():
    """A backbone that has seen images, then frozen, and a head of random weights."""
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
    for _ in range(5):
        backbone(torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    return nn.Sequential(backbone.requires_grad_(False), nn.Linear(4 * 6 * 6, 2))


@pytest.mark.parametrize("init", ["keep", "fresh"])
def test_a_frozen_backbone_stays_as_in_evaluation_and_its_head_learns(init):
    (X, y), module = pictures(240), pretrained()
    before = {name.replace(".", "/"): value.clone().numpy() for name, value in module.state_dict().items()}
    model = NeuralClassifier(
        network=module, init=init, n_members=2, batch_size=32, max_steps=60, learning_rate=0.01, random_state=0
    ).fit(X, y)
    for name, value in model.ensemble_.weights_.items():
        for member in value:
            assert np.array_equal(member, before[name]) == name.startswith("0/"), name
    assert (model.predict(X) == y).mean() > 0.9

    # The head learns from what the backbone says in evaluation: one step of plain gradient descent.
    x = torch.tensor(model.inputs(X.astype(np.float32)))
    head, features = copy.deepcopy(module[1]), module[0].eval()(x)
    nn.functional.cross_entropy(head(features), torch.tensor(y)).backward()
    stepped = NeuralClassifier(
        network=module.train(), init="keep", batch_size=240, max_steps=1, optimizer="sgd", momentum=0.0,
        weight_decay=0.0, schedule="constant", learning_rate=0.1, random_state=0,
    ).fit(X, y)  # fmt: skip
    expected = (head.weight - 0.1 * head.weight.grad).detach().numpy()
    assert np.allclose(stepped.ensemble_.weights_["1/weight"][0], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["fast_cnn", "small_cnn", "cosine_faster_cnn"])
def test_named_networks_learn(name):
    X, y = pictures(240)
    model = NeuralClassifier(
        network=name, batch_size=32, max_steps=100, views=2, optimizer="sgd", learning_rate=0.05, random_state=0
    )
    proba = model.fit(X, y).predict_proba(X)
    assert ((proba[:, 1] > 0.5) == y).mean() > 0.9
    assert np.allclose(proba, model.predict_proba(X[..., ::-1]), atol=1e-5)


def test_averages_and_early_stopping_exclude_each_other():
    with pytest.raises(ValueError, match="use one"):
        NeuralClassifier(network="small_cnn", weight_averaging=0.1, early_stopping=True).fit(*pictures())


@pytest.mark.parametrize(
    ("amx", "avx512", "described", "half"),
    [
        (True, True, "GenuineIntel", True),
        (False, True, "AuthenticAMD", True),
        (False, True, "GenuineIntel", False),  # slower there
        (False, False, "AuthenticAMD", False),
    ],
)
def test_auto_takes_bfloat16_where_the_processor_gains_by_it(amx, avx512, described, half, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr("equipoise.training.precision._is_amd", lambda: described == "AuthenticAMD")
    settings = Settings(precision="auto")
    assert in_bfloat16(network(), settings, torch.device("cpu")) is half
    assert not in_bfloat16(nn.Linear(2, 2), settings, torch.device("cpu"))
