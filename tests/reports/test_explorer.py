"""`explore.html` in headless Chromium: what it says after each move is counted again from the stored probabilities."""

import json
import re
import shlex

import numpy as np
import pytest

from equipoise.decisions import Terms
from equipoise.experiments import Comparison, Store, shipped
from equipoise.experiments.terms import InTerms
from equipoise.reports import write_explorer, write_report
from equipoise.reports.explorer import _base, counts_by_score

COMMAND = "equipoise compare 'my table.csv' --target y --recipes none under --cost miss=3,alarm=1 --out demo"
PHONE, DESK = (390, 844), (1280, 900)
LEFT, RIGHT, PAGE_UP = "\ue012", "\ue014", "\ue00e"


@pytest.fixture
def opened(stored, tmp_path, browser):
    """Open the page of a comparison; returns the driver and the comparison."""

    def show(size=DESK, scheme="light", terms=None, command=COMMAND, **given):
        comparison = stored(given.pop("counts", (240, 60)), given.pop("recipes", ("none", "under")), **given)
        if terms is not None:
            with Store(tmp_path / "results.sqlite") as store:
                store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
                comparison = Comparison(store)
        write_explorer(comparison, tmp_path / "explore.html", command=command)
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get_log("browser")
        browser.get((tmp_path / "explore.html").as_uri())
        return browser, comparison

    return show


def move(driver, place, value, event="input"):
    script = "const s = document.getElementById(arguments[0]); s.value = arguments[1]; "
    driver.execute_script(script + "s.dispatchEvent(new Event(arguments[2]))", place, value, event)


def text(driver, place):
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", place)


def cost(driver, name, value):
    """Move a slider of costs to a value."""
    move(driver, name, driver.execute_script("return COSTS.indexOf(arguments[0])", value))
    assert text(driver, f"{name}-value") == str(value)


def press(driver, place, key, times=1):
    driver.find_element("id", place).send_keys(key * times)


def recipes(driver):
    return [row.text.split()[0] for row in driver.find_elements("css selector", "#recipes tbody tr")]


def fact(driver, name):
    return float(text(driver, f"fact-{name}").replace(",", "").replace("%", ""))


def test_alarms_follow_the_threshold(opened):
    driver, comparison = opened()
    move(driver, "threshold", driver.execute_script("return fromThreshold(0.27)"))
    chosen = float(text(driver, "threshold-value"))
    assert chosen == pytest.approx(0.27, rel=0.02)
    read = InTerms(comparison)
    codes, proba, _ = read.joined()
    alarm = proba[:, 1] > chosen
    assert fact(driver, "alarms") == pytest.approx(1000 * alarm.mean(), abs=4)
    assert fact(driver, "share-caught") == pytest.approx(100 * alarm[codes == 1].mean(), abs=2)
    rows = driver.find_elements("css selector", "#recipes tbody tr")
    assert recipes(driver)[:-2] == comparison.leaderboard["recipe"].tolist()
    never, every = ([cell.text for cell in row.find_elements("css selector", "th, td")] for row in rows[-2:])
    assert never[0] == "never an alarm" and every[0] == "an alarm for every row"
    assert (never[2], float(every[2].replace(",", "")), every[4]) == ("0.0", 1000, "0.0")
    move(driver, "recipe", 1, "change")
    other = InTerms(comparison, comparison.leaderboard["recipe"][1]).joined()[1][:, 1]
    assert fact(driver, "alarms") == pytest.approx(1000 * (other > chosen).mean(), abs=4)


def test_it_knows_of_no_model_where_none_is_saved(opened):
    driver, comparison = opened(terms=Terms(capacity=200))
    assert comparison.obstacle
    assert text(driver, "command-note") == "This is the decision of the report; no model was saved for it."


FIGURES = {"alarms": "alarms", "caught": "caught", "missed": "missed", "cost": "cost"}


