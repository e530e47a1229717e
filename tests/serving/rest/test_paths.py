"""The paths of the REST API, and the connections that they are asked over."""

import gzip
import http.client
import json
import threading

import pytest

from tests.serving.rest.paths import MODEL, half, ours
from tfmeta.serving.rest.server import RestServer


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/models/zz:predict", 404, "Servable not found for request: Latest(zz)"),
        (MODEL + "/versions/9:predict", 404, "Servable not found for request: Specific(arithmetic, 9)"),
        (MODEL + "/labels/blue:predict", 400, "Unrecognized servable version label: blue"),
        (f"{MODEL}/versions/{2**63}:predict", 400, f"Failed to convert version: {2**63} to numeric."),
        (MODEL + ":explain", 400, f"Malformed request: POST {MODEL}:explain"),
        (MODEL, 400, f"Malformed request: POST {MODEL}"),
    ],
)
def test_paths_refused(ask, path, status, reason):
    assert ask(path, half({"instances": [1]})) == (status, {"error": reason})


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/v1/models", 400, "Missing model name in request."),
        ("/v1/models/zz", 404, "Could not find any versions of model zz"),
        (MODEL + "/versions/9", 404, "Could not find version 9 of model arithmetic"),
        (MODEL + "/labels/blue/metadata", 400, "Unrecognized servable version label: blue"),
        (MODEL + ":predict", 400, f"Malformed request: GET {MODEL}:predict"),
    ],
)
def test_questions_refused(ask, path, status, reason):
    assert ask(path) == (status, {"error": reason})


@ours
@pytest.mark.parametrize("path", ["/v2/models/zz", "/favicon.ico"])
def test_other_paths(ask, path):
    reason = f"{path} is not served here; the API begins with /v1/models/"
    assert ask(path) == ask(path, {}) == (404, {"error": reason})


@ours
@pytest.mark.parametrize(
    "path", [MODEL + "/versions/1", "/V1/MODELS/arithmetic/Versions/1", "/v1/models/arithm%65tic"]
)
def test_paths_in_any_spelling(ask, path):
    assert ask(path + ":PREDICT?x=1", half({"instances": [1]})) == (200, {"predictions": [2.5]})


def test_status(ask):
    states = [{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]
    for path in (MODEL + "/versions/1", MODEL + "/labels/any"):
        assert ask(path) == (200, {"model_version_status": states})


def test_metadata(ask):
    status, answer = ask(MODEL + "/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "arithmetic", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    x = signatures["serving_default"]["inputs"]["x"]
    assert x["dtype"] == "DT_FLOAT" and [dim["size"] for dim in x["tensor_shape"]["dim"]] == ["-1", "2"]
    assert signatures["regress"]["method_name"] == "tensorflow/serving/regress"


@ours
def test_kserve_v1_client(ask):
    """Liveness, readiness and prediction, as KServe's REST client of protocol v1 asks for them."""
    assert ask("/")[1]["status"].lower() == "alive"
    status, answer = ask(MODEL)
    assert status == 200 and answer["ready"] is True and answer["name"] == "arithmetic"
    body = json.dumps({"signature_name": "half", "instances": [1.0]}).encode()
    assert ask(MODEL + ":predict", body, **{"content-type": "application/json"}) == (
        200,
        {"predictions": [2.5]},
    )


def test_connection_is_kept_open(rest):
    connection = http.client.HTTPConnection(rest.host, rest.port, timeout=20)
    sockets = set()
    for path in (MODEL, "/v1/models/zz", MODEL):  # an error does not end it
        connection.request("GET", path)
        sockets.add(connection.sock)
        connection.getresponse().read()
    connection.request("HEAD", MODEL)
    reply = connection.getresponse()
    assert reply.status == 200 and int(reply.headers["Content-Length"]) and reply.read() == b""
    assert len(sockets) == 1 and connection.sock in sockets
    connection.close()


def test_chunks_and_gzip(rest, ask):
    body = json.dumps(half({"instances": [1.0] * 1000})).encode()
    connection = http.client.HTTPConnection(rest.host, rest.port, timeout=20)
    for _ in range(2):
        connection.request("POST", MODEL + ":predict", iter([body[:10], body[10:]]), encode_chunked=True)
        assert json.load(connection.getresponse()) == {"predictions": [2.5] * 1000}
    connection.close()
    zipped = gzip.compress(body)
    assert ask(MODEL + ":predict", zipped, **{"Content-Encoding": "gzip"})[1] == {"predictions": [2.5] * 1000}
    status, answer = ask(MODEL + ":predict", b"no gzip", **{"Content-Encoding": "gzip"})
    assert status == 400 and "is no gzip" in answer["error"]
    assert ask(MODEL + ":predict", body, **{"Content-Encoding": "br"})[0] == 415


def test_pages_of_other_origins(server):
    """A browser asks first whether it may."""
    asking = {"Origin": "http://page", "Access-Control-Request-Method": "POST"}
    with RestServer(server.models, cors=True) as rest:
        connection = http.client.HTTPConnection(rest.host, rest.port, timeout=20)
        asking["Access-Control-Request-Headers"] = "content-type"
        connection.request("OPTIONS", MODEL + ":predict", headers=asking)
        reply = connection.getresponse()
        assert reply.status == 200 and reply.read() and reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in reply.headers["Access-Control-Allow-Methods"]
        connection.request("GET", MODEL, headers={"Origin": "http://page"})
        reply = connection.getresponse()
        assert reply.status == 200 and reply.headers["Access-Control-Allow-Origin"] == "*" and reply.read()
        connection.close()


def test_eight_threads_get_their_own_answers(ask):
    wrong = []

    def check(number):
        for _ in range(10):
            if ask(MODEL + ":predict", half({"instances": [number]}))[1] != {"predictions": [number / 2 + 2]}:
                wrong.append(number)

    threads = [threading.Thread(target=check, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_port_in_use_is_one_line(rest, server):
    with pytest.raises(OSError, match=f"cannot listen on {rest.address}: .*; choose another port"):
        RestServer(server.models, port=rest.port).start()
