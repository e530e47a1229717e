"""TF Serving's behaviour as a table: a request that is refused, and the status and words that it gets.

The requests go to the models of `tests.serving.saved_models`, each of which is there as version 1. Those that are
answered are in `tests.serving.answers`.
"""

from typing import Any, NamedTuple

import numpy as np

from tests.serving.requests import (
    CLASSIFY,
    METADATA,
    MULTI,
    ONE,
    PREDICT,
    REGRESS,
    RELOAD,
    STATUS,
    N,
    X,
    classify,
    example,
    floats,
    half,
    loss,
    metadata,
    multi,
    predict,
    regress,
    spec,
    status,
)
from tfmeta import wire


class Row(NamedTuple):
    """One row: what is sent, and what comes back. `…` in the message stands for anything."""

    name: str
    rpc: str
    request: Any
    code: str
    message: str = ""


LATEST = "Servable not found for request: Latest"
SPECIFIC = "Servable not found for request: Specific"
LABEL = "Unrecognized servable version label: "
ALIAS = "output tensor alias not found in signature: "
SIZE = "input size does not match signature: "

REFUSED = [
    Row("predict: no spec", PREDICT, wire.PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row(
        "metadata: no spec", METADATA, wire.GetModelMetadataRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"
    ),
    Row("status: no spec", STATUS, wire.GetModelStatusRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    # which model
    Row("empty name", PREDICT, predict(name=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    Row("unknown model", PREDICT, predict(name="zz"), "NOT_FOUND", LATEST + "(zz)"),
    Row("unknown version", PREDICT, predict(version=9), "NOT_FOUND", SPECIFIC + "(arithmetic, 9)"),
    Row("version 0", PREDICT, predict(version=0), "NOT_FOUND", SPECIFIC + "(arithmetic, 0)"),
    Row("version -1", PREDICT, predict(version=-1), "NOT_FOUND", SPECIFIC + "(arithmetic, -1)"),
    Row("unknown label", PREDICT, predict(label="blue"), "INVALID_ARGUMENT", LABEL + "blue"),
    Row("empty label", PREDICT, predict(label=""), "INVALID_ARGUMENT", LABEL),
    Row("label, unknown model", PREDICT, predict(name="zz", label="a"), "INVALID_ARGUMENT", LABEL + "a"),
    Row(
        "long name",
        PREDICT,
        predict(name="z" * 2000),
        "NOT_FOUND",
        f"{LATEST}({2000 * 'z'}"[:1024] + "...TRUNCATED",
    ),
    # which signature
    Row(
        "unknown signature",
        PREDICT,
        predict(signature="zz"),
        "FAILED_PRECONDITION",
        'Serving signature key "zz" not found.',
    ),
    Row(
        "init op",
        PREDICT,
        predict({}, signature="__saved_model_init_op"),
        "OUT_OF_RANGE",
        "Node 'NoOp' … does not have output 0",
    ),
    # inputs
    Row(
        "missing input",
        PREDICT,
        predict({"x": X}),
        "INVALID_ARGUMENT",
        SIZE + "1!=2 len({x}) != len({n,x}). Sent extra: {}. Missing but required: {n}.",
    ),
    Row(
        "extra input",
        PREDICT,
        predict({"x": X, "n": N, "q": N}),
        "INVALID_ARGUMENT",
        SIZE + "3!=2 len({n,q,x}) != len({n,x}). Sent extra: {q}. Missing but required: {}.",
    ),
    Row(
        "wrong input name",
        PREDICT,
        predict({"z": X}, signature="half"),
        "INVALID_ARGUMENT",
        "Signature input alias: x(feed name: …) not found in request and no default value provided. Inputs "
        "expected to be in the request {z}, or default input alias set: ",
    ),
    Row(
        "extra input, signature with defaults",
        PREDICT,
        predict({"x": X[0], "q": X}, signature="scale"),
        "INVALID_ARGUMENT",
        "Inputs contains invalid name. Used request inputs: x, request input: q,x",
    ),
    Row(
        "wrong dtype",
        PREDICT,
        half(np.float64([1])),
        "INVALID_ARGUMENT",
        "Expects arg[0] to be float but double is provided",
    ),
    Row(
        "wrong rank, op fails",
        PREDICT,
        predict({"x": X[0], "n": N}),
        "INVALID_ARGUMENT",
        "Invalid reduction …",
    ),
    Row(
        "label 9 of 5", PREDICT, loss(9), "INVALID_ARGUMENT", "Received a label value of 9 which is outside …"
    ),
    # tensors
    Row(
        "bytes that do not fill the shape",
        PREDICT,
        half(floats(shape=[3], tensor_content=b"1234")),
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    Row("dim -1", PREDICT, half(floats(1, shape=[-1])), "INVALID_ARGUMENT", "tensor parsing error: x"),
    Row(
        "DT_INVALID",
        PREDICT,
        half(floats(1, shape=[1], dtype="DT_INVALID")),
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    Row("empty tensor", PREDICT, half(wire.TensorProto()), "INVALID_ARGUMENT", "tensor parsing error: x"),
    # outputs
    Row(
        "unknown output",
        PREDICT,
        predict(output_filter=["q"]),
        "INVALID_ARGUMENT",
        ALIAS + "q Outputs expected to be in the set {n2,s}.",
    ),
    Row(
        "empty output name",
        PREDICT,
        predict(output_filter=[""]),
        "INVALID_ARGUMENT",
        ALIAS + " Outputs expected to be in the set {n2,s}.",
    ),
    Row(
        "duplicate output",
        PREDICT,
        predict(output_filter=["s", "s"]),
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: s",
    ),
    # tf.Examples
    Row("classify: no spec", CLASSIFY, wire.ClassificationRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("regress: no spec", REGRESS, wire.RegressionRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    Row("classify: unknown model", CLASSIFY, classify(ONE, name="zz"), "NOT_FOUND", LATEST + "(zz)"),
    Row(
        "regress: unknown version",
        REGRESS,
        regress(ONE, version=9),
        "NOT_FOUND",
        SPECIFIC + "(arithmetic, 9)",
    ),
    Row("classify: unknown label", CLASSIFY, classify(ONE, label="blue"), "INVALID_ARGUMENT", LABEL + "blue"),
    Row(
        "classify: unknown signature",
        CLASSIFY,
        classify(ONE, signature="zz"),
        "INVALID_ARGUMENT",
        "No signature was found with the name: zz",
    ),
    Row(
        "regress: unknown signature",
        REGRESS,
        regress(ONE, signature="zz"),
        "INVALID_ARGUMENT",
        "No signature was found with the name: zz",
    ),
    Row("classify: no examples", CLASSIFY, classify(), "INVALID_ARGUMENT", "Input is empty."),
    Row("regress: no examples", REGRESS, regress(), "INVALID_ARGUMENT", "Input is empty."),
    Row(
        "regress: no input",
        REGRESS,
        wire.RegressionRequest(model_spec=spec(signature="regress")),
        "INVALID_ARGUMENT",
        "Input is empty.",
    ),
    Row(
        "classify: context, no examples",
        CLASSIFY,
        wire.ClassificationRequest(
            model_spec=spec(signature="classify"), input={"example_list_with_context": {"context": ONE}}
        ),
        "INVALID_ARGUMENT",
        "Input is empty.",
    ),
    Row(
        "classify: a regressor",
        CLASSIFY,
        classify(ONE, signature="regress"),
        "INVALID_ARGUMENT",
        'Expected classification signature outputs to contain at least one of "classes" or "scores"…',
    ),
    Row(
        "classify: other inputs",
        CLASSIFY,
        classify(ONE, signature="half"),
        "INVALID_ARGUMENT",
        "No classification inputs found in SignatureDef…",
    ),
    Row(
        "classify: two inputs",
        CLASSIFY,
        classify(ONE, signature=""),
        "INVALID_ARGUMENT",
        "Expected one input Tensor.",
    ),
    Row(
        "classify: three outputs",
        CLASSIFY,
        classify(ONE, signature="examples"),
        "INVALID_ARGUMENT",
        "Expected one or two output Tensors, found 3",
    ),
    Row(
        "regress: two outputs",
        REGRESS,
        regress(ONE, signature="classify"),
        "INVALID_ARGUMENT",
        "Expected one output Tensor.",
    ),
    Row(
        "regress: other outputs",
        REGRESS,
        regress(ONE, signature="only_scores"),
        "INVALID_ARGUMENT",
        "No regression outputs found in SignatureDef…",
    ),
    Row("missing feature", CLASSIFY, classify(example(z=1)), "INVALID_ARGUMENT", "…Feature: x…required…"),
    Row(
        "multi: duplicate signature",
        MULTI,
        multi(("classify", "classify"), ("classify", "classify")),
        "INVALID_ARGUMENT",
        "Duplicate evaluation of signature: classify",
    ),
    Row(
        "multi: bad method",
        MULTI,
        wire.MultiInferenceRequest(
            tasks=[{"model_spec": spec(signature="classify"), "method_name": "zz"}],
            input={"example_list": {"examples": [ONE]}},
        ),
        "UNIMPLEMENTED",
        "Unsupported signature method_name: zz",
    ),
    Row(
        "multi: two models",
        MULTI,
        multi(("classify", "classify"), ("regress", "regress", "nearest_mean")),
        "INVALID_ARGUMENT",
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
    ),
    Row(
        "multi: no tasks",
        MULTI,
        wire.MultiInferenceRequest(),
        "INVALID_ARGUMENT",
        "ModelSpec has no name specified.",
    ),
    Row("multi: unknown model", MULTI, multi(("a", "classify", "zz")), "NOT_FOUND", LATEST + "(zz)"),
    Row(
        "multi: unknown signature",
        MULTI,
        multi(("zz", "classify")),
        "INVALID_ARGUMENT",
        "Requested signature not found in model graph: zz",
    ),
    Row(
        "multi: no examples",
        MULTI,
        multi(("classify", "classify"), examples=()),
        "INVALID_ARGUMENT",
        "Input is empty.",
    ),
    # metadata and status
    Row(
        "metadata: no field",
        METADATA,
        metadata(),
        "INVALID_ARGUMENT",
        "GetModelMetadataRequest must specify at least one metadata_field",
    ),
    Row(
        "metadata: bad field",
        METADATA,
        metadata("zzz"),
        "INVALID_ARGUMENT",
        "Metadata field zzz is not supported",
    ),
    Row(
        "metadata: unknown model",
        METADATA,
        metadata("signature_def", name="zz"),
        "NOT_FOUND",
        LATEST + "(zz)",
    ),
    Row(
        "metadata: empty name",
        METADATA,
        metadata("signature_def", name=""),
        "INVALID_ARGUMENT",
        "ModelSpec has no name specified.",
    ),
    Row(
        "status: unknown model",
        STATUS,
        status(name="N"),
        "NOT_FOUND",
        "Could not find any versions of model N",
    ),
    Row(
        "status: unknown version",
        STATUS,
        status(version=7),
        "NOT_FOUND",
        "Could not find version 7 of model arithmetic",
    ),
    Row(
        "reload: no list of models",
        RELOAD,
        wire.ReloadConfigRequest(config={"custom_model_config": {}}),
        "INVALID_ARGUMENT",
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported",
    ),
]
