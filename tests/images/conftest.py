import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """A folder of two classes: 12 coloured images of cats and 4 of dogs, 20 x 16 pixels, all different."""
    root, rng = tmp_path / "photos", np.random.default_rng(0)
    for label, n in (("cat", 12), ("dog", 4)):
        (root / label).mkdir(parents=True)
        for i in range(n):
            pixels = rng.integers(0, 256, (16, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / label / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def few_steps():
    """Networks of a comparison make a quarter of their least steps: enough to tell recipes apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("equipoise.recipes.images.LEAST_STEPS", 14)
        yield
