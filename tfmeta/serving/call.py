"""The request that a thread works on: how long its client waits for the answer, and whether it still does."""

import math
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

from tfmeta.serving.errors import ServingError

__all__ = ["Call", "current_call"]


class Call:
    """A request.

    Args:
        seconds: How long its client waits; None for as long as it takes.
        keeps: Whether its answer takes memory until `end` is called, when it has been sent.

    Example:
        >>> with Call(seconds=5.0).at_work():
        ...     print(current_call().left > 4)
        True
    """

    def __init__(self, seconds: float | None = None, keeps: bool = False):
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self._gone = False
        self._ended = not keeps
        self._at_end: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds until its client gives up; infinity where it never does."""
        return self._until - time.monotonic()

    def cancel(self) -> None:
        """Says that nobody waits for the answer any more."""
        self._gone = True

    def at_end(self, function: Callable[[], None]) -> None:
        """Calls a function when the answer has been sent, or now where nobody says when that is."""
        with self._lock:
            if not self._ended:
                self._at_end.append(function)
                return
        function()

    def end(self) -> None:
        """Says that the answer has been sent, or that nobody waits for it any more."""
        self._gone = True
        with self._lock:
            self._ended, functions = True, self._at_end
            self._at_end = []
        for function in functions:
            function()

    def check(self) -> None:
        """Goes on only while somebody waits.

        Raises:
            ServingError: CANCELLED, or DEADLINE_EXCEEDED.
        """
        if self._gone:
            raise ServingError("CANCELLED", "the client waits no more")
        if self.left <= 0:
            raise ServingError("DEADLINE_EXCEEDED", "the deadline passed before the request was answered")

    def at_work(self) -> "_AtWork":
        """Makes it the request that this thread works on, as long as the context is open."""
        return _AtWork(self)


class _AtWork:
    def __init__(self, call: Call):
        self._call = call

    def __enter__(self) -> None:
        self._token = _CURRENT.set(self._call)

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


def current_call() -> Call:
    """The request that this thread works on; one that waits for ever where there is none, as at a warm-up."""
    return _CURRENT.get()


_FOR_EVER = Call()
_CURRENT: ContextVar[Call] = ContextVar("call", default=_FOR_EVER)
