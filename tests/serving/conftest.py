"""A server over tiny models, shared by the serving tests."""

import os

import pytest

from tests.serving import saved_models
from tfmeta.serving.client import Client
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    saved_models.build(folder)
    return folder


@pytest.fixture(scope="session")
def server(model_folder):
    with Server(Models(model_folder)) as server:
        yield server


@pytest.fixture(scope="module")
def small_server(model_folder):
    """A server that takes messages of 1 MB, and 8 MB of memory for requests."""
    with Server(Models(model_folder, max_request_memory_mb=8), message_bytes=2**20) as server:
        yield server


@pytest.fixture(scope="session")
def target(request):
    """Who is asked: the embedded server, or the one at $TFMETA_TEST_TARGET, which serves the same models."""
    return os.environ.get("TFMETA_TEST_TARGET") or request.getfixturevalue("server").address


@pytest.fixture(scope="session")
def client(target):
    with Client(target) as client:
        yield client
