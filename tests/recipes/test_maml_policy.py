"""MAML for reinforcement learning from the command line, as small as can be."""

import json
import shutil

import numpy as np
import pytest

from docs.render import maml_rl_page
from docs.render.maml_rl_page import write_maml_rl
from tfmeta.cli import main
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate_model
from tfmeta.recipes.recipe import Recipe
from tfmeta.recipes.registry import RECIPES, find_recipe
from tfmeta.rl import ControlTasks

SMALL = "--units 4 --batch-size 3 --episodes 2 --fisher-tasks 2 --steps 2 --epoch-steps 2 --outer ppo"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main(f"train maml-navigation {SMALL} --out {folder}".split()) == 0
    assert main(["evaluate", str(folder)]) == 0
    return folder


def test_a_run_is_measured_before_and_after_each_update(run):
    results = json.loads((run / "results.json").read_text())
    names = [row["setting"].rpartition(", ")[2] for row in results]
    assert names == ["after 1 update", "after 0 updates", "after 2 updates", "after 3 updates"]
    assert all(row["tasks"] == 40 and row["value"] < 0 for row in results)
    assert [row["published"] for row in results] == [-11.68, -40.41, -3.33, -3.23]


def test_an_exported_model_gives_the_results_of_its_run(run, tmp_path):
    assert main(["export", str(run), "--to", str(tmp_path)]) == 0
    model = load(tmp_path / "maml_navigation" / "1")
    assert set(model.signatures) >= {"act", "adapt", "initial_state"}
    assert model.card.items["observation"] == [2] and model.card.items["steps of an episode"] == 100
    recipe = find_recipe("maml-navigation").configure(episodes=2)
    served, ran = evaluate_model(model, recipe), json.loads((run / "results.json").read_text())
    # Other random actions in other tasks: the intervals of each result meet.
    for found, row in zip(served, ran, strict=True):
        assert found.setting.rpartition(", ")[2] == row["setting"].rpartition(", ")[2]
        assert abs(found.value - row["value"]) < 2 * np.hypot(found.ci95, row["ci95"])

    with pytest.raises(TfmetaError, match="the model was exported with test_rate=0; test its run"):
        evaluate_model(model, recipe.configure(test_rate=0.5))


def test_published_numbers_are_of_episodes_as_long_as_the_papers():
    found = Result("return", -2.0, 0.1, 40, "navigation, after 1 update")
    recipe = find_recipe("maml-navigation")
    (shown,) = recipe.beside_published([found])
    assert shown.published == -11.68 and "appendix C, 1 update;" in shown.source
    assert recipe.configure(horizon=50).beside_published([found]) == [found]


def test_runs_of_different_tasks_have_folders_of_their_own():
    """The commands of the docs can be given one after the other."""
    navigation, cheetah = find_recipe("maml-navigation"), find_recipe("maml-cheetah")
    found = [navigation, navigation.configure(reward="distance"), cheetah, cheetah.configure(goal="velocity")]
    assert [recipe.run_name for recipe in found] == [
        "maml-navigation", "maml-navigation-distance", "maml-cheetah", "maml-cheetah-velocity",
    ]  # fmt: skip
    assert [recipe.artefact for recipe in found] == [
        "maml_navigation", "maml_navigation_distance", "maml_cheetah_direction", "maml_cheetah_velocity",
    ]  # fmt: skip


def test_the_page_has_a_row_for_each_policy(run, tmp_path, monkeypatch):
    monkeypatch.setattr(maml_rl_page, "_TEST_TASKS", 3)
    monkeypatch.setattr(maml_rl_page, "_RATES", (0.1,))
    page = tmp_path / "page.md"
    assert write_maml_rl(run.parent, page) == [page]
    rows = [line.split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == [
        "| policy",
        "| **MAML**",
        "| not trained",
        "| stands still",
        "| MAML, published",
    ]
    assert rows[0][2:] == ["0 updates", "1 update", "2 updates", "3 updates |"]
    assert all("±" in cell for row in rows[1:3] for cell in row[2:])
    with pytest.raises(TfmetaError, match="holds no run that has ended; train maml-navigation there"):
        write_maml_rl(tmp_path, page)


def test_runs_that_differ_in_more_than_their_seeds_are_not_averaged(run, tmp_path):
    for name, changes in {"a": {}, "b": {"seed": 3, "max_kl": 0.02}}.items():
        shutil.copytree(run, tmp_path / name)
        file = tmp_path / name / "settings.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(TfmetaError, match=r"a and .*b differ in max_kl; a row is the mean over seeds"):
        write_maml_rl(tmp_path, tmp_path / "page.md")


def test_the_rate_of_later_updates_is_set_for_a_test():
    training = (
        find_recipe("maml-navigation").configure(test_rate=0.4, later_rate=0.25, test_updates=3).training
    )
    assert training.rates(0.1) == [0.4, 0.1, 0.1]
    assert find_recipe("maml-navigation").training.rates(0.1)[0] == 0.1


def of_control() -> list[Recipe]:
    return [recipe for recipe in RECIPES.values() if isinstance(recipe.tasks, ControlTasks)]


def test_each_source_of_control_tasks_has_its_baselines():
    found = {(recipe.method.name, recipe.tasks.name) for recipe in of_control()}
    methods = {"maml-policy", "pretrained-policy", "oracle-policy"}
    assert found == {(method, tasks) for method in methods for tasks in {tasks for _, tasks in found}}


def test_baselines_take_no_inner_step_in_training():
    for recipe in of_control():
        assert recipe.method.inner_steps == (1 if recipe.method.name == "maml-policy" else 0)
        assert recipe.method.sees_task == (recipe.method.name == "oracle-policy")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train maml-navigation --set batch_size=1", "batch_size=1: expected at least 2"),
        ("train maml-navigation --set episodes=0", "episodes=0: expected at least 1"),
        (
            "train maml-navigation --set fisher_tasks=99",
            "fisher_tasks=99, but batch_size=20 tasks; lower the one",
        ),
        ("train maml-navigation --set reward=near", "Known: distance, squared"),
        (
            "train maml-policy --tasks bandit",
            "maml-policy learns from ControlTasks, but bandit are BanditTasks",
        ),
        ("train maml-navigation --set inner_rat=1", "Did you mean inner_rate?"),
        ("train maml-navigation --inner-rate nan", "inner_rate=nan; expected more than 0"),
        ("train maml-navigation --discount 2", "discount=2.0; expected a number from 0 to 1"),
        ("train maml-navigation --later-rate -1", "later_rate=-1.0: expected at least 0"),
    ],
)
def test_a_mistake_is_said_in_one_line(command, message, capsys, tmp_path):
    assert main([*command.split(), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert message in said and "Traceback" not in said
    assert not (tmp_path / "run").exists()
