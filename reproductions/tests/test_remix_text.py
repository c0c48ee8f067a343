"""The page on text, run on small stand-ins: equal texts once, tails on the training side alone."""

import numpy as np
import pandas as pd
import pytest

import equipoise_reproductions as reproductions
from equipoise.datasets import split_target
from equipoise_reproductions.remix import protocol, runs, text, texts
from equipoise_reproductions.remix.protocol import Effort, Source

TOPICS = ["card", "transfer", "refund", "fee"]


def stand_in(name):
    if name not in ("sms_spam", "banking77"):
        raise ConnectionError(f"{name} is not in the data home")
    rng = np.random.default_rng(0)
    topics = np.repeat(TOPICS, [120, 110, 100, 90])
    said = [f"my {topic} is {rng.choice(['late', 'wrong', 'lost'])}, case {i}" for i, topic in enumerate(topics)]
    labels = np.where(topics == "fee", "spam", "ham") if name == "sms_spam" else topics
    frame = pd.DataFrame({"message": said, "target": labels})
    return split_target(pd.concat([frame, frame[:20]], ignore_index=True), "target", name=name)


SOURCES = (
    Source("Mail", "sms_spam", ("spam",), (0.2, 0.1), (100, 400)),
    Source("Topics", "banking77", (), (0.2, 0.1), (100, 400), multiclass=True, n_labels=3),
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(texts, "SOURCES", SOURCES)
    monkeypatch.setattr(texts, "can_embed", lambda: False)
    monkeypatch.setattr(runs.datasets, "load", stand_in)
    monkeypatch.setattr(text, "QUICK", Effort(epochs=1, repeats=1))


def test_rows_and_folds(small):
    two, *_ = (p for p in texts.problems() if p.source.dataset == "sms_spam")
    rows = texts.TextRows(two)
    assert rows.counts() == {"ham": 330, "spam": 66}  # the 20 repeats are out
    of_three = next(p for p in texts.problems() if p.source.multiclass)
    rows = texts.TextRows(of_three)
    assert rows.counts() == {"card": 120, "refund": 100, "transfer": 110}  # the most frequent
    for fold in rows.folds(1):
        trained, tested = (np.bincount(rows.y[part]) for part in (fold.train, fold.test))
        assert trained.min() == trained.max() // 5 and tested.min() >= 50
        assert not set(fold.train) & set(fold.test)
        prepared = rows.prepared(fold)
        assert prepared.X_train.shape[0] == len(fold.train)


def test_the_page(small, tmp_path, read):
    reproductions.reproduce("remix-text", tmp_path, quick=True)
    page = read(tmp_path / "remix-text.html")
    assert "A quick run" in page.text and "Missing: embeddings: pip install" in page.text
    assert "R11" in (tmp_path / "remix-text-claims.md").read_text()
    scores = pd.read_csv(tmp_path / "text-scores.csv")
    methods = {*(method.name for method in protocol.PAPER), protocol.PRIOR_CORRECTED}
    assert set(scores["method"]) == methods and len(scores) == 4 * 2 * len(methods)


def test_without_the_sets_the_remedy_is_told(small, tmp_path, monkeypatch):
    def absent(name):
        raise ConnectionError(name)

    monkeypatch.setattr(runs.datasets, "load", absent)
    with pytest.raises(FileNotFoundError, match="equipoise datasets fetch sms_spam"):
        reproductions.reproduce("remix-text", tmp_path, quick=True)
