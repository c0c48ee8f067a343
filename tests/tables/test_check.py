"""The check before training: each thing that it looks for is found where it is, and not where it is not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from equipoise import check
from equipoise.deadline import Deadline
from equipoise.tables import read_table
from equipoise.tables.check_rows import precision_by_chance
from equipoise.tables.check_table import check_features
from equipoise.tables.finding import shortened

N = 2000


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def table(rng):
    y = (rng.random(N) < 0.2).astype(int)
    frame = pd.DataFrame(
        {"a": rng.normal(size=N) + 0.7 * y, "b": rng.integers(0, 30, N), "c": rng.choice(["u", "v"], N)}
    )
    return frame.assign(y=y)


def kinds(frame, **options):
    return {(found.kind, found.columns) for found in check(frame, "y", **options)}


@pytest.mark.parametrize(
    ("name", "cells", "option"),
    [
        ("Kundennr", lambda rng: rng.integers(1000, 1900, N), "--category Kundennr"),
        ("customerID", lambda rng: rng.integers(10**8, 10**8 + 700, N), "--group customerID"),
        ("Kunde", lambda rng: rng.integers(1000, 1900, N), "--group Kunde"),
        ("patient", lambda rng: rng.integers(1000, 1900, N), "--group patient"),
        ("shop", lambda rng: [f"S-{i:04}" for i in rng.integers(0, 400, N)], "--group shop"),
    ],
)
def test_what_looks_like_a_key_and_comes_back_is_named_with_what_settles_it(table, rng, name, cells, option):
    frame = table.assign(**{name: cells(rng)})
    [found] = check(frame, "y")
    assert (found.severity, found.kind, found.columns) == ("note", "key", (name,)) and option in found.remedy
    assert f"{frame[name].nunique():,} in {N:,} rows" in found.evidence and "--id" in found.remedy
    assert check(frame, "y", keep=[name]) == []


@pytest.mark.parametrize("name", ["distance", "number_of_visits", "annotation", "widow"])
def test_a_count_is_no_key(table, rng, name):
    assert check(table.assign(**{name: rng.integers(1000, 1900, N)}), "y") == []


def test_dates_in_two_readings_are_no_keys(table, rng):
    days = [f"{day:02}/{month:02}/20{year}" for day, month, year in rng.integers([1, 1, 10], [12, 12, 25], (N, 3))]
    assert "key" not in {found.kind for found in check(table.assign(day=days), "y")}


def test_an_honest_table_has_no_findings(table):
    assert check(table, "y") == []


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [0, 1], ["1", "2"]])
def test_a_copy_of_the_target_is_serious_whatever_its_labels(table, labels):
    frame = table.assign(copy=table["y"] * 3.5 + 1, y=np.array(labels)[table["y"]])
    found = check(frame, "y")
    assert (found[0].severity, found[0].kind, found[0].columns) == ("serious", "leak", ("copy",))
    assert "a copy of the target" in found[0].evidence and "--drop copy" in found[0].remedy


def test_a_near_copy_in_text_and_one_known_afterwards(table, rng):
    wrong = rng.random(N) < 0.005
    status = np.where(wrong ^ (table["y"] == 1), "closed", "open")
    paid = np.where(table["y"] == 1, rng.exponential(100, N) + 1, 0.0)
    found = kinds(table.assign(status=status, paid=paid))
    assert {("leak", ("status",)), ("leak", ("paid",))} <= found


def test_several_classes(rng):
    y = rng.choice(["a", "b", "c"], N, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame({"x": rng.normal(size=N), "leak": pd.factorize(y)[0] * 2.0, "y": y})
    assert kinds(frame) == {("leak", ("leak",))}


@pytest.mark.parametrize("kind", ["index", "random integers", "texts", "sorted by the target"])
def test_identifiers_are_found_and_kept_on_request(table, rng, kind):
    order = np.argsort(table["y"].to_numpy(), kind="stable") if kind == "sorted by the target" else np.arange(N)
    names = {
        "index": np.arange(N),
        "random integers": rng.permutation(N) + 40_000,
        "texts": [f"K-{i}" for i in rng.permutation(N)],
        "sorted by the target": np.arange(N) + 7,
    }[kind]
    frame = table.iloc[order].reset_index(drop=True).assign(case=names)
    found = [each for each in check(frame, "y") if each.kind == "identifier"]
    assert [each.columns for each in found] == [("case",)]
    assert (found[0].severity == "serious") == (kind == "sorted by the target")
    assert "identifier" not in {each.kind for each in check(frame, "y", keep=["case"])}


def test_repeated_rows_and_the_bound_of_contradictions(table):
    repeats = table.iloc[:50]
    contradictions = table.iloc[50:60].assign(y=lambda part: 1 - part["y"])
    found = {each.kind: each for each in check(pd.concat([table, repeats, contradictions]), "y")}
    assert f"60 rows of {N + 60:,} repeat" in found["duplicates"].evidence
    assert "10 sets of equal rows" in found["contradictions"].evidence
    assert f"at least 10 of {N + 60:,} rows ({1000 / (N + 60):.2g}%)." in found["contradictions"].evidence


def test_rows_of_one_customer_are_alike(rng):
    customer = rng.integers(0, 400, N)
    own, risky = rng.normal(size=400), rng.random(400) < 0.3
    frame = pd.DataFrame({"customer": [f"C{i}" for i in customer], "habit": own[customer] + rng.normal(0, 0.1, N)})
    frame = frame.assign(x=rng.normal(size=N), y=(risky[customer] & (rng.random(N) < 0.8)).astype(int))
    found = {each.kind: each for each in check(frame, "y")}
    assert found["groups"].columns == ("customer",) and "--group customer" in found["groups"].remedy
    assert "a random split is optimistic" in found["groups"].evidence
    shuffled = frame.assign(habit=rng.normal(size=N))
    assert "groups" not in {each.kind for each in check(shuffled, "y")}


def test_drift_by_time(table, rng):
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(N), unit="D")
    still = table.assign(day=rng.permutation(days))
    assert "time" not in {each.kind for each in check(still, "y")}
    moving = table.assign(day=days, a=table["a"] + np.arange(N) / 500)
    found = {each.kind: each for each in check(moving, "y")}
    assert found["time"].columns == ("day",) and "--time day" in found["time"].remedy


def test_the_gap_between_random_and_later_rows_is_measured(rng):
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(2000), unit="D")
    x, regime = rng.normal(size=2000), np.where(np.arange(2000) // 250 % 2, 1, -1)  # what x means turns around
    frame = pd.DataFrame({"day": days, "x": x, "y": ((x * regime > 0.7) & (np.arange(2000) < 1990)).astype(int)})
    frame["y"] |= np.where(np.arange(2000) > 1500, rng.random(2000) < 0.1, 0)
    found = {each.kind: each for each in check(frame, "y")}
    assert "a random split is optimistic" in found["time"].evidence


def test_an_integer_that_measures_is_no_group(rng):
    size = rng.integers(100, 300, 2000)
    frame = pd.DataFrame({"size": size, "weight": size**2 + rng.normal(0, 100, 2000), "y": rng.random(2000) < 0.3})
    assert "groups" not in {each.kind for each in check(frame, "y")}


def test_categories_in_the_order_of_their_first_rows_are_no_drift(rng):
    merchants = [f"M{i}" for i in rng.zipf(1.3, 2000) % 900]
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(2000), unit="D")
    frame = pd.DataFrame({"day": days, "merchant": merchants, "y": rng.random(2000) < 0.3})
    assert "time" not in {each.kind for each in check(frame, "y")}


def test_sentinels_marks_mixtures_spellings_constants_and_gaps(table, rng):
    numbers = rng.integers(1000, 9000, N).astype(object)
    numbers[:30], numbers[30:50] = -999, "unknown"
    mixed = np.where(rng.random(N) < 0.5, rng.integers(0, 400, N).astype(str), rng.choice(list("abcdefgh"), N))
    frame = table.assign(
        income=[str(number) for number in numbers],
        mixed=mixed,
        c=np.where(rng.random(N) < 0.5, table["c"], table["c"].str.upper()),
        same=1,
        void=np.nan,
        gaps=np.where(rng.random(N) < 0.9, np.nan, 1.0) * rng.normal(size=N),
    )
    found = kinds(frame)
    expected = {("sentinel", ("income",)), ("marks", ("income",)), ("mixed", ("mixed",)), ("spelling", ("c",))}
    expected |= {("constant", ("same",)), ("empty", ("void",)), ("mostly missing", ("gaps",))}
    assert expected <= found


@pytest.mark.parametrize(("rarest", "severity"), [(6, "serious"), (30, "caution"), (90, "note"), (350, None)])
def test_what_so_few_rows_can_tell(rng, rarest, severity):
    frame = pd.DataFrame({"x": rng.normal(size=900), "y": np.arange(900) < rarest}).sample(frac=1, random_state=0)
    found = [each for each in check(frame, "y") if each.kind == "few rows"]
    assert [each.severity for each in found] == ([severity] if severity else [])


def test_the_interval_of_average_precision_is_that_of_drawn_tables(rng):
    mean, low, high = precision_by_chance(30, 2000)
    drawn = []
    for _ in range(2000):
        scores = rng.normal(size=2030) + np.repeat([1.5, 0], [30, 2000])
        drawn.append(average_precision_score(np.repeat([1, 0], [30, 2000]), scores))
    spread = np.std(drawn)
    assert abs(mean - np.mean(drawn)) < 4 * spread / np.sqrt(1000)
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.3 * spread)


def parts_of_the_target(rng, rule):
    a, b, c = rng.lognormal(3, 1, N), rng.lognormal(3, 1, N), rng.lognormal(4.3, 0.5, N)
    k = rng.integers(0, 6, N)
    flags = {f"k{i}": (k == i).astype(int) for i in range(6)}
    noise = {f"x{i}": rng.normal(size=N) for i in range(4)}
    return {
        "a sum": pd.DataFrame({**noise, "a": a, "b": b, "c": c, "y": (a + b > c).astype(int)}),
        "flags": pd.DataFrame({**noise, **flags, "y": np.isin(k, [2, 5]).astype(int)}),
        "categories": pd.DataFrame(
            {**noise, "u": np.array(list("pqr"))[k % 3], "v": np.array(["w", "z"])[k // 3], "y": k == 4}
        ),
    }[rule]


@pytest.mark.parametrize(
    ("rule", "columns"), [("a sum", {"a", "b", "c"}), ("flags", {"k2", "k5"}), ("categories", {"u", "v"})]
)
def test_columns_that_are_parts_of_the_target(rng, rule, columns):
    frame = parts_of_the_target(rng, rule)
    found = [each for each in check(frame, "y") if each.kind == "leak together"]
    assert found[0].severity == "serious" and set(found[0].columns) == columns
    assert f"--drop {' '.join(found[0].columns)};" in found[0].remedy
    assert check(frame, "y", keep=found[0].columns)[0].severity == "caution"
    shuffled = frame.assign(y=rng.permutation(frame["y"]))
    assert "leak together" not in {each.kind for each in check(shuffled, "y")}


def test_a_copy_in_a_class_of_five_rows_is_found_and_chance_is_not(rng):
    y = np.arange(400) < 5
    noise = pd.DataFrame(rng.normal(size=(400, 60)), columns=[f"x{i}" for i in range(60)])
    assert not {"leak", "leak together"} & {each.kind for each in check(noise.assign(y=y), "y")}


def test_columns_that_call_for_quotes_can_be_typed_as_advised(table):
    frame = table.assign(**{"Account No.": np.arange(N)})
    found = next(each for each in check(frame, "y") if each.kind == "identifier")
    assert "--keep 'Account No.'" in found.remedy


def test_many_findings_of_one_kind_are_shortened(table):
    frame = table.assign(**{f"copy{i}": table["y"] * (i + 1.0) for i in range(30)})
    found = check(frame, "y")
    shown = shortened(found)
    assert len([each for each in found if each.kind == "leak"]) == 30
    leaks = [each for each in shown if each.kind == "leak"]
    assert len(leaks) == 6 and "25 more columns" in leaks[-1].evidence
    assert sum(len(each.columns) for each in leaks) == 30


def test_many_rows_are_sampled_and_this_is_said(rng):
    frame = pd.DataFrame({"x": rng.normal(size=60_000), "y": rng.random(60_000) < 0.01})
    found = check(frame.assign(leak=frame["y"] * 1.0), "y")
    assert found[0].columns == ("leak",)
    assert found[-1].kind == "sample" and "of 60,000" in found[-1].evidence


def test_the_messy_tables(data_home):
    messy = data_home / "files" / "messy"
    found = {(each.kind, each.columns) for each in check(read_table(messy / "leaks.csv"), "written_off")}
    expected = {("identifier", ("1",)), ("identifier", ("case_id",)), ("leak", ("status_code",))}
    expected |= {("leak", ("recovered_amount",)), ("constant", ("currency",)), ("sentinel", ("income",))}
    assert expected | {("duplicates", ()), ("contradictions", ())} <= found
    assert not {column for kind, columns in found if kind == "leak" for column in columns} & {
        "age",
        "score",
        "exposure",
    }
    found = {(each.kind, each.columns) for each in check(read_table(messy / "visits.csv"), "fraud")}
    assert {("groups", ("customer",)), ("time", ("time",))} <= found


def test_columns_that_are_left_out_are_not_called_pooled(table):
    frame = table.assign(note=[f"note {i} of a long story, never again" for i in range(N)])
    assert "rare categories" not in {found.kind for found in check(frame, "y")}


def test_rows_that_differ_in_amounts_or_prose_alone_do_not_repeat():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "amount": [f"{value:,.2f}" for value in rng.lognormal(6, 1, 400)],
            "cents": rng.integers(0, 10**9, 400) * (rng.random(400) < 0.95),
            "level": rng.choice(["low", "high"], 400),
            "outcome": rng.choice(["ok", "fraud"], 400, p=[0.8, 0.2]),
        }
    )
    assert not {"duplicates", "contradictions"} & {finding.kind for finding in check(frame, "outcome")}


def test_classes_that_differ_in_spelling_alone():
    frame = pd.DataFrame({"a": np.arange(60.0) ** 2 % 17, "outcome": ["no", "Yes", "yes"] * 20})
    (found,) = [finding for finding in check(frame, "outcome") if finding.kind == "spelling"]
    assert "'Yes' and 'yes'" in found.evidence


def test_columns_with_a_part_to_play_are_no_features(table):
    frame = table.assign(copy=table["y"] * 2.0, day=pd.date_range("2020-01-01", periods=N).strftime("%d.%m.%Y"), w=1)
    assert ("leak", ("copy",)) in kinds(frame)
    assert kinds(frame, group="copy", time="day", weights="w", gap="30d") == set()
    with pytest.raises(ValueError, match="There is no column 'wage' for the weights"):
        check(frame, "y", weights="wage")


@pytest.mark.parametrize(("n_missing", "severity"), [(200, "caution"), (5, "note")])
def test_missing_labels_that_may_be_a_class(table, n_missing, severity):
    frame = table.assign(y=np.where(table["y"] == 1, "late", "paid").astype(object))
    frame.loc[: n_missing - 1, "y"] = None
    found = next(found for found in check(frame, "y") if found.kind == "unlabelled")
    assert found.severity == severity and f"{n_missing} rows of 2,000 have no label in 'y'" in found.evidence
    assert ("keep_default_na=False" in found.remedy) == (severity == "caution")
    with pytest.raises(ValueError, match=r"holds only 'late' beside .*keep_default_na=False"):
        check(frame.assign(y=frame["y"].where(frame["y"] == "late")), "y")


@pytest.mark.parametrize("rule", ["xor", "difference"])
def test_a_pair_that_tells_only_together_is_found(table, rng, rule):
    u, v = rng.normal(size=(2, N))
    target = (u > 0) ^ (v > 0) if rule == "xor" else np.abs(u - v) < 0.3
    frame = table.assign(u=u, v=v, y=target.astype(int))
    assert ("leak together", {"u", "v"}) in [(kind, {*columns}) for kind, columns in kinds(frame)]
    assert not kinds(frame.assign(y=rng.permutation(frame["y"])))


def test_a_leak_among_very_many_columns_is_found(rng):
    y = np.arange(160) % 4 == 0
    frame = pd.DataFrame(rng.normal(size=(160, 300))).add_prefix("x").assign(after=np.where(y, rng.random(160), 0.0))
    found = [finding for finding in check(frame.assign(y=y), "y") if finding.kind == "leak"]
    assert [finding.columns for finding in found] == [("after",)]


@pytest.mark.parametrize("written", ["{:.2f}", "{:,.2f}", "${:.2f}", "decimal comma", "whole"])
def test_a_pair_of_numbers_is_found_however_they_are_written(rng, written):
    late, due = rng.random(1000) < 0.1, rng.gamma(3, 1000, 1000)
    paid = due + np.where(late, -1, 1) * rng.uniform(50, 600, 1000)
    frame = pd.DataFrame({"due": due, "paid": paid})
    if written == "decimal comma":
        frame = frame.map(lambda value: f"{value:.2f}".replace(".", ","))
    else:
        frame = frame.round().astype(int) if written == "whole" else frame.map(written.format)
    assert ("leak together", {"due", "paid"}) in [(k, {*columns}) for k, columns in kinds(frame.assign(y=late))]
    assert "leak together" not in {kind for kind, _ in kinds(frame.assign(y=rng.permutation(late)))}


@pytest.mark.parametrize("n_levels", [8, 30])
def test_two_categories_that_differ_where_the_target_is_true(rng, n_levels):
    ship = rng.integers(0, n_levels, N)
    bill = np.where(rng.random(N) < 0.06, rng.integers(0, n_levels, N), ship)
    frame = (
        pd.DataFrame({"ship": ship, "bill": bill}).map("country {}".format).assign(a=rng.normal(size=N), y=ship != bill)
    )
    assert ("leak together", {"ship", "bill"}) in [(kind, {*columns}) for kind, columns in kinds(frame)]
    assert "leak together" not in {kind for kind, _ in kinds(frame.assign(y=rng.permutation(frame["y"])))}


def test_more_values_than_classes_determine_the_target_and_are_no_copy(table, rng):
    status = np.where(table["y"] == 1, rng.choice([2, 3], N), rng.choice([0, 1], N))
    (found,) = check(table.assign(status=status), "y")
    assert found.evidence.endswith("on held-out rows: it determines the target.")


@pytest.mark.parametrize("word", ["k.A.", "?", "Unknown", "none"])
def test_a_class_that_looks_like_no_label(table, word):
    frame = table.assign(y=np.where(np.arange(N) % 40 == 0, word, np.where(table["y"] == 1, "yes", "no")))
    (found,) = [each for each in check(frame, "y") if each.kind == "unstated"]
    assert f"Class {word!r} (50 rows) looks like" in found.evidence and "--missing-values" in found.remedy


@pytest.mark.parametrize("classes", [["none", "fraud"], ["+", "-", "0"], ["mild", "severe", "unclear"], [1, 2, 3]])
def test_ordinary_classes_are_not_taken_for_missing(rng, classes):
    frame = pd.DataFrame({"a": rng.normal(size=N), "y": rng.choice(np.array(classes, dtype=object), N)})
    assert "unstated" not in {kind for kind, _ in kinds(frame)}


@pytest.mark.parametrize("written", ["{:,}", "{:,}.00", "No. {}", "{:06d}"])
def test_row_numbers_written_as_text_are_found(rng, written):
    n = 3000
    frame = pd.DataFrame({"row": [written.format(i + 1) for i in range(n)], "x": rng.normal(size=n)})
    frame["y"] = rng.random(n) < 0.2
    (found,) = (each for each in check(frame, "y") if each.kind == "identifier")
    assert found.columns == ("row",)
    assert ("by one" in found.evidence) == ("," in written)
    shuffled = frame.assign(row=rng.permutation(frame["row"]))
    assert "so it names them" in next(e.evidence for e in check(shuffled, "y") if e.kind == "identifier")


def test_amounts_written_as_text_are_no_row_numbers(rng):
    n = 3000
    y = rng.random(n) < 0.2
    amounts = np.exp(rng.normal(9, 1, n) + y).astype(int) * 10
    frame = pd.DataFrame({"amount": [f"{value:,}" for value in amounts], "y": y})
    assert "identifier" not in {each.kind for each in check(frame, "y")}


def drifting(n=400):
    """Rows of customers that are alike, and drift."""
    rng = np.random.default_rng(0)
    customer = np.arange(n) // 4
    days = pd.date_range("2024-01-01", periods=n).to_numpy()
    x = rng.normal(size=n // 4)[customer] + np.arange(n) / 100
    return pd.DataFrame({"customer": [f"c{i}" for i in customer], "day": days, "x": x}), pd.Series(
        rng.random(n) < 0.2, name="y"
    )


def test_quick_models_keep_to_their_share_of_a_time_limit():
    """By a clock of its own: of a limit that is used up nothing is left for them, and that is said."""
    X, y = drifting()
    now = 0.0
    late = Deadline(60.0, lambda: now)
    now = 60.0
    of_all = {found.kind: found for found in check_features(X, y)}
    in_no_time = {found.kind: found for found in check_features(X, y, deadline=late)}
    assert {"groups", "time"} <= of_all.keys() and "not looked for" not in of_all
    left = {"groups", "time", "leak together"}
    assert in_no_time.keys() == of_all.keys() - left | {"not looked for", "key"}  # by the name of the customers
    said = "columns that give the target away together, rows that belong together and drift with time"
    assert said in in_no_time["not looked for"].evidence
    assert [found.kind for found in check_features(X, y, deadline=Deadline(60.0, lambda: 0.0))] == list(of_all)


def test_the_share_is_a_fifth_of_the_time_that_is_left():
    """A clock that goes on by a second at each look: the first checks have time, the later ones none."""
    X, y = drifting()
    ticks = iter(range(10_000))
    found = check_features(X, y, deadline=Deadline(34.0, lambda: float(next(ticks))))
    said = next(each.evidence for each in found if each.kind == "not looked for")
    assert "give the target away together" not in said and "drift with time" in said
