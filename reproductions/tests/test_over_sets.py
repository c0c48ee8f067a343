"""Numbers of the literature, plain re-derivations, and permutations of the data as a witness."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from equipoise_reproductions.over_sets import friedman_nemenyi, mean_ranks, wilcoxon_holm

# Demšar 2006, Table 6: AUC of four forms of C4.5 on 14 data sets. The ranks printed for "voting" (4, 1, 2, 3)
# tell its two 0.975 apart, so the last is a little lower here.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.975, 0.9749],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "+m", "+cf", "+m+cf"],
)


def test_mean_ranks_of_the_literature():
    ranks = mean_ranks(DEMSAR, greater_is_better=True)
    assert ranks.tolist() == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    losses = mean_ranks(1 - DEMSAR, greater_is_better=False)
    pd.testing.assert_series_equal(losses, ranks)


def test_friedman_and_nemenyi_of_the_literature():
    result = friedman_nemenyi(DEMSAR)
    # Demšar prints 9.28 without the correction for ties: 78 of 14 (4^3 - 4) here, in four tied groups
    assert result.statistic * (1 - 78 / 840) == pytest.approx(9.28, abs=5e-3)
    assert result.pvalue == pytest.approx(stats.chi2.sf(result.statistic, 3))
    assert result.critical_difference == pytest.approx(1.25, abs=5e-3)


NEMENYI_Q = {2 + i: q for i, q in enumerate([1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164])}


@pytest.mark.parametrize("k", range(3, 11))
def test_critical_values_of_the_literature(k):
    scores = pd.DataFrame(np.random.default_rng(0).random((15, k)))
    unit = np.sqrt(k * (k + 1) / (6 * 15))
    assert friedman_nemenyi(scores).critical_difference / unit == pytest.approx(NEMENYI_Q[k], abs=1.5e-3)


def test_nemenyi_calls_a_difference_one_where_the_ranks_are_farther_apart_than_critical():
    rng = np.random.default_rng(1)
    scores = pd.DataFrame(rng.normal(size=(20, 5)) + 0.4 * np.arange(5), columns=list("abcde"))
    result = friedman_nemenyi(scores)
    ranks = mean_ranks(scores, greater_is_better=True).to_numpy()
    apart = np.abs(ranks[:, None] - ranks) > result.critical_difference
    assert apart.any() and not apart.all()
    np.testing.assert_array_equal(result.pairwise < 0.05, apart)
    np.testing.assert_allclose(np.diag(result.pairwise), 1)
    np.testing.assert_allclose(result.pairwise, result.pairwise.T)


def test_friedman_does_not_depend_on_direction_order_or_scale():
    result = friedman_nemenyi(DEMSAR)
    for other in (-DEMSAR, DEMSAR[::-1], DEMSAR[DEMSAR.columns[::-1]], DEMSAR.mul(np.arange(1, 15), axis=0)):
        assert friedman_nemenyi(other).pvalue == pytest.approx(result.pvalue)


def test_friedman_against_shuffled_blocks():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(12, 4)) + 0.6 * np.arange(4)
    result = friedman_nemenyi(pd.DataFrame(scores))
    shuffled = [friedman_statistic(rng.permuted(scores, axis=1)) for _ in range(4000)]
    share = np.mean(np.array(shuffled) >= friedman_statistic(scores) - 1e-9)
    assert 0.001 < share < 0.2
    assert result.statistic == pytest.approx(friedman_statistic(scores))
    assert result.pvalue == pytest.approx(share, abs=0.02)


def friedman_statistic(scores):
    """As Demšar prints it, without ties."""
    n, k = scores.shape
    ranks = scores.argsort(axis=1).argsort(axis=1).mean(axis=0) + 1
    return 12 * n / (k * (k + 1)) * ((ranks**2).sum() - k * (k + 1) ** 2 / 4)


def test_all_tied_is_no_difference():
    result = friedman_nemenyi(pd.DataFrame(np.ones((5, 3)), columns=list("abc")))
    assert np.isnan(result.statistic) and result.pvalue == 1
    assert (result.pairwise > 0.999).all(axis=None)


def test_wilcoxon_of_the_literature():
    # Demšar, section 3.1.3: C4.5 against C4.5+m has rank sums 93 and 12, below the critical 21 for 14 sets
    row = wilcoxon_holm(DEMSAR, "C4.5").loc["+m"]
    assert row["statistic"] == 12
    assert row["pvalue"] < 0.05
    assert row["median_difference"] == pytest.approx((DEMSAR["+m"] - DEMSAR["C4.5"]).median())


def test_wilcoxon_against_all_signs():
    differences = np.array([0.01, -0.02, 0.03, 0.05, 0.08, 0.13, -0.021, 0.055])
    scores = pd.DataFrame({"reference": np.full(8, 0.5), "method": 0.5 + differences})
    rank = stats.rankdata(np.abs(differences))
    sums = [rank[np.array(signs)].sum() for signs in itertools.product([False, True], repeat=8)]
    smaller = min(rank[differences > 0].sum(), rank[differences < 0].sum())
    exact = 2 * np.mean(np.array(sums) <= smaller)
    row = wilcoxon_holm(scores, "reference").loc["method"]
    assert row["statistic"] == smaller
    assert row["pvalue"] == pytest.approx(exact)


def test_differences_of_one_size_are_ties_whatever_their_rounding():
    base = np.array([0.1, 0.2, 0.3, 0.5, 0.6, 0.7])
    scores = pd.DataFrame({"reference": base, "method": base + 0.1 * np.array([1, 1, -1, 1, 1, 1])})
    assert wilcoxon_holm(scores, "reference").loc["method", "statistic"] == 3.5  # the mean of ranks 1 to 6


def test_holm_by_hand():
    base = np.linspace(0.5, 0.9, 8)
    steps = np.arange(1, 9) / 100
    scores = pd.DataFrame(
        {
            "weak": base + steps * [1, -1, 1, -1, 1, -1, 1, -1],
            "reference": base,
            "strong": base + steps,
            "better": base + steps * [-1, 1, 1, 1, 1, 1, 1, 1],
        }
    )
    result = wilcoxon_holm(scores, "reference")
    assert result.index.tolist() == ["weak", "strong", "better"]
    strong, better, weak = 2 / 256, 4 / 256, result.loc["weak", "pvalue"]
    assert result["pvalue"].tolist() == pytest.approx([weak, strong, better])
    expected = [min(1, max(weak, 2 * better, 3 * strong)), 3 * strong, max(2 * better, 3 * strong)]
    assert result["pvalue_holm"].tolist() == pytest.approx(expected)


def test_holm_never_falls_and_never_exceeds_one():
    scores = pd.DataFrame(np.random.default_rng(3).normal(size=(10, 6)), columns=list("abcdef"))
    result = wilcoxon_holm(scores, "a").sort_values("pvalue")
    assert result["pvalue_holm"].is_monotonic_increasing
    assert ((result["pvalue_holm"] >= result["pvalue"]) & (result["pvalue_holm"] <= 1)).all()


@pytest.mark.parametrize("n", [6, 30])
def test_equal_methods_do_not_differ(n):
    scores = pd.DataFrame({"a": np.linspace(0, 1, n)})
    scores["b"] = scores["a"] + 1e-16  # rounding is no difference
    row = wilcoxon_holm(scores, "a").loc["b"]
    assert row["pvalue"] == row["pvalue_holm"] == 1


def test_holm_keeps_its_level_when_nothing_differs():
    rng = np.random.default_rng(4)
    draws = [pd.DataFrame(rng.normal(size=(9, 4)), columns=list("abcd")) for _ in range(200)]
    false = [(wilcoxon_holm(scores, "a")["pvalue_holm"] < 0.05).any() for scores in draws]
    assert np.mean(false) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


WITH_GAP = DEMSAR.mask(DEMSAR == 0.599)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_ranks(WITH_GAP, greater_is_better=True), "block 1 lacks one"),
        (lambda: friedman_nemenyi(WITH_GAP), "finite score on every block"),
        (lambda: wilcoxon_holm(WITH_GAP, "C4.5"), "finite score on every block"),
        (lambda: mean_ranks(DEMSAR.iloc[:0], greater_is_better=True), r"got shape \(0, 4\)"),
        (lambda: mean_ranks(DEMSAR[["+m", "+m"]], greater_is_better=True), "each method once"),
        (lambda: friedman_nemenyi(DEMSAR[["C4.5", "+m"]]), "for two methods use wilcoxon_holm"),
        (lambda: friedman_nemenyi(DEMSAR.iloc[:1]), "1 blocks"),
        (lambda: wilcoxon_holm(DEMSAR, "C5"), "got 'C5'"),
        (lambda: wilcoxon_holm(DEMSAR[["+m"]], "+m"), "two or more methods"),
    ],
)
def test_bad_input_is_said_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()
