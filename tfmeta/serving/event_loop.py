"""An event loop in a thread of its own, which other threads hand work to."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

__all__ = ["EventLoop"]


class EventLoop:
    """An event loop in a daemon thread, from the first `run` to `stop`.

    Args:
        name: Name of the thread.

    Example:
        >>> loop = EventLoop("example")
        >>> loop.run(asyncio.sleep(0, "done"))
        'done'
        >>> loop.stop()
    """

    def __init__(self, name: str):
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it has been started, and not stopped."""
        return self._loop is not None

    def run(self, work: Coroutine) -> Any:
        """Waits for a coroutine that the loop runs, and returns what that returns."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_exception_handler(_tell)
            self._ended.clear()
            self._thread = threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True)
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """Ends the loop, and what it has not finished."""
        if self._loop is None or self._thread is None:
            return
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None
        self._ended.set()

    def wait(self) -> None:
        """Returns when it has been stopped."""
        self._ended.wait()


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # gRPC wakes every event loop of a process when it has news, and all but the first find none.
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
