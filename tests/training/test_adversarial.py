"""The training of GANs: a step against plain PyTorch, stacks against each alone, batches, and when it ends."""

import math
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from equipoise.networks.gan import Discriminator, Generator
from equipoise.training.adversarial import discriminator_loss, generator_loss, train_gans
from equipoise.training.gan_draws import Seed, gan_batches, number
from equipoise.training.gans import GANSettings, GANTask

DOUBLE = {"dtype": "float64", "learning_rate": 1e-3, "batch_size": 8}


def task(n=20, m=15, seed=0, d=3):
    rng = np.random.default_rng(seed)
    return GANTask(rng.random((n, d)), rng.random((m, d)) if m else None, seed)


def seeded(network, seed):
    """The network as torch draws it after a seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for layer in network.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    return network.double()


def plainly_trained(job, settings, steps):
    """Plain PyTorch: make rows for the discriminator's step, and again for the generator's."""
    of_generator, of_discriminator, of_batches, _ = Seed(job.seed).spawn(4)
    d = job.real.shape[1]
    generator = seeded(Generator(d).double(), number(of_generator))
    discriminator = seeded(Discriminator(d).double(), number(of_discriminator))
    adam = {"lr": settings.learning_rate, "betas": (0.9, 0.999)}
    to_generate = torch.optim.Adam(generator.parameters(), **adam)
    to_discriminate = torch.optim.Adam(discriminator.parameters(), **adam)
    criterion = nn.BCEWithLogitsLoss()
    average = {name: value.clone() for name, value in generator.state_dict().items()}
    kept = settings.averaging or 0.0
    for real, latent in islice(gan_batches(job, settings, of_batches), steps):
        to_discriminate.zero_grad()
        on_made, on_real = discriminator(generator(latent).detach()), discriminator(real)
        loss = criterion(on_made, torch.zeros_like(on_made)) + criterion(on_real, torch.ones_like(on_real))
        (loss / 2).backward()
        to_discriminate.step()
        to_generate.zero_grad()
        on_made = discriminator(generator(latent))
        criterion(on_made, torch.ones_like(on_made)).backward()
        to_generate.step()
        average = {name: kept * average[name] + (1 - kept) * value for name, value in generator.state_dict().items()}
    generator.load_state_dict(average)
    return generator, discriminator


@pytest.mark.parametrize("m, whole, averaging", [(15, True, None), (15, False, 0.9), (0, True, None), (0, False, 0.9)])
def test_steps_are_those_of_plain_pytorch(m, whole, averaging):
    job, settings = task(m=m), GANSettings(**DOUBLE, max_epochs=2, whole_latent=whole, averaging=averaging)
    steps = settings.n_steps(job)
    assert steps == 6
    [gan] = train_gans([job], settings)
    generator, discriminator = plainly_trained(job, settings, steps)
    for ours, theirs in ((gan.generator, generator), (gan.discriminator, discriminator)):
        for (name, value), expected in zip(ours.named_parameters(), theirs.parameters()):
            torch.testing.assert_close(value, expected, rtol=1e-7, atol=1e-9, msg=name)


def test_losses_by_hand():
    zeros = torch.zeros(2, 5, 1)
    torch.testing.assert_close(discriminator_loss(zeros, zeros), torch.full((2,), math.log(2)))
    torch.testing.assert_close(generator_loss(zeros), torch.full((2,), math.log(2)))
    real, made = torch.tensor([[2.0], [0.0]]), torch.tensor([[-1.0]])
    by_hand = ((math.log(1 + math.exp(-2)) + math.log(2)) / 2 + math.log(1 + math.exp(-1))) / 2
    assert discriminator_loss(real, made).item() == pytest.approx(by_hand)
    assert generator_loss(made).item() == pytest.approx(math.log(1 + math.e))


def spread(real, made):
    return -abs(float(made.std() - real.std()))


@pytest.mark.parametrize(
    "options",
    [
        {"max_epochs": 2},
        {"max_epochs": 2, "whole_latent": True},
        {"max_steps": 8, "averaging": 0.5, "score": spread, "evaluation_steps": 2, "n_iter_no_change": 1},
    ],
)
def test_a_stack_is_each_alone(options):
    """Tasks of different numbers of rows, from latent rows and from noise; they end at different steps."""
    jobs = [task(20, 15, 0), task(9, 30, 1), task(20, 15, 2), task(17, 0, 3)]
    settings = GANSettings(**DOUBLE, **options)
    together = train_gans(jobs, settings)
    for job, gan in zip(jobs, together):
        [alone] = train_gans([job], settings)
        assert (gan.n_steps, gan.stopped_by) == (alone.n_steps, alone.stopped_by)
        assert [step for step, _ in gan.history] == [step for step, _ in alone.history]
        for ours, theirs in ((gan.generator, alone.generator), (gan.discriminator, alone.discriminator)):
            for name, value in ours.state_dict().items():
                torch.testing.assert_close(value, theirs.state_dict()[name], rtol=1e-6, atol=1e-8, msg=name)


def test_batches_of_the_authors():
    """Every real row once an epoch, the last batch smaller, all latent rows in their order."""
    job, settings = task(20, 15), GANSettings(batch_size=8, whole_latent=True, dtype="float64")
    epochs = [list(islice(gan_batches(job, settings, Seed(0)), 3 * e, 3 * e + 3)) for e in (0, 1)]
    for epoch in epochs:
        assert [len(real) for real, _ in epoch] == [8, 8, 4]
        rows = torch.cat([real for real, _ in epoch]).numpy()
        np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(job.real, axis=0))
        for _, latent in epoch:
            np.testing.assert_array_equal(latent.numpy(), job.latent)
    assert not torch.equal(epochs[0][0][0], epochs[1][0][0])


def test_mini_batches_are_of_one_size_and_use_all_rows_equally():
    job, settings = task(6, 5), GANSettings(batch_size=8, dtype="float64")
    batches = list(islice(gan_batches(job, settings, Seed(0)), 15))
    assert {(len(real), len(latent)) for real, latent in batches} == {(8, 8)}
    for position, rows in ((0, job.real), (1, job.latent)):
        seen = torch.cat([batch[position] for batch in batches]).numpy()
        assert set(np.unique(seen, axis=0, return_counts=True)[1]) == {120 // len(rows)}


def test_noise_is_new_and_standard_and_never_of_one_row():
    """17 rows by 8: the last batch of an epoch would be one row, which batch-norm cannot take."""
    job, settings = task(17, 0), GANSettings(batch_size=8, max_epochs=5, whole_latent=True)
    batches = list(islice(gan_batches(job, settings, Seed(0)), 400))
    assert settings.n_steps(job) == 10
    assert {len(noise) for _, noise in batches} == {8}
    noise = torch.cat([noise for _, noise in batches])
    assert len(noise.unique()) > 0.99 * noise.numel()
    assert abs(noise.mean()) < 5 / math.sqrt(noise.numel()) and abs(noise.std() - 1) < 5 / math.sqrt(noise.numel())


def test_early_stopping_ends_at_the_best_weights():
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    settings = GANSettings(
        **DOUBLE, max_steps=50, score=lambda real, made: next(scores), evaluation_steps=2, n_iter_no_change=2
    )
    [gan] = train_gans([task()], settings)
    [best] = train_gans([task()], GANSettings(**DOUBLE, max_steps=4))
    assert (gan.n_steps, gan.stopped_by) == (8, "early_stopping")
    assert gan.history == [(2, 1.0), (4, 3.0), (6, 2.0), (8, 2.5)]
    np.testing.assert_array_equal(gan.generate(task().latent), best.generate(task().latent))


def test_scores_are_of_equally_scaled_rows_made_one_by_one():
    seen = []
    settings = GANSettings(**DOUBLE, max_steps=2, evaluation_steps=2, score=lambda *rows: seen.append(rows) or 0.0)
    job = task(20, 15)
    [gan] = train_gans([job], settings)
    [(real, made)] = seen
    np.testing.assert_array_equal(np.sort(real, axis=0), np.sort(job.real, axis=0))
    np.testing.assert_allclose(made, gan.generate(job.latent), rtol=1e-9)


def test_time_budget_and_progress():
    told = []
    gans = train_gans(
        [task(seed=0), task(seed=1)],
        GANSettings(max_steps=10_000_000),
        max_time=0.2,
        on_progress=lambda *steps: told.append(steps),
    )
    assert {gan.stopped_by for gan in gans} == {"max_time"} and 0 < gans[0].n_steps < 10_000
    assert told[0] == (2, 20_000_000) and told[-1] == (20_000_000, 20_000_000)


def test_generation():
    [gan] = train_gans([task()], GANSettings(max_steps=5))
    rows = np.random.default_rng(0).random((30, 3))
    np.testing.assert_allclose(gan.generate(rows)[:7], gan.generate(rows[:7]), atol=1e-6)
    batch = gan.generate(rows, batch_statistics=True)
    assert np.abs(batch[:7] - gan.generate(rows[:7], batch_statistics=True)).max() > 1e-3
    np.testing.assert_array_equal(batch, gan.generate(rows, batch_statistics=True))
    assert gan.finds_real(rows).shape == (30,)
    logits = gan.discriminator(torch.tensor(rows, dtype=torch.float32))[:, 0]
    np.testing.assert_array_equal(gan.finds_real(rows), logits.detach().numpy() > 0)


def test_one_row_is_refused():
    with pytest.raises(ValueError, match="real has 1"):
        GANTask(np.zeros((1, 3)), None, 0)
    with pytest.raises(ValueError, match="latent has 1"):
        GANTask(np.zeros((2, 3)), np.zeros((1, 3)), 0)
