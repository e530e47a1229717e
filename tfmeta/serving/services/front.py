"""The gRPC front: a thread for each call reads its message, waits for its turn at work, and works.

A call takes a turn only when its message is there, so that a client which sends none holds nothing but a thread that
sleeps. What the messages and replies of a connection take is bounded: beyond that they stay with the client, since gRPC
takes no more off the wire than is read. How long a client may take is bounded too (`tfmeta.serving.services.patience`).

Messages that a client packed are unpacked here, up to the limit on messages; gRPC itself would unpack any size before
it looks at it. Those that become large are answered one after the other: each holds the interpreter's lock while it is
read, and they cost a client little.

Why threads and no event loop: gRPC's asyncio server hands each call from a thread to the loop and from there to a
worker and back. A small request took 1.4 times as long with it, and so did each of 32 at a time; uvloop changed neither
(`benchmarks/serving_fronts.py`). A thread that reads also works, so that no request is handed on.
"""

import threading
from collections.abc import Callable, Iterator, Mapping

import grpc

from tfmeta.serving.call import Call
from tfmeta.serving.errors import ServingError
from tfmeta.serving.services.admission import BoundedPool
from tfmeta.serving.services.handlers import Method, Outcome
from tfmeta.serving.services.packing import unpacked
from tfmeta.serving.services.patience import Patience

__all__ = ["Front"]

_SMALL_BYTES = 2**14  # the queue bounds the number of small ones
_LARGE_BYTES = 4 * 2**20
_HELD_BYTES = 32 * 2**20  # of one connection, before its next message is read
_MOST_WAITING = 512  # calls that may wait until less is held
_LOOK_SECONDS = 0.25


class Front(grpc.GenericRpcHandler):
    """Answers each call on the thread that gRPC gives it.

    Args:
        methods: What is answered, by the path of the method: `"/tensorflow.serving.PredictionService/Predict"`, and
            the pool that shares out its turns. A full pool refuses before the message is read; None for methods that
            answer at once, out of turn.
        message_bytes: Size of the largest message, as it comes and unpacked.
        patience: What ends the calls of slow clients.
    """

    def __init__(
        self,
        methods: Mapping[str, tuple[Method, BoundedPool | None]],
        message_bytes: int,
        patience: Patience,
    ):
        self._message_bytes = message_bytes
        self._patience = patience
        self._held = _Held()
        self._one_unpacked = threading.Lock()
        self._handlers = {
            path: grpc.stream_unary_rpc_method_handler(self._behaviour(method, pool))
            for path, (method, pool) in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)

    def _behaviour(self, method: Method, pool: BoundedPool | None) -> Callable:
        # A stream to gRPC, so that the message is read when there is room for it. On the wire it is the same.
        def handle(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
            peer = context.peer()
            refusal = (pool.why_not(peer) if pool else "") or self._held.wait(peer, context)
            if refusal:
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, refusal)
            call = Call(context.time_remaining(), keeps=True)
            if not context.add_callback(call.end):
                call.end()  # the client has gone already
            body = self._patience.read(messages, context, peer)
            outcome = self._outcome(method, pool, peer, call, body)
            del body
            if outcome.code != "OK":
                context.abort(grpc.StatusCode[outcome.code], outcome.message)
            self._watch_reader(context, peer, call, len(outcome.reply))
            return outcome.reply

        return handle

    def _outcome(
        self, method: Method, pool: BoundedPool | None, peer: str, call: Call, body: bytes
    ) -> Outcome:
        size = len(body) if len(body) > _SMALL_BYTES else 0
        self._held.change(peer, size)
        turn = None
        try:
            turn = pool and pool.turn(peer, call)
            whole = unpacked(body, self._message_bytes)
            if len(whole) - len(body) <= _LARGE_BYTES:
                return method.outcome(whole, call)
            with self._one_unpacked:
                return method.outcome(whole, call)
        except ServingError as error:
            return Outcome(error.code, error.message)
        finally:
            if turn:
                turn.end()
            self._held.change(peer, -size)

    def _watch_reader(self, context: grpc.ServicerContext, peer: str, call: Call, size: int) -> None:
        """Counts a reply until the client has taken it."""
        self._held.change(peer, size)
        self._patience.sending(context, size)

        def sent() -> None:
            self._patience.sent(context)
            self._held.change(peer, -size)

        call.at_end(sent)


class _Held:
    """What the messages and replies of each connection take."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._bytes: dict[str, int] = {}
        self._waiting = 0

    def change(self, peer: str, by: int) -> None:
        """Counts a connection's bytes."""
        if not by:
            return
        with self._changed:
            held = self._bytes.get(peer, 0) + by
            if held:
                self._bytes[peer] = held
            else:
                del self._bytes[peer]
            if self._waiting:
                self._changed.notify_all()

    def wait(self, peer: str, context: grpc.ServicerContext) -> str:
        """Waits until a connection's next message may be read. Returns why it may not; else nothing."""
        if self._bytes.get(peer, 0) < _HELD_BYTES:
            return ""
        with self._changed:
            if self._waiting == _MOST_WAITING:
                return "too many calls wait until their clients take replies; ask again later"
            self._waiting += 1
            try:
                while self._bytes.get(peer, 0) >= _HELD_BYTES and context.is_active():
                    self._changed.wait(_LOOK_SECONDS)
            finally:
                self._waiting -= 1
        return ""
