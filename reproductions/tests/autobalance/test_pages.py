"""The pages as they are typed, on stand-ins; what was run is not run again."""

import pytest

from equipoise.cli import main
from equipoise_reproductions.autobalance import causes, study
from equipoise_reproductions.autobalance.adult import adult
from equipoise_reproductions.autobalance.arms import GROUPS, IMAGES, TABLES
from equipoise_reproductions.autobalance.tails import SETS


@pytest.fixture
def reproduce(stand_ins, tmp_path, read):
    def run(name):
        main(["reproduce", name, "--out", str(tmp_path), "--quick"])
        return read(tmp_path / f"{name}.html")

    return run


def test_tables(reproduce, tmp_path, capsys, nothing_is_left_to_fit):
    page = reproduce("autobalance-tables")
    assert "Missing: three, letter, seizure." in page.text and "LA with a tuned tau is " in page.text
    assert all(arm.title in page.text for arm in TABLES)
    assert (tmp_path / "autobalance-tables-claims.md").read_text().count("\n| A") == 3
    nothing_is_left_to_fit()
    assert reproduce("autobalance-tables").html == page.html


def test_groups(reproduce, tmp_path, capsys):
    page = reproduce("autobalance-groups")
    assert all(arm.title in page.text for arm in GROUPS) and len(page.plots) == 5
    assert "A3: " in page.text and "A5: " in page.text


def test_images(reproduce, tmp_path, capsys, nothing_is_left_to_fit):
    page = reproduce("autobalance-images")
    assert all(arm.title in page.text for arm in IMAGES) and len(page.plots) == 2
    assert "LA with a tuned tau is " in page.text and "A2: " in page.text
    assert (tmp_path / "image-scores.csv").read_text().count("\n") == 1 + 2 * len(IMAGES)
    assert (tmp_path / "image-classes.csv").read_text().count("\n") == 1 + 20 * len(IMAGES)
    nothing_is_left_to_fit()
    assert reproduce("autobalance-images").html == page.html


def test_causes(reproduce, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(causes, "SOURCES", {"optdigits": SETS["optdigits"]})
    monkeypatch.setattr(causes, "QUICK", causes.Effort(n_seeds=1, n_steps=24))
    page = reproduce("autobalance-causes")
    assert all(title in page.text for title in (*causes.ARMS.values(), *causes.CAUSES))
    assert "beats LA with a tuned tau, over 1 sources." in page.text
    monkeypatch.setattr(causes, "scores", None)  # nothing is run again
    assert reproduce("autobalance-causes").html == page.html


def test_adult_names_its_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"adult-train\.csv and .*adult-test\.csv cannot be found: save"):
        adult(data_home=tmp_path)


def test_adult_is_read_as_uci_writes_it(tmp_path):
    files = tmp_path / "files"
    files.mkdir()
    line = "39, State-gov, 77516, Bachelors, 13, Never-married, ?, Not-in-family, White, {}, 2174, 0, 40, Cuba, {}\n"
    (files / "adult-train.csv").write_text(line.format("Male", "<=50K") * 3 + line.format("Female", ">50K"))
    (files / "adult-test.csv").write_text(line.format("Female", ">50K."))
    dataset = adult(data_home=tmp_path)
    assert (
        dataset.y.tolist() == ["<=50K"] * 3 + [">50K"] * 2 and dataset.groups.tolist() == ["Male"] * 3 + ["Female"] * 2
    )
    assert "sex" not in dataset.X and dataset.X["occupation"].isna().all() and dataset.X["age"].tolist() == [39] * 5
    assert study.ADULT.most_rows >= 48_842
