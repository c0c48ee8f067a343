"""What a release states agrees with what it is."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import equipoise

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_one_version_is_stated_everywhere():
    reproductions = tomllib.loads((ROOT / "reproductions" / "pyproject.toml").read_text())["project"]
    (cited,) = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    latest = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert {PROJECT["version"], reproductions["version"], cited, latest} == {equipoise.__version__}


def test_the_lowest_versions_are_within_the_ranges():
    """Every range is met by its lowest tested version."""
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    lowest = dict(line.split("==") for line in lines if not line.startswith("#"))
    ranges = {wanted.name: wanted.specifier for wanted in map(Requirement, PROJECT["dependencies"])}
    assert set(ranges) == set(lowest)
    for name, version in lowest.items():
        (bound,) = ranges[name]
        assert version in ranges[name] and version.startswith(bound.version), name


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Sentences of the smoke test of a release, from a process in which no extra can be imported."""
    folder = tmp_path_factory.mktemp("extras")
    code = (
        f"import json, runpy, pathlib; smoke = runpy.run_path({str(ROOT / '.ci' / 'smoke.py')!r}); "
        f"folder = pathlib.Path({str(folder)!r}); smoke['table'](folder); print(json.dumps(smoke['sentences'](folder)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("extra", ["boosting", "dask", "excel", "mlflow", "onnx", "ray", "text"])
def test_a_missing_extra_is_named(extra, said):
    assert f"pip install 'equipoise[{extra}]'" in said[extra]
