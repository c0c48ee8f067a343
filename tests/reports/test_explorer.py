"""`explore.html` in headless Chromium: what it says after each move is counted again from the stored probabilities."""

import json
import re
import shlex

import numpy as np
import pytest

from equipoise.decisions import Terms
from equipoise.experiments import Comparison, Store
from equipoise.experiments.terms import InTerms
from equipoise.reports import write_explorer
from equipoise.reports.explorer import _base, counts_by_score

COMMAND = "equipoise compare 'my table.csv' --target y --recipes none under --cost miss=3,alarm=1 --out demo"
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture
def opened(stored, tmp_path, browser):
    """Open the page of a comparison; returns the driver and the comparison."""

    def show(size=DESK, scheme="light", **given):
        comparison = stored(given.pop("counts", (240, 60)), ("none", "under"), **given)
        write_explorer(comparison, tmp_path / "explore.html", command=COMMAND)
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


def fact(driver, name):
    return float(text(driver, f"fact-{name}").replace(",", "").replace("%", ""))


def test_alarms_follow_the_threshold(opened):
    driver, comparison = opened()
    move(driver, "threshold", 430)
    chosen = 1 / (1 + np.exp(1))
    read = InTerms(comparison)
    codes, proba, _ = read.joined()
    alarm = proba[:, 1] > chosen
    assert fact(driver, "alarms") == pytest.approx(1000 * alarm.mean(), abs=4)
    assert fact(driver, "share-caught") == pytest.approx(100 * alarm[codes == 1].mean(), abs=2)
    assert float(text(driver, "threshold-value")) == pytest.approx(chosen, rel=0.01)
    rows = driver.find_elements("css selector", "#recipes tbody tr")
    assert [row.text.split()[0] for row in rows[:-2]] == comparison.leaderboard["recipe"].tolist()
    never, every = ([cell.text for cell in row.find_elements("css selector", "th, td")] for row in rows[-2:])
    assert never[0] == "never an alarm" and every[0] == "an alarm for every row"
    assert (never[2], float(every[2].replace(",", "")), every[4]) == ("0.0", 1000, "0.0")
    move(driver, "recipe", 1, "change")
    other = InTerms(comparison, comparison.leaderboard["recipe"][1]).joined()[1][:, 1]
    assert fact(driver, "alarms") == pytest.approx(1000 * (other > chosen).mean(), abs=4)


def test_it_opens_at_the_capacity_and_says_where_a_setting_is_above_it(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(capacity=0.05).aim(np.array(comparison.classes), rare="1").as_dict())
        write_explorer(Comparison(store), tmp_path / "explore.html", command=COMMAND)
    driver.get((tmp_path / "explore.html").as_uri())
    assert 40 < fact(driver, "alarms") <= 50 and text(driver, "capacity-value") == "50"
    assert text(driver, "above") == "" and "--capacity" in text(driver, "command")
    move(driver, "miss", 400)  # so dear a miss asks for many alarms
    assert fact(driver, "alarms") > 50
    assert text(driver, "above") == "This needs more alarms than the capacity that was given: 50.0 of 1,000 rows."


