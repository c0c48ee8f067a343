import numpy as np
import pytest
from PIL import Image

from equipoise.images.resizing import crop, resized, weights


@pytest.mark.parametrize(("side", "wanted"), [(100, 64), (31, 64), (64, 64), (1, 5), (500, 3)])
def test_each_new_pixel_is_a_mean_of_old_ones(side, wanted):
    share = weights(side, wanted)
    assert np.allclose(share.sum(axis=1), 1) and (share >= 0).all()
    # A ramp keeps its middle: the triangle is symmetric.
    assert share[wanted // 2] @ np.arange(side) == pytest.approx((wanted // 2 + 0.5) * side / wanted - 0.5, abs=0.51)


def test_close_to_pillows_own_bilinear_filter():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 90, 70), dtype=np.uint8)
    square = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1))).crop((0, 10, 70, 80))
    theirs = square.resize((32, 32), Image.Resampling.BILINEAR)
    ours = resized(pixels, (32, 32)).astype(int)
    assert np.abs(ours - np.moveaxis(np.asarray(theirs), -1, 0)).max() <= 1  # Pillow rounds twice


def test_the_crop_is_central_and_has_the_wanted_aspect():
    assert crop(100, 60, (32, 32)) == (slice(20, 80), slice(0, 60))
    assert crop(40, 24, (20, 12)) == (slice(0, 40), slice(0, 24))
    assert crop(1, 1000, (64, 64)) == (slice(0, 1), slice(499, 500))
