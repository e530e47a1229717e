"""How long the server waits for clients: for a message that is on its way, and for a reply to be taken.

A call that takes too long is ended; its client sees CANCELLED. One thread looks after all of them. The number of
messages that are on their way is bounded, for each connection and together: the one that has taken longest gives way,
unless it has only just begun. So a burst of requests is read, and calls without a message do not pile up.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc

__all__ = ["READS", "Patience"]

READS = 256  # messages that are on their way
_READS_OF_ONE = 64  # of one connection; behind a proxy that is everybody
_YOUNG_SECONDS = 0.1
_SLOWEST_BYTES = 2**20  # a second that a client has to take of a reply
_LOOK_SECONDS = 0.25


class Patience:
    """Ends the calls of clients that are too slow, from `start` to `stop`.

    Args:
        seconds: How long a message may take to arrive. A reply has as long, and longer where it is large.
    """

    def __init__(self, seconds: float = 30.0):
        self.seconds = seconds
        self._lock = threading.Lock()
        self._reads: dict[str, dict[grpc.ServicerContext, float]] = {}
        self._number = 0
        self._replies: dict[grpc.ServicerContext, float] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begins to look after the calls."""
        self._stopped.clear()
        threading.Thread(target=self._look, name="tfmeta-patience", daemon=True).start()

    def stop(self) -> None:
        """Lets the calls go on for as long as they like."""
        self._stopped.set()

    def read(self, messages: Iterator[Any], context: grpc.ServicerContext, peer: str) -> Any:
        """Returns the first message of a call; a call that ends without one is answered INVALID_ARGUMENT.

        Args:
            messages: Those of the call.
            context: The call.
            peer: Its connection.
        """
        self._begin_reading(context, peer)
        try:
            message = next(messages, None)
        finally:
            self._end_reading(context, peer)
        if message is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call ended without a message")
        return message

    def sending(self, context: grpc.ServicerContext, size: int) -> None:
        """Gives a client time to take a reply of so many bytes, until `sent`."""
        self._replies[context] = time.monotonic() + self.seconds + size / _SLOWEST_BYTES

    def sent(self, context: grpc.ServicerContext) -> None:
        """Says that a client has taken its reply, or will not."""
        self._replies.pop(context, None)

    def _begin_reading(self, context: grpc.ServicerContext, peer: str) -> None:
        """Counts a message that is on its way, and ends the call that has taken longest where there are too many."""
        with self._lock:
            reads = self._reads.setdefault(peer, {})
            reads[context] = time.monotonic() + self.seconds
            self._number += 1
            slowest = self._one_too_many(reads)
        if slowest is not None:
            slowest.cancel()

    def _end_reading(self, context: grpc.ServicerContext, peer: str) -> None:
        """Says that the message is there, or will not come."""
        with self._lock:
            reads = self._reads[peer]
            del reads[context]
            self._number -= 1
            if not reads:
                del self._reads[peer]

    def _one_too_many(self, reads: dict[grpc.ServicerContext, float]) -> grpc.ServicerContext | None:
        if len(reads) <= _READS_OF_ONE and self._number <= READS:
            return None
        if len(reads) <= _READS_OF_ONE:
            reads = max(self._reads.values(), key=len)
        slowest, end = next(iter(reads.items()))
        return slowest if end - self.seconds < time.monotonic() - _YOUNG_SECONDS else None

    def _look(self) -> None:
        while not self._stopped.wait(_LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                late = [
                    context for reads in self._reads.values() for context, end in reads.items() if end < now
                ]
            late += [context for context, end in self._replies.copy().items() if end < now]
            for context in late:
                context.cancel()
