"""SMOTifiedGAN, GBO and SSG: what they make, from what, and what they say of it."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from imblearn.over_sampling import SMOTE, SVMSMOTE
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from equipoise import GBO, SSG, ResampledClassifier, SMOTifiedGAN
from equipoise.networks.gan import Discriminator, Generator
from equipoise.samplers import GANDiagnosticsWarning, gan
from equipoise.training.gans import TrainedGAN

ALL = [SMOTifiedGAN, GBO, SSG]
EACH = pytest.mark.parametrize("sampler", ALL)
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture
def data(problem):
    X, y = problem((60, 20), apart=2.0)
    return X, np.where(y == 1, "rare", "common")


@pytest.fixture(autouse=True)
def no_warnings_of_short_training():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GANDiagnosticsWarning)
        yield


@pytest.fixture
def asked(monkeypatch):
    """What the training of GANs is asked for."""
    calls = []
    train = gan.train_gans

    def spy(tasks, settings, **options):
        calls.append((tasks, settings))
        return train(tasks, settings, **options)

    monkeypatch.setattr(gan, "train_gans", spy)
    return calls


@EACH
@pytest.mark.parametrize("published", [False, True])
def test_given_rows_come_first_and_classes_become_equal(sampler, published, data):
    X, y = sampler(**QUICK, variant=sampler.published if published else "default").fit_resample(*data)
    np.testing.assert_array_equal(X[:80], data[0])
    np.testing.assert_array_equal(y[:80], data[1])
    assert set(y[80:]) == {"rare"} and len(y) == 120
    assert len(np.unique(X[80:], axis=0)) == 40


@EACH
def test_made_rows_are_within_the_range_of_all_given_rows(sampler, data):
    X, _ = sampler(**QUICK).fit_resample(*data)
    assert (X[80:] >= data[0].min(axis=0)).all() and (X[80:] <= data[0].max(axis=0)).all()


@EACH
def test_published_rows_are_within_0_and_1(sampler, data):
    X, _ = sampler(**QUICK, variant=sampler.published).fit_resample(*data)
    assert X[80:].min() >= 0 and X[80:].max() <= 1


def test_scaling_does_not_change_what_is_made(data):
    """The scaler is inside: the same rows in other units give the same rows in these units, to rounding."""
    X, y = data
    units, origins = np.array([2.0, 0.5, 4.0, 8.0]), np.array([1.0, -3.0, 0.0, 10.0])
    made = GBO(**QUICK).fit_resample(X, y)[0]
    rescaled = GBO(**QUICK).fit_resample(X * units + origins, y)[0]
    np.testing.assert_allclose(rescaled, made * units + origins, rtol=1e-4, atol=1e-4)


def test_the_scale_is_that_of_all_rows(asked, data):
    SMOTifiedGAN(**QUICK).fit_resample(*data)
    X, y = data
    [([task], _)] = asked
    expected = (X - X.min(axis=0)) / (X.max(axis=0) - X.min(axis=0))
    np.testing.assert_allclose(task.real, expected[y == "rare"])


def test_what_the_published_variant_asks_for(asked, data):
    """The table of the authors' settings; latent rows are the 40 that SMOTE makes of the rows as they are."""
    for sampler in ALL:
        sampler(variant=sampler.published, random_state=0, max_time=0.05).fit_resample(*data)
    X, y = data
    for ([task], settings), batch_size, smote in zip(asked, (128, 32, 32), (SMOTE, None, SVMSMOTE), strict=True):
        assert (settings.learning_rate, settings.max_epochs, settings.batch_size) == (1e-5, 1000, batch_size)
        assert settings.whole_latent and settings.score is None
        np.testing.assert_array_equal(task.real, X[y == "rare"])
        if smote is None:
            assert task.latent is None
        else:
            np.testing.assert_array_equal(task.latent, smote(random_state=task.seed).fit_resample(X, y)[0][80:])


def test_the_published_rows_are_what_the_generator_makes_in_training_mode(data, monkeypatch):
    kept = []
    monkeypatch.setattr(gan, "train_gans", lambda tasks, _, **options: kept.extend(tasks) or [untrained()])
    X, _ = SMOTifiedGAN(variant="authors", random_state=0).fit_resample(*data)
    with torch.no_grad():
        made = untrained().generator.train()(torch.tensor(kept[0].latent, dtype=torch.float32))
    np.testing.assert_allclose(X[80:], made.numpy(), rtol=1e-5)


