"""No file of the package needs itself: the imports between files have no circle, wherever a file imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfmeta

PACKAGE = Path(tfmeta.__file__).resolve().parent


def module_of(path: Path, root: Path) -> str:
    parts = [root.name, *path.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, root: Path, modules: set[str]) -> Iterator[str]:
    """The modules that a file names: at its top, inside functions, and for type checkers alone."""
    package = module_of(path, root).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*above, *([node.module] if node.module else [])])
            # What is imported is a module, or a name that a module defines.
            whole = {alias.name: f"{source}.{alias.name}" for alias in node.names}
            names = [name if name in modules else source for name in whole.values()]
        yield from (name for name in names if name in modules)


def circles(root: Path) -> list[set[str]]:
    """The largest sets of modules of a package in which each leads to each other."""
    files = {
        module_of(path, root): path
        for path in sorted(root.rglob("*.py"))
        if "_saved_models" not in path.parts
    }
    needs = {module: {*imported(path, root, {*files})} - {module} for module, path in files.items()}
    reached: dict[str, set[str]] = {}
    for module in needs:
        found, ahead = set(), [module]
        while ahead:
            further = needs[ahead.pop()] - found
            found |= further
            ahead.extend(further)
        reached[module] = found
    rings = {
        frozenset(other for other in reached[m] if m in reached[other]) for m in reached if m in reached[m]
    }
    return sorted(map(set, rings), key=sorted)


def test_no_circle_of_imports():
    found = [" <-> ".join(sorted(circle)) for circle in circles(PACKAGE)]
    assert not found, "these files need one another; what both need moves below both:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "way",
    [
        "from house.rooms import b",
        "from house.rooms.b import B",
        "import house.rooms.b",
        "from . import b",
        "from .b import B",
        "def late():\n    from house.rooms.b import B",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.rooms.b import B",
    ],
)
def test_a_circle_is_found_however_it_is_imported(tmp_path, way):
    rooms = tmp_path / "house" / "rooms"
    rooms.mkdir(parents=True)
    for package in (rooms.parent, rooms):
        (package / "__init__.py").touch()
    (rooms / "a.py").write_text(way)
    (rooms / "b.py").write_text("from house.rooms.c import C")
    (rooms / "c.py").write_text("import house.rooms.a")
    assert circles(tmp_path / "house") == [{"house.rooms.a", "house.rooms.b", "house.rooms.c"}]
    (rooms / "c.py").write_text("import os")
    assert circles(tmp_path / "house") == []