@pytest.mark.parametrize(
    "terms",
    [
        Terms(cost={"miss": 20, "alarm": 1}),
        Terms(cost={"miss": 25, "alarm": 2, "catch": 3}, benefit={"pass": 0.5}),
        Terms(min_recall=0.7),
        Terms(min_precision=0.5),
        Terms(capacity=0.1),
        Terms(capacity=7),
        None,
    ],
    ids=str,
)
def test_it_opens_at_the_decision_of_the_report_and_goes_back_to_it(opened, terms):
    driver, comparison = opened(terms=terms, recipes=("none", "under", "gbdt"))
    order = list(comparison.by_terms.read) if terms else comparison.leaderboard["recipe"].tolist()
    winner = comparison.winner

    def is_open():
        assert recipes(driver)[:3] == order
        found, cut = shipped.outcomes(comparison, winner), shipped.threshold(comparison, winner)
        for name in FIGURES:
            assert fact(driver, name) == pytest.approx(found[name].mean, abs=0.051)
        assert fact(driver, "share-caught") == pytest.approx(100 * found["recall"].mean, abs=0.051)
        assert fact(driver, "precision") == pytest.approx(100 * found["precision"].mean, abs=0.051)
        assert text(driver, "threshold-value") == ("–" if cut is None else f"{cut:.3g}")
        assert text(driver, "command") == shlex.join(shlex.split(COMMAND))
        assert text(driver, "command-note") == "This is the decision of the report and of its model."

    is_open()
    press(driver, "threshold", RIGHT, 3)
    assert text(driver, "how") == "Each at this threshold."
    press(driver, "reset", "\n")
    is_open()
    for name in set(order) - {winner}:
        move(driver, "recipe", order.index(name), "change")
        assert fact(driver, "alarms") == pytest.approx(shipped.outcomes(comparison, name)["alarms"].mean, abs=0.051)
        typed = shlex.split(text(driver, "command"))
        assert typed[typed.index("--recipes") + 1 :] == [name] and "--cost" in typed and "demo" in typed
        assert "Results in the folder are used again" in text(driver, "command-note")


def test_the_report_tells_the_same_decision(opened, tmp_path):
    driver, comparison = opened(terms=Terms(cost={"miss": 20, "alarm": 1}))
    shown = fact(driver, "cost"), fact(driver, "alarms")
    write_report(comparison, tmp_path / "report.html", command=COMMAND)
    driver.get((tmp_path / "report.html").as_uri())
    cells = [cell.text for cell in driver.find_elements("css selector", "#outcomes tbody tr:first-child td")]
    titles = [cell.text for cell in driver.find_elements("css selector", "#outcomes thead th")][1:]
    first = dict(zip(titles, (float(cell.split("\n")[0].rstrip("%")) for cell in cells)))
    assert (first["cost"], first["alarms"]) == shown


@pytest.mark.parametrize("costs", [{"miss": 20, "alarm": 1}, {"miss": 2500, "alarm": 40}, {"miss": 1e9, "alarm": 0.37}])
def test_arrow_keys_move_the_costs_and_come_back_to_those_given(opened, costs):
    driver, _ = opened(terms=Terms(cost=costs))
    for name, given in costs.items():
        shown = f"{given:,.12g}"
        assert text(driver, f"{name}-value") == shown
        for there, back in ((RIGHT, LEFT), (LEFT, RIGHT)):
            seen = [given]
            for _ in range(4):
                press(driver, name, there)
                seen.append(float(text(driver, f"{name}-value").replace(",", "")))
            steps = np.diff(seen)
            assert (steps > 0).all() if there == RIGHT else (steps < 0).all()
            assert max(seen) < 2 * given and min(seen) > given / 2
            press(driver, name, back, 4)
            assert text(driver, f"{name}-value") == shown
    press(driver, "miss", PAGE_UP)
    assert float(text(driver, "miss-value").replace(",", "")) > costs["miss"]
    press(driver, "alarm", RIGHT)
    assert text(driver, "command").split(" --cost ")[1].startswith('"miss=')


def test_arrow_keys_move_the_capacity_and_a_threshold_of_a_rare_class(opened):
    driver, comparison = opened(counts=(3000, 60), skill={"none": 9.0, "under": 9.0})
    scores = np.unique(InTerms(comparison).joined()[1][:, 1])
    assert scores[0] < 1e-4
    press(driver, "capacity", RIGHT)
    before = int(text(driver, "capacity-value"))
    press(driver, "capacity", RIGHT, 5)
    assert text(driver, "capacity-value") == str(before + 5)
    assert fact(driver, "alarms") <= before + 5
    press(driver, "threshold", "\ue011")  # Home: a threshold of 0
    assert fact(driver, "alarms") == 1000
    assert text(driver, "command-note").startswith("Every row gets an alarm here")
    press(driver, "threshold", RIGHT)
    assert 0 < float(text(driver, "threshold-value")) < 2 * scores[1]
    press(driver, "capacity", "\ue011")
    assert text(driver, "command-note").startswith("No row gets an alarm here")


