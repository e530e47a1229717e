"""What is found in a folder of runs, and the tables that are made of it."""

import json

import numpy as np
import pytest

from docs.render.rl2_curves import has_curve, read_curve
from docs.render.rl2_runs import find_trainings, longest
from docs.render.rl2_tables import render_commands, render_comparison, render_trainings
from tests.rl2_folder import write_run
from tfmeta.core.checks import TfmetaError
from tfmeta.rl import PUBLISHED_BANDITS


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "b-seed1", "rl2-bandit", seed=1)
    write_run(folder / "a", "rl2-bandit")
    write_run(folder / "longer", "rl2-bandit", steps=8, logged=False)
    write_run(folder / "few", "rl2-bandit", arms=2, pulls=3, agent="ppo")
    write_run(folder / "not-measured", "rl2-bandit", seed=2, measured=False)
    (folder / "other").mkdir()
    (folder / "other" / "settings.json").write_text(json.dumps({"recipe": "maml-omniglot"}))
    return folder


def test_seeds_of_a_training_belong_together(runs):
    found = find_trainings(runs)
    assert [(each.tasks, each.agent, len(each.runs)) for each in found] == [
        ("3 pulls of 2 arms", "PPO", 1),
        ("10 pulls of 5 arms", "TRPO", 2),
        ("10 pulls of 5 arms", "TRPO", 1),
    ]
    _, both, long = found
    assert [run.training.seed for run in both.runs] == [0, 1]
    assert (both.minutes, both.trials, long.trials) == (1.5, 24, 48)
    assert longest(found) == [found[0], long]
    values = [
        next(row["value"] for row in json.loads((runs / name / "results.json").read_text()))
        for name in ("a", "b-seed1")
    ]
    reward = both.reward()
    assert reward.mean == pytest.approx(np.mean(values)) and (reward.lowest, reward.highest) == (
        min(values),
        max(values),
    )
    assert both.reward(greedy=True).mean != reward.mean


def test_a_run_that_started_from_another_has_had_both_trainings(tmp_path):
    write_run(tmp_path / "first", "rl2-bandit")
    write_run(tmp_path / "second", "rl2-bandit", steps=2, start_from="first")
    write_run(tmp_path / "orphan", "rl2-bandit", steps=6, start_from="gone")
    found = {each.runs[0].training.start_from: each for each in find_trainings(tmp_path)}
    assert {name: (each.trials, each.minutes) for name, each in found.items()} == {
        "": (24, 1.0),
        "first": (36, 2.0),
        "gone": (36, 1.0),
    }
    trials, means = read_curve(found["first"].runs[0])
    # 24 trials, and then the two epochs of its own log
    np.testing.assert_array_equal(trials, [6, 18, 30, 42])
    np.testing.assert_array_equal(means, [5.0, 6.0, 5.0, 6.0])


def test_a_curve_shows_no_rewards_of_other_tasks(tmp_path):
    write_run(tmp_path / "short", "rl2-bandit")
    write_run(tmp_path / "long", "rl2-bandit", steps=2, pulls=20, start_from="short")
    (long,) = [each for each in find_trainings(tmp_path) if each.runs[0].training.start_from]
    trials, means = read_curve(long.runs[0])
    np.testing.assert_array_equal(trials, [30, 42])  # the 24 trials of the other tasks count
    np.testing.assert_array_equal(means, [5.0, 6.0])


def test_the_table_has_a_row_for_what_was_published_and_what_was_not(runs):
    trained = {
        ((each.runs[0].tasks.pulls, each.runs[0].tasks.arms), each.agent): each
        for each in find_trainings(runs)
        if each.trials == 24
    }
    table = render_comparison(
        PUBLISHED_BANDITS, trained, titles={"gittins": "Gittins"}, heading="n, k", label=str
    )
    lines = table.splitlines()
    assert lines[0].startswith("| n, k | Gittins | RL², *paper* | **RL² by TRPO, ours** |")
    assert len(lines) == 2 + 9 + 1 and {line.count("|") for line in lines} == {6}
    reward = trained[(10, 5), "TRPO"].reward()
    ours = f"**{reward.mean:.2f} ± {reward.ci95:.2f}** (2 seeds, 1.5 min)"
    assert f"| (10, 5) | *6.6* | *6.7* | {ours} | – |" in lines
    assert "| (500, 50) | *463.7* | *438.9* | – | – |" in lines
    assert lines[-1].startswith("| (3, 2) | – | – | – | **") and lines[-1].endswith("** (1.0 min) |")


def test_every_number_says_what_made_it(runs):
    found = find_trainings(runs)
    row = next(line for line in render_trainings(found).splitlines() if "| 2: " in line)
    reward = found[1].reward()
    assert f"| *6.7* | 2: {reward.lowest:.2f} to {reward.highest:.2f} | 24 | 1.5 min |" in row
    commands = render_commands(found)
    assert "seed 1, 2.0 min: `tfmeta train rl2-bandit --units 4" in commands
    assert (
        "tfmeta train rl2-bandit --arms 2 --pulls 3 --units 4 --batch-size 6 --steps 4" in commands
        and "6 trials a step" in commands
    )


def test_curves_are_read_from_tensorboards_logs(runs):
    _, both, long = find_trainings(runs)
    trials, rewards = read_curve(both.runs[1])
    assert trials.tolist() == [6, 18]  # two epochs of two steps of six trials; their middles
    assert rewards.tolist() == [6, 7]
    assert has_curve(both) and not has_curve(long)


def test_a_run_without_readable_settings_is_named(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "settings.json").write_text("{")
    with pytest.raises(TfmetaError, match=r"broken/settings.json is damaged.*remove"):
        find_trainings(tmp_path)
