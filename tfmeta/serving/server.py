"""A gRPC server that answers as TF Serving does, embedded in a Python process.

Example:
    >>> with Server(Models("saved_models")) as server:  # doctest: +SKIP
    ...     print(f"listening on {server.address}")
    listening on 127.0.0.1:41873
"""

import signal
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import grpc

from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.admission import BoundedPool
from tfmeta.serving.services.front import Front
from tfmeta.serving.services.handlers import Method
from tfmeta.serving.services.health import HEALTH_SERVICE, Health
from tfmeta.serving.services.packing import CHANNEL_ARGUMENTS
from tfmeta.serving.services.patience import READS, Patience
from tfmeta.serving.services.reflection import reflection_handler
from tfmeta.serving.services.table import services

__all__ = ["Server", "serve_forever"]

_RELOADS_AT_A_TIME = 2  # each of which waits until its new models are there
_HEARS_SECONDS = 0.5  # how long a signal may go unheard that did not end the wait for it


class Server:
    """Serves models over gRPC: TF Serving's services, health checks and reflection.

    Args:
        models: What to serve.
        host: Address to listen on; only this machine unless told otherwise.
        port: Port to listen on; 0 takes a free one.
        socket_path: A Unix domain socket to listen on as well.
        credentials: Encrypts both; see `tfmeta.serving.tls.server_credentials`.
        threads: Requests that are worked on at a time.
        queue: Requests that may wait; any more are answered RESOURCE_EXHAUSTED at once.
        message_bytes: Size of the largest message, either way.
        channel_arguments: Any further arguments of gRPC's server by name, which win over those above.
        metrics: What counts the requests; see `tfmeta.serving.metrics`. None for nothing.
        reload_below: Folders below which clients may have models loaded, by HandleReloadConfigRequest; none refuses
            that.

    Example:
        >>> server = Server(Models("saved_models"), port=8500)  # doctest: +SKIP
        >>> server.start()  # doctest: +SKIP
        8500
        >>> server.stop()  # doctest: +SKIP
    """

    def __init__(
        self,
        models: Models,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        socket_path: str | Path | None = None,
        credentials: grpc.ServerCredentials | None = None,
        threads: int = 8,
        queue: int = 1024,
        message_bytes: int = 64 * 2**20,
        channel_arguments: Mapping[str, int | str] | None = None,
        metrics: Any = None,
        reload_below: Sequence[str | Path] = (),
    ):
        self.models = models
        self.host = host
        self.port = port
        self.socket_path = socket_path
        self._credentials = credentials
        self._offered = services(models, metrics, reload_below)
        self.pool = BoundedPool(threads, queue)
        self._reloads = BoundedPool(_RELOADS_AT_A_TIME, 0)
        self._patience = Patience()
        self._health = Health(models, self._offered, self._patience)
        methods: dict[str, tuple[Method, BoundedPool | None]] = {
            f"/{service}/{name}": (Method(rpc, name, metrics), self._pool_of(name))
            for service, rpcs in self._offered.items()
            for name, rpc in rpcs.items()
        }
        for name, rpc in self._health.methods.items():
            methods[f"/{HEALTH_SERVICE}/{name}"] = Method(rpc, name), None
        self._front = Front(methods, message_bytes, self._patience)
        self._options = list({**_options(message_bytes), **(channel_arguments or {})}.items())
        self._calls = threads + queue + 2 * READS
        self._grpc: grpc.Server | None = None
        self._ended = threading.Event()

    @property
    def address(self) -> str:
        """What a client connects to."""
        return f"{self.host}:{self.port}"

    def start(self) -> int:
        """Loads the models that are not loaded yet, then listens.

        Returns:
            The port.

        Raises:
            ModelLoadError: A model does not load.
            OSError: The address or the socket cannot be listened on.
        """
        self.models.load()
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(self._calls, "tfmeta-grpc"),  # started as they are needed
            handlers=[self._front, self._health.handler, reflection_handler(self._offered)],
            options=self._options,
            maximum_concurrent_rpcs=self._calls,
        )
        self.port = self._listen(self._grpc, self.address, self._why_no_port)
        if self.socket_path is not None:
            self._listen(self._grpc, f"unix:{self.socket_path}", self._why_no_socket)
        self._patience.start()
        self._health.start()
        self._grpc.start()
        return self.port

    def stop(self, grace: float | None = 5.0) -> None:
        """Takes no more requests and lets those that have begun finish.

        Args:
            grace: Seconds to wait for them before they are cut off.
        """
        self.models.stop_waiting()
        if self._grpc is not None:
            self._health.drain()
            self._grpc.stop(grace).wait()
            self._patience.stop()
            self._ended.set()

    def wait(self) -> None:
        """Returns when the server has stopped."""
        self._ended.wait()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _pool_of(self, method: str) -> BoundedPool:
        # One that waits for a new model must not stand before predictions.
        return self._reloads if method == "HandleReloadConfigRequest" else self.pool

    def _listen(self, server: grpc.Server, address: str, why: Callable[[], str]) -> int:
        try:
            if self._credentials is None:
                return server.add_insecure_port(address)
            return server.add_secure_port(address, self._credentials)
        except RuntimeError as error:  # gRPC does not tell the reasons apart
            raise OSError(f"cannot listen on {address}: {why()}") from error

    def _why_no_port(self) -> str:
        if self._credentials is not None:
            try:
                socket.create_server((self.host, self.port)).close()
            except OSError:
                pass
            else:
                return "its certificate and its key do not belong together, or one of them is damaged"
        return "it is in use, or not an address of this machine; choose another port, or 0 for any free one"

    def _why_no_socket(self) -> str:
        path = Path(self.socket_path or "").absolute()
        if not path.parent.is_dir():
            return f"there is no folder {path.parent}"
        return (
            "choose a path of at most 107 characters, in a folder that may be written, where no file is yet"
        )


def serve_forever(
    server: Server, *, grace: float = 10.0, on_ready: Callable[[Server], None] | None = None
) -> None:
    """Runs a server until the process is asked to end (SIGTERM, or Ctrl-C), then drains it.

    To be called from the main thread, which is where Python takes signals.

    Args:
        server: The server, not yet started.
        grace: Seconds that requests in flight have to finish.
        on_ready: Called once requests are answered.

    Raises:
        ModelLoadError: A model does not load.
        OSError: The address cannot be listened on.
    """
    # Not an Event: a signal that comes while its wait() begins would find its lock taken by this very thread.
    ended: SimpleQueue[int] = SimpleQueue()
    previous = {
        number: signal.signal(number, lambda *_: ended.put(0)) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        server.start()
        if on_ready:
            on_ready(server)
        _wait_for(ended)
    finally:
        server.stop(grace)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _wait_for(ended: SimpleQueue[int]) -> None:
    # A signal that comes a moment before the wait, or that the system hands to another thread, does not end the wait.
    # Python hears of it as soon as its main thread does anything again; so it does, now and then.
    while True:
        try:
            ended.get(timeout=_HEARS_SECONDS)
            return
        except Empty:
            continue


def _options(message_bytes: int) -> dict[str, int | str]:
    return {
        "grpc.max_receive_message_length": message_bytes,
        "grpc.max_send_message_length": message_bytes,
        **CHANNEL_ARGUMENTS,
        "grpc.so_reuseport": 0,  # a port that another server holds is an error, not a share of its requests
    }
