"""AutoClassifier: honest probabilities, decisions by name, weights, groups, held-out rows that are, and errors."""

import copy
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from equipoise import AutoClassifier, Dependence, metrics
from equipoise.classifiers import auto, auto_folds, auto_job, auto_networks, base
from equipoise.classifiers.auto_members import CHEAP, Kind, first_rounds
from equipoise.decisions import decide, tune_offsets
from equipoise.decisions.pool import LogPool
from equipoise.training import FittedEnsemble, fit

COSTS = [[0.0, 1.0], [9.0, -0.5]]
pytestmark = pytest.mark.usefixtures("few_trees")


def quick(**changes):
    return AutoClassifier(**{"max_steps": 20, "random_state": 0, **changes})


def same_bytes(classifier, other, X):
    return classifier.predict_proba(X).tobytes() == other.predict_proba(X).tobytes()


class Halved:
    """A classifier with the rows that it held out, and what its networks became."""

    def __init__(self, X, y, **changes):
        self.classifier = quick(**changes)
        job = self.job = self.classifier.prepare(X, y)
        self.tasks, self.rows, self.codes, self.held_out = job.tasks, job.rows, job.codes, job.held_out
        self.networks = fit(self.tasks)
        job.finish(self.networks)

    def of_networks(self):
        """Probabilities (n, K) of each row by the networks that did not train on it."""
        answers = np.full((len(self.rows), len(self.classifier.classes_)), np.nan)
        coded = self.classifier.encoder_.transform(self.rows)
        for unseen, network, task in zip(self.held_out, self.networks[::2], self.tasks[::2], strict=True):
            train = np.setdiff1d(np.arange(len(coded)), unseen)
            used = np.flatnonzero(coded[train].any(axis=0))
            scale = np.ones(coded.shape[1])
            scale[used] = (np.abs(task.table.X) / np.maximum(np.abs(coded[train]), 1e-9))[:, used].max(axis=0)
            ensemble = FittedEnsemble([network], self.classifier.classes_)
            answers[unseen] = ensemble.predict_proba((coded[unseen] * scale).astype(np.float32))
        return answers


@pytest.fixture(scope="module")
def binary(problem, fewer_trees):
    X, y = problem((160, 20), apart=1.5)
    with fewer_trees():
        return X, y, Halved(X, y, max_steps=60)


@pytest.fixture(scope="module")
def several(problem, fewer_trees):
    X, y = problem((90, 40, 12, 1))
    y = np.array(["d", "b", "c", "a"])[y]
    with fewer_trees():
        return X, y, quick().fit(X, y)


class TestProbabilities:
    def test_they_sum_to_1(self, binary, several):
        for X, y, model in [(binary[0], binary[1], binary[2].classifier), several]:
            proba = model.predict_proba(X)
            assert proba.shape == (len(X), len(np.unique(y))) and (proba >= 0).all()
            np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)

    @pytest.mark.parametrize("weighted", [False, True])
    def test_they_are_natural_on_average(self, weighted, problem):
        """On new rows the mean probability is the share, up to what the draws of training rows leave open."""
        X, y = problem((380, 20), apart=1.0)
        weight = np.where(y == 1, 4.0, 1.0) if weighted else None
        share = np.average(y, weights=weight)
        model = quick(max_steps=150).fit(X, y, weight)
        np.testing.assert_allclose(model.priors_, [1 - share, share])
        X_new, y_new = problem((3800, 200), apart=1.0, seed=0)  # the same centres, other rows
        assert not np.isin(X_new, X).any()
        mean = np.average(model.predict_proba(X_new)[:, 1], weights=None if weight is None else np.where(y_new, 4.0, 1))
        deviation = share * (1 - share) * np.sqrt(1 / 20 + 1 / 380)  # of a share, by the log odds of so many rows
        assert mean == pytest.approx(share, abs=3 * deviation)

    def test_it_learns(self, problem):
        X, y = problem((380, 20), apart=4.0)
        model = quick(max_steps=150).fit(X[::2], y[::2])
        assert metrics.g_mean(y[1::2], model.predict(X[1::2])) > 0.85

    def test_rows_in_parts_and_alone_are_answered_alike(self, binary, monkeypatch):
        X, _, halved = binary
        whole = halved.classifier.predict_proba(X)
        monkeypatch.setattr(base, "_ROWS_AT_ONCE", 50)
        np.testing.assert_allclose(halved.classifier.predict_proba(X), whole, rtol=1e-6)
        np.testing.assert_allclose(halved.classifier.predict_proba(X[:1]), whole[:1], rtol=1e-6)

    def test_they_are_the_pool_of_the_members(self, binary):
        X, _, halved = binary
        model = halved.classifier
        coded = model.encoder_.transform(halved.rows)
        expected = np.tile(np.exp(model.pool_.intercepts), (len(X), 1))
        for (name, member), weight in zip(model.members_.items(), model.pool_.weights, strict=True):
            proba = member.predict_proba(coded if name in ("line", "networks") else halved.rows)
            expected *= (proba + 1e-4) ** weight
        expected /= expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)

    def test_networks_of_two_folds_are_averaged(self, binary):
        _, _, halved = binary
        model = halved.classifier
        coded = model.encoder_.transform(halved.rows)
        apart = model.members_["networks"].member_proba(coded)
        assert len(apart) == 2 < len(halved.held_out)
        np.testing.assert_allclose(apart.mean(axis=0), model.members_["networks"].predict_proba(coded))

    def test_features_are_clipped_to_five_deviations(self, binary):
        X, _, halved = binary
        far, end = X.mean(axis=0) + 100 * X.std(axis=0), X.mean(axis=0) + 5 * X.std(axis=0)
        np.testing.assert_allclose(*halved.classifier.predict_proba([far, end]), rtol=1e-4)


