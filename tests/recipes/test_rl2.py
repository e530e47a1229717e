"""RL² from training to a served policy, on trials as short as can be."""

import json

import keras
import numpy as np
import pytest

from tfmeta.cli import main
from tfmeta.core.cards import Result
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate, evaluate_model, for_test
from tfmeta.recipes.export import export_run
from tfmeta.recipes.rl2 import RL2_BANDIT, RL2_MAZE, RL2_MDP
from tfmeta.recipes.run import Run
from tfmeta.recipes.train import train
from tfmeta.rl.rl2 import RL2

TINY = {"batch_size": 6, "steps": 4, "epoch_steps": 2, "units": 4, "passes": 1, "minibatches": 2}
BANDIT = RL2_BANDIT.configure(**TINY, arms=3, pulls=4, agent="ppo")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("runs") / "bandit")
    return run, train(BANDIT, run.folder, verbose=0)


def test_a_run_goes_on_as_if_it_had_never_been_interrupted(ended, tmp_path, monkeypatch):
    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RL2, "fit_options", lambda *_: {"callbacks": [Cut()]})
        train(BANDIT, tmp_path / "run", verbose=0)
    learner = train(BANDIT, tmp_path / "run", verbose=0)
    assert int(learner.rounds) == 4 == Run(tmp_path / "run").budget()["steps"]
    for mine, unbroken in zip(learner.get_weights(), ended[1].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, unbroken)


