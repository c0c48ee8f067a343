"""NeuralClassifier: labels, frames, weights, parts, determinism, errors, and that it learns."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from imblearn.over_sampling import SMOTE, SVMSMOTE, BorderlineSMOTE, RandomOverSampler
from imblearn.under_sampling import ClusterCentroids, RandomUnderSampler
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import compute_sample_weight
from torch import nn
from torch.nn import functional

from equipoise import MixUp, NeuralClassifier, ReMix
from equipoise.classifiers.scores import SCORES
from equipoise.tables import PiecewiseLinearEncoder
from equipoise.training import fit

TREATMENTS = {
    "none": {},
    "cost": {"class_weight": "balanced"},
    "under": {"sampler": RandomUnderSampler()},
    "over": {"sampler": RandomOverSampler()},
    "smote": {"sampler": SMOTE()},
    "borderline-smote": {"sampler": BorderlineSMOTE()},
    "svm-smote": {"sampler": SVMSMOTE()},
    "mixup": {"batch_transform": MixUp(alpha=0.3)},
    "remix": {"batch_transform": ReMix()},
    "remix as the authors": {"batch_transform": ReMix(variant="authors", per_row=True)},
    "smote and remix": {"sampler": SMOTE(), "batch_transform": ReMix()},
}
each_treatment = pytest.mark.parametrize("treatment", TREATMENTS.values(), ids=TREATMENTS)


def quick(**changes):
    return NeuralClassifier(
        **{"hidden_layer_sizes": (16,), "max_steps": 60, "learning_rate": 0.02, "random_state": 0, **changes}
    )


def same_bytes(classifier, other, X):
    return classifier.predict_proba(X).tobytes() == other.predict_proba(X).tobytes()


class TestLearning:
    @each_treatment
    def test_beats_always_majority_by_far(self, treatment, problem):
        X, y = problem((380, 20), apart=4.0)
        predicted = cross_val_predict(quick(max_steps=200, **treatment), X, y, cv=4)
        assert balanced_accuracy_score(y, predicted) > 0.85

    @each_treatment
    def test_three_classes(self, treatment, problem):
        X, y = problem((200, 100, 30), apart=4.0)
        predicted = cross_val_predict(quick(max_steps=200, **treatment), X, np.array(["a", "b", "c"])[y], cv=3)
        assert balanced_accuracy_score(np.array(["a", "b", "c"])[y], predicted) > 0.85

    @pytest.mark.parametrize("name", ["cost", "under", "over", "smote", "remix", "remix as the authors"])
    def test_balancing_raises_the_rare_probability(self, name, problem):
        X, y = problem((380, 20), apart=0.5)
        linear = {"hidden_layer_sizes": (), "max_steps": 300}
        rare = [quick(**linear, **parts).fit(X, y).predict_proba(X)[:, 1].mean() for parts in ({}, TREATMENTS[name])]
        assert rare[0] == pytest.approx(0.05, abs=0.03)
        assert rare[1] > 0.25

    def test_members_are_averaged(self, problem):
        X, y = problem(apart=0.5)
        several = quick(n_members=4).fit(X, y)
        members = several.ensemble_.member_proba(((X - X.mean(0)) / X.std(0)).clip(-5, 5).astype(np.float32))
        np.testing.assert_allclose(several.predict_proba(X), members.mean(axis=0), rtol=1e-4)
        assert members.std(axis=0).max() > 0.01
        assert several.n_steps_ == [60] * 4

    def test_first_member_does_not_feel_the_others(self, problem):
        X, y = problem()
        one, four = quick(dtype="float64").fit(X, y), quick(dtype="float64", n_members=4).fit(X, y)
        for name, weights in one.ensemble_.weights_.items():
            np.testing.assert_allclose(four.ensemble_.weights_[name][:1], weights, rtol=1e-6, atol=1e-9)

    def test_jobs_of_several_classifiers_train_in_one_call(self, problem):
        (X, y), (X2, y2) = problem(), problem((40, 10, 9), seed=1)
        apart = quick(n_members=2).fit(X, y), quick(dropout=0.0, batch_transform=None).fit(X2, y2)
        joined = quick(n_members=2), quick()
        jobs = [classifier.prepare(*data) for classifier, data in zip(joined, ((X, y), (X2, y2)))]
        networks = fit([task for job in jobs for task in job.tasks])
        assert jobs[0].finish(networks[:2]) is joined[0] and jobs[1].finish(networks[2:]) is joined[1]
        for classifier, other, rows in zip(joined, apart, (X, X2)):
            np.testing.assert_allclose(classifier.predict_proba(rows), other.predict_proba(rows), atol=1e-3)


class TestLabels:
    @pytest.mark.parametrize(
        "labels",
        [["fine", "fraud"], [False, True], [-1, 1], [1, 2], [0.0, 1.0], [10**12, -5]],
        ids=str,
    )
    def test_any_two(self, labels, problem):
        X, codes = problem()
        labels = np.array(labels)
        classifier, coded = quick().fit(X, labels[codes]), quick().fit(X, codes if labels[0] < labels[1] else 1 - codes)
        assert np.array_equal(classifier.classes_, np.sort(labels)) and classifier.classes_.dtype == labels.dtype
        assert same_bytes(classifier, coded, X)
        predicted = classifier.predict(X)
        assert predicted.dtype == labels.dtype
        assert np.array_equal(predicted, np.sort(labels)[coded.predict(X)])

    def test_object_strings_and_series(self, problem):
        X, codes = problem()
        labels = np.array(["fine", "fraud"])
        plain = quick().fit(X, labels[codes])
        for y in (labels[codes].astype(object), pd.Series(labels[codes]), list(labels[codes])):
            classifier = quick().fit(X, y)
            assert same_bytes(classifier, plain, X)
            assert list(classifier.predict(X)) == list(plain.predict(X))


class TestFrames:
    def test_pandas(self, problem):
        X, y = problem()
        frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
        classifier = quick().fit(frame, pd.Series(y))
        assert list(classifier.feature_names_in_) == ["a", "b", "c", "d"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert classifier.predict_proba(frame).tobytes() == quick().fit(X, y).predict_proba(X).tobytes()
        with pytest.raises(ValueError, match="feature names"):
            classifier.predict(frame[["b", "a", "c", "d"]])

    def test_polars(self, problem):
        X, y = problem()
        frame = pl.DataFrame(X, schema=["a", "b", "c", "d"])
        classifier = quick().fit(frame, pl.Series(y))
        assert list(classifier.feature_names_in_) == ["a", "b", "c", "d"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert classifier.predict_proba(frame).tobytes() == quick().fit(X, y).predict_proba(X).tobytes()

    def test_numbers_have_no_names(self, problem):
        assert not hasattr(quick().fit(*problem()), "feature_names_in_")


class TestWeights:
    @pytest.mark.parametrize("class_weight", ["balanced", {"fine": 0.5, "fraud": 4.0}, {"fraud": 3}], ids=str)
    @pytest.mark.parametrize("parts", [{}, {"batch_transform": ReMix()}, {"early_stopping": True}], ids=str)
    def test_class_weight_is_sample_weight_by_class(self, class_weight, parts, problem):
        X, codes = problem()
        y = np.array(["fine", "fraud"])[codes]
        parts = {"standardize": False, **parts}  # the scaler sees row weights, which are rows, not class weights
        by_class = quick(class_weight=class_weight, **parts).fit(X, y)
        by_row = quick(**parts).fit(X, y, sample_weight=compute_sample_weight(class_weight, y))
        assert same_bytes(by_class, by_row, X)
        assert not same_bytes(by_class, quick(**parts).fit(X, y), X)

    def test_class_weights_do_not_change_the_scaling(self, problem):
        X, y = problem()
        (plain,), (weighed,) = (quick(class_weight=w).prepare(X, y).tasks for w in (None, {1: 9.0}))
        np.testing.assert_array_equal(plain.table.X, weighed.table.X)

    def test_both_multiply(self, problem):
        X, y = problem()
        weights = np.linspace(0.5, 2, 60)
        both = quick(class_weight={1: 5.0}, standardize=False).fit(X, y, weights)
        product = quick(standardize=False).fit(X, y, weights * np.where(y == 1, 5.0, 1.0))
        assert same_bytes(both, product, X)

    def test_scale_of_weights_does_not_matter(self, problem):
        X, y = problem()
        weights = np.linspace(0.5, 2, 60)
        small, large = (quick().fit(X, y, scale * weights).predict_proba(X) for scale in (1e-6, 1e6))
        np.testing.assert_allclose(small, large, rtol=1e-3)

    def test_equal_weights_are_no_weights(self, problem):
        X, y = problem()
        np.testing.assert_allclose(
            quick().fit(X, y, np.full(60, 7.0)).predict_proba(X), quick().fit(X, y).predict_proba(X), rtol=1e-4
        )

    def test_weight_zero_removes_a_row(self, problem):
        X, y = problem()
        X[::7] += 100
        weights = np.ones(60)
        weights[::7] = 0
        without = quick().fit(X[weights > 0], y[weights > 0], np.ones(int(weights.sum())))
        assert same_bytes(quick().fit(X, y, weights), without, X)

    def test_full_batch_weights_are_repetitions(self, problem):
        X, y = problem()
        times = np.random.default_rng(0).integers(0, 4, 60)
        full = quick(dtype="float64", batch_size=10**6)
        by_weight = clone(full).fit(X, y, times).predict_proba(X)
        by_rows = clone(full).fit(np.repeat(X, times, axis=0), np.repeat(y, times)).predict_proba(X)
        np.testing.assert_allclose(by_weight, by_rows, rtol=1e-6)

    @pytest.mark.parametrize(
        "sampler",
        [RandomUnderSampler(), RandomOverSampler(), SMOTE(), ClusterCentroids(random_state=0)],
        ids=repr,
    )
    def test_made_rows_weigh_as_the_mean_of_their_class(self, sampler, problem):
        X, y = problem((40, 20))
        weights = np.random.default_rng(0).uniform(1, 3, 60)
        (task,) = quick(sampler=sampler).prepare(X, y, weights).tasks
        class_mean = [weights[y == code].mean() for code in (0, 1)]
        rows = task.training_rows().tolist()
        expected = np.array([weights[r] if r < 60 else class_mean[task.made.y[r - 60]] for r in rows])
        np.testing.assert_allclose(task.weights, expected / expected.mean())

    def test_sampler_early_stopping_and_weights_together(self, problem):
        X, y = problem((160, 40))
        weights = np.random.default_rng(0).uniform(1, 3, 200)
        tasks = quick(sampler=SMOTE(), early_stopping=True, n_members=3).prepare(X, y, weights).tasks
        for task in tasks:
            kept = task.rows[task.rows < 200]
            assert len(task.validation_rows) == 20 and y[task.validation_rows].sum() == 4
            assert not set(kept) & set(task.validation_rows)
            assert len(kept) == 180 and len(task.rows) == 2 * 144
            np.testing.assert_allclose(task.weights[: len(kept)] / task.weights[0], weights[kept] / weights[kept[0]])
        assert len({tuple(task.validation_rows) for task in tasks}) == 3

    @pytest.mark.parametrize("weights", [np.zeros(60), None], ids=["rows", "classes"])
    def test_all_zero(self, weights, problem):
        with pytest.raises(ValueError, match=r"weights (are zero|must contain at least one non-zero)"):
            quick(class_weight=None if weights is not None else {0: 0, 1: 0}).fit(*problem(), weights)


class TestSamplers:
    """A sampler of the classifier sees the user's labels, as it would in a pipeline."""

    def test_strategy_by_label(self, problem):
        X, codes = problem()
        y = np.array(["fine", "fraud"])[codes]
        (task,) = quick(sampler=RandomOverSampler(sampling_strategy={"fraud": 30})).prepare(X, y).tasks
        assert np.bincount(task.labels()).tolist() == [54, 30]

    def test_warning_names_the_label(self, problem):
        X, codes = problem((57, 3))
        with pytest.warns(UserWarning, match="'fraud'.* has 3 "):
            quick(sampler=SMOTE()).fit(X, np.array(["fine", "fraud"])[codes])

    def test_members_resample_anew(self, problem):
        tasks = quick(sampler=RandomUnderSampler(), n_members=3).prepare(*problem()).tasks
        assert len({tuple(sorted(task.rows)) for task in tasks}) == 3

    def test_gradient_steps_do_not_depend_on_the_treatment(self, problem):
        X, y = problem((300, 20))
        steps = [
            NeuralClassifier(random_state=0, **parts).prepare(X, y).tasks[0].settings.max_steps
            for parts in TREATMENTS.values()
        ]
        assert set(steps) == {300}


