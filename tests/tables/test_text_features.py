"""Columns of text: found, turned into numbers that tell, fitted on the rows given and on no other, kept in files."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from equipoise import load, recipes, save
from equipoise.datasets import split_target
from equipoise.experiments.prepared import PreparedFold
from equipoise.experiments.splits import Fold
from equipoise.tables import TablePreprocessor
from equipoise.tables.text_features import TextFeatures

SUBJECTS = ["the invoice", "my parcel", "your account", "a friend", "this order"]
ASKS = ["is late again", "was never paid", "looks very fine", "has been closed today"]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    y = np.arange(240) % 4 == 0
    asks = np.where(y, ASKS[1], rng.choice([ASKS[0], *ASKS[2:]], 240))
    texts = [f"{rng.choice(SUBJECTS)} {ask}, number {rng.integers(1000)}" for ask in asks]
    return pd.DataFrame(
        {"message": texts, "x": rng.normal(size=240), "kind": rng.choice(["a b c", "d e f"], 240), "y": y}
    )


def test_prose_is_text_and_labels_of_several_words_are_categories(table):
    preprocessor = TablePreprocessor().fit(table.drop(columns="y"))
    assert preprocessor.kinds_ == {"message": "text", "x": "number", "kind": "category"}
    assert not preprocessor.dropped_
    names = preprocessor.get_feature_names_out()
    rows = preprocessor.transform(table.drop(columns="y"))
    assert rows.shape == (240, len(names)) and rows.dtype == np.float32 and names[-1] == "message_text_99"
    forced = TablePreprocessor(kinds={"kind": "text", "message": "category"}).fit(table.drop(columns="y"))
    assert forced.kinds_["kind"] == "text" and "message" in forced.dropped_


def test_sentences_that_repeat_are_prose_and_names_of_a_few_words_are_not():
    rng = np.random.default_rng(0)
    starts = [f"The {thing} was {how} in the {place}." for thing in ("car", "bike") for how in ("hit", "lost", "burnt")
              for place in ("street", "yard", "garage")]  # fmt: skip
    sentences = [first + ends for first in starts for ends in ("", " Nobody saw it.", " A neighbour called.")]
    parts = ("fracture", "pain", "wound", "burn", "cyst", "rash", "gout")
    kinds = ("acute", "chronic", "open", "old")
    names = [f"{kind} {part} {side}" for kind in kinds for part in parts for side in ("left hand", "knee")]
    frame = pd.DataFrame({"told": rng.choice(sentences, 2000), "diagnosis": rng.choice(names, 2000)})
    assert frame["told"].nunique() == 54 and frame["diagnosis"].nunique() == 56
    assert TablePreprocessor().fit(frame).kinds_ == {"told": "text", "diagnosis": "category"}
    assert TablePreprocessor(kinds={"told": "category"}).fit(frame).kinds_["told"] == "category"


def test_texts_tell_the_classes_apart(table):
    model = make_pipeline(TablePreprocessor(), LogisticRegression()).fit(table[["message"]][:160], table["y"][:160])
    assert model.score(table[["message"]][160:], table["y"][160:]) > 0.95


def test_only_the_rows_of_the_fit_count_and_each_row_alone(table):
    texts = table["message"].tolist()
    features = TextFeatures(n_components=8).fit(texts[:100])
    before = features.transform(texts[:100])
    assert_allclose(before.mean(axis=0), 0, atol=1e-4)
    assert_allclose(before.std(axis=0), 1, atol=1e-3)
    features.transform(["new words alone"] * 50)
    assert_allclose(features.transform(texts[:100]), before)
    assert_allclose(np.vstack([features.transform([text]) for text in texts[:5]]), before[:5], rtol=1e-4, atol=1e-5)
    assert_array_equal(TextFeatures(n_components=8).fit(texts[:100]).transform(texts[:100]), before)


SCRIPTS = [
    "发票 还 没有 付",
    "الفاتورة لم تدفع بعد",
    "🚀 🚀 to the 🌕",
    "word",
    "",
    "   ",
    None,
    "ab " * 100_000,
    "a\x00b c",
]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_any_text_in_any_frame(table, library):
    pl = pytest.importorskip("polars")
    texts = [*table["message"], *SCRIPTS]
    frame = pd.DataFrame({"t": pd.Series(texts, dtype=object)}) if library == "pandas" else pl.DataFrame({"t": texts})
    preprocessor = TablePreprocessor().fit(frame)
    assert preprocessor.kinds_ == {"t": "text"}
    rows = preprocessor.transform(frame)
    assert rows.shape == (len(texts), 100) and np.isfinite(rows).all()
    places = {text: i for i, text in enumerate(texts)}
    assert_array_equal(rows[places[""]], rows[places[None]])
    for text in SCRIPTS[:3]:  # other scripts tell rows apart, too
        assert not np.allclose(rows[places[text]], rows[places[""]], atol=1e-3)
    assert_array_equal(TablePreprocessor().fit(frame).transform(frame), rows)


def test_polars_and_pandas_read_alike(table):
    pl = pytest.importorskip("polars")
    frame = table.drop(columns="y")
    ours = TablePreprocessor().fit(frame).transform(frame)
    assert_array_equal(TablePreprocessor().fit(pl.from_pandas(frame)).transform(pl.from_pandas(frame)), ours)


def test_a_fold_learns_nothing_of_its_test_rows(table):
    def prepared(texts):
        dataset = split_target(table.assign(message=texts), "y")
        rows = np.arange(240)
        return PreparedFold.of(dataset, dataset.y.to_numpy().astype(int), Fold(0, 0, rows[:160], rows[160:], seed=0))

    as_it_is = prepared(table["message"])
    changed = prepared([*table["message"][:160], *(f"quite other words {i}" for i in range(80))])
    assert_array_equal(as_it_is.X_train, changed.X_train)
    assert not np.allclose(as_it_is.X_test, changed.X_test)


def test_missing_texts_are_empty_ones(table):
    preprocessor = TablePreprocessor().fit(table[["message"]])
    rows = preprocessor.transform(pd.DataFrame({"message": [None, ""]}))
    assert np.isfinite(rows).all()
    assert_array_equal(rows[0], rows[1])


def test_an_encoder_of_ones_own(table):
    def lengths(texts):
        return [[len(text), text.count(" ")] for text in texts]

    preprocessor = TablePreprocessor(text_encoder=lengths).fit(table[["message"]])
    values = np.array(lengths(table["message"]), dtype=float)
    expected = (values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
    assert_allclose(preprocessor.transform(table[["message"]]), expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"finite numbers of shape \(\d+, k\)"):
        TablePreprocessor(text_encoder=lambda texts: np.zeros(3)).fit(table[["message"]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recipe", ["gbdt", "remix", "mixup", "smote"])
def test_recipes_with_text_are_kept_in_files(table, recipe, tmp_path):
    options = {} if recipe == "gbdt" else {"max_steps": 20, "n_members": 1}
    X = table.drop(columns="y")
    model = recipes.make(recipe, random_state=0, **options).fit(X, table["y"])
    save(model, tmp_path / "model")
    assert_allclose(load(tmp_path / "model").predict_proba(X), model.predict_proba(X), atol=1e-6)


def test_onnx_refuses_text_in_words(table, tmp_path):
    onnx_export = pytest.importorskip("equipoise.onnx_export")
    model = recipes.make("none", max_steps=5, random_state=0).fit(table.drop(columns="y"), table["y"])
    with pytest.raises(ValueError, match="the model reads 'message': fit without"):
        onnx_export.export_onnx(model, tmp_path / "model.onnx")


def test_numbers_depend_on_the_texts_fitted_on_and_on_none_that_were_counted_before():
    """N-grams of a text are counted once for all folds; weights and directions are those of each fit."""
    rng = np.random.default_rng(0)
    words = np.array(["late", "paid", "twice", "refund", "card", "lost", "again", "never"])
    texts = [" ".join(rng.choice(words, 6)) for _ in range(60)]
    first = TextFeatures(n_components=5).fit(texts[:40])
    alone = first.transform(texts)
    for rows in (texts[20:], texts, texts[::-1]):
        TextFeatures(n_components=5).fit(rows)
    again = TextFeatures(n_components=5).fit(texts[:40])
    np.testing.assert_array_equal(again.transform(texts), alone)
    np.testing.assert_array_equal(first.transform(["late", "a text never seen", *texts])[2:], alone)
