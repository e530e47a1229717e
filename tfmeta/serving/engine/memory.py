"""What requests take of the memory: refused before anything is allocated, or made to wait for those at work.

A request of a hundred bytes may ask for gigabytes: a tensor of one value that is repeated, or a batch size as a number.
What its inputs take is known from their shapes. What the graph takes on the way is measured: TensorFlow tells the peak
of a run, and as long as requests grow, the larger ones are measured too.
"""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfmeta.serving.call import current_call
from tfmeta.serving.errors import ServingError

__all__ = ["Claim", "Growth", "Memory", "array_bytes"]

_FREE_BYTES = 2**18  # requests this small never wait
_LOOK_SECONDS = 0.05
_LONGEST_WAIT = 30.0
_COPIES = 3  # of an output: the array, the message, the message as bytes
_STRING_BYTES = 64  # what a string takes beside its characters
# Requests may have grown in a direction that costs little, such as tasks that are worked on one after the other. So an
# element is never taken for less than this share of what one of the first request took.
_LEAST_OF_FIRST = 1 / 4


class Claim(NamedTuple):
    """What the inputs of a request take.

    Attributes:
        elements: How many values they have.
        bytes: What those take as arrays.
    """

    elements: int
    bytes: int


class Memory:
    """The memory that the requests of a server may take together; one that needs more alone is refused.

    Args:
        megabytes: How much.

    Example:
        >>> memory = Memory(megabytes=1)
        >>> with memory.hold(500_000):
        ...     memory.held
        500000
        >>> memory.check(2**30)
        Traceback (most recent call last):
        tfmeta.serving.errors.ServingError: RESOURCE_EXHAUSTED: the request takes about 1024 MB of memory, ...
    """

    def __init__(self, megabytes: int = 256):
        self._most = megabytes * 2**20
        self._changed = threading.Condition()
        self.held = 0
        """Bytes that the requests at work take."""

    def needed(self, claim: Claim, growth: "Growth") -> float:
        """Returns the bytes that a request will take.

        As long as nothing is known of its signature, a large one takes all there is: it runs alone, and is measured.

        Args:
            claim: What its inputs take.
            growth: What is known of its signature.
        """
        if growth.unknown and claim.bytes > _FREE_BYTES:
            return max(claim.bytes, self._most)
        return claim.bytes + growth.expected(claim)

    def check(self, size: float) -> None:
        """Refuses what is too large.

        Args:
            size: Bytes.

        Raises:
            ServingError: RESOURCE_EXHAUSTED.
        """
        if size > self._most:
            raise ServingError(
                "RESOURCE_EXHAUSTED",
                f"the request takes about {size / 2**20:.0f} MB of memory, but requests may take "
                f"{self._most // 2**20} MB; send fewer items at a time, or raise --max_request_memory_mb",
            )

    def hold(self, size: float) -> "Hold":
        """Holds memory as long as the context is open, once it is free, and the answer's until that has been sent.

        Args:
            size: Bytes.

        Raises:
            ServingError: RESOURCE_EXHAUSTED, it is too large, or others held it for too long; CANCELLED or
                DEADLINE_EXCEEDED, nobody waits for the answer any more.
        """
        self.check(size)
        if size <= _FREE_BYTES:
            return Hold(self, 0)
        self._wait_for(size)
        return Hold(self, int(size))

    def change(self, by: int) -> None:
        """Takes so many bytes more, without waiting for them, or less."""
        with self._changed:
            self.held += by
            self._changed.notify_all()

    def _wait_for(self, size: float) -> None:
        end, call = time.monotonic() + _LONGEST_WAIT, current_call()
        with self._changed:
            while self.held + size > self._most:
                call.check()
                if time.monotonic() > end:
                    raise ServingError(
                        "RESOURCE_EXHAUSTED",
                        f"other requests took the memory for {_LONGEST_WAIT:g} s; ask again later, "
                        "or raise --max_request_memory_mb",
                    )
                self._changed.wait(_LOOK_SECONDS)
            self.held += int(size)


class Hold:
    """What one request takes of a `Memory`; a context, since thousands of small ones are made a second."""

    def __init__(self, memory: Memory, size: int):
        self._memory = memory
        self.size = size

    def __enter__(self) -> "Hold":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.resize(0)
        elif self.size:
            current_call().at_end(lambda: self.resize(0))

    def resize(self, size: int) -> None:
        """Takes so many bytes from now on; few are not counted."""
        size = size if size > _FREE_BYTES else 0
        if size != self.size:
            self._memory.change(size - self.size)
            self.size = size


class Growth:
    """What a signature takes beyond its inputs, by the size of the request.

    It is taken to grow by as much for each element of the inputs. The first request that is measured stands for all
    until there is a larger one; from then on it is the steepest growth between two.

    Example:
        >>> growth = Growth()
        >>> growth.learn(Claim(10, 40), 1000)
        >>> growth.expected(Claim(20, 80)), growth.is_new(Claim(15, 60)), growth.is_new(Claim(20, 80))
        (2000.0, False, True)
        >>> growth.learn(Claim(20, 80), 1500)
        >>> growth.expected(Claim(30, 120))
        2000.0
    """

    def __init__(self) -> None:
        self._points: list[tuple[int, float]] = []
        self._slope = 0.0

    @property
    def unknown(self) -> bool:
        """Whether no request has been measured yet."""
        return not self._points

    def is_new(self, claim: Claim) -> bool:
        """Whether a request is so much larger than those before that it is worth measuring."""
        return not self._points or claim.elements >= 2 * self._points[-1][0]

    def learn(self, claim: Claim, size: float) -> None:
        """Takes a measurement in: of the bytes that a request took beyond its inputs."""
        elements = max(claim.elements, 1)
        if not self._points:
            self._points, self._slope = [(elements, size)], size / elements
            return
        first, last = self._points[0], self._points[-1]
        if elements <= last[0]:
            return
        steepness = (size - last[1]) / (elements - last[0])
        least = first[1] / first[0] * _LEAST_OF_FIRST
        before = self._slope if len(self._points) > 1 else 0.0
        self._points = [*self._points, (elements, size)]
        self._slope = max(before, steepness, least)

    def expected(self, claim: Claim) -> float:
        """Bytes that a request will take beyond its inputs; 0 as long as nothing is known."""
        if not self._points:
            return 0.0
        elements, size = self._points[-1]
        if claim.elements <= elements:
            return min(size, self._points[0][1] + self._slope * max(claim.elements - self._points[0][0], 0))
        return size + self._slope * (claim.elements - elements)


def array_bytes(arrays: Sequence[np.ndarray]) -> int:
    """Returns the bytes that the outputs of a graph take until they are sent."""
    total = 0
    for array in arrays:
        array = np.asarray(array)  # a scalar string comes as bytes
        total += array.nbytes
        if array.dtype == object:
            total += sum(map(len, array.ravel().tolist())) + _STRING_BYTES * array.size
    return _COPIES * total