class TestHeldOutRows:
    def test_each_row_is_held_out_once_and_trained_on_by_all_others(self, binary):
        X, _, halved = binary
        assert sorted(np.concatenate(halved.held_out)) == list(range(len(X)))
        coded = halved.classifier.encoder_.transform(halved.rows)
        for unseen, task in zip(halved.held_out, halved.tasks[::2], strict=True):
            train = np.setdiff1d(np.arange(len(X)), unseen)
            np.testing.assert_array_equal(task.table.X == 0, coded[train] == 0)  # up to scales of columns
            np.testing.assert_array_equal(task.table.y, halved.codes[train])

    def test_pool_and_offsets_come_from_what_was_held_out(self, binary):
        _, _, halved = binary
        model, job = halved.classifier, halved.job
        np.testing.assert_allclose(job.answers["networks"], halved.of_networks(), atol=1e-4)
        names = np.array([*CHEAP, "networks", "networks on features"])
        while True:  # members of little weight leave, and the others are weighed again
            pool = LogPool.fit(np.stack([job.answers[name] for name in names]), halved.codes)
            if (kept := pool.weights >= 0.05).all():
                break
            names = names[kept]
        assert list(model.members_) == names.tolist() and len(names) < 5
        np.testing.assert_allclose(model.pool_.weights, pool.weights, atol=1e-6)
        np.testing.assert_allclose(model.pool_.intercepts, pool.intercepts, atol=1e-6)
        pooled = model.pool_.proba(np.stack([job.answers[name] for name in model.members_]))
        offsets = tune_offsets(halved.codes, pooled, metric="macro_f1", labels=[0, 1])
        np.testing.assert_allclose(model.offsets_["macro_f1"], offsets, atol=1e-4)

    def test_labels_of_held_out_rows_do_not_reach_the_answers_on_their_fold(self, problem, monkeypatch):
        X, y = problem((60, 20))
        folds = [(np.delete(np.arange(80), part), part) for part in np.array_split(np.arange(80), 4)]
        monkeypatch.setattr(auto_folds, "split", lambda codes, groups, seed, n_folds: folds)
        changed = y.copy()
        changed[folds[1][1]] = 1 - y[folds[1][1]]
        jobs = [quick(max_steps=1).prepare(X, labels) for labels in (y, changed)]
        before, after = (job.answers for job in jobs)
        for name in CHEAP:
            same = [before[name][part].tobytes() == after[name][part].tobytes() for _, part in folds]
            assert same == [False, True, False, False], name
        same = [
            a.table.X.tobytes() == b.table.X.tobytes() for a, b in zip(*(job.tasks[::2] for job in jobs), strict=True)
        ]
        assert same == [False, True, False, False]

    def test_members_without_weight_are_dropped(self, problem, monkeypatch):
        """The line learned wrong labels: it has no weight, and the model does not hold it."""
        X, y = problem((160, 40), apart=3.0)
        fit_line = auto_job.fit_line

        def misled(coded, codes, weights, n_classes):
            return fit_line(coded, 1 - codes, weights, n_classes)

        monkeypatch.setattr(auto_job, "fit_line", misled)
        model = quick(max_steps=150).fit(X, y)
        assert "line" not in model.members_ and len(model.members_) == len(model.pool_.weights)
        assert metrics.g_mean(y, model.predict(X)) > 0.9

    def test_groups_stay_together(self, problem):
        X, y = problem((70, 20))
        groups = np.random.default_rng(0).integers(12, size=90)
        held_out = quick().prepare(X, y, groups=groups).held_out
        assert sorted(np.concatenate(held_out)) == list(range(90)) and len(held_out) > 2
        assert sum(len(np.unique(groups[part])) for part in held_out) == len(np.unique(groups))

    def test_few_groups_are_few_folds(self, problem):
        X, y = problem((70, 20))
        job = quick().prepare(X, y, groups=pd.Series(["a", "b"] * 45))
        assert len(job.held_out) == len(job.tasks) / 2 == 2

    def test_a_fold_that_no_group_falls_into_is_left_out(self, problem):
        rng = np.random.default_rng(310)
        n = rng.integers(6, 60)
        y = (rng.random(n) < rng.uniform(0.05, 0.5)).astype(int)
        groups = rng.integers(0, rng.integers(2, 12), n) ** rng.integers(1, 3)
        for seed in range(200):
            folds = auto_folds.split(y, Dependence(groups), seed, auto_folds.most_folds(y, groups))
            assert all(len(train) and len(held_out) for train, held_out in folds)
            assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(n))