def test_costs_beside_a_capacity_keep_to_it(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 20, "alarm": 1}, capacity=0.05)
        store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
        write_explorer(Comparison(store), tmp_path / "explore.html", command=COMMAND)
    driver.get((tmp_path / "explore.html").as_uri())
    for miss in (260, 400):  # 4 and 100
        move(driver, "miss", miss)
        assert 40 < fact(driver, "alarms") <= 50 and text(driver, "above") == ""
    last = driver.find_elements("css selector", "#recipes tbody tr")[-1].text
    assert last.startswith("never an alarm")  # an alarm for every row is more than the capacity
    assert text(driver, "command").endswith('--out demo --cost "miss=100,alarm=1" --capacity 5%')
    codes, proba, _ = InTerms(comparison).joined()
    first = proba[:, 1] >= np.sort(proba[:, 1])[-len(codes) // 20]
    missed, false = (codes == 1) & ~first, (codes == 0) & first
    assert fact(driver, "cost") == pytest.approx(1000 * (100 * missed + false).mean(), rel=0.02)


def test_it_opens_at_what_the_report_tells_of_costs(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 20, "alarm": 1})
        store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
        comparison = Comparison(store)
    write_explorer(comparison, tmp_path / "explore.html", command=COMMAND)
    driver.refresh()
    read = InTerms(comparison)
    decided = [(fold, rule.decide(fold.proba)) for fold, rule in zip(read.folds, read.rules)]
    paid = np.mean([(20 * (fold.codes > c) + (fold.codes < c)).mean() for fold, c in decided])
    assert fact(driver, "cost") == pytest.approx(1000 * paid, abs=0.06)
    assert text(driver, "threshold-value") == f"{read.rule.cut(1):.3g}"
    assert shlex.split(text(driver, "command")) == shlex.split(COMMAND)
    move(driver, "capacity", 0)
    assert text(driver, "command-note").startswith("No row gets an alarm here")
    move(driver, "capacity", 1000)
    assert text(driver, "command-note").startswith("Every row gets an alarm here")


def test_sliders_reach_beyond_the_costs_that_were_given(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        terms = Terms(cost={"miss": 2500, "alarm": 40})
        store.put("aim", terms.aim(np.array(comparison.classes), rare="1").as_dict())
        write_explorer(Comparison(store), tmp_path / "explore.html", command=COMMAND)
    driver.refresh()
    assert text(driver, "miss-value") == "2500"
    slider = driver.find_element("id", "miss")
    slider.send_keys("\ue014")  # right
    assert text(driver, "miss-value") == "2600"
    slider.send_keys("\ue010")  # end
    assert float(text(driver, "miss-value")) == 25000


def test_it_opens_at_what_the_report_tells_of_floors(opened, tmp_path):
    driver, comparison = opened()
    with Store(tmp_path / "results.sqlite") as store:
        store.put("aim", Terms(min_recall=0.7).aim(np.array(comparison.classes), rare="1").as_dict())
        comparison = Comparison(store)
    write_explorer(
        comparison, tmp_path / "explore.html", command=COMMAND.replace("--cost miss=3,alarm=1", "--min-recall .7")
    )
    driver.refresh()
    found = InTerms(comparison).chosen()
    assert fact(driver, "share-caught") == pytest.approx(100 * found["recall"].mean, abs=0.06)
    assert fact(driver, "alarms") == pytest.approx(found["alarms"].mean, abs=0.06)
    assert "--min-recall .7" in text(driver, "command") and "--capacity" not in text(driver, "command")


def test_arrow_keys_move_the_costs(opened):
    """Also where two places of the slider are one cost in two digits."""
    driver, _ = opened()
    move(driver, "miss", 330)
    for name, start in (("miss", "20"), ("alarm", "1")):
        assert text(driver, f"{name}-value") == start
        for _ in range(5):
            driver.find_element("id", name).send_keys("\ue014")  # right
    assert [text(driver, f"{name}-value") for name in ("miss", "alarm")] == ["22", "1.1"]


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
    assert "least expected cost, by the costs that were given" in text(driver, "how")
    assert not driver.find_element("id", "miss").is_displayed()
    assert shlex.split(text(driver, "command")) == shlex.split(COMMAND)
    move(driver, "threshold", 430)
    assert text(driver, "fact-cost") == "–" and text(driver, "how") == "Each at this threshold."


def test_of_several_classes_without_costs_the_command_is_whole(opened):
    driver, _ = opened(counts=(150, 100, 50))
    move(driver, "miss", 400)
    assert text(driver, "command").startswith("equipoise compare 'my table.csv' --target y ")
    assert text(driver, "command").endswith(" --cost costs.csv")
    assert "costs.csv: a row for each true class" in text(driver, "command-note")


def test_costs_and_capacity_move_the_threshold(opened):
    driver, comparison = opened()
    codes, proba, _ = InTerms(comparison).joined()
    move(driver, "miss", 300)  # a cost of 10
    move(driver, "alarm", 200)
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
    slider = driver.find_element("id", "threshold")
    for _ in range(60):
        slider.send_keys("\ue012")  # left
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
