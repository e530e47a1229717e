"""Control tasks of one's own: the file of docs/maml_rl.md, registered by an entry point, is all that MAML asks for."""

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tfmeta.cli import main
from tfmeta.recipes.registry import TASKS
from tfmeta.recipes.run import Run

DOCS = Path(__file__).parents[2] / "docs/maml_rl.md"
SMALL = "--tasks corridor --units 8 --batch-size 8 --episodes 8 --steps 15 --epoch-steps 15"


@pytest.fixture(autouse=True)
def corridor(tmp_path, monkeypatch):
    """The file of the docs as an installed package would have it."""
    (code,) = re.findall(r"```python\n(# corridor\.py\n.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "corridor.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    entry = EntryPoint("corridor", "corridor:CorridorTasks", "tfmeta.tasks")
    monkeypatch.setitem(vars(TASKS), "_entries", {**TASKS._entries, "corridor": [entry]})


@pytest.mark.parametrize(
    ("method", "options"), [("maml-policy", ""), ("oracle-policy", "--outer ppo --steps 1 --epoch-steps 1")]
)
def test_tasks_of_one_file_are_learned_measured_and_served(method, options, tmp_path, capsys):
    assert main(f"train {method} {SMALL} {options}".split()) == 0
    assert main(["evaluate", f"runs/{method}-corridor"]) == 0
    assert main(["export", f"runs/{method}-corridor", "--to", "models"]) == 0
    once, before, *_ = Run(tmp_path / f"runs/{method}-corridor").results()
    assert once.setting == "corridor, after 1 update" and before.setting == "corridor, after 0 updates"
    if method == "maml-policy":
        assert once.value > before.value + 2
    # An oracle that is served observes the task too.
    (model,) = (tmp_path / "models").iterdir()
    capsys.readouterr()
    assert main(["evaluate", str(model), "--count", "3"]) == 0
    assert "(3 tasks), corridor, after 1 update" in capsys.readouterr().out
