"""`fit` against a training loop written by hand, and what it tells while it runs."""

import itertools
import math
import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from equipoise import BatchSMOTE, MixUp, RebalancedMixup, ReMix
from equipoise.classifiers.scores import SCORES
from equipoise.training import Settings, Table, Task, fit, loop
from equipoise.training.draws import DROPOUT, ROWS, DropoutMasks, RowDraws, block_lengths, stream
from equipoise.training.stacks import build_stack


def settings(**changes):
    return Settings(
        **{"network": (8, 6), "max_steps": 60, "epoch_steps": 25, "batch_size": 16, "dtype": "float64", **changes}
    )


def as_layers(stack):
    """The first replica as torch's own layers."""
    layers = nn.ModuleList(nn.Linear(*weight.shape[1:], dtype=torch.float64) for weight in stack.weights)
    for layer, weight, bias in zip(layers, stack.weights, stack.biases):
        layer.weight.data, layer.bias.data = weight[0].detach().T.clone(), bias[0, 0].detach().clone()
    return layers


def assert_layers(network, layers):
    for number, layer in enumerate(layers):
        np.testing.assert_allclose(network.weights[f"weights.{number}"], layer.weight.detach().T, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(network.weights[f"biases.{number}"][0], layer.bias.detach(), rtol=1e-6, atol=1e-9)


def one_cycle(step, n_steps, peak):
    """Cosine from peak/25 to peak over 30% of the steps, then down to peak/250,000."""
    share = (step + 1) / n_steps
    low, part = (peak / 25, share / 0.3) if share < 0.3 else (peak / 250_000, (1 - share) / 0.7)
    return low + (peak - low) * (1 - math.cos(math.pi * part)) / 2


def plateau(losses, peak):
    """The rate after each epoch, by the rule of Keras's ReduceLROnPlateau with the ReMix authors' constants."""
    least, waited, rate = math.inf, 0, peak
    for loss in losses:
        waited += 1
        if loss < least - 1e-4:
            least, waited = loss, 0
        if waited == 5:
            rate, waited = max(0.2 * rate, 1e-5), 0
    return rate


def rate_by_hand(s, step, epoch_losses):
    if s.schedule == "plateau":
        return plateau(epoch_losses, s.learning_rate)
    return one_cycle(step, s.max_steps, s.learning_rate) if s.schedule == "one_cycle" else s.learning_rate


def nearest_of_class(X, labels, rows, place, rank):
    """The row of a batch that is nearest number `rank` to the one at `place`, among its class; 0 is itself."""
    row = rows[place]
    others = [r for p, r in enumerate(rows.tolist()) if p != place and labels[r] == labels[row]]
    others.sort(key=lambda r: float((X[r] - X[row]).norm()))
    return [row, *others][rank]


def hand_batch(X, labels, n_classes, block, i):
    """Features and soft targets of a batch, by its draws."""
    one_hot = functional.one_hot(labels, n_classes).double()
    if block.within is not None:
        first, rank, share, _ = (part[i] for part in block.within)
        base = block.rows[i][first]
        pairs = zip(first.tolist(), rank.tolist())
        other = torch.tensor([int(nearest_of_class(X, labels, block.rows[i], f, r)) for f, r in pairs])
        return share[:, None] * X[base] + (1 - share[:, None]) * X[other], one_hot[base]
    if block.mixture is None:
        return X[block.rows[i]], one_hot[block.rows[i]]
    first, second, share, of_labels = (part[i] for part in block.mixture)
    x = share[:, None] * X[first] + (1 - share[:, None]) * X[second]
    return x, of_labels[:, None] * one_hot[first] + (1 - of_labels[:, None]) * one_hot[second]


def train_by_hand(task):
    """The loop that everyone writes, fed with the same initial weights, batches, partners and masks."""
    s = task.settings
    layers = as_layers(build_stack([task]))
    parameters = list(layers.parameters())
    optimizer = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[s.optimizer](
        parameters, lr=s.learning_rate, weight_decay=s.weight_decay, eps=s.eps, foreach=False
    )
    X, labels = torch.tensor(task.table.X), torch.tensor(task.table.y)
    rows = torch.tensor(task.training_rows())
    row_weights = None if task.weights is None else torch.tensor(task.weights)
    draws = RowDraws(rows, labels[rows], row_weights, s.batch_size, s.batch_transform, stream(task, ROWS))
    widths = [layer.out_features for layer in layers[:-1]]
    rates = s.dropout if isinstance(s.dropout, tuple) else (s.dropout,) * len(widths)
    masks = DropoutMasks(widths, s.batch_size, rates, [stream(task, DROPOUT)], X[:0]) if any(rates) else None
    step, epoch_losses, batch_losses = 0, [], []
    for length, epoch_ends in block_lengths(s):
        block, drawn_masks = draws.block(length), list(masks.block(length)) if masks else None
        for i in range(length):
            x, target = hand_batch(X, labels, task.table.n_classes, block, i)
            for number, layer in enumerate(layers):
                x = layer(x)
                if number < len(layers) - 1:
                    x = x.relu()
                    if masks and drawn_masks[i][number] is not None:
                        x = x * drawn_masks[i][number][0]
            losses = -(target * x.log_softmax(dim=1)).sum(dim=1)
            loss = (losses * (1.0 if block.weights is None else block.weights[i])).sum() / s.batch_size
            for group in optimizer.param_groups:
                group["lr"] = rate_by_hand(s, step, epoch_losses)
            batch_losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
        if epoch_ends:
            epoch_losses.append(np.mean(batch_losses))
            batch_losses = []
    return layers


WEIGHTS = np.random.default_rng(0).uniform(0, 3, 60)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({}, None),
        ({"optimizer": "adam", "weight_decay": 0.1}, None),
        ({"schedule": "constant", "weight_decay": 0.0}, None),
        ({"network": ()}, None),
        ({}, WEIGHTS),
        ({"batch_transform": MixUp(alpha=0.5)}, None),
        ({"batch_transform": ReMix(per_row=True)}, WEIGHTS),
        ({"dropout": 0.25}, WEIGHTS),
        ({"batch_size": 1000, "max_steps": 20}, None),
        ({"max_steps": 300, "epoch_steps": 290}, None),
        ({"dropout": (0.25, 0.0)}, None),
        ({"schedule": "plateau", "max_steps": 120, "epoch_steps": 2, "learning_rate": 0.05}, None),
        ({"initialization": "glorot_uniform", "eps": 1e-3}, None),
        ({"batch_transform": BatchSMOTE(), "batch_size": 40}, None),
        ({"batch_transform": RebalancedMixup()}, None),
    ],
    ids=[
        "adamw",
        "adam",
        "constant",
        "linear",
        "weights",
        "mixup",
        "remix",
        "dropout",
        "full batch",
        "long",
        "dropout by layer",
        "plateau",
        "glorot",
        "smote",
        "rebalanced mixup",
    ],
)
@pytest.mark.parametrize("counts", [(54, 6), (40, 15, 5)], ids=["binary", "three classes"])
def test_equals_a_loop_written_by_hand(changes, weights, counts, table):
    task = Task(table(counts), 7, settings(**changes), weights=weights)
    network = fit([task])[0]
    assert_layers(network, train_by_hand(task))
    assert (network.n_steps, network.stopped_by) == (task.settings.max_steps, "max_steps")


