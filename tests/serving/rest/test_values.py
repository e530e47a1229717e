"""Tensors to JSON and back."""

import json
import math

import numpy as np
import pytest

from tfmeta import wire
from tfmeta.serving.errors import ServingError
from tfmeta.serving.rest import json_values


@pytest.mark.parametrize(
    "array",
    [
        np.float32([0.1, 1 / 3, 16777217, 1e-45, 3.4028235e38, -0.0, 9e6]),
        np.float64([0.1, 1 / 3, 1e308]),
        np.float16([0.1, 65504]),
        np.int64([[-(2**63)], [2**63 - 1]]),
        np.uint64([2**64 - 1]),
        np.array([True, False]),
        np.array([b"a", b""], object),
    ],
    ids=lambda array: str(array.dtype),
)
def test_values_survive_a_round_trip(array):
    text = json_values.dumps(json_values.write_values(array))
    given = json.loads(text)
    back = np.array([value.encode() for value in given], object) if array.dtype == object else given
    np.testing.assert_array_equal(np.array(back).astype(array.dtype), array)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.float32([[math.nan, 1], [math.inf, -math.inf]]), "[[NaN,1.0],[Infinity,-Infinity]]"),
        (np.float16([65504, math.inf]), "[65504.0,Infinity]"),
        (np.float64(math.nan), "NaN"),
        (np.float32(0.1), "0.1"),
        (np.int8(-3), "-3"),
        (np.zeros((2, 0), np.float32), "[[],[]]"),
        (np.zeros((0, 2), np.int64), "[]"),
        (np.arange(6, dtype=np.int32).reshape(2, 3).T, "[[0,3],[1,4],[2,5]]"),
        (np.array([b"null", b"\xff"], object), '["null",{"b64":"/w=="}]'),
        (np.array(b"a", object), '"a"'),
    ],
)
def test_values_as_text(array, text):
    assert json_values.dumps(json_values.write_values(array)).decode() == text


def test_floats_are_written_short():
    array = np.float32([0.1, 2, 1 / 3, 16777216])
    assert json_values.dumps(json_values.write_values(array)) == b"[0.1,2.0,0.33333334,16777216.0]"


@pytest.mark.parametrize("dtype", ["DT_HALF", "DT_COMPLEX64", "DT_BFLOAT16", "DT_VARIANT"])
def test_types_that_json_has_not(dtype):
    with pytest.raises(ServingError, match="Conversion of JSON Value") as error:
        json_values.read_values([1.0], wire.DataType[dtype])
    assert error.value.code == "UNIMPLEMENTED"
    with pytest.raises(ServingError, match="Failed to write JSON value for tensor type: complex64"):
        json_values.write_values(np.complex64([1]))
