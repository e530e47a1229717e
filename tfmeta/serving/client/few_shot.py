"""A client that teaches a few-shot model a task, and asks about that."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta import wire
from tfmeta.serving.client.client import Client
from tfmeta.serving.client.few_shot_calls import FewShotCalls, TaskState
from tfmeta.serving.client.retries import Retries
from tfmeta.serving.tls import Tls

__all__ = ["FewShotClient", "Task"]

_RETRIES = Retries()


class Task:
    """A task that a model has adapted to: answers any number of queries, and needs the support set no more.

    Args:
        client: The connection to the model.
        learnt: What the model has learnt.
    """

    def __init__(self, client: "FewShotClient", learnt: TaskState):
        self._client = client
        self._learnt = learnt

    @property
    def state(self) -> np.ndarray:
        """[D] or [B,D], what the model has learnt."""
        return self._learnt.state

    def predict(self, query_x: Any, *, timeout: float | None = None) -> dict[str, np.ndarray]:
        """Answers queries.

        Args:
            query_x: [Q,...] queries of the task, or [B,Q,...] of each task.
            timeout: Seconds to wait; None for the client's own.

        Returns:
            The model's outputs, without B where the task came without: `probabilities` [Q,N] and `labels` [Q]
            of a classifier, `predictions` [Q,D] of a regressor.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self._client.send(self._client.calls.predict(self._learnt, query_x), timeout)

    def predict_png(self, query_png: Any, *, timeout: float | None = None) -> dict[str, np.ndarray]:
        """Answers queries that are encoded images, which the model decodes itself.

        Args:
            query_png: The bytes of a PNG or JPEG file, or [Q] of them, or [B,Q].
            timeout: Seconds to wait; None for the client's own.

        Returns:
            What `predict` returns; of a single image without Q, too: `probabilities` [N] and one label.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self._client.send(self._client.calls.predict_png(self._learnt, query_png), timeout)


class FewShotClient:
    """Teaches a served few-shot model from a handful of examples, and asks it.

    Takes one task ([S,...]) or a batch of tasks ([B,S,...]) and answers alike. Arrays are converted to the
    types that the model's signatures name.

    Args:
        target: Address of the server, `host:port` or `unix:path`.
        model: Name of the model.
        version: Which version; None for the latest.
        label: The version that carries this label.
        timeout: Seconds to wait for an answer, retries included, unless a call says otherwise.
        tls: Encrypts; None sends everything in the open.
        retries: What happens while the server is unavailable.

    Example:
        >>> with FewShotClient("127.0.0.1:8500", "maml_omniglot_5w1s") as client:  # doctest: +SKIP
        ...     task = client.adapt(support_x, support_y)
        ...     task.predict(drawings)["labels"]
        array([3, 0, 4])
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
        self._client = Client(target, timeout=timeout, tls=tls, retries=retries)
        self._version = {"version": version, "label": label}
        self._calls: FewShotCalls | None = None

    @property
    def calls(self) -> FewShotCalls:
        """What makes the calls; asks the server for the model's signatures, once."""
        if self._calls is None:
            signatures = self._client.metadata(self.model, **self._version)
            self._calls = FewShotCalls(self.model, signatures, **self._version)
        return self._calls

    @property
    def signatures(self) -> Mapping[str, wire.Message]:
        """The model's SignatureDef messages by name."""
        return self.calls.signatures

    def adapt(self, support_x: Any, support_y: Any, *, timeout: float | None = None) -> Task:
        """Teaches the model a task.

        Args:
            support_x: [S,...] examples, or [B,S,...].
            support_y: [S] labels or [S,D] targets, or with B in front.
            timeout: Seconds to wait; None for the client's own.

        Returns:
            The task, which answers queries.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return Task(self, self.send(self.calls.adapt(support_x, support_y), timeout))

    def adapt_png(self, support_png: Any, support_y: Any, *, timeout: float | None = None) -> Task:
        """Teaches the model a task by encoded images, which it decodes itself.

        Args:
            support_png: [S] bytes of PNG or JPEG files, or [B,S].
            support_y: [S] labels, or [B,S].
            timeout: Seconds to wait; None for the client's own.

        Returns:
            The task, which answers queries, encoded or not.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return Task(self, self.send(self.calls.adapt_png(support_png, support_y), timeout))

    def classify(
        self, support_x: Any, support_y: Any, query_x: Any, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Adapts and answers in one request.

        Args:
            support_x: [S,...] examples, or [B,S,...].
            support_y: [S] labels or [S,D] targets, or with B in front.
            query_x: [Q,...] queries, or [B,Q,...].
            timeout: Seconds to wait; None for the client's own.

        Returns:
            What `Task.predict` returns.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self.send(self.calls.classify(support_x, support_y, query_x), timeout)

    def classify_png(
        self, support_png: Any, support_y: Any, query_png: Any, *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Adapts to encoded images and answers for others, in one request.

        Args:
            support_png: [S] bytes of PNG or JPEG files, or [B,S].
            support_y: [S] labels, or [B,S].
            query_png: The bytes of one file, or [Q] of them, or [B,Q].
            timeout: Seconds to wait; None for the client's own.

        Returns:
            What `Task.predict_png` returns.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self.send(self.calls.classify_png(support_png, support_y, query_png), timeout)

    def describe(self, *, timeout: float | None = None) -> dict[str, Any]:
        """What the model says of itself: `ways`, `input_shape`, `inner_rate`, `git_hash`, `card` and so on.

        Args:
            timeout: Seconds to wait; None for the client's own.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        return self.send(self.calls.describe(), timeout)

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray], *, timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Runs any signature of the model on arrays just as they are."""
        return self._client.predict(self.model, inputs, signature=signature, timeout=timeout, **self._version)

    def send(self, call: Any, timeout: float | None = None) -> Any:
        """Sends a call; see `Client.send`."""
        return self._client.send(call, timeout)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def __enter__(self) -> "FewShotClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
