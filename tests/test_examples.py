"""The programs of `examples/` do what their first lines say."""

import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tfmeta.core import find_model
from tfmeta.data import glyphs
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
OWN = (EXAMPLES.parent / "docs/own.md").read_text(encoding="utf-8")


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


def test_a_served_policy_finds_a_goal_after_an_update(tmp_path, monkeypatch, capsys):
    found = run_by_a_server("adapt_a_served_policy.py", "maml_navigation", tmp_path, monkeypatch)
    before, *after = found["returns"]
    assert before < -8 and min(after) > -3
    assert "return after 3 updates" in capsys.readouterr().out


def test_a_served_policy_builds_what_it_was_shown(tmp_path, monkeypatch, capsys):
    found = run_by_a_server("imitate_a_served_policy.py", "imitation_stacking", tmp_path, monkeypatch)
    assert found["world"].succeeded(found["scenes"]).numpy().sum() >= 2
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in said] == found["layouts"] and said.count("ab c: built") == 1


def test_a_network_of_ones_own_is_trained_as_maml_and_served(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    learner = runpy.run_path(str(EXAMPLES / "serve_my_maml.py"))["learner"]
    assert learner.history.history["accuracy"][-1] > 0.5  # by chance 0.2
    pictures = glyphs(5, 4, seed=1) / np.float32(255)
    (ask,) = re.findall(r"```python\n(from tfmeta.serving.client.*?)```", OWN, re.DOTALL)
    with Server(Models(tmp_path / "my_models")) as server:
        known = {"support_x": pictures[:, 0], "query_x": pictures[:, 1:].reshape([-1, 28, 28, 1])}
        exec(ask.replace("localhost:8500", server.address), known)
    right = np.repeat(["alpha", "beta", "gamma", "delta", "epsilon"], 3)
    assert np.mean(known["answers"]["names"] == right) > 0.4
    assert "alpha" in capsys.readouterr().out


def test_a_module_of_ones_own_is_learned_with(capsys):
    runpy.run_path(str(EXAMPLES / "ask_with_my_module.py"))
    assert capsys.readouterr().out == "32 of 32 answers are right\n"


def test_the_docs_show_the_package_as_it_is():
    files = [(EXAMPLES / "plugin" / name).read_text() for name in ("cosine_gratings.py", "pyproject.toml")]
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", OWN, re.DOTALL)
    assert sum(any(block.strip() in file for file in files) for block in shown) == 5


def test_every_example_is_shown_in_the_docs():
    docs = "".join(path.read_text() for path in (EXAMPLES.parent / "docs").glob("*.md"))
    for example in EXAMPLES.glob("*.py"):
        _, program = example.read_text().split('"""\n\n', 1)
        assert program in docs, f"{example.name} and the docs differ"
