"""GANs trained as a stack: each a generator and a discriminator on rows of its own.

Goodfellow et al., "Generative Adversarial Nets" (2014), with the non-saturating loss of the generator. A step updates
the discriminator, then the generator, on the same synthetic rows: the generator does not change in between.
"""

import copy
import math
import time
from collections.abc import Callable, Sequence
from itertools import count, groupby

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from equipoise.networks.gan import Discriminator, Generator
from equipoise.networks.modules import ModuleStack, fresh_copy
from equipoise.progress import OnSteps
from equipoise.training.autograd import trainable
from equipoise.training.gan_draws import Seed, gan_batches, number
from equipoise.training.gans import GANSettings, GANTask, TrainedGAN
from equipoise.training.optimization import Adam, keep_replicas
from equipoise.training.results import State
from equipoise.training.stopping import replica_state

_TOGETHER = 1024  # rows of a step of a stack: beyond, one GAN keeps a core busy, and vmap only slows batch-norm
_EVALUATED = 256  # rows of each kind that a score is of


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Half the cross-entropies of real and of synthetic rows, from logits (..., B, 1); one a replica."""
    return (softplus(-real).mean(dim=(-2, -1)) + softplus(made).mean(dim=(-2, -1))) / 2


def generator_loss(made: Tensor) -> Tensor:
    """Cross-entropy of synthetic rows labelled as real, from logits (..., B, 1); one a replica."""
    return softplus(-made).mean(dim=(-2, -1))


def train_gans(
    tasks: Sequence[GANTask],
    settings: GANSettings,
    *,
    max_time: float | None = None,
    on_progress: OnSteps | None = None,
) -> list[TrainedGAN]:
    """Train GANs; those with batches of the same shape train as a stack.

    Tasks have the same number of features; each result is as if it were trained alone, to rounding. ``max_time``, in
    seconds, is for all tasks. ``on_progress`` is called with the numbers of steps done and in all; early stopping
    counts the remaining steps as done.

    >>> rows = np.random.default_rng(0).random((20, 3))
    >>> [gan] = train_gans([GANTask(rows, None, seed=0)], GANSettings(max_steps=2))
    >>> gan.generate(np.zeros((5, 3))).shape
    (5, 3)
    """
    started, stacks = time.monotonic(), _plan(tasks, settings)
    total, done = sum(settings.n_steps(task) for task in tasks), 0
    trained: dict[int, TrainedGAN] = {}

    def tell(steps: int) -> None:
        nonlocal done
        done += steps
        if on_progress is not None:
            on_progress(done, total)

    for done_stacks, stack in enumerate(stacks):
        left = None if max_time is None else (max_time - (time.monotonic() - started)) / (len(stacks) - done_stacks)
        with trainable():
            gans = _StackTraining([tasks[i] for i in stack], settings, left, tell).run()
        trained.update(zip(stack, gans, strict=True))
    return [trained[i] for i in range(len(tasks))]


def _plan(tasks: Sequence[GANTask], settings: GANSettings) -> list[list[int]]:
    """Divide tasks, by number, into stacks."""

    def shape(i: int) -> tuple[int, int]:
        latent = tasks[i].latent
        whole = settings.whole_latent
        return (len(tasks[i].real) if whole else 0, len(latent) if whole and latent is not None else 0)

    stacks = []
    for (_, n_latent), group in groupby(sorted(range(len(tasks)), key=shape), key=shape):
        numbers = list(group)
        most = max(1, _TOGETHER // max(n_latent, settings.batch_size))
        stacks += [numbers[i : i + most] for i in range(0, len(numbers), most)]
    return stacks


class _Evaluations:
    """The scores of one GAN, and its weights at the best."""

    def __init__(self, task: GANTask, settings: GANSettings, seed: Seed) -> None:
        rng = np.random.default_rng(seed)
        latent = rng.standard_normal((_EVALUATED, task.real.shape[1])) if task.latent is None else task.latent
        self.real, self.n_made = rng.permutation(task.real)[:_EVALUATED], min(len(latent), _EVALUATED)
        # The same number for all GANs of a stack.
        rows = np.resize(latent, (_EVALUATED, latent.shape[1]))
        self.latent = torch.tensor(rows, dtype=getattr(torch, settings.dtype))
        self.settings = settings
        self.history: list[tuple[int, float]] = []
        self.best: tuple[State, State] | None = None
        self._best_score, self._stale = -math.inf, 0

    def improved(self, step: int, made: Tensor) -> bool:
        """Score synthetic rows, and return whether the score is the best so far."""
        assert self.settings.score is not None
        score = self.settings.score(self.real, made[: self.n_made].double().numpy())
        self.history.append((step, score))
        better = score > self._best_score
        self._best_score, self._stale = (score, 0) if better else (self._best_score, self._stale + 1)
        return better

    @property
    def done(self) -> bool:
        """Whether scores no longer improve."""
        return self._stale >= self.settings.n_iter_no_change


class _StackTraining:
    """Trains the GANs of one stack until each has ended."""

    def __init__(
        self, tasks: Sequence[GANTask], settings: GANSettings, seconds: float | None, tell: Callable[[int], None]
    ) -> None:
        self.settings, self.tell = settings, tell
        seeds = [Seed(task.seed).spawn(4) for task in tasks]
        d = tasks[0].real.shape[1]
        with torch.random.fork_rng(devices=[]):  # a new module draws weights, which `fresh_copy` draws again
            patterns = Generator(d), Discriminator(d)
        self.generator = _stack(patterns[0], [s[0] for s in seeds], settings)
        self.discriminator = _stack(patterns[1], [s[1] for s in seeds], settings)
        self.averaged = self.generator if settings.averaging is None else copy.deepcopy(self.generator)
        self.to_discriminate, self.to_generate = Adam(self.discriminator), Adam(self.generator)
        self.batches = [gan_batches(task, settings, s[2]) for task, s in zip(tasks, seeds, strict=True)]
        self.evaluations = [_Evaluations(task, settings, s[3]) for task, s in zip(tasks, seeds, strict=True)]
        self.n_steps = [settings.n_steps(task) for task in tasks]
        self.replicas = list(range(len(tasks)))
        self.finished: dict[int, TrainedGAN] = {}
        self.deadline = math.inf if seconds is None else time.monotonic() + seconds

    def run(self) -> list[TrainedGAN]:
        """Train until every GAN has ended; return them in the order of the tasks."""
        for step in count():
            self._end(step)
            if not self.replicas:
                break
            self._step()
            self.tell(len(self.replicas))
        return [self.finished[replica] for replica in range(len(self.n_steps))]

    def _step(self) -> None:
        drawn = [next(self.batches[replica]) for replica in self.replicas]
        real, latent = (torch.stack(rows) for rows in zip(*drawn, strict=True))
        rates = [self.settings.learning_rate]
        made = self.generator(latent)
        logits = self.discriminator(torch.cat([real, made.detach()], dim=1))
        loss = discriminator_loss(logits[:, : real.shape[1]], logits[:, real.shape[1] :])
        self.to_discriminate.step(loss.sum(), rates)
        self.to_generate.step(generator_loss(self.discriminator(made)).sum(), rates)
        if self.settings.averaging is not None:
            self._average(1 - self.settings.averaging)

    @torch.no_grad()
    def _average(self, share: float) -> None:
        """Move the averages towards the generators' weights, and batch-norm's statistics along with them."""
        values = [*self.generator.parameters(), *self.generator.buffers()]
        for average, value in zip((*self.averaged.parameters(), *self.averaged.buffers()), values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)

    def _end(self, step: int) -> None:
        """Remove finished GANs from the stack."""
        over = [step >= self.n_steps[replica] for replica in self.replicas]
        late = time.monotonic() >= self.deadline
        if (
            self.settings.score is not None
            and step
            and (step % self.settings.evaluation_steps == 0 or any(over) or late)
        ):
            self._evaluate(step)
        going = []
        for position, replica in enumerate(self.replicas):
            if over[position] or late or self.evaluations[replica].done:
                reason = "max_epochs" if over[position] else "max_time" if late else "early_stopping"
                self._finish(position, replica, step, reason)
            else:
                going.append(position)
        self._keep(going)

    @torch.no_grad()
    def _evaluate(self, step: int) -> None:
        self.averaged.eval()
        made = self.averaged(torch.stack([self.evaluations[replica].latent for replica in self.replicas]))
        self.averaged.train()
        for position, replica in enumerate(self.replicas):
            if self.evaluations[replica].improved(step, made[position]):
                self.evaluations[replica].best = self._states(position)

    def _states(self, position: int) -> tuple[State, State]:
        return replica_state(self.averaged, position), replica_state(self.discriminator, position)

    def _finish(self, position: int, replica: int, step: int, reason: str) -> None:
        states = self.evaluations[replica].best or self._states(position)
        generator, discriminator = _alone(self.generator, states[0]), _alone(self.discriminator, states[1])
        self.finished[replica] = TrainedGAN(generator, discriminator, step, reason, self.evaluations[replica].history)
        self.tell(self.n_steps[replica] - step)

    def _keep(self, positions: list[int]) -> None:
        if positions and len(positions) < len(self.replicas):
            for stack in {self.generator, self.averaged, self.discriminator}:
                keep_replicas(stack, positions)
            for optimizer in (self.to_discriminate, self.to_generate):
                optimizer.keep_replicas(positions)
        self.replicas = [self.replicas[position] for position in positions]


def _stack(pattern: nn.Module, seeds: Sequence[Seed], settings: GANSettings) -> ModuleStack:
    pattern = pattern.to(getattr(torch, settings.dtype))
    return ModuleStack([fresh_copy(pattern, number(seed)) for seed in seeds], vectorized=len(seeds) > 1)


def _alone(stack: ModuleStack, state: State) -> nn.Module:
    """Return one replica of a stack as a module."""
    module = fresh_copy(stack.pattern, seed=0)
    module.load_state_dict({name.replace("/", "."): value for name, value in state.items()})
    return module.eval()
