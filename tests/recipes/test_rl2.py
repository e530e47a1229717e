"""RL² from training to a served policy, on trials as short as can be."""

import json

import keras
import numpy as np
import pytest

from tfmeta.cli import main
from tfmeta.core.checks import TfmetaError
from tfmeta.core.hub import load
from tfmeta.recipes.evaluate import evaluate
from tfmeta.recipes.export import export_run
from tfmeta.recipes.rl2 import RL2_BANDIT, RL2_MAZE, RL2_MDP
from tfmeta.recipes.train import Run, train

TINY = {"batch_size": 6, "steps": 4, "epoch_steps": 2, "units": 4, "passes": 1, "minibatches": 2}
BANDIT = RL2_BANDIT.configure(**TINY, arms=3, pulls=4, agent="ppo")


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("runs") / "bandit")
    return run, train(RL2_BANDIT, BANDIT, run.folder, verbose=0)


def test_a_run_goes_on_as_if_it_had_never_been_interrupted(ended, tmp_path, monkeypatch):
    class Cut(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(RL2_BANDIT), "fit_options", lambda *_: {"callbacks": [Cut()]})
        train(RL2_BANDIT, BANDIT, tmp_path / "run", verbose=0)
    learner = train(RL2_BANDIT, BANDIT, tmp_path / "run", verbose=0)
    assert int(learner.rounds) == 4 == Run(tmp_path / "run").budget()["steps"]
    for mine, unbroken in zip(learner.get_weights(), ended[1].get_weights(), strict=True):
        np.testing.assert_array_equal(mine, unbroken)


def test_a_run_starts_from_another(ended, tmp_path):
    run, learner = ended
    longer = RL2_BANDIT.configure(**TINY, arms=3, pulls=6, agent="trpo", seed=3, start_from=run.folder.name)
    fresh = RL2_BANDIT.learner(longer)
    RL2_BANDIT.begin(fresh, longer, run.folder.parent)
    for mine, taught in ((fresh.policy, learner.policy), (fresh.value, learner.value)):
        for one, other in zip(mine.get_weights(), taught.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert "started from the run bandit; trained by TRPO" in RL2_BANDIT.protocol(longer)
    larger = RL2_BANDIT.configure(**TINY, arms=4, pulls=4, start_from=run.folder.name)
    with pytest.raises(TfmetaError, match="as many units, actions"):
        RL2_BANDIT.begin(RL2_BANDIT.learner(larger), larger, run.folder.parent)


def test_the_run_is_watched_by_tensorboard(ended):
    assert list((ended[0].folder / "logs").rglob("events.out*"))
    assert set(ended[1].get_metrics_result()) == {"return", "kl", "entropy", "explained"}


def test_a_run_is_measured_drawing_and_greedy(ended):
    run, _ = ended
    drawn, greedy = evaluate(RL2_BANDIT, run, tasks=50, verbose=0)
    assert drawn.setting == "RL² by PPO, 4 pulls of 3 arms" and greedy.setting == f"{drawn.setting}, greedy"
    assert (drawn.metric, drawn.tasks, drawn.published) == ("reward", 50, None)
    assert 1 < drawn.value < 3 and drawn.value != greedy.value
    assert evaluate(RL2_BANDIT, run, part="validation", tasks=50, verbose=0)[0].value != drawn.value
    with pytest.raises(
        TfmetaError, match="trained for trials of 4 steps with 3 actions, and this test has 5 with 3"
    ):
        evaluate(RL2_BANDIT, run, tasks=50, verbose=0, pulls=5)


def test_a_served_policy_scores_what_it_scores_here(ended, tmp_path):
    run, _ = ended
    here = evaluate(RL2_BANDIT, run, tasks=50, verbose=0)
    folder = export_run(RL2_BANDIT, run, tmp_path)
    assert folder.parent.name == "rl2_bandit_n4k3"
    card = json.loads((folder / "assets.extra/card.json").read_text())
    assert "--arms 3 --pulls 4 --agent ppo --steps 4" in card["command"]
    assert "4 steps of 6 trials" in card["training"]
    there = RL2_BANDIT.measure_model(load(folder), BANDIT, tasks=50, verbose=0)
    assert [row.value for row in here] == [row.value for row in there]


def test_mdps_are_trained_by_trpo(tmp_path):
    settings = RL2_MDP.configure(**{**TINY, "steps": 1, "epoch_steps": 1}, agent="trpo", episodes=1)
    learner = train(RL2_MDP, settings, tmp_path / "mdp", verbose=0)
    assert learner.environment.trial_length == 10 and 0 < learner.get_metrics_result()["kl"] <= 0.01
    assert RL2_MDP.artefact(RL2_MDP.settings) == "rl2_mdp" and RL2_MDP.artefact(settings) == "rl2_mdp_n1"
    rows = evaluate(RL2_MDP, Run(tmp_path / "mdp"), tasks=20, verbose=0)
    assert rows[0].value == pytest.approx(10, abs=4)


def test_published_numbers_stand_beside_the_settings_that_they_are_for():
    assert RL2_BANDIT.published(RL2_BANDIT.configure(pulls=100, arms=5))[0] == 78.7
    assert RL2_MDP.published(RL2_MDP.configure(episodes=25))[0] == 445.7


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train rl2-bandit --arms 0", "'0' is no number from 1 on"),
        ("train rl2-bandit --set arms=0", "arms=0, pulls=10; expected at least 1 of each"),
        ("train rl2-bandit --agent trop", "There is no agent 'trop'. Did you mean trpo? Known: ppo, trpo."),
        ("train rl2-mdp --set episodes=0", "episodes=0; expected at least 1"),
        ("train rl2-mdp --arms 3", "rl2-mdp has no setting 'arms'"),
        ("train rl2-bandit --set batch_size=0", "batch_size=0 trials; expected at least 1"),
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
    settings = RL2_MAZE.configure(**TINY, size=3, horizon=8, episodes=3, practice=practice)
    tasks = RL2_MAZE.learner(settings).environment
    assert (tasks.episodes, tasks.trial_length) == (episodes, 24)
    assert RL2_MAZE.environment(settings).episodes == 3
    assert RL2_MAZE.protocol(settings).endswith(words)


def test_mazes_are_measured_by_who_finds_the_target(tmp_path):
    settings = RL2_MAZE.configure(**{**TINY, "steps": 1, "epoch_steps": 1}, size=3, horizon=8, features=5)
    learner = train(RL2_MAZE, settings, tmp_path / "maze", verbose=0)
    assert learner.policy.encoder.output_shape == (None, 5)
    rows = evaluate(RL2_MAZE, Run(tmp_path / "maze"), tasks=60, verbose=0)
    of = {(row.metric, row.setting.rpartition(", ")[2]): row for row in rows if "greedy" not in row.setting}
    for episode in ("episode 1", "episode 2"):
        assert 0 < of["success", episode].value < 1 and 1 <= of["steps", episode].value <= 8
        assert of["steps", episode].tasks == round(of["success", episode].value * 60)
    assert ("steps saved", "trials that succeed twice") in of
    folder = export_run(RL2_MAZE, Run(tmp_path / "maze"), tmp_path)
    there = RL2_MAZE.measure_model(load(folder), settings, tasks=60, verbose=0)
    assert [row.value for row in rows] == [row.value for row in there]
