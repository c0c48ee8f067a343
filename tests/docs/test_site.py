"""The site names every public name, and its figures are those of the pages that it links to."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INTERNAL = {"persistence", "reports"}  # packages whose exports serve the command line


def exported(stub: Path) -> dict[str, str]:
    """Names that a package exports, with the module that each comes from."""
    lines = re.findall(r"^from \.(\S+) import \w+ as (\w+)$", stub.read_text(), re.MULTILINE)
    return {name: module for module, name in lines}


def test_api_reference_lists_what_is_public():
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api" / "index.md").read_text(), re.MULTILINE)
    source = ROOT / "src" / "equipoise"
    top = exported(source / "__init__.pyi")
    public = set(top)
    for stub in source.glob("*/__init__.pyi"):
        if (package := stub.parent.name) not in INTERNAL:
            public |= {f"{package}.{name}" for name in exported(stub) if top.get(name) != package}
    others = {name for name in listed if name.split(".")[0] in {"metrics", "recipes", "persistence"}}
    assert set(listed) - others == public
    assert max(Counter(listed).values()) == 1


@pytest.mark.parametrize(("paper", "letter"), [("ReMix", "R"), ("MUBO", "M"), ("AutoBalance", "A")])
def test_claims_are_counted_right(paper: str, letter: str):
    claims = (DOCS / "reproductions" / "claims.md").read_text()
    verdicts = dict(re.findall(rf"^\| ({letter}\d+) \|.*?\| \*\*(.*?)\*\*", claims, re.MULTILINE))
    counts = Counter(verdicts.values())
    (row,) = re.findall(rf"^\| \[{paper}\].*?((?:\| \d+ )+)\|$", (DOCS / "honest-numbers.md").read_text(), re.MULTILINE)
    kinds = ("holds", "holds in part", "does not hold", "cannot be tested")
    assert [int(number) for number in re.findall(r"\d+", row)] == [counts[kind] for kind in kinds]
