"""Images from the folder to the model: reader, recipes, comparison, files."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone

from equipoise import load, recipes, save
from equipoise.experiments import Store
from equipoise.experiments import compare as run_comparison
from equipoise.images import ImageReader, read_images
from equipoise.images.check import check_images
from equipoise.images.kinds import is_images
from equipoise.images.task import image_task
from equipoise.recipes.images import parameters_for_images, reads_images


@pytest.fixture
def lamps(tmp_path):
    """A folder of 30 dark and 10 bright grey images of 10 x 8 pixels."""
    root, rng = tmp_path / "lamps", np.random.default_rng(0)
    for label, n, level in (("off", 30, 70), ("on", 10, 180)):
        (root / label).mkdir(parents=True)
        for i in range(n):
            pixels = rng.normal(level, 20, (8, 10)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


def fitted(lamps, recipe="la", **parameters):
    data = image_task(read_images(lamps), source=str(lamps))
    settings = parameters_for_images(recipes.get(recipe)) | {"max_steps": 6, "batch_size": 16, "random_state": 0}
    model = recipes.make(recipe, preprocessor=data.table_preprocessor(), **settings | parameters)
    return data, model.fit(data.X, data.y)


def test_paths_arrays_and_cells_read_alike(lamps):
    data = image_task(read_images(lamps), source="lamps")
    reader = data.table_preprocessor().fit(data.X)
    paths = [str(lamps / cell.name) for cell in data.X["image"]]
    cells = reader.transform(data.X)
    assert cells.shape == (40, 1, 8, 10) and cells.dtype == np.uint8
    assert (reader.transform(paths) == cells).all()
    assert (reader.transform([np.asarray(Image.open(path)) for path in paths]) == cells).all()
    with pytest.raises(ValueError, match=r"The image .*none.png cannot be read"):
        reader.transform([str(lamps / "none.png")])
    with pytest.raises(ValueError, match=r"give \['a.png'\]"):
        reader.transform("a.png")
    coloured = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    assert (reader.transform([coloured])[0, 0] == np.asarray(Image.fromarray(coloured).convert("L"))).all()


def test_a_model_of_images_is_saved_and_loaded(lamps, tmp_path):
    data, model = fitted(lamps)
    save(model, tmp_path / "model", about={"data": "lamps"})
    again = load(tmp_path / "model")
    assert np.array_equal(again.predict_proba(data.X), model.predict_proba(data.X))
    assert isinstance(again[0], ImageReader) and again[-1].network == "faster_cnn"
    paths = [str(lamps / cell.name) for cell in data.X["image"]]
    assert np.array_equal(again.predict(paths), model.predict(data.X))


def test_a_changed_tensor_of_a_network_is_noticed(lamps, tmp_path):
    import safetensors.numpy

    from equipoise.persistence.stacks import put_in, take_out

    _, model = fitted(lamps)
    bare, tensors = take_out(model)
    put_in(bare, tensors)
    name = next(key for key in tensors if key.endswith("head/weight"))
    for changed, message in (
        (tensors | {name: tensors[name][:, :1]}, "not those of FastCNN"),
        (tensors | {name: np.full_like(tensors[name], np.nan)}, "must be finite"),
        ({key: value for key, value in tensors.items() if key != name}, "not those of FastCNN"),
    ):
        with pytest.raises(ValueError, match=message):
            put_in(bare, safetensors.numpy.load(safetensors.numpy.save(changed)))
    bare[-1].ensemble_.pattern_ = ("faster_cnn", (1, 10**6, 10**6), 2)
    with pytest.raises(ValueError, match="cannot have"):
        put_in(bare, tensors)


def test_recipes_mix_after_augmentation_and_refuse_what_reads_tables():
    remix = parameters_for_images(recipes.get("remix"))["batch_transform"]
    assert type(remix).__name__ == "ReMix" and type(remix.between).__name__ == "Augment"
    assert parameters_for_images(recipes.get("ldam"))["network"] == "cosine_faster_cnn"
    assert type(parameters_for_images(recipes.get("cost"))["batch_transform"]).__name__ == "Augment"
    for name in ("gbdt", "mubo", "smote", "auto"):
        with pytest.raises(ValueError, match="reads tables, not images"):
            parameters_for_images(recipes.get(name))
    assert all(map(reads_images, map(recipes.get, ("auto-images", "over", "under+la", "ldam-drw"))))


@pytest.mark.parametrize(
    "recipe", ["auto-images", "remix", "remix-dataset", "ldam", "ldam-drw", "augment", "cost", "over"]
)
def test_each_recipe_learns(lamps, recipe):
    data, model = fitted(lamps, recipe, max_steps=25, learning_rate=0.1)
    assert (model.predict(data.X) == data.y).mean() > 0.9


def test_a_comparison_of_images(lamps, few_steps, tmp_path):
    data = image_task(read_images(lamps), source="lamps")
    with Store(tmp_path / "results.sqlite") as store:
        comparison = run_comparison(
            data, store, recipes=["none", "augment"], n_folds=2, n_repeats=1, n_members=1, budget=300.0
        )
        assert comparison.recipes == ["none", "augment"] and not comparison.failures
        assert comparison.protocol.images
        assert comparison.leaderboard["g_mean"].notna().all()
    with Store(tmp_path / "other.sqlite") as store, pytest.raises(ValueError, match="'gbdt' reads tables"):
        run_comparison(data, store, recipes=["gbdt"])


def test_facts_beside_the_picture_that_tell_the_class(lamps, tmp_path):
    rng = np.random.default_rng(1)
    for label, side in (("a", 12), ("b", 14)):
        (tmp_path / "sizes" / label).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 256, (side, side), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "sizes" / label / f"{i}.png")
    found = image_task(read_images(tmp_path / "sizes"), source="sizes").findings
    assert "The resolution of the files alone tells the class" in str(found[0]) and found[0].kind == "leak"
    lines = [str(finding) for finding in image_task(read_images(lamps), source="lamps").findings]
    assert not any("resolution" in line for line in lines)  # all of one size


def test_sizes_of_files_are_told_where_they_part_the_classes_fully(lamps):
    images = read_images(lamps)
    rng = np.random.default_rng(0)
    last = images.labels == np.unique(images.labels)[-1]
    for distance, told in ((200, False), (2000, True)):
        sizes = (1000 + distance * last + rng.normal(0, 100, len(last))).astype(np.int64)
        findings = check_images(replace(images, file_bytes=sizes))
        assert any("size of the files" in str(found) for found in findings) == told


def test_tasks_without_two_classes_or_two_images_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a" / "1.png")
    with pytest.raises(ValueError, match="Two classes or more are needed"):
        image_task(read_images(tmp_path), source="here")
    (tmp_path / "b").mkdir()
    for i in (1, 2):
        Image.fromarray(np.full((4, 4), i, np.uint8)).save(tmp_path / "b" / f"{i}.png")
    with pytest.raises(ValueError, match=r"at least two images, but these classes of here have a single one: 'a'"):
        image_task(read_images(tmp_path), source="here")


def test_what_counts_as_images(tmp_path):
    (tmp_path / "list.csv").write_text("path;label\nx/1.png;a\n")
    (tmp_path / "table.csv").write_text("path,label\n/home,a\n")
    (tmp_path / "photos" / "a").mkdir(parents=True)
    assert all(is_images(tmp_path / name) for name in ("photos", "a.zip", "list.csv"))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "1.csv").write_text("x,y\n1,0\n")
    assert not any(is_images(tmp_path / name) for name in ("table.csv", "absent.csv", "tables"))


def test_the_reader_has_parameters():
    assert clone(ImageReader(channels=1, height=4, width=5)).get_params() == {"channels": 1, "height": 4, "width": 5}
