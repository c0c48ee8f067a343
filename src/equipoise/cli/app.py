"""The commands, and how their errors and warnings read."""

import atexit
import errno
import gc
import os
import re
import signal
import sqlite3
import sys
import threading
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

from cyclopts import App, CoercionError, CycloptsError, Parameter

from equipoise import __version__
from equipoise.cli.began import begin
from equipoise.cli.check import check
from equipoise.cli.compare import compare
from equipoise.cli.datasets import fetch, list_datasets
from equipoise.cli.export import export
from equipoise.cli.fit import fit
from equipoise.cli.plan import plan
from equipoise.cli.predict import predict
from equipoise.cli.reproduce import reproduce

_MISSING = "--missing-values"
_RARELY = 100_000  # objects made before the garbage collector looks: imports make as many, and no garbage
_PATIENT = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_THREAD_TIMEOUT": "4"}
"""Threads sleep as they wait for each other: on a busy machine they would compute little else."""
_AS_IN_PYTHON = signal.default_int_handler

app = App(
    name="equipoise",
    version=__version__,
    help="Train classifiers on imbalanced data, and learn which treatment of the imbalance helps.",
    default_parameter=Parameter(negative=()),
)
for command in (check, compare, fit, predict, export, reproduce, plan):
    app.command(command)
datasets_app = App(name="datasets", help="List and download the named data sets.")
datasets_app.command(list_datasets, name="list")
datasets_app.command(fetch)
app.command(datasets_app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error is one sentence and a non-zero exit."""
    warnings.showwarning = _show_warning
    _tell_once.cache_clear()
    warnings.filterwarnings("ignore", "A worker stopped while some jobs")  # joblib begins another one
    begin(with_process=arguments is None)
    if arguments is None:  # the process is ours
        for name, value in _PATIENT.items():
            os.environ.setdefault(name, value)
        gc.set_threshold(_RARELY)
        atexit.register(gc.freeze)  # else its end would look through all modules
    typed = _with_hyphens(sys.argv[1:] if arguments is None else arguments)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is _AS_IN_PYTHON:
        signal.signal(signal.SIGINT, _stop)
    try:
        app(typed, result_action="return_value", exit_on_error=False, print_error=False)
    except KeyboardInterrupt:
        sys.exit(130)
    except (ValueError, TypeError, OSError, sqlite3.Error, MemoryError, ImportError, CycloptsError) as error:
        sys.exit(f"equipoise: {_sentence(error)}")


def _stop(*_: Any) -> None:
    """Answer Ctrl-C at once: workers take a while to end; a second one ends without ado."""
    signal.signal(signal.SIGINT, _AS_IN_PYTHON)
    os.write(2, b"\nStopping ...\n")
    raise KeyboardInterrupt


def _with_hyphens(typed: Sequence[str]) -> list[str]:
    """Let texts for missing begin with a hyphen, as in ``--missing-values - -999``: only words are options."""
    found: list[str] = []
    open_list = False
    for token in typed:
        is_option = re.match(r"--?[A-Za-z]", token) is not None
        open_list = token == _MISSING if is_option else open_list
        if token != _MISSING:
            found.append(f"{_MISSING}={token}" if open_list else token)
    return found


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning without the line of code that raised it."""
    _tell_once(str(message))


@cache
def _tell_once(message: str) -> None:
    """Print a note that was not printed before: the same is true of many folds."""
    print(f"Note: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    token = error.token if isinstance(error, CoercionError) else None
    if token is not None and re.fullmatch(r"[+-]?\d*,\d+", token.value):  # as decimals are written in many languages
        return f"{token.keyword or 'A number'} is {token.value!r}: write {token.value.replace(',', '.')}."
    if isinstance(error, OSError) and error.strerror:
        remedy = "Free space or choose" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Choose"
        return f"{error.strerror}: {error.filename or 'the output'}. {remedy} another place (--out)."
    return " ".join(str(error).split()) or type(error).__name__
