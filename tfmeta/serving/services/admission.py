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

from tfmeta.serving.call import Call

__all__ = ["BoundedPool", "Turn"]

_SHARE = 3 / 4  # of the queue, for one peer
_SMALLEST_SHARED_QUEUE = 8


class _Job:
    """What waits for its turn, and what is called when that comes."""

    def __init__(self, peer: str, begin: Callable[[], object]):
        self.peer = peer
        self.begin = begin
        self.number = 0
        self.begun = False


class BoundedPool(futures.ThreadPoolExecutor):
    """Turns at work that are shared out between peers, taken by threads of its own (`submit`) or of others (`turn`).

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
        self._numbers = self._at_work = 0

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
        job = _Job(
            peer, lambda: super(BoundedPool, self).submit(self._work, job, future, function, arguments)
        )
        future.add_done_callback(lambda _: future.cancelled() and self._give_up(job))
        self._enter(job)
        return future

    def turn(self, peer: str, call: Call) -> "Turn":
        """Waits until this thread may work for a peer, as long as somebody waits for the answer.

        Args:
            peer: For whom.
            call: The request.

        Returns:
            The turn, which is to be ended.

        Raises:
            ServingError: CANCELLED or DEADLINE_EXCEEDED, nobody does any more.
        """
        with self._lock:
            if self._at_work < self.threads and not self._waiting:
                self._count(peer)
                self._unfinished[peer] += 1
                return Turn(self, peer)
        woken = threading.Event()
        job = _Job(peer, woken.set)
        self._enter(job)
        call.at_end(woken.set)
        woken.wait()
        if self._give_up(job):
            call.check()
        return Turn(self, peer)

    def _work(self, job: _Job, future: futures.Future, function: Callable, arguments: tuple) -> None:
        if not future.set_running_or_notify_cancel():
            self._leave(job.peer)
            return
        try:
            result = function(*arguments)
        except BaseException as error:
            self._leave(job.peer)
            future.set_exception(error)
        else:
            self._leave(job.peer)
            future.set_result(result)

    def _count(self, peer: str) -> None:
        self._at_work += 1
        self._running[peer] += 1

    def _enter(self, job: _Job) -> None:
        with self._lock:
            self._numbers += 1
            job.number = self._numbers
            self._waiting.setdefault(job.peer, deque()).append(job)
            self._unfinished[job.peer] += 1
            begun = self._begin()
        for each in begun:
            each.begin()

    def _leave(self, peer: str) -> None:
        with self._lock:
            self._at_work -= 1
            _count_down(self._running, peer)
            _count_down(self._unfinished, peer)
            begun = self._begin() if self._waiting else ()
        for each in begun:
            each.begin()

    def _give_up(self, job: _Job) -> bool:
        """Takes out a job that has not begun. Says whether it did."""
        with self._lock:
            if job.begun:
                return False
            jobs = self._waiting[job.peer]
            jobs.remove(job)
            if not jobs:
                del self._waiting[job.peer]
            _count_down(self._unfinished, job.peer)
            return True

    def _begin(self) -> list[_Job]:
        """The jobs whose turn it is now."""
        begun = []
        while self._waiting and self._at_work <= self.threads:
            peer = min(self._waiting, key=lambda peer: (self._running[peer], self._waiting[peer][0].number))
            if self._at_work == self.threads and self._running.get(peer):
                break
            jobs = self._waiting[peer]
            job = jobs.popleft()
            if not jobs:
                del self._waiting[peer]
            job.begun = True
            self._count(peer)
            begun.append(job)
        return begun


class Turn:
    """A thread's turn at work."""

    def __init__(self, pool: BoundedPool, peer: str):
        self._pool = pool
        self._peer = peer

    def end(self) -> None:
        """Lets others work."""
        self._pool._leave(self._peer)


def _count_down(counter: Counter[str], peer: str) -> None:
    counter[peer] -= 1
    if not counter[peer]:
        del counter[peer]
