"""The order of the house: imports go down the floors that CONTRIBUTING.md lists, and never in a circle at run time."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"


def floors():
    """Rooms of each floor, from the roof down, as CONTRIBUTING.md lists them."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^```floors\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [line.split() for line in listed.splitlines()]


def modules():
    """File of each module, by its dotted name."""
    named = {}
    for file in SOURCE.rglob("*.py"):
        parts = file.relative_to(SOURCE).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return named


MODULES = modules()


@cache
def exported(package):
    """Module that each public name of a package comes from."""
    stub = MODULES[package].with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else MODULES[package]).read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            source = f"{package}.{node.module}" if node.level else node.module
            found |= {name.name: source for name in node.names}
    return found


def source_of(module, name):
    """Module in which `from module import name` ends."""
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    if MODULES[module].name == "__init__.py" and (source := exported(module).get(name, "")).startswith("equipoise."):
        return source_of(source, name)
    return module


def without_types(node):
    """Tree without what stands under `if TYPE_CHECKING`."""
    for child in ast.walk(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            child.body = []
    return node


def imported(file, types):
    """Modules of ours that a file imports at its top or in a function, with or without those for types only."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree if types else without_types(tree)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: relative import"
            if node.module.split(".")[0] == "equipoise":
                yield from (source_of(node.module, name.name) for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] == "equipoise")


def room(module):
    """First part of a module's name below the package's; the package itself has none."""
    return module.partition(".")[2].partition(".")[0]


def test_every_room_stands_on_one_floor():
    assert sorted(name for floor in floors() for name in floor) == sorted({room(module) for module in MODULES} - {""})


def test_imports_go_down_only():
    height = {name: -level for level, floor in enumerate(floors()) for name in floor}
    up = [
        f"{module} imports {other}"
        for module, file in MODULES.items()
        for other in imported(file, types=True)
        if room(module) and room(other) != room(module) and room(other) and height[room(other)] >= height[room(module)]
    ]
    assert not up


def test_no_module_imports_itself_through_others():
    graph = {module: {*imported(file, types=False)} - {module} for module, file in MODULES.items() if room(module)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))