def test_batches_that_a_transform_sees_are_those_trained_on(table):
    """Independent of our own draws: the batches are taken down, and trained on by hand."""
    seen = []

    def take_down(x, y):
        seen.append((x.clone(), y.clone()))
        return x, y

    task = Task(table(), 0, settings(batch_transform=take_down))
    network = fit([task])[0]
    layers = as_layers(build_stack([task]))
    model = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(model.parameters())
    for step, (x, y) in enumerate(seen):
        optimizer.param_groups[0]["lr"] = one_cycle(step, 60, 3e-3)
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(x), y).backward()
        optimizer.step()
    assert len(seen) == 60
    assert_layers(network, layers)
    used = torch.cat([x for x, _ in seen])
    places = (used[:, None] == torch.tensor(task.table.X)).all(dim=2).nonzero()[:, 1]
    assert torch.bincount(places).tolist() == [16] * 60  # 60 steps of 16 rows: each of 60 rows 16 times


def test_weight_of_a_row_is_how_often_it_is_there(table):
    """Full batch: row weights k are the row k times over, at the same number of gradient steps."""
    shared = table()
    times = np.random.default_rng(1).integers(0, 4, 60)
    weighted = settings(batch_size=60, schedule="constant")
    repeated = settings(batch_size=int(times.sum()), schedule="constant")
    by_weight = fit([Task(shared, 0, weighted, weights=times / times.mean())])[0]
    by_rows = fit([Task(shared, 0, repeated, rows=np.repeat(np.arange(60), times))])[0]
    for name, value in by_weight.weights.items():
        np.testing.assert_allclose(value, by_rows.weights[name], rtol=1e-6, atol=1e-9)


