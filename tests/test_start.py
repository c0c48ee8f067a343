"""What each entry point imports: start takes no longer than its use needs."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import equipoise

HEAVY = {
    "dask",
    "imblearn",
    "matplotlib",
    "mlflow",
    "onnx",
    "pandas",
    "pyarrow",
    "pytest",
    "ray",
    "sklearn",
    "skops",
    "torch",
}
WITH_SKLEARN = {"torch", "pandas", "pyarrow", "sklearn", "dask"}  # scikit-learn looks for dask, pandas for pyarrow


LIBRARY = WITH_SKLEARN - {"torch"}


def command(*arguments):
    """Program that runs the command line to its end."""
    return f"from equipoise.cli import main\ntry:\n    main({list(arguments)})\nexcept SystemExit:\n    pass"


PROGRAMS = [  # entries one after the other, each with the heavy modules that may be loaded by then
    {
        command("--version"): set(),
        command("--help"): set(),
        command("compare", "--help"): set(),
        command("compare", "--memebrs", "3"): set(),
        command("compare", "nowhere.csv", "--target", "y"): set(),
        command("fit", "nowhere.csv", "--target", "y"): set(),
        command("predict", "model", "nowhere.csv", "--out", "scored.csv"): set(),
        command("export", "model", "--onnx", "nowhere/model.onnx"): set(),
        command("compare", "pyproject.toml", "--target", "y", "--budget", "nan"): set(),
        "from equipoise import metrics": LIBRARY,
        "from equipoise.tables import read_table": LIBRARY,
    },
    {
        "import equipoise; equipoise.__version__, equipoise.__all__": set(),
        "from equipoise.losses import VSLoss": {"torch"},
        "from equipoise import ReMix, BalancedBatchSampler": {"torch"},
        "from equipoise import NeuralClassifier": WITH_SKLEARN,
    },
]


@pytest.fixture(scope="module")
def loaded():
    """The heavy modules that are there after each entry of a program."""

    def run(entries):
        program = f"import json, sys\nfound = []\nfor code in {list(entries)}:\n    exec(code)\n"
        program += f"    found.append(sorted({HEAVY} & set(sys.modules)))\nprint(json.dumps(found))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        return dict(zip(entries, map(set, json.loads(done.stdout.splitlines()[-1])), strict=True))

    return {code: modules for entries in PROGRAMS for code, modules in run(entries).items()}


@pytest.mark.parametrize(("code", "allowed"), [entry for entries in PROGRAMS for entry in entries.items()])
def test_entry_points_load_no_more_than_they_need(loaded, code, allowed):
    assert loaded[code] <= allowed


def test_what_is_loaded_is_seen(loaded):
    assert "torch" in loaded["from equipoise.losses import VSLoss"]


def test_every_public_name_is_there():
    assert all(getattr(equipoise, name) is not None for name in equipoise.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        equipoise.nothing


def test_no_public_name_is_that_of_a_module_beside_it():
    """Importing the module would put it in the place of the function that loads when first used."""
    home = Path(equipoise.__file__).parent
    for stub in home.rglob("__init__.pyi"):
        named = re.findall(r"import (\w+) as \1$", stub.read_text(encoding="utf-8"), re.MULTILINE)
        lazy = [name for name in named if (stub.parent / f"{name}.py").exists() and name not in ("metrics", "recipes")]
        assert not lazy, (stub, lazy)
