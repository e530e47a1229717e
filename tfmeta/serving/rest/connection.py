"""One HTTP connection: uvicorn's own, with limits on what a client may send and on how long it may take.

httptools reads the protocol with Node's parser. It refuses two lengths, and a length beside chunks. uvicorn gives a
client any time and any size for a head, holds any number of connections, and refuses in plain text. What is added here:

* a head arrives within a time;
* all that is no body is bounded: the head, the sizes of chunks, trailers. It cannot fill the memory, and a body cannot
  come in pieces that take longer to read than to send;
* when all connections are taken, the one that has kept the server waiting the longest gives way to a new one;
* a reply of which the client takes nothing is dropped;
* every refusal is JSON, as in the rest of the API.

`tfmeta.serving.rest.app` bounds the bodies.
"""

import asyncio
import dataclasses
import logging
import socket
import sys
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tfmeta.serving.rest.reply import refusal

__all__ = ["Connection", "HttpConfig", "Limits"]

_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.ERROR)  # a client's mistake is told to the client


@dataclasses.dataclass(frozen=True)
class Limits:
    """What clients may ask of a server.

    Attributes:
        body_bytes: Size of the largest body, as it is sent and as it is unpacked.
        head_bytes: Size of the largest head: the request line and the headers.
        seconds: How long a head may take to arrive, and then a body; how long a client may be silent between requests.
        connections: How many there may be.
    """

    body_bytes: int = 16 * 2**20
    head_bytes: int = 64 * 2**10
    seconds: float = 30.0
    connections: int = 256

    @property
    def held_bytes(self) -> int:
        """How much the bodies of all requests may take together."""
        return 8 * self.body_bytes


class HttpConfig(uvicorn.Config):
    """Settings of uvicorn: quiet, without WebSockets, and with our limits.

    Args:
        app: The ASGI application.
        limits: What clients may ask of the server.
    """

    def __init__(self, app: Any, limits: Limits):
        self.limits = limits
        super().__init__(
            app,
            http=Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            headers=[("server", "tfmeta")],
            backlog=128,
            timeout_keep_alive=limits.seconds,  # type: ignore[arg-type]  # asyncio takes a float
        )


class Connection(HttpToolsProtocol):
    """A connection of `HttpConfig`.

    Attributes:
        since: When the server began to wait for its next request.
        in_head: Whether the head of one has begun and not ended.
    """

    config: HttpConfig

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.logger = _LOG
        self.access_log = False
        self._limits = self.config.limits
        self.since = self.loop.time()
        self._late: asyncio.TimerHandle | None = None
        self.in_head = False
        self._sent = self._body = 0  # bytes of this request
        self._data = b""  # what is being read

    @property
    def waiting(self) -> bool:
        """Whether the server waits for this client, and not the client for an answer."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # asyncio sets it only where the socket names its protocol, which one of `socket.create_server` does not.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._late = self.loop.call_later(self._limits.seconds, self._on_late_head)
        if len(self.connections) > self._limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._sent += len(data)
        self._data = data
        super().data_received(data)
        self._data = b""
        if self.transport.is_closing():
            return
        if self.in_head and not self._late:
            self._late = self.loop.call_later(self._limits.seconds, self._on_late_head)
        if self._sent - self._body > self._limits.head_bytes + self._body:
            self.refuse(431, f"more than {self._limits.head_bytes} bytes came that are no body")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = True
        self._sent = self._body = 0  # what has come in the same piece is not counted; that is 256 KB at most

    def on_headers_complete(self) -> None:
        self.in_head = False
        self._unwatch_head()
        if not self.parser.should_upgrade():  # else it is read again, by `_unsupported_upgrade_warning`
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        super().on_response_complete()
        self._watch_writing(self.transport.get_write_buffer_size())

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn for what is no HTTP, while it handles the parser's error."""
        self.refuse(400, f"this is no HTTP/1.1 request: {sys.exception() or msg}")

    def refuse(self, status: int, reason: str) -> None:
        """Answers a request that has not come whole, and hangs up. An answer before it is let out."""
        if not self.waiting:
            self.cycle.keep_alive = False
            self.pipeline.clear()
            self.flow.pause_reading()
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            body = refusal(status, reason).body
            self.transport.write(
                STATUS_LINE[status] + b"content-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n%s" % (len(body), body)
            )
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Called by uvicorn where a client offers another protocol: it is answered in this one.

        Java's client offers HTTP/2 with its first request. httptools takes what follows the head for the other
        protocol, so that the body would be lost. So the head is read again without the offer, and the body behind it.
        """
        offer, method = sys.exception(), self.parser.get_method()
        assert isinstance(offer, httptools.HttpParserUpgrade)
        begin_of_body = offer.args[0]
        if method == b"CONNECT":
            self.refuse(501, "CONNECT came, but this server is no proxy")
            return
        head = [b"%s %s HTTP/%s" % (method, self.url, self.parser.get_http_version().encode())]
        head += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        try:
            self.parser.feed_data(b"\r\n".join([*head, b"", self._data[begin_of_body:]]))
        except httptools.HttpParserError as error:
            self.send_400_response(str(error))

    def _unwatch_head(self) -> None:
        if self._late:
            self._late.cancel()
            self._late = None

    def _on_late_head(self) -> None:
        if self.in_head:
            self.refuse(408, f"the head of the request did not come within {self._limits.seconds:g} s")
        else:
            self.transport.close()

    def _watch_writing(self, left: int) -> None:
        if left:
            self.loop.call_later(self._limits.seconds, self._on_slow_reader, left)

    def _on_slow_reader(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left >= before:
            self.transport.abort()
        else:
            self._watch_writing(left)

    def _make_room(self) -> None:
        all_of_them = cast("set[Connection]", self.connections)
        others = (each for each in all_of_them if each is not self and each.waiting)
        longest = min(others, key=lambda each: each.since, default=self)
        if longest is self or longest.in_head or longest._body:
            longest.refuse(
                503, "every connection is taken; try again later, or raise --rest_api_max_connections"
            )
        else:
            longest.transport.close()
