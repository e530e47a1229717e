"""Requests that ask for more than they should get. `benchmarks/serving_attacks.py` measures the same on a server."""

import argparse
import asyncio
import base64
import gzip
import json
import threading
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.certificates import certificate_between, make_certificates
from tests.serving.requests import PREDICT, half
from tfmeta import wire
from tfmeta.cli.serve_exposure import exposures
from tfmeta.core.row_checks import MOST_ROWS, check_most_rows
from tfmeta.paths import CHECKOUT_MODELS
from tfmeta.serving.call import Call
from tfmeta.serving.client import Client
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.engine.memory import Claim, Growth, Memory
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.rest.json_values import loads
from tfmeta.serving.rest.reader import DocumentReader
from tfmeta.serving.rest.server import RestServer
from tfmeta.serving.server import Server
from tfmeta.serving.services.admission import BoundedPool
from tfmeta.serving.unpack import unpack

PATH = f"/tensorflow.serving.{PREDICT}"


@pytest.fixture(scope="module")
def small_server(model_folder):
    """A server that takes messages of 1 MB, and 8 MB of memory for requests."""
    with Server(Models(model_folder, max_request_memory_mb=8), message_bytes=2**20) as server:
        yield server


def code_of(server, body, **options):
    with grpc.insecure_channel(server.address, **options) as channel:
        try:
            channel.unary_unary(PATH)(body, timeout=20)
        except grpc.RpcError as error:
            return error.code().name, error.details()
    return "OK", ""


def repeated(value, *shape):
    proto = wire.TensorProto(dtype=wire.DataType["DT_FLOAT"], float_val=[value])
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


# A call takes a thread only when its message is there


def test_headers_without_a_message_hold_nobody_up(small_server):
    ended = threading.Event()

    def silent():
        ended.wait(20)
        yield b""

    with grpc.insecure_channel(small_server.address) as channel:
        calls = [
            channel.stream_unary(path).future(silent(), timeout=30)
            for path in [PATH] * 70 + ["/grpc.health.v1.Health/Check"] * 32
        ]
        time.sleep(0.3)
        began = time.monotonic()
        assert code_of(small_server, half(np.float32([1])).SerializeToString())[0] == "OK"
        with grpc.insecure_channel(small_server.address) as other:
            stub = health_pb2_grpc.HealthStub(other)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == 1
        assert time.monotonic() - began < 5
        ended.set()
        for call in calls:
            call.cancel()


# What a message may unpack to, and a request expand to


def test_a_packed_message_is_bounded_by_the_limit_on_messages(small_server):
    gzip_ = {"compression": grpc.Compression.Gzip, "options": [("grpc.max_send_message_length", -1)]}
    fits = half(np.zeros(100_000, np.float32)).SerializeToString()
    assert code_of(small_server, fits, **gzip_)[0] == "OK"
    bomb = half(np.zeros(10_000_000, np.float32)).SerializeToString()
    code, words = code_of(small_server, bomb, **gzip_)
    assert code == "RESOURCE_EXHAUSTED" and "larger than max: over 1048576 bytes unpacked" in words


def test_gzip_of_several_members_is_unpacked_up_to_a_size():
    packed = b"".join(gzip.compress(bytes([number]) * 300_000) for number in range(4))
    assert unpack(packed, 2**21) == b"".join(bytes([number]) * 300_000 for number in range(4))
    assert len(unpack(packed, 700_000)) == 700_001
    with pytest.raises(zlib.error, match="it ends too early"):
        unpack(packed[:-9], 2**21)


def test_gzip_that_is_none(small_server):
    code, words = code_of(small_server, gzip.compress(b"x" * 1000)[:-20])
    assert code == "INVALID_ARGUMENT" and "no gzip" in words


def test_silent_calls_end_and_the_oldest_give_way(monkeypatch, small_server):
    patience = small_server._patience
    monkeypatch.setattr("tfmeta.serving.services.patience._READS_OF_ONE", 4)
    ended = threading.Event()

    def silent():
        ended.wait(20)
        yield b""

    with grpc.insecure_channel(small_server.address) as channel:
        calls = []
        for _ in range(8):
            calls.append(channel.stream_unary(PATH).future(silent(), timeout=30))
            time.sleep(0.15)
        assert [call.done() for call in calls] == [True] * 4 + [False] * 4
        assert calls[0].code() == grpc.StatusCode.CANCELLED
        monkeypatch.setattr(patience, "seconds", 0.1)
        late = channel.stream_unary(PATH).future(silent(), timeout=30)
        assert late.code() == grpc.StatusCode.CANCELLED
        ended.set()
        for call in calls:
            call.cancel()


