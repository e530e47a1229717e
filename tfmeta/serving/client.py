"""A client for TF Serving's gRPC API: numpy in, numpy out, no TensorFlow.

`Client` asks any model by the names of its inputs. `FewShotClient` teaches a few-shot model a task and asks
about that. Both work against the embedded server and against TensorFlow Serving.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta.serving import tensors, wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.numpy_client import Client

__all__ = ["Client", "FewShotClient", "ServingError", "Task"]


class Task:
    """A task that a model has adapted to: answers any number of queries, and needs the support set no more.

    Args:
        client: The connection to the model.
        state: [D] or [B,D], what the model has learnt.
        batched: Whether it is of several tasks at once.
    """

    def __init__(self, client: "FewShotClient", state: np.ndarray, batched: bool):
        self.state = state
        self._client = client
        self._batched = batched

    def predict(self, query_x: Any) -> dict[str, np.ndarray]:
        """Answers queries.

        Args:
            query_x: [Q,...] queries of the task, or [B,Q,...] of each task.

        Returns:
            The model's outputs, without B where the task came without: `probabilities` [Q,N] and `labels` [Q]
            of a classifier, `predictions` [Q,D] of a regressor.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        state = self.state if self._batched else self.state[None]
        query_x = self._client.convert("predict", "query_x", query_x, self._batched)
        outputs = self._client.predict("predict", {"task_state": state, "query_x": query_x})
        return outputs if self._batched else {name: value[0] for name, value in outputs.items()}


class FewShotClient:
    """Teaches a served few-shot model from a handful of examples, and asks it.

    Takes one task ([S,...]) or a batch of tasks ([B,S,...]) and answers alike. Arrays are converted to the
    types that the model's signatures name.

    Args:
        target: Address of the server, `host:port`.
        model: Name of the model.
        version: Which version; None for the latest.
        label: The version that carries this label.
        timeout: Seconds to wait for an answer.

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
    ):
        self.model = model
        self._client = Client(target, timeout=timeout)
        self._version = {"version": version, "label": label}
        self._signatures: dict[str, wire.Message] | None = None

    @property
    def signatures(self) -> dict[str, wire.Message]:
        """The model's SignatureDef messages by name, asked for once."""
        if self._signatures is None:
            self._signatures = self._client.metadata(self.model, **self._version)
        return self._signatures

    def adapt(self, support_x: Any, support_y: Any) -> Task:
        """Teaches the model a task.

        Args:
            support_x: [S,...] examples, or [B,S,...].
            support_y: [S] labels or [S,D] targets, or with B in front.

        Returns:
            The task, which answers queries.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        support, batched = self._support("adapt", support_x, support_y)
        state = self.predict("adapt", support)["task_state"]
        return Task(self, state if batched else state[0], batched)

    def classify(self, support_x: Any, support_y: Any, query_x: Any) -> dict[str, np.ndarray]:
        """Adapts and answers in one request.

        Args:
            support_x: [S,...] examples, or [B,S,...].
            support_y: [S] labels or [S,D] targets, or with B in front.
            query_x: [Q,...] queries, or [B,Q,...].

        Returns:
            What `Task.predict` returns.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        inputs, batched = self._support("serving_default", support_x, support_y)
        inputs["query_x"] = self.convert("serving_default", "query_x", query_x, batched)
        outputs = self.predict("serving_default", inputs)
        return outputs if batched else {name: value[0] for name, value in outputs.items()}

    def describe(self) -> dict[str, Any]:
        """What the model says of itself: `ways`, `input_shape`, `inner_rate`, `git_hash`, `card` and so on.

        Raises:
            ServingError: The server refused, failed, or was not reached.
        """
        one_row = {name: np.zeros(1, np.int64) for name in self._definition("describe").inputs}
        facts = {name: value[0] for name, value in self.predict("describe", one_row).items()}
        return {name: fact.decode() if isinstance(fact, bytes) else fact for name, fact in facts.items()}

    def predict(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Runs any signature of the model on arrays just as they are."""
        return self._client.predict(self.model, inputs, signature=signature, **self._version)

    def convert(self, signature: str, name: str, value: Any, batched: bool) -> np.ndarray:
        """An array as an input of a signature wants it: of its type, with the task dimension B."""
        info = self._input(signature, name)
        array = np.asarray(value) if batched else np.asarray(value)[None]
        dtype = tensors.numpy_dtype(info.dtype)
        if dtype.kind == "i" and array.dtype.kind == "f" and np.any(np.mod(array, 1)):
            raise ValueError(
                f"{name} holds fractions or NaN, but {self.model}'s {signature!r} wants class labels"
            )
        rank = len(info.tensor_shape.dim)
        if not info.tensor_shape.unknown_rank and array.ndim != rank:
            given, expected = array.shape[not batched :], rank - (not batched)
            raise ValueError(
                f"{name} has shape {given}, but {self.model}'s {signature!r} wants {expected} dimensions; "
                "give one task in every argument ([S,...], [Q,...]) or several in every one ([B,S,...], ...)"
            )
        return array.astype(dtype, copy=False)

    def close(self) -> None:
        """Ends the connection."""
        self._client.close()

    def __enter__(self) -> "FewShotClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _support(self, signature: str, x: Any, y: Any) -> tuple[dict[str, np.ndarray], bool]:
        batched = np.ndim(x) == len(self._input(signature, "support_x").tensor_shape.dim)
        support = {
            "support_x": self.convert(signature, "support_x", x, batched),
            "support_y": self.convert(signature, "support_y", y, batched),
        }
        return support, batched

    def _definition(self, signature: str) -> wire.Message:
        if signature not in self.signatures:
            known = ", ".join(sorted(key for key in self.signatures if not key.startswith("__")))
            raise ValueError(
                f"model {self.model!r} has no signature {signature!r}, so it is no few-shot model; "
                f"its signatures are: {known}"
            )
        return self.signatures[signature]

    def _input(self, signature: str, name: str) -> wire.Message:
        inputs = self._definition(signature).inputs
        if name not in inputs:
            raise ValueError(
                f"signature {signature!r} of model {self.model!r} has no input {name!r}, so it is no "
                f"few-shot model; its inputs are: {', '.join(sorted(inputs))}"
            )
        return inputs[name]
