"""The architecture as tests: what imports what, how long a file is, what is public, how light the import is."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfmeta

PACKAGE = Path(tfmeta.__file__).resolve().parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_saved_models" not in path.parts)
ROOMS = ("fewshot", "optimizers", "descent", "imitation", "rl", "modules")

# An import points to a lower floor, or stays in its own room.
FLOORS = {
    "version": 0, "paths": 0, "wire": 0,
    "core": 1,
    "networks": 2, "data": 2,
    **dict.fromkeys(ROOMS, 3),
    "recipes": 4, "serving": 4,
    "asking": 5, "quickstart": 5,
    "cli": 6,
}  # fmt: skip

WITHOUT_TENSORFLOW = [
    path for path in FILES
    if path.is_relative_to(PACKAGE / "wire")
    or path.is_relative_to(PACKAGE / "serving/client")
    or path == PACKAGE / "serving/tls.py"
]  # fmt: skip
HEAVY = {"tensorflow", "keras", "tensorflow_datasets", "tensorflow_probability", "tf_agents"}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that a file imports, wherever it does: its line, and its absolute name."""
    package = ["tfmeta", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            if module == "tfmeta":  # `from tfmeta import core` names a room
                yield from ((node.lineno, f"tfmeta.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def public_nodes(path: Path) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


@each_file
def test_imports_point_down(path):
    room = room_of(path)
    if room == "__init__":
        return  # the front door names every room, lazily
    assert room in FLOORS, f"tfmeta/{room} has no floor yet: give it one in {Path(__file__).name}"
    for line, module in imports(path):
        parts = module.split(".")
        if parts[0] != "tfmeta" or len(parts) < 2 or parts[1] in (room, "__version__"):
            continue
        assert parts[1] in FLOORS, f"{path}:{line} imports {module}, which has no floor"
        assert FLOORS[parts[1]] < FLOORS[room], (
            f"{path}:{line}: {room} (floor {FLOORS[room]}) imports {module} (floor {FLOORS[parts[1]]});"
            " what a second room needs moves down to core, networks or data"
        )


@each_file
def test_keras_is_keras_3(path):
    """`tf.keras` may be Keras 2 in the same process; `import keras` never is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        spelled = isinstance(node, ast.Attribute) and node.attr == "keras"
        assert not (spelled and isinstance(node.value, ast.Name) and node.value.id in ("tf", "tensorflow")), (
            f"{path}:{node.lineno} says tf.keras; say `import keras`"
        )
    for line, module in imports(path):
        assert not module.startswith("tensorflow.keras"), (
            f"{path}:{line} imports {module}; say `import keras`"
        )


@each_file
def test_a_file_holds_one_idea(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 500, f"{path} has {lines} lines; split it by its ideas"


@each_file
def test_what_is_public_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{path} has no docstring"
    silent = [node.name for node in public_nodes(path) if not ast.get_docstring(node)]
    assert not silent, f"{path}: no docstring on {', '.join(silent)}"


def test_every_folder_of_code_is_a_package():
    """A folder without __init__.py imports from a checkout, and is missing from the wheel."""
    bare = {path.parent for path in FILES if not (path.parent / "__init__.py").is_file()}
    assert not bare, f"without __init__.py: {sorted(map(str, bare))}"


def test_the_public_names_of_the_front_door():
    assert tfmeta.__all__ == [
        "__version__", "core", "data", "descent", "fewshot", "load", "modules", "networks", "optimizers", "recipes",
        "rl", "serving",
    ]  # fmt: skip
    assert dir(tfmeta) == sorted(tfmeta.__all__)


@each_file
def test_names_in_all_exist(path):
    if path.name == "__main__.py" or room_of(path) in ("__init__", "rl"):
        return
    parts = ["tfmeta", *path.relative_to(PACKAGE).with_suffix("").parts]
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    missing = [name for name in getattr(module, "__all__", []) if not hasattr(module, name)]
    assert not missing, f"{path}: __all__ names {missing}, which it does not define"


@pytest.mark.parametrize("path", WITHOUT_TENSORFLOW, ids=lambda path: path.name)
def test_the_client_names_no_tensorflow(path):
    for line, module in imports(path):
        assert module.split(".")[0] not in HEAVY, f"{path}:{line} imports {module}; a client lives without it"


@pytest.mark.parametrize(
    "module",
    ["tfmeta", "tfmeta.asking", "tfmeta.cli", "tfmeta.core.model", "tfmeta.rl", "tfmeta.rl.baselines",
     "tfmeta.serving.client", "tfmeta.serving.client.aio"],
)  # fmt: skip
def test_light_modules_load_no_tensorflow(module):
    loaded = in_new_process(f"import sys, {module}; print(*{HEAVY!r} & set(sys.modules))")
    assert not loaded, f"`import {module}` loads {loaded}"


def test_importing_takes_no_time():
    took = "import time; began = time.perf_counter(); import tfmeta; print(time.perf_counter() - began)"
    fastest = min(float(in_new_process(took)) for _ in range(3))
    assert fastest < 0.2, f"`import tfmeta` took {fastest:.3f} s"


def in_new_process(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()
