import gzip
import os
import shutil
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from equipoise.images import decoding, read_images, store
from equipoise.images.sources import shown


def save(pixels, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)


def test_a_folder_a_class(photos):
    images = read_images(photos)
    assert images.shape == (3, 16, 20) and images.pixels.dtype == np.uint8
    assert dict(zip(*np.unique(images.labels, return_counts=True))) == {"cat": 12, "dog": 4}
    first = images.names.index("dog/2.png")
    assert (images.pixels[first] == np.moveaxis(np.asarray(Image.open(photos / "dog/2.png")), -1, 0)).all()
    assert images.groups is None and images.parts is None and images.notes == ()


def test_parts_are_used_where_all_folders_are_parts(photos):
    for part in ("train", "Validation", "test"):
        save(np.full((16, 20, 3), len(part) * 9, np.uint8), photos.parent / "split" / part / "cat" / "a.png")
        save(np.full((16, 20, 3), len(part) * 7, np.uint8), photos.parent / "split" / part / "dog" / "b.png")
    images = read_images(photos.parent / "split")
    assert sorted(set(images.parts)) == ["test", "train", "val"] and set(images.labels) == {"cat", "dog"}
    save(np.zeros((16, 20, 3), np.uint8), photos.parent / "split" / "other" / "cat" / "c.png")
    with pytest.raises(ValueError, match=r"has test/, train/ and validation/ beside other/: images to learn from"):
        read_images(photos.parent / "split")
    shutil.rmtree(photos.parent / "split" / "other")
    shutil.rmtree(photos.parent / "split" / "train")
    with pytest.raises(ValueError, match=r"has test/ and validation/ but no train/"):
        read_images(photos.parent / "split")


def test_classes_may_have_the_names_of_parts(photos):
    (photos / "cat").rename(photos / "train")  # the vehicle
    assert set(read_images(photos).labels) == {"train", "dog"}


def test_what_counts_to_no_class_or_to_an_outer_one_is_told(photos):
    (photos / "bird").mkdir()
    (photos / "fish").mkdir()
    (photos / "fish" / "broken.png").write_text("no image")
    save(np.zeros((16, 20, 3), np.uint8), photos / "dog" / "old" / "a.png")
    save(np.ones((16, 20, 3), np.uint8), photos / "loose.png")
    notes = " ".join(read_images(photos).notes)
    for said in ("1 empty folder: bird", "such as dog/old/a.png to 'dog'", "no class folder, such as loose.png"):
        assert said in notes
    assert "Left out, for want of images that can be read: class 'fish'." in notes


def test_classes_that_look_alike_are_refused(photos):
    for name, odd in (("cat", b"caf\xe9"), ("dog", b"caf\xe8")):
        os.rename(photos / name, os.fsencode(photos) + b"/" + odd)
    with pytest.raises(ValueError, match="differ only in characters that cannot be shown"):
        read_images(photos)


def test_grey_colour_alpha_palette_and_16_bits(tmp_path):
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    save(grey, tmp_path / "in/a/grey.png")
    save(grey.astype(np.uint16) * 257, tmp_path / "in/b/deep.png")
    images = read_images(tmp_path / "in")
    assert images.shape == (1, 8, 8) and (images.pixels == grey).all()
    assert "16-bit pixels of 1 image were divided by 257" in " ".join(images.notes)
    assert images.groups.tolist() == [0, 0]  # 16 bits or 8, the pixels are equal

    clear = np.zeros((8, 8, 4), np.uint8)
    clear[:, :4] = (10, 20, 30, 255)
    save(clear, tmp_path / "in/a/alpha.png")
    Image.fromarray(grey).convert("P").save(tmp_path / "in/b/palette.gif")
    images = read_images(tmp_path / "in")
    assert images.shape == (3, 8, 8)
    alpha = images.pixels[images.names.index("a/alpha.png")]
    assert (alpha[:, :, 4:] == 255).all() and (alpha[:, 0, 0] == (10, 20, 30)).all()
    assert (images.pixels[images.names.index("a/grey.png")] == grey).all()
    assert "Transparent pixels of 1 image were made white." in images.notes


def test_an_alpha_channel_without_a_transparent_pixel_is_not_told(tmp_path):
    opaque = np.full((8, 8, 4), 255, np.uint8)
    opaque[..., 0] = 7
    for mode in ("RGBA", "LA"):
        save(np.asarray(Image.fromarray(opaque).convert(mode)), tmp_path / f"in/{mode}/1.png")
    images = read_images(tmp_path / "in")
    assert len(images.names) == 2 and "ransparent" not in " ".join(images.notes)
    opaque[3, 3, 3] = 254
    save(opaque, tmp_path / "in/RGBA/2.png")
    assert "Transparent pixels of 1 image were made white." in read_images(tmp_path / "in").notes


