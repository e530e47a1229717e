"""What is asked of a few-shot model: arrays and images as its signatures want them, and its answers unpacked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfmeta import wire
from tfmeta.serving.client import calls
from tfmeta.serving.client.calls import Call
from tfmeta.wire import tensors

__all__ = ["FewShotCalls", "TaskState"]


class TaskState(NamedTuple):
    """What a model has learnt of a task: [D], or [B,D] of several tasks."""

    state: np.ndarray
    batched: bool


class FewShotCalls:
    """Makes the calls to one few-shot model.

    Takes one task ([S,...]) or a batch of tasks ([B,S,...]) and reads answers alike. Arrays are converted to
    the types that the signatures name.

    Args:
        model: Name of the model.
        signatures: Its SignatureDef messages by name, as the server tells them.
        version: Which version; None for the latest.
        label: The version that carries this label.

    Raises:
        ValueError: (all methods) the arguments do not fit the signatures.
    """

    def __init__(
        self,
        model: str,
        signatures: Mapping[str, wire.Message],
        *,
        version: int | None = None,
        label: str | None = None,
    ):
        self.model = model
        self.signatures = signatures
        self._version = {"version": version, "label": label}

    def adapt(self, support_x: Any, support_y: Any) -> Call:
        """[S,...] and [S] to a `TaskState`."""
        return self._adapt("adapt", support_x=support_x, support_y=support_y)

    def adapt_png(self, support_png: Any, support_y: Any) -> Call:
        """[S] encoded images and [S] labels to a `TaskState`."""
        return self._adapt("adapt_png", support_png=support_png, support_y=support_y)

    def classify(self, support_x: Any, support_y: Any, query_x: Any) -> Call:
        """[S,...], [S] and [Q,...] to the model's outputs."""
        return self._whole("serving_default", support_x=support_x, support_y=support_y, query_x=query_x)

    def classify_png(self, support_png: Any, support_y: Any, query_png: Any) -> Call:
        """[S] encoded images, [S] labels and [Q] encoded images (or one) to the model's outputs."""
        return self._whole("classify_png", support_png=support_png, support_y=support_y, query_png=query_png)

    def predict(self, task: TaskState, query_x: Any) -> Call:
        """[Q,...] to the model's outputs."""
        return self._predict("predict", task, query_x=query_x)

    def predict_png(self, task: TaskState, query_png: Any) -> Call:
        """[Q] encoded images (or one) to the model's outputs."""
        return self._predict("predict_png", task, query_png=query_png)

    def describe(self) -> Call:
        """What the model says of itself."""
        one_row = {name: np.zeros(1, np.int64) for name in self._definition("describe").inputs}

        def read(outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
            facts = {name: value[0] for name, value in outputs.items()}
            return {name: fact.decode() if isinstance(fact, bytes) else fact for name, fact in facts.items()}

        return self.run("describe", one_row).then(read)

    def run(self, signature: str, inputs: Mapping[str, Any]) -> Call:
        """Any signature on arrays just as they are."""
        return calls.predict(self.model, inputs, signature=signature, **self._version)

    def convert(self, signature: str, name: str, value: Any, batched: bool) -> np.ndarray:
        """A value as an input of a signature wants it: of its type, with the task dimension B."""
        info = self._input(signature, name)
        dtype = tensors.numpy_dtype(info.dtype)
        array = _images(name, value) if dtype.kind == "O" else np.asarray(value)
        if dtype.kind == "i" and array.dtype.kind == "f" and np.any(np.mod(array, 1)):
            raise ValueError(
                f"{name} holds fractions or NaN, but {self.model}'s {signature!r} wants class labels"
            )
        rank = len(info.tensor_shape.dim) - (not batched)
        if not info.tensor_shape.unknown_rank and array.ndim != rank:
            raise ValueError(
                f"{name} has shape {array.shape}, but {self.model}'s {signature!r} wants {rank} dimensions; "
                "give one task in every argument ([S,...], [Q,...]) or several in every one ([B,S,...], ...)"
            )
        array = array.astype(dtype, copy=False)
        return array if batched else array[None]

    def _adapt(self, signature: str, **support: Any) -> Call:
        inputs, batched = self._support(signature, support)

        def read(outputs: Mapping[str, np.ndarray]) -> TaskState:
            state = outputs["task_state"]
            return TaskState(state if batched else state[0], batched)

        return self.run(signature, inputs).then(read)

    def _whole(self, signature: str, **episode: Any) -> Call:
        (query_name, query) = episode.popitem()
        inputs, batched = self._support(signature, episode)
        return self._ask(signature, inputs, query_name, query, batched)

    def _predict(self, signature: str, task: TaskState, **query: Any) -> Call:
        ((query_name, value),) = query.items()
        state = task.state if task.batched else task.state[None]
        return self._ask(signature, {"task_state": state}, query_name, value, task.batched)

    def _ask(self, signature: str, inputs: dict, query_name: str, query: Any, batched: bool) -> Call:
        """Adds the queries. One encoded image by itself gets one answer by itself."""
        alone = isinstance(query, bytes) and not batched
        query = self.convert(signature, query_name, [query] if alone else query, batched)

        def read(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            where = () if batched else (0, 0) if alone else (0,)
            return {name: value[where] for name, value in outputs.items()}

        return self.run(signature, inputs | {query_name: query}).then(read)

    def _support(self, signature: str, support: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], bool]:
        name, x = next(iter(support.items()))
        rank = len(self._input(signature, name).tensor_shape.dim)
        batched = (_images(name, x).ndim if name.endswith("_png") else np.ndim(x)) == rank
        return {key: self.convert(signature, key, value, batched) for key, value in support.items()}, batched

    def _definition(self, signature: str) -> wire.Message:
        if signature not in self.signatures:
            known = ", ".join(sorted(key for key in self.signatures if not key.startswith("__")))
            kind = "takes no encoded images" if signature.endswith("_png") else "is no few-shot model"
            raise ValueError(
                f"model {self.model!r} has no signature {signature!r}, so it {kind}; its signatures are: {known}"
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


def _images(name: str, value: Any) -> np.ndarray:
    """Encoded images as an array of bytes objects; numpy's own strings would lose zeros at the end."""
    array = np.array(value, dtype=object)
    for image in array.flat:
        if not isinstance(image, bytes):
            raise ValueError(
                f"{name} holds a {type(image).__name__}; expected the bytes of PNG or JPEG files, "
                "as Path(file).read_bytes() gives them"
            )
    return array
