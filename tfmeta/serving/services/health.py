"""Health over gRPC: whether the server, its services and each of its models answer requests.

The event loop itself answers, so that no request stands before it.

Reference: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

import grpc
from grpc_health.v1 import health, health_pb2

from tfmeta import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.lifecycle.models import Models
from tfmeta.serving.services.packing import any_packing

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
        seconds: How often watchers learn of changes; `Check` is always up to date.

    Example:
        >>> # grpcurl -plaintext -d '{"service": "maml_sinusoid"}' localhost:8500 grpc.health.v1.Health/Check
    """

    def __init__(self, models: Models, services: Iterable[str], seconds: float = 0.5):
        self._models = models
        self._services = {*services, health.OVERALL_HEALTH}
        self._seconds = seconds
        self._drained = asyncio.Event()

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """What gRPC calls."""
        read = any_packing(health_pb2.HealthCheckRequest.FromString)
        write = health_pb2.HealthCheckResponse.SerializeToString
        check = grpc.unary_unary_rpc_method_handler(self.Check, read, write)
        watch = grpc.unary_stream_rpc_method_handler(self.Watch, read, write)
        return grpc.method_handlers_generic_handler(HEALTH_SERVICE, {"Check": check, "Watch": watch})

    def drain(self) -> None:
        """Says NOT_SERVING from now on, so that a load balancer sends its requests elsewhere, and ends every watch."""
        self._drained.set()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """The status of a service or model now."""
        status = self._status(request.service)
        if status == _UNKNOWN:  # the protocol keeps that word for Watch
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service or model {request.service}")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status of a service or model now, and whenever it changes."""
        told = None
        while True:
            ended = self._drained.is_set()
            status = self._status(request.service)
            if status != told:
                yield health_pb2.HealthCheckResponse(status=status)
            if ended:
                return
            told = status
            try:
                async with asyncio.timeout(self._seconds):
                    await self._drained.wait()
            except TimeoutError:
                continue

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