class TestDecisions:
    def test_balanced_is_the_class_that_is_most_probable_beside_its_share(self, binary, several):
        for X, y, model in [(binary[0], binary[1], binary[2].classifier), several]:
            classes, counts = np.unique(y, return_counts=True)
            expected = classes[(model.predict_proba(X) / (counts / len(y))).argmax(axis=1)]
            np.testing.assert_array_equal(model.predict(X), expected)

    def test_natural_is_the_most_probable_class(self, binary, several):
        for X, y, model in [(binary[0], binary[1], binary[2].classifier), several]:
            expected = np.unique(y)[model.predict_proba(X).argmax(axis=1)]
            np.testing.assert_array_equal(copy.copy(model).set_params(decision="natural").predict(X), expected)

    def test_macro_f1_is_decided_by_its_offsets(self, binary):
        X, _, halved = binary
        proba = halved.classifier.predict_proba(X)
        expected = decide(proba, halved.classifier.offsets_["macro_f1"])
        np.testing.assert_array_equal(copy.copy(halved.classifier).set_params(decision="macro_f1").predict(X), expected)

    def test_costs_decide_for_the_cheapest_class(self, binary):
        X, _, halved = binary
        model = copy.copy(halved.classifier).set_params(decision=COSTS)
        proba = model.predict_proba(X)
        expected = []
        for row in proba:
            of_decision = [sum(row[true] * COSTS[true][decided] for true in (0, 1)) for decided in (0, 1)]
            expected.append(int(of_decision[1] < of_decision[0]))
        np.testing.assert_array_equal(model.predict(X), expected)
        assert 0 < np.mean(expected) < 1

    def test_costs_of_several_classes_are_rows_of_true_classes(self, several):
        X, _, model = several
        costs = np.ones((4, 4)) - np.eye(4)
        costs[:, 2] = 0  # to decide for the third class costs nothing
        assert set(model.predict_from_proba(model.predict_proba(X), costs)) == {"c"}
        costs[:, 2], costs[2] = 1, 1e9 * (1 - np.eye(4)[2])  # not to decide for it where it is true costs much
        assert set(model.predict_from_proba(model.predict_proba(X), costs)) == {"c"}

    def test_known_probabilities_are_decided_by_any_name(self, binary):
        X, _, halved = binary
        model = halved.classifier
        proba = model.predict_proba(X)
        for decision in (*auto.DECISIONS, COSTS, np.array(COSTS)):
            expected = copy.copy(model).set_params(decision=decision).predict(X)
            np.testing.assert_array_equal(model.predict_from_proba(proba, decision), expected)
        np.testing.assert_array_equal(model.predict_from_proba(proba), model.predict(X))
        assert len({model.predict_from_proba(proba, name).tobytes() for name in (*auto.DECISIONS, COSTS)}) > 1

    def test_decisions_change_no_probability(self, problem):
        X, y = problem()
        assert same_bytes(quick(max_steps=2).fit(X, y), quick(max_steps=2, decision=COSTS).fit(X, y), X)


