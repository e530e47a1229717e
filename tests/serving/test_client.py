"""The client's connection: any model by name, errors, retries, time-outs, addresses, many threads at once."""

import asyncio
import itertools
import re
import socket
import subprocess
import sys
import threading
import time
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import pytest

from tfmeta import wire
from tfmeta.core.checks import TfmetaError
from tfmeta.serving.client import NO_RETRIES, Client, FewShotClient, Retries, ServingError
from tfmeta.serving.client.address import check_address, is_loopback
from tfmeta.serving.client.aio import AsyncClient

SUPPORT_X = np.float32([[0, 0], [5, 5], [0, 9]])
SUPPORT_Y = np.int64([0, 1, 2])
QUERY_X = np.float32([[0, 8], [1, 1], [4, 4], [6, 6]])
LABELS = [2, 0, 1, 1]


@pytest.fixture(scope="module")
def few_shot(target):
    with FewShotClient(target, "nearest_mean") as client:
        yield client


def test_predict(client):
    outputs = client.predict("arithmetic", {"x": np.float32([[1, 2]]), "n": np.int32(4)})
    assert outputs["s"].tolist() == [3.0] and outputs["s"].dtype == np.float32
    assert outputs["n2"] == 8 and outputs["n2"].shape == ()


def test_predict_takes_signature_version_and_filter(client):
    assert client.predict("arithmetic", {"x": np.float32([2])}, signature="half", version=1)[
        "y"
    ].tolist() == [3]
    inputs = {"x": np.float32([[1, 2]]), "n": np.int32(4)}
    assert list(client.predict("arithmetic", inputs, output_filter=["n2"])) == ["n2"]


def test_strings(client):
    outputs = client.predict("arithmetic", {"text": ["ab", "c"]}, signature="upper")
    assert outputs["text"].tolist() == [b"AB", b"C"]


def test_metadata_and_status(client):
    assert set(client.metadata("nearest_mean")["adapt"].inputs) == {"support_x", "support_y"}
    assert client.status("nearest_mean") == {1: "AVAILABLE"}


def test_error_carries_status_and_words(client):
    with pytest.raises(ServingError) as error:
        client.predict("zz", {})
    assert (error.value.code, error.value.message) == (
        "NOT_FOUND",
        "Servable not found for request: Latest(zz)",
    )
    assert str(error.value) == "NOT_FOUND: Servable not found for request: Latest(zz)"
    assert error.value.__cause__ is None and error.value.__context__ is None


def test_label_goes_out(client):
    with pytest.raises(ServingError, match="Unrecognized servable version label: stable"):
        client.status("nearest_mean")
        client.predict("nearest_mean", {}, label="stable")
    with pytest.raises(ValueError, match="names one of them"):
        client.predict("nearest_mean", {}, label="stable", version=1)


def test_no_server():
    with (
        Client("127.0.0.1:1", retries=NO_RETRIES) as client,
        pytest.raises(ServingError, match=r"no server answers at 127\.0\.0\.1:1;"),
    ):
        client.predict("m", {})


def test_timeout():
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with Client(address, timeout=0.2) as client, pytest.raises(ServingError) as error:
            client.status("nearest_mean")
    assert str(error.value).startswith(f"DEADLINE_EXCEEDED: {address} gave no answer within 0.2 s")


def test_large_message(client):
    x = np.ones(2_000_000, np.float32)  # 8 MB, and gRPC's own limit is 4
    np.testing.assert_array_equal(client.predict("arithmetic", {"x": x}, signature="half")["y"], x / 2 + 2)


