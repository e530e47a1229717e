"""The gRPC front: an event loop reads messages and writes replies, and threads work on what has come whole.

A call takes a thread only when its message is there, so that a client which sends none holds nothing. What the
messages and replies of a connection take is bounded: beyond that they stay with the client, since gRPC takes no more
off the wire than is read. So is the number of messages that are on their way: the one that has taken longest gives way.

Messages that a client packed are unpacked here, on a thread and up to the limit on messages; gRPC itself would
unpack any size before it looks at it.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc

from tfmeta.serving.call import Call
from tfmeta.serving.errors import ServingError
from tfmeta.serving.services.admission import BoundedPool
from tfmeta.serving.services.handlers import Method, Outcome
from tfmeta.serving.services.packing import unpacked

__all__ = ["Front"]

_READS_AT_A_TIME = 64  # of one connection; behind a proxy that is everybody
_HELD_BYTES = 32 * 2**20  # of one connection, before its next message is read
_SLOWEST_BYTES = 2**20  # a second that a client has to take of a reply


class Front(grpc.GenericRpcHandler):
    """Hands each call to the thread pool of its method.

    Args:
        methods: What is answered, by the path of the method: `"/tensorflow.serving.PredictionService/Predict"`.
        pools: The threads of each. One that is full refuses before the message is read.
        message_bytes: Size of the largest message, as it comes and unpacked.
        seconds: How long a message may take to arrive.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        pools: Callable[[str], BoundedPool],
        message_bytes: int,
        seconds: float = 30.0,
    ):
        self._message_bytes = message_bytes
        self._seconds = seconds
        self._peers: dict[str, _Peer] = {}
        self._handlers = {
            path: grpc.stream_unary_rpc_method_handler(self._behaviour(method, pools(path)))
            for path, method in methods.items()
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return self._handlers.get(handler_call_details.method)

    def _behaviour(self, method: Method, pool: BoundedPool) -> Callable:
        # A stream to gRPC, so that the message is read when there is room for it. On the wire it is the same.
        async def handle(_: Any, context: grpc.aio.ServicerContext) -> bytes:
            if refusal := pool.why_not(context.peer()):
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, refusal)
            peer = self._peer(context)
            call = Call(context.time_remaining(), keeps=True)
            context.add_done_callback(lambda _: call.end())
            body = await self._read(context, peer)
            peer.held += len(body)
            size = len(body)
            try:
                outcome = await self._work(pool, context.peer(), call, method, body)
            finally:
                peer.held -= size
                peer.tell()
            if outcome.code != "OK":
                await context.abort(grpc.StatusCode[outcome.code], outcome.message)
            self._watch_reader(context, peer, outcome.reply)
            return outcome.reply

        return handle

    async def _read(self, context: grpc.aio.ServicerContext, peer: "_Peer") -> bytes:
        await peer.room()
        try:
            async with asyncio.timeout(self._seconds) as late:
                with peer.reading(late):
                    body = await context.read()
        except TimeoutError:
            reason = (
                f"the message did not come within {self._seconds:g} s, or held up {_READS_AT_A_TIME} others"
            )
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, reason)
        if body is grpc.aio.EOF:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call ended without a message")
        return body

    async def _work(self, pool: BoundedPool, peer: str, call: Call, method: Method, body: bytes) -> Outcome:
        work: futures.Future = pool.submit(self._outcome, method, body, call, peer=peer)
        del body
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:  # the client has gone, or its deadline passed
            call.cancel()
            work.cancel()
            raise

    def _outcome(self, method: Method, body: bytes, call: Call) -> Outcome:
        try:
            body = unpacked(body, self._message_bytes)
        except ServingError as error:
            return Outcome(error.code, error.message)
        return method.outcome(body, call)

    def _peer(self, context: grpc.aio.ServicerContext) -> "_Peer":
        name = context.peer()
        peer = self._peers.setdefault(name, _Peer())
        peer.calls += 1

        def ended(_: Any) -> None:
            peer.calls -= 1
            if not peer.calls:
                self._peers.pop(name, None)

        context.add_done_callback(ended)
        return peer

    def _watch_reader(self, context: grpc.aio.ServicerContext, peer: "_Peer", reply: bytes) -> None:
        """Counts a reply until the client has taken it, and drops one that it does not take."""
        size = len(reply)
        peer.held += size
        task = asyncio.current_task()
        assert task is not None
        late = asyncio.get_running_loop().call_later(self._seconds + size / _SLOWEST_BYTES, task.cancel)

        def sent(_: Any) -> None:
            late.cancel()
            peer.held -= size
            peer.tell()

        context.add_done_callback(sent)


class _Peer:
    """A connection: what of it is being read, and what its messages and replies take."""

    def __init__(self) -> None:
        self.calls = 0
        self.held = 0
        self._reads: dict[asyncio.Timeout, None] = {}
        self._next: list[asyncio.Future] = []

    async def room(self) -> None:
        """Waits until the next message may be read."""
        while self.held >= _HELD_BYTES:
            turn = asyncio.get_running_loop().create_future()
            self._next.append(turn)
            await turn

    @contextmanager
    def reading(self, late: asyncio.Timeout) -> Iterator[None]:
        """Counts a message that is on its way; the one that has been so for longest gives way to one too many."""
        self._reads[late] = None
        if len(self._reads) > _READS_AT_A_TIME:
            oldest = next(iter(self._reads))
            del self._reads[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        try:
            yield
        finally:
            self._reads.pop(late, None)

    def tell(self) -> None:
        """Lets those that wait look again."""
        waiting, self._next = self._next, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