def test_made_rows_train_as_given_ones_do(table):
    """A row made by a sampler, and the same row in the table, are the same to the trainer."""
    whole = table()
    part, made = (Table(whole.X[s], whole.y[s], 2) for s in (slice(0, 40), slice(40, None)))
    alike = fit([Task(whole, 0, settings())])[0], fit([Task(part, 0, settings(), np.arange(60), made)])[0]
    for name, value in alike[0].weights.items():
        np.testing.assert_array_equal(value, alike[1].weights[name])


def test_soft_targets_of_one_hot_rows_are_class_codes(table):
    whole = table()
    soft = Table(whole.X, np.eye(2)[whole.y], 2)
    alike = fit([Task(whole, 0, settings())])[0], fit([Task(soft, 0, settings())])[0]
    for name, value in alike[0].weights.items():
        np.testing.assert_allclose(value, alike[1].weights[name], rtol=1e-9)


def test_tables_are_not_changed(table):
    X, y = table().X.astype(np.float32), table().y
    kept = X.copy(), y.copy()
    fit([Task(Table(X, y, 2), 0, settings(dtype="float32"))])
    assert np.array_equal(X, kept[0]) and np.array_equal(y, kept[1])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_stack_that_fails_does_not_stop_the_others_for_who_wants_to_know(table, n_jobs):
    def bad_transform(x, y):
        raise MemoryError("no room")

    rows = table()
    tasks = [Task(rows, seed=seed, settings=settings(max_steps=5)) for seed in range(4)]
    tasks[1:3] = [Task(rows, seed=1, settings=settings(max_steps=5, batch_transform=bad_transform))] * 2
    failed, kept, told = [], [], []
    good = fit(
        tasks,
        n_jobs=n_jobs,
        on_stack=kept.extend,
        on_progress=lambda *steps: told.append(steps),
        on_failure=lambda numbers, error: failed.append((numbers, str(error))),
    )
    assert sorted(number for numbers, _ in failed for number in numbers) == [1, 2]
    assert {reason for _, reason in failed} == {"no room"} and sorted(kept) == [0, 3] and told[-1] == (20, 20)
    alone = fit(tasks[3:])[0]
    np.testing.assert_allclose(good[1].weights["weights.0"], alone.weights["weights.0"], rtol=1e-9)
    with pytest.raises(MemoryError, match="no room"):
        fit(tasks, n_jobs=n_jobs)


def test_no_tasks_no_networks():
    assert fit([]) == []


