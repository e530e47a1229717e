"""Messages that a client packed by gzip. gRPC would unpack any size of them before it looks at it; here is a bound."""

import zlib
from collections.abc import Callable
from typing import Any

from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.unpack import unpack

__all__ = ["CHANNEL_ARGUMENTS", "any_packing", "unpacked"]

CHANNEL_ARGUMENTS = {
    "grpc.per_message_decompression": 0,  # messages come as they were sent
    "grpc.compression_enabled_algorithms_bitset": 0b101,  # none and gzip; clients learn that deflate is not read
}
"""What tells gRPC that messages are unpacked here."""

_GZIP = b"\x1f\x8b"  # no message begins so: there are no fields of such a type
_MOST_OF_A_QUESTION = 2**16


def unpacked(body: bytes, most: int) -> bytes | bytearray:
    """A message as it was before it was packed, if it was.

    Args:
        body: What came.
        most: How many bytes it may have.

    Raises:
        ServingError: RESOURCE_EXHAUSTED, it is larger; INVALID_ARGUMENT, it is no gzip.
    """
    if body[:2] != _GZIP:
        return body
    try:
        whole = unpack(body, most)
    except zlib.error as error:
        raise invalid_argument(f"the message is no gzip: {error}") from error
    if len(whole) > most:
        raise ServingError(
            "RESOURCE_EXHAUSTED", f"the message is larger than max: over {most} bytes unpacked"
        )
    return whole


def any_packing(read: Callable[[bytes | bytearray], Any]) -> Callable[[bytes], Any]:
    """A deserializer of small messages, packed or not."""
    return lambda body: read(unpacked(body, _MOST_OF_A_QUESTION))
