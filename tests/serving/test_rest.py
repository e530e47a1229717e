"""The REST API: its forms of JSON, its paths, its errors, and how it behaves on the wire."""

import gzip
import http.client
import json
import math
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmeta.serving.api import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.rest import json_examples, json_tensors, json_values
from tfmeta.serving.rest.api import Reply, RestApi
from tfmeta.serving.rest.http_server import HttpServer
from tfmeta.serving.rest.server import RestServer

MODEL = "/v1/models/arithmetic"
X = [[1, 2], [3, 4]]


@pytest.fixture(scope="module")
def rest(server):
    with RestServer(server.models, timeout=5) as rest:
        yield rest


@pytest.fixture(scope="module")
def api(server):
    return RestApi(server.models)


@pytest.fixture(scope="module")
def address(request):
    """Who is asked: the embedded server, or the one at $TFMETA_TEST_REST_TARGET, which serves the same models."""
    return os.environ.get("TFMETA_TEST_REST_TARGET") or request.getfixturevalue("rest").address


ours = pytest.mark.skipif(
    "TFMETA_TEST_REST_TARGET" in os.environ, reason="this is ours alone; TF Serving has another way"
)


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


def half(form):
    return {"signature_name": "half"} | form


# A request to predict, and its answer.
PREDICTED = {
    "rows of one input": (half({"instances": [1, 2.2]}), {"predictions": [2.5, 3.1]}),
    "rows by name": (half({"instances": [{"x": 1}, {"x": 2}]}), {"predictions": [2.5, 3.0]}),
    "columns of one input": (half({"inputs": [1.0]}), {"outputs": [2.5]}),
    "columns by name": (half({"inputs": {"x": []}}), {"outputs": []}),
    "all outputs by name": ({"inputs": {"x": X, "n": 5}}, {"outputs": {"n2": 10, "s": [3.0, 7.0]}}),
    "rows of all outputs": (
        {"signature_name": "upper", "instances": ["ab", {"b64": "YwE="}]},
        {"predictions": [{"text": "AB", "length": 2}, {"text": "C\1", "length": 2}]},
    ),
    "infinity": (half({"instances": [math.inf, -math.inf]}), {"predictions": [math.inf, -math.inf]}),
    "columns of bytes alone": (
        {"signature_name": "upper", "inputs": [{"b64": "/w"}]},
        {"outputs": {"text": [{"b64": "/w=="}], "length": [1]}},
    ),
}


@pytest.mark.parametrize("row", PREDICTED)
def test_predict(ask, row):
    document, answer = PREDICTED[row]
    assert ask(MODEL + ":predict", document) == (200, answer)


def test_nan(ask):
    _, answer = ask(MODEL + ":predict", half({"inputs": [math.nan]}))
    assert math.isnan(answer["outputs"][0])


