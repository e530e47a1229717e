"""Health over gRPC: whether the server, its services and each of its models answer requests.

`Check` is answered out of turn, so that no request stands before it. `Watch` holds no thread.

Reference: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import threading
from collections.abc import Callable, Iterable, Iterator

import grpc
from grpc_health.v1 import health, health_pb2

from tfmeta import wire
from tfmeta.serving.errors import ServingError, not_found
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.packing import any_packing
from tfmeta.serving.services.patience import Patience
from tfmeta.serving.services.rpc import Rpc

__all__ = ["HEALTH_SERVICE", "Health"]

HEALTH_SERVICE = health.SERVICE_NAME
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health:
    """Answers `Check` and `Watch` of grpc.health.v1.

    The empty service name is the server itself; it and its services are SERVING from the start until the
    server drains, as in TensorFlow Serving. A model's name is SERVING while one of its versions is available,
    which TensorFlow Serving does not tell.

    Args:
        models: The models to tell of.
        services: Full names of the gRPC services.
        patience: What ends the calls of slow clients.
        seconds: How often watchers learn of changes; `check` is always up to date.

    Example:
        >>> # grpcurl -plaintext -d '{"service": "maml_sinusoid"}' localhost:8500 grpc.health.v1.Health/Check
    """

    def __init__(self, models: Models, services: Iterable[str], patience: Patience, seconds: float = 0.5):
        self._models = models
        self._services = {*services, health.OVERALL_HEALTH}
        self._patience = patience
        self._seconds = seconds
        self._drained = threading.Event()
        self._watches: set[_Watch] = set()
        self._telling = threading.Lock()

    @property
    def methods(self) -> dict[str, Rpc]:
        """What is answered with one message."""
        return {"Check": Rpc(health_pb2.HealthCheckRequest, self.check)}

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls for the rest."""
        read = any_packing(health_pb2.HealthCheckRequest.FromString)
        write = health_pb2.HealthCheckResponse.SerializeToString
        self._watch.__func__.experimental_non_blocking = True  # type: ignore[attr-defined]
        watch = grpc.stream_stream_rpc_method_handler(self._watch, read, write)
        return grpc.method_handlers_generic_handler(HEALTH_SERVICE, {"Watch": watch})

    def start(self) -> None:
        """Begins to tell watchers of changes."""
        threading.Thread(target=self._tell_all, name="tfmeta-health", daemon=True).start()

    def drain(self) -> None:
        """Says NOT_SERVING from now on, so that a load balancer sends its requests elsewhere, and ends every watch."""
        self._drained.set()
        for watch in self._watches.copy():
            self._tell(watch)

    def check(self, request: health_pb2.HealthCheckRequest) -> health_pb2.HealthCheckResponse:
        """The status of a service or model now.

        Raises:
            ServingError: NOT_FOUND, there is none.
        """
        status = self._status(request.service)
        if status == _UNKNOWN:  # the protocol keeps that word for Watch
            raise not_found(f"there is no service or model {request.service}")
        return health_pb2.HealthCheckResponse(status=status)

    def _watch(
        self,
        requests: Iterator[health_pb2.HealthCheckRequest],
        context: grpc.ServicerContext,
        send: Callable[[health_pb2.HealthCheckResponse | None], None],
    ) -> None:
        """The status of a service or model now, and whenever it changes."""
        request = self._patience.read(requests, context, context.peer())
        watch = _Watch(request.service, context, send)
        self._watches.add(watch)
        if not context.add_callback(lambda: self._watches.discard(watch)):
            self._watches.discard(watch)
        self._tell(watch)

    def _tell_all(self) -> None:
        while not self._drained.wait(self._seconds):
            for watch in self._watches.copy():
                self._tell(watch)

    def _tell(self, watch: "_Watch") -> None:
        with self._telling:
            ended = self._drained.is_set()
            status = self._status(watch.service)
            if watch.ended or not (ended or status != watch.told):
                return
            watch.told, watch.ended = status, ended
            self._patience.sending(watch.context, 0)  # it returns when the client has taken it
            watch.send(health_pb2.HealthCheckResponse(status=status))
            self._patience.sent(watch.context)
            if ended:
                watch.send(None)

    def _status(self, name: str) -> int:
        if name not in self._services and name not in self._models.names:
            return _UNKNOWN
        if self._drained.is_set():
            return _NOT_SERVING
        return _SERVING if name in self._services or self._answers(name) else _NOT_SERVING

    def _answers(self, name: str) -> bool:
        try:
            versions = self._models.status(wire.ModelSpec(name=name))
        except ServingError:
            return False
        return any(version.available for version in versions)


class _Watch:
    """Somebody who wants to know of a service or model, and what they were told."""

    def __init__(self, service: str, context: grpc.ServicerContext, send: Callable):
        self.service = service
        self.context = context
        self.send = send
        self.told: int | None = None
        self.ended = False
