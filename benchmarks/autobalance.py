"""AutoBalance: an outer step in training steps of the same network and batch, and a whole search in its plain steps.

Outer steps are those of `AutoBalance` by each solver, one batch of 128 rows of either side, on a stack that has trained
for a while and stays where it is. Beside them the authors' recipe (Li et al., "AutoBalance", NeurIPS 2021, its
algorithm) in plain PyTorch: ten batches of either side, five products with the Hessian over the ten graphs kept.
Searches are those of `NeuralClassifier`, an outer step every five steps after two fifths of them: the search alone, and
with the retraining, against plain training for as many steps.

Memory is what torch's allocator has handed out at once, as its profiler tells: at most within a step, beyond what is
there before it. For the ratio of an outer step to a training step what is there is added to both: weights, moments,
gradients that a stack keeps, batches. What the libraries of products and convolutions take for themselves is not seen.
"""

import os
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table as RichTable
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.autobalance_recipe import BATCHES, Recipe, plain_mlp
from benchmarks.measure import Contestant, Effort, machine, race, save, threads
from equipoise import AutoBalance, NeuralClassifier
from equipoise.bilevel.inner import InnerPoint
from equipoise.bilevel.solvers import SOLVERS, ConjugateGradient, Solution
from equipoise.images import ClassAugmentation
from equipoise.networks.cnn import SmallCNN
from equipoise.training import fit
from equipoise.training.loop import StackTraining
from equipoise.training.stacks import build_stack

_ROWS, _CLASSES, _TAIL, _BATCH = 4096, 10, 100, 128  # the tail: rows of the largest class to those of the smallest
_TRAINED, _STILL = 200, 1e-9  # steps made before the race, and a rate at which nothing moves in it
_SEARCH_STEPS = 25  # holds three outer steps, whole numbers of each, so that a longer search has as many a step
_STEP, _TRAINING, _SEARCH, _BOTH = "training step", "plain training", "search", "search and retraining"
_DEFAULT, _ACCURATE = "identity", "cg to a residual of 0.01"
_AUGMENTED = "identity, augmentation by class"
_TARGETS = {
    _DEFAULT: 3.0,
    _AUGMENTED: 4.0,
    _ACCURATE: 25.0,
    _SEARCH: 1.6,
    _BOTH: 1.6,
}  # in training steps, or plain training
_MEMORY = 1.5

