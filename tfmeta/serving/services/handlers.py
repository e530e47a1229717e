"""Turns the RPCs of a service into what gRPC calls: bytes in, bytes out, and a status where there is no answer."""

import logging
import time
from concurrent import futures
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from tfmeta import wire
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.services.rpc import Rpc

__all__ = ["answer", "method_handler"]

_LOG = logging.getLogger(__name__)


def method_handler(
    rpc: Rpc, name: str, pool: futures.ThreadPoolExecutor, metrics: Any = None
) -> grpc.RpcMethodHandler:
    """A gRPC handler of one RPC.

    It reads the bytes itself: given a deserializer, gRPC would call a request that it cannot read INTERNAL.

    Args:
        rpc: What answers.
        name: Name of the method, such as `"Predict"`.
        pool: The threads to run it on.
        metrics: Where to count it: `observe(api, entrypoint, model, version, code, seconds)`; None for nowhere.
    """

    def handle(body: bytes, context: grpc.ServicerContext) -> bytes:
        began = time.perf_counter()
        left = context.time_remaining()
        request: wire.Message = None
        reply: wire.Message = None
        try:
            # It waited for a thread until nobody wanted the answer any more.
            if left is not None and left <= 0:
                raise ServingError("DEADLINE_EXCEEDED", "the deadline passed before the request was begun")
            request = _parse(rpc, body)
            reply = answer(rpc, request, name)
            code, message = "OK", ""
        except ServingError as error:
            code, message = error.code, error.wire_message
        if metrics is not None:
            metrics.observe(name, "GRPC", *_model(request, reply), code, time.perf_counter() - began)
        if code != "OK":
            context.abort(grpc.StatusCode[code], message)
        return reply.SerializeToString()

    behaviour: Any = handle  # on which gRPC looks for the pool
    behaviour.experimental_thread_pool = pool
    return grpc.unary_unary_rpc_method_handler(behaviour)


def answer(rpc: Rpc, request: "bytes | wire.Message", name: str) -> wire.Message:
    """Answers a request, whatever carried it.

    Args:
        rpc: What answers.
        request: The message, or its bytes.
        name: Name of the method, for the log.

    Raises:
        ServingError: The request was refused. INTERNAL only where the fault is this program's.
    """
    if isinstance(request, bytes):
        request = _parse(rpc, request)
    try:
        return rpc.answer(request)
    except ServingError:
        raise
    except Exception as error:
        _LOG.exception("%s failed", name)
        raise ServingError(
            "INTERNAL", f"{type(error).__name__} in {name}; the server's log says more"
        ) from error


def _parse(rpc: Rpc, body: bytes) -> wire.Message:
    try:
        return rpc.request_type.FromString(body)
    except DecodeError as error:
        raise invalid_argument(f"the request is no {rpc.request_type.DESCRIPTOR.name} message") from error


def _model(request: wire.Message | None, reply: wire.Message | None) -> tuple[str, int | None]:
    """The model that a request is about, and the version that answered; unknown is an empty name and None."""
    message = reply if reply is not None and "model_spec" in reply.DESCRIPTOR.fields_by_name else request
    if message is None:
        return "", None
    if "tasks" in message.DESCRIPTOR.fields_by_name:
        message = message.tasks[0] if message.tasks else None
    spec = getattr(message, "model_spec", None)
    if spec is None:
        return "", None
    return spec.name, spec.version.value if spec.WhichOneof("version_choice") == "version" else None
