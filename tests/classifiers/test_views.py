"""Views of images: their weights, and predictions that do not depend on the side that an image shows."""

import numpy as np
import pytest

from equipoise import NeuralClassifier
from equipoise.classifiers.views import VIEWS, views


@pytest.mark.parametrize("number", VIEWS)
def test_weights_and_pixels(number):
    rows = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 4), dtype=np.uint8)
    found = list(views(rows, number))
    assert len(found) == number and sum(weight for weight, _ in found) == 1
    assert all(view.shape == rows.shape and view.dtype == np.uint8 for _, view in found)
    assert np.array_equal(found[0][1], rows)
    if number == 6:
        (down, up), mirrored = (found[1][1], found[2][1]), found[3][1]
        assert np.array_equal(down[:, :, 1:, 1:], rows[:, :, :-1, :-1]) and np.array_equal(
            down[:, :, 0, 0], rows[:, :, 1, 1]
        )
        assert np.array_equal(up[:, :, :-1, :-1], rows[:, :, 1:, 1:])
        assert np.array_equal(mirrored, rows[..., ::-1])


def test_predictions_are_means_over_views():
    X = np.random.default_rng(0).integers(0, 256, (40, 1, 6, 6), dtype=np.uint8)
    y = np.arange(40) % 2
    model = NeuralClassifier(network="small_cnn", max_steps=2, views=6, random_state=0).fit(X, y)
    proba = model.predict_proba(X)
    assert np.allclose(proba, model.predict_proba(X[..., ::-1].copy()))
    model.views = 1
    expected = sum(weight * model.predict_proba(view) for weight, view in views(X, 6))
    assert np.allclose(proba, expected)


def test_several_views_are_for_images():
    with pytest.raises(ValueError, match="views=2 is for images"):
        NeuralClassifier(max_steps=1, views=2).fit(np.eye(4), [0, 1, 0, 1]).predict(np.eye(4))