class TestHalves:
    def test_halves_are_fit(self, binary, problem):
        X, y, halved = binary
        assert same_bytes(quick(max_steps=60).fit(X, y), halved.classifier, X)
        joined, other = quick(max_steps=60), quick(max_steps=5)
        job, another = joined.prepare(X, y), other.prepare(*problem((40, 10, 9)))
        networks = fit([*another.tasks, *job.tasks])
        another.finish(networks[: len(another.tasks)])
        job.finish(networks[len(another.tasks) :])
        np.testing.assert_allclose(joined.predict_proba(X), halved.classifier.predict_proba(X), atol=1e-3)
        assert other.predict_proba(X).shape == (180, 3)

    def test_between_the_halves_it_stays_as_it_was(self, problem):
        X, y = problem()
        classifier = quick(max_steps=2)
        job = classifier.prepare(X, y)
        with pytest.raises(NotFittedError):
            classifier.predict(X)
        assert vars(job.finish(fit(job.tasks))).keys() > classifier.get_params().keys()
        before, kept = classifier.predict_proba(X), dict(vars(classifier))
        again = classifier.prepare(X[:, :2], y)
        np.testing.assert_array_equal(classifier.predict_proba(X), before)
        assert vars(classifier) == kept
        assert again.finish(fit(again.tasks)).n_features_in_ == 2


class TestFit:
    def test_a_class_of_one_row(self, several):
        X, _, model = several
        assert list(model.classes_) == ["a", "b", "c", "d"]
        assert model.predict_proba(X).shape == (143, 4)
        for offsets in model.offsets_.values():
            assert offsets.shape == (4,) and np.isfinite(offsets).all()
        assert model.priors_[0] == pytest.approx(1 / 143)

    def test_what_a_fit_leaves(self, binary):
        model = binary[2].classifier
        assert model.feature_importances_.shape == (4,)
        assert model.feature_importances_.mean() == pytest.approx(1, rel=1e-5)
        assert model.pool_.weights.shape == (len(model.members_),) and (model.pool_.weights >= 0.05).all()
        assert model.n_rows_ == 180
        assert model.offsets_.keys() == set(auto.DECISIONS)
        assert model.n_steps_ == [60] * 2 * len(binary[2].held_out)
        assert not vars(copy.copy(model.held_out_)).keys() - {"macro_f1_offsets"}  # a stored model holds no rows

    def test_boosting_of_many_classes_makes_fewer_and_larger_rounds(self, problem):
        assert first_rounds(2, 100) == first_rounds(3, 100) == (100, 0.06)
        assert first_rounds(6, 100) == (50, 0.12)
        assert first_rounds(500, 100) == (20, 0.3)

    def test_boosting_goes_on_while_rounds_that_were_held_out_profit(self, monkeypatch):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(600, 4))
        monkeypatch.setattr(auto_job, "_BOOSTED_ROWS", 600)
        monkeypatch.setattr(auto_job, "first_rounds", lambda n_classes, n_trees: (10, 0.1))

        def rounds(y):
            job = quick(max_steps=1).prepare(X, y)
            boosting = job.members["boosting"]
            expected = metrics.log_loss(job.codes, job.answers["boosting"])
            return boosting.n_iter_, expected

        hard, loss = rounds((X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int))
        noise, _ = rounds((rng.random(600) < 0.3).astype(int))
        assert hard >= 40 and noise == 10
        monkeypatch.setattr(auto_job, "_MOST_TREES", 10)
        assert rounds((X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int))[1] > loss

    def test_informative_features_are_important(self, problem):
        X, y = problem((60, 30), n_features=2, apart=3.0)
        noise = np.random.default_rng(1).normal(size=(90, 6))
        found = quick(max_steps=1).fit(np.hstack([noise, X]), y).feature_importances_
        assert found[6:].min() > found[:6].max()

    def test_rows_of_weight_zero_are_absent(self, problem):
        X, y = problem((60, 12))
        weight = np.random.default_rng(0).uniform(0.5, 2, 72)
        gone = np.arange(72) % 3 == 0
        weight[gone] = 0
        groups = np.arange(72) // 2
        noisy = np.where(gone[:, None], 100.0, X)
        for grouped in (None, groups):
            kept = None if grouped is None else grouped[~gone]
            all_rows = quick(max_steps=5).fit(noisy, y, weight, grouped)
            few_rows = quick(max_steps=5).fit(X[~gone], y[~gone], weight[~gone], kept)
            assert same_bytes(all_rows, few_rows, X)

    def test_weights_count(self, problem):
        X, y = problem((60, 12), apart=0.5)
        plain, heavy = quick().fit(X, y), quick().fit(X, y, np.where(y == 1, 5.0, 1.0))
        assert heavy.priors_[1] == pytest.approx(0.5)
        assert heavy.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
        assert same_bytes(quick(max_steps=2).fit(X, y, np.full(72, 3.0)), quick(max_steps=2).fit(X, y, np.ones(72)), X)

    def test_the_same_seed_gives_the_same_bytes_and_another_others(self, problem):
        X, y = problem()
        first = quick(max_steps=3).fit(X, y)
        assert same_bytes(clone(first).fit(X, y), first, X)
        assert not same_bytes(quick(max_steps=3, random_state=1).fit(X, y), first, X)

    def test_steps_follow_from_the_rows(self):
        assert auto_networks.steps(50) == auto_networks.LEAST_STEPS
        assert auto_networks.steps(30_000) == auto_networks.steps(300_000) == auto_networks.MOST_STEPS
        kind = Kind("networks", codes=True, sharpness=1.0, dropout=0.3)
        assert auto_networks.settings(kind, 30, 5, "cpu").batch_size == 30

    def test_any_labels(self, problem):
        X, codes = problem()
        coded = quick(max_steps=3).fit(X, codes)
        for labels in (["fine", "fraud"], [False, True], [-1, 1], [10, 300]):
            model = quick(max_steps=3).fit(pd.DataFrame(X, columns=list("abcd")), np.array(labels)[codes])
            assert (
                model.predict_proba(pd.DataFrame(X, columns=list("abcd"))).tobytes() == coded.predict_proba(X).tobytes()
            )
            assert list(model.classes_) == labels and set(model.predict(X[:20])) <= set(labels)
            assert list(model.feature_names_in_) == list("abcd")