Works = dict[str, Callable[[], object]]
Samples = dict[str, list[float]]
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class _Case:
    name: str
    shape: tuple[int, ...]
    network: Any
    plain: Callable[[], nn.Module]
    n_replicas: int = 1

    def classifier(self, max_steps: int, loss: Any = "cross_entropy") -> NeuralClassifier:
        return NeuralClassifier(
            network=self.network,
            n_members=self.n_replicas,
            batch_size=_BATCH,
            loss=loss,
            hidden_layer_sizes=_MLP[1:-1],
            max_steps=max_steps,
            random_state=0,
        )

    def rows(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Make a cloud of rows for each class, their numbers falling exponentially."""
        rng, shares = np.random.default_rng(0), _TAIL ** -np.linspace(0, 1, _CLASSES)
        y = np.repeat(np.arange(_CLASSES), np.ceil(_ROWS * shares / shares.sum()).astype(int))
        centres = 3 * rng.normal(size=(_CLASSES, *self.shape)) / np.sqrt(np.prod(self.shape))
        return (centres[y] + rng.normal(size=(len(y), *self.shape))).astype(np.float32), y


_MLP, _IMAGE = (30, 256, 128, _CLASSES), (1, 28, 28)
_CASES = (
    _Case("MLP 30-256-128-10, 1 replica", _MLP[:1], "mlp", partial(plain_mlp, _MLP)),
    _Case("MLP 30-256-128-10, 20 replicas", _MLP[:1], "mlp", partial(plain_mlp, _MLP), n_replicas=20),
    _Case("CNN of 1x28x28, 1 replica", _IMAGE, SmallCNN, partial(SmallCNN, _IMAGE, _CLASSES)),
)


@dataclass(frozen=True)
class _CountedGradients(ConjugateGradient):
    answers: list[Solution] = field(default_factory=list)

    def solve(self, point: InnerPoint, v: Tensor) -> Solution:
        self.answers[:] = [super().solve(point, v)]
        return self.answers[0]


def run(console: Console, n_threads: int, effort: Effort, name: str) -> None:
    """Measure each case, print its table and the targets, and save everything."""
    result: dict[str, Any] = {"machine": machine(n_threads), "batch_size": _BATCH, "cases": {}, "targets": []}
    with Progress(console=console, transient=True) as progress, threads(n_threads), _denormals_flushed():
        for case in _CASES:
            result["cases"][case.name] = measured = _measured(case, effort, progress)
            result["targets"] += _verdicts(case.name, measured["figures"])
            console.print(_table(case.name, measured))
    console.print(_targets_table(result["targets"]))
    console.print(f"{result['machine']}\nWritten: {save(name, result)}", highlight=False)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """As the trainer has it for itself: steps on a batch that is fitted are as fast as others."""
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


def _measured(case: _Case, effort: Effort, progress: Progress) -> dict[str, Any]:
    accurate = _CountedGradients(max_iter=1000, tol=0.01)
    works, held = _steps(case, accurate)
    bytes_taken = {name: _most_allocated(work) for name, work in works.items()}
    steps = [Contestant(n, partial(_repeated, work), case.n_replicas) for n, work in works.items()]
    samples = race([*steps, *_searches(case)], effort, 1, progress, case.name)
    figures = _figures(samples)
    for name, taken in bytes_taken.items():
        memory = (held + taken) / (held + bytes_taken[_STEP])
        figures[name] |= {"megabytes": taken / 1e6, "memory": memory}
    answer = accurate.answers[0]
    figures[_ACCURATE] |= {"products": answer.n_products, "residual": answer.residual.max().item()}
    return {"samples": samples, "figures": figures, "held_megabytes": held / 1e6}


# What is timed


def _repeated(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def _steps(case: _Case, accurate: ConjugateGradient) -> tuple[Works, int]:
    """Return a training step and an outer step by each solver, the rivals', and the bytes held between steps."""
    tasks = case.classifier(_TRAINED).prepare(*case.rows()).tasks
    training = StackTraining(build_stack(tasks), tasks, None, lambda steps: None)
    training.run()
    train, validation = _batches(training, 2)
    works: Works = {_STEP: lambda: _training_step(training, *train)}
    solvers = {**SOLVERS, _ACCURATE: accurate}
    if case.n_replicas > 1:
        del solvers["exact"]  # twenty heads of 1,290 weights take seconds, and most of a gigabyte
    for name, solver in solvers.items():
        auto = AutoBalance(solver=solver, learning_rate=_STILL)
        search = auto.begin(training.stack, training.class_counts, max_steps=_TRAINED)
        works[name] = partial(search.step, [train], [validation])
    if len(case.shape) == 3:
        auto = AutoBalance(augmentation=ClassAugmentation(), learning_rate=_STILL)
        search = auto.begin(training.stack, training.class_counts, max_steps=_TRAINED)
        works[_AUGMENTED] = partial(search.step, [train], [validation])
    kept = getattr(training.stack, "_kept", [])  # a perceptron's gradients
    held = 3 * _bytes(training.stack.parameters()) + _bytes([*kept, *train, *validation])
    if case.n_replicas == 1:
        works |= _recipe(case, training)
    return works, held


def _batches(training: StackTraining, number: int) -> list[tuple[Tensor, Tensor]]:
    """Draw batches for all replicas."""
    generator, n = torch.Generator().manual_seed(0), len(training.pool.X)
    orders = [[torch.randperm(n, generator=generator) for _ in training.tasks] for _ in range(number)]
    drawn = [torch.stack(order)[:, :_BATCH] for order in orders]
    return [(training.pool.X[rows], training.pool.target[rows]) for rows in drawn]


def _recipe(case: _Case, training: StackTraining) -> Works:
    batches = [(x[0], y[0]) for x, y in _batches(training, 2 * BATCHES)]
    recipe = Recipe(case.plain(), training.class_counts[0], rate=_STILL)
    return {
        "plain PyTorch, training step": partial(recipe.training_step, *batches[0]),
        "plain PyTorch, authors' outer step": partial(recipe.outer_step, batches[:BATCHES], batches[BATCHES:]),
    }


def _training_step(training: StackTraining, x: Tensor, y: Tensor) -> None:
    training.optimizer.step(training.inner_losses(training.stack(x), y).sum() / _BATCH, [_STILL])


def _searches(case: _Case) -> list[Contestant]:
    """Return whole trainings, of so many steps for each that is asked for; the last trains twice."""
    X, y = case.rows()

    def plain(times: int) -> object:
        return fit(case.classifier(times * _SEARCH_STEPS).prepare(X, y).tasks)

    def search(times: int) -> object:
        tasks = case.classifier(times * _SEARCH_STEPS, AutoBalance()).prepare(X, y).tasks
        return fit([replace(task, inner=None, **vars(task.inner)) for task in tasks])

    def both(times: int) -> object:
        return fit(case.classifier(times * _SEARCH_STEPS, AutoBalance()).prepare(X, y).tasks)

    n = case.n_replicas * _SEARCH_STEPS
    return [Contestant(_TRAINING, plain, n), Contestant(_SEARCH, search, n), Contestant(_BOTH, both, 2 * n)]


# What it comes to


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _most_allocated(work: Callable[[], object]) -> int:
    """Bytes of tensors at most at once while some work is done, beyond those that were there."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would announce itself
    work()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        work()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == "[memory]"]
    return int(np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]).max())


def _figures(samples: Samples) -> Figures:
    """Medians over rounds, ratios taken within each round: outer steps to a step, searches to plain training."""
    figures = {}
    for name in samples.keys() - {"matrix rate"}:
        unit = samples[_unit(name)]
        ratio = statistics.median(t / u for t, u in zip(samples[name], unit))
        figures[name] = {"microseconds": statistics.median(samples[name]), "ratio": ratio}
    return figures


def _unit(name: str) -> str:
    return _TRAINING if name in (_TRAINING, _SEARCH, _BOTH) else _STEP


def _verdicts(case: str, figures: Figures) -> list[dict[str, Any]]:
    asked = [(name, "time", "ratio", bound) for name, bound in _TARGETS.items() if name in figures]
    asked += [(name, "memory", "memory", _MEMORY) for name in (_DEFAULT, _ACCURATE)]
    return [
        {
            "case": case,
            "contestant": name,
            "figure": f"{kind} / {_unit(name)}",
            "target": bound,
            "value": figures[name][key],
            "met": figures[name][key] <= bound,
        }
        for name, kind, key, bound in asked
    ]


def _table(case: str, measured: dict[str, Any]) -> RichTable:
    samples, figures = measured["samples"], measured["figures"]
    answer = figures[_ACCURATE]
    table = RichTable(
        title=case,
        caption=f"{len(samples[_STEP])} rounds, medians; {_ACCURATE}: {answer['products']} "
        f"products, {answer['residual']:.4f} reached; {measured['held_megabytes']:.2f} MB held between "
        f"steps; searches: a step of theirs in one of plain training",
    )
    table.add_column(no_wrap=True)
    table.add_column("µs a network", justify="right", min_width=9)
    for column in ("in training steps", "MB beyond", "memory / training step"):
        table.add_column(column, justify="right")
    for name in (name for name in samples if name in figures):
        f = figures[name]
        memory = (f"{f['megabytes']:.2f}", f"{f['memory']:.2f}") if "memory" in f else ("", "")
        table.add_row(name, f"{f['microseconds']:,.0f}", f"{f['ratio']:.2f}", *memory)
    return table


def _targets_table(verdicts: Sequence[dict[str, Any]]) -> RichTable:
    table = RichTable(title="Targets")
    for column in ("case", "", "figure", "at most", "measured", "verdict"):
        table.add_column(column)
    for v in verdicts:
        verdict = "[green]met" if v["met"] else "[red]missed"
        table.add_row(v["case"], v["contestant"], v["figure"], f"{v['target']:g}", f"{v['value']:.2f}", verdict)
    return table
