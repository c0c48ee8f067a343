"""Small stand-ins for the paper's data sets, score frames made up by rule, and a page as a reader parses it."""

import re
from collections.abc import Callable, Iterable
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_wine

from equipoise import datasets
from equipoise.cli import main
from equipoise.datasets import split_target
from equipoise.experiments import engine
from equipoise_reproductions.remix import protocol, ranking, runs, study
from equipoise_reproductions.remix.protocol import PAPER, Effort, Source

BRIEF = Effort(epochs=2, repeats=2)

STAND_INS = (
    Source("Digits", "optdigits", ("1",), (0.05, 0.025), (64, 1797)),
    Source("Musk", "musk2", ("0",), (0.25, 0.2), (13, 178), batch_size=32),
    Source("Wine", "wine", ("1", "2"), (0.6, 0.3), (13, 178), multiclass=True, n_labels=3),
    Source("Few digits", "few", ("1", "2"), (0.25, 0.1), (64, 720), multiclass=True, n_labels=4, repeats=1),
)


def stand_in(name):
    """Serve a small table that scikit-learn ships under the name of a data set; others cannot be had."""
    loaders = {"optdigits": load_digits, "few": load_digits, "musk2": load_wine, "wine": load_wine}
    if name not in loaders:
        raise ConnectionError(f"{name} is not in the data home")
    bunch = loaders[name](as_frame=True)
    frame = bunch.data.assign(target=bunch.target.astype(str))
    if name == "few":
        frame = frame[bunch.target < 4].reset_index(drop=True)
    return split_target(frame, "target", name=name)


@pytest.fixture
def stand_ins(monkeypatch):
    """Put the stand-ins in the place of the paper's sources, with little training, in this process."""

    def use(sources: Iterable[Source] = STAND_INS, effort: Effort = BRIEF) -> list[protocol.Problem]:
        monkeypatch.setattr(protocol, "SOURCES", tuple(sources))
        monkeypatch.setattr(runs.datasets, "load", stand_in)
        monkeypatch.setattr(study, "QUICK", effort)
        monkeypatch.setattr(ranking, "_DRAWS", 20)
        return list(protocol.problems())

    use.sources = STAND_INS
    return use


@pytest.fixture
def serve(monkeypatch):
    """Serve tables under the names of the suite's sets, in this process."""

    def use(load, suite):
        monkeypatch.setattr(datasets, "load", load)
        monkeypatch.setattr(datasets, "suite", lambda: suite)

    return use


@pytest.fixture
def nothing_is_left_to_fit(monkeypatch):
    """From when it is called, nothing can be fitted."""

    def forbid():
        monkeypatch.setattr(engine, "fit_cells", None)
        monkeypatch.setattr(engine, "fit", None)

    return forbid


Score = Callable[[str, str, float, str, int, int], float]


@pytest.fixture
def made_up():
    """Make a frame of scores: each metric a function of kind, source, ratio, method, repeat and fold."""

    def make(
        sources: dict[str, dict[str, tuple[float, ...]]],
        methods: Iterable[str] = tuple(method.name for method in PAPER),
        n_repeats: int = 2,
        **metrics: Score,
    ) -> pd.DataFrame:
        keys = [
            (kind, source, ratio, method, repeat, fold)
            for kind, of_kind in sources.items()
            for source, ratios in of_kind.items()
            for ratio in ratios
            for method in methods
            for repeat in range(n_repeats)
            for fold in range(2)
        ]
        frame = pd.DataFrame(keys, columns=["kind", "source", "ratio", "method", "repeat", "fold"])
        frame["problem"] = frame["source"] + "-" + frame["kind"] + "-" + frame["ratio"].astype(str)
        defaults = dict.fromkeys(("g_mean", "bbs", "brier"), lambda *key: 1.0)
        for name, score in (defaults | metrics).items():
            frame[name] = [score(*key) for key in keys]
        return frame

    return make


@pytest.fixture
def noise():
    """A number for every key, the same each time: none that favours anyone."""
    return lambda *key: np.random.default_rng([ord(c) for c in repr(key)]).random()


VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """The tags, ids, links and words of a page whose tags must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.tags, self.ids, self.links, self.words, self._open = [], [], [], [], []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def plots(self) -> list[str]:
        return re.findall(r"<svg.*?</svg>", self.html, re.S)


@pytest.fixture
def reproduce(tmp_path, read):
    """Run a command to a page, and parse the page."""

    def run(name, *options, out="out"):
        main(["reproduce", name, "--out", str(tmp_path / out), *options])
        return read(tmp_path / out / f"{name}.html")

    return run


@pytest.fixture
def read():
    """Parse a page that must be one file: no script, nothing loaded, every link and id in its place."""

    def parse(path) -> Page:
        page = Page(path.read_text(encoding="utf-8"))
        assert not {"script", "img", "iframe", "object"} & set(page.tags)
        assert not re.search(r"(?:src|href)=\"(?!#|data:,\")", page.html)
        assert not re.search(r"url\((?!#)|@import", page.html)
        assert len(set(page.ids)) == len(page.ids)
        assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
        return page

    return parse
