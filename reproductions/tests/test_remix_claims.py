"""Claims on scores made up so that each of them clearly holds, clearly fails, or cannot be tested."""

import numpy as np
import pytest

from equipoise.experiments.statistics import corrected_interval
from equipoise_reproductions.claims import FAILS, HOLDS, IN_PART, UNTESTED
from equipoise_reproductions.remix import ranking, study
from equipoise_reproductions.remix.claims import alpha_claim, by_alpha, table_claims
from equipoise_reproductions.remix.protocol import ALPHA, ALPHAS, PAPER

NAMES = [method.name for method in PAPER]
MILD, EXTREME = {"binary": 0.05, "multi-class": 0.25}, {"binary": 0.01, "multi-class": 0.05}
SOURCES = {
    kind: {f"{kind} {i}": (MILD[kind], EXTREME[kind]) for i in range(n)}
    for kind, n in (("binary", 4), ("multi-class", 3))
}
BINARY = {"binary": SOURCES["binary"]}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(ranking, "_DRAWS", 20)


def judged(frame):
    return {claim.name: claim for claim in table_claims(frame)}


@pytest.fixture
def verdicts(made_up):
    """Verdicts on scores that are alike for all methods, but for what a test says of them."""
    return lambda sources=SOURCES, **metrics: {n: c.verdict for n, c in judged(made_up(sources, **metrics)).items()}


def ordered(*names, best=1.0, step=-0.1):
    """A score that falls by a step from one method to the next."""
    return lambda kind, source, ratio, method, repeat, fold: best + step * names.index(method)


@pytest.mark.parametrize(
    ("order", "r1", "r3"),
    [
        (("remix", "batch-smote", "baseline", "cost", "mixup"), HOLDS, HOLDS),
        (("remix", "batch-smote", "cost", "baseline", "mixup"), HOLDS, HOLDS),
        (("batch-smote", "remix", "baseline", "cost", "mixup"), IN_PART, IN_PART),  # SMOTE is first, not second
        (("remix", "baseline", "batch-smote", "cost", "mixup"), HOLDS, IN_PART),  # third
        (("remix", "batch-smote", "mixup", "baseline", "cost"), HOLDS, IN_PART),  # MixUp is not last
        (("batch-smote", "baseline", "cost", "mixup", "remix"), FAILS, IN_PART),  # ReMix is last in its place
        (("mixup", "baseline", "cost", "batch-smote", "remix"), FAILS, FAILS),
    ],
)
def test_ranks_on_g_mean(verdicts, order, r1, r3):
    found = verdicts(g_mean=ordered(*order))
    assert (found["R1"], found["R3"]) == (r1, r3)


@pytest.mark.parametrize(("step", "verdict"), [(0.1, HOLDS), (-0.1, FAILS), (0.0, FAILS)])
def test_ranks_on_balanced_brier_where_less_is_better(verdicts, step, verdict):
    found = verdicts(bbs=ordered("remix", *NAMES[:-1], step=step))
    assert found["R2"] == verdict
    assert found["R1"] == FAILS  # equal G-means are no lead


def test_a_lead_on_one_kind_alone_is_a_claim_in_part(verdicts):
    def g_mean(kind, source, ratio, method, repeat, fold):
        return (method == "remix") * (1 if kind == "binary" else -1)

    assert verdicts(g_mean=g_mean)["R1"] == IN_PART


def test_a_lead_that_chance_explains_is_a_claim_in_part(made_up):
    """ReMix is first on two sources and second or last on the third: ahead on the mean, but not for sure."""
    order = {"binary 0": NAMES[::-1], "binary 1": NAMES[::-1], "binary 2": NAMES, "binary 3": NAMES[::-1]}
    frame = made_up(BINARY, g_mean=lambda kind, source, ratio, method, *_: -order[source].index(method))
    claim = judged(frame)["R1"]
    assert all(s.holds and not s.sure for s in claim.statements)
    assert claim.verdict == IN_PART


def gain(size, **others):
    """A G-mean of 0.5, and so much more for ReMix and SMOTE."""

    def g_mean(kind, source, ratio, method, repeat, fold):
        return 0.5 + size(kind, ratio) * (method in ("remix", "batch-smote"))

    return {"g_mean": g_mean}


@pytest.mark.parametrize(
    ("mild", "extreme", "verdict"), [(0.3, 0.1, HOLDS), (0.1, 0.3, FAILS), (0.2, 0.2, FAILS), (0.1, -0.1, HOLDS)]
)
def test_gains_that_shrink(verdicts, mild, extreme, verdict):
    sizes = gain(lambda kind, ratio: mild if ratio == MILD[kind] else extreme)
    assert verdicts(**sizes)["R4"] == verdict


