"""`python -m docs.render rl2`, on runs that have learnt nothing."""

import numpy as np
import pytest

from docs.render import rl2_regret
from docs.render.__main__ import main
from docs.render.rl2_regret import designed_regret, regret_of
from docs.render.rl2_runs import find_trainings
from tests.rl2_folder import write_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home") / "runs"
    for agent in ("trpo", "ppo"):
        write_run(folder / f"bandits-{agent}", "rl2-bandit", agent=agent)
    write_run(folder / "mdps", "rl2-mdp", episodes=1)
    write_run(folder / "mazes", "rl2-maze", size=3, horizon=3, features=4)
    return folder


def test_the_page_and_its_pictures(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs.parent)
    monkeypatch.setattr(rl2_regret, "TRIALS", 30)
    main(["rl2"])
    page = (runs.parent / "docs/rl_results.md").read_text()
    for picture in (
        "rl2_curves_bandits.png", "rl2_regret.png", "rl2_curves_mdps.png", "rl2_curves_mazes.png",
        "rl2_maze_3_paths.png", "rl2_maze_3.gif",
    ):  # fmt: skip
        assert f"(pictures/{picture})" in page and (runs.parent / f"docs/pictures/{picture}").is_file()
    assert (
        "| n = 100, k = 50 | *49.8* | *85.2* | *64.5* | *67.7* | *84.3* | *78.3* | *78.0* | *84.9* | – | – |"
        in page
    )
    assert "| 100 | *999.4* | *1939.5* | *1973.9* |" in page
    assert "| RL² by PPO, mazes of 3 x 3, 3 steps an episode, episode 1 | 0 | success |" in page
    assert "`tfmeta train rl2-maze --size 3 --horizon 3" in page
    assert capsys.readouterr().out.splitlines()[-1] == "docs/rl_results.md"


def test_what_was_not_trained_is_left_out(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/mdps").symlink_to(runs / "mdps")
    main(["rl2"])
    page = (tmp_path / "docs/rl_results.md").read_text()
    assert "## Tabular MDPs" in page and "## Bandits" not in page and "## Mazes" not in page
    assert [file.name for file in (tmp_path / "docs/pictures").iterdir()] == ["rl2_curves_mdps.png"]


def test_regret_is_what_the_best_arm_would_have_paid_more(runs):
    bandits = next(each for each in find_trainings(runs) if each.agent == "PPO").runs[0]
    learnt = regret_of(bandits, trials=400)
    assert learnt.shape == (400, 10) and (np.diff(learnt, axis=1) >= 0).all()
    # Who has learnt nothing pulls any arm: the best of five pays 5/6 in the mean, and any arm a half.
    np.testing.assert_allclose(learnt.mean(axis=0), np.arange(1, 11) / 3, rtol=0.15)
    designed = designed_regret(arms=5, pulls=10, trials=400)
    assert list(designed) == ["gittins", "ucb1", "optimistic_thompson", "thompson", "greedy"]
    assert all(regret[:, -1].mean() < learnt[:, -1].mean() for regret in designed.values())
    assert "gittins" not in designed_regret(arms=2, pulls=201, trials=2)


def test_nothing_to_show(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["rl2", "--runs", "nowhere"]) == 2
    assert "nowhere holds no measured run of rl2-bandit, rl2-mdp, rl2-maze" in capsys.readouterr().err
