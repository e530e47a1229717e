"""Clients that send or take nothing, ask for everything, or have gone: others are answered all the same.

`benchmarks/serving_attacks.py` measures the same on a server.
"""

import asyncio
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.requests import PREDICT_PATH, half, status_of
from tfmeta.serving.call import Call
from tfmeta.serving.client import Client
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server
from tfmeta.serving.services.admission import BoundedPool


def silent(ended):
    """A call that sends no message until an event is set."""
    ended.wait(20)
    yield b""


def test_headers_without_a_message_hold_nobody_up(small_server):
    ended = threading.Event()
    with grpc.insecure_channel(small_server.address) as channel:
        calls = [
            channel.stream_unary(path).future(silent(ended), timeout=30)
            for path in [PREDICT_PATH] * 70 + ["/grpc.health.v1.Health/Check"] * 32
        ]
        time.sleep(0.3)
        began = time.monotonic()
        assert status_of(small_server, half(np.float32([1])).SerializeToString())[0] == "OK"
        with grpc.insecure_channel(small_server.address) as other:
            stub = health_pb2_grpc.HealthStub(other)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status == 1
        assert time.monotonic() - began < 5
        ended.set()
        for call in calls:
            call.cancel()


def test_silent_calls_end_and_the_oldest_give_way(monkeypatch, small_server):
    patience = small_server._patience
    monkeypatch.setattr("tfmeta.serving.services.patience._READS_OF_ONE", 4)
    ended = threading.Event()
    with grpc.insecure_channel(small_server.address) as channel:
        calls = []
        for _ in range(8):
            calls.append(channel.stream_unary(PREDICT_PATH).future(silent(ended), timeout=30))
            time.sleep(0.15)
        assert [call.done() for call in calls] == [True] * 4 + [False] * 4
        assert calls[0].code() == grpc.StatusCode.CANCELLED
        monkeypatch.setattr(patience, "seconds", 0.1)
        late = channel.stream_unary(PREDICT_PATH).future(silent(ended), timeout=30)
        assert late.code() == grpc.StatusCode.CANCELLED
        ended.set()
        for call in calls:
            call.cancel()


def test_a_burst_of_requests_is_answered_whole(small_server):
    body = half(np.float32([1])).SerializeToString()
    with grpc.insecure_channel(small_server.address) as channel:
        calls = [channel.unary_unary(PREDICT_PATH).future(body, timeout=30) for _ in range(700)]
        assert {call.code() for call in calls} == {grpc.StatusCode.OK}


def test_a_reply_that_nobody_takes_is_dropped(monkeypatch, small_server):
    monkeypatch.setattr(small_server._patience, "seconds", 0.2)
    monkeypatch.setattr("tfmeta.serving.services.patience._SLOWEST_BYTES", 2**30)
    body = half(np.zeros(120_000, np.float32)).SerializeToString()
    options = [("grpc.http2.lookahead_bytes", 0), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(small_server.address, options=options) as channel:
        calls = [channel.unary_stream(PREDICT_PATH)(body, timeout=20) for _ in range(4)]
        deadline = time.monotonic() + 10
        while small_server._patience._replies or small_server._front._held._bytes:
            assert time.monotonic() < deadline, "the replies are still held"
            time.sleep(0.05)
        for call in calls:
            call.cancel()


def test_an_event_loop_of_another_server_does_not_disturb(small_server, server):
    async def ask():
        async with grpc.aio.insecure_channel(small_server.address) as channel:
            return await channel.unary_unary(PREDICT_PATH)(
                half(np.float32([1])).SerializeToString(), timeout=10
            )

    assert asyncio.run(ask())


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
    used = time.process_time()
    with Call(0.05).at_work(), pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
        engine.run("", x)
    whole = time.process_time()
    engine.run("", x)
    assert whole - used < (time.process_time() - whole) / 2
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
    with Server(models, threads=1) as server, Client(server.address) as client:
        memory = models._engine_options["memory"]
        with memory.hold(8 * 2**20), grpc.insecure_channel(server.address) as channel:
            call = channel.unary_unary(PREDICT_PATH).future(
                half(np.ones(500_000, np.float32)).SerializeToString()
            )
            time.sleep(0.2)
            call.cancel()
            x = {"x": np.float32([2])}
            assert client.predict("arithmetic", x, signature="half")["y"] == 3