def test_interleaved_tasks_get_their_own_answers(few_shot):
    """Eight threads, each with tasks of its own, adapt and ask in between one another."""

    def ask(seed):
        rng = np.random.default_rng(seed)
        order = rng.permutation(3)
        task = few_shot.adapt(SUPPORT_X, order)
        return all(task.predict(QUERY_X)["labels"].tolist() == order[LABELS].tolist() for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


def test_fifty_tasks_from_eight_threads_equal_the_isolated_answers(few_shot):
    """Each thread has several tasks in hand, and asks now of one, now of another."""
    rng = np.random.default_rng(0)
    support = SUPPORT_X + rng.normal(size=(50, 3, 2)).astype(np.float32)
    orders = [rng.permutation(3) for _ in range(50)]
    alone = [few_shot.classify(x, y, QUERY_X)["probabilities"] for x, y in zip(support, orders, strict=True)]

    def ask(thread):
        mine = range(thread, 50, 8)
        tasks = {number: few_shot.adapt(support[number], orders[number]) for number in mine}
        return [
            (number, tasks[number].predict(QUERY_X)["probabilities"]) for _ in range(3) for number in mine
        ]

    with ThreadPoolExecutor(8) as pool:
        answers = list(itertools.chain.from_iterable(pool.map(ask, range(8))))
    assert len(answers) == 150
    for number, answer in answers:
        np.testing.assert_allclose(answer, alone[number], rtol=1e-6, atol=1e-6)


# Retries and timeouts


class Flaky:
    """A server that answers with the given statuses one after another, and then properly."""

    def __init__(self, *codes, pause=0.0, port=0):
        self.codes, self.pause, self.times = list(codes), pause, []
        handler = grpc.method_handlers_generic_handler(
            "tensorflow.serving.PredictionService",
            {"Predict": grpc.unary_unary_rpc_method_handler(self._answer)},
        )
        self._server = grpc.server(
            futures.ThreadPoolExecutor(2),
            handlers=[handler],
            options=[("grpc.max_receive_message_length", -1)],
        )
        self.target = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    @property
    def asked(self):
        return len(self.times)

    def _answer(self, body, context):
        self.times.append(time.monotonic())
        time.sleep(self.pause)
        if self.codes:
            context.abort(self.codes.pop(0), "not now")
        return wire.PredictResponse().SerializeToString()

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()


UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
QUICK = Retries(attempts=4, first=0.01)


def test_unavailable_is_tried_again():
    with Flaky(UNAVAILABLE, UNAVAILABLE) as flaky, Client(flaky.target, retries=QUICK) as client:
        assert client.predict("m", {}) == {}
        assert flaky.asked == 3


def test_attempts_come_to_an_end():
    with Flaky(*[UNAVAILABLE] * 9) as flaky, Client(flaky.target, retries=QUICK) as client:
        with pytest.raises(ServingError, match=r"^UNAVAILABLE: no server answers at .*\(not now\)") as error:
            client.predict("m", {})
        assert flaky.asked == 4
        assert error.value.__context__ is None


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "INTERNAL", "ABORTED", "NOT_FOUND", "UNKNOWN"])
def test_any_other_status_is_an_answer(code):
    with (
        Flaky(grpc.StatusCode[code]) as flaky,
        Client(flaky.target, retries=QUICK) as client,
        pytest.raises(ServingError, match="not now"),
    ):
        client.predict("m", {})
    assert flaky.asked == 1


def test_retries_stay_inside_the_timeout():
    retries = Retries(attempts=5, first=0.15, longest=10.0)  # of 2.25 seconds in all
    with Flaky(*[UNAVAILABLE] * 99) as flaky, Client(flaky.target, retries=retries) as client:
        began = time.monotonic()
        with pytest.raises(ServingError):
            client.predict("m", {}, timeout=0.4)
        assert time.monotonic() - began < 1.5
        assert 2 <= flaky.asked <= 3


def test_a_call_has_a_timeout_of_its_own():
    with Flaky(pause=0.5) as flaky, Client(flaky.target) as client:
        with pytest.raises(ServingError, match=r"gave no answer within 0\.1 s"):
            client.predict("m", {}, timeout=0.1)
        assert client.predict("m", {}) == {}


def test_a_large_request_is_tried_again_too():
    """gRPC keeps no more than 256 kB of a request to send it again, unless it is told to."""
    with Flaky(UNAVAILABLE, UNAVAILABLE) as flaky, Client(flaky.target, retries=QUICK) as client:
        assert client.predict("m", {"x": np.zeros(750_000, np.float32)}) == {}  # 3 MB
        assert flaky.asked == 3


def test_pauses_grow_and_are_bounded():
    with Flaky(*[UNAVAILABLE] * 4) as flaky:
        with Client(flaky.target, retries=Retries(first=0.1, longest=0.2)) as client:
            client.predict("m", {})
        pauses = np.diff(flaky.times)
    # About 0.1, 0.2, 0.2 and 0.2 seconds: a fifth is drawn, and a busy machine adds to each.
    assert (pauses >= [0.07, 0.15, 0.15, 0.15]).all() and pauses.sum() < 2


