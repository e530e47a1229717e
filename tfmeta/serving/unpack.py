"""Unpacks gzip, up to a size, in pieces: other threads get the interpreter's lock in between."""

import zlib

__all__ = ["unpack"]

_GZIP = 31
_PIECE = 2**18


def unpack(body: bytes, most: int) -> bytearray:
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
    whole = bytearray()
    while body and len(whole) <= most:
        member = zlib.decompressobj(_GZIP)
        while not member.eof and len(whole) <= most:
            piece = member.decompress(body, min(_PIECE, most + 1 - len(whole)))
            body = member.unconsumed_tail
            whole += piece
            if not (piece or body or member.eof):
                raise zlib.error("it ends too early")
        body = member.unused_data
    return whole
