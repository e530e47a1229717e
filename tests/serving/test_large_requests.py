"""Requests that unpack, expand or are read to more than they should get.

`benchmarks/serving_attacks.py` measures the same on a server.
"""

import gzip
import json
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.requests import floats, half, status_of
from tfmeta import wire
from tfmeta.core.row_checks import MOST_ROWS, check_most_rows
from tfmeta.serving.call import Call
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.engine.memory import Claim, Growth, Memory
from tfmeta.serving.errors import ServingError
from tfmeta.serving.rest.json_values import loads
from tfmeta.serving.rest.reader import DocumentReader
from tfmeta.serving.rest.server import RestServer
from tfmeta.serving.unpack import unpack

# What a message may unpack to


def test_a_packed_message_is_bounded_by_the_limit_on_messages(small_server):
    gzip_ = {"compression": grpc.Compression.Gzip, "options": [("grpc.max_send_message_length", -1)]}
    fits = half(np.zeros(100_000, np.float32)).SerializeToString()
    assert status_of(small_server, fits, **gzip_)[0] == "OK"
    bomb = half(np.zeros(10_000_000, np.float32)).SerializeToString()
    code, words = status_of(small_server, bomb, **gzip_)
    assert code == "RESOURCE_EXHAUSTED" and "larger than max: over 1048576 bytes unpacked" in words


def test_gzip_of_several_members_is_unpacked_up_to_a_size():
    packed = b"".join(gzip.compress(bytes([number]) * 300_000) for number in range(4))
    assert unpack(packed, 2**21) == b"".join(bytes([number]) * 300_000 for number in range(4))
    assert len(unpack(packed, 700_000)) == 700_001
    with pytest.raises(zlib.error, match="it ends too early"):
        unpack(packed[:-9], 2**21)


def test_gzip_that_is_none(small_server):
    code, words = status_of(small_server, gzip.compress(b"x" * 1000)[:-20])
    assert code == "INVALID_ARGUMENT" and "no gzip" in words


def test_health_reads_packed_questions(small_server):
    with grpc.insecure_channel(small_server.address, compression=grpc.Compression.Gzip) as channel:
        request = health_pb2.HealthCheckRequest(service="tensorflow.serving.PredictionService")
        assert health_pb2_grpc.HealthStub(channel).Check(request, timeout=10).status == 1


# What a request may take of the memory


def test_a_value_that_is_repeated_is_refused_before_it_is(small_server):
    code, words = status_of(small_server, half(floats(1.0, shape=(3_000_000,))).SerializeToString())
    assert code == "RESOURCE_EXHAUSTED" and "raise --max_request_memory_mb" in words
    assert status_of(small_server, half(floats(1.0, shape=(100,))).SerializeToString())[0] == "OK"


def test_what_the_graph_takes_is_learned_and_refused(model_folder):
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
