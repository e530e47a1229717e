"""The HTTP server alone: what it reads, what it refuses, and how it ends."""

import gzip
import json
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.serving.rest.echo import GET, POST, Echo, replies
from tfmeta.serving.rest import app


@pytest.fixture
def echo():
    echo = Echo()
    yield echo
    echo.stop()


CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "a length that is too large": (POST + b"Content-Length: 1001\r\n\r\n", 413, b"larger than 1000 bytes"),
    "chunks that are too large": (CHUNKED + b"fff\r\n" + b"0" * 4095 + b"\r\n", 413, b"larger than 1000 bytes"),
    "a size of no chunk": (CHUNKED + b"zz\r\n", 400, b"this is no HTTP/1.1 request"),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400, b"Content-Length"),
    "a length that is no number": (POST + b"Content-Length: x\r\n\r\n", 400, b"Content-Length"),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400, b"Content-Length"),
    "the same length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400, b"Content-Length"),
    "chunks beside a length": (
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nab", 400, b"Content-Length",
    ),
    "a length beside chunks": (
        POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab", 400, b"Transfer-Encoding",
    ),
    "another coding of the transfer": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400, b"this is no HTTP/1.1"),
    "an unknown method": (b"NONSENSE / HTTP/1.1\r\n\r\n", 400, b"method"),
    "a proxy's method": (b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501, b"no proxy"),
    "an offer before garbage": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, b"no HTTP/1.1",
    ),
    "TLS": (b"\x16\x03\x01 garbage\r\n\r\n", 400, b"this is no HTTP/1.1 request"),
    "a long path": (b"GET /" + b"a" * 1001 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 431, b"larger than 1000 bytes"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 600 + b"\r\n", 431, b"larger than 1000 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_requests(echo, monkeypatch, case):
    monkeypatch.setattr(app, "_LINGER_SECONDS", 0.05)
    request, status, reason = BROKEN[case]
    head, _, body = echo.start().talk(request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d" % status) and b"connection: close" in head
    assert reason in body and list(json.loads(body)) == ["error"]
    assert not echo.paths


ENDLESS = {
    "a head": (b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 1000),
    "a path": (b"GET /", b"a" * 6000),
    "tiny chunks": (CHUNKED, b"1\r\na\r\n" * 150),
    "words beside chunks": (CHUNKED, b"1;" + b"a" * 3000 + b"\r\na\r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"A: b\r\n" * 1000),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_what_is_no_body_is_bounded(echo, case):
    start, more = ENDLESS[case]
    with echo.start(body_bytes=2**20).connect(start) as connection:
        sent = 0
        with pytest.raises(OSError):  # the server has hung up
            while True:
                connection.sendall(more)
                sent += len(more)
                time.sleep(0.002)
                assert sent < 500_000
    assert not echo.paths


def test_a_client_that_waits_for_leave_to_send(echo):
    with echo.start().connect(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n") as connection:
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ab")
        assert replies(connection, 1) == [(200, ["POST", "/", "ab"])]


def test_a_client_that_goes_on_sending_sees_why_it_was_refused(echo):
    body = b"0" * 3_000_000  # more than the sockets hold
    head = POST + b"Content-Length: %d\r\n\r\n" % len(body)
    assert echo.start().talk(head, body).startswith(b"HTTP/1.1 413")


def test_requests_that_come_at_once_are_answered_in_turn(echo):
    posts = b"".join(POST + b"Content-Length: 1\r\n\r\n%d" % number for number in range(5))
    with echo.start().connect(posts) as connection:
        assert replies(connection, 5) == [(200, ["POST", "/", str(number)]) for number in range(5)]


def test_garbage_behind_a_request_does_not_lose_its_answer(echo):
    slow = b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    with echo.start().connect(slow) as connection:
        assert echo.entered.acquire(timeout=10)
        connection.sendall(b"\x16\x03\x01\r\n\r\n")
        time.sleep(0.1)
        echo.go_on.set()
        assert replies(connection, 1) == [(200, ["POST", "/slow", ""])]
        assert connection.recv(1000) == b""


def test_an_offer_of_http_2_is_answered_in_http_1(echo):
    """Java's client makes one with its first request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    request = POST + offer + b"Content-Length: 2\r\n\r\nab"
    for parts in ([request], [request[:-2], b"ab"], [request[:40], request[40:]]):
        with echo.start().connect() as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(0.02)
            assert replies(connection, 1) == [(200, ["POST", "/", "ab"])]
            connection.sendall(GET)
            assert replies(connection, 1) == [(200, ["GET", "/", ""])]


# Packed bodies

PACKED = {
    "a bomb": (gzip.compress(b"0" * 1_000_000), 413, b"larger than 2000 bytes"),
    "the beginning": (gzip.compress(b"ab")[:-1], 400, b"the body is no gzip: it ends too early"),
    "nothing": (b"", 200, b'["POST", "/", ""]'),
    "two files": (gzip.compress(b"ab") + gzip.compress(b"cd"), 200, b'["POST", "/", "abcd"]'),
    "a file and garbage": (gzip.compress(b"ab") + b"cd", 400, b"the body is no gzip"),
}


@pytest.mark.parametrize("case", PACKED)
def test_gzip(echo, case):
    body, status, reason = PACKED[case]
    head = POST + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    reply = echo.start(body_bytes=2000).talk(head + body)
    assert reply.startswith(b"HTTP/1.1 %d" % status) and reason in reply


# Slow clients


def test_a_silent_client_is_let_go(echo):
    echo.start(seconds=0.2)
    assert echo.talk(POST + b"Content-Length: 5\r\n\r\nab").startswith(b"HTTP/1.1 408")
    assert echo.talk(b"GET / HT").startswith(b"HTTP/1.1 408")
    assert echo.talk(b"") == b""
    assert echo.talk(GET).startswith(b"HTTP/1.1 200")
    second = echo.talk(GET, b"GET / HT")
    assert second.startswith(b"HTTP/1.1 200") and b"HTTP/1.1 408" in second


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nA: ", POST + b"Content-Length: 900\r\n\r\n"])
def test_a_client_that_sends_a_little_now_and_then_is_let_go(echo, start):
    began = time.monotonic()
    with echo.start(seconds=0.3).connect(start) as connection, pytest.raises(OSError):
        while time.monotonic() < began + 5:
            connection.sendall(b"a")
            time.sleep(0.05)
    assert time.monotonic() < began + 2


def test_a_client_that_takes_no_answer_is_let_go(echo):
    with echo.start(seconds=0.2, connections=1).connect(
        b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n"
    ) as connection:
        _wait_until(lambda: echo.paths and not echo.server.server_state.connections)
        taken = 0
        with pytest.raises(OSError):
            while piece := connection.recv(2**20):
                taken += len(piece)
            raise ConnectionError("ended by the server")
        assert taken < 2**26


# Who gets a place


def test_a_client_that_breaks_off(echo):
    echo.start(connections=1)
    for _ in range(3):
        echo.connect(POST + b"Content-Length: 50\r\n\r\nab").close()
        _wait_until(lambda: not echo.server.server_state.connections)
    _wait_until(lambda: echo.server.front.held == 0)


def test_idle_connections_give_way_and_working_ones_do_not(echo):
    echo.start(connections=2)
    with (
        echo.connect(GET) as idle,
        echo.connect(b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n") as working,
    ):
        replies(idle, 1)
        assert echo.entered.acquire(timeout=10)
        with echo.connect(b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n") as second:
            assert idle.recv(1000) == b""
            assert echo.entered.acquire(timeout=10)
            reply = echo.talk(b"")
            assert reply.startswith(b"HTTP/1.1 503") and b"every connection is taken" in reply
            echo.go_on.set()
            assert replies(second, 1) == replies(working, 1) == [(200, ["POST", "/slow", ""])]


def test_the_slowest_head_gives_way(echo):
    echo.start(connections=4)
    with ExitStack() as stack:
        slow = [stack.enter_context(echo.connect(b"GET / HT")) for _ in range(4)]
        _wait_until(lambda: sum(each.in_head for each in echo.server.server_state.connections) == 4)
        connection = stack.enter_context(echo.connect(GET))
        assert replies(connection, 1) == [(200, ["GET", "/", ""])]
        assert slow[0].recv(1000).startswith(b"HTTP/1.1 503")


def test_more_than_threads_and_queue_are_refused_and_health_is_not(echo):
    echo.start(threads=1, queue=1)
    slow = b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    with echo.connect(slow) as first, echo.connect(slow) as second:
        assert echo.entered.acquire(timeout=10)
        _wait_until(lambda: echo.server.front.pool.full)
        reply = echo.talk(slow)
        assert reply.startswith(b"HTTP/1.1 429") and b"1 requests are at work and 1 wait" in reply
        with echo.connect(GET) as third:
            assert replies(third, 1) == [(200, ["GET", "/", ""])]
        echo.go_on.set()
        assert replies(first, 1) == replies(second, 1) == [(200, ["POST", "/slow", ""])]


def test_nobody_works_for_a_client_that_is_gone(echo):
    echo.start(threads=1, queue=2)
    slow = b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    with echo.connect(slow) as first, echo.connect(slow) as other:  # which has the spare thread
        for _ in range(2):
            assert echo.entered.acquire(timeout=10)
        with echo.connect(b"POST /gone HTTP/1.1\r\nContent-Length: 0\r\n\r\n"):
            _wait_until(lambda: echo.server.front.pool.full)
        _wait_until(lambda: not echo.server.front.pool.full)
        echo.go_on.set()
        replies(first, 1), replies(other, 1)
        first.sendall(b"POST /last HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        replies(first, 1)
    assert echo.paths == ["/slow", "/slow", "/last"]


def test_the_bodies_of_all_clients_are_bounded(echo):
    echo.start(connections=20)
    part = POST + b"Content-Length: 1000\r\n\r\n" + b"0" * 900
    waiting = [echo.connect(part) for _ in range(8)]
    _wait_until(lambda: echo.server.front.held == 7200)
    assert b"holds as many bodies" in echo.talk(part)
    for each in waiting:
        each.sendall(b"0" * 100)
        assert replies(each, 1)[0][0] == 200
        each.close()
    _wait_until(lambda: echo.server.front.held == 0)


# The end


def test_requests_in_flight_finish_and_idle_connections_end(echo):
    idle = echo.start().connect(GET)
    replies(idle, 1)
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(echo.talk(b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n"))
    )
    asking.start()
    assert echo.entered.acquire(timeout=10)
    draining = threading.Thread(target=echo.server.drain, args=(10,))
    draining.start()
    assert idle.recv(1000) == b""
    assert not answers
    echo.go_on.set()
    asking.join(10)
    draining.join(10)
    assert answers[0].startswith(b"HTTP/1.1 200") and b"connection: close" in answers[0]
    idle.close()
    with pytest.raises(ConnectionError):
        echo.connect()


def test_what_does_not_finish_is_cut_off(echo, caplog):
    with echo.start().connect(b"POST /slow HTTP/1.1\r\nContent-Length: 0\r\n\r\n") as connection:
        assert echo.entered.acquire(timeout=10)
        began = time.monotonic()
        echo.server.drain(0.1)
        assert time.monotonic() < began + 2
        answer = b""
        with suppress(ConnectionError):
            answer = connection.recv(1000)
        assert answer == b""
    assert not caplog.records


def _wait_until(what):
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end, "it did not come to that within 10 s"
        time.sleep(0.01)
