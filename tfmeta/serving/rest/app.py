"""The REST API as an ASGI application: reads bodies within their limits, and answers on threads.

The event loop only moves bytes. A request takes a thread when its body is there, and not before; what waits for
a thread is bounded by the pool that the gRPC server uses as well.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tfmeta.serving.call import Call
from tfmeta.serving.rest.connection import Limits
from tfmeta.serving.rest.reply import Reply, refusal
from tfmeta.serving.services.admission import BoundedPool
from tfmeta.serving.unpack import unpack

__all__ = ["Front", "rest_app"]

_LINGER_SECONDS = 1.0  # how long a refused client may go on sending before its connection is closed
_CLOSE = {"connection": "close"}


def rest_app(front: "Front", cors: bool = False) -> Starlette:
    """The application.

    Args:
        front: What answers every path.
        cors: Whether pages of other origins may ask, in a browser.
    """
    browsers = Middleware(
        CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"]
    )
    app = Starlette(exception_handlers={HTTPException: _refuse}, middleware=[browsers] if cors else [])
    app.router.default = front
    app.router.redirect_slashes = False
    return app


class Front:
    """Answers requests of any path.

    Args:
        answer: Takes method, path and body.
        pool: The threads on which POST requests are answered.
        limits: What clients may send.

    Attributes:
        draining: Whether the server is about to end, so that connections do.
        held: Bytes of the bodies of all requests that are being read or answered.
    """

    def __init__(self, answer: Callable[[str, str, bytes], Reply], pool: BoundedPool, limits: Limits):
        self.draining = False
        self._answer = answer
        self.pool = pool
        self._limits = limits
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        zipped = self._check_head(request)
        path = scope["raw_path"].decode("ascii")
        with suppress(ClientDisconnect):
            async with self._body(request) as body:
                if request.method == "POST":
                    reply = await self._on_pool(request, path, body, zipped)
                else:  # not behind the predictions: it takes no time, and may be asked for health
                    method = "GET" if request.method == "HEAD" else request.method
                    reply = await run_in_threadpool(self._answer, method, path, body)
            headers = _CLOSE if self.draining else None
            await Response(reply.body, reply.status, headers, reply.content_type)(scope, receive, send)

    def _check_head(self, request: Request) -> bool:
        """Refuses what need not be read first. Says whether the body is packed."""
        headers = request.headers
        size = len(request.scope["raw_path"]) + sum(len(name) + len(value) for name, value in headers.raw)
        if size > self._limits.head_bytes:
            raise HTTPException(431, f"the head is larger than {self._limits.head_bytes} bytes", _CLOSE)
        if int(headers.get("content-length", 0)) > self._limits.body_bytes:
            raise self._too_large()
        coding = headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip"):
            raise HTTPException(415, f"Content-Encoding {coding} came, but only gzip is read", _CLOSE)
        if request.method == "POST" and self.pool.full:  # before its body is read
            raise HTTPException(429, self.pool.refusal, _CLOSE)
        return coding == "gzip"

    @asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[bytes]:
        body, seconds = bytearray(), self._limits.seconds
        try:
            async with asyncio.timeout(seconds):
                async for piece in request.stream():
                    body += piece
                    self.held += len(piece)
                    if len(body) > self._limits.body_bytes:
                        raise self._too_large()
                    if self.held > self._limits.held_bytes:
                        raise HTTPException(
                            503, "the server holds as many bodies as it may; try again later", _CLOSE
                        )
            yield bytes(body)
        except TimeoutError:
            raise HTTPException(408, f"the body did not come within {seconds:g} s", _CLOSE) from None
        finally:
            self.held -= len(body)

    async def _on_pool(self, request: Request, path: str, body: bytes, zipped: bool) -> Reply:
        """The answer of a thread. Where the client goes before one has begun, none will."""
        call, client = Call(), request.client
        peer = f"{client.host}:{client.port}" if client else ""
        if refusal_text := self.pool.why_not(peer):
            raise HTTPException(429, refusal_text, _CLOSE)
        work = self.pool.submit(self._work, path, body, zipped, call, peer=peer)
        gone = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait({asyncio.wrap_future(work), gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            work.cancel()
            call.cancel()  # nobody waits where the answer is not there by now
        if not work.done() or work.cancelled():
            raise ClientDisconnect
        return work.result()

    def _work(self, path: str, body: bytes, zipped: bool, call: Call) -> Reply:
        if zipped:
            try:
                body = bytes(unpack(body, self._limits.body_bytes))
            except zlib.error as error:
                return refusal(400, f"the body is no gzip: {error}")
            if len(body) > self._limits.body_bytes:
                return refusal(413, self._too_large().detail)
        with call.at_work():
            return self._answer("POST", path, body)

    def _too_large(self) -> HTTPException:
        most = self._limits.body_bytes
        return HTTPException(
            413, f"the body is larger than {most} bytes; --rest_api_max_body_bytes sets that", _CLOSE
        )


class _LastReply(Response):
    """Reads on for a moment after the reply: a client that is still sending would not see it otherwise."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                more = True
                while more:
                    more = (await receive()).get("more_body", False)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(request: Request, error: Any) -> Response:
    reply = refusal(error.status_code, error.detail)
    kind = Response if error.status_code == 408 else _LastReply
    return kind(reply.body, reply.status, error.headers, reply.content_type)
