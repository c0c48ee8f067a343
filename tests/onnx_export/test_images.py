"""Graphs of models for images: bytes of any size in, the model's probabilities and decisions out."""

import numpy as np
import onnxruntime
import pytest
from sklearn.pipeline import make_pipeline
from torch import nn

from equipoise import (
    CalibratedClassifier,
    CapacityClassifier,
    NeuralClassifier,
    PriorCorrectedClassifier,
    TunedThresholdsClassifier,
    load,
    save,
)
from equipoise.images import ImageReader
from equipoise.networks.images import network_names
from equipoise.onnx_export import export_onnx, onnx_inputs

SMALL = {"max_steps": 3, "batch_size": 16, "learning_rate": 0.05, "random_state": 0}


@pytest.fixture(scope="module")
def pictures():
    """48 grey images of three classes, the brighter the rarer."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], [30, 12, 6])
    return rng.integers(0, 160, (48, 12, 10), dtype=np.uint8) + (30 * y[:, None, None]).astype(np.uint8), y


def check(model, path, sizes, channels=1, atol=1e-5):
    """Compare the graph with the model on noise and on flat images of sizes."""
    export_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    rng = np.random.default_rng(1)
    for height, width in sizes:
        images = rng.integers(0, 256, (4, height, width, channels), dtype=np.uint8)
        images[3] = 255
        cells = list(images[..., 0] if channels == 1 else images)
        label, proba = session.run(None, onnx_inputs(path, images))
        np.testing.assert_allclose(proba, model.predict_proba(cells), rtol=0, atol=atol)
        np.testing.assert_array_equal(label, model.predict(cells))
    return session


@pytest.mark.parametrize("network", network_names())
def test_each_network(network, pictures, tmp_path):
    X, y = pictures
    classifier = NeuralClassifier(**SMALL, network=network, optimizer="sgd", views=2)
    model = make_pipeline(ImageReader(channels=1, height=12, width=10), classifier).fit(list(X), y)
    check(model, tmp_path / "model.onnx", [(12, 10)])


@pytest.mark.parametrize("scale", [None, 255.0], ids=["bytes", "floats"])
def test_a_classifier_of_pixels(scale, pictures, tmp_path):
    X, y = pictures
    X = X[:, None] if scale is None else X[:, None] / scale
    model = NeuralClassifier(**SMALL, network="small_cnn", n_members=2).fit(X, y)
    export_onnx(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert session.get_inputs()[0].shape == ["n", 1, 12, 10]
    label, proba = session.run(None, onnx_inputs(tmp_path / "model.onnx", X))
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(label, model.predict(X))
    save(model, tmp_path / "model")
    export_onnx(load(tmp_path / "model"), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()


SIZES = [(12, 10), (13, 11), (12, 40), (90, 7), (5, 5), (1, 1), (240, 321), (24, 20), (11, 200)]


def test_any_height_and_width(pictures, tmp_path):
    X, y = pictures
    classifier = NeuralClassifier(**SMALL, network="small_cnn", n_members=2, views=6)
    model = make_pipeline(ImageReader(channels=3, height=12, width=10), classifier)
    model.fit([np.stack([image, image[::-1], image], axis=-1) for image in X], y)
    session = check(model, tmp_path / "model.onnx", SIZES, channels=3)
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["n", "height", "width", 3])


def test_pixels_are_those_of_the_reader(tmp_path):
    """Of equal bytes: the resizing of the graph and of the reader round alike."""
    from onnx import TensorProto

    from equipoise.onnx_export.graph import Graph
    from equipoise.onnx_export.images import image_graph

    reader, graph = ImageReader(channels=3, height=9, width=14).fit([]), Graph()
    found = graph.finish({"out": (image_graph(graph, reader), TensorProto.UINT8, ["n", 3, 9, 14])}, {})
    session = onnxruntime.InferenceSession(found.SerializeToString())
    rng = np.random.default_rng(2)
    for height, width in [*SIZES, (9, 14), (18, 28), (27, 42), (100, 3)]:
        images = rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8)
        images[1] //= 128
        (pixels,) = session.run(None, {"image": images})
        np.testing.assert_array_equal(pixels, reader.transform(list(images)))


DECISIONS = {
    "calibrated": lambda net: CalibratedClassifier(net, cv=2, decision="balanced"),
    "prior": lambda net: PriorCorrectedClassifier(net, target_priors="uniform"),
    "thresholds": lambda net: TunedThresholdsClassifier(CalibratedClassifier(net, cv=2), metric="g_mean"),
    "capacity": lambda net: CapacityClassifier(net, capacity=2, positive=2, cv=2),
}


@pytest.mark.parametrize("around", DECISIONS.values(), ids=DECISIONS)
@pytest.mark.filterwarnings("ignore:All")
def test_decisions_and_calibration(around, pictures, tmp_path):
    X, y = pictures
    classifier = around(NeuralClassifier(**SMALL, network="small_cnn"))
    model = make_pipeline(ImageReader(channels=1, height=12, width=10), classifier).fit(list(X), y)
    check(model, tmp_path / "model.onnx", [(12, 10), (20, 30)])


class Own(nn.Module):
    """A user's network with operations of many kinds."""

    def __init__(self, shape, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(shape[0], 4, 3, padding=1, groups=1),
            nn.BatchNorm2d(4),
            nn.Hardswish(),
            nn.AvgPool2d(2),
            nn.Conv2d(4, 6, 3, dilation=2, padding=2),
            nn.GELU(),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.SiLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
        )
        self.head = nn.Linear(6, n_classes)

    def forward(self, x):
        z = self.features(x)
        return self.head(z / z.norm(dim=1, keepdim=True).clamp(min=1e-6)) - 0.5


def test_a_module_of_the_users(pictures, tmp_path):
    X, y = pictures
    classifier = NeuralClassifier(**SMALL, network=Own, n_members=2)
    model = make_pipeline(ImageReader(channels=1, height=12, width=10), classifier).fit(list(X), y)
    check(model, tmp_path / "model.onnx", [(12, 10), (33, 21)])


class Sorted(nn.Module):
    def __init__(self, shape, n_classes):
        super().__init__()
        self.head = nn.Linear(shape[1] * shape[2], n_classes)

    def forward(self, x):
        return self.head(x.flatten(1).sort(dim=1).values)


def test_operations_without_a_graph_are_named(pictures, tmp_path):
    X, y = pictures
    model = make_pipeline(ImageReader(channels=1, height=12, width=10), NeuralClassifier(**SMALL, network=Sorted))
    with pytest.raises(ValueError, match=r"Sorted has no ONNX graph: its operation sort\.default is not known here"):
        export_onnx(model.fit(list(X), y), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
