"""Every example of docs/serving.md runs, against the embedded server with two of the shipped models."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.rest.server import RestServer
from tfmeta.serving.server import Server

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.S)


def blocks(language):
    return [body for name, body in BLOCKS if name == language]


COMMANDS = [
    line for body in blocks("sh") for line in body.splitlines() if line.startswith(("curl", "grpcurl"))
]


@pytest.fixture(scope="module")
def here():
    """Puts the ports of a running server into an example."""
    models = Models(ROOT / "saved_models", names=["maml_sinusoid", "prototypical_omniglot"])
    with Server(models) as server, RestServer(models) as rest:
        yield lambda text: text.replace("localhost:8500", server.address).replace(
            "localhost:8501", rest.address
        )


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Where the commands run one after the other: a later one may read what an earlier one wrote."""
    return tmp_path_factory.mktemp("docs")


def run(command, folder):
    finished = subprocess.run(
        command, cwd=folder, shell=isinstance(command, str), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_python(here, capsys, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    *examples, _ = blocks("python")  # the last starts a server of its own
    names = {"__name__": "docs"}
    for example in examples:
        exec(compile(here(example), "docs/serving.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "(1, 1761) {2: 'AVAILABLE'}" in printed
    assert "INVALID_ARGUMENT - input size does not match signature: 1!=3" in printed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command.split()[:4])[:60])
def test_command(here, workplace, command):
    program = shutil.which(command.split()[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not program:
        pytest.skip(f"needs {command.split()[0]}")
    out = run(program + here(command).removeprefix(command.split()[0]), workplace)
    assert "error" not in out.replace("error_", "")


def test_javascript(here, workplace):
    if not (workplace / "tfserving.protoset").is_file():
        pytest.skip("needs grpcurl")
    example = here(blocks("js")[0])
    found = shutil.which("node") and subprocess.run(
        ["node", "-e", "require('@grpc/grpc-js'); require('@grpc/proto-loader')"],
        cwd=workplace, capture_output=True, check=False,
    )  # fmt: skip
    if not found or found.returncode:
        pytest.skip("needs node with @grpc/grpc-js and @grpc/proto-loader, say in NODE_PATH")
    assert re.fullmatch(r"\[ -?[\d.]+ \]\n", run(["node", "-e", example], workplace))


def test_go(here, workplace):
    if not shutil.which("go"):
        pytest.skip("needs go")
    (workplace / "ask.go").write_text(here(blocks("go")[0]))
    assert run(["go", "run", "ask.go"], workplace).startswith('200 OK {"outputs": [[')


def test_names_only_files_that_exist():
    serving = ROOT / "tfmeta/serving"
    for name in re.findall(r"`((?:\w+/)?\w+\.py)`", PAGE):
        assert (serving / name).is_file() or (ROOT / "tfmeta" / name).is_file(), name
    for room in re.findall(r"\*\*`(\w+)/`\*\*", PAGE):
        assert (serving / room).is_dir(), room
    drawn = re.search(r"```\n( gRPC.*?)```", PAGE, re.S)[1]
    for room, names in re.findall(r"\b([a-z]+)/(\{.*?\}|\w+)", drawn):
        for name in re.findall(r"\w+", names):
            assert (serving / room / f"{name}.py").is_file(), f"{room}/{name}"
    for link in re.findall(r"\]\((\.\./[^)#]+)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
