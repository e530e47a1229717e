"""An HTTP/1.1 server that hands whole requests to a function: bounded bodies, timeouts, and an orderly end.

A body may come in one piece, in chunks, or compressed with gzip.
"""

import contextlib
import logging
import socket
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tfmeta.serving.rest.api import Reply, refusal

__all__ = ["HttpServer"]

_LOG = logging.getLogger(__name__)


class HttpServer(ThreadingHTTPServer):
    """Answers each connection in a thread of its own.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        answer: Takes method, path and body.
        body_bytes: Size of the largest body.
        timeout: Seconds that a client may be silent.
        connections: How many are served at a time.

    Raises:
        OSError: The address cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[str, str, bytes], Reply],
        *,
        body_bytes: int,
        timeout: float,
        connections: int,
    ):
        self.answer = answer
        self.body_bytes = body_bytes
        self.silence = timeout
        self.draining = False
        self._free = threading.Semaphore(connections)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._working = 0
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without the base class's look-up of this machine's name, which may wait for a name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def process_request(self, request: socket.socket, client_address: tuple) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        body = refusal(503, "every connection is taken; try again later, or raise their number").body
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with contextlib.suppress(OSError):
            request.sendall(head.encode() + body)
        self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: tuple) -> None:
        with self._changed:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
            self._free.release()

    def handle_error(self, request: socket.socket, client_address: tuple) -> None:
        """A client that goes away in the middle is nobody's fault."""
        _LOG.debug("connection of %s ended early", client_address, exc_info=True)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """A request is being answered."""
        with self._changed:
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def drain(self, grace: float) -> None:
        """Listens no more, waits up to `grace` seconds for the requests that have begun, and hangs up."""
        self.draining = True
        self.shutdown()
        self.server_close()
        with self._changed:
            self._changed.wait_for(lambda: not self._working, grace)
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _BodyError(Exception):
    """A body that is not read to its end, after which the connection cannot go on."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def setup(self) -> None:
        self.timeout = self.server.silence
        super().setup()

    def answer(self) -> None:
        try:
            body = self._body()
        except _BodyError as error:
            self._send(refusal(error.status, str(error)), close=True)
            return
        with self.server.working():
            path = self.path.partition("?")[0]
            self._send(self.server.answer(self.command, path, body), close=self.server.draining)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class cannot read as HTTP."""
        self._send(refusal(code, message or self.responses[code][0]), close=True)

    def handle_expect_100(self) -> bool:
        go_on = super().handle_expect_100()
        self.wfile.flush()  # the client waits for this before it sends its body
        return go_on

    def version_string(self) -> str:
        return "tfmeta"

    def log_message(self, format: str, *values: object) -> None:
        _LOG.debug(format, *values)

    def _send(self, reply: Reply, close: bool) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _body(self) -> bytes:
        try:
            if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                body = self._chunks()
            else:
                body = self._read(self._size(self.headers.get("Content-Length", "0"), 10))
        except TimeoutError:
            raise _BodyError(408, f"the body did not come within {self.server.silence:g} s") from None
        return self._unpacked(body)

    def _chunks(self) -> bytes:
        body = b""
        while size := self._size(self.rfile.readline(1024).partition(b";")[0].decode("latin-1").strip(), 16):
            body += self._read(size, len(body))
            self.rfile.readline(1024)
        while self.rfile.readline(65536).strip():
            pass  # trailers
        return body

    def _size(self, digits: str, base: int) -> int:
        if not (digits.isascii() and digits.isalnum()):
            raise _BodyError(400, f"{digits[:80]!r} is no size of a body")
        try:
            return int(digits, base)
        except ValueError:
            raise _BodyError(400, f"{digits[:80]!r} is no size of a body") from None

    def _read(self, size: int, before: int = 0) -> bytes:
        if size + before > self.server.body_bytes:
            raise self._too_large()
        body = self.rfile.read(size)
        if len(body) < size:
            raise _BodyError(400, f"the body ended after {len(body)} of {size} bytes")
        return body

    def _unpacked(self, body: bytes) -> bytes:
        coding = self.headers.get("Content-Encoding", "identity").lower()
        if coding == "identity":
            return body
        if coding != "gzip":
            raise _BodyError(415, f"Content-Encoding {coding} came, but only gzip is read")
        try:
            unpacked = zlib.decompressobj(31).decompress(body, self.server.body_bytes + 1)
        except zlib.error as error:
            raise _BodyError(400, f"the body is no gzip: {error}") from None
        if len(unpacked) > self.server.body_bytes:
            raise self._too_large()
        return unpacked

    def _too_large(self) -> _BodyError:
        return _BodyError(413, f"the body is larger than {self.server.body_bytes} bytes")
