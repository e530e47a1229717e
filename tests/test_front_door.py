"""The front door: what each room offers is in its stub file, for `dir`, for editors and for type checkers."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tfmeta

PACKAGE = Path(tfmeta.__file__).resolve().parent
STUBS = {
    ".".join(["tfmeta", *path.parent.relative_to(PACKAGE).parts]): path
    for path in sorted(PACKAGE.rglob("__init__.pyi"))
}
ROOMS = (
    "core", "data", "descent", "fewshot", "modules", "networks", "optimizers", "recipes", "rl", "serving",
)  # fmt: skip

each_room = pytest.mark.parametrize("room", STUBS)


def names_in(stub: Path) -> dict[str, str]:
    """The names of a stub, and the module of each, seen from its room."""
    names = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        assert isinstance(node, ast.ImportFrom) and node.level == 1, (
            f"{stub}:{node.lineno}: say `from .x import`"
        )
        for alias in node.names:
            assert alias.asname == alias.name, f"{stub}:{node.lineno}: a checker hides what is not `x as x`"
            names[alias.name] = node.module or alias.name
    return names


NAMESAKES = [
    (room, name)
    for room, stub in STUBS.items()
    for name, module in names_in(stub).items()
    if name == module and room != "tfmeta"
]
"""Functions that lie in a file of the same name, which Python would put in their place when it imports the file."""


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_has_a_stub_and_offers_something(room):
    assert names_in(STUBS[f"tfmeta.{room}"])


@each_room
def test_a_room_lists_the_names_of_its_stub_and_has_them(room):
    package, names = importlib.import_module(room), sorted(names_in(STUBS[room]))
    assert names == package.__all__ == dir(package)
    for name in names:
        assert isinstance(getattr(package, name), ModuleType) == (room == "tfmeta" and name in ROOMS), name


@each_room
def test_a_misspelt_name_is_named(room):
    with pytest.raises(AttributeError, match=f"No {room} attribute laod"):
        importlib.import_module(room).laod  # noqa: B018
    with pytest.raises(ImportError, match=f"cannot import name 'laod' from '{room}'"):
        exec(f"from {room} import laod")


@pytest.mark.parametrize("room, name", NAMESAKES)
@pytest.mark.parametrize("file_first", [True, False], ids=["file first", "function first"])
def test_a_function_is_not_hidden_by_the_file_that_it_lies_in(room, name, file_first):
    package, file = importlib.import_module(room), importlib.import_module(f"{room}.{name}")
    vars(package).pop(name, None)  # as if nobody had asked for it yet
    if not file_first:
        getattr(package, name)
    setattr(package, name, file)  # which is how Python ends the import of a file
    assert getattr(package, name) is getattr(file, name)


def test_essential_functions_have_namesakes():
    assert {("tfmeta.core", "export"), ("tfmeta.core", "episodes"), ("tfmeta.recipes", "train")} <= {
        *NAMESAKES
    }


def test_type_checkers_see_what_a_name_is(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(
        "import tfmeta\n"
        "from tfmeta.core import Card, episodes, export\n"
        "from tfmeta.recipes import find_recipe, train\n"
        "from tfmeta.serving import Client\n"
        "reveal_type(Card)\n"
        "reveal_type(export)\n"
        "reveal_type(find_recipe('maml-sinusoid').training.steps)\n"
        "reveal_type(Client)\n"
        "reveal_type(tfmeta.load('maml_sinusoid'))\n"
        "tfmeta.core.Crad\n"
    )
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--config-file",
            PACKAGE.parent / "pyproject.toml",
            tmp_path / "user.py",
        ],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line.partition(": ")[2] for line in finished.stdout.splitlines() if "user.py:" in line]
    assert said[0].startswith('note: Revealed type is "def (summary: builtins.str, data: builtins.str'), (
        finished.stdout
    )
    assert said[1].startswith('note: Revealed type is "def (servable: tfmeta.core.export.Servable, root:')
    assert said[2] == 'note: Revealed type is "builtins.int"'
    assert said[3].startswith('note: Revealed type is "def (')
    assert said[4] == 'note: Revealed type is "tfmeta.core.model.loaded.LoadedModel"'
    assert said[5].startswith('error: Module has no attribute "Crad"')
