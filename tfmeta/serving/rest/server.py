"""The REST API over HTTP/1.1, on the standard library's server: a thread for each connection, which stays open.

Example:
    >>> with RestServer(models, port=8501) as server:  # doctest: +SKIP
    ...     urllib.request.urlopen(f"http://{server.address}/v1/models/maml_omniglot_5w1s").status
    200
"""

import threading
from typing import Any

from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.rest.api import Reply, RestApi
from tfmeta.serving.rest.http_server import HttpServer

__all__ = ["RestServer"]

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class RestServer:
    """Serves models over REST. It loads none; the gRPC `Server` beside it does.

    Args:
        models: What to serve.
        host: Address to listen on; only this machine unless told otherwise.
        port: Port to listen on; 0 takes a free one.
        metrics: What counts the requests; see `tfmeta.serving.metrics`. None for nothing.
        metrics_path: Path at which they are shown; None for nowhere.
        body_bytes: Size of the largest body of a request.
        timeout: Seconds within which a client has to go on sending, or to ask again on an open connection.
        connections: How many are served at a time; any more are answered 503 and closed.

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
        metrics: Any = None,
        metrics_path: str | None = None,
        body_bytes: int = 256 * 2**20,
        timeout: float = 30.0,
        connections: int = 256,
    ):
        self.host = host
        self.port = port
        self._models = models
        self._api = RestApi(models, metrics)
        self._metrics = metrics
        self._metrics_path = metrics_path if metrics is not None else None
        self._limits = {"body_bytes": body_bytes, "timeout": timeout, "connections": connections}
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
        try:
            self._http = HttpServer(self.host, self.port, self._answer, **self._limits)
        except OSError as error:
            reason = error.strerror or error
            raise OSError(
                f"cannot listen on {self.address}: {reason}; choose another port, or 0 for any free one"
            ) from error
        self.port = self._http.server_port
        threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="tfmeta-rest", daemon=True
        ).start()
        return self.port

    def stop(self, grace: float | None = 5.0) -> None:
        """Takes no more requests and lets those that have begun finish.

        Args:
            grace: Seconds to wait for them before they are cut off.
        """
        if self._http is not None:
            self._http.drain(grace or 0.0)
            self._http = None

    def __enter__(self) -> "RestServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, method: str, path: str, body: bytes) -> Reply:
        if method == "GET" and path == self._metrics_path:
            return Reply(200, self._metrics.render(self._models), _PROMETHEUS)
        return self._api.answer(method, path, body)