class TestBadInput:
    @pytest.mark.parametrize(
        "changes, message",
        [
            ({"decision": "best"}, "decision"),
            ({"decision": None}, "decision"),
            ({"decision": 3}, "decision"),
            (
                {"decision": [[0, 1, 1], [1, 0, 1], [1, 1, 0]]},
                r"Costs must be finite numbers, .*: a matrix of shape \(2, 2\)",
            ),
            ({"decision": [0, 1]}, "Costs must be finite numbers"),
            ({"decision": [[0, np.nan], [1, 0]]}, "Costs must be finite"),
            ({"decision": [[0, np.inf], [1, 0]]}, "Costs must be finite"),
            ({"max_steps": 0}, "max_steps"),
            ({"max_time": 0}, "max_time"),
        ],
        ids=str,
    )
    def test_parameters(self, changes, message, problem):
        with pytest.raises(ValueError, match=message):
            quick(**changes).fit(*problem())

    def test_decisions_of_a_fitted_one(self, binary):
        X, _, halved = binary
        proba = halved.classifier.predict_proba(X)
        with pytest.raises(ValueError, match=r"one of \('balanced', 'macro_f1', 'natural'\) or a matrix.*'best'"):
            halved.classifier.predict_from_proba(proba, "best")
        with pytest.raises(ValueError, match=r"Costs must be .* shape \(2, 2\)"):
            halved.classifier.predict_from_proba(proba, [[0, 1]])
        with pytest.raises(ValueError, match="Costs must be finite"):
            copy.copy(halved.classifier).set_params(decision=[[0, np.nan], [1, 0]]).predict(X)

    def test_rows(self, problem):
        X, y = problem()
        with pytest.raises(ValueError, match="one class only: 0"):
            quick().fit(X, np.zeros(60))
        with pytest.raises(ValueError, match="one class needs two rows, but each of the 2 classes has one"):
            quick().fit(X[:2], [0, 1])
        with pytest.raises(ValueError, match="two or more groups, but all rows are of one"):
            quick().fit(X, y, groups=np.full(60, 7))
        for weight in (None, np.ones(60)):
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                quick().fit(X, y, weight, groups=np.arange(59))
        with pytest.raises(ValueError, match="Each class needs a row of positive weight"):
            quick().fit(X, y, np.where(y == 1, 0.0, 1.0))
        with pytest.raises(NotFittedError):
            quick().predict(X)

    def test_training_that_diverged(self, problem):
        classifier = quick(max_steps=2)
        job = classifier.prepare(*problem())
        networks = fit(job.tasks)
        networks[1].weights["biases.0"][:] = np.inf
        with pytest.raises(ValueError, match="Training diverged: scale the features"):
            job.finish(networks)

    @pytest.mark.parametrize("counts", [(2, 1), (3, 3), (8, 1), (2, 1, 1, 1), (9, 2)])
    def test_the_fewest_rows_are_answered_and_warned_of_only_where_a_class_has_one_row(self, counts, problem):
        X, y = problem(counts)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            proba = quick(max_steps=2).fit(X, y).predict_proba(X)
        texts = [str(each.message) for each in caught if each.category is UserWarning]
        assert all("no training rows of a class" in text for text in texts) and len(texts) == (1 in counts)
        np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_a_class_that_a_fold_trains_without_is_named_and_left_out(problem):
    X, y = problem((60, 20, 1))
    with pytest.warns(UserWarning, match=r"without class 'fault'\. Thresholds were not tuned for 'fault'"):
        clf = AutoClassifier(max_steps=3, random_state=0).fit(X, np.array(["fine", "fraud", "fault"])[y])
    assert clf.offsets_["macro_f1"][1:].sum() == pytest.approx(0, abs=1e-12)  # about the class left out, the first
    assert np.isfinite(clf.predict_proba(X)).all()


