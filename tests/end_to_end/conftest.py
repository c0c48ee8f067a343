"""A table on disk as a user would bring it, and the command line as a process."""

import time

import numpy as np
import pandas as pd
import pytest

from equipoise.cli import main


@pytest.fixture(scope="session")
def frame():
    rng = np.random.default_rng(0)
    fraud = np.repeat(["no", "yes"], [170, 40])
    table = pd.DataFrame(
        {
            "amount": rng.normal(size=210).round(3) + 2.0 * (fraud == "yes"),
            "country": rng.choice(["France", "Österreich", "Perú"], 210),
            "online": rng.random(210) > 0.5,
            "day": np.random.default_rng(1).permutation(pd.date_range("2025-01-01", periods=210).strftime("%Y-%m-%d")),
            "is_fraud": fraud,
        }
    ).sample(frac=1, random_state=1, ignore_index=True)
    table.loc[::19, "amount"] = np.nan
    table.loc[::23, "country"] = None
    return table


@pytest.fixture(scope="session")
def fraud_csv(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "fraud.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def begun(program):
    """Begin a command in a process of its own, with no workers unless their number is given."""

    def begin(*arguments, workers=1):
        environment = {"COLUMNS": "200", "LOKY_MAX_CPU_COUNT": str(workers)}
        return program("from equipoise.cli import main; main()", *arguments, **environment)

    return begin


@pytest.fixture(scope="session")
def equipoise(begun):
    """Run a command in a process of its own; it must end as told, and never show a traceback."""

    def run(*arguments, code=0):
        process = begun(*arguments)
        assert process.wait() == code, process.errors + process.said
        assert "Traceback" not in process.errors
        return process

    return run


@pytest.fixture
def here(capsys):
    """Run the command line in this process; returns what it said, or its sentence where it is refused."""

    def run(*arguments, refused=False):
        if not refused:
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as ended:
                if ended.code != 1:
                    raise
                said = capsys.readouterr().out
                assert "No model was saved" in said  # a comparison without a winner
                return said
            return capsys.readouterr().out
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        assert str(caught.value.code).startswith("equipoise: ")
        return str(caught.value.code)

    return run


@pytest.fixture(scope="session")
def quick():
    """Options of a comparison that takes seconds."""
    return (
        "--target",
        "is_fraud",
        "--recipes",
        "none",
        "under",
        "remix",
        "gbdt",
        "--members",
        "1",
        "--repeats",
        "1",
        "--folds",
        "3",
    )


@pytest.fixture(scope="session")
def report(equipoise, fraud_csv, quick, tmp_path_factory):
    """The folder of a comparison that nothing disturbed, what it said and the seconds that it took."""
    folder, started = tmp_path_factory.mktemp("compare") / "report", time.monotonic()
    done = equipoise("compare", fraud_csv, *quick, "--out", folder)
    return folder, done.said, time.monotonic() - started