def test_the_orientation_of_a_camera_is_followed(tmp_path):
    upright = np.zeros((6, 4, 3), np.uint8)
    upright[0] = 200
    for label in "ab":
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees to see it upright
        turned = np.rot90(upright + ord(label) - 97, 1)
        save(turned, tmp_path / label / "1.png", exif=exif)
    images = read_images(tmp_path)
    assert images.shape == (3, 6, 4) and (images.pixels[0] == np.moveaxis(upright, -1, 0)).all()


def test_odd_sizes_become_squares_of_the_median_side_at_most_64(tmp_path):
    for i, (height, width) in enumerate([(90, 100), (200, 80), (70, 70)]):
        save(np.full((height, width), i, np.uint8), tmp_path / "ab"[i % 2] / f"{i}.png")
    images = read_images(tmp_path)
    assert images.shape == (1, 64, 64)
    assert [image.max() for image in images.pixels] == [0, 2, 1]  # a flat image stays flat
    assert "Images of 3 sizes, 70 x 70 to 200 x 100 pixels" in images.notes[0]
    assert read_images(tmp_path, image_size=10).shape == (1, 10, 10)


def test_equal_sizes_keep_their_aspect(tmp_path):
    for label in "ab":
        save(np.full((50, 100), ord(label), np.uint8), tmp_path / label / "1.png")
    assert read_images(tmp_path).shape == (1, 32, 64)
    assert read_images(tmp_path, image_size=100).shape == (1, 50, 100)


