"""What cannot be learned, and runs that are not what was asked for: one line with the way out, nothing left behind."""

import os
import shutil

import numpy as np
import pytest

from tfmeta.cli import main
from tfmeta.core.atomic import locked
from tfmeta.core.backup import Backup
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.few_shot import MATCHING_OMNIGLOT, PROTOTYPICAL_OMNIGLOT
from tfmeta.recipes.run import Run

SMALL = {"ways": 3, "queries": 1, "steps": 1, "epoch_steps": 1, "test_queries": 1}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, draw_characters):
    monkeypatch.chdir(tmp_path)
    draw_characters(8, 4)
    return tmp_path


@pytest.fixture
def runs(place):
    """Runs as training leaves them, of two recipes."""
    for name, recipe in (("proto", PROTOTYPICAL_OMNIGLOT), ("matching", MATCHING_OMNIGLOT)):
        recipe, run = recipe.configure(**SMALL), Run(place / name)
        run.begin(recipe)
        run.finish(recipe, recipe.learner(), 1, 1.0)
    return place


def fails(capsys, command):
    try:
        code = main(command.split())
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    err = capsys.readouterr().err
    assert err.startswith("tfmeta: ") and err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("train prototypical-omniglot --shots 0", "shots=0: expected at least 1"),
        ("train prototypical-omniglot --set shots=0", "shots=0: expected at least 1"),
        ("train prototypical-omniglot --ways 9", "ways=9, but there are only 8 classes; lower ways or add"),
        ("train prototypical-omniglot --ways 3 --shots 4", "has only 4 examples; lower shots or queries"),
        ("train prototypical-omniglot --metric cosine", "unrecognized arguments: --metric cosine"),
        ("train prototypical-omniglot --downsampling twice", "Known: mixed, pool, stride"),
        (
            "train prototypical-omniglot --tasks cifar-fs",
            "is a recipe with tasks of its own; leave --tasks out",
        ),
        ("train prototypical --tasks sinusoid", "prototypical learns from ClassTasks"),
        ("train rl2 --tasks omniglot", "rl2 learns from EnvironmentTasks"),
        (
            "train prototypical --tasks omniglott",
            "no tasks 'omniglott', and no such folder. Did you mean omniglot?",
        ),
        ("train prototypical-omniglot --ways 3 --start-from lost", "lost holds no run"),
    ],
)
def test_tasks_that_cannot_be_drawn(command, words, capsys, place):
    assert words in fails(capsys, command)
    assert not list(place.iterdir())


def test_runs_that_are_not_what_was_asked_for(capsys, runs):
    ask = "evaluate prototypical-omniglot --count 20"
    assert "only 8 classes" in fails(capsys, f"{ask} --run proto --ways 9")
    assert "test_shots=-1: expected at least 0" in fails(capsys, f"{ask} --run proto --test-shots -1")
    assert "matching holds a run of matching-omniglot, not of prototypical-omniglot" in fails(
        capsys, f"{ask} --run matching"
    )
    assert "split=characters: a run is tested on the tasks that it was trained for" in fails(
        capsys, f"{ask} --run proto --split characters"
    )
    assert "nowhere" in fails(capsys, "evaluate nowhere")

    shutil.copy(runs / "matching/learner.keras", runs / "proto/learner.keras")
    for command in (f"{ask} --run proto", "evaluate proto", "export proto --to models"):
        assert "holds a MatchingNetwork, but prototypical-omniglot trains a PrototypicalNetwork" in fails(
            capsys, command
        )
    assert not (runs / "models").exists()


def test_a_run_of_a_recipe_that_is_not_installed(capsys, runs):
    settings = runs / "proto/settings.json"
    settings.write_text(settings.read_text().replace('"prototypical', '"protein'))
    assert "no method 'protein'" in fails(capsys, "evaluate proto")
    settings.write_text("[1")
    assert "settings.json is damaged" in fails(capsys, "evaluate proto")


def test_a_learner_of_another_size(capsys, runs):
    small = PrototypicalNetwork(conv4(filters=4, downsampling="stride"))
    small.save(runs / "proto/learner.keras")
    err = fails(capsys, "evaluate prototypical-omniglot --run proto")
    assert "holds a PrototypicalNetwork of another size than" in err


def test_a_backup_of_another_learner(capsys, place):
    other = PrototypicalNetwork(conv4(filters=4, downsampling="stride"))
    other.compile("adam", lambda y, p: p)
    backup = Backup(place / "run/backup")
    backup.restore(other)
    backup.set_model(other)
    backup.on_train_begin()
    backup.on_epoch_end(0)
    err = fails(capsys, "train prototypical-omniglot --ways 3 --set queries=1 --out run")
    assert "run/backup holds the state of another learner, or a damaged one; remove run to begin again" in err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("learner.keras", "was changed since it was written; remove it, and train again"),
        ("budget.json", "budget.json is damaged"),
        ("results.json", "results.json is damaged"),
    ],
)
def test_a_run_that_was_damaged_on_the_disk(capsys, runs, name, words):
    file = runs / "proto" / name
    if name == "learner.keras":
        learner = Run(runs / "proto").learner()
        learner.weights[0].assign(learner.weights[0] * np.nan)
        learner.save(file)
    else:
        file.write_text("[" * 100_000)
    assert words in fails(capsys, "export proto --to models")
    assert not (runs / "models").exists()


def test_two_trainings_in_one_folder(capsys, place):
    command = "train prototypical-omniglot --ways 3 --set queries=1 --out run"
    (place / "run").mkdir()
    recipe = PROTOTYPICAL_OMNIGLOT.configure(ways=3, queries=1)
    Run(place / "run").begin(recipe)
    with locked(place / "run", "training"):
        err = fails(capsys, command)
    assert f"Process {os.getpid()} is training in run now" in err


def test_a_damaged_backup(capsys, place):
    recipe = PROTOTYPICAL_OMNIGLOT.configure(ways=3, queries=1)
    run, learner = Run(place / "run"), recipe.learner()
    run.begin(recipe)
    recipe.method.compile(learner, recipe.tasks, recipe.training)
    backup = Backup(run.folder / "backup")
    backup.restore(learner)
    backup.set_model(learner)
    backup.on_train_begin()
    backup.on_epoch_end(0)
    file = run.folder / "backup" / "state.weights.h5"
    content = bytearray(file.read_bytes())
    content[-200:-160] = bytes(b ^ 0x55 for b in content[-200:-160])
    file.write_bytes(content)
    err = fails(capsys, "train prototypical-omniglot --ways 3 --set queries=1 --out run")
    assert "run/backup holds the state of another learner, or a damaged one" in err
