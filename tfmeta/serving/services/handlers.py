"""Answers the bytes of a request with the bytes of a reply, or with a status where there is no answer."""

import logging
import time
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from tfmeta import wire
from tfmeta.serving.call import Call
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.services.rpc import Rpc

__all__ = ["Method", "Outcome"]

_LOG = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What goes back: the name of a gRPC status, its words, and the bytes of the reply where it is OK."""

    code: str
    message: str = ""
    reply: bytes = b""


class Method(NamedTuple):
    """One method of a service, as it is answered over gRPC.

    It reads the bytes itself: given a deserializer, gRPC would call a request that it cannot read INTERNAL.

    Args:
        rpc: What answers.
        name: Its name, such as `"Predict"`.
        metrics: Where to count it: `observe(api, entrypoint, model, version, code, seconds)`; None for nowhere.
    """

    rpc: Rpc
    name: str
    metrics: Any = None

    def outcome(self, body: bytes | bytearray, call: Call) -> Outcome:
        """Answers a request; raises nothing."""
        began = time.perf_counter()
        request: wire.Message = None
        reply: wire.Message = None
        try:
            call.check()  # it may have waited for a thread until nobody wanted the answer any more
            request = _parse(self.rpc, body)
            del body
            with call.at_work():
                reply = _answer(self.rpc, request, self.name)
            outcome = Outcome("OK", "", reply.SerializeToString())
        except ServingError as error:
            outcome = Outcome(error.code, error.wire_message)
        if self.metrics is not None:
            model = _model(request, reply)
            self.metrics.observe(self.name, "GRPC", *model, outcome.code, time.perf_counter() - began)
        return outcome


def _answer(rpc: Rpc, request: wire.Message, name: str) -> wire.Message:
    """The reply; whatever else goes wrong becomes INTERNAL, since the fault is this program's."""
    try:
        return rpc.answer(request)
    except ServingError:
        raise
    except Exception as error:
        _LOG.exception("%s failed", name)
        raise ServingError(
            "INTERNAL", f"{type(error).__name__} in {name}; the server's log says more"
        ) from error


def _parse(rpc: Rpc, body: bytes | bytearray) -> wire.Message:
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
