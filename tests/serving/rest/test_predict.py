"""Predict, classify and regress over REST: the forms of JSON, and why some are refused."""

import gc
import math

import numpy as np
import pytest

from tests.serving.rest.paths import MODEL, X, half
from tfmeta import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.rest import json_examples, json_tensors
from tfmeta.serving.rest.json_values import dumps

# A request to predict, and its answer.
PREDICTED = {
    "rows of one input": (half({"instances": [1, 2.2]}), {"predictions": [2.5, 3.1]}),
    "rows by name": (half({"instances": [{"x": 1}, {"x": 2}]}), {"predictions": [2.5, 3.0]}),
    "columns of one input": (half({"inputs": [1.0]}), {"outputs": [2.5]}),
    "columns by name": (half({"inputs": {"x": []}}), {"outputs": []}),
    "all outputs by name": ({"inputs": {"x": X, "n": 5}}, {"outputs": {"n2": 10, "s": [3.0, 7.0]}}),
    "rows of all outputs": (
        {"signature_name": "upper", "instances": ["ab", {"b64": "YwE="}]},
        {"predictions": [{"text": "AB", "length": 2}, {"text": "C\1", "length": 2}]},
    ),
    "infinity": (half({"instances": [math.inf, -math.inf]}), {"predictions": [math.inf, -math.inf]}),
    "columns of bytes alone": (
        {"signature_name": "upper", "inputs": [{"b64": "/w"}]},
        {"outputs": {"text": [{"b64": "/w=="}], "length": [1]}},
    ),
}


@pytest.mark.parametrize("row", PREDICTED)
def test_predict(ask, row):
    document, answer = PREDICTED[row]
    assert ask(MODEL + ":predict", document) == (200, answer)


def test_nan(ask):
    _, answer = ask(MODEL + ":predict", half({"inputs": [math.nan]}))
    assert math.isnan(answer["outputs"][0])


