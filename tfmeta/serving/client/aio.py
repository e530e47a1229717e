"""The clients for asyncio: what `Client`, its models and tasks do, awaited.

`AsyncClient`, `AsyncServedModel`, `AsyncFewShotClient` and `AsyncTask` have the methods and arguments of `Client`,
`ServedModel`, `FewShotClient` and `Task`, which describe them. What asks the server is awaited, properties included:
``await model.signatures``. The requests, their reading and the rules of retrying are the same objects.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio

from tfmeta import wire
from tfmeta.core.cards import Card
from tfmeta.core.model.few_shot import KeptTask
from tfmeta.core.model.few_shot_requests import FewShotRequests, TaskState
from tfmeta.core.model.model import Answer, Request, describe_request, find_signature, read_card
from tfmeta.core.model.specs import SignatureSpec
from tfmeta.serving.client import calls
from tfmeta.serving.client.calls import Call
from tfmeta.serving.client.connection import Connection
from tfmeta.serving.client.retries import Retries
from tfmeta.serving.errors import ServingError
from tfmeta.serving.tls import Tls

__all__ = ["AsyncClient", "AsyncFewShotClient", "AsyncServedModel", "AsyncTask", "ServingError"]

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

    def model(self, name: str, *, version: int | None = None, label: str | None = None) -> "AsyncServedModel":
        """See `Client.model`."""
        return AsyncServedModel(self, name, version, label)

    async def predict(
        self, model: str, inputs: Mapping[str, Any], *, timeout: float | None = None, **choice: Any
    ) -> Answer:
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
        method, seconds = self._connection.method(call), self._connection.seconds(timeout)
        try:
            return call.read(await method(call.request, timeout=seconds))
        except grpc.RpcError as error:
            failure = self._connection.failure(error, timeout)
        raise failure

    async def close(self) -> None:
        """Ends the connection."""
        await self._connection.channel.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class AsyncServedModel:
    """`ServedModel` for asyncio, and as `FewShotModel` where the model adapts to tasks.

    Example:
        >>> async with AsyncClient("127.0.0.1:8500") as client:  # doctest: +SKIP
        ...     task = await client.model("prototypical_omniglot").adapt(drawings, ["alpha", "beta"])
        ...     answers = await asyncio.gather(*[task.predict(page) for page in pages])
    """

    def __init__(self, client: AsyncClient, name: str, version: int | None = None, label: str | None = None):
        calls.check_choice(version, label)
        self._client = client
        self._name = name
        self._choice: dict[str, Any] = {"version": version, "label": label}
        self._signatures: Mapping[str, SignatureSpec] | None = None

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._name

    @property
    async def signatures(self) -> Mapping[str, SignatureSpec]:
        """See `Model.signatures`; asked of the server once."""
        if self._signatures is None:
            self._signatures = calls.signature_specs(await self._client.metadata(self._name, **self._choice))
        return self._signatures

    @property
    async def card(self) -> Card:
        """See `Model.card`."""
        return read_card(self._name, await self.describe())

    @property
    async def requests(self) -> FewShotRequests:
        """See `FewShotModel.requests`."""
        return FewShotRequests(self._name, await self.signatures)

    async def signature(self, name: str) -> SignatureSpec:
        """See `Model.signature`."""
        return find_signature(self._name, await self.signatures, name)

    async def ask(self, signature: str, inputs: Mapping[str, Any], *, timeout: float | None = None) -> Answer:
        """See `Model.ask`."""
        arrays = (await self.signature(signature)).fit(inputs)
        return await self._client.predict(
            self._name, arrays, signature=signature, timeout=timeout, **self._choice
        )

    async def __call__(self, **inputs: Any) -> Answer:
        """See `Model`."""
        return await self.ask("serving_default", inputs)

    async def describe(self, *, timeout: float | None = None, **inputs: Any) -> dict[str, Any]:
        """See `Model.describe`."""
        if inputs:
            return await self.ask("describe", inputs, timeout=timeout)
        return await self.send(describe_request(await self.signature("describe")), timeout)

    def few_shot(self) -> "AsyncServedModel":
        """See `Model.few_shot`: this model already is one."""
        return self

    async def adapt(self, support_x: Any, support_y: Any, *, timeout: float | None = None) -> "AsyncTask":
        """See `FewShotModel.adapt`."""
        request = (await self.requests).adapt(support_x, support_y)
        return AsyncTask(self, await self.send(request, timeout))

    async def adapt_png(
        self, support_png: Any, support_y: Any, *, timeout: float | None = None
    ) -> "AsyncTask":
        """See `FewShotModel.adapt_png`."""
        request = (await self.requests).adapt(support_png, support_y, "png")
        return AsyncTask(self, await self.send(request, timeout))

    async def classify(
        self, support_x: Any, support_y: Any, query_x: Any, *, timeout: float | None = None
    ) -> Answer:
        """See `FewShotModel.classify`."""
        return await self.send((await self.requests).classify(support_x, support_y, query_x), timeout)

    async def classify_png(
        self, support_png: Any, support_y: Any, query_png: Any, *, timeout: float | None = None
    ) -> Answer:
        """See `FewShotModel.classify_png`."""
        request = (await self.requests).classify(support_png, support_y, query_png, "png")
        return await self.send(request, timeout)

    def task(self, kept: Any, class_names: Any = None) -> "AsyncTask":
        """See `FewShotModel.task`; nothing is asked, so nothing is awaited."""
        return AsyncTask(
            self, kept.learned if isinstance(kept, KeptTask) else TaskState.of(kept, class_names)
        )

    async def send(self, request: Request, timeout: float | None = None) -> Any:
        """See `FewShotModel.send`."""
        return request.read(await self.ask(request.signature, request.inputs, timeout=timeout))

    def __getattr__(self, key: str) -> Callable[..., Awaitable[Answer]]:
        if key.startswith("_"):
            raise AttributeError(key)
        return lambda **inputs: self.ask(key, inputs)  # which tells whether there is such a signature


class AsyncTask(KeptTask):
    """`Task` for asyncio."""

    async def predict(self, query_x: Any, *, timeout: float | None = None) -> Answer:
        """See `Task.predict`."""
        model = self.model
        return await model.send((await model.requests).predict(self.learned, query_x), timeout)

    async def predict_png(self, query_png: Any, *, timeout: float | None = None) -> Answer:
        """See `Task.predict_png`."""
        model = self.model
        return await model.send((await model.requests).predict(self.learned, query_png, "png"), timeout)


class AsyncFewShotClient(AsyncServedModel):
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
        super().__init__(
            AsyncClient(target, timeout=timeout, tls=tls, retries=retries), model, version, label
        )
        self.model = model

    async def close(self) -> None:
        """Ends the connection."""
        await self._client.close()

    async def __aenter__(self) -> "AsyncFewShotClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
