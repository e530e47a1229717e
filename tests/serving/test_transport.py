"""What carries the requests: the bound on waiting, deadlines, health, reflection, sockets, and rough treatment."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.serving.requests import METADATA, PREDICT, half, predict, status
from tfmeta import wire
from tfmeta.serving import server as server_module
from tfmeta.serving.client import Client, ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.server import Server
from tfmeta.serving.services.rpc import Rpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SLOW = "/tensorflow.serving.PredictionService/Predict"


class Gate:
    """A service whose Predict answers once it is opened, and counts what it has begun."""

    def __init__(self):
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.names = []

    def predict(self, request):
        self.names.append(request.model_spec.name)
        self.begun.release()
        assert self.opened.wait(20)
        return wire.PredictResponse(model_spec=request.model_spec)


class Seen:
    """Metrics that remember what they were told."""

    def __init__(self):
        self.calls = []

    def observe(self, *call):
        self.calls.append(call[:-1])
        assert call[-1] >= 0

    def runtime(self, api, model):
        return nullcontext()


@contextmanager
def gated(monkeypatch, **options):
    gate = Gate()
    rpcs = {"tensorflow.serving.PredictionService": {"Predict": Rpc(wire.PredictRequest, gate.predict)}}
    monkeypatch.setattr(server_module, "services", lambda *_: rpcs)
    with Server(Nothing(), **options) as gate.server, grpc.insecure_channel(gate.server.address) as channel:
        try:
            yield gate, channel
        finally:
            gate.opened.set()


class Nothing:
    """No models at all."""

    names = ()

    def load(self):
        pass

    def stop_waiting(self):
        pass


def ask(channel, name="m", timeout=20.0):
    request = wire.PredictRequest(model_spec=wire.ModelSpec(name=name))
    return channel.unary_unary(SLOW).future(request.SerializeToString(), timeout=timeout)


# How much is taken on


def test_more_than_threads_and_queue_are_refused_at_once(monkeypatch):
    with gated(monkeypatch, threads=2, queue=3) as (gate, channel):
        taken = [ask(channel, f"m{number}") for number in range(5)]
        for _ in range(2):
            assert gate.begun.acquire(timeout=10)
        time.sleep(0.2)  # the other three have come, and wait
        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as error:
            ask(channel).result()
        assert time.monotonic() - began < 1
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error.value.details().startswith("2 requests are at work and 3 wait")
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == SERVING
        gate.opened.set()
        names = [wire.PredictResponse.FromString(future.result()).model_spec.name for future in taken]
        assert names == [f"m{number}" for number in range(5)]
        ask(channel).result()  # there is room again


def test_a_cancelled_request_gives_its_place_back(monkeypatch):
    with gated(monkeypatch, threads=1, queue=1) as (gate, channel):
        first, waiting = ask(channel), ask(channel)
        assert gate.begun.acquire(timeout=10)
        waiting.cancel()
        gate.opened.set()
        first.result()
        for _ in range(20):
            ask(channel).result()


def test_what_waited_past_its_deadline_is_not_run(monkeypatch):
    with gated(monkeypatch, threads=1, queue=4) as (gate, channel):
        first = ask(channel, "first")
        assert gate.begun.acquire(timeout=10)
        late = ask(channel, "late", timeout=0.1)
        assert late.exception(timeout=10).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        gate.opened.set()
        first.result()
        ask(channel, "last").result()
        assert gate.names == ["first", "last"]


def test_a_message_over_the_limit_is_refused(model_folder):
    with (
        Server(Models(model_folder, names=["arithmetic"]), message_bytes=100_000) as server,
        Client(server.address) as client,
    ):
        with pytest.raises(ServingError, match="larger than max") as error:
            client.predict("arithmetic", {"x": np.ones(50_000, np.float32)}, signature="half")
        assert error.value.code == "RESOURCE_EXHAUSTED"
        client.predict("arithmetic", {"x": np.ones(100, np.float32)}, signature="half")


def test_draining_finishes_what_has_begun(monkeypatch):
    with gated(monkeypatch) as (gate, channel):
        future = ask(channel)
        assert gate.begun.acquire(timeout=10)
        stopping = threading.Thread(target=gate.server.stop)
        stopping.start()
        stopping.join(0.2)
        assert stopping.is_alive() and not future.done()
        gate.opened.set()
        assert wire.PredictResponse.FromString(future.result()).model_spec.name == "m"
        stopping.join()


# Who counts it


def test_each_rpc_is_counted(model_folder):
    seen = Seen()
    with (
        Server(Models(model_folder, names=["arithmetic"]), metrics=seen) as server,
        grpc.insecure_channel(server.address) as channel,
    ):
        for rpc, request in [
            (PREDICT, predict()),
            (PREDICT, predict(name="zz", version=3)),
            (METADATA, wire.GetModelMetadataRequest()),
            ("ModelService/GetModelStatus", status()),
        ]:
            future = channel.unary_unary(f"/tensorflow.serving.{rpc}").future(request.SerializeToString())
            future.exception(timeout=20)
        assert channel.unary_unary(f"/tensorflow.serving.{PREDICT}").future(b"\xff").exception(timeout=20)
    assert seen.calls == [
        ("Predict", "GRPC", "arithmetic", 1, "OK"),
        ("Predict", "GRPC", "zz", 3, "NOT_FOUND"),
        ("GetModelMetadata", "GRPC", "", None, "INVALID_ARGUMENT"),
        ("GetModelStatus", "GRPC", "arithmetic", None, "OK"),
        ("Predict", "GRPC", "", None, "INVALID_ARGUMENT"),
    ]


# Health and reflection


@pytest.fixture
def health(server):
    with grpc.insecure_channel(server.address) as channel:
        yield health_pb2_grpc.HealthStub(channel)


@pytest.mark.parametrize(
    "service", ["", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "nearest_mean"]
)
def test_health(health, service):
    assert health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status == SERVING


def test_health_of_an_unknown_service(health):
    request = health_pb2.HealthCheckRequest(service="zz")
    with pytest.raises(grpc.RpcError) as error:
        health.Check(request, timeout=10)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert next(health.Watch(request, timeout=10)).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def test_a_model_that_goes_is_watched(model_folder, tmp_path):
    shutil.copytree(model_folder / "arithmetic", tmp_path / "arithmetic")
    models = Models(tmp_path)
    with Server(models) as server, grpc.insecure_channel(server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="arithmetic")
        changes = stub.Watch(request, timeout=20)
        assert next(changes).status == SERVING
        shutil.rmtree(tmp_path / "arithmetic" / "1")  # on the list, with no version to answer
        models.refresh()
        assert stub.Check(request, timeout=10).status == NOT_SERVING
        assert next(changes).status == NOT_SERVING
        models.unload()  # on the list no more
        assert next(changes).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        with pytest.raises(grpc.RpcError) as error:
            stub.Check(request, timeout=10)
        assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_server_that_drains_is_not_serving(model_folder):
    server = Server(Models(model_folder, names=["arithmetic"]))
    server.start()
    with grpc.insecure_channel(server.address) as channel:
        changes = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(changes).status == SERVING
        began = time.monotonic()
        stopping = threading.Thread(target=server.stop, args=[10.0])
        stopping.start()
        assert next(changes).status == NOT_SERVING
        assert not list(changes)
        stopping.join()
        assert time.monotonic() - began < 5  # who watches does not hold up the end


def test_idle_reflection_does_not_stop_the_health_check(server):
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    with grpc.insecure_channel(server.address) as channel:
        stub, ended = reflection_pb2_grpc.ServerReflectionStub(channel), threading.Event()

        def one_then_idle():
            yield reflection_pb2.ServerReflectionRequest(list_services="")
            ended.wait(20)

        calls = [stub.ServerReflectionInfo(one_then_idle()) for _ in range(8)]
        names = {service.name for service in next(calls[0]).list_services_response.service}
        assert {"grpc.health.v1.Health", "tensorflow.serving.PredictionService"} <= names
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest(), timeout=10).status == SERVING
        ended.set()
        for call in calls:
            call.cancel()


# Where it listens


def test_unix_domain_socket(model_folder, tmp_path):
    path = tmp_path / "s"
    with Server(Models(model_folder, names=["arithmetic"]), socket_path=path) as server:
        for target in (server.address, f"unix:{path}"):
            with Client(target) as client:
                assert client.status("arithmetic") == {1: "AVAILABLE"}


def test_a_socket_in_no_folder_is_explained(tmp_path):
    with pytest.raises(OSError, match=r"cannot listen on unix:.*: there is no folder .*missing"):
        Server(Nothing(), socket_path=tmp_path / "missing" / "s").start()


def test_a_port_in_use_is_explained():
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="it is in use"):
        Server(Nothing(), port=other.getsockname()[1]).start()


# Rough treatment


def test_a_request_of_20_megabytes(client):
    x = np.ones(5_000_000, np.float32)
    assert client.predict("arithmetic", {"x": x}, signature="half")["y"].sum() == x.size * 2.5


def test_200_channels(target):
    options = [("grpc.use_local_subchannel_pool", 1)]  # or they would all share one connection
    channels = [grpc.insecure_channel(target, options=options) for _ in range(200)]
    body = half(np.float32([2])).SerializeToString()
    calls = [channel.unary_unary(SLOW).future(body, timeout=30) for channel in channels]
    assert all(
        wire.PredictResponse.FromString(call.result()).outputs["y"].float_val[0] == 3 for call in calls
    )
    for channel in channels:
        channel.close()


def test_garbage_bytes_on_the_port(target, client):
    host, port = target.rsplit(":", 1)
    for garbage in (
        b"GET / HTTP/1.1\r\n\r\n",
        os.urandom(4096),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 999,
    ):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while connection.recv(4096):
                    pass
    assert client.status("arithmetic") == {1: "AVAILABLE"}


def test_a_deadline_of_5_ms(target, client):
    x = {"x": np.ones(2_000_000, np.float32)}
    with Client(target, timeout=0.005) as hasty:
        for _ in range(10):
            with pytest.raises(ServingError) as error:
                hasty.predict("arithmetic", x, signature="half")
            assert error.value.code == "DEADLINE_EXCEEDED"
    assert client.status("arithmetic") == {1: "AVAILABLE"}


KILLED = """
import sys, threading, numpy as np
from tfmeta.serving.client import Client
client, x = Client(sys.argv[1], timeout=60), np.ones(5_000_000, np.float32)
answered = threading.Event()
def ask():
    while True:
        client.predict("arithmetic", {"x": x}, signature="half")
        answered.set()
for _ in range(4):
    threading.Thread(target=ask, daemon=True).start()
answered.wait()
print("answered", flush=True)
threading.Event().wait(60)
"""


def test_kill_of_a_client_in_mid_request(target, client):
    with subprocess.Popen([sys.executable, "-c", KILLED, target], stdout=subprocess.PIPE) as child:
        answered = child.stdout.readline()
        child.kill()
    assert answered == b"answered\n"
    began = time.monotonic()
    for _ in range(20):
        client.predict("arithmetic", {"x": np.float32([2])}, signature="half")
    assert time.monotonic() - began < 10


def test_many_clients_at_once(target):
    with ThreadPoolExecutor(8) as pool, Client(target) as client:

        def ask_for(number):
            return client.predict("arithmetic", {"x": np.float32([number])}, signature="half")["y"][0]

        assert list(pool.map(ask_for, range(200))) == [number / 2 + 2 for number in range(200)]
