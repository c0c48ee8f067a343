"""Use an installed equipoise as a reader of the start page would, without any extra.

``python .ci/smoke.py`` in a fresh environment; `make release-check` does so.
"""

import importlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import equipoise

EXTRAS = {
    "boosting": ("lightgbm", "xgboost", "catboost"),
    "dask": ("distributed", "dask"),
    "excel": ("openpyxl", "python_calamine"),
    "mlflow": ("mlflow",),
    "onnx": ("onnx", "onnxruntime"),
    "ray": ("ray",),
    "text": ("sentence_transformers",),
}
"""Packages of each extra that a command or function of the library asks for."""


def table(folder: Path) -> Path:
    """Write a small table with a rare class."""
    rng = np.random.default_rng(0)
    fraud = rng.random(400) < 0.15
    frame = pd.DataFrame({"amount": rng.lognormal(3 + fraud, 1), "age": rng.integers(18, 90, 400)})
    frame.assign(country=rng.choice(["at", "de"], 400), is_fraud=np.where(fraud, "yes", "no")).to_csv(
        folder / "fraud.csv", index=False
    )
    return folder / "fraud.csv"


def run(*arguments: str | Path) -> str:
    """Run the command line to its end."""
    done = subprocess.run([sys.executable, "-m", "equipoise.cli", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"equipoise {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def public_names() -> int:
    """Import every public name, of the package and of its parts."""
    count = 0
    for package in ("", ".batches", ".classifiers", ".datasets", ".decisions", ".images", ".losses", ".networks"):
        module = importlib.import_module(f"equipoise{package}")
        count += len([getattr(module, name) for name in module.__all__])
    return count


def uses(folder: Path) -> dict[str, Callable[[], object]]:
    """One use of each extra."""
    encoder = folder / "encoder"
    encoder.mkdir()
    (encoder / "modules.json").write_text("[]")
    (folder / "fraud.xlsx").write_bytes(b"")

    def cluster(name: str) -> object:
        from equipoise.machines import backend

        with backend(name):
            return None

    def encode() -> object:
        from equipoise.tables.text_encoder import check_encoder

        return check_encoder(encoder)

    return {
        "boosting": lambda: equipoise.recipes.make("lightgbm"),
        "dask": lambda: cluster("dask"),
        "excel": lambda: equipoise.tables.read_table(folder / "fraud.xlsx"),
        "mlflow": lambda: importlib.import_module("equipoise.tracking"),
        "onnx": lambda: importlib.import_module("equipoise.onnx_export"),
        "ray": lambda: cluster("ray"),
        "text": encode,
    }


def sentences(folder: Path) -> dict[str, str]:
    """What the library says where an extra is not installed."""
    for packages in EXTRAS.values():
        sys.modules.update(dict.fromkeys(packages))  # as if they were not there
    said = {}
    for extra, use in uses(folder).items():
        try:
            use()
            said[extra] = "nothing"
        except ImportError as error:
            said[extra] = str(error)
    return said


def main() -> None:
    """Run it all; the exit status tells whether it went well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fraud, model, scored = table(folder), folder / "model", folder / "scored.csv"
        print(f"equipoise {run('--version').strip()}, {public_names()} public names")
        run("fit", fraud, "--target", "is_fraud", "--out", model)
        run("predict", model, fraud, "--out", scored)
        found = (pd.read_csv(scored)["prediction"] == pd.read_csv(fraud)["is_fraud"]).mean()
        print(f"fit and predict: {found:.0%} of the training rows right")
        report = folder / "report"
        run("compare", fraud, "--target", "is_fraud", "--recipes", "logistic", "gbdt", "--folds", "3", "--out", report)
        print("compare:", ", ".join(sorted(path.name for path in report.iterdir())))
        for extra, sentence in sentences(folder).items():
            if f"pip install 'equipoise[{extra}]'" not in sentence:
                sys.exit(f"Without the extra {extra!r}: {sentence}")
        print("extras:", ", ".join(EXTRAS), "are named where they are missed")


if __name__ == "__main__":
    main()
