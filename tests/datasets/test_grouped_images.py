"""Images whose background agrees with their class in most rows."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from equipoise.datasets import make_grouped_images


def rgb(n=60, side=12):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, size=(n, 3, side, side), dtype=np.uint8), np.arange(n) % 3


@pytest.mark.parametrize("agreement", [0.0, 0.5, 0.95, 1.0])
def test_the_share_of_agreement_is_exact_in_each_class(agreement):
    X, y, group = make_grouped_images(agreement=agreement, random_state=0)
    assert X.shape == (1797, 3, 16, 16) and set(group) <= {0, 1}
    for code in (0, 1):
        of_class = group[y == code]
        assert (of_class == code).sum() == round(agreement * len(of_class))


@pytest.mark.parametrize("background", ["colour", "texture"])
def test_a_model_reads_the_background_and_fails_where_it_tells_nothing(background):
    X, y, group = make_grouped_images(background=background, random_state=0)
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:1200], rows[1200:]
    flat = X.reshape(len(X), -1) / 255.0
    if background == "texture":  # directions have no linear traces: read their spectrum
        flat = np.abs(np.fft.fft2(X.mean(axis=1) / 255.0)).reshape(len(X), -1)
    model = LogisticRegression(C=0.01, max_iter=500).fit(flat[train], y[train])
    right = model.predict(flat[test]) == y[test]
    agrees = group[test] == y[test]
    assert right[agrees].mean() > right[~agrees].mean() + 0.2


def test_the_object_stays_and_the_background_is_that_of_the_group():
    images, y = rgb()
    X, codes, group = make_grouped_images(images, y, n_groups=3, agreement=1.0, random_state=1)
    assert np.array_equal(codes, y) and np.array_equal(group, y)
    assert np.array_equal(X[:, :, 5:7, 5:7], images[:, :, 5:7, 5:7])  # the middle
    corners = X[:, :, 0, 0].astype(float)
    centres = np.stack([corners[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(corners[:, None] - centres, axis=-1).argmin(axis=1)
    assert (nearest == group).all()


def test_the_random_state_governs_it():
    first, same, other = (make_grouped_images(random_state=seed).X for seed in (0, 0, 1))
    assert np.array_equal(first, same) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"agreement": 1.2}, "agreement must be a share"),
        ({"n_groups": 1}, "n_groups must be 2 to 4"),
        ({"background": "sea"}, "background must be 'colour' or 'texture'"),
        ({"images": rgb()[0]}, "images and y come together"),
        ({"images": rgb()[0] / 255.0, "y": rgb()[1]}, "images must be bytes"),
        ({"images": rgb()[0], "y": rgb()[1] / 2}, "y must hold class codes"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_grouped_images(**parameters)