def test_shrinking_is_measured_on_sources_that_have_both_ratios(made_up):
    """The others, with gains that would turn the result around, do not count."""
    sources = {"binary": SOURCES["binary"] | {"only mild": (0.05,), "only extreme": (0.01,)}}

    def g_mean(kind, source, ratio, method, repeat, fold):
        size = {"only mild": -9, "only extreme": 9}.get(source, {0.05: 0.3, 0.01: 0.1}[ratio])
        return size * (method in ("remix", "batch-smote"))

    claim = judged(made_up(sources, g_mean=g_mean))["R4"]
    assert [s.value.mean for s in claim.statements] == pytest.approx([0.2, 0.2])
    assert claim.verdict == HOLDS
    alone = {"binary": {"both": (0.05, 0.01), "only mild": (0.05,), "only extreme": (0.01,)}}
    assert judged(made_up(alone, g_mean=g_mean))["R4"].verdict == IN_PART  # one source makes nothing sure


@pytest.mark.parametrize(
    "ratios", [{"s1": (0.05,), "s2": (0.05,)}, {"s1": (0.05,), "s2": (0.01,)}, {"s1": (0.05, 0.025), "s2": (0.01,)}]
)
def test_shrinking_cannot_be_tested_without_a_source_that_has_both_ratios(verdicts, ratios):
    assert verdicts({"binary": ratios})["R4"] == UNTESTED


@pytest.mark.parametrize(("binary", "many", "verdict"), [(0.3, 0.1, HOLDS), (0.1, 0.3, FAILS)])
def test_gains_are_smaller_with_more_classes(verdicts, binary, many, verdict):
    assert verdicts(**gain(lambda kind, ratio: binary if kind == "binary" else many))["R5"] == verdict


@pytest.mark.parametrize(
    ("gm", "bbs", "brier", "verdict"),
    [(0.2, 0.1, 0.1, HOLDS), (-0.2, -0.1, -0.1, FAILS), (0.2, -0.1, 0.1, IN_PART), (0.2, -0.1, -0.1, IN_PART)],
)
def test_decisions_without_calibration(verdicts, gm, bbs, brier, verdict):
    """Positive changes: a better G-mean, a worse Brier score."""

    def changed(by):
        return lambda kind, source, ratio, method, *_: 0.4 + by * (method == "batch-smote")

    assert verdicts(g_mean=changed(gm), bbs=changed(bbs), brier=changed(brier))["R9"] == verdict


def test_with_two_classes_only(made_up, noise):
    found = judged(made_up(BINARY, g_mean=noise, bbs=noise, brier=noise))
    assert found["R5"].verdict == UNTESTED
    for name in ("R1", "R2", "R3", "R4", "R9"):
        assert found[name].statements and all(s.text.startswith("binary") for s in found[name].statements)


def test_with_one_source_nothing_is_sure(made_up):
    one = {"binary": {"s": (0.05, 0.01)}}
    frame = made_up(one, g_mean=ordered("remix", "batch-smote", "baseline", "cost", "mixup"), n_repeats=10)
    claim = judged(frame)["R1"]
    assert claim.verdict == IN_PART
    assert claim.summary.startswith("4 of 4 comparisons point the claimed way (0 significantly)")


def test_without_a_cell_that_all_methods_share(made_up):
    frame = made_up(SOURCES)
    assert {claim.verdict for claim in table_claims(frame[frame["method"] != "cost"])} == {UNTESTED}


def test_statements_are_about_what_they_say(made_up):
    order = ordered("remix", "batch-smote", "baseline", "cost", "mixup")
    statements = {
        s.text: s.value.mean for claim in table_claims(made_up(SOURCES, g_mean=order)) for s in claim.statements
    }
    assert statements["binary: mean rank of MixUp less that of ReMix"] == 4
    assert statements["multi-class: mean rank of Baseline less that of SMOTE (in batch)"] == 1
    assert statements["binary: gain of ReMix at 0.05 less that at 0.01"] == 0
    assert statements["multi-class: G-mean gained by SMOTE (in batch)"] == pytest.approx(0.1)


# Alpha

SHOWN = {"binary": {"musk2": (0.05,), "seizure": (0.05,)}}
ALPHA_NAMES = ["remix", *(f"remix@{alpha:g}" for alpha in ALPHAS), "remix@500", "baseline"]


