"""The JSON of TF Serving's REST API for questions about `tf.Example`s: `{"examples": [...]}`, answered with `results`.

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta import wire
from tfmeta.serving.errors import invalid_argument
from tfmeta.serving.rest.json_values import (
    is_base64,
    json_type,
    malformed,
    read_bytes,
    read_values,
    write_values,
)

__all__ = ["read_examples", "write_results"]


def read_examples(document: Mapping[str, Any], examples: wire.Message) -> None:
    """Writes the examples of a classify or regress request into an Input message.

    Raises:
        ServingError: INVALID_ARGUMENT, the request is not of the form.
    """
    chosen = examples.example_list
    if "context" in document:
        chosen = examples.example_list_with_context
        _read_example(document["context"], chosen.context)
        chosen.context.SetInParent()
    if "examples" not in document:
        raise malformed(document, "When method is classify, key 'examples' is expected and was not found")
    if not isinstance(document["examples"], list):
        raise malformed(document, "Expecting 'examples' value to be an list/array")
    if not document["examples"]:
        raise malformed(document, "'examples' value is an empty array")
    for item in document["examples"]:
        _read_example(item, chosen.examples.add())


def write_results(result: wire.Message) -> dict[str, list]:
    """A ClassificationResult as `[label, score]` pairs for each example, a RegressionResult as values."""
    if "regressions" in result.DESCRIPTOR.fields_by_name:
        return {"results": _floats([regression.value for regression in result.regressions])}
    return {
        "results": [
            [[label, score] for label, score in zip(labels, _floats(scores), strict=True)]
            for labels, scores in (
                ([each.label for each in row.classes], [each.score for each in row.classes])
                for row in result.classifications
            )
        ]
    }


def _read_example(given: Any, example: wire.Message) -> None:
    if not isinstance(given, dict):
        raise invalid_argument(f"Example must be JSON object but got JSON {json_type(given)}")
    for name, content in given.items():
        feature = example.features.feature[name]
        for value in content if isinstance(content, list) else [content]:
            kind, value = _feature_value(name, value)
            if feature.WhichOneof("kind") not in (None, kind):
                held = feature.WhichOneof("kind").removesuffix("_list")
                raise invalid_argument(f"Unexpected element type in feature: {name} expecting type: {held}")
            getattr(feature, kind).value.append(value)


def _feature_value(name: str, value: Any) -> tuple[str, Any]:
    if isinstance(value, str) or is_base64(value):
        return "bytes_list", read_bytes(value)
    if isinstance(value, float):
        return "float_list", read_values([value], wire.DataType["DT_FLOAT"])[0]
    if isinstance(value, int):
        if -(2**63) <= value < 2**63:
            return "int64_list", int(value)
        raise invalid_argument(f"Feature: {name} has uint64 element. Only int64 is supported.")
    raise invalid_argument(f"Feature: {name} has element with unexpected JSON type: {json_type(value)}")


def _floats(values: list[float]) -> list:
    return [write_values(value) for value in np.array(values, np.float32)]
