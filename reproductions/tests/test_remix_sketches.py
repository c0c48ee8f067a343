"""The ReMix paper's toy figures: what they measure, by formula, and what they look like on a page."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta

from equipoise.metrics import balanced_brier_score, g_mean
from equipoise.reports.svg import drawing, inline
from equipoise_reproductions.remix import surfaces
from equipoise_reproductions.remix.ring import Ring
from equipoise_reproductions.remix.sketches import densities, made_rows
from equipoise_reproductions.remix.third_class import harmful_mixes, third_class_share


def draw(figure):
    with drawing():
        return inline(figure(), "sketch", "a sketch")


def words(svg):
    texts = [e for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]
    return [" ".join("".join(text.itertext()).split()) for text in texts]


@pytest.fixture(scope="module")
def trained():
    return surfaces.train_surfaces(n_seeds=2, n_epochs=40)


FIGURES = {
    "one batch": made_rows,
    "batches": lambda: made_rows(n_batches=4),
    "densities": lambda: densities(alphas=(0.1, 0.5), n_batches=40),
    "third class": lambda: harmful_mixes(alphas=(0.1, 1.0), n_batches=60),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_a_figure_is_valid_themed_and_the_same_each_time(figure):
    svg = draw(figure)
    assert draw(figure) == svg
    styles = " ".join(e.get("style", "") for e in ET.fromstring(svg).iter())
    assert not re.search(r"#[0-9a-f]{6}", styles)
    assert "var(--series-1)" in styles
    assert "var(--series-2)" in styles


def test_another_seed_draws_other_rows():
    assert draw(made_rows) != draw(lambda: made_rows(random_state=5))


def test_a_batch_says_how_many_rows_leave_the_hull():
    said = words(draw(made_rows))
    assert said.count("0% of them outside the hull") == 2  # the batch itself, and SMOTE
    assert "8 rows at least half rare," in said
    assert "32 rows at least half rare," in said
    of_remix = [int(s.split("%")[0]) for s in said if s.endswith("outside the hull")][-1]
    assert 0 < of_remix < 100


def test_soft_labels_are_mixed_colours():
    styles = [e.get("style", "") for e in ET.fromstring(draw(lambda: made_rows(n_batches=4, alpha=0.5))).iter()]
    opacities = {
        float(o) for style in styles for o in re.findall(r"fill: var\(--series-2\); fill-opacity: ([\d.]+)", style)
    }
    assert any(0 < opacity < 0.5 for opacity in opacities)
    assert any(0.5 < opacity < 1 for opacity in opacities)


def test_densities_say_how_much_lies_between_the_classes():
    said = " ".join(words(draw(lambda: densities(alphas=(0.1, 0.5), n_batches=2000))))
    shares = [float(share) / 100 for share in re.findall(r"(\d+)%", said)]
    # Half of the partners are of the other class; the share of the first is then from 0.1 to 0.9.
    expected = [0.5 * (1 - 2 * beta(alpha, alpha).cdf(0.1)) for alpha in (0.1, 0.5)]
    assert shares == pytest.approx(expected, abs=0.03)
    assert "alpha 0.1" in said
    assert "training rows" in said


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0])
def test_a_mix_lands_on_the_class_in_the_middle_as_often_as_the_share_says(alpha):
    """Classes 0, 1 and 2 at -1, 1 and 0: class 2 is nearest for shares from 1/4 to 3/4."""
    X, y = np.repeat([[-1.0], [1.0], [0.0]], 8, axis=0), np.repeat([0, 1, 2], 8)
    found = third_class_share(X, y, alphas=(alpha,), n_batches=3000, batch_size=24).set_index(["a", "b"])
    expected = beta(alpha, alpha).cdf(0.75) - beta(alpha, alpha).cdf(0.25)
    assert found.loc[(0, 1), "on_third"] == pytest.approx(expected, abs=4 * (0.25 / 3000) ** 0.5)
    assert found.loc[(0, 2), "on_third"] == found.loc[(1, 2), "on_third"] == 0
    assert found["rows"].sum() == pytest.approx(3000 * 24 * 2 / 3, rel=0.02)


def test_two_classes_have_no_third():
    X = np.random.default_rng(0).normal(size=(30, 2))
    found = third_class_share(X, np.arange(30) % 2, n_batches=20)
    assert found["on_third"].tolist() == [0.0] * 5


# Figure 1


def test_the_steepness_of_a_plane_is_a_quarter_of_its_slope():
    x, y = np.meshgrid(surfaces.axis(), surfaces.axis())
    assert surfaces.steepness(3 * x + 4 * y - 0.7) == pytest.approx(5 / 4)


def test_the_steepness_of_a_cone_and_of_nothing():
    x, y = np.meshgrid(surfaces.axis(), surfaces.axis())
    assert surfaces.steepness(6 * (1.3 - np.hypot(x, y))) == pytest.approx(6 / 4, rel=1e-3)
    assert np.isnan(surfaces.steepness(np.full_like(x, -1.0)))


def test_where_the_line_varies_its_mean_is_by_length():
    """Two straight lines of equal length, one of three times the other's slope."""
    x, y = np.meshgrid(surfaces.axis(), surfaces.axis())
    assert surfaces.steepness(np.where(x < 0, -1 - x, 3 * (x - 1)) + 0 * y) == pytest.approx((1 + 3) / 2 / 4, rel=1e-6)