class TestProgress:
    def tasks(self, table):
        early = settings(early_stopping=SCORES["log_loss"], patience=1, epoch_steps=5, learning_rate=0.1, max_steps=200)
        watched = [Task(table(seed=s), s, early, np.arange(40), validation_rows=np.arange(40, 60)) for s in range(3)]
        return [*watched, *(Task(table(n_features=d), d, settings()) for d in (4, 40, 4))]

    def test_totals(self, table):
        calls = []
        tasks = self.tasks(table)
        networks = fit(tasks, on_progress=lambda done, total: calls.append((done, total)))
        total = sum(task.settings.max_steps for task in tasks)
        assert sum(network.n_steps for network in networks) < total  # some stopped early
        done = [d for d, _ in calls]
        assert {t for _, t in calls} == {total}
        assert done == sorted(done) and done[-1] == total
        assert len(calls) > 6

    def test_each_stack_is_told_once_and_in_time(self, table):
        told, progress = [], []
        tasks = self.tasks(table)

        def keep(networks):
            told.append((networks, progress[-1]))

        networks = fit(tasks, on_progress=lambda done, _: progress.append(done), on_stack=keep)
        assert [sorted(part) for part, _ in told] == [[0, 1, 2], [3, 5], [4]]
        assert [done for _, done in told] == [600, 720, 780]
        assert all(part[number] is networks[number] for part, _ in told for number in part)

    def test_a_stop_in_on_stack_ends_the_run(self, table):
        def stop(networks):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(self.tasks(table), on_stack=stop)


class TestTime:
    def test_run_stops_and_says_so(self, table):
        calls = []
        endless = settings(max_steps=10**7)
        networks = fit(
            [Task(table(), s, endless) for s in range(2)], max_time=0.2, on_progress=lambda *c: calls.append(c)
        )
        assert {network.stopped_by for network in networks} == {"max_time"}
        assert all(0 < network.n_steps < 10**7 for network in networks)
        assert calls[-1] == (2 * 10**7, 2 * 10**7)

    def test_every_stack_gets_its_share(self, table):
        endless = settings(max_steps=10**7)
        networks = fit([Task(table(n_features=d), 0, endless) for d in (2, 40)], max_time=0.4)
        assert all(network.stopped_by == "max_time" and network.n_steps > 0 for network in networks)

    def test_networks_of_which_only_whole_ones_serve_end_once_they_are_seen_to_be_too_slow(self, table, monkeypatch):
        """By a clock that moves a second whenever it is asked."""
        ticks = itertools.count()
        monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))

        def steps(n_steps, max_time, **options):
            network = fit([Task(table(), 0, settings(max_steps=n_steps))], max_time=max_time, **options)[0]
            return network.n_steps, network.stopped_by

        cut, early = steps(2000, 1000.0), steps(2000, 1000.0, whole=True)
        assert cut[1] == early[1] == "max_time" and 0.3 * cut[0] < early[0] < 0.5 * cut[0]
        a_little_late = round(1.05 * cut[0])
        assert steps(a_little_late, 1000.0)[0] < a_little_late
        assert steps(a_little_late, 1000.0, whole=True) == (a_little_late, "max_steps")
        assert steps(100, 1000.0, whole=True) == (100, "max_steps")

    def test_a_run_cut_short_keeps_the_best_weights(self, table):
        early = settings(max_steps=10**7, early_stopping=SCORES["log_loss"], patience=10**7, epoch_steps=5)
        task = Task(table(), 0, early, np.arange(40), validation_rows=np.arange(40, 60))
        network = fit([task], max_time=0.2)[0]
        assert network.stopped_by == "max_time" and network.history

    def test_enough_time_changes_no_weight(self, table):
        plain, timed = fit([Task(table(), 0, settings())]), fit([Task(table(), 0, settings())], max_time=1e6)
        assert timed[0].stopped_by == "max_steps"
        assert all(np.array_equal(value, timed[0].weights[name]) for name, value in plain[0].weights.items())

    def test_no_time_at_all(self, table):
        """Time that was used up by an earlier stack, or was never there, still leaves a network."""
        network = fit([Task(table(), 0, settings())], max_time=1e-9)[0]
        assert network.stopped_by == "max_time" and network.is_finite()


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"loss": "hinge"}, "loss='hinge'"),
            ({"optimizer": "lbfgs"}, "optimizer.*'lbfgs'"),
            ({"schedule": "sawtooth"}, "schedule.*'sawtooth'"),
            ({"batch_transform": MixUp(alpha=1.0).set_params(alpha=-1.0)}, r"alpha=-1\.0"),
            ({"batch_transform": ReMix().set_params(variant="half")}, "'half'"),
        ],
    )
    def test_settings(self, changes, message, table):
        with pytest.raises(ValueError, match=message):
            fit([Task(table(), 0, settings(**changes))])

    def test_weights_of_another_length(self, table):
        with pytest.raises(ValueError, match="weights"):
            fit([Task(table(), 0, settings(), weights=np.ones(61))])

    def test_early_stopping_without_validation_rows(self, table):
        with pytest.raises(ValueError, match="validation_rows"):
            fit([Task(table(), 0, settings(early_stopping=SCORES["log_loss"]))])

    def test_no_training_rows(self, table):
        def give_up(*_):
            raise TimeoutError("fit does not end")

        signal.signal(signal.SIGALRM, give_up)
        signal.alarm(5)  # a guard, not a measurement
        try:
            with pytest.raises(ValueError, match="rows"):
                fit([Task(table(), 0, settings(), rows=np.array([], dtype=np.int64))])
        finally:
            signal.alarm(0)

    def test_network_of_another_width(self, table):
        """A network with an output too many would give probabilities of a class that is not there."""
        with pytest.raises(ValueError, match=r"3.*2|2.*3"):
            fit([Task(table(), 0, settings(network=nn.Linear(4, 3)))])


