"""An HTTP server without models, and clients that speak to it in bytes."""

import json
import socket
import threading

from tfmeta.serving.rest.app import Front
from tfmeta.serving.rest.connection import Limits
from tfmeta.serving.rest.reply import Reply
from tfmeta.serving.rest.server import HttpServer
from tfmeta.serving.services.admission import BoundedPool

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\n"


class Echo:
    """Starts servers that answer with what came: `/slow` when told to, `/large` with 64 MB."""

    def __init__(self):
        self.go_on = threading.Event()
        self.entered = threading.Semaphore(0)
        self.paths = []
        self._servers = []

    def start(self, threads=4, queue=4, **limits):
        limits = Limits(**{"body_bytes": 1000, "head_bytes": 1000, "seconds": 5.0, "connections": 8} | limits)
        self.server = HttpServer(Front(self._answer, BoundedPool(threads, queue), limits), limits)
        self._servers.append(self.server)
        self.port = self.server.listen("127.0.0.1", 0)
        return self

    def stop(self):
        self.go_on.set()
        for server in self._servers:
            server.drain(0.0)

    def connect(self, *sent):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        try:
            for piece in sent:
                connection.sendall(piece)
        except OSError:
            connection.close()
            raise
        return connection

    def talk(self, *sent):
        """Everything that comes back until the server hangs up."""
        with self.connect(*sent) as connection:
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def _answer(self, method, path, body):
        self.paths.append(path)
        if path == "/slow":
            self.entered.release()
            self.go_on.wait(10)
        if path == "/large":
            return Reply(200, b"0" * 2**26)
        return Reply(200, json.dumps([method, path, body.decode()]).encode())


def replies(connection, number):
    """So many whole replies on an open connection: status and document of each."""
    found, data = [], b""
    while len(found) < number:
        head, end, rest = data.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        if end and len(rest) >= size:
            found.append((int(head.split()[1]), json.loads(rest[:size])))
            data = rest[size:]
        else:
            more = connection.recv(65536)
            assert more, f"the server hung up after {data}"
            data += more
    return found