def untrained():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TrainedGAN(Generator(4), Discriminator(4), 0, "max_epochs")


def test_rows_of_the_default_do_not_depend_on_how_many_are_made(data):
    """The first 10 of 40 rows are the 10 that are made alone: training and latent rows are the same."""
    more = SMOTifiedGAN(**QUICK).fit_resample(*data)[0]
    fewer = SMOTifiedGAN(**QUICK, sampling_strategy={"rare": 30}).fit_resample(*data)[0]
    np.testing.assert_allclose(more[80:90], fewer[80:], rtol=1e-5, atol=1e-6)


def test_smote_rows_are_not_returned(asked, data):
    X, _ = SMOTifiedGAN(**QUICK).fit_resample(*data)
    [([task], _)] = asked
    scaled = (X - data[0].min(axis=0)) / np.ptp(data[0], axis=0)
    assert np.abs(scaled[80:, None] - task.latent[None]).max(axis=2).min() > 1e-4


def test_the_other_reading_of_ssg(asked, data):
    SSG(**QUICK, role="real").fit_resample(*data)
    [([task], _)] = asked
    assert task.latent is None and len(task.real) > 20


def test_classes_and_seeds_train_as_one_stack(asked, problem):
    X, y = problem((60, 20, 15), apart=2.0)
    sampler = GBO(**QUICK, n_gans=3)
    _, y_new = sampler.fit_resample(X, y)
    assert len(asked) == 1 and [len(task.real) for task in asked[0][0]] == [20] * 3 + [15] * 3
    assert np.bincount(y_new).tolist() == [60, 60, 60]
    assert y_new[95:].tolist() == [1] * 40 + [2] * 45
    assert len({task.seed for task in asked[0][0]}) == 6
    assert sampler.diagnostics_["class"].tolist() == [1, 2]
    assert sampler.diagnostics_[["n_real", "n_made"]].to_numpy().tolist() == [[20, 40], [15, 45]]


def test_equal_parts_by_each_gan(data, monkeypatch):
    """Generators that give constants, one each: 40 rows by three are 14, 13 and 13."""

    class Constant(TrainedGAN):
        def generate(self, latent, *, batch_statistics=False):
            return np.full_like(latent, self.n_steps / 10)

    fakes = [Constant(None, untrained().discriminator, steps, "max_epochs") for steps in (1, 2, 3)]
    monkeypatch.setattr(gan, "train_gans", lambda *_, **__: fakes)
    X, _ = GBO(n_gans=3, random_state=0, variant="paper").fit_resample(*data)
    assert np.unique(X[80:, 0], return_counts=True)[1].tolist() == [14, 13, 13]


@pytest.mark.filterwarnings("default")
def test_a_constant_generator_is_said_to_have_collapsed(data, monkeypatch):
    class Constant(TrainedGAN):
        def generate(self, latent, *, batch_statistics=False):
            return np.full_like(latent, 0.4)

    fake = Constant(None, untrained().discriminator, 1, "max_epochs")
    monkeypatch.setattr(gan, "train_gans", lambda *_, **__: [fake])
    sampler = SMOTifiedGAN(random_state=0)
    with pytest.warns(GANDiagnosticsWarning, match="class 'rare'.*collapsed.*off the data") as caught:
        sampler.fit_resample(*data)
    assert caught[0].filename == __file__
    assert sampler.diagnostics_["spread_ratio"].item() == pytest.approx(0)
    assert sampler.diagnostics_["two_sample_accuracy"].item() > 0.95


def test_features_out_of_the_generators_reach(data):
    """Features around 50, as they are, cannot be made by a sigmoid."""
    X, y = data
    sampler = GBO(**QUICK, variant="paper")
    with pytest.warns(GANDiagnosticsWarning, match="100% of the real values are outside 0 to 1"):
        sampler.fit_resample(X + 50, y)
    assert sampler.diagnostics_["unreachable"].item() == 1
    assert GBO(**QUICK).fit(X, y).fit_resample(X + 50, y)[0].min() > 40


