"""Which versions are served, and what a server does that cannot have them at its start."""

import threading

import pytest

from tests.serving.lifecycle.watched import ask, reload, states, wait_for
from tfmeta.serving.errors import ModelLoadError


def test_policies(drop, serve):
    for number in (1, 2, 3, 4):
        drop(number)
    models = serve("m model_version_policy { latest { num_versions: 2 } }")
    assert states(models) == {4: "AVAILABLE", 3: "AVAILABLE"}
    models = serve("m model_version_policy { all {} }")
    assert [number for number, state in states(models).items() if state == "AVAILABLE"] == [4, 3, 2, 1]
    models = serve("m model_version_policy { specific { versions: 1 versions: 3 versions: 9 } }")
    assert states(models) == {3: "AVAILABLE", 1: "AVAILABLE"}
    assert ask(models) == 3


def test_one_bad_version_of_several_does_not_stop_the_start(drop, serve):
    drop(1), drop(2, what="corrupt")
    models = serve("m model_version_policy { all {} }")
    assert states(models) == {2: "END", 1: "AVAILABLE"}


def test_one_bad_model_fails_the_start(drop, serve):
    drop(1), drop(1, what="corrupt", model="bad")
    with pytest.raises(ModelLoadError, match="model 'bad' cannot be served"):
        serve("m", "bad")


def test_an_empty_folder_is_waited_for_and_a_missing_one_is_said(drop, serve, tmp_path):
    with pytest.raises(ModelLoadError, match="there is no such folder"):
        serve()
    (tmp_path / "m").mkdir()
    models = serve(load=False, watch=False)
    starting = threading.Thread(target=models.load)
    starting.start()
    starting.join(0.1)
    assert starting.is_alive()
    drop(1)
    starting.join(30)
    assert not starting.is_alive() and ask(models) == 1


def test_a_stop_ends_every_wait(drop, serve, tmp_path):
    (tmp_path / "m").mkdir()
    models = serve(load=False, watch=False)
    starting = threading.Thread(target=models.load)
    starting.start()
    starting.join(0.1)
    assert starting.is_alive()

    def stopped():  # again and again, since a load that has hardly begun would not have heard it
        models.stop_waiting()
        return not starting.is_alive()

    wait_for(stopped)
    drop(1)
    models.load()
    reloading = threading.Thread(target=reload, args=(models, "m", "n"), kwargs={"folder": tmp_path})
    reloading.start()
    reloading.join(0.1)
    assert reloading.is_alive()
    models.stop_waiting()
    reloading.join(30)
    assert not reloading.is_alive() and ask(models) == 1
