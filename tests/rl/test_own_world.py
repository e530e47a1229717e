"""A world of one's own: the file of docs/rl.md, registered by an entry point, is all that RL² asks for."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tfmeta.cli import main
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate_model
from tfmeta.recipes.registry import TASKS
from tfmeta.recipes.run import Run

DOCS = Path(__file__).parents[2] / "docs/rl.md"
TRAIN = "train rl2 --tasks doors --openings 5 --agent ppo --units 8 --batch-size 100 --steps 30 --learning-rate 0.02"


@pytest.fixture
def doors(tmp_path, monkeypatch):
    """The file of the docs as an installed package would have it."""
    (code,) = re.findall(r"```python\n(# doors\.py\n.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "doors.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    entry = EntryPoint("doors", "doors:DoorTasks", "tfmeta.tasks")
    monkeypatch.setitem(vars(TASKS), "_entries", {**TASKS._entries, "doors": [entry]})


def test_a_world_of_one_file_is_learned_measured_and_served(doors, tmp_path, capsys):
    assert main(TRAIN.split()) == 0
    assert main(["evaluate", "runs/rl2-doors", "--count", "400"]) == 0
    assert main(["export", "runs/rl2-doors", "--to", "models"]) == 0
    assert "Traceback" not in capsys.readouterr().err
    drawn, greedy = Run(tmp_path / "runs/rl2-doors").results()
    assert drawn.setting == "RL² by PPO, doors, openings=5" and greedy.setting == f"{drawn.setting}, greedy"
    # Any door has the prize in a third of five openings. Who searches and then remembers misses it once, in the mean.
    assert 3 < drawn.value < 4.4
    model = load(tmp_path / "models/rl2_doors")
    assert model.card.summary.startswith("Plays doors with a prize behind one of them")
    assert dict(model.card.recipe)["tasks"] == "doors" and model.card.recipe["openings"] == 5
    served = evaluate_model(model, Run(tmp_path / "runs/rl2-doors").recipe(), count=400, verbose=0)
    assert [row.value for row in served] == [drawn.value, greedy.value]
