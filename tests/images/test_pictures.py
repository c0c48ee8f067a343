import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from equipoise.experiments import Store
from equipoise.experiments import compare as run_comparison
from equipoise.images import read_images
from equipoise.images.task import image_task
from equipoise.reports import write_report
from equipoise.reports.pictures import Pictures, encoded


@pytest.mark.parametrize("shape", [(1, 10, 8), (3, 64, 32), (3, 200, 300)])
def test_thumbnails_are_small_jpegs_of_the_image(shape):
    pixels = np.full(shape, 90, dtype=np.uint8)
    kind, content = encoded(pixels).split(",")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == "data:image/jpeg;base64" and image.format == "JPEG" and 48 <= max(image.size) <= 96
    assert image.size[0] / image.size[1] == pytest.approx(shape[2] / shape[1], rel=0.05)
    assert abs(int(np.asarray(image).mean()) - 90) <= 2


def test_examples_and_mistakes_of_a_comparison(few_steps, tmp_path):
    rng = np.random.default_rng(0)
    for label, n, level in (("off", 30, 100), ("on <b>", 12, 110)):
        (tmp_path / "in" / label).mkdir(parents=True)
        for i in range(n):
            pixels = rng.normal(level, 40, (6, 6)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "in" / label / f"{i}.png")
    images = read_images(tmp_path / "in")
    with Store(tmp_path / "results.sqlite") as store:
        comparison = run_comparison(
            image_task(images, source="in"), store, recipes=["augment"], n_folds=2, n_repeats=1, n_members=1
        )
    pictures = Pictures(images.pixels, images.names)
    for label, strip in Pictures(images.pixels, images.names).mistakes(comparison):
        assert strip and all(image.title.startswith(f"{label}/") for image in strip)  # the rows are those of the fold
    write_report(comparison, tmp_path / "report.html", command="equipoise compare in", pictures=pictures)
    page = (tmp_path / "report.html").read_text()
    strips = page.split('id="images"')[1].split("</section>")[0]
    assert "on &lt;b&gt;" in strips and "on <b>" not in strips
    assert len(re.findall("<img", strips.split("<details>")[0])) == 16  # eight of each class
    codes, proba = comparison.out_of_fold("augment", 0)
    wrong = int((proba.argmax(axis=1) != codes).sum())
    shown = strips.count("% sure") // 2  # once as text, once as title
    assert wrong > 0 and shown == sum(min(6, int(((proba.argmax(1) != codes) & (codes == c)).sum())) for c in (0, 1))
    named = re.search(r'title="((?:off|on)[^:]*): predicted', strips)
    assert named is not None and named[1].replace("&lt;", "<").replace("&gt;", ">") in images.names
    assert "<img" not in (
        write_report(comparison, tmp_path / "report.html", command="x") or (tmp_path / "report.html").read_text()
    )


def test_a_page_has_no_more_than_two_megabytes_of_images():
    pixels = np.random.default_rng(0).integers(0, 256, (800, 3, 96, 96), dtype=np.uint8)
    pictures = Pictures(pixels, [str(i) for i in range(800)])
    found = pictures._thumbnails([(i, str(i)) for i in range(800)])
    assert len(found) < 800 and sum(len(each.source) for each in found) <= 2_000_000