def test_broken_files_are_named_counted_and_left_out(photos):
    (photos / "cat" / "text.jpg").write_text("no image")
    (photos / "cat" / "empty.png").write_bytes(b"")
    whole = (photos / "cat" / "0.png").read_bytes()
    (photos / "dog" / "half.png").write_bytes(whole[: len(whole) // 2])
    (photos / "dog" / "readme.txt").write_text("about dogs")
    images = read_images(photos)
    assert sorted(name for name, _ in images.broken) == ["cat/empty.png", "cat/text.jpg", "dog/half.png"]
    assert len(images) == 16 and images.pixels.shape[0] == 16
    notes = " ".join(images.notes)
    assert "Left out: 3 broken images" in notes and "cat/empty.png (it is empty)" in notes
    assert "Left out: 1 file of other kinds, such as dog/readme.txt." in notes
    last = images.names.index("dog/3.png")  # rows after a gap stand with their names
    assert (images.pixels[last] == np.moveaxis(np.asarray(Image.open(photos / "dog/3.png")), -1, 0)).all()


def test_wrong_endings_do_not_matter(photos):
    (photos / "cat" / "0.png").rename(photos / "cat" / "0.jpg")
    (photos / "cat" / "1.png").rename(photos / "cat" / "without")
    assert len(read_images(photos)) == 16


def png_header(width, height):
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize("side", [9_000, 100_000, 2**31 - 1])
def test_huge_dimensions_are_refused_before_decoding(photos, side):
    (photos / "cat" / "bomb.png").write_bytes(png_header(side, side) + bytes(1000))
    images = read_images(photos)
    assert [name for name, _ in images.broken] == ["cat/bomb.png"] and len(images) == 16


def test_links_out_of_the_folder_and_pipes_are_left_out(photos):
    secret = photos.parent / "secret.png"
    save(np.zeros((16, 20, 3), np.uint8), secret)
    (photos / "cat" / "link.png").symlink_to(secret)
    (photos / "loop").symlink_to(photos)
    os.mkfifo(photos / "dog" / "pipe.png")
    images = read_images(photos)
    assert len(images) == 16 and "2 links to folders or out of" in images.notes[0]
    assert images.broken == (("dog/pipe.png", "it is no regular file"),)


def test_names_that_are_no_text_can_be_read_and_shown(photos):
    odd = os.fsencode(photos / "cat") + b"/caf\xe9.png"
    os.rename(photos / "cat" / "0.png", odd)
    images = read_images(photos)
    assert "cat/caf\ufffd.png" in images.names and len(images) == 16
    "".join(images.names).encode()  # can be written to any file
    assert shown("a\udcffb") == "a\ufffdb"


def test_equal_images_are_held_together_and_contradictions_told(photos):
    (photos / "dog" / "copy.png").write_bytes((photos / "cat" / "3.png").read_bytes())
    images = read_images(photos)
    pair = [images.names.index(name) for name in ("cat/3.png", "dog/copy.png")]
    assert len(set(images.groups[pair])) == 1 and len(set(images.groups)) == 16
    (contradiction,) = map(str, images.findings)  # told once
    assert "1 picture stands in two or more classes with equal pixels: cat/3.png = dog/copy.png." in contradiction
    for number in (4, 5):
        (photos / "cat" / f"again {number}.png").write_bytes((photos / "cat" / "4.png").read_bytes())
    repeats, contradiction = map(str, read_images(photos).findings)
    assert repeats.removeprefix("caution: ").startswith("2 images of 19 repeat the pixels of another one of the class.")
    assert "1 picture stands in two" in contradiction


def test_an_image_with_two_labels_is_told_with_them(photos):
    (photos / "list.csv").write_text("path,label\ncat/0.png,cat\ncat/0.png,dog\ncat/1.png,cat\n")
    (contradiction,) = map(str, read_images(photos / "list.csv").findings)
    assert "1 image is listed twice with different labels: cat/0.png (cat, dog)." in contradiction


def test_a_table_of_paths_labels_and_groups(photos):
    lines = ["Path,label,group,part"]
    lines += [f"cat/{i}.png,cat,{i // 4},{'test' if i > 8 else 'train'}" for i in range(12)]
    lines += ["dog/0.png,dog,9,train", "dog/none.png,dog,9,train"]
    (photos / "list.csv").write_text("\n".join(lines))
    images = read_images(photos / "list.csv")
    assert len(images) == 13 and [name for name, _ in images.broken] == ["dog/none.png"]
    assert images.groups.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3]
    assert images.parts.tolist() == ["train"] * 9 + ["test"] * 3 + ["train"]
    assert "Left out: 1 image not found: dog/none.png." in images.notes
    assert images.notes[-1] == "Images of one 'group' are held out together: 4 groups."
    (found,) = images.findings
    assert "1 group of 'group' stands in the test part and in another one: '2'." in str(found)
    with pytest.raises(ValueError, match="holds the classes, so it cannot group images"):
        read_images(photos / "list.csv", group="label")
    (photos / "list.csv").write_text("photo,label\ncat/0.png,cat\n")
    with pytest.raises(ValueError, match="lacks 'path': its columns are 'photo' and 'label'"):
        read_images(photos / "list.csv")
    (photos / "list.csv").write_text("filename,kind\ncat/0.png,cat\n")
    with pytest.raises(ValueError, match=r"lacks 'label'.* --target NAME"):
        read_images(photos / "list.csv")
    assert read_images(photos / "list.csv", target="kind").labels.tolist() == ["cat"]


def test_groups_and_equal_pixels_are_joined(photos):
    (photos / "cat" / "copy.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    (photos / "list.csv").write_text(
        "path,label,group\ncat/0.png,cat,x\ncat/1.png,cat,x\ncat/copy.png,cat,y\ncat/2.png,cat,y\ndog/0.png,dog,z\n"
    )
    assert read_images(photos / "list.csv").groups.tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.xz"])
def test_archives_read_as_their_folder_does(photos, ending):
    archive = photos.parent / f"all{ending}"
    files = sorted(photos.rglob("*.png"))
    if ending == ".zip":
        with zipfile.ZipFile(archive, "w") as out:
            for file in files:
                out.write(file, file.relative_to(photos.parent))
            out.writestr("__MACOSX/photos/cat/._0.png", b"")
    else:
        with tarfile.open(archive, f"w:{ending[5:]}") as out:
            for file in files:
                out.add(file, file.relative_to(photos.parent))
    folder, packed = read_images(photos), read_images(archive)
    assert (np.sort(folder.labels) == np.sort(packed.labels)).all()
    order = [packed.names.index(f"photos/{name}") for name in folder.names]
    assert (packed.pixels[order] == folder.pixels).all()


def test_members_of_an_archive_cannot_leave_it(photos, tmp_path):
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as out:
        for file in photos.rglob("*.png"):
            out.add(file, file.relative_to(photos))
        for name in ("../escaped.png", "/escaped.png"):
            member = tarfile.TarInfo(name)
            out.addfile(member)
        link = tarfile.TarInfo("cat/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        out.addfile(link)
    images = read_images(archive)
    assert len(images) == 16 and not (tmp_path / "escaped.png").exists()
    assert "Left out: 3 members of evil.tar" in images.notes[0]


def test_a_zip_bomb_is_left_out(photos, tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for file in photos.rglob("*.png"):
            out.write(file, file.relative_to(photos))
        out.writestr("cat/bomb.png", bytes(1 << 25))
    images = read_images(tmp_path / "bomb.zip")
    assert len(images) == 16 and "cat/bomb.png" in images.notes[0]


def test_npz_in_the_layout_of_medmnist(tmp_path):
    rng = np.random.default_rng(0)
    parts = {"train": 6, "val": 3, "test": 4}
    arrays = {f"{p}_images": rng.integers(0, 256, (n, 28, 28, 3), dtype=np.uint8) for p, n in parts.items()}
    arrays |= {f"{p}_labels": rng.integers(0, 2, (n, 1)) for p, n in parts.items()}
    np.savez(tmp_path / "set.npz", **arrays)
    images = read_images(tmp_path / "set.npz")
    assert images.shape == (3, 28, 28) and (images.pixels[7, :, 2, 3] == arrays["val_images"][1, 2, 3]).all()
    assert images.parts.tolist() == ["train"] * 6 + ["val"] * 3 + ["test"] * 4
    assert images.labels.tolist() == [str(n) for p in parts for n in arrays[f"{p}_labels"][:, 0]]
    np.savez(tmp_path / "bad.npz", train_images=arrays["train_images"].astype(float), train_labels=np.zeros(6))
    with pytest.raises(ValueError, match="must be bytes"):
        read_images(tmp_path / "bad.npz")


def test_idx_files(tmp_path):
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    header = bytes((0, 0, 8, 3)) + struct.pack(">3I", *pixels.shape)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + pixels.tobytes()))
    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte"):
        read_images(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(bytes((0, 0, 8, 1)) + struct.pack(">I", 2) + b"\5\7")
    images = read_images(tmp_path)
    assert (images.pixels[:, 0] == pixels).all() and images.labels.tolist() == ["5", "7"] and images.parts is None


def test_pixels_are_decoded_once(photos, tmp_path, monkeypatch):
    first = read_images(photos, cache=tmp_path / "cache")
    monkeypatch.setattr("equipoise.images.store.opened", lambda *_: pytest.fail("decoded again"))
    again = read_images(photos, cache=tmp_path / "cache")
    assert isinstance(again.pixels.base, np.memmap) or isinstance(again.pixels, np.memmap)
    assert (again.pixels == first.pixels).all() and again.names == first.names
    monkeypatch.undo()
    save(np.zeros((16, 20, 3), np.uint8), photos / "cat" / "0.png")
    assert (read_images(photos, cache=tmp_path / "cache").pixels[0] == 0).all()


def test_small_images_of_one_size_are_opened_once(photos, monkeypatch):
    opened, times = store.opened, []
    for module in (store, decoding):
        monkeypatch.setattr(module, "opened", lambda file: times.append(file.name) or opened(file))
    monkeypatch.setattr(store, "_SAMPLE", 4)
    assert len(read_images(photos, n_jobs=1)) == 16 and len(times) == 16 + 4


def test_an_image_of_another_size_beyond_the_sample_counts(photos, monkeypatch):
    monkeypatch.setattr(store, "_SAMPLE", 1)  # cat/0.png
    save(np.full((40, 20, 3), 7, np.uint8), photos / "dog" / "9.png")
    odd = read_images(photos)
    assert odd.shape == (3, 16, 16) and (odd.pixels[odd.names.index("dog/9.png")] == 7).all()
    monkeypatch.setattr(store, "_SMALL", 1)  # headers of all files first
    assert (read_images(photos).pixels == odd.pixels).all() and read_images(photos).notes == odd.notes


def test_processes_give_the_same_as_one(photos, monkeypatch):
    monkeypatch.setattr("equipoise.images.store._A_PROCESS", 4)
    monkeypatch.setattr("equipoise.images.store._AT_ONCE", 5)
    assert (read_images(photos, n_jobs=2).pixels == read_images(photos, n_jobs=1).pixels).all()


def test_many_classes_and_one_image_a_class(tmp_path):
    for i in range(121):
        save(np.full((4, 4), i, np.uint8), tmp_path / f"class {i}" / "only.png")
    assert len(set(read_images(tmp_path).labels)) == 121


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda place: save(np.zeros((4, 4), np.uint8), place / "a.png"), "needs a folder for each class"),
        (lambda place: (place / "a").mkdir(parents=True), "needs a folder for each class"),
        (lambda place: save(np.zeros((4, 4), np.uint8), place / "a/b.txt.d/x"), None),
    ],
)
def test_folders_without_classes_are_refused(tmp_path, prepare, message):
    if message is None:
        (tmp_path / "in" / "a").mkdir(parents=True)
        (tmp_path / "in" / "a" / "x.png").write_text("nothing")
        message = "holds no image that can be read, of 1 file. The first, a/x.png: its content is no image"
    else:
        prepare(tmp_path / "in")
    with pytest.raises(ValueError, match=message):
        read_images(tmp_path / "in")
