"""What is asked of a few-shot model: tasks and words as its signatures want them, and its answers unpacked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfmeta.core.model.model import Answer, Request, find_signature
from tfmeta.core.model.specs import ArraySpec, InputError, SignatureSpec
from tfmeta.core.model.words import ClassNames, name_classes, number_words

__all__ = ["FewShotRequests", "TaskState"]

_PICTURES = 5  # dimensions: tasks, items, height, width and channels


class TaskState(NamedTuple):
    """What a model has learned of a task, or of several.

    Attributes:
        state: [D], or [B,D] of several tasks.
        batched: whether there are several.
        class_names: the word that each class was taught by, of each task where there are several; None where
            the labels were numbers.
    """

    state: np.ndarray
    batched: bool
    class_names: ClassNames | None = None

    @classmethod
    def of(cls, state: Any, class_names: Any = None) -> "TaskState":
        """Reads a state that was kept.

        Args:
            state: [D], or [B,D] of several tasks.
            class_names: the words of its classes, of each task where there are several.

        Raises:
            InputError: if it is no such array.
        """
        array = np.asarray(state)
        if array.ndim not in (1, 2) or array.dtype.kind != "f":
            raise InputError(
                f"the state of a task is {array.dtype.name} {list(array.shape)}; expected the numbers [D] that"
                " task.state gave, or [B,D] of several tasks."
            )
        if class_names is not None:
            class_names = tuple(map(tuple, class_names)) if array.ndim == 2 else tuple(class_names)
        return cls(array, array.ndim == 2, class_names)


class FewShotRequests:
    """Makes the requests to one few-shot model.

    Takes one task ([S,...]) or a batch of tasks ([B,S,...]) and reads answers alike; a query without a dimension
    of queries is one item, and is answered by itself. Labels may be words. Pictures of uint8 are scaled to 0 to 1.

    Args:
        model: name of the model, for errors.
        signatures: what its signatures take and give.

    Raises:
        InputError: (all methods) if the arguments do not fit the signatures.
    """

    def __init__(self, model: str, signatures: Mapping[str, SignatureSpec]):
        self.model = model
        self.signatures = signatures

    def adapt(self, support: Any, support_y: Any, kind: str = "x") -> Request:
        """[S,...] and [S] to a `TaskState`.

        Args:
            support: the examples.
            support_y: their labels, targets or words.
            kind: ``"x"`` for arrays, ``"png"`` for encoded images.
        """
        signature = "adapt" if kind == "x" else "adapt_png"
        inputs, batched, names = self._support(signature, kind, support, support_y)

        def read(outputs: Answer) -> TaskState:
            state = outputs["task_state"]
            return TaskState(state if batched else state[0], batched, names)

        return Request(signature, inputs, read)

    def predict(self, task: TaskState, query: Any, kind: str = "x") -> Request:
        """[Q,...] to the model's outputs."""
        signature = "predict" if kind == "x" else "predict_png"
        state = self._arrange(signature, "task_state", task.state, 1 - task.batched)
        return self._ask(signature, {"task_state": state}, kind, query, task.batched, task.class_names)

    def classify(self, support: Any, support_y: Any, query: Any, kind: str = "x") -> Request:
        """[S,...], [S] and [Q,...] to the model's outputs."""
        signature = "serving_default" if kind == "x" else "classify_png"
        inputs, batched, names = self._support(signature, kind, support, support_y)
        return self._ask(signature, inputs, kind, query, batched, names)

    def _support(
        self, signature: str, kind: str, support: Any, support_y: Any
    ) -> tuple[dict[str, np.ndarray], bool, ClassNames | None]:
        name = f"support_{kind}"
        spec = self._input(signature, name)
        support = spec.convert(name, _scaled(spec, support))
        batched = spec.shape is not None and support.ndim == len(spec.shape)
        classes = self._input(signature, "support_y").dtype.kind == "i"
        support_y, names = number_words("support_y", support_y, classes=classes)
        if names is not None and not batched:
            names = names[0]
        inputs = {
            name: self._arrange(signature, name, support, 1 - batched),
            "support_y": self._arrange(signature, "support_y", support_y, 1 - batched),
        }
        return inputs, batched, names

    def _ask(
        self, signature: str, inputs: dict, kind: str, query: Any, batched: bool, names: ClassNames | None
    ) -> Request:
        """Adds the queries. One item by itself gets one answer by itself."""
        name = f"query_{kind}"
        spec = self._input(signature, name)
        query = spec.convert(name, _scaled(spec, query))
        alone = not batched and spec.shape is not None and query.ndim == len(spec.shape) - 2
        query = self._arrange(signature, name, query, 0 if batched else 2 if alone else 1)

        def read(outputs: Answer) -> Answer:
            if names is not None and "labels" in outputs:
                of_each = names if batched else (names,)
                outputs = {**outputs, "names": name_classes(outputs["labels"], of_each)}
            where = () if batched else (0, 0) if alone else (0,)
            return {key: value[where] for key, value in outputs.items()}

        return Request(signature, {**inputs, name: query}, read)

    def _arrange(self, signature: str, name: str, value: Any, missing: int) -> np.ndarray:
        """A value with the dimensions in front that are missing: B of tasks, and of a single item Q."""
        spec = self._input(signature, name)
        array = spec.convert(name, value)
        if name.endswith("_png"):
            _check_files(name, array)
        whole = array[(None,) * missing]
        if not spec.takes(whole.shape):
            raise InputError(
                f"{name} has the shape {list(array.shape)}, but {self.model}'s {signature!r} takes"
                f" {_expected(name, spec.shape)}.{self._files_instead(name, signature)}"
            )
        return whole

    def _files_instead(self, name: str, signature: str) -> str:
        """Says which signature takes image files of any size and colour, where there is one."""
        if not name.endswith("_x") or f"{signature}_png" not in self.signatures:
            return ""
        return f" PNG and JPEG files of any size and colour go to {signature}_png, as {name[:-1]}png."

    def _input(self, signature: str, name: str) -> Any:
        if signature not in self.signatures and {"adapt", "serving_default"} <= set(self.signatures):
            raise InputError(
                f"{self.model} has no signature {signature!r}"
                + (", so it takes no encoded images; decode them, and send arrays." if signature.endswith("_png")
                   else f"; its signatures are: {', '.join(self.signatures)}.")
            )  # fmt: skip
        if signature not in self.signatures:
            raise InputError(
                f"{self.model} is no few-shot model: it has no signature {signature!r}; its signatures are:"
                f" {', '.join(self.signatures)}. Ask them by their names."
            )
        inputs = find_signature(self.model, self.signatures, signature).inputs
        if name not in inputs:
            raise InputError(
                f"{self.model} is no few-shot model: its {signature!r} has no input {name!r}; its inputs are:"
                f" {', '.join(inputs)}. Ask the signature by its name."
            )
        return inputs[name]


