"""The HTTP server alone: broken requests, slow clients, and a stop."""

import gzip
import json
import socket
import threading
import time
from types import SimpleNamespace

import pytest

from tfmeta.serving.rest.api import Reply
from tfmeta.serving.rest.http_server import HttpServer


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
