"""Numpy to TensorProto and back, against TensorFlow's own conversion."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow.core.framework import tensor_pb2

from tfmeta import wire
from tfmeta.wire import tensors

ARRAYS = [
    np.float32([[1.5, -2.0], [np.inf, 0.0]]),
    np.float64([1e300, -0.0]),
    np.float16([0.5, -65504.0]),
    np.array([1.5, -3.0], ml_dtypes.bfloat16),
    np.complex64([1 + 2j, -3j]),
    np.complex128([1 + 2j, -3j]),
    np.int64([-(2**63), 2**63 - 1]),
    np.int32([-(2**31), 5]),
    np.int16([-5, 7]),
    np.int8([-128, 127]),
    np.uint64([2**64 - 1]),
    np.uint32([2**32 - 1]),
    np.uint16([65535]),
    np.uint8([0, 255]),
    np.array([[True], [False]]),
    np.array([b"a\x00", b""], object),
    np.float32(3.0),
    np.zeros((0, 3), np.float32),
]


def _proto(array, write):
    proto = wire.TensorProto()
    write(array, proto)
    return proto


@pytest.mark.parametrize("write", [tensors.write_content, tensors.write_values])
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_round_trip_and_tensorflow_agrees(array, write):
    proto = _proto(array, write)
    ours = tensors.to_array(proto)
    theirs = tf.make_ndarray(tensor_pb2.TensorProto.FromString(proto.SerializeToString()))
    for read in (ours, theirs):
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)
    assert ours.flags.writeable


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_reads_what_tensorflow_writes(array):
    proto = wire.TensorProto.FromString(tf.make_tensor_proto(array).SerializeToString())
    np.testing.assert_array_equal(tensors.to_array(proto), array)


@settings(max_examples=50, deadline=None)
@given(
    npst.arrays(
        st.sampled_from(["f4", "f8", "i8", "i4", "u1", "?"]), npst.array_shapes(min_dims=0, min_side=0)
    )
)
def test_round_trip_of_any_array(array):
    for write in (tensors.write_content, tensors.write_values):
        np.testing.assert_array_equal(tensors.to_array(_proto(array, write)), array)


@pytest.mark.parametrize(
    "array", [np.arange(6, dtype=">i4"), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(9)[::2]]
)
def test_any_memory_layout(array):
    for write in (tensors.write_content, tensors.write_values):
        np.testing.assert_array_equal(tensors.to_array(_proto(array, write)), array)


def test_text_becomes_bytes():
    assert tensors.to_array(_proto(np.array(["ä", "b"]), tensors.write_content)).tolist() == [
        "ä".encode(),
        b"b",
    ]


def test_strings_in_raw_form():
    proto = wire.TensorProto(dtype=wire.DataType["DT_STRING"], tensor_content=b"\x02\xac\x01ab" + b"c" * 172)
    proto.tensor_shape.dim.add(size=2)
    assert tensors.to_array(proto).tolist() == [b"ab", b"c" * 172]
    proto.tensor_content = proto.tensor_content[:-1]
    with pytest.raises(tensors.TensorError, match="do not hold strings"):
        tensors.to_array(proto)


def test_unpacked_floats_are_read():
    """A sender may write each value with a tag of its own."""
    field = b"\x2d" + np.float32(2.5).tobytes()
    proto = wire.TensorProto.FromString(b"\x08\x01\x12\x04\x12\x02\x08\x02" + field + field)
    assert tensors.to_array(proto).tolist() == [2.5, 2.5]


def test_short_strings_repeat_and_missing_ones_are_empty():
    proto = wire.TensorProto(dtype=wire.DataType["DT_STRING"], string_val=[b"a"])
    proto.tensor_shape.dim.add(size=2)
    assert tensors.to_array(proto).tolist() == [b"a", b"a"]
    proto.ClearField("string_val")
    assert tensors.to_array(proto).tolist() == [b"", b""]


@pytest.mark.parametrize("sizes", [[2**40], [2**62, 4], [2**63 - 1, 2**63 - 1]])
def test_a_huge_claim_is_refused_not_allocated(sizes):
    proto = wire.TensorProto(dtype=wire.DataType["DT_FLOAT"], float_val=[1.0])
    for size in sizes:
        proto.tensor_shape.dim.add(size=size)
    with pytest.raises(tensors.TensorError, match="2 GiB"):
        tensors.to_array(proto)


@pytest.mark.parametrize("array", [np.array([1, "a"], object), np.array([None]), np.datetime64("2020")])
def test_what_cannot_be_sent_says_so(array):
    with pytest.raises(TypeError, match="came"):
        tensors.write_content(array, wire.TensorProto())
