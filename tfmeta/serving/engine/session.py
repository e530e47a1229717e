"""One way through a graph: the tensors that are given and those that are wanted, found once and run often.

`tf.Session` makes callables for this. They take twice as long for a small graph, and have one time-out for all calls.

Time-outs end a run where TensorFlow looks for them: at each round of a loop, and where a run waits. Between the ops of
a straight graph it does not look. A run with a time-out takes TensorFlow's own threads, a tenth of a millisecond more.
"""

import functools
import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session as c_api

__all__ = ["Route"]

_IN_THIS_THREAD = -1  # handing each op to a pool costs more than a small model's arithmetic
_LONGEST = 2**31 / 1e3
_ONE_MEASUREMENT = threading.Lock()  # TensorFlow measures one run of a process at a time


class Route:
    """A way through the graph of a session.

    Args:
        session: The session.
        feeds: Names of the tensors that are given.
        fetches: Names of the tensors that are wanted.

    Attributes:
        seconds: How long the last run took.
    """

    def __init__(self, session: tf.compat.v1.Session, feeds: Sequence[str], fetches: Sequence[str]):
        self.seconds = 0.0
        self._session = session
        try:
            self._feeds = [_output(session, name) for name in feeds]
            self._fetches = [_output(session, name) for name in fetches]
        except (KeyError, ValueError):  # TensorFlow's runtime has the better words for it
            options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
            session._make_callable_from_options(options)
            raise

    def run(self, values: Sequence[np.ndarray], left: float = math.inf) -> list[np.ndarray]:
        """Runs the graph.

        Args:
            values: An array for each feed.
            left: Seconds until the result is of no use.

        Returns:
            An array for each fetch.

        Raises:
            tf.errors.OpError: An op failed, or the time is over.
        """
        return self._run(values, _options(left), None)

    def measure(self, values: Sequence[np.ndarray]) -> tuple[list[np.ndarray], int | None]:
        """Runs the graph and measures its memory.

        Args:
            values: An array for each feed.

        Returns:
            An array for each fetch, and the most bytes that were allocated at a time; None where another run of this
            process is being measured.

        Raises:
            tf.errors.OpError: An op failed.
        """
        if not _ONE_MEASUREMENT.acquire(blocking=False):
            return self.run(values), None
        told = c_api.TF_NewBuffer()
        try:
            outputs = self._run(values, _traced(), told)
            return outputs, _peak(config_pb2.RunMetadata.FromString(c_api.TF_GetBuffer(told)))
        except tf.errors.AlreadyExistsError:  # a profiler of somebody else's
            return self.run(values), None
        finally:
            c_api.TF_DeleteBuffer(told)
            _ONE_MEASUREMENT.release()

    def _run(self, values: Sequence[np.ndarray], options: Any, told: Any) -> list[np.ndarray]:
        feeds = dict(zip(self._feeds, values, strict=True))
        return c_api.TF_SessionRun_wrapper(self._session._session, options, feeds, self._fetches, [], told)


def _output(session: tf.compat.v1.Session, name: str) -> Any:
    return session.graph.get_tensor_by_name(name)._as_tf_output()


@functools.cache
def _without_end() -> Any:
    return _buffer(config_pb2.RunOptions(inter_op_thread_pool=_IN_THIS_THREAD))


@functools.cache
def _traced() -> Any:
    full = config_pb2.RunOptions.FULL_TRACE
    return _buffer(config_pb2.RunOptions(inter_op_thread_pool=_IN_THIS_THREAD, trace_level=full))


def _options(left: float) -> Any:
    if left >= _LONGEST:
        return _without_end()
    return _buffer(config_pb2.RunOptions(timeout_in_ms=max(1, math.ceil(left * 1e3))))


def _buffer(options: config_pb2.RunOptions) -> Any:
    return c_api.TF_NewBufferFromString(options.SerializeToString())


def _peak(told: config_pb2.RunMetadata) -> int:
    """The most bytes that were allocated at a time."""
    records = [
        (record.alloc_micros, record.alloc_bytes)
        for device in told.step_stats.dev_stats
        for node in device.node_stats
        for memory in node.memory
        for record in memory.allocation_records
    ]
    now = most = 0
    for _, size in sorted(records):
        now += size
        most = max(most, now)
    return most