def test_health_figures_are_of_the_returned_rows(data):
    X, y = data
    sampler = GBO(**QUICK)
    made = sampler.fit_resample(X, y)[0][80:]
    low, span = X.min(axis=0), np.ptp(X, axis=0)
    real, new = (X[y == "rare"] - low) / span, (made - low) / span
    health = sampler.diagnostics_.iloc[0]
    assert health["spread_ratio"] == pytest.approx(new.std(axis=0).mean() / real.std(axis=0).mean())
    assert health["out_of_range"] == np.mean((new < real.min(axis=0)) | (new > real.max(axis=0)))
    assert health["made_by"] == "GAN" and health["n_steps"] == 3 and health["stopped_by"] == "max_epochs"
    assert 0 <= health["real_accuracy"] <= 1 and 0 <= health["made_accuracy"] <= 1


@pytest.mark.parametrize("n, made_by", [(1, "RandomOverSampler"), (2, "SMOTE"), (3, "SMOTE"), (5, "SMOTE"), (6, "GAN")])
@EACH
def test_tiny_classes(sampler, n, made_by, problem):
    X, y = problem((30, n), n_features=3)
    fitted = sampler(**QUICK)
    if made_by == "GAN":
        _, y_new = fitted.fit_resample(X, y)
    else:
        with pytest.warns(UserWarning, match=f"Class 1 has fewer than 6 different rows \\({n} in all\\)") as caught:
            X_new, y_new = fitted.fit_resample(X, y)
        assert caught[0].filename == __file__
        low, high = X[y == 1].min(axis=0), X[y == 1].max(axis=0)
        assert (X_new[30 + n :] >= low - 1e-9).all() and (X_new[30 + n :] <= high + 1e-9).all()
    assert np.bincount(y_new).tolist() == [30, 30]
    assert fitted.diagnostics_["made_by"].tolist() == [made_by]


@EACH
def test_weights_of_given_rows_stay_and_made_rows_get_the_mean_of_their_class(sampler, problem):
    """A class by GANs, one by SMOTE; what is made does not depend on the weights."""
    X, y = problem((30, 12, 4), apart=2.0)
    weights = np.random.default_rng(0).uniform(size=46)
    fitted = sampler(**QUICK, n_gans=2)
    with pytest.warns(UserWarning, match="Class 2 has fewer"):
        X_new, y_new = fitted.fit_resample(X, y, sample_weight=weights)
        unweighted = sampler(**QUICK, n_gans=2).fit(X, y)
        np.testing.assert_array_equal(unweighted.fit_resample(X, y)[0], X_new)
    assert unweighted.sample_weight_ is None
    np.testing.assert_array_equal(fitted.sample_weight_[:46], weights)
    for label in (1, 2):
        np.testing.assert_allclose(fitted.sample_weight_[46:][y_new[46:] == label], weights[y == label].mean())


def test_weights_of_sparse_rows(data):
    X, y = data
    weights = np.arange(80.0)
    sampler = GBO(**QUICK)
    sampler.fit_resample(csr_matrix(X), y, sample_weight=weights)
    np.testing.assert_array_equal(sampler.sample_weight_, [*weights, *[weights[y == "rare"].mean()] * 40])


@pytest.mark.parametrize("weights, fault", [([1.0, 2.0], "shape"), ([-1.0] * 80, "[Nn]egative")])
def test_bad_weights_are_refused(weights, fault, data):
    with pytest.raises(ValueError, match=fault):
        GBO(**QUICK).fit_resample(*data, sample_weight=weights)


def test_a_classifier_takes_the_weights_of_made_rows(data):
    X, y = data
    weights = np.linspace(1, 2, 80)
    model = ResampledClassifier(GBO(**QUICK), LogisticRegression()).fit(X, y, weights)
    np.testing.assert_array_equal(model.sample_weight_[:80], weights)
    np.testing.assert_allclose(model.sample_weight_[80:], weights[y == "rare"].mean())


def test_equal_rows_count_once(problem):
    X, y = problem((30, 12))
    X[y == 1] = X[y == 1][0]
    with pytest.warns(UserWarning, match="fewer than 6 different rows \\(12 in all\\)"):
        X_new, _ = GBO(**QUICK).fit_resample(X, y)
    np.testing.assert_allclose(X_new[42:], X[y == 1][0] + np.zeros((18, 1)))


