"""What each entry point imports: start takes no longer than its use needs."""

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


def modules_after(code):
    """Which heavy modules a program loads."""
    report = f"import sys; print(*({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def command(*arguments):
    """Program that runs the command line to its end."""
    return f"from equipoise.cli import main\ntry:\n    main({list(arguments)})\nexcept SystemExit:\n    pass"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import equipoise; equipoise.__version__, equipoise.__all__", set()),
        ("from equipoise.losses import VSLoss", {"torch"}),
        ("from equipoise import ReMix, BalancedBatchSampler", {"torch"}),
        ("from equipoise import NeuralClassifier", WITH_SKLEARN),
        ("from equipoise import metrics", WITH_SKLEARN - {"torch"}),
        ("from equipoise.tables import read_table", WITH_SKLEARN - {"torch"}),
        (command("--version"), set()),
        (command("--help"), set()),
        (command("compare", "--help"), set()),
        (command("compare", "--memebrs", "3"), set()),
        (command("compare", "nowhere.csv", "--target", "y"), set()),
        (command("fit", "nowhere.csv", "--target", "y"), set()),
        (command("predict", "model", "nowhere.csv", "--out", "scored.csv"), set()),
        (command("export", "model", "--onnx", "nowhere/model.onnx"), set()),
        (command("compare", "pyproject.toml", "--target", "y", "--budget", "nan"), set()),
    ],
)
def test_entry_points_load_no_more_than_they_need(code, allowed):
    assert modules_after(code) <= allowed


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
