"""Models that are asked with `tf.Example`s: they read features out of them, and classify or regress each.

Such a signature has one input, `inputs`, of serialized examples [B]. A classifier gives `classes` [B,N], `scores`
[B,N] or both; a regressor gives `outputs` [B] or [B,1]. As in TF Serving, its `method_name` is not looked at, so
signatures written by TensorFlow 2 are welcome.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tfmeta import wire
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.engine.signature import check_dtypes
from tfmeta.serving.errors import invalid_argument
from tfmeta.wire import tensors

__all__ = ["Head", "answer", "classification_head", "regression_head", "serialized_examples"]

_INPUTS = "inputs"
_CLASSES, _SCORES, _OUTPUTS = "classes", "scores", "outputs"


class Head(NamedTuple):
    """A signature as one way to ask about examples.

    Args:
        input: TensorInfo of the serialized examples.
        outputs: Name of the tensor behind each output that is read.
        result: Makes the message out of the outputs and the number of examples.
    """

    input: wire.Message
    outputs: dict[str, str]
    result: Callable[[dict[str, np.ndarray], int], wire.Message]


def classification_head(definition: wire.Message) -> Head:
    """A signature as a classifier.

    Raises:
        ServingError: INVALID_ARGUMENT, it is none.
    """
    _check_count(definition)
    if len(definition.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(definition.outputs)}")
    _check_input(definition, "classification")
    outputs = {alias: info.name for alias, info in definition.outputs.items() if alias in (_CLASSES, _SCORES)}
    if not outputs:
        raise invalid_argument(
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            f"Signature was: {definition}"
        )
    return Head(definition.inputs[_INPUTS], outputs, _classification_result)


def regression_head(definition: wire.Message) -> Head:
    """A signature as a regressor.

    Raises:
        ServingError: INVALID_ARGUMENT, it is none.
    """
    _check_count(definition)
    if len(definition.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    _check_input(definition, "regression")
    if _OUTPUTS not in definition.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {definition}")
    outputs = {_OUTPUTS: definition.outputs[_OUTPUTS].name}
    return Head(definition.inputs[_INPUTS], outputs, _regression_result)


def answer(engine: Engine, heads: Sequence[Head], examples: wire.Message) -> list[wire.Message]:
    """Runs the graph once on a list of examples.

    Args:
        engine: The model.
        heads: What to read; all from the same input.
        examples: An Input message.

    Returns:
        A ClassificationResult or RegressionResult for each head.

    Raises:
        ServingError: There is no example, the outputs are no classes or values, or an op failed.
    """
    values = serialized_examples(examples)
    check_dtypes([values], [heads[0].input])
    fetches = tuple(sorted({name for head in heads for name in head.outputs.values()}))
    outputs = dict(zip(fetches, engine.call((heads[0].input.name,), fetches, [values]), strict=True))
    return [
        head.result({alias: outputs[name] for alias, name in head.outputs.items()}, len(values))
        for head in heads
    ]


def serialized_examples(examples: wire.Message) -> np.ndarray:
    """The examples of an Input message as the strings that a model parses, each with the context in front.

    A serialized message behind another one is, to protobuf, the merge of both, and the later one wins.

    Args:
        examples: An Input message.

    Returns:
        [B] object array of bytes.

    Raises:
        ServingError: INVALID_ARGUMENT, there is none.
    """
    kind = examples.WhichOneof("kind")
    chosen = getattr(examples, kind).examples if kind else ()
    if not chosen:
        raise invalid_argument("Input is empty.")
    context = b""
    if kind == "example_list_with_context":
        context = examples.example_list_with_context.context.SerializeToString()
    values = np.empty(len(chosen), object)
    values[:] = [context + example.SerializeToString() for example in chosen]
    return values


def _classification_result(outputs: dict[str, np.ndarray], count: int) -> wire.Message:
    classes, scores = outputs.get(_CLASSES), outputs.get(_SCORES)
    for alias, array, dtype in ((_CLASSES, classes, "string"), (_SCORES, scores, "float")):
        if array is None:
            continue
        if array.ndim != 2:
            raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}")
        _check_dtype(array, dtype, f"Expected {alias} Tensor of")
        if len(array) != count:
            raise invalid_argument(f"Expected {alias} output batch size of {count}. Got: {len(array)}")
    if classes is not None and scores is not None and classes.shape != scores.shape:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    if classes is None:
        assert scores is not None  # a head without both is refused
        classes = np.full(scores.shape, b"", object)
    if scores is None:
        scores = np.zeros(classes.shape)
    result = wire.ClassificationResult()
    for row in range(count):
        chosen = result.classifications.add().classes
        labels, numbers = classes[row].tolist(), scores[row].tolist()
        for label, score in zip(labels, numbers, strict=True):
            chosen.add(label=label.decode(errors="replace"), score=score)
    return result


def _regression_result(outputs: dict[str, np.ndarray], count: int) -> wire.Message:
    array = outputs[_OUTPUTS]
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {_shape(array)}"
        )
    if len(array) != count:
        raise invalid_argument(f"Input batch size did not match output batch size: {count} vs. {len(array)}")
    _check_dtype(array, "float", "Expected output Tensor of")
    result = wire.RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add(value=value)
    return result


def _check_count(definition: wire.Message) -> None:
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")


def _check_input(definition: wire.Message, kind: str) -> None:
    if _INPUTS not in definition.inputs:
        raise invalid_argument(f"No {kind} inputs found in SignatureDef: {definition}")


def _check_dtype(array: np.ndarray, expected: str, start: str) -> None:
    sent = tensors.dtype_name(array)
    if sent != expected:
        raise invalid_argument(f"{start} DT_{expected.upper()}. Got: DT_{sent.upper()}")


def _shape(array: np.ndarray) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
