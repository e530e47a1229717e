"""The load benchmark against the tests' server: what it counts, and what it says of a mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, **options):
    command = [sys.executable, "benchmarks/serving_load.py", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize(
    "model, load, expected",
    [("nearest_mean", ["--in-flight", 2], "2 in flight"), ("mean_regressor", ["--rate", 40], "40 /s")],
)
def test_counts_every_request(target, tmp_path, model, load, expected):
    file = tmp_path / "load.json"
    finished = run(
        "--target", target, "--model", model, "--signature", "adapt", *load, "--seconds", 0.5, "--json", file
    )
    assert finished.returncode == 0, finished.stderr
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["model"], row["signature"], row["load"], row["errors"]) == (model, "adapt", expected, {})
    assert row["answered"] and row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert expected in finished.stdout and model in finished.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "zz"], "Servable not found for request: Latest(zz)"),
        (["--model", "nearest_mean", "--signature", "zz"], "has no signature 'zz'; it has adapt"),
        (["--mlp"], "--mlp is for the embedded server"),
    ],
)
def test_a_mistake_is_said_in_a_line(target, arguments, words):
    finished = run("--target", target, *arguments)
    assert finished.returncode in (1, 2)
    assert words in finished.stderr and "Traceback" not in finished.stderr