ONE_ROW = {"instances": [{"x": [1, 2], "n": 5}]}
ELEMENT = "Failed to process element: "
# A request to predict, and why it is refused, with … for anything.
REFUSED = {
    "no form": ({}, "Missing 'inputs' or 'instances' key"),
    "both forms": ({"inputs": {}, "instances": []}, "…expecting only one of 'inputs' or 'instances' keys…"),
    "no instances": ({"instances": []}, "…No values in 'instances' array"),
    "instances are no list": ({"instances": {"x": 1}}, "…Excepting 'instances' to be an list/array"),
    "missing input": ({"inputs": {"x": X}}, "Missing named input: n in 'inputs' object."),
    "columns without names": ({"inputs": X}, "inputs is a plain value/list, but expecting an object…"),
    "rows without names": ({"instances": X}, "instances is a plain list, but expecting list of objects…"),
    "a row without names": (
        {"instances": [{"x": [1, 2], "n": 5}, 3]},
        "Expecting object but got list at item 1 of input list",
    ),
    "a row with names": (
        half({"instances": [1, {"x": 2}]}),
        "Expecting value/list but got object at item 1 of input list",
    ),
    "unknown name in a row": (
        {"instances": [{"q": 1}]},
        ELEMENT + "0 key: q of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named "
        "input: q",
    ),
    "missing name in a row": ({"instances": [{"x": [1, 2]}]}, ELEMENT + "0 of 'instances' list. JSON…: n,x"),
    "wrong type in a row": (
        half({"instances": [1, "a"]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is not of "
        "expected type: float",
    ),
    "rows of unequal size": (
        half({"instances": [[1], [1, 2]]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
    ),
    "rows of unequal shape": (
        half({"instances": [[1], [[1]]]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1] but got: [1,1]",
    ),
    "too deep": (half({"inputs": [1, [2]]}), "Encountered list at unexpected level: 1 expected < 1"),
    "too shallow": (half({"inputs": [[1], 2]}), "JSON Value: 2 found at incorrect level: 2 …at level: 2"),
    "ragged": (
        half({"inputs": [[1], [2, 3]]}),
        "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
    ),
    "a fraction for an integer": (
        {"inputs": {"x": X, "n": 1.5}},
        "JSON Value: 1.5 Type: Number is not of expected type: int32",
    ),
    "an integer out of range": (
        {"inputs": {"x": X, "n": 2**31}},
        "JSON Value: 2147483648 Type: Number is not of expected type: int32",
    ),
    "a boolean for a number": (half({"inputs": [True]}), "JSON Value: true Type: True is not of…: float"),
    "null": (half({"inputs": [None]}), "JSON Value: null Type: Null is not of expected type: float"),
    "an inexact integer": (
        half({"inputs": [2**24]}),
        "Cannot convert JSON value: 16777216 to float without…",
    ),
    "a number beyond a float": (half({"inputs": [1e39]}), "Cannot convert JSON value: 1e+39 to float…"),
    "a number for a string": (
        {"signature_name": "upper", "inputs": [1]},
        "JSON Value: 1 Type: Number is not of expected type: string",
    ),
    "an object for a string": (
        {"signature_name": "upper", "inputs": [{"b": "a"}]},
        '…{"b": "a"} not formatted correctly for base64 data',
    ),
    "bad base64": ({"signature_name": "upper", "inputs": [{"b64": "***"}]}, "Unable to base64 decode"),
    "unknown signature": (
        {"signature_name": "zz", "instances": [1]},
        'Serving signature name: "zz" not found in signature def',
    ),
    "signature is no string": ({"signature_name": 1}, "…'signature_name' key must be a string value."),
    "scalar output by rows": (
        {"signature_name": "only_scalar", "instances": [1]},
        'Serving signature name: "only_scalar" not found in signature def',
    ),
    "no document": (b" ", "JSON Parse error: … at offset: …"),
    "broken document": (b'{"a"', "JSON Parse error: … at offset: 4"),
    "no object": (b"[1]", "JSON Value: …Is not object"),
    "no UTF-8": (b'{"\xff": 1}', "JSON Parse error: Invalid encoding in string. at offset: 2"),
    "a tower of brackets": (b"[" * 100_000, "JSON Parse error: …"),
    "a number of 5,000 digits": (b'{"inputs": ' + b"9" * 5000 + b"}", "JSON Parse error: …"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused(ask, row):
    document, reason = REFUSED[row]
    status, answer = ask(MODEL + ":predict", document)
    assert status == 400 and list(answer) == ["error"]
    start, *rest = reason.split("…")
    assert answer["error"].startswith(start)
    assert all(part in answer["error"] for part in rest)
    assert rest or answer["error"] == start


def test_empty_body(ask):
    assert ask(MODEL + ":predict", b"") == (400, {"error": "JSON Parse error: The document is empty"})


def test_outputs_without_rows(ask):
    status, answer = ask(MODEL + ":predict", ONE_ROW)
    assert (status, answer) == (200, {"predictions": [{"n2": 10, "s": 3.0}]})
    with pytest.raises(ServingError, match="Tensor name: n has no shape information"):
        json_tensors.write_tensors({"n": np.int32(3)}, by_rows=True)
    with pytest.raises(ServingError, match="b has inconsistent batch size: 2 expecting: 1"):
        json_tensors.write_tensors({"a": np.zeros(1), "b": np.zeros(2)}, by_rows=True)


def test_classify_and_regress(ask):
    examples = [{"x": 1.0}, {"x": [2.0], "weight": 3.0}]
    status, answer = ask(MODEL + ":classify", {"signature_name": "classify", "examples": examples})
    assert status == 200
    assert answer == {"results": [[["low", -2.5], ["high", 2.5]], [["low", -5.0], ["high", 5.0]]]}
    document = {"signature_name": "regress", "examples": examples, "context": {"weight": 2.0}}
    assert ask(MODEL + ":regress", document) == (200, {"results": [3.0, 5.0]})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1e39}]}, "to float without loss of precision"),
        ({"examples": [{"x": 1}]}, "Data types don't match"),
        ({"examples": [{"x": 1.0}], "signature_name": "zz"}, "No signature was found with the name: zz"),
    ],
)
def test_classify_refused(ask, document, reason):
    status, answer = ask(MODEL + ":classify", {"signature_name": "classify"} | document)
    assert status == 400 and reason in answer["error"]


def test_features_of_every_kind():
    examples = wire.ClassificationRequest().input
    given = {"number": [1, True], "text": ["a", {"b64": "YWI="}], "real": 0.5, "none": []}
    json_examples.read_examples({"examples": [given]}, examples)
    features = examples.example_list.examples[0].features.feature
    assert list(features["number"].int64_list.value) == [1, 1]
    assert list(features["text"].bytes_list.value) == [b"a", b"ab"]
    assert list(features["real"].float_list.value) == [0.5]
    assert features["none"].WhichOneof("kind") is None


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
    assert int(reply.headers["Content-Length"]) and reply.read() == b""
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


# Whatever a client sends is its own fault, and never more than that.
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just({"b64": "YQ=="})
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "n", "text", "b64"]), inner)
    ),
    max_leaves=8,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "signature_name": st.sampled_from(["half", "upper", "scale", "classify", "regress", "zz"]) | SCALARS,
        "instances": st.lists(JSON, max_size=3) | JSON,
        "inputs": JSON,
        "examples": st.lists(st.dictionaries(st.sampled_from(["x", "weight"]), JSON), max_size=2) | JSON,
        "context": JSON,
    },
)
FUZZED = settings(max_examples=100, deadline=None)


