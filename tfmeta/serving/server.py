"""A gRPC server that answers as TF Serving does, embedded in a Python process.

Example:
    >>> with Server(Models("saved_models")) as server:  # doctest: +SKIP
    ...     print(f"listening on {server.address}")
    listening on 127.0.0.1:41873
"""

import logging
import signal
import threading
from collections.abc import Callable
from concurrent import futures

import grpc
from google.protobuf.message import DecodeError

from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.models import Models
from tfmeta.serving.rpc import Rpc
from tfmeta.serving.services import services

__all__ = ["Server", "serve_forever"]

_LOG = logging.getLogger(__name__)
_OPTIONS = [
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_send_message_length", 2**31 - 1),
    ("grpc.so_reuseport", 0),  # a port that another server holds is an error, not a share of its requests
]


class Server:
    """Serves models over gRPC.

    Args:
        models: What to serve.
        host: Address to listen on; only this machine unless told otherwise.
        port: Port to listen on; 0 takes a free one.
        threads: Requests that are worked on at a time; the others wait.

    Example:
        >>> server = Server(Models("saved_models"), port=8500)  # doctest: +SKIP
        >>> server.start()  # doctest: +SKIP
        8500
        >>> server.stop()  # doctest: +SKIP
    """

    def __init__(self, models: Models, *, host: str = "127.0.0.1", port: int = 0, threads: int = 8):
        self.models = models
        self.host = host
        self.port = port
        self._grpc = grpc.server(
            futures.ThreadPoolExecutor(threads, thread_name_prefix="tfmeta-serving"), options=_OPTIONS
        )
        for service, methods in services(models).items():
            handlers = {name: _handler(rpc, f"{service}/{name}") for name, rpc in methods.items()}
            self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))

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
            OSError: The address cannot be listened on.
        """
        self.models.load()
        try:
            self.port = self._grpc.add_insecure_port(self.address)
        except RuntimeError as error:
            raise OSError(
                f"cannot listen on {self.address}: it is in use, or not an address of this machine; "
                "choose another port, or 0 for any free one"
            ) from error
        self._grpc.start()
        return self.port

    def stop(self, grace: float | None = 5.0) -> None:
        """Takes no more requests and lets those that have begun finish.

        Args:
            grace: Seconds to wait for them before they are cut off.
        """
        self._grpc.stop(grace).wait()

    def wait(self) -> None:
        """Returns when the server has stopped."""
        self._grpc.wait_for_termination()

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


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
    ended = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        server.start()
        if on_ready:
            on_ready(server)
        ended.wait()
    finally:
        server.stop(grace)
        for number, handler in previous.items():
            signal.signal(number, handler)


def _handler(rpc: Rpc, name: str) -> grpc.RpcMethodHandler:
    """Bytes in, bytes out: given a deserializer, gRPC would call a request that it cannot read INTERNAL."""

    def answer(body: bytes, context: grpc.ServicerContext) -> bytes:
        try:
            return rpc.answer(_parse(rpc, body)).SerializeToString()
        except ServingError as error:
            code, message = error.code, error.wire_message
        except Exception as error:
            _LOG.exception("%s failed", name)
            code, message = "INTERNAL", f"{type(error).__name__} in {name}; the server's log says more"
        context.abort(grpc.StatusCode[code], message)

    return grpc.unary_unary_rpc_method_handler(answer)


def _parse(rpc: Rpc, body: bytes):
    try:
        return rpc.request_type.FromString(body)
    except DecodeError as error:
        raise invalid_argument(f"the request is no {rpc.request_type.DESCRIPTOR.name} message") from error
