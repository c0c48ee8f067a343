"""`fit`: tasks in, trained networks out."""

import time
from collections.abc import Callable, Sequence

from equipoise.training.fitted import TrainedNetwork
from equipoise.training.loop import StackTraining
from equipoise.training.stacks import build_stack, plan_stacks
from equipoise.training.task import Task


def fit(
    tasks: Sequence[Task],
    *,
    max_time: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    on_stack: Callable[[dict[int, TrainedNetwork]], None] | None = None,
) -> list[TrainedNetwork]:
    """Train one network a task, as many at once as the machine likes.

    Tasks of the same settings train as one stack, whatever their rows, weights, seeds, numbers of
    features and of classes. A task's result is the same, to rounding, as if it were trained alone.

    Parameters
    ----------
    tasks : sequence of Task
    max_time : float, optional
        Seconds for all of them; what time is left is shared among the stacks still to come by their
        gradient steps.
    on_progress : callable, optional
        Called with the network steps done and the network steps in all.
    on_stack : callable, optional
        Called after each stack with its networks by task number, so that a long run can keep what is
        finished.

    Returns
    -------
    list of TrainedNetwork
        In the order of the tasks.

    Raises
    ------
    ValueError
        If a task's loss, name or shape does not serve; see `Settings`.

    Examples
    --------
    >>> import numpy as np
    >>> from equipoise.training import Settings, Table, Task, fit
    >>> table = Table(np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 2, n_classes=2)
    >>> networks = fit([Task(table, seed=seed, settings=Settings(max_steps=20)) for seed in range(8)])
    >>> len(networks), networks[0].weights["weights.0"].shape
    (8, (4, 256))
    """
    stacks = plan_stacks(tasks)
    total = left = sum(task.settings.max_steps for task in tasks)
    deadline = None if max_time is None else time.monotonic() + max_time
    done = 0
    results: dict[int, TrainedNetwork] = {}

    def advance(network_steps: int) -> None:
        nonlocal done
        done += network_steps
        if on_progress is not None:
            on_progress(done, total)

    for numbers in stacks:
        members = [tasks[number] for number in numbers]
        steps = sum(task.settings.max_steps for task in members)
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic()) * steps / left
        networks = dict(zip(numbers, StackTraining(build_stack(members), members, seconds, advance).run(), strict=True))
        left -= steps
        advance(total - left - done)  # replicas that stopped early
        results |= networks
        if on_stack is not None:
            on_stack(networks)
    return [results[number] for number in range(len(tasks))]
