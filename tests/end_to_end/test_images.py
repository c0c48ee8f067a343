"""A folder of pictures from the check to predictions, as a user types it."""

import json
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from equipoise import load
from equipoise.cli import main
from equipoise.images import read_images
from equipoise.onnx_export import onnx_inputs

CLASSES = {"frame": 24, "disc": 16, "cross": 12}


def drawn(label, rng, side=12):
    """A shape in a colour of its own on a dark ground, with noise."""
    image = Image.new("RGB", (side, side), tuple(rng.integers(0, 90, 3).tolist()))
    pen, colour = ImageDraw.Draw(image), tuple(rng.integers(150, 256, 3).tolist())
    left, top = rng.integers(1, 4, 2).tolist()
    right, bottom = left + 7, top + 7
    if label == "disc":
        pen.ellipse([left, top, right, bottom], fill=colour)
    elif label == "frame":
        pen.rectangle([left, top, right, bottom], outline=colour, width=2)
    else:
        pen.line([left, top, right, bottom], fill=colour, width=2)
        pen.line([left, bottom, right, top], fill=colour, width=2)
    noise = rng.normal(0, 25, (side, side, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """Folders train/ and test/ of three classes; in test/, ten of each."""
    root, rng = tmp_path_factory.mktemp("shapes"), np.random.default_rng(0)
    for part in ("train", "test"):
        for label, n in CLASSES.items():
            (root / part / label).mkdir(parents=True)
            for i in range(n if part == "train" else 10):
                drawn(label, rng).save(root / part / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def said_by():
    """Run the command line in this process, networks with few steps; return what it said."""

    def run(*arguments):
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out:
            patch.setattr("equipoise.recipes.images.LEAST_STEPS", 14)
            main([str(argument) for argument in arguments])
        return out.getvalue()

    return run


@pytest.fixture(scope="module")
def fitted(said_by, shapes, tmp_path_factory):
    """The folder of a model of `fit`, and what the command said."""
    out = tmp_path_factory.mktemp("fitted") / "model"
    return out, said_by("fit", shapes, "--recipe", "auto", "--members", 1, "--out", out)


@pytest.fixture(scope="module")
def compared(said_by, shapes, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "report"
    options = ("--recipes", "none", "augment", "--folds", "2", "--repeats", "1", "--budget", "60")
    return out, said_by("compare", shapes, "--out", out, *options)


def test_check_tells_images_and_parts(equipoise, shapes, tmp_path):
    said = equipoise("check", shapes, "--json", tmp_path / "found.json").said
    assert "52 images, 3 classes; the rare class is 'cross' with 12 images" in said
    assert "The test part, 30 images, chooses nothing; the rows are those of train." in said
    assert isinstance(json.loads((tmp_path / "found.json").read_text()), list)


def test_fit_learns_shapes_and_keeps_natural_probabilities(fitted, shapes):
    out, said = fitted
    score = float(said.split("balanced accuracy ")[1][:5])
    assert "On the 30 images of the test part, which chose nothing" in said and score > 0.4
    card = (out / "README.md").read_text()
    assert "On the test part, which chose nothing" in card and "rglob" in card and "read_table" not in card
    model = load(out)
    images = read_images(shapes / "train")
    proba = model.predict_proba(sorted(map(str, (shapes / "train").rglob("*.png"))))
    shares = np.unique(images.labels, return_counts=True)[1] / len(images)
    np.testing.assert_allclose(proba.mean(axis=0), shares, atol=0.1)
    rule = model[-1].decision_rule()
    np.testing.assert_allclose(rule.offsets - rule.offsets[0], np.log(shares[0] / shares), atol=1e-9)  # balanced


def test_fit_tells_the_steps_of_its_folds_and_of_the_model(fitted):
    assert "Fitting, 56 of 56" in fitted[1]  # 14 in each of three folds, and on all


def test_predict_a_folder_a_table_and_one_image(said_by, fitted, shapes, tmp_path):
    model, test = fitted[0], shapes / "test"
    assert "30 images" in said_by("predict", model, test, "--out", tmp_path / "folder.csv")
    scored = pd.read_csv(tmp_path / "folder.csv")
    columns = ["image", "prediction", "probability_cross", "probability_disc", "probability_frame"]
    assert list(scored.columns) == columns and len(scored) == 30
    np.testing.assert_allclose(scored[columns[2:]].sum(axis=1), 1, atol=1e-6)
    (test / "list.csv").write_text("image,note\ndisc/0.png,a\nframe/3.png,b\n")
    said_by("predict", model, test / "list.csv", "--out", tmp_path / "list.csv")
    listed = pd.read_csv(tmp_path / "list.csv")
    again = scored.set_index("image").loc[["disc/0.png", "frame/3.png"]]
    assert listed["image"].tolist() == ["disc/0.png", "frame/3.png"]
    np.testing.assert_allclose(listed[columns[2:]], again[columns[2:]], atol=1e-6)
    said_by("predict", model, test / "disc" / "0.png", "--out", tmp_path / "one.csv")
    assert pd.read_csv(tmp_path / "one.csv")["prediction"].tolist() == [again["prediction"].iloc[0]]
    (test / "list.csv").unlink()


def test_the_graph_of_a_saved_model_answers_alike(said_by, fitted, shapes, tmp_path):
    said_by("export", fitted[0], "--onnx", tmp_path / "model.onnx")
    session, model = onnxruntime.InferenceSession(tmp_path / "model.onnx"), load(fitted[0])
    for size in ((12, 12), (31, 20), (7, 50)):
        with Image.open(shapes / "test" / "disc" / "0.png") as image:
            pixels = np.asarray(image.resize(size))
        label, proba = session.run(None, onnx_inputs(tmp_path / "model.onnx", pixels[None]))
        np.testing.assert_allclose(proba, model.predict_proba([pixels]), atol=1e-5, rtol=0)
        assert label.tolist() == model.predict([pixels]).tolist()


def test_compare_reports_and_saves_a_winner(compared):
    out, said = compared
    assert "augment" in said and (out / "model" / "model.json").exists()
    page, told = (out / "report.html").read_text(), json.loads((out / "report.json").read_text())
    assert page.count("data:image/jpeg") >= 24 and "<script" not in page
    assert all(image.count('alt="') == 1 for image in page.split("<img")[1:])
    assert told["by_class_size"]["classes"]["all"] == 3
    assert "On the 30 images of the test part" in said


def test_other_terms_on_the_same_comparison_train_nothing(said_by, compared, shapes, tmp_path):
    """The decision is the class of the least expected cost, by the answers that are there."""
    out, _ = compared
    (tmp_path / "costs.csv").write_text(",cross,disc,frame\ncross,0,9,9\ndisc,1,0,1\nframe,1,1,0\n")
    options = ("--recipes", "none", "augment", "--folds", "2", "--repeats", "1", "--budget", "60", "--no-thumbnails")
    said = said_by("compare", shapes, "--out", out, *options, "--cost", tmp_path / "costs.csv")
    assert "Decision: the lowest total cost (by a table of costs)." in said and "Training networks" not in said
    assert "data:image/jpeg" not in (out / "report.html").read_text()
    model, costs = load(out / "model"), np.array([[0.0, 9, 9], [1, 0, 1], [1, 1, 0]])
    rule, files = model[-1].decision_rule(), sorted((shapes / "test").rglob("*.png"))
    weights = rule.costs.sum(axis=1, keepdims=True) / costs.sum(axis=1, keepdims=True)  # by the class priors
    np.testing.assert_allclose(rule.costs, weights * costs)
    least = (model.predict_proba(files) @ rule.costs).argmin(axis=1)
    assert model.predict(files).tolist() == model.classes_[least].tolist()


def test_alarms_within_a_capacity(said_by, shapes, tmp_path):
    options = ("--recipe", "la", "--capacity", "4", "--positive", "disc")
    said_by("fit", shapes / "train", "--out", tmp_path / "model", *options)
    said_by("predict", tmp_path / "model", shapes / "test", "--out", tmp_path / "out.csv")
    scored = pd.read_csv(tmp_path / "out.csv")
    assert (scored["prediction"] == "disc").sum() == 4
    alarms = scored["prediction"] == "disc"
    assert scored.loc[alarms, "probability_disc"].min() >= scored.loc[~alarms, "probability_disc"].max()
    said_by("predict", tmp_path / "model", shapes / "test", "--out", tmp_path / "top.csv", "--top", "3")
    assert pd.read_csv(tmp_path / "top.csv")["probability_disc"].is_monotonic_decreasing


REFUSED = {
    "options of tables": (("fit", "--drop", "a", "--id", "b"), "--drop and --id: these options are for tables"),
    "a recipe for tables": (("fit", "--recipe", "gbdt"), "'gbdt' reads tables, not images"),
    "two decisions": (("fit", "--decision", "natural", "--capacity", "3"), "are two decisions"),
    "a target": (("check", "--target", "class"), "--target: this option is for tables"),
    "groups without a table": (("check", "--group", "patient"), "--group: this option is for tables"),
    "the unlabelled": (("compare", "--score-unlabelled"), "--score-unlabelled: this option is for tables"),
}


@pytest.mark.parametrize(("command", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_images_is_refused_before_the_work(command, said, here, shapes, tmp_path):
    out = () if command[0] == "check" else ("--out", tmp_path / "out")
    assert said in here(command[0], shapes, *command[1:], *out, refused=True)
    assert not list(tmp_path.iterdir())


def test_groups_of_a_table_are_held_out_whole(said_by, shapes, tmp_path):
    from equipoise.experiments import Store

    files = sorted((shapes / "train").rglob("*.png"))
    lines = [f"{file},{file.parent.name},patient {int(file.stem) // 4}" for file in files]
    (tmp_path / "list.csv").write_text("path,kind,patient\n" + "\n".join(lines))
    options = ("--target", "kind", "--group", "patient", "--recipes", "none", "--folds", "2", "--repeats", "1")
    said = said_by("compare", tmp_path / "list.csv", *options, "--out", tmp_path / "report", "--budget", "60")
    assert "'patient' held out as a whole" in said
    patients = np.array([line.rpartition(",")[2] for line in lines])
    with Store(tmp_path / "report" / "results.sqlite") as store:
        folds = store.folds()
    tested = [set(patients[fold.test_rows]) for fold in folds]
    assert len(tested) == 2 and not tested[0] & tested[1]


def test_one_image_of_a_folder_is_no_data(here, shapes):
    said = here("check", shapes / "test" / "disc" / "0.png", refused=True)
    assert "is a single image: name a folder" in said