ONE_ROW = {"instances": [{"x": [1, 2], "n": 5}]}
ELEMENT = "Failed to process element: "
# A request to predict, and why it is refused, with … for anything.
REFUSED = {
    "no form": ({}, "Missing 'inputs' or 'instances' key"),
    "both forms": ({"inputs": {}, "instances": []}, "…expecting only one of 'inputs' or 'instances' keys…"),
    "no instances": ({"instances": []}, "…No values in 'instances' array"),
    "instances are no list": ({"instances": {"x": 1}}, "…Excepting 'instances' to be an list/array"),
    "missing input": ({"inputs": {"x": X}}, "Missing named input: n in 'inputs' object."),
    "columns without names": ({"inputs": X}, "inputs is a plain value/list, but expecting an object…"),
    "rows without names": ({"instances": X}, "instances is a plain list, but expecting list of objects…"),
    "a row without names": (
        {"instances": [{"x": [1, 2], "n": 5}, 3]},
        "Expecting object but got list at item 1 of input list",
    ),
    "a row with names": (
        half({"instances": [1, {"x": 2}]}),
        "Expecting value/list but got object at item 1 of input list",
    ),
    "unknown name in a row": (
        {"instances": [{"q": 1}]},
        ELEMENT + "0 key: q of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named "
        "input: q",
    ),
    "missing name in a row": ({"instances": [{"x": [1, 2]}]}, ELEMENT + "0 of 'instances' list. JSON…: n,x"),
    "wrong type in a row": (
        half({"instances": [1, "a"]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: JSON Value: \"a\" Type: String is not of "
        "expected type: float",
    ),
    "rows of unequal size": (
        half({"instances": [[1], [1, 2]]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 1 but got: 2",
    ),
    "rows of unequal shape": (
        half({"instances": [[1], [[1]]]}),
        ELEMENT + "1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting shape [1] but got: [1,1]",
    ),
    "too deep": (half({"inputs": [1, [2]]}), "Encountered list at unexpected level: 1 expected < 1"),
    "too shallow": (half({"inputs": [[1], 2]}), "JSON Value: 2 found at incorrect level: 2 …at level: 2"),
    "ragged": (
        half({"inputs": [[1], [2, 3]]}),
        "Encountered list at unexpected size: 2 at level: 1 expected size: 1",
    ),
    "a fraction for an integer": (
        {"inputs": {"x": X, "n": 1.5}},
        "JSON Value: 1.5 Type: Number is not of expected type: int32",
    ),
    "an integer out of range": (
        {"inputs": {"x": X, "n": 2**31}},
        "JSON Value: 2147483648 Type: Number is not of expected type: int32",
    ),
    "a boolean for a number": (half({"inputs": [True]}), "JSON Value: true Type: True is not of…: float"),
    "null": (half({"inputs": [None]}), "JSON Value: null Type: Null is not of expected type: float"),
    "an inexact integer": (
        half({"inputs": [2**24]}),
        "Cannot convert JSON value: 16777216 to float without…",
    ),
    "a number beyond a float": (half({"inputs": [1e39]}), "Cannot convert JSON value: 1e+39 to float…"),
    "a number for a string": (
        {"signature_name": "upper", "inputs": [1]},
        "JSON Value: 1 Type: Number is not of expected type: string",
    ),
    "an object for a string": (
        {"signature_name": "upper", "inputs": [{"b": "a"}]},
        '…{"b": "a"} not formatted correctly for base64 data',
    ),
    "bad base64": ({"signature_name": "upper", "inputs": [{"b64": "***"}]}, "Unable to base64 decode"),
    "unknown signature": (
        {"signature_name": "zz", "instances": [1]},
        'Serving signature name: "zz" not found in signature def',
    ),
    "signature is no string": ({"signature_name": 1}, "…'signature_name' key must be a string value."),
    "scalar output by rows": (
        {"signature_name": "only_scalar", "instances": [1]},
        'Serving signature name: "only_scalar" not found in signature def',
    ),
    "no document": (b" ", "JSON Parse error: … at offset: …"),
    "broken document": (b'{"a"', "JSON Parse error: … at offset: 4"),
    "no object": (b"[1]", "JSON Value: …Is not object"),
    "no UTF-8": (b'{"\xff": 1}', "JSON Parse error: Invalid encoding in string. at offset: 2"),
    "a tower of brackets": (b"[" * 100_000, "JSON Parse error: …"),
    "a number of 5,000 digits": (b'{"inputs": ' + b"9" * 5000 + b"}", "JSON Parse error: …"),
}


@pytest.mark.parametrize("row", REFUSED)
def test_refused(ask, row):
    document, reason = REFUSED[row]
    status, answer = ask(MODEL + ":predict", document)
    assert status == 400 and list(answer) == ["error"]
    start, *rest = reason.split("…")
    assert answer["error"].startswith(start)
    assert all(part in answer["error"] for part in rest)
    assert rest or answer["error"] == start


def test_more_lists_than_may_be_held(ask):
    status, answer = ask(MODEL + ":predict", b'{"inputs": [' + b"[]," * 2**20 + b"[]]}")
    assert status == 429 and answer["error"].startswith(f"{2**20 + 3} lists and objects came")


def test_nan_in_a_large_document(ask):
    numbers = b"NaN, " + b"1, " * 1_500_000 + b"1"
    status, answer = ask(MODEL + ":predict", b'{"signature_name": "half", "inputs": [' + numbers + b"]}")
    assert (
        status == 400 and "NaN and Infinity are read in documents of up to 4194304 bytes" in answer["error"]
    )


@pytest.mark.parametrize("start", [b"", b"NaN, "])
def test_a_large_document(ask, start):
    """Longer than those that are read at the same time as others."""
    document = b'{"signature_name": "half", "inputs": [' + start + b"1, " * 400_000 + b"3]}"
    status, answer = ask(MODEL + ":predict", document)
    assert (
        status == 200
        and answer["outputs"][-2:] == [2.5, 3.5]
        and len(answer["outputs"]) == 400_001 + bool(start)
    )
    assert gc.isenabled()


def test_half_a_surrogate(ask):
    body = b'{"signature_name": "upper", "inputs": ["\\ud800"]}'
    status, answer = ask(MODEL + ":predict", body)
    assert status == 400 and answer["error"].startswith("JSON Parse error: ")


def test_empty_body(ask):
    assert ask(MODEL + ":predict", b"") == (400, {"error": "JSON Parse error: The document is empty"})


def test_outputs_without_rows(ask):
    status, answer = ask(MODEL + ":predict", ONE_ROW)
    assert (status, answer) == (200, {"predictions": [{"n2": 10, "s": 3.0}]})
    with pytest.raises(ServingError, match="Tensor name: n has no shape information"):
        json_tensors.write_tensors({"n": np.int32(3)}, by_rows=True)
    with pytest.raises(ServingError, match="b has inconsistent batch size: 2 expecting: 1"):
        json_tensors.write_tensors({"a": np.zeros(1), "b": np.zeros(2)}, by_rows=True)


def test_classify_and_regress(ask):
    examples = [{"x": 1.0}, {"x": [2.0], "weight": 3.0}]
    status, answer = ask(MODEL + ":classify", {"signature_name": "classify", "examples": examples})
    assert status == 200
    assert answer == {"results": [[["low", -2.5], ["high", 2.5]], [["low", -5.0], ["high", 5.0]]]}
    document = {"signature_name": "regress", "examples": examples, "context": {"weight": 2.0}}
    assert ask(MODEL + ":regress", document) == (200, {"results": [3.0, 5.0]})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": 2**63}]}, "Feature: x has uint64 element. Only int64 is supported."),
        ({"examples": [{"x": 1e39}]}, "to float without loss of precision"),
        ({"examples": [{"x": 1}]}, "Data types don't match"),
        ({"examples": [{"x": 1.0}], "signature_name": "zz"}, "No signature was found with the name: zz"),
    ],
)
def test_classify_refused(ask, document, reason):
    status, answer = ask(MODEL + ":classify", {"signature_name": "classify"} | document)
    assert status == 400 and reason in answer["error"]


def test_scores_that_are_no_numbers():
    result = wire.ClassificationResult()
    result.classifications.add().classes.add(label="a", score=math.nan)
    assert dumps(json_examples.write_results(result)) == b'{"results":[[["a",NaN]]]}'
    result = wire.RegressionResult()
    result.regressions.add(value=-math.inf)
    assert dumps(json_examples.write_results(result)) == b'{"results":[-Infinity]}'


def test_features_of_every_kind():
    examples = wire.ClassificationRequest().input
    given = {"number": [1, True], "text": ["a", {"b64": "YWI="}], "real": 0.5, "none": []}
    json_examples.read_examples({"examples": [given]}, examples)
    features = examples.example_list.examples[0].features.feature
    assert list(features["number"].int64_list.value) == [1, 1]
    assert list(features["text"].bytes_list.value) == [b"a", b"ab"]
    assert list(features["real"].float_list.value) == [0.5]
    assert features["none"].WhichOneof("kind") is None
