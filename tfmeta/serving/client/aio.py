"""The clients for asyncio: `AsyncClient` and `AsyncFewShotClient` do what `Client` and `FewShotClient` do.

The requests, their reading and the rules of retrying are the same objects; only the waiting differs. Their
arguments and results are described there.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
import grpc.aio
import numpy as np

from tfmeta import wire
from tfmeta.serving.client import calls
from tfmeta.serving.client.calls import Call
from tfmeta.serving.client.connection import Connection
from tfmeta.serving.client.few_shot_calls import FewShotCalls, TaskState
from tfmeta.serving.client.retries import Retries
from tfmeta.serving.errors import ServingError
from tfmeta.serving.tls import Tls

__all__ = ["AsyncClient", "AsyncFewShotClient", "AsyncTask", "ServingError"]

_RETRIES = Retries()


class AsyncClient:
    """`Client` for asyncio; to be made inside the event loop that uses it.

    Example:
        >>> async with AsyncClient("127.0.0.1:8500") as client:  # doctest: +SKIP
        ...     await client.predict("half_plus_two", {"x": np.float32([1.0, 5.0])})
        {'y': array([2.5, 4.5], dtype=float32)}
    """

    def __init__(
        self, target: str, *, timeout: float = 10.0, tls: Tls | None = None, retries: Retries = _RETRIES
    ):
        self._connection = Connection(grpc.aio, target, timeout, tls, retries)

    @property
    def target(self) -> str:
        """Address of the server."""
        return self._connection.target

    async def predict(
        self, model: str, inputs: Mapping[str, Any], *, timeout: float | None = None, **choice: Any
    ) -> dict[str, np.ndarray]:
        """See `Client.predict`: `signature`, `version`, `label` and `output_filter` are the `choice`."""
        return await self.send(calls.predict(model, inputs, **choice), timeout)

    async def metadata(
        self, model: str, *, timeout: float | None = None, **choice: Any
    ) -> dict[str, wire.Message]:
        """See `Client.metadata`."""
        return await self.send(calls.metadata(model, **choice), timeout)

    async def status(
        self, model: str, *, version: int | None = None, timeout: float | None = None
    ) -> dict[int, str]:
        """See `Client.status`."""
        return await self.send(calls.status(model, version=version), timeout)

    async def send(self, call: Call, timeout: float | None = None) -> Any:
        """See `Client.send`."""
        method, attempts = self._connection.method(call), self._connection.attempts(timeout)
        while True:
            try:
                return call.read(await method(call.request, timeout=attempts.left))
            except grpc.RpcError as error:
                pause = attempts.pause(error.code().name)
                failure = self._connection.failure(error, attempts)
            if pause is None:
                raise failure
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.channel.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncTask:
    """`Task` for asyncio."""

    def __init__(self, client: "AsyncFewShotClient", learnt: TaskState):
        self._client = client
        self._learnt = learnt

    @property
    def state(self) -> np.ndarray:
        """[D] or [B,D], what the model has learnt."""
        return self._learnt.state

    async def predict(self, query_x: Any, *, timeout: float | None = None) -> dict[str, np.ndarray]:
        """See `Task.predict`."""
        return await self._client.call("predict", self._learnt, query_x, timeout=timeout)

    async def predict_png(self, query_png: Any, *, timeout: float | None = None) -> dict[str, np.ndarray]:
        """See `Task.predict_png`."""
        return await self._client.call("predict_png", self._learnt, query_png, timeout=timeout)


class AsyncFewShotClient:
    """`FewShotClient` for asyncio; to be made inside the event loop that uses it.

    Example:
        >>> async with AsyncFewShotClient("127.0.0.1:8500", "maml_omniglot_5w1s") as client:  # doctest: +SKIP
        ...     task = await client.adapt(support_x, support_y)
        ...     answers = await asyncio.gather(*[task.predict(drawings) for drawings in pages])
    """

    def __init__(
        self,
        target: str,
        model: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 10.0,
        tls: Tls | None = None,
        retries: Retries = _RETRIES,
    ):
        self.model = model
        self._client = AsyncClient(target, timeout=timeout, tls=tls, retries=retries)
        self._version = {"version": version, "label": label}
        self._calls: FewShotCalls | None = None

    async def adapt(self, support_x: Any, support_y: Any, *, timeout: float | None = None) -> AsyncTask:
        """See `FewShotClient.adapt`."""
        return AsyncTask(self, await self.call("adapt", support_x, support_y, timeout=timeout))

    async def adapt_png(self, support_png: Any, support_y: Any, *, timeout: float | None = None) -> AsyncTask:
        """See `FewShotClient.adapt_png`."""
        return AsyncTask(self, await self.call("adapt_png", support_png, support_y, timeout=timeout))

    async def classify(
        self, support_x: Any, support_y: Any, query_x: Any, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """See `FewShotClient.classify`."""
        return await self.call("classify", support_x, support_y, query_x, timeout=timeout)

    async def classify_png(
        self, support_png: Any, support_y: Any, query_png: Any, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """See `FewShotClient.classify_png`."""
        return await self.call("classify_png", support_png, support_y, query_png, timeout=timeout)

    async def describe(self, *, timeout: float | None = None) -> dict[str, Any]:
        """See `FewShotClient.describe`."""
        return await self.call("describe", timeout=timeout)

    async def call(self, name: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Makes a call by its name in `FewShotCalls`, and sends it."""
        if self._calls is None:
            signatures = await self._client.metadata(self.model, **self._version)
            self._calls = FewShotCalls(self.model, signatures, **self._version)
        return await self._client.send(getattr(self._calls, name)(*arguments), timeout)

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.close()

    async def __aenter__(self) -> "AsyncFewShotClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
