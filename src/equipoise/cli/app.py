"""The commands, and how their errors and warnings read."""

import sqlite3
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from equipoise import __version__
from equipoise.cli.compare import compare
from equipoise.cli.datasets import fetch, list_datasets
from equipoise.cli.export import export
from equipoise.cli.fit import fit
from equipoise.cli.predict import predict
from equipoise.cli.reproduce import reproduce

app = App(
    name="equipoise",
    version=__version__,
    help="Train classifiers on imbalanced data, and learn which treatment of the imbalance helps.",
    default_parameter=Parameter(negative=()),
)
for command in (compare, fit, predict, export, reproduce):
    app.command(command)
datasets_app = App(name="datasets", help="List and download the named data sets.")
datasets_app.command(list_datasets, name="list")
datasets_app.command(fetch)
app.command(datasets_app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error is one sentence and a non-zero exit."""
    warnings.showwarning = _show_warning
    typed = sys.argv[1:] if arguments is None else arguments
    try:
        app(typed, result_action="return_value", exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, TypeError, OSError, sqlite3.Error, MemoryError, ImportError, CycloptsError) as error:
        sys.exit(f"equipoise: {_sentence(error)}")


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning without the line of code that raised it."""
    print(f"Note: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'the output'}. Free space or choose another place (--out)."
    return " ".join(str(error).split()) or type(error).__name__
