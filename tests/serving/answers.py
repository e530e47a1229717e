"""TF Serving's behaviour as a table: a request that is answered, and what comes back.

The requests go to the models of `tests.serving.saved_models`, each of which is there as version 1.
"""

from typing import Any, NamedTuple

import numpy as np

from tests.serving.requests import (
    CLASSIFY,
    MULTI,
    ONE,
    REGRESS,
    TWO,
    N,
    X,
    classify,
    example,
    floats,
    half,
    multi,
    predict,
    regress,
    spec,
)
from tfmeta import wire


class Answer(NamedTuple):
    """One row of requests that are answered: the outputs that come back."""

    name: str
    request: Any
    outputs: dict[str, Any]


ANSWERED = [
    Answer("all outputs", predict(), {"s": [3.0, 7.0], "n2": 10}),
    Answer("one output", predict(output_filter=["n2"]), {"n2": 10}),
    Answer("version by number", predict(version=1), {"s": [3.0, 7.0], "n2": 10}),
    Answer(
        "wrong inner size that the graph takes", predict({"x": X[:, :1], "n": N}), {"s": [1.0, 3.0], "n2": 10}
    ),
    Answer("empty batch", predict({"x": X[:0], "n": N}), {"s": [], "n2": 10}),
    Answer("default input", predict({"x": X[0]}, signature="scale"), {"y": [3.0, 6.0]}),
    Answer(
        "default input given",
        predict({"x": X[0], "factor": np.float32(2)}, signature="scale"),
        {"y": [2.0, 4.0]},
    ),
    Answer(
        "strings",
        predict({"text": np.array(["ab", "c"])}, signature="upper"),
        {"text": [b"AB", b"C"], "length": [2, 1]},
    ),
    Answer(
        "fewer values than the shape: the last repeats", half(floats(2, 4, shape=[4])), {"y": [3, 4, 4, 4]}
    ),
    Answer("no values: zeros", half(floats(shape=[2])), {"y": [2, 2]}),
    Answer("more values than the shape", half(floats(2, 4, 6, shape=[1])), {"y": [3]}),
    Answer(
        "unknown_rank beside sizes",
        half(
            wire.TensorProto(
                dtype=1,
                tensor_shape=wire.TensorShapeProto(
                    dim=[wire.TensorShapeProto.Dim(size=1)], unknown_rank=True
                ),
                float_val=[2],
            )
        ),
        {"y": [3]},
    ),
]


class Reply(NamedTuple):
    """One row of requests that are answered: the very message that comes back."""

    name: str
    rpc: str
    request: Any
    reply: Any


def signed(signature):
    return spec(signature=signature, version=1)


def classes(*rows):
    return {"classifications": [{"classes": [{"label": a, "score": b} for a, b in row]} for row in rows]}


def values(*numbers):
    return {"regressions": [{"value": number} for number in numbers]}


LOW_HIGH = classes([("low", -2.5), ("high", 2.5)], [("low", -5.0), ("high", 5.0)])
CONTEXT = {"example_list_with_context": {"examples": [ONE, TWO], "context": example(x=9.0, weight=2.0)}}

REPLIED = [
    Reply(
        "classes and scores",
        CLASSIFY,
        classify(ONE, TWO),
        wire.ClassificationResponse(model_spec=signed("classify"), result=LOW_HIGH),
    ),
    Reply(
        "scores alone",
        CLASSIFY,
        classify(ONE, signature="only_scores"),
        wire.ClassificationResponse(
            model_spec=signed("only_scores"), result=classes([("", -2.5), ("", 2.5)])
        ),
    ),
    Reply(
        "values",
        REGRESS,
        regress(ONE, TWO),
        wire.RegressionResponse(model_spec=signed("regress"), result=values(2.5, 5.0)),
    ),
    Reply(
        "an example outweighs its context",
        REGRESS,
        wire.RegressionRequest(model_spec=spec(signature="regress"), input=CONTEXT),
        wire.RegressionResponse(model_spec=signed("regress"), result=values(3.0, 5.0)),
    ),
    Reply(
        "both at once",
        MULTI,
        multi(("regress", "regress"), ("classify", "classify"), examples=[ONE, TWO]),
        wire.MultiInferenceResponse(
            results=[
                {"model_spec": signed("regress"), "regression_result": values(2.5, 5.0)},
                {"model_spec": signed("classify"), "classification_result": LOW_HIGH},
            ]
        ),
    ),
]