@FUZZED
@given(verb=st.sampled_from(["predict", "classify", "regress"]), document=DOCUMENTS)
def test_any_document(api, verb, document):
    reply = api.answer("POST", f"{MODEL}:{verb}", json.dumps(document).encode())
    assert reply.status in (200, 400), reply.body
    assert ("error" in json.loads(reply.body)) == (reply.status != 200)


@FUZZED
@given(
    method=st.sampled_from(["GET", "POST"]),
    start=st.sampled_from(["/", "/v1/models/", MODEL + "/versions/", MODEL]),
    end=st.text(max_size=30),
    body=st.binary(max_size=30),
)
def test_any_path_and_body(api, method, start, end, body):
    assert api.answer(method, start + end, body).status in (200, 400, 404)


# --- the transport alone ---


@pytest.fixture
def echo():
    """Starts servers that answer with what came, after `go_on` where the path says so."""
    go_on, entered, servers = threading.Event(), threading.Event(), []

    def answer(method, path, body):
        if path == "/slow":
            entered.set()
            go_on.wait(10)
        return Reply(200, json.dumps([method, path, body.decode()]).encode())

    def start(**limits):
        limits = {"body_bytes": 100, "timeout": 5.0, "connections": 8} | limits
        servers.append(HttpServer("127.0.0.1", 0, answer, **limits))
        threading.Thread(target=servers[-1].serve_forever, args=(0.02,), daemon=True).start()
        return servers[-1]

    yield SimpleNamespace(start=start, go_on=go_on, entered=entered)
    go_on.set()
    for server in servers:
        server.drain(1)


