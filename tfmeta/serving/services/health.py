"""Health over gRPC: whether the server, its services and each of its models answer requests.

Reference: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import threading
from collections.abc import Callable, Iterable

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tfmeta import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models

__all__ = ["HEALTH_SERVICE", "Health"]

HEALTH_SERVICE = health.SERVICE_NAME
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health.HealthServicer):
    """Answers `Check` and `Watch` of grpc.health.v1.

    The empty service name is the server itself; it and its services are SERVING from the start until the
    server drains, as in TensorFlow Serving. A model's name is SERVING while one of its versions is available,
    which TensorFlow Serving does not tell.

    Args:
        models: The models to tell of.
        services: Full names of the gRPC services.
        seconds: How often watchers learn of changes; `Check` is always up to date.

    Example:
        >>> # grpcurl -plaintext -d '{"service": "maml_sinusoid"}' localhost:8500 grpc.health.v1.Health/Check
    """

    def __init__(self, models: Models, services: Iterable[str], seconds: float = 0.5):
        super().__init__()
        self._models = models
        self._services = dict.fromkeys([*services, health.OVERALL_HEALTH], _SERVING)
        self._seconds = seconds
        self._told: dict[str, int] = {}
        self._watchers: set[Callable] = set()
        self._refreshing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch_models, name="tfmeta-health", daemon=True)

    def add_to(self, server: grpc.Server) -> None:
        """Registers the service."""
        health_pb2_grpc.add_HealthServicer_to_server(self, server)

    def start(self) -> None:
        """Begins to tell watchers of changes."""
        self._refresh()
        self._thread.start()

    def drain(self) -> None:
        """Says NOT_SERVING from now on, so that a load balancer sends its requests elsewhere."""
        self._stopped.set()
        self.enter_graceful_shutdown()
        for end in list(self._watchers):  # which would stay as long as they may, and hold up the server's end
            end(None)

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        if not self._stopped.is_set():
            self._refresh()
        reply = super().Check(request, context)
        if reply.status == _UNKNOWN:  # the protocol keeps that word for Watch
            context.set_code(grpc.StatusCode.NOT_FOUND)
        return reply

    def Watch(
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.ServicerContext,
        send_response_callback: Callable[[health_pb2.HealthCheckResponse | None], None],
    ) -> None:
        def tell(reply: health_pb2.HealthCheckResponse | None) -> None:
            if tell in self._watchers:
                if reply is None:  # the end, which may be told once only
                    self._watchers.discard(tell)
                send_response_callback(reply)

        self._watchers.add(tell)
        super().Watch(request, context, tell)

    def _refresh(self) -> None:
        with self._refreshing:
            now = {name: self._status(name) for name in self._models.names} | self._services
            gone = dict.fromkeys(self._told.keys() - now.keys(), _UNKNOWN)
            for name, status in (now | gone).items():
                if self._told.get(name) != status:
                    self._told[name] = status
                    self.set(name, status)

    def _status(self, name: str) -> int:
        try:
            versions = self._models.status(wire.ModelSpec(name=name))
        except ServingError:
            return _NOT_SERVING
        return _SERVING if any(version.available for version in versions) else _NOT_SERVING

    def _watch_models(self) -> None:
        while not self._stopped.wait(self._seconds):
            self._refresh()
