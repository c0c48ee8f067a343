"""A folder is held by one run at a time, and let go however that run ends."""

import getpass
import os
import stat
import tempfile

import pytest

from equipoise.experiments.holding import held

HOLD = (
    "import sys, time; from pathlib import Path; from equipoise.experiments.holding import held\n"
    "with held(Path(sys.argv[1])): print('held', flush=True); time.sleep(600)"
)


def test_a_second_run_says_who_holds_the_folder(program, tmp_path):
    process = program(HOLD, tmp_path)
    assert process.first_line() == "held"
    with pytest.raises(BlockingIOError, match=rf"is being written by process {process.pid}, since 20"), held(tmp_path):
        pass
    other = tmp_path / "other"
    with held(other):  # a folder beside it is free
        pass
    process.kill()
    with held(tmp_path / "." / "other" / ".."):  # the same folder by another name, free again
        assert not os.listdir(tmp_path)


def test_a_folder_is_let_go_after_an_error(tmp_path):
    with pytest.raises(KeyError), held(tmp_path):
        raise KeyError
    with held(tmp_path):
        pass


def test_locks_are_the_users_own_and_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with held(tmp_path / "report"):
        (folder,) = tmp_path.iterdir()
        assert getpass.getuser() in folder.name and stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list(folder.iterdir())
    assert not list(folder.iterdir())
