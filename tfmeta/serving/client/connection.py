"""One connection to a server: its channel, its methods, and what a failed call means."""

from types import ModuleType
from typing import Any

import grpc

from tfmeta.serving.client.calls import Call
from tfmeta.serving.client.retries import Attempts, Retries
from tfmeta.serving.errors import ServingError
from tfmeta.serving.tls import Tls

__all__ = ["Connection"]

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),  # or retries would all fall into gRPC's own pause of a second
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class Connection:
    """What the clients for threads and for asyncio have in common.

    Args:
        library: `grpc` or `grpc.aio`, which open channels alike.
        target: Address of the server, `host:port` or `unix:path`.
        timeout: Seconds to wait for an answer, unless a call says otherwise.
        tls: Encrypts; None sends everything in the open.
        retries: What happens while the server is unavailable.
    """

    def __init__(self, library: ModuleType, target: str, timeout: float, tls: Tls | None, retries: Retries):
        self.target = target
        self.timeout = timeout
        self._retries = retries
        self._methods: dict[str, Any] = {}
        if tls is None:
            self.channel = library.insecure_channel(target, options=_OPTIONS)
        else:
            self.channel = library.secure_channel(target, tls.credentials, options=_OPTIONS + tls.options)

    def method(self, call: Call) -> Any:
        """What sends the request of a call, and returns its reply or something to await."""
        if call.method not in self._methods:
            self._methods[call.method] = self.channel.unary_unary(
                f"/tensorflow.serving.{call.method}",
                request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=call.reply_type.FromString,
            )
        return self._methods[call.method]

    def attempts(self, timeout: float | None) -> Attempts:
        """The attempts at one call.

        Args:
            timeout: Seconds for all of them; None for the connection's own.
        """
        return Attempts(self._retries, self.timeout if timeout is None else timeout)

    def failure(self, error: grpc.RpcError, attempts: Attempts) -> ServingError:
        """What to raise when the last attempt has failed."""
        code, details = error.code().name, error.details() or ""
        if code == "UNAVAILABLE":
            details = f"no server answers at {self.target}; is it running? ({details})"
        elif code == "DEADLINE_EXCEEDED":
            details = f"{self.target} gave no answer within {attempts.timeout:g} s ({details})"
        return ServingError(code, details)
