"""What a method of a gRPC service is, whatever carries it."""

from collections.abc import Callable
from typing import NamedTuple

from tfmeta import wire
from tfmeta.serving.errors import invalid_argument

__all__ = ["Rpc", "model_spec"]


class Rpc(NamedTuple):
    """One method of a service: what it reads, and what answers it, or raises a `ServingError`."""

    request_type: wire.Message
    answer: Callable[[wire.Message], wire.Message]


def model_spec(request: wire.Message) -> wire.Message:
    """The ModelSpec of a request.

    Raises:
        ServingError: INVALID_ARGUMENT, there is none.
    """
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return request.model_spec