class TestSteps:
    def test_epochs_are_passes_over_the_given_rows(self, problem):
        X, y = problem((900, 100))
        (task,) = NeuralClassifier(max_epochs=20, batch_size=48, sampler=RandomUnderSampler()).prepare(X, y).tasks
        assert (task.settings.epoch_steps, task.settings.max_steps) == (21, 420)

    def test_small_tables_get_three_hundred_steps(self, problem):
        (task,) = NeuralClassifier().prepare(*problem()).tasks
        assert (task.settings.batch_size, task.settings.epoch_steps, task.settings.max_steps) == (60, 1, 300)

    def test_max_steps_rules(self, problem):
        assert NeuralClassifier(max_steps=7, n_members=2).fit(*problem()).n_steps_ == [7, 7]


class TestParts:
    def test_parameters_into_the_parts(self):
        classifier = quick(batch_transform=ReMix(), sampler=SMOTE())
        classifier.set_params(batch_transform__alpha=0.7, sampler__k_neighbors=3, batch_size=9)
        assert classifier.batch_transform.alpha == 0.7 and classifier.sampler.k_neighbors == 3
        assert classifier.get_params()["batch_transform__alpha"] == 0.7
        assert "batch_transform__alpha" not in classifier.get_params(deep=False)
        with pytest.raises(ValueError, match="Invalid parameter 'gamma'"):
            classifier.set_params(batch_transform__gamma=1)

    def test_clone(self, problem):
        original = quick(batch_transform=ReMix(alpha=0.2), sampler=SMOTE(), network=nn.Linear(4, 2)).fit(*problem())
        twin = clone(original)
        assert twin.batch_transform is not original.batch_transform and twin.batch_transform.alpha == 0.2
        assert not hasattr(twin, "ensemble_")
        assert same_bytes(twin.set_params(network="mlp").fit(*problem()), clone(twin).fit(*problem()), problem()[0])

    def test_the_name_of_a_loss_is_told_as_its_class(self, problem):
        with pytest.raises(ValueError, match=r"loss='focal': give the class itself, as in loss=FocalLoss after"):
            quick(loss="focal").fit(*problem())

    def test_fitting_changes_no_part(self, problem):
        transform, sampler, network, loss = ReMix(), SMOTE(), nn.Linear(4, 2), nn.CrossEntropyLoss()
        before = [p.clone() for p in network.parameters()]
        quick(batch_transform=transform, sampler=sampler, network=network, loss=loss).fit(*problem())
        assert all(torch.equal(p, b) for p, b in zip(network.parameters(), before))
        assert loss.reduction == "mean" and transform.num_classes is None
        assert not hasattr(sampler, "sampling_strategy_") and sampler.random_state is None

    def test_html(self, problem):
        classifier = quick(batch_transform=ReMix(alpha=0.25), sampler=SMOTE())
        for estimator in (classifier, classifier.fit(*problem())):
            page = estimator._repr_html_()
            assert all(text in page for text in ("NeuralClassifier", "ReMix", "SMOTE", "0.25"))

    def test_plain_transform(self, problem):
        X, y = problem((40, 20))
        seen = []

        def flip(x, codes):
            seen.append(codes)
            return x, functional.one_hot(1 - codes, 2).to(x)

        flipped = quick(batch_transform=flip, max_steps=200).fit(X, np.array(["a", "b"])[y])
        assert set(torch.cat(seen).tolist()) == {0, 1}
        assert (flipped.predict(X) == np.array(["b", "a"])[y]).mean() > 0.8

    @pytest.mark.parametrize(
        "loss",
        [
            nn.CrossEntropyLoss(),
            nn.CrossEntropyLoss(reduction="sum"),
            nn.CrossEntropyLoss(weight=torch.ones(2)),
            lambda counts: nn.CrossEntropyLoss(),
        ],
        ids=["module", "sum", "weight", "callable"],
    )
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_cross_entropy_in_other_clothes(self, loss, dtype, problem):
        X, y = problem()
        np.testing.assert_allclose(
            quick(loss=loss, dtype=dtype).fit(X, y).predict_proba(X),
            quick(dtype=dtype).fit(X, y).predict_proba(X),
            rtol=1e-4,
        )

    def test_label_smoothing_tempers(self, problem):
        X, y = problem((40, 20), apart=4.0)
        smooth, plain = quick(loss=nn.CrossEntropyLoss(label_smoothing=0.3), max_steps=200), quick(max_steps=200)
        confidence = [classifier.fit(X, y).predict_proba(X).max(axis=1).mean() for classifier in (smooth, plain)]
        assert confidence[0] == pytest.approx(0.85, abs=0.05)  # 0.7 + 0.3 / 2
        assert confidence[1] > 0.95

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_loss_by_class_counts(self, dtype, problem):
        X, y = problem()
        seen = []

        def weighted(counts):
            seen.append(counts.tolist())
            return nn.CrossEntropyLoss(weight=60 / (2 * counts))

        by_loss = quick(loss=weighted, dtype=dtype, standardize=False).fit(X, y)
        assert seen == [[54, 6]]
        by_class = quick(class_weight="balanced", dtype=dtype, standardize=False).fit(X, y)
        np.testing.assert_allclose(by_loss.predict_proba(X), by_class.predict_proba(X), rtol=1e-3)

    def test_counts_are_those_after_resampling(self, problem):
        seen = []
        quick(loss=lambda counts: seen.append(counts.tolist()) or nn.CrossEntropyLoss(), sampler=SMOTE()).fit(
            *problem()
        )
        assert seen == [[54, 54]]

    def test_dropout_changes_training_and_not_prediction(self, problem):
        X, y = problem()
        dropped = quick(dropout=0.5).fit(X, y)
        assert not same_bytes(dropped, quick().fit(X, y), X)
        assert same_bytes(dropped, dropped, X)

    @pytest.mark.parametrize("sizes", [(), [16], (16, 8), np.array([4])], ids=str)
    def test_hidden_layers(self, sizes, problem):
        X, y = problem()
        classifier = quick(hidden_layer_sizes=sizes).fit(X, y)
        widths = [4, *list(sizes), 2]
        assert [classifier.ensemble_.weights_[f"weights.{i}"].shape for i in range(len(widths) - 1)] == [
            (1, i, o) for i, o in pairwise(widths)
        ]

    def test_standardised_by_the_weighted_rows_and_clipped(self, problem):
        X, y = problem()
        far = X.copy()
        far[0] = 1e6
        wide = quick(standardize=True).fit(np.vstack([X] * 20), np.tile(y, 20))
        assert np.isfinite(wide.predict_proba(far)).all()
        np.testing.assert_array_equal(wide.predict_proba(far)[0], wide.predict_proba(far * 10)[0])
        scaled = quick(standardize=False).fit((X - X.mean(0)) / X.std(0), y)
        np.testing.assert_allclose(
            scaled.predict_proba((X - X.mean(0)) / X.std(0)), quick().fit(X, y).predict_proba(X), atol=1e-3
        )


