"""Versions that come and go, and models that watch them."""

import contextlib
import shutil

import pytest
import tensorflow as tf

from tests.serving.lifecycle.watched import (
    POLL,
    config_list,
)
from tfmeta.serving.lifecycle.models import Models


class Plus(tf.Module):
    """Says which version it is: y = x + number."""

    def __init__(self, number):
        super().__init__()
        self.number = tf.Variable(float(number))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def plus(self, x):
        return {"y": x + self.number}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Versions 1 to 4, and what a bad export looks like."""
    folder = tmp_path_factory.mktemp("built")
    for number in range(1, 5):
        tf.saved_model.save(Plus(number), str(folder / str(number)))
    shutil.copytree(folder / "3", folder / "corrupt")
    (data,) = (folder / "corrupt" / "variables").glob("*.data-*")
    data.write_bytes(b"")
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def drop(built, tmp_path):
    """Puts a version into a model's folder in one step, as an operator should."""

    def drop(version, what=None, model="m"):
        (tmp_path / model).mkdir(exist_ok=True)
        shutil.copytree(built / str(what or version), tmp_path / "copying")
        return (tmp_path / "copying").rename(tmp_path / model / str(version))

    return drop


@pytest.fixture
def serve(tmp_path):
    """Serves models of this test's folder, watched every few milliseconds."""
    with contextlib.ExitStack() as stack:

        def serve(*configs, load=True, watch=True, **options):
            models = Models.from_config(config_list(*configs, folder=tmp_path), **options)
            stack.callback(models.unload)
            if load:
                models.load()
            if watch:
                models.watch(POLL)
            return models

        yield serve