def test_a_burst_of_requests_is_answered_whole(small_server):
    body = half(np.float32([1])).SerializeToString()
    with grpc.insecure_channel(small_server.address) as channel:
        calls = [channel.unary_unary(PATH).future(body, timeout=30) for _ in range(700)]
        assert {call.code() for call in calls} == {grpc.StatusCode.OK}


def test_a_reply_that_nobody_takes_is_dropped(monkeypatch, small_server):
    monkeypatch.setattr(small_server._patience, "seconds", 0.2)
    monkeypatch.setattr("tfmeta.serving.services.patience._SLOWEST_BYTES", 2**30)
    body = half(np.zeros(120_000, np.float32)).SerializeToString()
    options = [("grpc.http2.lookahead_bytes", 0), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(small_server.address, options=options) as channel:
        calls = [channel.unary_stream(PATH)(body, timeout=20) for _ in range(4)]
        deadline = time.monotonic() + 10
        while small_server._patience._replies or small_server._front._held._bytes:
            assert time.monotonic() < deadline, "the replies are still held"
            time.sleep(0.05)
        for call in calls:
            call.cancel()


def test_health_reads_packed_questions(small_server):
    with grpc.insecure_channel(small_server.address, compression=grpc.Compression.Gzip) as channel:
        request = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert health_pb2_grpc.HealthStub(channel).Check(request, timeout=10).status == 1


def test_a_value_that_is_repeated_is_refused_before_it_is(small_server):
    code, words = code_of(small_server, half(repeated(1.0, 3_000_000)).SerializeToString())
    assert code == "RESOURCE_EXHAUSTED" and "raise --max_request_memory_mb" in words
    assert code_of(small_server, half(repeated(1.0, 100)).SerializeToString())[0] == "OK"


def test_what_the_graph_takes_is_learnt_and_refused(model_folder):
    memory = Memory(megabytes=2)
    engine = Engine(model_folder / "nearest_mean" / "1", memory=memory)
    for rows in (1, 4, 64):
        engine.run("describe", {"rows": np.zeros(rows, np.int64)})
    with pytest.raises(ServingError, match="raise --max_request_memory_mb") as error:
        engine.run("describe", {"rows": np.zeros(50_000, np.int64)})
    assert error.value.code == "RESOURCE_EXHAUSTED" and memory.held == 0
    engine.close()


def test_requests_are_answered_while_others_are_measured(model_folder):
    engines = [Engine(model_folder / "arithmetic" / "1") for _ in range(4)]

    def ask(engine):
        for power in range(12):  # each is twice as large, and so worth measuring
            engine.run("half", {"x": np.ones(2**power, np.float32)})
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, engines))
    for engine in engines:
        engine.close()


def test_the_first_large_request_runs_alone():
    memory, growth = Memory(megabytes=8), Growth()
    assert memory.needed(Claim(10, 40), growth) == 40
    assert memory.needed(Claim(10**6, 4 * 10**6), growth) == 8 * 2**20
    growth.learn(Claim(10**6, 4 * 10**6), 10**6)
    assert memory.needed(Claim(10**6, 4 * 10**6), growth) == 5 * 10**6


def test_memory_is_waited_for_as_long_as_somebody_waits_for_the_answer():
    memory = Memory(megabytes=1)
    late = pytest.raises(ServingError, match="DEADLINE_EXCEEDED")
    with memory.hold(900_000), late, Call(0.1).at_work(), memory.hold(900_000):
        pass
    gone = Call()
    gone.cancel()
    with (
        memory.hold(900_000),
        pytest.raises(ServingError, match="CANCELLED"),
        gone.at_work(),
        memory.hold(900_000),
    ):
        pass
    with memory.hold(900_000):
        pass
    assert memory.held == 0


def test_an_answer_is_counted_until_it_has_been_sent():
    memory, call = Memory(megabytes=1), Call(keeps=True)
    with call.at_work(), memory.hold(900_000) as held:
        held.resize(400_000)
    assert memory.held == 400_000
    call.end()
    assert memory.held == 0


def test_growth_is_not_forgotten_for_growth_in_another_direction():
    growth = Growth()
    growth.learn(Claim(10, 40), 10_000)
    growth.learn(Claim(1000, 4000), 10_000)  # more tasks, one after the other
    assert growth.expected(Claim(2000, 8000)) >= 10_000 + 1000 * 250
    growth.learn(Claim(2000, 8000), 5_000_000)
    growth.learn(Claim(4000, 16000), 5_000_000)
    assert growth.expected(Claim(5000, 20000)) > 9_000_000