def test_benefits_stay_in_the_cost_and_in_the_command(opened):
    driver, _ = opened(terms=Terms(cost={"alarm": 5}, benefit={"catch": 100}))
    before = fact(driver, "cost")
    assert before == pytest.approx(
        5 * (fact(driver, "alarms") - fact(driver, "caught")) - 100 * fact(driver, "caught"), abs=6
    )
    press(driver, "alarm", RIGHT)
    assert text(driver, "command").endswith('--cost "miss=0,alarm=5.5" --benefit "catch=100"')


def test_in_python_it_names_a_call_that_trains_anew(opened):
    driver, _ = opened(command="", terms=Terms(min_recall=0.7))
    assert text(driver, "command") == "" and "decision of the report" in text(driver, "command-note")
    move(driver, "capacity", 120)
    call = "equipoise.compare(frame, target, capacity=0.12)"
    assert text(driver, "command") == call and text(driver, "command-note").endswith("This trains all anew.")
    cost(driver, "miss", 10)
    assert text(driver, "command") == 'equipoise.compare(frame, target, cost={"miss": 10, "alarm": 1})'


def test_it_says_where_a_setting_is_above_the_capacity(opened):
    driver, _ = opened(terms=Terms(capacity=0.05))
    assert 40 < fact(driver, "alarms") <= 50 and text(driver, "above") == ""
    cost(driver, "miss", 100)  # so dear a miss asks for many alarms
    assert fact(driver, "alarms") > 50
    assert text(driver, "above") == "This needs more alarms than the capacity that was given: 50.0 of 1,000 rows."


def test_costs_beside_a_capacity_keep_to_it(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 20, "alarm": 1}, capacity=0.05)
        store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
        write_explorer(Comparison(store), tmp_path / "explore.html", command=COMMAND)
    driver.get((tmp_path / "explore.html").as_uri())
    for miss in (4, 100):
        cost(driver, "miss", miss)
        assert 40 < fact(driver, "alarms") <= 50 and text(driver, "above") == ""
    last = driver.find_elements("css selector", "#recipes tbody tr")[-1].text
    assert last.startswith("never an alarm")  # an alarm for every row is more than the capacity
    assert text(driver, "command").endswith('--out demo --cost "miss=100,alarm=1" --capacity 5%')
    codes, proba, _ = InTerms(comparison).joined()
    first = proba[:, 1] >= np.sort(proba[:, 1])[-len(codes) // 20]
    missed, false = (codes == 1) & ~first, (codes == 0) & first
    assert fact(driver, "cost") == pytest.approx(1000 * (100 * missed + false).mean(), rel=0.02)


def test_a_table_of_costs_decides_as_the_report_does(opened, tmp_path):
    driver, comparison = opened(counts=(150, 100, 50), n_folds=4)
    costs = np.array([[0.0, 2, 9], [1, 0, 4], [20, 3, 0]])
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(cost=costs).aim(np.array(comparison.classes), rare=comparison.classes[2]).as_dict())
        comparison = Comparison(store)
    write_explorer(comparison, tmp_path / "explore.html", command=COMMAND)
    driver.refresh()
    read = InTerms(comparison)
    decided = [(fold, (fold.proba @ rule.costs).argmin(axis=1)) for fold, rule in zip(read.folds, read.rules)]
    paid = np.mean([costs[fold.codes, chosen].mean() for fold, chosen in decided])
    assert fact(driver, "cost") == pytest.approx(1000 * paid, abs=0.06)
    assert fact(driver, "alarms") == pytest.approx(1000 * np.mean([(c == 2).mean() for _, c in decided]), abs=0.06)
    assert "the lowest total cost (by a table of costs)" in text(driver, "how")
    last = driver.find_elements("css selector", "#recipes tbody tr")[-1]
    [(name, blind)] = read.blind().items()
    assert last.text.startswith(name) and float(last.text.split()[-1].replace(",", "")) == round(blind["cost"].mean, 1)
    assert not driver.find_element("id", "miss").is_displayed()
    assert shlex.split(text(driver, "command")) == shlex.split(COMMAND)
    move(driver, "threshold", 430)
    assert text(driver, "fact-cost") == "–" and text(driver, "how") == "Each at this threshold."


