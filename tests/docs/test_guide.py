"""The Python of the guide, of the README and of the lines beside other libraries' runs as printed."""

import functools
import re
import runpy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch.utils.data import DataLoader, TensorDataset

ROOT = Path(__file__).parents[2]
SEARCH = ROOT / "docs" / "guide" / "let-the-validation-rows-choose-the-loss.md"
OPTIONAL = {"lightning_fabric", "shap", "skorch"}
PIECES = re.compile(r"^## (?P<heading>[^\n]+)|^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    heading: str
    line: int  # lines of the page above it
    code: str


def blocks(page: str) -> Iterator[Block]:
    """Fenced Python, each with the second-level heading that it stands under."""
    heading = ""
    for piece in PIECES.finditer(page):
        heading = piece["heading"] or heading
        if piece["language"] == "python":
            yield Block(heading, page.count("\n", 0, piece.start("code")), piece["code"])


def script(parts: Iterable[Block]) -> str:
    """Join blocks, each on its lines of the page, so that a traceback names them."""
    text = ""
    for part in parts:
        text += "\n" * (part.line - text.count("\n")) + part.code
    return text


def sections(page: str) -> dict[str, str]:
    """Script of each section of a page: its first section holds what all others begin with."""
    found = list(blocks(page))
    return {part.heading: script(b for b in found if b.heading in (found[0].heading, part.heading)) for part in found}


def run(program: Callable[..., Any], code: str, path: Path, **names: object) -> None:
    """Run as ``python path`` would."""
    if "num_workers" in code:  # forks of this process could wait forever for a lock that one of its threads held
        done = program(code)
        assert done.wait() == 0, done.errors
        return
    path.write_text(code, encoding="utf-8")
    try:
        runpy.run_path(str(path), names, run_name="__main__")
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


def test_a_section_begins_with_the_first_and_keeps_line_numbers():
    page = "## A\n```python\na = 1\n```\n## B\n```\n## no\n```\n```python\nb = a\n```\n### D\n```python\nd = b\n```\n"
    assert sections(page) == {"A": "\n\na = 1\n", "B": "\n\na = 1\n\n\n\n\n\n\nb = a\n\n\n\nd = b\n"}


GUIDE = [
    pytest.param(page.name, code, id=f"{page.stem}: {heading}")
    for page in [*sorted((ROOT / "docs" / "guide").rglob("*.md")), ROOT / "docs" / "scale.md"]
    for heading, code in sections(page.read_text("utf-8")).items()
]
README = [
    pytest.param(script([block]), id=f"line {block.line}") for block in blocks((ROOT / "README.md").read_text("utf-8"))
]
COMING = [
    pytest.param(script([block]), id=f"{block.heading}, line {block.line}")
    for block in blocks((ROOT / "docs" / "coming-from" / "index.md").read_text("utf-8"))
    if block.heading != "AutoGluon"  # not at hand
]


@pytest.mark.parametrize(("page", "code"), GUIDE)
def test_a_section_of_the_guide_runs(program, page, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(program, code, tmp_path / f"{page}.py")


@pytest.mark.parametrize("code", README)
def test_an_example_of_the_readme_runs_on_the_readers_data(program, code, problem, tmp_path):
    X, y = problem((120, 12))
    loader = DataLoader(TensorDataset(torch.from_numpy(X).float(), torch.from_numpy(y)), batch_size=44)
    names = {"frame": pd.DataFrame(X).add_prefix("x"), "labels": y, "model": torch.nn.Linear(4, 2), "torch": torch}
    run(program, code, tmp_path / "README.md.py", X=X, y=y, loader=loader, **names)


@pytest.mark.parametrize("code", COMING)
def test_lines_beside_another_library_run(program, code, problem, tmp_path):
    X, y = problem((60, 20))
    X = X.astype("float32")
    module = functools.partial(torch.nn.Linear, 4, 2)
    names = {"frame": pd.DataFrame(X).add_prefix("x"), "labels": y, "classifier": LogisticRegression()}
    if "XGBClassifier" in code:
        names["XGBClassifier"] = pytest.importorskip("xgboost").XGBClassifier
    run(program, code, tmp_path / "coming.py", X=X, y=y, Module=module, **names)


JOINED = """
import sys
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
"""
COMPARED = """
mine = {name: value.tolist() for name, value in search.parameters.items()}
everyones = [None, None]
distributed.all_gather_object(everyones, mine)
assert everyones[0] == everyones[1], everyones
distributed.destroy_process_group()
"""


def test_two_processes_run_the_search_as_printed_and_find_one_augmentation(program, tmp_path):
    code = sections(SEARCH.read_text("utf-8"))["Augmentation of images by class"]
    optimizer = "optimizer = torch.optim.Adam(model.parameters(), lr=0.003)"
    own_batches = "torch.manual_seed(0)\nmodel = nn.Sequential("
    assert code.count(optimizer) == code.count(own_batches) == 1
    code = code.replace(own_batches, own_batches.replace("0", "rank", 1))
    code = code.replace(optimizer, f"model = DistributedDataParallel(model)\n{optimizer}")
    both = [program(JOINED + code + COMPARED, rank, tmp_path / "meet", folder=tmp_path) for rank in (0, 1)]
    for process in both:
        assert process.wait() == 0, process.errors
