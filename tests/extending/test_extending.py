"""Parts of others, from a package of their own, take part in a comparison without a change to any file of ours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from equipoise import load, recipes
from equipoise.cli import main
from equipoise.experiments import METRICS, Metric
from equipoise.experiments.priors import learned_priors

MODULE = '''
import numpy as np
import torch
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from torch import nn

from equipoise import AutoBalance, metrics
from equipoise.batches import MixingTransform, Mixture
from equipoise.experiments import Metric
from equipoise.recipes import Recipe


class Squared(nn.Module):
    """A loss."""

    def __init__(self, class_counts):
        super().__init__()
        self.reduction = "mean"

    def forward(self, logits, target):
        hot = nn.functional.one_hot(target, logits.shape[-1]) if target.ndim < logits.ndim else target
        rows = ((logits.softmax(-1) - hot) ** 2).sum(-1)
        return rows if self.reduction == "none" else rows.mean()


class Repeat(BaseOverSampler):
    """A sampler: every minority row once more."""

    def _fit_resample(self, X, y):
        minority = y == min(self.sampling_strategy_, key=lambda label: (y == label).sum())
        return np.concatenate([X, X[minority]]), np.concatenate([y, y[minority]])


class Halves(MixingTransform):
    """A transform: each row with the next, in equal shares."""

    def __init__(self, *, num_classes=None, generator=None, batch_dims=0, per_row=False):
        self.num_classes, self.generator, self.batch_dims, self.per_row = num_classes, generator, batch_dims, per_row

    def draw(self, labels, generator=None, num_classes=None):
        first = torch.arange(labels.shape[-1]).expand(labels.shape)
        return Mixture(first, first.roll(1, -1), torch.full(labels.shape, 0.5, dtype=torch.float64))


def minority_loss(sums, counts):
    """An outer objective: the mean loss of the class with the fewest rows."""
    rows = counts.sum(-1)
    return sums.sum(-1).gather(-1, rows.argmin(-1, keepdim=True)).squeeze(-1) / rows.min(-1).values


class Odd(ClassifierMixin, BaseEstimator):
    """A classifier of a type that no model file holds."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Able(Odd):
    """Of such a type, too, and better than guessing."""

    def predict_proba(self, X):
        rare = 1 / (1 + np.exp(-np.asarray(X, dtype=float)[:, 0]))
        return np.column_stack([1 - rare, rare])


def make_logistic():
    return LogisticRegression()


def make_nothing():
    return "no model"