def test_the_truth_is_the_ratio_of_noisy_circles():
    ring = Ring.make()
    points = np.array([[0.0, 0.0], [0.3, 0.1], [0.4, 0.4], [0.0, -0.9], [1.1, 0.2]])

    def density(point, radius):
        def at(angle):
            away = np.square(point - radius * np.array([np.cos(angle), np.sin(angle)])).sum()
            return np.exp(-away / (2 * 0.1**2))

        return quad(at, 0, 2 * np.pi, points=[np.arctan2(point[1], point[0]) % (2 * np.pi)], epsabs=0, limit=200)[0]

    expected = [np.log(density(p, 0.1)) - np.log(density(p, 1.0)) for p in points]
    np.testing.assert_allclose(ring.log_odds(ring.scaler.transform(points)), expected, rtol=1e-6)


def test_a_run_has_rare_rows_of_its_own():
    ring = Ring.make()
    first, again, other = ring.rows(0), ring.rows(0), ring.rows(1)
    labels = ring.table.y
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    for rows in (first, other):
        assert (labels[rows] == 1).sum() == 25
        assert set(np.flatnonzero(labels == 0)) <= set(rows)
    assert len(ring.y) == 400
    np.testing.assert_allclose(ring.table.X.std(axis=0), 1)


def test_scores_are_those_of_the_surfaces(trained):
    assert len(trained.scores) == 1 + 3 * 2
    scores = trained.scores.set_index(["treatment", "run"])
    for (name, run), row in scores.iterrows():
        odds = trained.log_odds[name][run]
        assert row["area"] == pytest.approx((odds > 0).mean() * 5.0**2, rel=0.02)
    truth = trained.ring.log_odds(trained.ring.X)
    assert scores.loc[(surfaces.TRUTH, 0), "g_mean"] == g_mean(trained.ring.y, np.where(truth > 0, 1, 0))
    proba = 1 / (1 + np.exp(-truth))
    assert scores.loc[(surfaces.TRUTH, 0), "bbs"] == balanced_brier_score(trained.ring.y, proba)
    assert trained.summary().loc["ReMix", ("area", "mean")] == pytest.approx(scores.loc["ReMix", "area"].mean())


def test_balancing_pushes_the_line_away_from_the_rare_rows(trained):
    area = trained.scores.groupby("treatment")["area"].mean()
    assert area["imbalanced"] < area["in-batch SMOTE"]
    assert area["imbalanced"] < area["ReMix"]


def test_a_run_does_not_depend_on_the_others(trained):
    alone = surfaces.train_surfaces(n_seeds=1, n_epochs=40, random_state=1)
    for name in surfaces.TREATMENTS:
        np.testing.assert_allclose(alone.log_odds[name][0], trained.log_odds[name][1], rtol=1e-2, atol=1e-2)


def test_figure_1_carries_the_scores(trained):
    svg = draw(lambda: surfaces.decision_surfaces(trained))
    assert svg == draw(lambda: surfaces.decision_surfaces(trained))
    summary, said = trained.summary(), words(svg)
    for name in surfaces.TREATMENTS:
        assert name in said
        mean, deviation = summary.loc[name, ("bbs", "mean")], summary.loc[name, ("bbs", "std")]
        assert f"BBS {mean:.3f} ± {deviation:.3f}" in said
    styles = " ".join(e.get("style", "") for e in ET.fromstring(svg).iter())
    assert not re.search(r"#[0-9a-f]{6}", styles)


def test_nested_areas_cover_evenly():
    uncovered = np.cumprod(1 - surfaces.nested_opacities(9, 0.8))
    np.testing.assert_allclose(1 - uncovered, np.linspace(0.8 / 9, 0.8, 9))