def test_rows_that_say_nothing_are_bounded():
    assert len(check_most_rows(tf.zeros([MOST_ROWS], tf.int64), "rows")) == MOST_ROWS
    with pytest.raises(tf.errors.InvalidArgumentError, match="rows holds 65537 rows; expected at most 65536"):
        check_most_rows(tf.zeros([MOST_ROWS + 1], tf.int64), "rows")


# A share for each peer


def test_a_peer_with_nothing_at_work_goes_first():
    pool, opened, order = BoundedPool(threads=2, queue=100), threading.Event(), []
    held = [pool.submit(opened.wait, 20, peer="greedy") for _ in range(20)]
    assert pool.submit(order.append, "other", peer="other").result(10) is None  # on the spare thread
    for number in range(3):
        pool.submit(order.append, number, peer="other").result(10)
    assert order == ["other", 0, 1, 2] and not any(future.done() for future in held)
    opened.set()
    assert all(future.result(20) for future in held)


def test_a_peer_cannot_fill_the_queue():
    pool, opened = BoundedPool(threads=1, queue=8), threading.Event()
    held = [pool.submit(opened.wait, 20, peer="greedy") for _ in range(7)]
    assert "which is its share" in pool.why_not("greedy")
    assert not pool.why_not("other")
    opened.set()
    assert all(future.result(20) for future in held) and not pool.why_not("greedy")


def test_what_is_cancelled_while_it_waits_is_forgotten():
    pool, opened = BoundedPool(threads=1, queue=8), threading.Event()
    first = pool.submit(opened.wait, 20, peer="a")
    waiting = [pool.submit(time.sleep, 0, peer="a") for _ in range(5)]
    assert all(future.cancel() for future in waiting)
    assert not pool._waiting and pool._unfinished == {"a": 1}
    opened.set()
    assert first.result(20) and not pool.full


# Words that are none


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


# Work that nobody waits for