class TestCodes:
    def test_a_network_without_hidden_layers_tells_the_middle_from_the_ends(self):
        X = np.random.default_rng(0).uniform(-3, 3, size=(400, 1))
        y = (np.abs(X[:, 0]) > 1.5).astype(int)
        plain, coded = (quick(hidden_layer_sizes=(), max_steps=400, n_bins=n).fit(X, y) for n in (None, 8))
        assert plain.score(X, y) < 0.7 and coded.score(X, y) > 0.95

    def test_they_stand_beside_the_scaled_features(self, problem):
        X, y = problem()
        scaled = StandardScaler().fit_transform(X).clip(-5, 5).astype(np.float32)
        encoder = PiecewiseLinearEncoder(n_bins=3).fit(scaled)
        by_hand = quick(standardize=False).fit(encoder.transform(scaled), y)
        expected = by_hand.predict_proba(encoder.transform(scaled))
        np.testing.assert_array_equal(quick(n_bins=3).fit(X, y).predict_proba(X), expected)

    def test_rows_of_no_weight_make_no_bins(self, problem):
        X, y = problem()
        weights = np.arange(len(y)) % 3 + 0.0
        whole = quick(n_bins=3).fit(X, y, weights)
        kept = quick(n_bins=3).fit(X[weights > 0], y[weights > 0], weights[weights > 0])
        np.testing.assert_allclose(whole.encoder_.starts_, kept.encoder_.starts_, rtol=1e-5)

    def test_images_have_none(self):
        with pytest.raises(ValueError, match=r"n_bins=4 needs rows that are vectors, but X has shape \(20, 1, 4, 4\)"):
            quick(n_bins=4).fit(np.zeros((20, 1, 4, 4)), np.arange(20) % 2)


