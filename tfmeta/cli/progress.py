"""Shows that something is going on where nobody can say how long it will take."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tfmeta.core.quiet import heed_log_level

__all__ = ["keras_verbosity", "starting_tensorflow", "working"]

_QUIET_SECONDS = 1.0
_TICK = 0.2


@contextmanager
def working(what: str) -> Iterator[None]:
    """Shows `what` and the seconds that it has taken, on a terminal, and takes that away at the end.

    Args:
        what: what is going on, e.g. ``"Loading the learner"``.

    Example:
        >>> with working("Counting"):
        ...     sum(range(10))
        45
    """
    if not sys.stderr.isatty():
        yield
        return
    from tqdm import tqdm

    ended, began = threading.Event(), time.monotonic()

    def tick(bar: tqdm) -> None:
        while not ended.wait(_TICK):
            if time.monotonic() - began > _QUIET_SECONDS:
                bar.refresh()

    # A stream of its own, since the other one may be turned away meanwhile.
    with (
        os.fdopen(os.dup(2), "w") as screen,
        tqdm(
            bar_format="{desc} … {elapsed}", desc=what, leave=False, delay=_QUIET_SECONDS, file=screen
        ) as bar,
    ):
        thread = threading.Thread(target=tick, args=[bar], daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextmanager
def starting_tensorflow() -> Iterator[None]:
    """Shows that TensorFlow is being imported, instead of what it says itself."""
    with working("Starting TensorFlow"), heed_log_level():
        import tensorflow  # noqa: F401

        yield


def keras_verbosity() -> int:
    """Returns Keras's ``verbose``: a moving bar for a terminal, a line an epoch for a file."""
    return 1 if sys.stdout.isatty() else 2
