"""The inner problem: gradient steps on a stack of networks."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equipoise.losses.rows import RowLosses, row_losses
from equipoise.networks import MLPStack, ModuleStack, Stack
from equipoise.networks.training_pass import TrainingPass
from equipoise.training.draws import EVALUATIONS, VALIDATION, block_lengths, stream
from equipoise.training.optimization import SGD, Adam, Optimizer, WeightAverage, as_laid, keep_replicas
from equipoise.training.outer import ChangesRows, InnerTraining, OuterProblem, OuterSearch
from equipoise.training.pool import Pool
from equipoise.training.precision import in_bfloat16
from equipoise.training.results import AdamState, State, TrainedNetwork
from equipoise.training.schedules import PlateauRate, make_schedule
from equipoise.training.stack_batches import Masks, StackBatches
from equipoise.training.stacks import unpadded
from equipoise.training.step_losses import StepLosses, mask_of_absent, training_priors
from equipoise.training.stopping import EarlyStopping, GradientTolerance, Rule, replica_state
from equipoise.training.task import Settings, Task

_TELLS = 1.0  # seconds between reports of steps
_SEEN = 0.35  # of the time limit, which tells whether all steps can be made
_BEHIND = 0.1  # share of all steps that may be missing from those due by then, also at the end
_MOMENT = 1e-9  # seconds


class StackTraining:
    """Trains the networks of one stack, each on its own rows, until each has stopped.

    The stack has R networks with their initial weights, on the device of the settings; the R tasks have the same
    `Settings.shared`. With ``seconds`` the learning rate follows the time passed, so that a run that is cut short still
    ends at a small rate. ``on_steps`` is called with the number of network steps (replicas x steps) since its last
    call. With ``whole``, networks without all steps are of no use: they end as soon as they are seen to be too slow.
    """

    def __init__(
        self,
        stack: Stack,
        tasks: Sequence[Task],
        seconds: float | None,
        on_steps: Callable[[int], None],
        whole: bool = False,
    ) -> None:
        self.stack, self.tasks, self.on_steps = stack, tasks, on_steps
        self.settings: Settings = tasks[0].settings
        device, dtype = torch.device(self.settings.device), getattr(torch, self.settings.dtype)
        self.pool = Pool(tasks, soft=self.settings.softens, dtype=dtype, device=device)
        self.batches = StackBatches(stack, tasks, self.pool)
        self.replicas = list(range(len(tasks)))
        counts = [np.bincount(task.labels(), minlength=self.pool.n_classes) for task in tasks]
        self.class_counts = torch.tensor(np.stack(counts), device=device)
        like = torch.empty(0, dtype=dtype, device=device)
        self.class_mask = mask_of_absent([task.table.n_classes for task in tasks], self.pool.n_classes, like)
        smoothed = bool(self.settings.label_smoothing)
        self.priors = training_priors(self.class_counts, self.settings.class_power, like) if smoothed else None
        self.schedule = make_schedule(self.settings, len(tasks))
        self.generators = [stream(task, VALIDATION) for task in tasks]
        self._set_losses()
        self.optimizer = _optimizer(stack, self.settings)
        reach = self.settings.weight_averaging * self.settings.max_steps
        self.average = WeightAverage(stack, reach) if reach else None
        self.half = isinstance(stack, ModuleStack) and in_bfloat16(stack.pattern, self.settings, device)
        for replica, task in enumerate(tasks):
            if task.start is not None and task.start.optimizer is not None:
                self.optimizer.load(replica, task.start.optimizer)
        self.training_pass = _training_pass(stack, self.settings)
        self.rules = self._rules()
        self.finished: dict[int, tuple[State, int, str, AdamState | None]] = {}
        self.started, self.seconds, self.whole = time.monotonic(), seconds, whole
        self.done = 0

    def _set_losses(self) -> None:
        """Set the losses of the replicas that still train: those of the settings, or of an outer problem."""
        self.inner_losses = row_losses(self.settings.loss, self.class_counts[self.replicas], self.pool.X.dtype)
        self.losses: RowLosses = self.inner_losses
        self.search: OuterSearch | None = None
        if self.settings.outer is not None:
            self.losses = self._outer_losses(self.settings.outer)
        self.change_rows = self.losses.rows if isinstance(self.losses, ChangesRows) else None  # a slow question
        self.step_losses = StepLosses(
            self.losses,
            self.class_mask,
            self.priors,
            self.settings.label_smoothing,
            watch=self.schedule.watch if isinstance(self.schedule, PlateauRate) else None,
        )

    def _outer_losses(self, outer: OuterProblem) -> RowLosses:
        tasks, training = [self.tasks[replica] for replica in self.replicas], self._inner_training()
        if tasks[0].found is not None:
            return outer.losses([task.found for task in tasks], training)
        self.search = outer.drive(training)
        return self.search

    def _inner_training(self) -> InnerTraining:
        tasks = [self.tasks[replica] for replica in self.replicas]
        K, G = tasks[0].table.n_classes, tasks[0].table.n_groups
        cells = [task.table.cells()[task.training_rows()] for task in tasks] if G > 1 else []
        counts = [torch.from_numpy(np.bincount(c, minlength=K * G)).view(K, G) for c in cells]
        return InnerTraining(
            stack=self.stack,
            losses=self.inner_losses,
            gather=lambda rows: (self.pool.X[rows], self.pool.target[rows]),
            rows=[self.batches.rows[replica] for replica in self.replicas],
            validation_rows=[self.pool.validation_rows(task) for task in tasks],
            class_counts=torch.stack(counts) if G > 1 else self.class_counts[self.replicas],
            generators=[self.generators[replica] for replica in self.replicas],
            batch_size=self.settings.batch_size,
            max_steps=self.settings.max_steps,
        )

    def _logits(self, x: Tensor, masks: Masks) -> Tensor:
        if not self.half:
            return self.stack(x, masks)
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.stack(x, masks).to(x.dtype)

    def _rules(self) -> list[Rule]:
        rules: list[Rule] = []
        if self.settings.early_stopping is not None:
            rules.append(EarlyStopping(self.tasks, self.pool, self.settings))
        if self.settings.gradient_tolerance is not None:
            rows, draws = self.batches, [stream(task, EVALUATIONS) for task in self.tasks]
            rules.append(GradientTolerance(rows.rows, rows.weights, self.pool, self.settings, self._losses_now, draws))
        return rules

    def _losses_now(self, logits: Tensor, target: Tensor) -> Tensor:
        self.inner_losses.set_progress(self._progress(self.done))
        return self.step_losses(logits, target)

    def run(self) -> list[TrainedNetwork]:
        """Train until every replica has stopped; return the networks in the order of the tasks."""
        self.stack.train()
        seeded = not isinstance(self.stack, MLPStack) or self.batches.seeded
        with torch.random.fork_rng(devices=[]) if seeded else nullcontext():
            if seeded:  # layers and transforms that draw from torch's global generator
                torch.manual_seed(self.tasks[0].seed)
            for length, epoch_ends in block_lengths(self.settings):
                self._block(length)
                if epoch_ends:
                    self.schedule.end_epoch()
                    self._evaluate()
                if not self.replicas or self._out_of_time():
                    break
        reason = "max_time" if self._out_of_time() and self.done < self.settings.max_steps else "max_steps"
        for position, replica in enumerate(self.replicas):
            self._finish(position, replica, reason)
        seconds = (time.monotonic() - self.started) / len(self.tasks)
        found = [task.found for task in self.tasks] if self.search is None else self.search.found()
        return [self._network(replica, seconds, found[replica]) for replica in range(len(self.tasks))]

    def _block(self, length: int) -> None:
        told, when = 0, time.monotonic()
        for step, (batch, masks) in enumerate(self.batches.block(length), start=1):
            self._step(*batch, masks)
            self.done += 1
            if self._out_of_time():
                break
            if time.monotonic() - when > _TELLS:
                self.on_steps((step - told) * len(self.replicas))
                told, when = step, time.monotonic()
        self.on_steps((length - told) * len(self.replicas))

    def _step(self, x: Tensor, target: Tensor, weights: Tensor | None, masks: Masks) -> None:
        self.inner_losses.set_progress(self._progress(self.done))
        seen = x if self.change_rows is None else self.change_rows(x, target)
        gradients = self._gradients(seen, target, weights, masks)
        self.optimizer.apply(gradients, self.schedule.rates(self._progress(self.done + 1)))
        if self.average is not None:
            self.average.update()
        if self.search is not None:
            self.search.after_step(x, target, weights)

    def _gradients(self, x: Tensor, target: Tensor, weights: Tensor | None, masks: Masks) -> Sequence[Tensor | None]:
        if self.training_pass is None:
            parameters = self.optimizer.parameters
            return as_laid(self.step_losses.gradients(self._logits(x, masks), parameters, target, weights), parameters)
        logits = self.training_pass.logits(x, masks)
        if self.step_losses.written_out:
            return self.training_pass.backward(self.step_losses.slope(logits, target, weights), 1 / x.shape[1])
        logits = logits.detach().requires_grad_()
        inputs = [logits, *self.optimizer.parameters]  # the loss of a search may hold a penalty on weights
        slope, *direct = self.step_losses.gradients(logits, inputs, target, weights)
        gradients = self.training_pass.backward(torch.zeros_like(logits) if slope is None else slope)
        return [
            g if of_penalty is None else g.add_(of_penalty) for g, of_penalty in zip(gradients, direct, strict=True)
        ]

    def _progress(self, steps: int) -> float:
        share = steps / self.settings.max_steps
        if not self.seconds:
            return share
        of_time = (time.monotonic() - self.started) / self.seconds
        of_least = steps / self.settings.min_steps if self.settings.min_steps else of_time
        return min(1.0, max(share, min(of_time, of_least)))

    def _out_of_time(self) -> bool:
        if self.seconds is None or self.done < self.settings.min_steps:
            return False
        passed = (time.monotonic() - self.started) / max(_MOMENT, self.seconds)
        if not self.whole:
            return passed >= 1
        return passed > _SEEN and self.done / self.settings.max_steps < passed - _BEHIND  # a little late is no loss

    def _evaluate(self) -> None:
        for rule in self.rules:
            if not self.replicas:
                return
            done = rule.evaluate(self.stack, self.replicas, self.done)
            for position in done:
                self._finish(position, self.replicas[position], rule.name)
            if done:
                self._keep([p for p in range(len(self.replicas)) if p not in done])

    def _finish(self, position: int, replica: int, reason: str) -> None:
        rule = next(iter(self.rules), None)
        state = rule.final_state(self.stack, position, replica) if rule else replica_state(self.stack, position)
        if self.average is not None:
            state = self.average.state(position)
        kept = self.optimizer.state(position) if self.settings.keep_optimizer else None
        self.finished[replica] = (state, self.done, reason, kept)

    def _keep(self, positions: list[int]) -> None:
        self.replicas = [self.replicas[p] for p in positions]
        self.batches.keep_replicas(positions)
        if self.class_mask is not None:
            self.class_mask = self.class_mask[positions]
        if self.priors is not None:
            self.priors = self.priors[positions]
        if positions:
            self._set_losses()
            keep_replicas(self.stack, positions)
            self.training_pass = _training_pass(self.stack, self.settings)
            self.optimizer.keep_replicas(positions)
            if self.average is not None:
                self.average.keep_replicas(positions)
            self.schedule.keep_replicas(positions)

    def _network(self, replica: int, seconds: float, found: Any) -> TrainedNetwork:
        state, steps, reason, optimizer = self.finished[replica]
        module = self.stack if isinstance(self.stack, ModuleStack) else None
        return TrainedNetwork(
            weights=unpadded(self.stack, self.tasks[replica], state),
            pattern=None if module is None else module.pattern,
            vectorized=module is None or module.vectorized,
            seconds=seconds,
            n_steps=steps,
            stopped_by=reason,
            history=self.rules[0].history[replica] if self.rules else [],
            optimizer=optimizer,
            found=found,
        )


def _optimizer(stack: Stack, settings: Settings) -> Optimizer:
    common: dict[str, Any] = {"weight_decay": settings.weight_decay, "max_norm": settings.max_gradient_norm}
    if settings.optimizer == "sgd":
        return SGD(stack, momentum=settings.momentum, **common)
    return Adam(stack, settings.optimizer, eps=settings.eps, **common)


def _training_pass(stack: Stack, settings: Settings) -> TrainingPass | None:
    return TrainingPass(stack, settings.dropout_rates) if type(stack) is MLPStack else None
