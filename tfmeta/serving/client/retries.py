"""When a request is sent again: after UNAVAILABLE, a little later each time, and never past its timeout.

Every other status is an answer. Sending again is safe, since no request of this API changes a model.
"""

import dataclasses
import random
import time
from collections.abc import Callable

__all__ = ["NO_RETRIES", "Attempts", "Retries"]


@dataclasses.dataclass(frozen=True)
class Retries:
    """How often and how fast a request is sent again.

    The n-th pause is drawn from the upper half of `first * 2**n` seconds, so that the clients of a server that
    restarts do not all come back at once.

    Attributes:
        attempts: How often it is sent, the first time included.
        first: Seconds of the longest first pause.
        longest: Seconds that no pause exceeds.

    Example:
        >>> Client("localhost:8500", retries=Retries(attempts=10))  # doctest: +SKIP
    """

    attempts: int = 5
    first: float = 0.1
    longest: float = 2.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.longest < 0:
            raise ValueError(f"{self}; expected at least 1 attempt, and no negative pause")

    def pause(self, number: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after attempt `number`, which counts from 0.

        Example:
            >>> [Retries().pause(number, draw=lambda: 1.0) for number in range(6)]
            [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
        """
        return min(self.first * 2**number, self.longest) * (1 + draw()) / 2


NO_RETRIES = Retries(attempts=1)


class Attempts:
    """The attempts at one request, within its timeout.

    Args:
        retries: How often and how fast.
        timeout: Seconds for all of them together; None for no end.
        clock: Tells the time in seconds.
    """

    def __init__(self, retries: Retries, timeout: float | None, clock: Callable[[], float] = time.monotonic):
        self.timeout = timeout
        self._retries = retries
        self._clock = clock
        self._end = None if timeout is None else clock() + timeout
        self._made = 0

    @property
    def left(self) -> float | None:
        """Seconds that are left for the next attempt."""
        return None if self._end is None else max(self._end - self._clock(), 0.0)

    def pause(self, code: str) -> float | None:
        """How long to wait before the next attempt, after one that ended with a status.

        Args:
            code: Name of the status.

        Returns:
            Seconds, or None where there is to be no further attempt.
        """
        self._made += 1
        if code != "UNAVAILABLE" or self._made >= self._retries.attempts:
            return None
        pause, left = self._retries.pause(self._made - 1), self.left
        return None if left is not None and pause >= left else pause