squared = Recipe("squared", "a squared loss", {"loss": Squared})
repeat = Recipe("repeat", "minority rows twice", {"sampler": Repeat()})
halves = Recipe("halves", "rows mixed with the next", {"batch_transform": Halves()})
outer = Recipe("outer", "a search for the minority class", {"loss": AutoBalance(objective=minority_loss)})
worst = Metric(
    "worst_recall",
    "worst recall",
    True,
    True,
    lambda codes, proba, rare: float(metrics.counts_summary(
        np.eye(proba.shape[1])[codes].T @ np.eye(proba.shape[1])[proba.argmax(1)])["recall"].min()),
    "equal",
    "the least recall of a class",
)
'''
ENTRY_POINTS = """[equipoise.recipes]
squared = mine:squared
repeat = mine:repeat
halves = mine:halves
outer = mine:outer
broken = mine:nowhere
[equipoise.metrics]
worst_recall = mine:worst
"""
THEIRS = ("squared", "repeat", "halves", "outer", "mine:make_logistic", "mine:Odd")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A package of others, as pip installs it, and a table."""
    home = tmp_path_factory.mktemp("home")
    (home / "mine.py").write_text(MODULE)
    info = home / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    rng = np.random.default_rng(0)
    label = np.repeat(["no", "yes"], [90, 30])
    frame = pd.DataFrame({"a": rng.normal(size=120) + 2 * (label == "yes"), "b": rng.normal(size=120), "y": label})
    frame.to_csv(home / "t.csv", index=False)
    return home


@pytest.fixture(scope="module")
def report(program, home):
    """The folder of a comparison of their parts by their metric, and its output."""
    code = "import sys; sys.path.insert(0, ''); from equipoise.cli import main; main()"
    options = ["--recipes", "none", *THEIRS, "--folds", "2", "--repeats", "1", "--members", "1", "--out", "report"]
    command = ["compare", "t.csv", "--target", "y", "--metric", "worst_recall", *options]
    done = program(code, *command, folder=home, PYTHONPATH=str(home), LOKY_MAX_CPU_COUNT="1")
    status = done.wait()
    assert status == int("No model was saved" in done.said), done.said + done.errors
    return home / "report", done.said + done.errors


@pytest.fixture
def importable(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.syspath_prepend(str(home))
    for registry in (recipes.RECIPES, METRICS):
        monkeypatch.setattr(registry, "_records", dict(registry._records))
        monkeypatch.setattr(registry, "_loaded", False)


def test_every_part_has_a_row_in_leaderboard_and_report(report):
    folder, _ = report
    board = pd.read_csv(folder / "leaderboard.csv").set_index("recipe")
    assert set(board.index) == {"none", *THEIRS}
    assert board["worst_recall"].between(0, 1).all() and board["description"].notna().all()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(text in page for text in ("a squared loss", "worst recall", "the least recall of a class"))


def test_priors_are_read_off_the_parts(report):
    """Known for a sampler that evens out and a transform that keeps; a loss or a model may do anything."""
    board = pd.read_csv(report[0] / "leaderboard.csv").set_index("recipe")["prior_worst_recall"]
    assert board[["none", "halves", "repeat"]].notna().all()
    assert board[["squared", "outer", "mine:make_logistic", "mine:Odd"]].isna().all()


def test_a_broken_entry_point_is_left_out_with_a_note(report):
    assert "The recipe 'broken' of mine:nowhere is left out" in " ".join(report[1].split())


def test_a_model_of_known_parts_is_saved_and_another_is_refused(importable, home, capsys):
    fit = ("fit", "t.csv", "--target", "y", "--recipe")
    main([*fit, "mine:make_logistic", "--out", "logistic"])
    assert load(home / "logistic")[-1].classes_.tolist() == ["no", "yes"]
    with pytest.raises(SystemExit, match=r"(?s)equipoise: .*Odd"):
        main([*fit, "mine:Odd", "--out", "odd"])
    assert not Path("odd").exists()


def test_the_winner_that_cannot_be_saved_costs_the_model_only_and_all_pages_say_so(importable, capsys):
    only = ("--recipes", "mine:Able", "--folds", "2", "--repeats", "1", "--out", "r")
    with pytest.raises(SystemExit) as ended:
        main(["compare", "t.csv", "--target", "y", *only])
    assert ended.value.code == 1
    files = {"explore.html", "leaderboard.csv", "report.html", "report.json", "results.sqlite", "summary.md"}
    assert {path.name for path in Path("r").iterdir()} == files
    assert "No model was saved" in " ".join(capsys.readouterr().out.split())
    for name in ("report.html", "report.json", "summary.md"):
        page = (Path("r") / name).read_text(encoding="utf-8")
        assert "The model was not saved: " in page and "model/" not in page


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("mine:nowhere", "cannot be imported"),
        ("nowhere:make", "cannot be imported"),
        ("mine:make_nothing", "must make a scikit-learn classifier with predict_proba"),
        ("mine:np", "must be a function that makes a classifier"),
    ],
)
def test_places_without_a_classifier_are_refused(importable, place, said):
    with pytest.raises((ValueError, TypeError), match=said):
        recipes.classifier(place, random_state=0)


def test_random_states_of_a_foreign_classifier_follow_the_comparison(importable):
    assert recipes.classifier("mine:make_logistic", random_state=7).random_state == 7


def test_a_record_is_all_that_a_recipe_needs(importable):
    recipes.register(recipes.Recipe("halved", "half the network", {"hidden_layer_sizes": (4,)}))
    assert recipes.describe("halved+smote") == "half the network; SMOTE"
    assert recipes.classifier("halved+smote", n_members=2).hidden_layer_sizes == (4,)
    np.testing.assert_allclose(learned_priors("halved", [90, 10]), [0.9, 0.1])
    np.testing.assert_allclose(learned_priors("halved+smote", [90, 10]), [0.5, 0.5])


@pytest.mark.parametrize("name", ["smote", "a+b", "a:b", "", "two words"])
def test_names_that_are_taken_or_mean_something_else_are_refused(importable, name):
    with pytest.raises(ValueError, match=repr(name).replace("+", r"\+")):
        recipes.register(recipes.Recipe(name, "", {}))


def test_a_recipe_needs_parts_or_a_model():
    with pytest.raises(ValueError, match="parts of NeuralClassifier, or make"):
        recipes.Recipe("empty", "nothing")


def test_a_metric_is_registered_once():
    with pytest.raises(ValueError, match="a metric 'g_mean' already"):
        METRICS.register(Metric("g_mean", "again", True, True, lambda codes, proba, rare: 0.0))