def test_of_several_classes_without_costs_the_command_is_whole(opened):
    driver, _ = opened(counts=(150, 100, 50))
    cost(driver, "miss", 100)
    assert text(driver, "command").startswith("equipoise compare 'my table.csv' --target y ")
    assert text(driver, "command").endswith(" --cost costs.csv")
    assert "costs.csv: a row for each true class" in text(driver, "command-note")


def test_costs_and_capacity_move_the_threshold(opened):
    driver, comparison = opened()
    codes, proba, _ = InTerms(comparison).joined()
    cost(driver, "miss", 10)
    cost(driver, "alarm", 1)
    cuts = np.unique(proba[:, 1])
    missed = np.array([((codes == 1) & (proba[:, 1] <= cut)).sum() for cut in cuts])
    false = np.array([((codes == 0) & (proba[:, 1] > cut)).sum() for cut in cuts])
    assert fact(driver, "cost") == pytest.approx(1000 * (10 * missed + false).min() / len(codes), rel=0.02)
    assert text(driver, "command").endswith('--out demo --cost "miss=10,alarm=1"')
    move(driver, "capacity", 120)
    assert 115 < fact(driver, "alarms") <= 120
    options = shlex.split(text(driver, "command"))
    assert options[:5] == ["equipoise", "compare", "my table.csv", "--target", "y"]
    assert options[-2] == "--capacity"
    assert 11.5 < float(options[-1].rstrip("%")) <= 12


def test_the_matrix_holds_all_rows(opened):
    driver, _ = opened()
    cells = driver.execute_script("return [...document.querySelectorAll('#confusion td')].map(c => +c.textContent)")
    assert sum(cells) == pytest.approx(1000, abs=0.3)
    assert cells[0] + cells[1] == pytest.approx(200, abs=0.2)


@pytest.mark.parametrize("size", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_works_by_keyboard(opened, size, scheme):
    driver, _ = opened(size, scheme)
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= size[0]
    background = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(22, 24, 27)") == (scheme == "dark")
    before = fact(driver, "alarms")
    press(driver, "threshold", LEFT, 60)
    assert fact(driver, "alarms") > before
    unnamed = driver.execute_script(
        "return [...document.querySelectorAll('input,select')].filter(x => !x.labels.length).length"
    )
    assert unnamed == 0


def test_nothing_is_loaded_and_no_other_script_runs(opened, tmp_path):
    driver, _ = opened()
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    ran = driver.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s);"
        "return window.ran === true"
    )
    assert not ran
    severe = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert all("Content Security Policy" in message for message in severe)


def test_hostile_names_are_text(opened):
    attack = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    driver, _ = opened(labels=("fine", attack), name=attack)
    assert "owned" not in driver.title.split("·")[1]
    assert driver.find_elements("css selector", "img") == []
    assert "<script>" in text(driver, "confusion") or "script" in text(driver, "confusion")


def test_the_page_holds_counts_and_no_rows(stored, tmp_path):
    comparison = stored((3000, 600), ("none", "under"))
    write_explorer(comparison, tmp_path / "explore.html", command=COMMAND)
    page = (tmp_path / "explore.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    for recipe in data["recipes"]:
        assert len(recipe["thresholds"]) <= 401
        assert (np.diff(recipe["thresholds"]) < 0).all()
        assert recipe["positives"] + recipe["negatives"] == 3600
    found = counts_by_score(comparison, "none")
    codes, proba, _ = InTerms(comparison, "none").joined()
    for i in range(0, len(found["thresholds"]) - 1, 17):
        above = proba[:, 1] > found["thresholds"][i]
        assert found["caught"][i] == pytest.approx((above & (codes == 1)).sum() / 2, abs=1)


@pytest.mark.parametrize(
    ("command", "recipe", "expected"),
    [
        ("equipoise compare t.csv --target y", "none", "equipoise compare t.csv --target y"),
        (
            "equipoise compare t.csv --target y --cost=a.csv --seed 1",
            "none",
            "equipoise compare t.csv --target y --seed 1",
        ),
        (
            "equipoise compare t.csv --recipes none under --min-recall .8 --out d/ --target y",
            "under",
            "equipoise compare t.csv --out d/ --target y --recipes under",
        ),
        ("python script.py", "none", ""),
    ],
)
def test_a_command_keeps_all_but_the_terms(command, recipe, expected):
    assert _base(command, recipe, "none") == expected
