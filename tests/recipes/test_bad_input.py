"""What cannot be learnt, and runs that are not what was asked for: told with the way out, and nothing left behind."""

import shutil

import pytest

from tfmeta.cli import main
from tfmeta.core.backup import Backup
from tfmeta.data.glyphs import glyphs
from tfmeta.fewshot.prototypical import PrototypicalNetwork
from tfmeta.networks.conv4 import conv4
from tfmeta.recipes.omniglot import MATCHING_OMNIGLOT, PROTOTYPICAL_OMNIGLOT, common
from tfmeta.recipes.train import Run

SMALL = {"ways": 3, "queries": 1, "steps": 1, "epoch_steps": 1, "test_queries": 1}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common, "load_omniglot", lambda part, **_: glyphs(8, 4))
    return tmp_path


@pytest.fixture
def runs(place):
    """Runs as training leaves them, of two recipes."""
    for name, recipe in (("proto", PROTOTYPICAL_OMNIGLOT), ("matching", MATCHING_OMNIGLOT)):
        settings, run = recipe.configure(**SMALL), Run(place / name)
        run.begin(recipe, settings)
        run.finish(recipe, recipe.learner(settings), 1, 1.0)
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
        ("train prototypical-omniglot --shots 0", "'0' is no number from 1 on"),
        (
            "train prototypical-omniglot --set shots=0",
            "shots=0, queries=5, batch_size=1: each must be at least 1",
        ),
        ("train prototypical-omniglot --ways 9", "ways=9, but there are only 8 classes; lower ways or add"),
        (
            "train prototypical-omniglot --ways 3 --shots 4",
            "but a class has only 4 examples; lower one of them",
        ),
    ],
)
def test_tasks_that_cannot_be_drawn(command, words, capsys, place):
    assert words in fails(capsys, command)
    assert not list(place.iterdir())


def test_runs_that_are_not_what_was_asked_for(capsys, runs):
    ask = "evaluate prototypical-omniglot --tasks 20"
    assert "only 8 classes" in fails(capsys, f"{ask} --run proto --ways 9")
    assert "each must be at least 1" in fails(capsys, f"{ask} --run proto --set test_shots=-1")
    err = fails(capsys, f"{ask} --run matching")
    assert (
        "a run of matching-omniglot, not of prototypical-omniglot; ask for matching-omniglot, or name" in err
    )

    shutil.copy(runs / "matching/learner.keras", runs / "proto/learner.keras")
    for command in (f"{ask} --run proto", "export prototypical-omniglot --run proto --to models"):
        assert "holds a MatchingNetwork, but prototypical-omniglot trains a PrototypicalNetwork" in fails(
            capsys, command
        )
    assert not (runs / "models").exists()


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
