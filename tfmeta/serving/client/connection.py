"""One connection to a server: its channel, its methods, and what a failed call means."""

from types import ModuleType
from typing import Any

import grpc

from tfmeta.serving.client.address import check_address, is_loopback
from tfmeta.serving.client.calls import Call
from tfmeta.serving.client.retries import Retries
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

    Raises:
        InputError: The address is none of gRPC's.
    """

    def __init__(self, library: ModuleType, target: str, timeout: float, tls: Tls | None, retries: Retries):
        self.target = check_address(target)
        self.timeout = timeout
        self._methods: dict[str, Any] = {}
        options = [*_OPTIONS, *retries.options]
        if is_loopback(target):  # gRPC asks http_proxy even there, and the proxy looks on its own machine
            options.append(("grpc.enable_http_proxy", 0))
        if tls is None:
            self.channel = library.insecure_channel(target, options=options)
        else:
            self.channel = library.secure_channel(target, tls.credentials, options=options + tls.options)

    def method(self, call: Call) -> Any:
        """What sends the request of a call, and returns its reply or something to await."""
        if call.method not in self._methods:
            self._methods[call.method] = self.channel.unary_unary(
                f"/tensorflow.serving.{call.method}",
                request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=call.reply_type.FromString,
            )
        return self._methods[call.method]

    def seconds(self, timeout: float | None) -> float:
        """The timeout of a call that says so, or the connection's own."""
        return self.timeout if timeout is None else timeout

    def failure(self, error: grpc.RpcError, timeout: float | None) -> ServingError:
        """What to raise when a call has failed."""
        code, details = error.code().name, error.details() or ""
        if code == "UNAVAILABLE" and "parsing HTTP/2" in details:
            details = (
                f"what answers at {self.target} does not speak gRPC; is it the port of REST? tfmeta serve and"
                f" TensorFlow Serving have gRPC on 8500 unless they are told otherwise. ({details})"
            )
        elif code == "UNAVAILABLE":
            details = f"no server answers at {self.target}; is it running? ({details})"
        elif code == "DEADLINE_EXCEEDED":
            seconds = self.seconds(timeout)
            details = f"{self.target} gave no answer within {seconds:g} s ({details})"
        return ServingError(code, details)