def test_svm_smote_without_support_vectors_falls_back():
    """Eight crowds of common rows, each with one rare row: all support vectors count as noise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)) + 100 * (np.arange(200) % 8)[:, None], np.arange(200) < 8
    with pytest.warns(UserWarning, match="SVMSMOTE could not be used for class True") as caught:
        _, y_new = SSG(**QUICK).fit_resample(X, y)
    assert caught[0].filename == __file__
    assert y_new.sum() == 192


@pytest.mark.parametrize("published", [False, True])
@EACH
def test_one_row_is_made_where_one_lacks(sampler, published, data):
    X, _ = sampler(
        **QUICK, variant=sampler.published if published else "default", sampling_strategy={"rare": 21}
    ).fit_resample(*data)
    assert len(X) == 81


def test_values_that_a_column_can_have(data):
    """Integers and one-hot codes stay such, and frames keep columns and types."""
    rng = np.random.default_rng(0)
    codes = np.eye(3, dtype=int)[rng.integers(3, size=80)]
    X = pd.DataFrame(
        {
            "x": data[0][:, 0],
            "count": rng.integers(50, size=80),
            "red": codes[:, 0],
            "green": codes[:, 1],
            "blue": codes[:, 2],
            "half": rng.choice([0.5, 2.0], size=80),
            "short": data[0][:, 1].astype(np.float32),
        }
    )
    X_new, y_new = SMOTifiedGAN(**QUICK).fit_resample(X, pd.Series(data[1], name="kind"))
    assert X_new.dtypes.equals(X.dtypes) and y_new.name == "kind"
    made = X_new.iloc[80:]
    assert (made[["red", "green", "blue"]].sum(axis=1) == 1).all() and set(made["half"]) <= {0.5, 2.0}
    assert made["count"].between(0, 49).all()
    assert made["x"].nunique() == 40


@EACH
def test_seeds_govern_everything(sampler, data):
    first = sampler(**QUICK, n_gans=2).fit_resample(*data)[0]
    state = torch.get_rng_state()
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    again, other = (sampler(**{**QUICK, "random_state": s}, n_gans=2).fit_resample(*data)[0] for s in (0, 1))
    torch.set_rng_state(state)
    assert first.tobytes() == again.tobytes()
    assert not np.allclose(first[80:], other[80:])


def test_integers_and_sparse_rows(problem):
    X, y = problem((40, 15))
    whole = np.rint(10 * X).astype(np.int64)
    X_new, _ = GBO(**QUICK).fit_resample(whole, y)
    assert X_new.dtype == np.int64
    X_sparse, _ = GBO(**QUICK).fit_resample(csr_matrix(X), y)
    assert isinstance(X_sparse, csr_matrix)
    np.testing.assert_array_equal(X_sparse.toarray(), GBO(**QUICK).fit_resample(X, y)[0])


def test_looks_are_at_rows_as_they_would_be_returned(asked, data):
    """Made values a little off a one-hot code cost nothing, since they are snapped."""
    X = np.hstack([data[0], np.eye(2)[np.arange(80) % 2]])
    GBO(**QUICK, n_iter_no_change=3).fit_resample(X, data[1])
    [(_, settings)] = asked
    assert settings.n_iter_no_change == 3 and settings.evaluation_steps == 100
    real = np.random.default_rng(0).random((9, 6))
    real[:, 4:] = [0, 1]
    made = real + np.r_[np.zeros(4), 0.1, -0.2]
    assert settings.score(real, made) == pytest.approx(0, abs=1e-12)
    assert settings.score(real, made + np.r_[1, np.zeros(5)]) < -0.1


def test_training_ends_in_time_and_shows_progress(data, capsys):
    sampler = GBO(random_state=0, batch_size=8, max_time=0.1, verbose=True)
    sampler.fit_resample(*data)
    assert sampler.diagnostics_["stopped_by"].item() == "max_time"
    assert "Training networks" in capsys.readouterr().out
    GBO(**QUICK).fit_resample(*data)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "bad", [{"n_gans": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"max_time": 0}, {"variant": "faithful"}]
)
def test_bad_parameters_are_refused(bad, data):
    with pytest.raises(ValueError, match=next(iter(bad))):
        GBO(**{**QUICK, **bad}).fit_resample(*data)


def test_learning_brings_rows_nearer_to_the_real_ones(problem):
    """A tight class in a corner: after 200 steps rows are nearer to it than after one."""
    X, y = problem((60, 20), apart=6.0)
    centre, scale = X[y == 1].mean(axis=0), X.std()
    ended = {
        n: GBO(random_state=0, max_epochs=n, batch_size=32, learning_rate=1e-3).fit_resample(X, y)[0][80:]
        for n in (1, 200)
    }
    distance = {n: np.linalg.norm(rows.mean(axis=0) - centre) / scale for n, rows in ended.items()}
    assert distance[200] < 0.5 * distance[1]
