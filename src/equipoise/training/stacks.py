"""Division of tasks into stacks of the same settings and shapes, as large as fit in a fast cache."""

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import nn

from equipoise.networks import CosineMLPStack, MLPStack, ModuleStack, Stack
from equipoise.networks.modules import accepts_vmap, fresh_copy
from equipoise.parameters import Parametrized
from equipoise.training.draws import INITIAL_WEIGHTS, stream
from equipoise.training.precision import has_convolutions
from equipoise.training.results import State
from equipoise.training.task import Settings, Task

# Weights, gradients and two moments of a stack.
_STACK_BYTES = 64 << 20  # beyond, memory is the limit
_THREAD_BYTES = 4 << 20  # of perceptrons for each core: beyond, its caches are the limit
_MOST_REPLICAS = 128
_ROWS_TO_START_FROM = 3000
_WIDER = 1.25  # tasks this much wider than the narrowest go to a stack of their own: padding costs time


def plan_stacks(tasks: Sequence[Task], n_jobs: int = 1) -> list[list[int]]:
    """Divide tasks, by number, into the stacks that train them, one or more for each process."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, task in enumerate(tasks):
        groups.setdefault(_key(task), []).append(number)
    return [part for group in groups.values() for part in _divide(tasks, group, n_jobs)]


def _key(task: Task) -> tuple[Any, ...]:
    settings = task.settings.shared()
    # Absent classes can be excluded from a softmax, but not from every loss.
    plain = settings.loss == "cross_entropy" and settings.outer is None
    classes = () if plain else (task.table.n_classes, task.table.n_groups)
    values = (getattr(settings, f.name) for f in fields(Settings))
    key = tuple(map(_identity, values))
    shape: tuple[Any, ...] = ()
    if not isinstance(settings.network, tuple):
        table = task.table
        shape = (*table.X.shape[1:], table.n_classes, table.X.dtype.kind, table.scaler is None)
    return (*key, *classes, *shape)


def _identity(value: Any) -> Any:
    """Return a key that compares plain values, partial functions and parameter objects by value, others by identity."""
    if isinstance(value, partial):
        keywords = ((name, _identity(part)) for name, part in sorted(value.keywords.items()))
        return (_identity(value.func), *map(_identity, value.args), *keywords)
    if isinstance(value, (BaseEstimator, Parametrized)):
        return type(value), *((name, _identity(part)) for name, part in sorted(value.get_params(deep=False).items()))
    if is_dataclass(value) and not isinstance(value, type):
        return type(value), *(_identity(getattr(value, f.name)) for f in fields(value))
    return value if isinstance(value, (tuple, str, int, float, type(None))) else id(value)


def _divide(tasks: Sequence[Task], group: list[int], n_jobs: int) -> Iterator[list[int]]:
    """Cut a group at tables that are too wide to pad to, and into parts that fit."""
    group = sorted(group, key=lambda number: tasks[number].table.X.shape[1:])
    while group:
        narrowest = math.prod(tasks[group[0]].table.X.shape[1:])
        near = [n for n in group if math.prod(tasks[n].table.X.shape[1:]) <= _WIDER * narrowest]
        most = stack_size(tasks[near[-1]])
        n_parts = math.ceil(math.ceil(len(near) / most) / n_jobs) * n_jobs  # the same number for each process
        n_parts = min(n_parts, len(near))
        yield from (part.tolist() for part in np.array_split(near, n_parts))
        group = group[len(near) :]


def stack_size(task: Task) -> int:
    """Return the number of replicas of a task's network to train at once."""
    network, most = task.settings.network, _STACK_BYTES
    if isinstance(network, tuple):
        if task.settings.device == "cpu" and task.settings.outer is None:  # a search costs more a stack than a network
            most = min(most, _THREAD_BYTES * torch.get_num_threads())
        sizes = (task.table.X.shape[1], *network, task.table.n_classes)
        weights = sum((i + 1) * o for i, o in pairwise(sizes))
    else:
        module = _module(task)
        if task.settings.device == "cpu" and has_convolutions(module):
            return 1  # convolutions of several networks at once take longer on a CPU than one after the other
        weights = sum(parameter.numel() for parameter in module.parameters())
    bytes_each = 4 * weights * torch.finfo(getattr(torch, task.settings.dtype)).bits // 8
    return max(1, min(_MOST_REPLICAS, most // max(1, bytes_each)))


def _module(task: Task) -> nn.Module:
    """Create the module of a task under its seed: a fresh copy of the pattern, or the result of the callable."""
    network = task.settings.network
    seed = stream(task, INITIAL_WEIGHTS).initial_seed()
    if isinstance(network, nn.Module):
        module = copy.deepcopy(network) if task.settings.init == "keep" else fresh_copy(network, seed)
    else:
        assert isinstance(network, Callable)  # type: ignore[arg-type]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed records the call stack, for CUDA
            module = network(task.table.X.shape[1:], task.table.n_classes)  # type: ignore[operator]
    return module.to(getattr(torch, task.settings.dtype))


def build_stack(tasks: Sequence[Task]) -> Stack:
    """Create the networks of a stack, each with initial weights of its own seed."""
    settings = tasks[0].settings
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    if not isinstance(settings.network, tuple):
        first = _module(tasks[0])
        modules = [first, *(_module(task) if task.start is None else first for task in tasks[1:])]
        X = tasks[0].table.X
        rows = torch.tensor(X[:2]) if X.dtype == np.int64 else torch.zeros(2, *X.shape[1:], dtype=dtype)
        _check_outputs(modules[0], rows, tasks[0].table.n_classes)
        _start_from_rows(modules, tasks)
        alone = len(tasks) == 1 and has_convolutions(first)
        vectorized = not alone and accepts_vmap(first, rows)
        if not (vectorized or alone):
            warnings.warn(
                f"torch.func.vmap cannot run {type(modules[0]).__name__}, so its networks train one by one.",
                UserWarning,
                stacklevel=2,
            )
        return _started(ModuleStack(modules, vectorized=vectorized), tasks).to(device)
    widest = max(task.table.X.shape[1] for task in tasks)
    n_classes = max(task.table.n_classes for task in tasks)
    perceptrons = CosineMLPStack if settings.head == "cosine" else MLPStack
    stack = perceptrons((widest, *settings.network, n_classes), len(tasks), dtype)
    glorot = settings.initialization == "glorot_uniform"
    for replica, task in enumerate(tasks):
        sizes = task.table.X.shape[1], task.table.n_classes
        stack.reset_replica(replica, *sizes, stream(task, INITIAL_WEIGHTS), glorot=glorot)
    return _started(stack, tasks).to(device)


def _start_from_rows(modules: Sequence[nn.Module], tasks: Sequence[Task]) -> None:
    """Show modules with a ``start_from`` some of their training rows, as they will read them."""
    for module, task in zip(modules, tasks, strict=True):
        if task.start is None and callable(start := getattr(module, "start_from", None)):
            rows = task.training_rows()
            rows = rows[rows < len(task.table)]
            some = torch.randperm(len(rows), generator=stream(task, INITIAL_WEIGHTS))[:_ROWS_TO_START_FROM].numpy()
            X = task.table.X[np.sort(rows[some])]
            X = X if task.table.scaler is None else task.table.scaler.transform(X)
            start(torch.tensor(X, dtype=getattr(torch, task.settings.dtype)))


@torch.no_grad()
def _started(stack: Stack, tasks: Sequence[Task]) -> Stack:
    """Copy the weights of the starts of tasks into their replicas."""
    values = stack.state_dict()
    for replica, task in enumerate(tasks):
        for name, start in (task.start.weights if task.start is not None else {}).items():
            place = (replica, *map(slice, start.shape))  # a stack may be wider than one of its replicas
            values[name][place] = torch.from_numpy(start).to(values[name])
    return stack


@torch.no_grad()
def _output_shape(module: nn.Module, rows: torch.Tensor) -> tuple[int, ...]:
    with torch.random.fork_rng(devices=[]):
        return tuple(copy.deepcopy(module)(rows).shape)  # a copy: these rows must not change batch-norm's statistics


def reads_integers(task: Task) -> bool:
    """Whether the user's network of a task reads the integers of its table as integers, as an embedding does."""
    try:
        _output_shape(_module(task), torch.tensor(task.table.X[:2]))
    except Exception:  # of any kind, from unsuitable rows
        return False
    return True


def _check_outputs(module: nn.Module, rows: torch.Tensor, n_classes: int) -> None:
    try:
        shape = _output_shape(module, rows)
    except Exception as error:
        raise ValueError(
            f"The network {type(module).__name__} cannot read rows of shape {tuple(rows.shape[1:])} and type "
            f"{rows.dtype} ({str(error).splitlines()[0] if str(error) else type(error).__name__}): change its first "
            f"layer, or the rows. Integers, such as token ids, stay integers with standardize=False."
        ) from error
    if shape != (len(rows), n_classes):
        raise ValueError(
            f"The network must map {len(rows)} rows to logits of shape {(len(rows), n_classes)}, one a class, "
            f"but gave shape {shape}: set its last layer to {n_classes} outputs."
        )


def unpadded(stack: Stack, task: Task, state: State) -> dict[str, NDArray[Any]]:
    """Return the weights of one replica without padding."""
    weights = {name: value.cpu().numpy() for name, value in state.items()}
    if not isinstance(stack, MLPStack):
        return weights
    last = len(stack.weights) - 1
    weights["weights.0"] = weights["weights.0"][: task.table.X.shape[1]]
    for name in weights.keys() & {f"weights.{last}", f"biases.{last}"}:
        weights[name] = weights[name][:, : task.table.n_classes]
    return {name: np.ascontiguousarray(value) for name, value in weights.items()}
