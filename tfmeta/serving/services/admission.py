"""How many requests a server takes on: some at work, some waiting, and everybody else is told so at once.

Without a bound a server under too much load answers ever later, until every answer comes after its caller has
given up. With one, a client learns within a millisecond that it should ask another replica.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures

import grpc

__all__ = ["Admission", "BoundedPool"]


class BoundedPool(futures.ThreadPoolExecutor):
    """Threads that know how much they have been given and not yet finished.

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
        super().__init__(threads, thread_name_prefix="tfmeta-serving")
        self.threads = threads
        self.queue = queue
        self._unfinished = 0
        self._counting = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether the next request would have nowhere to wait."""
        return self._unfinished >= self.threads + self.queue

    @property
    def refusal(self) -> str:
        """What to tell a client while it is full."""
        return (
            f"{self.threads} requests are at work and {self.queue} wait, which is as many as this server takes; "
            "ask again later, or another replica"
        )

    def submit(self, function: Callable, /, *args: object, **kwargs: object) -> futures.Future:
        """Hands over work, as the base class does. It is never refused here: ask `full` first."""
        future = super().submit(function, *args, **kwargs)
        with self._counting:
            self._unfinished += 1
        future.add_done_callback(self._finished)
        return future

    def _finished(self, _: futures.Future) -> None:
        with self._counting:
            self._unfinished -= 1


class Admission(grpc.GenericRpcHandler):
    """Hands an arriving request to its handler, or refuses it while the pool is full.

    gRPC asks it from the one thread that takes calls off the wire, before it reads the body. So a refused
    request costs no memory, and one that waits costs only its headers.

    Args:
        handlers: What answers, by the path of the method: `"/tensorflow.serving.PredictionService/Predict"`.
        pool: The threads on which those handlers run.
    """

    def __init__(self, handlers: Mapping[str, grpc.RpcMethodHandler], pool: BoundedPool):
        self._handlers = handlers
        self._pool = pool
        self._refusal = grpc.stream_unary_rpc_method_handler(self._refuse)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        handler = self._handlers.get(handler_call_details.method)
        return self._refusal if handler and self._pool.full else handler

    def _refuse(self, _: Iterator[bytes], context: grpc.ServicerContext) -> None:
        # Declared as a stream, so that gRPC calls it without waiting for the body of the request.
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, self._pool.refusal)