class TestImages:
    def images(self, problem):
        X, y = problem((60, 20), n_features=36, apart=12.0)
        return X.reshape(-1, 1, 6, 6), y

    def network(self):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)
        )

    @pytest.mark.parametrize(
        "parts", [{}, {"sampler": SMOTE()}, {"batch_transform": ReMix()}, {"n_members": 3}], ids=str
    )
    def test_convolution(self, parts, problem):
        X, y = self.images(problem)
        classifier = quick(network=self.network(), **parts).fit(X, y)
        assert classifier.predict_proba(X).shape == (80, 2)
        assert balanced_accuracy_score(y, classifier.predict(X)) > 0.8
        assert same_bytes(classifier, pickle.loads(pickle.dumps(classifier)), X)

    def test_callable_gets_shape_and_classes(self, problem):
        X, y = self.images(problem)
        seen = []

        def make(shape, n_classes):
            seen.append((tuple(shape), n_classes))
            return self.network()

        quick(network=make, max_steps=2).fit(X, y)
        assert set(seen) == {((1, 6, 6), 2)}

    def test_perceptron_says_what_it_needs(self, problem):
        with pytest.raises(ValueError, match="network"):
            quick().fit(*self.images(problem))


class TestEarlyStopping:
    @pytest.mark.parametrize("name", SCORES)
    def test_names(self, name, problem):
        X, y = problem((160, 40), apart=2.0)
        classifier = quick(early_stopping=name, max_steps=2000, patience=3, learning_rate=0.05).fit(X, y)
        assert classifier.n_steps_[0] < 2000
        assert balanced_accuracy_score(y, classifier.predict(X)) > 0.6

    def test_true_is_log_loss(self, problem):
        X, y = problem((160, 40), apart=1.0)
        early = {"max_steps": 1000, "patience": 2, "learning_rate": 0.05}
        named, true, other = (quick(early_stopping=stop, **early).fit(X, y) for stop in ("log_loss", True, "g_mean"))
        assert same_bytes(named, true, X)
        assert not same_bytes(named, other, X)

    def test_scores_by_hand(self):
        labels, proba = (
            np.array([0, 0, 0, 2]),
            np.array([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [0.2, 0.7, 0.1], [0.1, 0.3, 0.6]]),
        )
        losses = -np.log([0.8, 0.5, 0.2, 0.6])
        assert SCORES["log_loss"](labels, proba) == pytest.approx(-losses.mean())
        assert SCORES["balanced_log_loss"](labels, proba) == pytest.approx(-(losses[:3].mean() + losses[3]) / 2)
        for score in SCORES.values():  # greater is better
            assert score(labels, np.eye(3)[labels]) > score(labels, proba)

    def test_too_few_rows_to_hold_out(self, problem):
        with pytest.raises(ValueError, match="class"):
            quick(early_stopping=True).fit(*problem((20, 1)))


