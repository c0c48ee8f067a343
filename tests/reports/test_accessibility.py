"""axe-core finds nothing serious on the report and the explorer, light and dark, on a desk and on a phone."""

from importlib.resources import files
from itertools import product

import pytest

from equipoise.reports import write_explorer, write_report

RUN = (
    "const done = arguments[arguments.length - 1];"
    "axe.run(document, {resultTypes: ['violations']})"
    ".then(found => done(found.violations), error => done(String(error)))"
)
FINDING = {
    "severity": "caution",
    "kind": "leak",
    "columns": ["a"],
    "evidence": "Column 'a'.",
    "remedy": "",
    "text": "a",
}


@pytest.fixture(params=[(60, 15), (60, 40, 15)], ids=["two classes", "three classes"])
def pages(stored, tmp_path, request):
    comparison = stored(request.param, findings=[FINDING], notes=["2 repeats instead of 4."], metric="macro_f1")
    command = "equipoise compare table.csv --target y"
    write_report(comparison, tmp_path / "report.html", command=command)
    write_explorer(comparison, tmp_path / "explore.html", command=command)
    return [(tmp_path / name).as_uri() for name in ("report.html", "explore.html")]


def test_nothing_serious(browser, pages):
    pytest.importorskip("axe_core_python")
    script = files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    for url in pages:
        for width, scheme in product((1280, 390), ("light", "dark")):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            browser.get(url)
            browser.execute_script("document.querySelectorAll('details').forEach(part => part.open = true)")
            browser.execute_script(script)
            found = browser.execute_async_script(RUN)
            assert isinstance(found, list), found
            bad = [f"{each['id']}: {each['nodes'][0]['html']}" for each in found if each["impact"] != "minor"]
            assert not bad, (url, scheme, bad)