def test_a_run_starts_from_another(ended):
    run, learner = ended
    longer = BANDIT.configure(pulls=6, agent="trpo", seed=3, start_from=run.folder.name)
    fresh = longer.learner()
    longer.method.start_from(fresh, run.learner(), longer.training)
    for mine, taught in ((fresh.policy, learner.policy), (fresh.value, learner.value)):
        for one, other in zip(mine.get_weights(), taught.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert longer.protocol.startswith("trained by TRPO on fresh tasks only, 6 trials a step;")
    assert longer.protocol.endswith("; started from the weights of the run bandit")
    larger = BANDIT.configure(arms=4, start_from=run.folder.name)
    with pytest.raises(TfmetaError, match="as many units, actions"):
        larger.method.start_from(larger.learner(), learner, larger.training)
    with pytest.raises(TfmetaError, match="bandit is no run of RL²"):
        larger.method.start_from(larger.learner(), learner.policy, larger.training)


def test_the_run_is_watched_by_tensorboard(ended):
    assert list((ended[0].folder / "logs").rglob("events.out*"))
    assert set(ended[1].get_metrics_result()) == {"return", "kl", "entropy", "explained"}


def test_a_run_is_measured_drawing_and_greedy(ended):
    run, _ = ended
    drawn, greedy = evaluate(run, count=50, verbose=0)
    assert drawn.setting == "RL² by PPO, 4 pulls of 3 arms" and greedy.setting == f"{drawn.setting}, greedy"
    assert (drawn.metric, drawn.tasks, drawn.published) == ("reward", 50, None)
    assert 1 < drawn.value < 3 and drawn.value != greedy.value
    assert evaluate(run, part="validation", count=50, verbose=0)[0].value != drawn.value
    with pytest.raises(
        TfmetaError, match="trained for trials of 4 steps with 3 actions, and this test has 5 with 3"
    ):
        evaluate(run, count=50, verbose=0, pulls=5)


def test_a_served_policy_scores_what_it_scores_here(ended, tmp_path):
    run, _ = ended
    here = evaluate(run, count=50, verbose=0)
    folder = export_run(run, tmp_path)
    assert folder.parent.name == "rl2_bandit_n4k3"
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert card["command"].startswith(
        "tfmeta train rl2-bandit --arms 3 --pulls 4 --units 4 --batch-size 6 --steps 4"
    )
    assert card["recipe"]["method"] == "rl2" and card["recipe"]["tasks"] == "bandit"
    assert "4 steps of 6 trials" in card["training"]
    there = evaluate_model(load(folder), BANDIT, count=50, verbose=0)
    assert [row.value for row in here] == [row.value for row in there]


def test_mdps_are_trained_by_trpo(tmp_path):
    recipe = RL2_MDP.configure(**{**TINY, "steps": 1, "epoch_steps": 1}, agent="trpo", episodes=1)
    learner = train(recipe, tmp_path / "mdp", verbose=0)
    assert learner.environment.trial_length == 10 and 0 < learner.get_metrics_result()["kl"] <= 0.01
    assert RL2_MDP.artefact == "rl2_mdp" and recipe.artefact == "rl2_mdp_n1"
    rows = evaluate(Run(tmp_path / "mdp"), count=20, verbose=0)
    assert rows[0].value == pytest.approx(10, abs=4)


def test_published_numbers_stand_beside_the_settings_that_they_are_for():
    for recipe, reward in (
        (RL2_BANDIT.configure(pulls=100, arms=5), 78.7),
        (RL2_MDP.configure(episodes=25), 445.7),
        (RL2_BANDIT.configure(pulls=100, arms=6), None),
    ):
        rows = [Result("reward", 1.0, 0.1, 9, recipe.tested_as + greedy) for greedy in ("", ", greedy")]
        assert [row.published for row in recipe.beside_published(rows)] == [reward, reward]
    steps = [Result("steps", 1.0, 0.1, 9, f"{RL2_MAZE.tested_as}, episode {number}") for number in (1, 2)]
    assert [row.published for row in RL2_MAZE.beside_published(steps)] == [52.4, 39.1]
    assert [row.published for row in RL2_MAZE.configure(size=3).beside_published(steps)] == [None, None]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train rl2-bandit --arms 0", "arms=0: expected at least 1"),
        ("train rl2-bandit --set arms=0", "arms=0: expected at least 1"),
        ("train rl2-bandit --agent trop", "Did you mean trpo? Known: ppo, trpo."),
        ("train rl2-mdp --set episodes=0", "episodes=0: expected at least 1"),
        ("train rl2-mdp --arms 3", "arms"),
        ("train rl2-bandit --set batch_size=0", "batch_size=0: expected at least 1"),
        ("train rl2-bandit --set batch_size=2", "minibatches=4, but batch_size=2 trials; lower the one"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_one_line(capsys, tmp_path, monkeypatch, command, words):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(command.split())
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2 and words in said and said.startswith("tfmeta: ") and said.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("practice", "episodes", "words"), [(5, 5, "hold up to 5 episodes"), (0, 3, "greedy beside it")]
)
def test_a_trial_of_training_in_mazes_holds_more_episodes_and_is_as_long(practice, episodes, words):
    recipe = RL2_MAZE.configure(**TINY, size=3, horizon=8, episodes=3, practice=practice)
    tasks = recipe.learner().environment
    assert (tasks.episodes, tasks.trial_length) == (episodes, 24)
    assert recipe.tasks.environment("test").episodes == 3
    assert recipe.protocol.endswith(words)


def test_mazes_are_measured_by_who_finds_the_target(tmp_path):
    tiny = {**TINY, "steps": 1, "epoch_steps": 1}
    recipe, run = RL2_MAZE.configure(**tiny, size=3, horizon=8, features=5), Run(tmp_path / "maze")
    learner = train(recipe, run.folder, verbose=0)
    assert learner.policy.encoder.output_shape == (None, 5)
    rows = evaluate(run, count=60, verbose=0)
    of = {(row.metric, row.setting.rpartition(", ")[2]): row for row in rows if "greedy" not in row.setting}
    for episode in ("episode 1", "episode 2"):
        assert 0 < of["success", episode].value < 1 and 1 <= of["steps", episode].value <= 8
        assert of["steps", episode].tasks == round(of["success", episode].value * 60)
    assert ("steps saved", "trials that succeed twice") in of
    there = evaluate_model(load(export_run(run, tmp_path)), recipe, count=60, verbose=0)
    assert [row.value for row in rows] == [row.value for row in there]


def test_what_was_learned_in_small_mazes_is_tested_in_larger_ones():
    small = RL2_MAZE.configure(size=3)
    assert for_test(small, size=5).tasks.environment("test").size == 5, "all mazes are fresh"


def test_pictures_are_trained_on_fewer_trials_a_step():
    method = RL2()
    assert method.training(RL2_BANDIT.tasks).batch_size == 1000
    assert 4 <= method.training(RL2_MAZE.tasks).batch_size < 200