class TestDeterminism:
    @each_treatment
    def test_same_random_state_same_bytes(self, treatment, problem):
        X, y = problem((60, 20))
        parts = {"n_members": 2, "dropout": 0.1, **treatment}
        first, again, other = (clone(quick(random_state=seed, **parts)).fit(X, y) for seed in (1, 1, 2))
        assert same_bytes(first, again, X)
        assert not same_bytes(first, other, X)

    def test_global_random_state_plays_no_part(self, problem):
        X, y = problem((60, 30))
        fitted = []
        for seed in (1, 2):
            np.random.seed(seed)  # noqa: NPY002 - it is the global state that must not matter
            torch.manual_seed(seed)
            state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
            fitted.append(quick(dropout=0.1, sampler=SMOTE(), batch_transform=ReMix(), early_stopping=True).fit(X, y))
            assert torch.equal(torch.get_rng_state(), state[0])
            assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
        assert same_bytes(*fitted, X)

    def test_random_state_object_advances(self, problem):
        X, y = problem()
        state = np.random.RandomState(0)
        first, second = quick(random_state=state).fit(X, y), quick(random_state=state).fit(X, y)
        assert not same_bytes(first, second, X)
        assert same_bytes(first, quick(random_state=np.random.RandomState(0)).fit(X, y), X)

    @each_treatment
    def test_pickle(self, treatment, problem):
        X, y = problem((60, 20))
        classifier = quick(n_members=2, **treatment).fit(X, y)
        twin = pickle.loads(pickle.dumps(classifier))
        assert same_bytes(classifier, twin, X)
        assert same_bytes(twin.fit(X, y), classifier, X)