def test_costs_by_label_do_not_depend_on_their_order(problem):
    X, y = problem((60, 20))
    clf = AutoClassifier(max_steps=3, random_state=0).fit(X, np.array(["ok", "fraud"])[y])
    decided = clf.predict_from_proba(proba := clf.predict_proba(X), [[0, 20], [1, 0]])  # fraud comes first
    keyed = {"ok": {"fraud": 1}, "fraud": {"ok": 20}}
    frame = pd.DataFrame({"ok": {"ok": 0, "fraud": 20}, "fraud": {"ok": 1, "fraud": 0}})
    for costs in (keyed, frame):
        assert clf.set_params(decision=costs).predict(X).tolist() == decided.tolist()
    assert clf.predict_from_proba(proba, keyed).tolist() == decided.tolist()


class TestManyRows:
    @pytest.fixture(autouse=True)
    def few_rows(self, monkeypatch):
        monkeypatch.setattr(auto_job, "MOST_ROWS", 400)

    def test_all_rows_of_a_small_class_are_trained_on(self, problem):
        X, y = problem((1950, 50))
        job = quick(max_steps=1).prepare(X, y)
        assert len(job.rows) == 440 and np.bincount(job.codes).tolist() == [390, 50]

    @pytest.mark.parametrize("weighted", [False, True])
    def test_probabilities_are_those_of_all_rows(self, weighted, problem):
        X, y = problem((3900, 100), apart=1.0)
        weight = np.where(y == 1, 3.0, 1.0) if weighted else None
        model = quick(max_steps=100).fit(X, y, weight)
        share = np.average(y, weights=weight)
        np.testing.assert_allclose(model.priors_, [1 - share, share])
        X_new, y_new = problem((3900, 100), apart=1.0, seed=0)
        mean = np.average(model.predict_proba(X_new)[:, 1], weights=None if weight is None else np.where(y_new, 3.0, 1))
        assert mean == pytest.approx(share, rel=0.35)  # a tenth of the rows are rare in the sample, not a fortieth

    def test_the_decision_for_macro_f1_counts_rows_as_often_as_they_occur(self, problem):
        X, y = problem((3900, 100), apart=1.5)
        model = quick(max_steps=100, decision="macro_f1").fit(X, y)
        assert abs(model.predict(X).mean() - y.mean()) < 0.03

    def test_rows_are_answered_in_parts(self, problem, monkeypatch):
        X, y = problem((300, 60))
        whole = quick(max_steps=1).prepare(X, y).answers
        monkeypatch.setattr(auto_job, "_ROWS_AT_ONCE", 7)
        for name, answers in quick(max_steps=1).prepare(X, y).answers.items():
            np.testing.assert_allclose(answers, whole[name], rtol=1e-5)
