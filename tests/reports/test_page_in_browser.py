"""The page as a reader meets it, in headless Chromium: on a phone, in the dark, with hostile names in the data."""

import numpy as np
import pandas as pd
import pytest

from equipoise.datasets import split_target
from equipoise.experiments import Store, compare
from equipoise.reports import write_report

ATTACK = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
COLUMNS = [ATTACK, "$\\frac{", "--></style>", "a long name of a column " * 12]
PHONE, DESK = (390, 844), (1280, 900)


@pytest.fixture(scope="module")
def page_url(tmp_path_factory):
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], [90, 18])
    frame = pd.DataFrame(rng.normal(size=(108, 4)) + codes[:, None], columns=COLUMNS)
    frame["label"] = np.where(codes == 1, ATTACK, "fine")
    folder = tmp_path_factory.mktemp("report")
    with Store(folder / "results.sqlite") as store:
        comparison = compare(
            split_target(frame, "label", name=ATTACK),
            store,
            recipes=["none", "under", "gbdt"],
            n_folds=2,
            n_repeats=1,
            n_members=1,
            budget=3600,
        )
    write_report(comparison, folder / "report.html", command=f"equipoise compare '{ATTACK}'")
    return (folder / "report.html").as_uri()


@pytest.fixture
def page(browser, page_url):
    """Open the page at a size, in light or dark; returns the driver."""

    def show(size=DESK, scheme="light"):
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get(page_url)
        return browser

    return show


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_every_plot_is_there_and_nothing_overflows(page, size):
    driver = page(size)
    boxes = driver.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(svg => {"
        "const box = svg.getBoundingClientRect(); return [svg.closest('figure').id, box.left, box.width, box.height]})"
    )
    drawn = {
        "plot-scores",
        "plot-differences",
        "plot-readings-g_mean",
        "plot-readings-macro_f1",
        "plot-precision-recall",
        "plot-thresholds-0",
        "plot-reliability-0",
    }
    assert drawn <= {name for name, *_ in boxes}
    for name, left, width, height in boxes:
        assert width > 250, name
        assert height > 100, name
        assert left >= 0, name
        assert left + width <= size[0], name
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_folded_parts_do_not_overflow_either(page, size):
    driver = page(size)
    driver.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert driver.execute_script("return document.scrollingElement.scrollWidth") <= size[0]


def test_print_is_light_and_cuts_nothing(page):
    driver = page((720, 1000), "dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    try:
        ground = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        assert luminance(ground) == pytest.approx(1)
        ends = driver.execute_script(
            "return [...document.querySelectorAll('.board, #outcomes, pre')].map(e => e.getBoundingClientRect().right)"
        )
        assert max(ends) <= 720
        hidden = "return [...document.querySelectorAll('details table')].filter(e => !e.checkVisibility()).length"
        assert driver.execute_script(hidden) == 0
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": features})


def luminance(rgb):
    """WCAG 2 relative luminance of a computed colour such as rgb(1, 2, 3)."""
    channels = [int(part) / 255 for part in rgb[rgb.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_dark_mode_turns_the_ground_and_text_stays_legible(page):
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    grounds = {}
    for scheme in ("light", "dark"):
        driver = page(DESK, scheme)
        ground = grounds[scheme] = driver.execute_script(style, "body", "backgroundColor")
        for selector in ("body", "h1", "tbody th", ".quiet", "figcaption", "nav a", "summary"):
            assert contrast(driver.execute_script(style, selector, "color"), ground) >= 4.5, (scheme, selector)
        for selector in (".verdict", ".tag", ".tag.rare", "pre"):
            own = driver.execute_script(style, selector, "backgroundColor")
            assert contrast(driver.execute_script(style, selector, "color"), own) >= 4.5, (scheme, selector)
        fills = driver.execute_script(
            "return [...new Set([...document.querySelectorAll('svg text')].map(e => getComputedStyle(e).fill))]"
        )
        strokes = driver.execute_script(
            "return ['1', '2', '3', '4'].map(k => { const probe = document.createElement('i');"
            "probe.style.color = `var(--series-${k})`; document.body.append(probe);"
            "return getComputedStyle(probe).color})"
        )
        assert all(contrast(fill, ground) >= 4.5 for fill in fills), (scheme, fills)
        assert all(contrast(stroke, ground) >= 3 for stroke in strokes), (scheme, strokes)
    assert luminance(grounds["light"]) > 0.8
    assert luminance(grounds["dark"]) < 0.05


def test_hostile_names_do_nothing_and_are_shown(page):
    driver = page()
    assert driver.title.startswith("<script>document.title='owned'")
    assert driver.execute_script("return document.querySelectorAll('script, img, iframe, object, embed').length") == 0
    shown = driver.execute_script("return [...document.querySelectorAll('tbody th')].map(cell => cell.innerText)")
    for name in COLUMNS[:3]:
        assert name in shown
    titles = driver.execute_script("return [...document.querySelectorAll('[title]')].map(e => e.title)")
    assert COLUMNS[3].strip() in titles  # shortened in the table
    assert ATTACK in titles  # the rare class
    assert driver.execute_script("return document.querySelector('h1').textContent") == ATTACK[:79] + "…"
    labels = driver.execute_script("return [...document.querySelectorAll('svg text')].map(e => e.textContent)")
    assert any("“<script>document" in label for label in labels)


def test_nothing_is_fetched_and_nothing_complains(page):
    driver = page()
    driver.get_log("browser")
    driver.refresh()
    assert driver.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)") == []
    assert driver.get_log("browser") == []