class TestRouting:
    @pytest.fixture(autouse=True)
    def routed(self):
        with sklearn.config_context(enable_metadata_routing=True):
            yield

    def pipeline(self):
        return Pipeline(
            [
                ("scale", StandardScaler().set_fit_request(sample_weight=False)),
                ("net", quick(standardize=False).set_fit_request(sample_weight=True)),
            ]
        )

    def test_pipeline(self, problem):
        X, y = problem()
        weights = np.where(y == 1, 8.0, 1.0)
        routed = self.pipeline().fit(X, y, sample_weight=weights)
        alone = quick(standardize=False).fit(StandardScaler().fit_transform(X), y, sample_weight=weights)
        assert same_bytes(routed[-1], alone, routed[:-1].transform(X))
        assert not same_bytes(routed, self.pipeline().fit(X, y), X)

    def test_grid_search(self, problem):
        X, y = problem((60, 30))
        weights = np.where(y == 1, 8.0, 1.0)
        classifier = (
            quick(batch_transform=ReMix()).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        search = GridSearchCV(classifier, {"batch_transform__alpha": [0.0, 0.5], "batch_size": [8]}, cv=3)
        search.fit(X, y, sample_weight=weights)
        best = clone(classifier).set_params(**search.best_params_).fit(X, y, sample_weight=weights)
        assert same_bytes(search.best_estimator_, best, X)

    def test_weights_that_nobody_asked_for(self, problem):
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            Pipeline([("net", quick())]).fit(*problem(), sample_weight=np.ones(60))


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "quoted"),
        [
            ({"hidden_layer_sizes": 16}, "16"),
            ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes.*\(0,\)"),
            ({"hidden_layer_sizes": (8, -3)}, r"hidden_layer_sizes.*-3"),
            ({"hidden_layer_sizes": (2.5,)}, r"hidden_layer_sizes.*2\.5"),
            ({"n_members": 0}, "n_members.* 0 "),
            ({"batch_size": 0}, "batch_size.* 0 "),
            ({"max_epochs": -1}, "max_epochs.*-1"),
            ({"max_steps": 0}, "max_steps.* 0 "),
            ({"learning_rate": 0.0}, "learning_rate.*0"),
            ({"weight_decay": -0.5}, "weight_decay.*-0.5"),
            ({"optimizer": "lbfgs"}, "optimizer.*'lbfgs'"),
            ({"schedule": "sawtooth"}, "schedule.*'sawtooth'"),
            ({"dropout": 1.0}, r"dropout.*1\.0"),
            ({"early_stopping": "accuracy"}, "early_stopping.*'accuracy'"),
            ({"validation_fraction": 1.5}, r"validation_fraction.*1\.5"),
            ({"patience": 0}, "patience.* 0 "),
            ({"gradient_tolerance": -1}, "gradient_tolerance.*-1"),
            ({"max_time": 0}, "max_time.* 0 "),
            ({"class_weight": "even"}, "class_weight.*'even'"),
            ({"standardize": "no"}, "standardize.*'no'"),
            ({"dtype": "float16"}, "dtype.*'float16'"),
            ({"random_state": "seven"}, "random_state.*'seven'"),
            ({"loss": "hinge"}, "loss.*'hinge'"),
            ({"network": "transformer"}, "network.*'transformer'"),
            ({"batch_transform": "remix"}, "batch_transform.*'remix'"),
            ({"sampler": "smote"}, "sampler.*'smote'"),
            ({"batch_transform": MixUp(alpha=1.0).set_params(alpha=-2.0)}, r"alpha=-2\.0"),
            ({"batch_transform": ReMix().set_params(variant="half")}, "variant='half'"),
        ],
        ids=str,
    )
    def test_bad_parameter_is_quoted(self, changes, quoted, problem):
        with pytest.raises(ValueError, match=quoted):
            quick(**changes).fit(*problem())

    def test_bad_device_is_quoted(self, problem):
        with pytest.raises((ValueError, RuntimeError), match="abacus"):
            quick(device="abacus").fit(*problem())

    def test_an_estimator_that_does_not_resample(self, problem):
        with pytest.raises(TypeError, match=r"fit_resample.*StandardScaler"):
            quick(sampler=StandardScaler()).fit(*problem())

    def test_divergence(self, problem):
        with pytest.raises(ValueError, match=r"diverged.*learning_rate=1e\+30"):
            quick(learning_rate=1e30).fit(*problem())

    def test_one_class(self, problem):
        with pytest.raises(ValueError, match="one class only: 'fine'"):
            quick().fit(problem()[0], ["fine"] * 60)

    def test_features_are_counted(self, problem):
        X, y = problem()
        with pytest.raises(ValueError, match="3 features"):
            quick().fit(X, y).predict(X[:, :3])

    def test_not_fitted(self, problem):
        with pytest.raises(sklearn.exceptions.NotFittedError):
            quick().predict_proba(problem()[0])

    def test_negative_weights(self, problem):
        with pytest.raises(ValueError, match=r"[Nn]egative"):
            quick().fit(*problem(), -np.ones(60))

    def test_time_that_is_too_short_still_leaves_a_classifier(self, problem):
        X, y = problem()
        classifier = quick(max_time=1e-9, max_steps=10**6).fit(X, y)
        assert classifier.n_steps_[0] < 10**6
        assert np.isfinite(classifier.predict_proba(X)).all()
