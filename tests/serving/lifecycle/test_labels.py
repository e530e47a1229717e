"""Labels of versions: the table of TF Serving's behaviour, "Labels"."""

import shutil

import pytest

from tests.serving.lifecycle.watched import ask, refused, reload, wait_until
from tfmeta.serving.client import ServingError

NOT_AVAILABLE = (
    "FAILED_PRECONDITION: Request to assign label to version 2 of model m, "
    "which is not currently available for inference"
)
BOTH = "m model_version_policy { all {} }"


def labelled(label, number):
    return f'{BOTH} version_labels {{ key: "{label}" value: {number} }}'


def test_labels_at_the_start_need_the_flag(drop, serve):
    drop(1), drop(2)
    with pytest.raises(ServingError) as error:
        serve(labelled("canary", 2))
    assert str(error.value) == NOT_AVAILABLE
    models = serve(labelled("canary", 2), allow_unavailable_labels=True)
    assert ask(models, label="canary") == 2
    assert refused(models, label="stable") == "INVALID_ARGUMENT: Unrecognized servable version label: stable"


def test_a_label_is_moved_at_once_and_only_to_what_is_available(drop, serve, tmp_path):
    drop(1)
    models = serve(BOTH)
    reload(models, labelled("stable", 1), folder=tmp_path)
    assert ask(models, label="stable") == 1
    with pytest.raises(ServingError) as error:
        reload(models, labelled("stable", 2), folder=tmp_path)
    assert str(error.value) == NOT_AVAILABLE
    assert ask(models, label="stable") == 1
    drop(2)
    wait_until(models, {2: "AVAILABLE", 1: "AVAILABLE"})
    reload(models, labelled("stable", 2), folder=tmp_path)
    assert ask(models, label="stable") == 2
    reload(models, BOTH, folder=tmp_path)
    assert refused(models, label="stable").startswith("INVALID_ARGUMENT")


def test_the_flag_lets_a_new_label_run_ahead_but_moves_none(drop, serve, tmp_path):
    drop(1)
    models = serve(labelled("stable", 1), allow_unavailable_labels=True)
    reload(models, f'{labelled("stable", 1)} version_labels {{ key: "canary" value: 2 }}', folder=tmp_path)
    assert refused(models, label="canary") == "NOT_FOUND: Servable not found for request: Specific(m, 2)"
    with pytest.raises(ServingError) as error:
        reload(models, labelled("stable", 2), folder=tmp_path)
    assert str(error.value) == NOT_AVAILABLE


def test_a_label_left_on_an_unloaded_version(drop, serve):
    drop(1)
    path = drop(2)
    models = serve(labelled("canary", 2), allow_unavailable_labels=True)
    shutil.rmtree(path)
    wait_until(models, {2: "END", 1: "AVAILABLE"})
    assert refused(models, label="canary") == "NOT_FOUND: Servable not found for request: Specific(m, 2)"