def alpha_of(method):
    return ALPHA if method == "remix" else float(method.partition("@")[2])


def of_alpha(score):
    """A score by alpha and a little chance by fold; nonsense for methods that are no alpha."""

    def value(kind, source, ratio, method, repeat, fold):
        chance = 1e-4 * ((repeat * 2 + fold + len(method)) % 5)
        return 99.0 if method in ("remix@500", "baseline") else score(alpha_of(method)) + chance

    return value


@pytest.mark.parametrize(
    ("gm", "bbs", "verdict"),
    [
        (lambda a: 0.9 - 0.2 * max(0, a - 0.5), lambda a: 0.1 + (0.4 - a) ** 2, HOLDS),
        (lambda a: 0.5 + 0.3 * a, lambda a: 0.3 - 0.1 * (1 - a), FAILS),
        (lambda a: 0.9 - 0.2 * max(0, a - 0.5), lambda a: 0.3 - 0.1 * (1 - a), IN_PART),
    ],
)
def test_alpha(made_up, gm, bbs, verdict):
    """Holds: falls to .4, flat to .4, worse at 1; fails: Brier rises, G-mean rises, 1 is better than .3 on both."""
    if verdict == FAILS:
        bbs = lambda a: {0.01: 0.1, 0.4: 0.2, 1.0: 0.1}.get(a, 0.3)  # noqa: E731
    frame = made_up(SHOWN, ALPHA_NAMES, g_mean=of_alpha(gm), bbs=of_alpha(bbs))
    claim = alpha_claim(frame)
    assert claim.verdict == verdict
    assert len(claim.statements) == 8  # four a data set


def test_scores_by_alpha_are_those_of_remix_alone(made_up):
    frame = made_up(SHOWN, ALPHA_NAMES, g_mean=of_alpha(lambda a: a))
    table = by_alpha(frame[frame["source"] == "musk2"], "g_mean")
    assert table.columns.tolist() == sorted([ALPHA, *ALPHAS])  # longer training is no alpha of 500
    np.testing.assert_allclose(table.mean(), table.columns, atol=1e-3)
    some = frame[~((frame["method"] == "remix@0.4") & (frame["repeat"] == 1))]
    assert 0.4 not in by_alpha(some, "g_mean")  # not yet on every fold


def test_flat_is_a_change_of_less_than_two_hundredths_either_way(made_up, noise):
    def g_mean(kind, source, ratio, method, repeat, fold):
        rises = 0.01 * (method == "remix@0.4")
        return 0.5 + (rises if source == "musk2" else -5 * rises) + 0.02 * noise(method, repeat, fold)

    frame = made_up(SHOWN, ALPHA_NAMES, g_mean=g_mean, n_repeats=3)
    flat = {s.text.partition("-")[0]: s.value for s in alpha_claim(frame).statements if "the change of" in s.text}
    for source, value in flat.items():
        part = frame[frame["source"] == source].pivot(index=["repeat", "fold"], columns="method", values="g_mean")
        change = corrected_interval(part["remix@0.4"] - part["remix@0.01"], test_share=0.5)
        inside = [abs(c) for c in np.linspace(change.low, change.high, 100_001)]
        assert value.mean == pytest.approx(0.02 - abs(change.mean))
        assert (value.low, value.high) == pytest.approx((0.02 - max(inside), 0.02 - min(inside)), abs=1e-6)


def test_without_alphas_it_cannot_be_tested(made_up):
    frame = made_up(SHOWN, ["remix", "baseline"])
    assert alpha_claim(frame).verdict == UNTESTED
    assert alpha_claim(frame[:0]).verdict == UNTESTED


def test_without_its_data_sets_the_claim_of_alpha_cannot_be_tested(made_up):
    assert alpha_claim(made_up(BINARY)[:0]).verdict == UNTESTED


# Rows that ReMix makes


def test_the_claim_of_spread_is_counted_on_four_folds(stand_ins):
    problem = next(problem for problem in stand_ins() if problem.name == "musk2-binary-0.25")
    counts = study.counted(problem)
    claim = study.spread_claim({problem.name: counts})
    assert (claim.name, len(claim.statements), len(counts), len(counts[0])) == ("R10", 4, 4, 3)
    assert any(s.value.low < s.value.mean < s.value.high for s in claim.statements)
    assert all(s.text.startswith("musk2-binary-0.25: ") for s in claim.statements)
    assert study.spread_claim({}).verdict == UNTESTED
