"""Unpacks gzip, up to a size."""

import zlib

__all__ = ["unpack"]

_GZIP = 31


def unpack(body: bytes, most: int) -> bytes:
    """What gzip packed: at most a byte more than `most`, however much it would be.

    Args:
        body: One member or several, one after the other.
        most: Bytes that are wanted.

    Raises:
        zlib.error: It is no gzip.

    Example:
        >>> import gzip
        >>> len(unpack(gzip.compress(bytes(1000)), 100))
        101
    """
    pieces, size = [], 0
    while body and size <= most:
        member = zlib.decompressobj(_GZIP)
        pieces.append(member.decompress(body, most + 1 - size))
        size += len(pieces[-1])
        if size <= most and not member.eof:
            raise zlib.error("it ends too early")
        body = member.unused_data
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)  # a copy less of what may be large
