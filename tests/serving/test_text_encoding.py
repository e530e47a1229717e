"""Strings that are no text: the client is told, over gRPC and over REST."""

import base64
import json
import urllib.error
import urllib.request

import numpy as np
import pytest

from tfmeta.paths import CHECKOUT_MODELS
from tfmeta.serving.client import Client
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.rest.server import RestServer
from tfmeta.serving.server import Server


def test_strings_that_are_no_utf8_are_the_clients_fault(model_folder):
    engine = Engine(model_folder / "arithmetic" / "1")
    with pytest.raises(ServingError) as error:
        engine.run("examples", {"inputs": np.array([b"\xff\xfe"], object)})
    assert error.value.code == "INVALID_ARGUMENT"
    engine.close()


def not_utf8(place):
    """A request to the image world's model, with two bytes that are no UTF-8 in one of its strings."""
    strings = {
        "question": np.array([b"is a"], object),
        "layouts": np.array([[[b"exists", b"", b""]]], object),
    }
    strings[place].flat[0] = b"\xff\xfe"
    return strings | {"image": np.zeros([1, 30, 30, 3], np.float32)}


@pytest.fixture(scope="module")
def shapes_server():
    with Server(Models(CHECKOUT_MODELS, names=["nmn_shapes"])) as server:
        yield server


@pytest.mark.parametrize("place", ["question", "layouts"])
def test_a_question_or_a_layout_that_is_no_utf8_is_the_clients_fault(shapes_server, place):
    inputs = not_utf8(place)
    with (
        Client(shapes_server.address) as client,
        pytest.raises(ServingError) as error,
    ):
        client.predict("nmn_shapes", inputs, signature="answer")
    assert error.value.code == "INVALID_ARGUMENT"
    with RestServer(shapes_server.models) as rest:
        columns = {
            name: [[[b64(text) for text in row] for row in rows] for rows in array]
            if array.ndim == 3
            else [b64(text) for text in array]
            for name, array in inputs.items()
            if name != "image"
        }
        body = {"signature_name": "answer", "inputs": columns | {"image": inputs["image"].tolist()}}
        url = f"http://{rest.address}/v1/models/nmn_shapes:predict"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url, json.dumps(body).encode(), timeout=20)
        with refused.value:
            assert refused.value.code == 400


def b64(text):
    return {"b64": base64.b64encode(text).decode()}


@pytest.mark.parametrize(
    "body",
    [
        rb'{"signature_name": "upper", "inputs": {"text": ["\ud800"]}}',
        rb'{"signature_name": "upper", "x": NaN, "inputs": {"text": ["\ud800"]}}',
        rb'{"signature_name": "\udfff", "x": NaN, "instances": [1]}',
    ],
)
def test_half_a_surrogate_pair_is_the_clients_fault(server, body):
    with RestServer(server.models) as rest:
        url = f"http://{rest.address}/v1/models/arithmetic:predict"
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url, body, timeout=20)
        with error.value:
            assert error.value.code == 400