def test_a_server_that_starts_late_is_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    late = []
    start = threading.Timer(0.3, lambda: late.append(Flaky(port=port).__enter__()))
    start.start()
    try:
        with Client(f"127.0.0.1:{port}", retries=Retries(first=0.3)) as client:
            assert client.predict("m", {}) == {}
    finally:
        start.join()
        late[0].__exit__()


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"attempts": 6}, {"first": 0.0}, {"longest": -1.0}])
def test_retries_that_grpc_does_not_have_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}={wrong[name]}.* came; expected"):
        Retries(**wrong)


# Addresses


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("http://localhost:8500", r"is a URL; expected host:port: 'localhost:8500'\.$"),
        (
            "https://models.example/v1/models",
            r"is a URL; expected host:port: 'models\.example:8500'.* tls=Tls",
        ),
        ("grpc://10.0.0.1:9000/", r"is a URL; expected host:port: '10\.0\.0\.1:9000'\.$"),
        ("localhost", r"names no port; expected host:port, such as 'localhost:8500'"),
        ("localhost:", r"names no port; .* 'localhost:8500'"),
        ("localhost:http", r"names no port; .* 'localhost:8500'"),
        ("localhost:99999", r"names no port; .* 'localhost:8500'"),
        ("", r"names no port; .* 'localhost:8500'"),
        ("::1", r"names no port; .* '\[::1\]:8500'"),
    ],
)
def test_an_address_that_grpc_would_misread_is_told(target, told):
    with pytest.raises(ValueError, match=re.escape(repr(target)) + " " + told) as error:
        Client(target)
    assert isinstance(error.value, TfmetaError)


@pytest.mark.parametrize(
    "target",
    ["localhost:8500", "[::1]:8500", "unix:grpc.sock", "dns:///models", "ipv4:10.0.0.1:8500,10.0.0.2:8500"],
)
def test_grpcs_own_addresses_are_taken(target):
    assert check_address(target) == target


@pytest.mark.parametrize(
    ("target", "here"),
    [
        ("localhost:1", True), ("127.0.0.1:1", True), ("[::1]:1", True), ("unix:grpc.sock", True),
        ("dns:///localhost:1", True), ("ipv4:127.0.0.1:1", True),
        ("10.0.0.1:1", False), ("models.example:1", False), ("localhost.example:1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_on_this_machine(target, here):
    assert is_loopback(target) is here


@pytest.mark.parametrize("variable", ["http_proxy", "grpc_proxy"])
def test_no_proxy_stands_before_this_machine(monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with Flaky() as flaky, Client(flaky.target, retries=NO_RETRIES) as client:
        assert client.predict("m", {}) == {}


def test_the_port_of_rest_is_told():
    with ThreadingHTTPServer(("127.0.0.1", 0), QuietHandler) as rest:
        thread = threading.Thread(target=rest.serve_forever)
        thread.start()
        address = f"127.0.0.1:{rest.server_address[1]}"
        told = f"what answers at {address} does not speak gRPC; is it the port of REST"
        try:
            with (
                Client(address, retries=NO_RETRIES) as client,
                pytest.raises(ServingError, match=told),
            ):
                client.status("m")
        finally:
            rest.shutdown()
            thread.join()


class QuietHandler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass


# asyncio


def test_the_numpy_twin_for_asyncio(target, client):
    async def ask():
        async with AsyncClient(target) as twin:
            outputs = await twin.predict("arithmetic", {"x": np.float32([2])}, signature="half")
            with pytest.raises(ServingError, match="NOT_FOUND"):
                await twin.predict("zz", {})
            return outputs, await twin.status("arithmetic"), await twin.metadata("arithmetic")

    outputs, status, metadata = asyncio.run(ask())
    assert outputs["y"].tolist() == [3]
    assert status == client.status("arithmetic")
    assert metadata == client.metadata("arithmetic")


def test_the_twin_tries_again_too():
    async def ask(target):
        async with AsyncClient(target, retries=QUICK) as client:
            return await client.predict("m", {})

    with Flaky(UNAVAILABLE) as flaky:
        assert asyncio.run(ask(flaky.target)) == {}
        assert flaky.asked == 2


def test_the_clients_load_no_tensorflow():
    code = "import sys, tfmeta.serving.client, tfmeta.serving.client.aio; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
