"""The REST API of the models of `tests.serving.saved_models`."""

import json
import os
import urllib.error
import urllib.request

import pytest

from tfmeta.serving.rest.api import RestApi
from tfmeta.serving.rest.connection import Limits
from tfmeta.serving.rest.server import RestServer


@pytest.fixture(scope="module")
def rest(server):
    with RestServer(server.models, limits=Limits(seconds=5)) as rest:
        yield rest


@pytest.fixture(scope="module")
def api(server):
    return RestApi(server.models)


@pytest.fixture(scope="module")
def address(request):
    """Who is asked: the embedded server, or the one at $TFMETA_TEST_REST_TARGET, which serves the same models."""
    return os.environ.get("TFMETA_TEST_REST_TARGET") or request.getfixturevalue("rest").address


@pytest.fixture(scope="module")
def ask(address):
    def ask(path, document=None, method=None, **headers):
        """Status and document that a path answers to; a document is posted."""
        body = json.dumps(document).encode() if isinstance(document, dict | list) else document
        request = urllib.request.Request(f"http://{address}{path}", body, headers, method=method)
        try:
            reply = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            assert reply.headers["Content-Type"] == "application/json"
            return reply.status, json.load(reply)

    return ask
