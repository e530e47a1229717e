"""The four ways to ask one loaded model: predict, classify, regress, and several of the last two at once.

A request message in, a reply message out, or a `ServingError`. Which model and version is meant has been settled
before; replies name the signature, and the caller adds the model (see `tfmeta.serving.services.prediction`).
"""

from collections.abc import Callable
from typing import Any

from tfmeta import wire
from tfmeta.serving.engine.engine import Engine
from tfmeta.serving.engine.examples import Head, answer, classification_head, regression_head
from tfmeta.serving.engine.signature import DEFAULT_SIGNATURE
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.wire import tensors

__all__ = ["classify", "infer", "multi_inference", "predict", "regress"]

_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def infer(engine: Engine, request: wire.Message) -> wire.Message:
    """Answers a request of any of the four kinds, say one out of a warm-up file.

    Args:
        engine: The model.
        request: A PredictRequest, ClassificationRequest, RegressionRequest or MultiInferenceRequest.

    Returns:
        The reply of its kind.

    Raises:
        ServingError: The request does not fit the model, or an op failed.
    """
    return _ANSWERS[type(request)](engine, request)


def predict(engine: Engine, request: wire.Message) -> wire.Message:
    """Runs one signature on tensors."""
    key = _signature_name(request.model_spec)
    outputs = engine.run(key, request.inputs, request.output_filter)
    reply = wire.PredictResponse()
    reply.model_spec.signature_name = key
    for alias, array in outputs.items():
        tensors.write_values(array, reply.outputs[alias])
    return reply


def classify(engine: Engine, request: wire.Message) -> wire.Message:
    """Classes and scores of each example."""
    return _ask(engine, request, classification_head, wire.ClassificationResponse())


def regress(engine: Engine, request: wire.Message) -> wire.Message:
    """A value of each example."""
    return _ask(engine, request, regression_head, wire.RegressionResponse())


def multi_inference(engine: Engine, request: wire.Message) -> wire.Message:
    """Classifies and regresses the same examples by several signatures, in one run of the graph."""
    heads: dict[str, Head] = {}
    for task in request.tasks:
        if not task.model_spec.name:
            raise invalid_argument("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid_argument(
                "All ModelSpecs in a MultiInferenceRequest must access the same model name."
            )
        key = _signature_name(task.model_spec)
        if key in heads:
            raise invalid_argument(f"Duplicate evaluation of signature: {key}")
        heads[key] = _head(engine, key, task.method_name)
        if heads[key].input.name != next(iter(heads.values())).input.name:
            raise invalid_argument("Input tensor must be the same for all Signatures.")
    reply = wire.MultiInferenceResponse()
    for task, key, result in zip(
        request.tasks, heads, answer(engine, list(heads.values()), request.input), strict=True
    ):
        kind = "classification_result" if task.method_name == _CLASSIFY else "regression_result"
        part = reply.results.add()
        getattr(part, kind).CopyFrom(result)
        part.model_spec.signature_name = key
    return reply


_ANSWERS = {
    wire.PredictRequest: predict,
    wire.ClassificationRequest: classify,
    wire.RegressionRequest: regress,
    wire.MultiInferenceRequest: multi_inference,
}


def _ask(
    engine: Engine, request: wire.Message, as_head: Callable[[Any], Head], reply: wire.Message
) -> wire.Message:
    key = _signature_name(request.model_spec)
    if key not in engine.signature_defs:
        raise invalid_argument(f"No signature was found with the name: {key}")
    (result,) = answer(engine, [as_head(engine.signature_defs[key])], request.input)
    reply.result.CopyFrom(result)
    reply.model_spec.signature_name = key
    return reply


def _head(engine: Engine, key: str, method_name: str) -> Head:
    if key not in engine.signature_defs:
        raise invalid_argument(f"Requested signature not found in model graph: {key}")
    if method_name == _CLASSIFY:
        return classification_head(engine.signature_defs[key])
    if method_name == _REGRESS:
        return regression_head(engine.signature_defs[key])
    raise ServingError("UNIMPLEMENTED", f"Unsupported signature method_name: {method_name}")


def _signature_name(spec: wire.Message) -> str:
    return spec.signature_name or DEFAULT_SIGNATURE
