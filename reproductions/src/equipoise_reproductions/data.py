"""What papers say, kept as data beside the code: printed numbers and claims, and results written as tables."""

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from equipoise.files import replace_file
from equipoise_reproductions.claims import Claim, Statement


@cache
def paper(name: str) -> dict[str, Any]:
    """Read ``papers/<name>.toml``."""
    return tomllib.loads((files("equipoise_reproductions") / "papers" / f"{name}.toml").read_text(encoding="utf-8"))


def rows(name: str, part: str) -> list[dict[str, Any]]:
    """Read the tables of a part of a paper, lists as tuples."""
    return [{key: tuple(v) if isinstance(v, list) else v for key, v in row.items()} for row in paper(name)[part]]


def printed(name: str) -> pd.DataFrame:
    """Read ``papers/<name>.csv``, a table as a paper prints it."""
    with (files("equipoise_reproductions") / "papers" / f"{name}.csv").open(encoding="utf-8") as text:
        return pd.read_csv(text)


def judged(name: str, part: str = "claims", /, **statements: Iterable[Statement]) -> list[Claim]:
    """Return claims of a part of a paper by their names, each judged by its statements."""
    claims = paper(name)[part]
    return [Claim(claim, statements=list(found), **claims[claim]) for claim, found in statements.items()]


def write_frames(out: Path, facts: dict[str, Any]) -> None:
    """Write every frame among facts as a csv file of its name, an index that has a name with it."""
    for name, frame in facts.items():
        if isinstance(frame, pd.DataFrame):
            text = frame.round(6).to_csv(index=frame.index.name is not None, lineterminator="\n")
            replace_file(out / f"{name.replace('_', '-')}.csv", text)
