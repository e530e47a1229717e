"""How many requests a server takes on, and in which order: no client can take the place of all others.

Without a bound a server under too much load answers ever later, until every answer comes after its caller has
given up. With one, a client learns within a millisecond that it should ask another replica.

A peer is one connection. Of the peers that wait, the one with the fewest requests at work is next. One thread more
than `threads` is kept for peers that have none at work, and a part of the queue is closed to a peer that fills the
rest.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent import futures
from typing import NamedTuple

__all__ = ["BoundedPool"]

_SHARE = 3 / 4  # of the queue, for one peer
_SMALLEST_SHARED_QUEUE = 8


class _Job(NamedTuple):
    number: int
    future: futures.Future
    function: Callable
    arguments: tuple


class BoundedPool(futures.ThreadPoolExecutor):
    """Threads that are shared out between peers, and that know how much they have been given and not yet finished.

    Args:
        threads: Requests at work at a time.
        queue: Requests that may wait for a thread.

    Example:
        >>> pool = BoundedPool(threads=2, queue=0)
        >>> pool.submit(sum, [1, 2]).result()
        3
        >>> pool.full
        False
    """

    def __init__(self, threads: int, queue: int):
        super().__init__(threads + 1, thread_name_prefix="tfmeta-serving")
        self.threads = threads
        self.queue = queue
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[_Job]] = {}
        self._running: Counter[str] = Counter()
        self._unfinished: Counter[str] = Counter()
        self._numbers = 0

    @property
    def full(self) -> bool:
        """Whether the next request would have nowhere to wait."""
        return self._unfinished.total() >= self.threads + self.queue

    @property
    def refusal(self) -> str:
        """What to tell a client while it is full."""
        return (
            f"{self.threads} requests are at work and {self.queue} wait, which is as many as this server takes; "
            "ask again later, or another replica"
        )

    def why_not(self, peer: str) -> str:
        """Why a peer's next request is not taken on; empty where it is."""
        if self.full:
            return self.refusal
        share = self.threads + (self.queue * _SHARE if self.queue >= _SMALLEST_SHARED_QUEUE else self.queue)
        held = self._unfinished[peer]
        if held < share:
            return ""
        return f"{held} requests of this connection are at work or wait, which is its share; wait for their answers"

    def submit(self, function: Callable, /, *arguments: object, peer: str = "") -> futures.Future:  # type: ignore[override]
        """Hands over work. It is never refused here: ask `why_not` first.

        Args:
            function: What to call.
            *arguments: With what.
            peer: For whom.
        """
        future: futures.Future = futures.Future()
        with self._lock:
            self._numbers += 1
            job = _Job(self._numbers, future, function, arguments)
            self._waiting.setdefault(peer, deque()).append(job)
            self._unfinished[peer] += 1
        future.add_done_callback(lambda _: self._finished(peer, job))
        super().submit(self._work)
        return future

    def _work(self) -> None:
        """Works on what is next, until nothing is."""
        while taken := self._next():
            peer, job = taken
            try:
                if job.future.set_running_or_notify_cancel():
                    _settle(job)
            finally:
                with self._lock:
                    _count_down(self._running, peer)
                del taken, job  # a thread that waits holds no request

    def _next(self) -> tuple[str, _Job] | None:
        with self._lock:
            if not self._waiting:
                return None
            peer = min(self._waiting, key=lambda peer: (self._running[peer], self._waiting[peer][0].number))
            if self._running.total() >= self.threads and self._running.get(peer):
                return None  # what ends next asks again
            job = self._waiting[peer].popleft()
            if not self._waiting[peer]:
                del self._waiting[peer]
            self._running[peer] += 1
            return peer, job

    def _finished(self, peer: str, job: _Job) -> None:
        with self._lock:
            _count_down(self._unfinished, peer)
            if job.future.cancelled() and job in (jobs := self._waiting.get(peer, ())):
                jobs.remove(job)  # type: ignore[union-attr]
                if not jobs:
                    del self._waiting[peer]


def _settle(job: _Job) -> None:
    try:
        result = job.function(*job.arguments)
    except BaseException as error:
        job.future.set_exception(error)
    else:
        job.future.set_result(result)


def _count_down(counter: Counter[str], peer: str) -> None:
    counter[peer] -= 1
    if not counter[peer]:
        del counter[peer]
