"""The page of the gallery answers in Chromium as the model does in Python."""

import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from equipoise import recipes

PAGE = Path(__file__).parents[2] / "docs" / "examples" / "onnx_in_the_browser.html"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep requests out of the output of the tests."""


@pytest.fixture
def served(tmp_path):
    """Serve a folder with the page and onnxruntime-web, for a model to be written into it."""
    pytest.importorskip("onnx")
    package = os.environ.get("EQUIPOISE_ONNXRUNTIME_WEB")
    if not package or not Path(package, "dist").is_dir():
        pytest.skip("EQUIPOISE_ONNXRUNTIME_WEB names no folder of the npm package onnxruntime-web")
    shutil.copy(PAGE, tmp_path / "index.html")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "onnxruntime-web").symlink_to(package, target_is_directory=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_page_gives_the_label_and_probabilities_of_the_model(served, browser):
    from selenium.webdriver.support.wait import WebDriverWait

    from equipoise.onnx_export import export_onnx

    folder, address = served
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"amount": rng.lognormal(3, 1, 400), "country": rng.choice(["at", "de", "ch"], 400)})
    fraud = (frame["amount"] > 30) & (frame["country"] == "ch")
    model = recipes.make("la", n_members=2, max_steps=60, random_state=0).fit(frame, np.where(fraud, "fraud", "fair"))
    export_onnx(model, folder / "model.onnx")

    def words(page):
        found = page.find_element("id", "answer").text.split()
        return found if len(found) == 3 else None

    def answer():
        label, *proba = WebDriverWait(browser, 60).until(words)
        return label, [float(value) for value in proba]

    browser.get(address)
    answer()  # to the values that the page begins with
    answers = set()
    for country, amount in (("at", 55.5), ("ch", 90.25), ("elsewhere", 20.0)):
        row = pd.DataFrame({"amount": [amount], "country": [country]})
        expected = [model.predict(row)[0], *model.predict_proba(row)[0]]
        browser.execute_script(
            "for (const [id, value] of arguments) document.getElementById(id).value = value;"
            "document.getElementById('answer').textContent = '';"
            "document.dispatchEvent(new Event('input'))",
            ["amount", amount],
            ["country", country],
        )
        label, proba = answer()
        assert label == expected[0]
        np.testing.assert_allclose(proba, expected[1:], atol=1e-5)
        answers.add(tuple(proba))
    assert len(answers) == 3