def _talk(server, data):
    """Everything that comes back until the server hangs up."""
    with socket.create_connection(server.server_address, timeout=10) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("request_bytes", "status", "reason"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413, b"larger than 100 bytes"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n", 413, b"larger than 100 bytes"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, b"is no size of a body"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, b"is no size of a body"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, b"is no size of a body"),
        (b"NONSENSE / HTTP/1.1\r\n\r\n", 501, b"Unsupported method"),
        (b"\x16\x03\x01 garbage\r\n\r\n", 400, b"Bad HTTP"),
        (b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n", 414, b""),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, b""),
    ],
)
def test_broken_requests(echo, request_bytes, status, reason):
    reply = _talk(echo.start(), request_bytes)
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status) and b"Connection: close" in head
    assert reason in body and "error" in json.loads(body)


def test_a_client_that_waits_for_leave_to_send(echo):
    with socket.create_connection(echo.start().server_address, timeout=10) as connection:
        connection.sendall(b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")
        assert connection.recv(1000).endswith(b'["POST", "/a", "ab"]')


def test_gzip_bomb(echo):
    bomb = gzip.compress(b"0" * 10_000)
    head = f"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    assert _talk(echo.start(), head.encode() + bomb).startswith(b"HTTP/1.1 413")


def test_a_silent_client_is_let_go(echo):
    server = echo.start(timeout=0.2)
    assert _talk(server, b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab").startswith(b"HTTP/1.1 408")
    assert _talk(server, b"") == b""


def test_a_client_that_breaks_off(echo):
    server = echo.start(connections=1)
    for _ in range(3):
        with socket.create_connection(server.server_address) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: 50\r\n\r\nab")
        _wait_until_free(server)


def _wait_until_free(server):
    for _ in range(500):
        with socket.create_connection(server.server_address, timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            if connection.recv(100).startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.01)
    raise AssertionError("the connection of a client that went away was never given up")


def test_too_many_connections_are_told(echo):
    server = echo.start(connections=1)
    with socket.create_connection(server.server_address) as first:
        first.sendall(b"GET / HTTP/1.1\r\n\r\n")
        first.recv(1000)
        assert _talk(server, b"").startswith(b"HTTP/1.1 503")


def test_requests_in_flight_finish_and_idle_connections_end(echo):
    server = echo.start()
    idle = socket.create_connection(server.server_address, timeout=10)
    idle.sendall(b"GET / HTTP/1.1\r\n\r\n")
    idle.recv(1000)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(_talk(server, b"GET /slow HTTP/1.1\r\n\r\n")))
    asking.start()
    assert echo.entered.wait(10)
    draining = threading.Thread(target=server.drain, args=(10,))
    draining.start()
    echo.go_on.set()
    asking.join(10)
    draining.join(10)
    assert answers[0].startswith(b"HTTP/1.1 200") and b"Connection: close" in answers[0]
    assert idle.recv(1000) == b""
    idle.close()
    with pytest.raises(ConnectionError):
        socket.create_connection(server.server_address)


# --- values ---


@pytest.mark.parametrize(
    "array",
    [
        np.float32([0.1, 1 / 3, 16777217, 1e-45, 3.4028235e38, -0.0, 9e6]),
        np.float64([0.1, 1 / 3, 1e308]),
        np.float16([0.1, 65504]),
        np.int64([[-(2**63)], [2**63 - 1]]),
        np.uint64([2**64 - 1]),
        np.array([True, False]),
        np.array([b"a", b""], object),
    ],
    ids=lambda array: str(array.dtype),
)
def test_values_survive_a_round_trip(array):
    text = json.dumps(json_values.write_values(array))
    given = json.loads(text)
    back = np.array([value.encode() for value in given], object) if array.dtype == object else given
    np.testing.assert_array_equal(np.array(back).astype(array.dtype), array)


def test_floats_are_written_short():
    assert json.dumps(json_values.write_values(np.float32([0.1, 2, 1 / 3]))) == "[0.1, 2.0, 0.333333343]"


@pytest.mark.parametrize("dtype", ["DT_HALF", "DT_COMPLEX64", "DT_BFLOAT16", "DT_VARIANT"])
def test_types_that_json_has_not(dtype):
    with pytest.raises(ServingError, match="Conversion of JSON Value") as error:
        json_values.read_values([1.0], wire.DataType[dtype])
    assert error.value.code == "UNIMPLEMENTED"
    with pytest.raises(ServingError, match="Failed to write JSON value for tensor type: complex64"):
        json_values.write_values(np.complex64([1]))
