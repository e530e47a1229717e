"""The REST API over HTTP/1.1: Starlette on uvicorn, in a thread with an event loop of its own.

Example:
    >>> with RestServer(models, port=8501) as server:  # doctest: +SKIP
    ...     urllib.request.urlopen(f"http://{server.address}/v1/models/maml_omniglot_5w1s").status
    200
"""

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any

import uvicorn

from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.rest.api import RestApi
from tfmeta.serving.rest.app import Front, rest_app
from tfmeta.serving.rest.connection import HttpConfig, Limits
from tfmeta.serving.rest.reply import Reply
from tfmeta.serving.services.admission import BoundedPool

__all__ = ["HttpServer", "RestServer"]

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
_CUT_OFF_SECONDS = 1.0


class HttpServer(uvicorn.Server):
    """uvicorn in a thread.

    Args:
        front: What answers.
        limits: What clients may ask of it.
        cors: Whether pages of other origins may ask, in a browser.
    """

    def __init__(self, front: Front, limits: Limits, cors: bool = False):
        super().__init__(HttpConfig(rest_app(front, cors), limits))
        self.front = front
        self._grace = 0.0
        self._thread: threading.Thread | None = None

    def listen(self, host: str, port: int) -> int:
        """Listens, and answers from now on.

        Returns:
            The port.

        Raises:
            OSError: The address cannot be listened on.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=self.config.backlog)
        self._thread = threading.Thread(
            target=self.run, kwargs={"sockets": [listener]}, name="tfmeta-rest", daemon=True
        )
        self._thread.start()
        return listener.getsockname()[1]

    def drain(self, grace: float) -> None:
        """Listens no more, waits up to `grace` seconds for the requests that have begun, and hangs up."""
        self.front.draining = True
        self._grace = grace
        self.should_exit = True
        if self._thread:
            self._thread.join()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn when `should_exit` is set."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await super().shutdown(sockets)
        state = self.server_state
        for connection in list(state.connections):
            connection.transport.abort()
        if state.tasks:  # they end when they see that
            await asyncio.wait(state.tasks, timeout=_CUT_OFF_SECONDS)


class RestServer:
    """Serves models over REST. It loads none; the gRPC `Server` beside it does.

    Args:
        models: What to serve.
        host: Address to listen on; only this machine unless told otherwise.
        port: Port to listen on; 0 takes a free one.
        pool: The threads that answer, `Server.pool` to share those of the gRPC server; None for 8 of its own.
        metrics: What counts the requests; see `tfmeta.serving.metrics`. None for nothing.
        metrics_path: Path at which they are shown; None for nowhere.
        limits: What clients may ask of it.
        cors: Whether pages of other origins may ask, in a browser.

    Example:
        >>> server = RestServer(models, port=8501)  # doctest: +SKIP
        >>> server.start()  # doctest: +SKIP
        8501
        >>> server.stop()  # doctest: +SKIP
    """

    def __init__(
        self,
        models: Models,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        pool: BoundedPool | None = None,
        metrics: Any = None,
        metrics_path: str | None = None,
        limits: Limits | None = None,
        cors: bool = False,
    ):
        self.host = host
        self.port = port
        self._models = models
        self._api = RestApi(models, metrics)
        self._pool = pool or BoundedPool(threads=8, queue=1024)
        self._metrics = metrics
        self._metrics_path = metrics_path if metrics is not None else None
        self._limits = limits or Limits()
        self._cors = cors
        self._http: HttpServer | None = None

    @property
    def address(self) -> str:
        """What a client connects to, `host:port`."""
        return f"{self.host}:{self.port}"

    def start(self) -> int:
        """Listens.

        Returns:
            The port.

        Raises:
            OSError: The address cannot be listened on.
        """
        http = HttpServer(Front(self._answer, self._pool, self._limits), self._limits, self._cors)
        try:
            self.port = http.listen(self.host, self.port)
        except OSError as error:
            reason = error.strerror or error
            raise OSError(
                f"cannot listen on {self.address}: {reason}; choose another port, or 0 for any free one"
            ) from error
        self._http = http
        return self.port

    def stop(self, grace: float | None = 5.0) -> None:
        """Takes no more requests and lets those that have begun finish.

        Args:
            grace: Seconds to wait for them before they are cut off.
        """
        if self._http is not None:
            self._http.drain(grace or 0.0)
            self._http = None
        self._api.close()

    def __enter__(self) -> "RestServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        if method == "GET" and path == self._metrics_path:
            return Reply(200, self._metrics.render(self._models), _PROMETHEUS)
        return self._api.answer(method, path, body)