def test_a_loop_stops_at_the_deadline(tmp_path):
    class Long(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def run(self, x):
            for _ in tf.range(400):
                x = tf.math.sin(x)
            return {"y": x}

    module = Long()
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": module.run})
    engine = Engine(tmp_path / "1")
    x = {"x": np.ones(500_000, np.float32)}
    engine.run("", x)
    engine.run("", x)
    began, used = time.monotonic(), time.process_time()
    with Call(0.05).at_work(), pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
        engine.run("", x)
    whole = time.process_time()
    engine.run("", x)
    assert whole - used < (time.process_time() - whole) / 2
    assert time.monotonic() > began
    engine.close()


def test_a_straight_graph_runs_on_and_its_answer_is_not_written(tmp_path):
    class Straight(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
        def run(self, x):
            for _ in range(30):
                x = tf.math.tanh(tf.matmul(x, x) / 1000.0)
            return {"y": x}

    module = Straight()
    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": module.run})
    engine = Engine(tmp_path / "1")
    x = {"x": np.ones([500, 500], np.float32)}
    for _ in range(2):
        engine.run("", x)
    call = Call()
    threading.Timer(0.02, call.cancel).start()
    with call.at_work(), pytest.raises(ServingError, match="CANCELLED"):
        engine.run("", x)
    with call.at_work(), pytest.raises(ServingError, match="CANCELLED"):  # nothing begins after it
        engine.run("", x)
    engine.close()


def test_a_cancelled_request_that_waits_for_memory_gives_its_thread_back(model_folder):
    models = Models(model_folder, names=["arithmetic"], max_request_memory_mb=8)
    with Server(models, threads=1) as server, ThreadPoolExecutor(1), Client(server.address) as client:
        memory = models._engine_options["memory"]
        with memory.hold(8 * 2**20), grpc.insecure_channel(server.address) as channel:
            call = channel.unary_unary(PATH).future(half(np.ones(500_000, np.float32)).SerializeToString())
            time.sleep(0.2)
            call.cancel()
            x = {"x": np.float32([2])}
            assert client.predict("arithmetic", x, signature="half")["y"] == 3


# What an operator is told


def test_exposures_are_told_in_one_line_each(tmp_path):
    pem = make_certificates(tmp_path)
    file = tmp_path / "ssl.config"
    file.touch(0o644)
    config = wire.SSLConfig(server_key=pem["server_key"].decode(), server_cert=pem["server_cert"].decode())

    def told(host="127.0.0.1", rest=0, allow=False, ssl=config):
        args = argparse.Namespace(
            host=host, rest_api_port=rest, allow_reload=allow, ssl_config_file=str(file)
        )
        return exposures(args, ssl)

    assert told(ssl=None) == [] == told(host="::1", ssl=None)
    assert told(host="0.0.0.0", ssl=None) == [
        "--host 0.0.0.0 answers other machines, unencrypted and to every client"
    ]
    assert told(allow=True, ssl=None) == ["--allow_reload lets every client replace the list of models"]
    (line,) = told()
    assert "can be read by others; run chmod 600" in line
    file.chmod(0o600)
    assert told() == []
    assert told(rest=8501) == ["REST at port 8501 is not encrypted, and hears every client"]


@pytest.mark.parametrize(
    ("begin", "end", "line"),
    [
        (
            "20200101000000Z", "20210301000000Z",
            "the server's certificate expired on 2021-03-01; clients will refuse it",
        ),
        (
            "21000101000000Z", "21010101000000Z",
            "the server's certificate is not valid before 2100-01-01; clients will refuse it",
        ),
    ],
)  # fmt: skip
def test_a_certificate_out_of_its_time_is_told(tmp_path, begin, end, line):
    pem = make_certificates(tmp_path)
    made = certificate_between(tmp_path, begin, end)
    file = tmp_path / "ssl.config"
    file.touch(0o600)
    config = wire.SSLConfig(server_key=pem["server_key"].decode(), server_cert=made.decode())
    args = argparse.Namespace(
        host="127.0.0.1", rest_api_port=0, allow_reload=False, ssl_config_file=str(file)
    )
    assert exposures(args, config) == [line]


def test_an_event_loop_of_another_server_does_not_disturb(small_server, server):
    async def ask():
        async with grpc.aio.insecure_channel(small_server.address) as channel:
            return await channel.unary_unary(PATH)(half(np.float32([1])).SerializeToString(), timeout=10)

    assert asyncio.run(ask())


# Documents that take long to read


@pytest.mark.parametrize(("last", "status"), [('{"x": 2.0}', 200), ('{"x": [2.0, "a"]}', 400), ("{", 400)])
def test_a_large_document_of_examples_is_read_in_a_process_of_its_own(server, monkeypatch, last, status):
    asked = []
    read = DocumentReader.read_examples
    monkeypatch.setattr(
        DocumentReader, "read_examples", lambda self, body: asked.append(len(body)) or read(self, body)
    )
    examples = '{"x": 1.0}, ' * 90_000 + last
    body = f'{{"signature_name": "classify", "examples": [{examples}]}}'.encode()
    with RestServer(server.models) as rest:
        request = urllib.request.Request(f"http://{rest.address}/v1/models/arithmetic:classify", body)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                results = json.load(reply)["results"]
                assert reply.status == status and len(results) == 90_001
                assert results[-1] == [["low", -3.0], ["high", 3.0]]
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status and "error" in json.load(error)
    assert asked == [len(body)]


@pytest.mark.parametrize(
    ("values", "status"), [("1," * 600_000 + "1", 200), ("1," * 600_000 + '"a"', 400), ("1," * 600_000, 400)]
)
def test_a_large_document_is_read_in_a_process_of_its_own(server, values, status):
    with RestServer(server.models) as rest:
        url = f"http://{rest.address}/v1/models/arithmetic:predict"
        body = f'{{"signature_name": "half", "instances": [{values}]}}'.encode()
        try:
            with urllib.request.urlopen(url, body, timeout=30) as reply:
                assert reply.status == status and len(json.load(reply)["predictions"]) == 600_001
        except urllib.error.HTTPError as error:
            with error:
                assert error.code == status and "JSON" in json.load(error)["error"]


def test_a_document_of_too_many_values_is_refused():
    with pytest.raises(ServingError, match="values came, but a document may hold") as error:
        loads(b"[" + b"1," * 4_000_000 + b"1]")
    assert error.value.code == "RESOURCE_EXHAUSTED"


def test_a_reader_that_was_killed_is_started_again():
    reader, info = DocumentReader(), wire.TensorInfo(dtype=wire.DataType["DT_FLOAT"])
    body, signatures = b'{"instances": [1]}', {"serving_default": {"x": info}}
    assert reader.read(body, signatures).inputs["x"].tolist() == [1.0]
    reader._process.kill()
    with pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"):
        reader.read(body, signatures)
    assert reader.read(body, signatures).inputs["x"].tolist() == [1.0]
    reader.close()
