"""The programs of `examples/` do what their first lines say."""

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tfmeta.core.hub import find_model
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


@pytest.mark.needs_dataset("mnist")
def test_a_perceptron_is_trained_by_a_learnt_rule(capsys):
    model = runpy.run_path(str(EXAMPLES / "train_by_a_learnt_rule.py"))["model"]
    assert model.history.history["accuracy"][-1] > 0.85
    assert "200/200" in capsys.readouterr().out


def run_by_a_server(example, model, tmp_path, monkeypatch):
    shutil.copytree(find_model(model).parent, tmp_path / model)
    with Server(Models(tmp_path)) as server:
        monkeypatch.setattr(sys, "argv", [example, server.address])
        return runpy.run_path(str(EXAMPLES / example))


def test_a_function_is_minimised_by_a_served_rule(tmp_path, monkeypatch, capsys):
    found = run_by_a_server("descend_by_a_served_rule.py", "lstm_optimizer_quadratic", tmp_path, monkeypatch)
    np.testing.assert_allclose(found["theta"], 3.0, atol=0.05)
    assert "the minimum is at 3" in capsys.readouterr().out


def test_a_served_policy_finds_arms_that_pay(tmp_path, monkeypatch, capsys):
    found = run_by_a_server("play_a_served_bandit.py", "rl2_bandit_n10k5", tmp_path, monkeypatch)
    assert found["earned"].mean() > 6.4
    assert "of 10 pulls paid" in capsys.readouterr().out


def test_every_example_is_shown_in_the_docs():
    docs = "".join(path.read_text() for path in (EXAMPLES.parent / "docs").glob("*.md"))
    for example in EXAMPLES.glob("*.py"):
        _, program = example.read_text().split('"""\n\n', 1)
        assert program in docs, f"{example.name} and the docs differ"