def _expected(name: str, shape: tuple[int | None, ...]) -> str:
    """The shapes that an input may have, in letters: of several tasks, of one, and of one query."""
    letters = ["B", {"s": "S", "q": "Q", "t": "D"}[name[0]]]
    sizes = [
        str(size) if size is not None else (letters[axis] if axis < 2 else "any")
        for axis, size in enumerate(shape)
    ]
    forms = [sizes[1:], sizes] if name[0] != "q" else [sizes[1:], sizes[2:], sizes]
    told = ["[" + ",".join(form) + "]" for form in forms]
    if name[0] != "q":
        return f"{told[0]} of one task, or {told[1]} of several"
    single = told[1] if len(sizes) > 2 else "the bytes"
    return f"{told[0]} of one task, {single} of a single item, or {told[2]} of several tasks"


def _scaled(spec: ArraySpec, value: Any) -> Any:
    """Scales the bytes of pictures, 0 to 255, to the numbers 0 to 1 that models take."""
    picture = spec.dtype.kind == "f" and spec.shape is not None and len(spec.shape) == _PICTURES
    if not picture:
        return value
    try:
        array = np.asarray(value)
    except ValueError:  # of different sizes, which is told where it is converted
        return value
    return array.astype(spec.dtype) / 255 if array.dtype == np.uint8 else value


def _check_files(name: str, array: np.ndarray) -> None:
    for image in array.flat:
        if not isinstance(image, bytes):
            raise InputError(
                f"{name} holds a {type(image).__name__}, expected the bytes of PNG or JPEG files; read them by"
                " Path(file).read_bytes()."
            )
