"""MUBO: what it keeps, what it remembers, and that its variants do as they say."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from equipoise import MUBO, ResampledClassifier
from equipoise.bilevel.objectives import BalancedHeldOut, MajorityShare
from equipoise.bilevel.proposals import RandomRows

QUICK = {"max_iter": 8, "max_epochs": 3, "hidden_layer_sizes": (8,), "random_state": 0}
EACH_VARIANT = pytest.mark.parametrize("variant", ["default", "paper", "authors"])


@pytest.fixture
def data(problem):
    X, y = problem((200, 30), apart=2.0)
    return X, np.where(y == 1, "rare", "common")


def searched(data, **parameters):
    sampler = MUBO(**{**QUICK, **parameters})
    return sampler, *sampler.fit_resample(*data)


@EACH_VARIANT
def test_rows_are_those_of_the_indices(variant, data):
    sampler, X, y = searched(data, variant=variant, n_restarts=3)
    np.testing.assert_array_equal(X, data[0][sampler.sample_indices_])
    np.testing.assert_array_equal(y, data[1][sampler.sample_indices_])
    assert len(sampler.restarts_) == 3 and sampler.classifier_.n_members == 3
    assert any(np.array_equal(rows, sampler.sample_indices_) for rows in sampler.restarts_)
    assert sampler.classifier_.predict_proba(data[0]).shape == (230, 2)
    assert set(sampler.classifier_.predict(data[0])) <= {"rare", "common"}


@pytest.mark.parametrize("variant", ["default", "paper"])
def test_every_rare_row_is_kept_once(variant, data):
    sampler, _, y = searched(data, variant=variant)
    kept = sampler.sample_indices_[y == "rare"]
    np.testing.assert_array_equal(np.sort(kept), np.flatnonzero(data[1] == "rare"))


def test_the_authors_bootstrap_the_rare_rows(data):
    sampler, _, _ = searched(data, variant="authors", n_restarts=20, max_iter=1)
    rare = np.concatenate([rows[data[1][rows] == "rare"] for rows in sampler.restarts_])
    assert len(rare) == 20 * 30
    distinct = np.mean([len(np.unique(rows[data[1][rows] == "rare"])) for rows in sampler.restarts_]) / 30
    expected = 1 - (1 - 1 / 30) ** 30  # about 64%; the spread of one restart's share is about 6%
    assert abs(distinct - expected) < 5 * 0.06 / np.sqrt(20)


@EACH_VARIANT
def test_the_sample_grows_only_on_acceptance(variant, data):
    sampler, _, _ = searched(data, variant=variant, n_restarts=2, max_iter=15)
    for _, history in sampler.history_.groupby("restart"):
        assert history["step"].is_monotonic_increasing
        grown = history["size"].diff().fillna(history["size"])
        np.testing.assert_array_equal(grown, np.where(history["accepted"], history["proposed"], 0))
    final = sampler.history_.groupby("restart")["size"].last()
    sizes = [int((data[1][rows] == "common").sum()) for rows in sampler.restarts_]
    assert final.tolist() == sizes


def test_objectives_as_printed_never_rise(data):
    sampler, _, _ = searched(data, variant="paper", n_restarts=3, max_iter=15)
    for _, history in sampler.history_.groupby("restart"):
        accepted = history.loc[history["accepted"], "objective"]
        assert accepted.is_monotonic_decreasing
        assert history["accepted"].iloc[0]  # J starts at 10
        rejected = history.loc[~history["accepted"]]
        last = history["objective"].where(history["accepted"]).ffill().shift()
        assert (rejected["objective"] > last[rejected.index]).all()


def test_sizes_of_micro_samples(data):
    """m = 30: ceil(3) rows at a time while the sample before was at most 7/4 m."""
    sampler, _, _ = searched(data, variant="paper", max_iter=6)
    assert set(sampler.history_["proposed"]) == {3}
    sampler, _, _ = searched(data, variant="authors", max_iter=3)
    assert sampler.history_["proposed"].tolist()[:2] == [round(0.15 * 30), round(7.5) - round(6.0)]


def test_an_empty_first_micro_sample_does_not_end_a_search_of_the_authors(problem):
    """m = 9: round(m / 4) - round(m / 5) is 0 rows, which still trains on all minority rows and goes on."""
    sampler = MUBO(**{**QUICK, "max_iter": 4}, variant="authors")
    sampler.fit_resample(*problem((60, 9), n_features=3))
    assert sampler.history_["proposed"].tolist() == [1, 0, 2, 2, 2]


@EACH_VARIANT
def test_restarts_are_independent_and_seeds_govern_them(variant, data):
    many, _, _ = searched(data, variant=variant, n_restarts=3)
    again, _, _ = searched(data, variant=variant, n_restarts=3)
    other, _, _ = searched(data, variant=variant, n_restarts=3, random_state=1)
    pd.testing.assert_frame_equal(many.history_.drop(columns="seconds"), again.history_.drop(columns="seconds"))
    for rows, same in zip(many.restarts_, again.restarts_):
        np.testing.assert_array_equal(rows, same)
    assert any(not np.array_equal(rows, others) for rows, others in zip(many.restarts_, other.restarts_))
    assert not np.array_equal(many.restarts_[0], many.restarts_[1])


def test_a_rejection_undoes_its_training(data):
    """Where all but the first step is refused, the network is that of the first step, however long the search."""

    class OnlyTheFirst:
        def accepts(self, value, restart):
            return not restart.values

    short, _, _ = searched(data, variant="paper", acceptance=OnlyTheFirst(), max_iter=1)
    long, _, _ = searched(data, variant="paper", acceptance=OnlyTheFirst(), max_iter=6)
    np.testing.assert_array_equal(short.sample_indices_, long.sample_indices_)
    for name, value in short.classifier_.weights_.items():
        np.testing.assert_array_equal(value, long.classifier_.weights_[name])
    kept, _, _ = searched(data, variant="authors", acceptance=OnlyTheFirst(), max_iter=6)
    first, _, _ = searched(data, variant="authors", acceptance=OnlyTheFirst(), max_iter=1)
    assert any(not np.array_equal(v, first.classifier_.weights_[n]) for n, v in kept.classifier_.weights_.items())


@EACH_VARIANT
@pytest.mark.parametrize("counts", [(40, 1), (40, 2), (40, 9), (12, 10), (3, 2)])
def test_tiny_classes(variant, counts, problem):
    """A minority class of 1, 2 and 9 rows; a larger one that is smaller than 7/4 of it."""
    X, y = problem(counts, n_features=3)
    sampler = MUBO(**{**QUICK, "max_iter": 12}, variant=variant)
    _, y_kept = sampler.fit_resample(X, y)
    assert (y_kept == 1).sum() == counts[1]
    assert (y_kept == 0).sum() >= 1


def test_several_larger_classes(problem):
    X, y = problem((120, 60, 10), n_features=4)
    sampler = MUBO(**QUICK)
    _, kept = sampler.fit_resample(X, y)
    assert set(sampler.sampling_strategy_) == {0, 1}
    counts = np.bincount(kept)
    assert counts[2] == 10 and counts[0] == counts[1] > 0  # a micro-sample has rows of each
    sampler = MUBO(**QUICK, sampling_strategy=[0])
    _, kept = sampler.fit_resample(X, y)
    assert np.bincount(kept)[1:].tolist() == [60, 10] and np.bincount(kept)[0] < 120


def test_rows_run_out(data):
    """Every row is proposed once and accepted; then the search ends."""

    class Always:
        def accepts(self, value, restart):
            return True

    sampler, _, y = searched(data, acceptance=Always(), proposal=RandomRows(), max_iter=300, max_epochs=1)
    assert len(sampler.history_) < 300
    assert (y == "common").sum() == 180  # all but those held out to measure on
    assert len(np.unique(sampler.sample_indices_)) == len(sampler.sample_indices_)


def test_a_search_ends_when_nothing_changes(data):
    class Never:
        def accepts(self, value, restart):
            return not restart.values

    sampler, _, _ = searched(data, acceptance=Never(), n_iter_no_change=4, max_iter=50)
    assert len(sampler.history_) == 5


def test_held_out_rows_do_not_train(data):
    """A fifth of each class, drawn by each restart for itself: 6 of 30 minority rows, 40 of 200 others."""
    seen = []

    class Watched(BalancedHeldOut):
        def measure(self, restarts, samples, networks, loss):
            seen.extend((restart, set(sample.tolist())) for restart, sample in zip(restarts, samples))
            return super().measure(restarts, samples, networks, loss)

    sampler, _, y = searched(data, max_iter=3, n_restarts=2, objective=Watched(), validation_fraction=0.2)
    assert sampler.history_["proposed"].tolist() == [12] * 6  # ceil(24 / 2): 24 minority rows train
    assert (y == "rare").sum() == 30
    for restart, sample in seen:
        held_out = restart.problem.held_out.tolist()
        assert Counter(data[1][held_out]) == {"rare": 6, "common": 40} and not sample & set(held_out)
    assert set(seen[0][0].problem.held_out) != set(seen[1][0].problem.held_out)


def test_the_inner_loop_of_sound_weighs_classes_equally(data):
    """With 8 times as many common rows, an untreated network would call most rows common; this one does not."""
    X, y = np.zeros((230, 1)), data[1]  # nothing to learn but how many rows a class has

    class AllOfThem:
        def propose(self, restarts, sizes):
            return [restart.new_rows(10**6)[0] for restart in restarts]

    plain = {"proposal": AllOfThem(), "max_iter": 1, "max_epochs": 40, "standardize": False, "random_state": 0}
    shares = {variant: MUBO(**plain, variant=variant, learning_rate=1e-2) for variant in ("default", "paper")}
    for variant, sampler in shares.items():
        sampler.fit_resample(X, y)
        shares[variant] = sampler.classifier_.predict_proba(X[:1])[0, 1]
    assert shares["default"] == pytest.approx(0.5, abs=0.1)  # of batches of 64 rows, class by class as they come
    assert shares["paper"] == pytest.approx(30 / 230, abs=0.1)


def test_max_steps_divides_gradient_steps(data):
    sampler, _, _ = searched(data, max_iter=5, max_steps=50, tol=0.0)
    epochs, size = sampler.history_["epochs"], sampler.history_["size"] + 27
    assert len(epochs) == 5 and epochs[0] == pytest.approx(10 * min(64, size[0]) / size[0])  # a tenth is held out


@EACH_VARIANT
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(variant, data, tmp_path, monkeypatch):
    whole, _, _ = searched(data, variant=variant, n_restarts=2, max_iter=9)
    kept = {"variant": variant, "n_restarts": 2, "max_iter": 9, "checkpoint": tmp_path / "search.npz"}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        for objective in (BalancedHeldOut, MajorityShare):
            patch.setattr(objective, "measure", stopping(objective.measure))
        searched(data, **kept)
    assert [path.name for path in tmp_path.iterdir()] == ["search.npz"]
    resumed, _, _ = searched(data, **kept)
    pd.testing.assert_frame_equal(whole.history_.drop(columns="seconds"), resumed.history_.drop(columns="seconds"))
    for rows, same in zip(whole.restarts_, resumed.restarts_):
        np.testing.assert_array_equal(rows, same)
    for name, value in whole.classifier_.weights_.items():
        np.testing.assert_array_equal(value, resumed.classifier_.weights_[name])
    np.testing.assert_array_equal(whole.classifier_.predict_proba(data[0]), resumed.classifier_.predict_proba(data[0]))


def stopping(measure):
    """Measure, but in the fourth step stop the search, as a lost machine would."""

    def measured(self, restarts, samples, networks, loss):
        if restarts[0].n_steps == 4:
            raise KeyboardInterrupt
        return measure(self, restarts, samples, networks, loss)

    return measured


def test_a_checkpoint_is_of_one_search(data, tmp_path):
    path = tmp_path / "search.npz"
    searched(data, checkpoint=path, max_iter=2)
    for other in ({"random_state": 1}, {"learning_rate": 0.1}, {"variant": "paper"}):
        with pytest.raises(ValueError, match="another search"):
            searched(data, checkpoint=path, **other)
    with pytest.raises(ValueError, match="another search"):
        searched((data[0][:, ::-1], data[1]), checkpoint=path)
    with pytest.raises(ValueError, match="another search"):
        searched(data, checkpoint=path, max_steps=40)
    with pytest.raises(ValueError, match="random_state=None"):
        searched(data, checkpoint=path, random_state=None)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="holds no saved search"):
        searched(data, checkpoint=path)


def test_time_budget(data):
    sampler, _, _ = searched(data, max_iter=10_000, max_epochs=5, max_time=0.3, n_iter_no_change=10_000)
    assert 1 <= len(sampler.history_) < 10_000


def test_frames_and_progress(data, capsys):
    X = pd.DataFrame(data[0], columns=list("abcd"), index=np.arange(230) * 2)
    sampler = MUBO(**QUICK, verbose=True)
    kept, y = sampler.fit_resample(X, pd.Series(data[1]))
    assert list(kept.columns) == list("abcd") and len(kept) == len(y)
    assert "Searching rows" in capsys.readouterr().out
    MUBO(**QUICK).fit_resample(X, data[1])
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "bad", [{"variant": "fast"}, {"n_restarts": 0}, {"validation_fraction": 1.0}, {"objective": 3}]
)
def test_bad_parameters_are_refused(bad, data):
    with pytest.raises(ValueError, match=next(iter(bad))):
        MUBO(**{**QUICK, **bad}).fit_resample(*data)


def test_weights_are_carried_and_their_scale_does_not_matter(data):
    weight = np.random.default_rng(0).choice([0.0, 0.5, 1.0, 4.0], len(data[1]))
    plain, scaled = (MUBO(**QUICK) for _ in range(2))
    plain.fit_resample(*data, sample_weight=weight)
    scaled.fit_resample(*data, sample_weight=8 * weight)
    np.testing.assert_array_equal(plain.sample_indices_, scaled.sample_indices_)
    np.testing.assert_array_equal(plain.sample_weight_, weight[plain.sample_indices_])
    assert plain.sample_weight_.min() > 0 and not np.array_equal(
        plain.sample_indices_, searched(data)[0].sample_indices_
    )
    with pytest.raises(ValueError, match="positive sample_weight"):
        MUBO(**QUICK).fit_resample(*data, sample_weight=(data[1] == "rare").astype(float))


def test_heavy_rows_are_learned(data):
    """Every rare row has a copy of the other label: light copies are overruled, heavy ones make a tie."""
    rare = data[1] == "rare"
    X, y = np.concatenate([data[0], data[0][rare]]), np.concatenate([data[1], np.repeat("common", rare.sum())])
    decided = []
    for of_copies in (0.01, 100.0):
        weight = np.concatenate([np.ones(len(data[1])), np.full(rare.sum(), of_copies)])
        sampler = MUBO(max_iter=10, max_epochs=40, tol=0.0, hidden_layer_sizes=(16,), random_state=0)
        sampler.fit_resample(X, y, sample_weight=weight)
        decided.append((sampler.classifier_.predict(data[0][rare]) == "rare").mean())
    assert decided[0] > 0.8 and decided[1] < decided[0] - 0.2


def test_a_search_makes_a_step_however_short_its_time(data):
    for variant in ("default", "paper", "authors"):
        sampler, _, _ = searched(data, variant=variant, max_time=1e-9)
        assert sampler.history_["step"].max() == 1 and sampler.classifier_.n_members == 1


def test_the_weights_of_a_resampled_classifier_go_through_the_search(data):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(data[1]))
    clf = ResampledClassifier(MUBO(**QUICK), LogisticRegression()).fit(*data, weight)
    np.testing.assert_array_equal(clf.sample_weight_, weight[clf.sample_indices_])
    with_weights = MUBO(**QUICK)
    with_weights.fit_resample(*data, sample_weight=weight)
    np.testing.assert_array_equal(clf.sample_indices_, with_weights.sample_indices_)


def test_a_search_with_a_part_of_ones_own_goes_on(data, tmp_path):
    class Below:
        def __init__(self, bound):
            self.bound = bound

        def accepts(self, value, restart):
            return value < self.bound

    kept = {"checkpoint": tmp_path / "search.npz", "acceptance": Below(0.6)}
    searched(data, **kept, max_iter=3)
    resumed, _, _ = searched(data, **kept | {"acceptance": Below(0.6)}, max_iter=6)
    assert resumed.history_["step"].tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(ValueError, match="another search"):
        searched(data, **kept | {"acceptance": Below(0.5)}, max_iter=6)


def test_weight_decay_shrinks_the_networks_and_dropout_changes_them(data):
    plain, decayed, dropped = (
        searched(data, **changes)[0].classifier_.weights_["weights.0"]
        for changes in ({}, {"weight_decay": 300.0}, {"dropout": 0.5})
    )
    assert np.linalg.norm(decayed) < 0.5 * np.linalg.norm(plain)
    assert dropped.shape == plain.shape and not np.allclose(dropped, plain)


@pytest.mark.parametrize("variant", ["authors", "paper"])
def test_no_dropout_where_the_network_has_none(variant, data):
    with pytest.raises(ValueError, match=r"has no dropout, but dropout=0.5: set dropout=0"):
        searched(data, variant=variant, dropout=0.5)


@pytest.mark.parametrize("name", ["dropout", "weight_decay"])
def test_a_score_has_its_own_regularisation(name, data):
    with pytest.raises(ValueError, match=f"{name} is for selector='search'"):
        searched(data, selector="score", max_epochs=None, **{name: 0.5})