def test_denormal_numbers_are_left_as_they_were(table):
    """Training flushes them for its own speed; the caller's arithmetic must not notice."""
    tiny = torch.tensor(1e-40)
    fit([Task(table(), 0, settings())])
    assert (tiny * 1.0).item() > 0


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_training_in_two_parts_is_training_at_once(optimizer, table, assert_same):
    """Full batches, so that only weights, moments and the number of steps carry over."""
    base = {"batch_size": 60, "schedule": "constant", "optimizer": optimizer, "keep_optimizer": True, "epoch_steps": 50}
    shared, seeds = table(), range(3)

    def trained(n_steps, starts):
        each = settings(max_steps=n_steps, **base)
        return fit([Task(shared, seed, each, start=start) for seed, start in zip(seeds, starts)])

    whole = trained(50, [None] * 3)
    first = trained(20, [None] * 3)
    for network, second in zip(whole, trained(30, first)):
        for name, value in network.weights.items():
            np.testing.assert_allclose(second.weights[name], value, rtol=1e-7, atol=1e-9)
        assert second.optimizer.n_steps == 50
    # Replicas that have made different numbers of steps go on in one stack as each alone.
    mixed = trained(30, [first[0], None, whole[2]])
    for replica, start in enumerate([first[0], None, whole[2]]):
        alone = fit([Task(shared, replica, settings(max_steps=30, **base), start=start)])[0]
        assert_same(mixed[replica], alone)
        assert mixed[replica].optimizer.n_steps == (0 if start is None else start.optimizer.n_steps) + 30


def test_a_start_without_moments_gives_its_weights(table):
    first = fit([Task(table(), 0, settings())])[0]
    assert first.optimizer is None
    again = fit([Task(table(), 1, settings(max_steps=1, learning_rate=1e-12, weight_decay=0.0), start=first)])[0]
    for name, value in first.weights.items():
        np.testing.assert_allclose(again.weights[name], value, atol=1e-9)
