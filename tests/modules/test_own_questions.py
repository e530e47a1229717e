"""Questions of one's own: the file of docs/modules.md, registered by an entry point, is all that a method asks for."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tfmeta.cli import main
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate_model
from tfmeta.recipes.registry import TASKS
from tfmeta.recipes.run import Run

DOCS = Path(__file__).parents[2] / "docs/modules.md"
TRAIN = "train nmn --tasks lamps --lamps 4 --steps 300 --hidden 8 --units 4 --learning-rate 0.03"


@pytest.fixture
def lamps(tmp_path, monkeypatch):
    """The file of the docs as an installed package would have it."""
    (code,) = re.findall(r"```python\n(# lamps\.py\n.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "lamps.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    entry = EntryPoint("lamps", "lamps:LampTasks", "tfmeta.tasks")
    monkeypatch.setitem(vars(TASKS), "_entries", {**TASKS._entries, "lamps": [entry]})


def test_questions_of_one_file_are_learned_measured_and_served(lamps, tmp_path, capsys, in_a_hurry):
    assert main(TRAIN.split()) == 2
    assert "pairs of positions, which lamps do not have; say --form perceptron" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert main([*TRAIN.split(), "--form", "perceptron"]) == 0
    assert main(["evaluate", "runs/nmn-lamps"]) == 0
    assert main(["export", "runs/nmn-lamps", "--to", "models"]) == 0
    assert main(["check", "models/nmn_lamps"]) == 0
    (result,) = Run(tmp_path / "runs/nmn-lamps").results()
    assert result.value > 0.97 and result.tasks == 200 and result.setting == "lamps"
    model = load(tmp_path / "models/nmn_lamps")
    assert model.card.summary.startswith(
        "Answers questions about lamps, by a network composed for each question."
    )
    assert model.card.recipe["tasks"] == "lamps" and model.card.recipe["lamps"] == 4
    assert evaluate_model(model, Run(tmp_path / "runs/nmn-lamps").recipe(), verbose=0) == [result]
