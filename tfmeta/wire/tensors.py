"""Numpy arrays as TensorProto messages, by TensorFlow's rules and at the speed of a copy.

A tensor travels in one of two forms. `tensor_content` holds the raw bytes: a client writes that, being the
shortest. The typed fields (`float_val`, `int64_val`, ...) hold the numbers: TF Serving answers in those, and
some clients read nothing else. `to_array` reads both.

TensorFlow's own `make_tensor_proto` and `make_ndarray` do the same, but a client has no TensorFlow. 112,000 packed
numbers take 0.1 ms here, because protobuf hands them over as bytes, and 10 ms one by one.
"""

import importlib
import math
from typing import NamedTuple

import numpy as np

from tfmeta import wire

__all__ = [
    "DTYPE_NAMES",
    "TensorError",
    "claimed",
    "dtype_name",
    "numpy_dtype",
    "to_array",
    "write_content",
    "write_values",
]

# A tensor may claim any shape and leave its last value to be repeated: not more than a message could hold.
_MOST_BYTES = 2**31 - 1


class TensorError(ValueError):
    """A TensorProto that is no tensor: bytes that do not fill the shape, a negative size, an unknown type."""


class _Kind(NamedTuple):
    """How TensorFlow writes one element type: its C++ name, and the field that holds its values."""

    name: str
    field: str
    numpy: np.dtype


_KINDS: dict[int, _Kind] = {
    wire.DataType[key]: _Kind(name, field, np.dtype(dtype))
    for key, name, field, dtype in [
        ("DT_FLOAT", "float", "float_val", "<f4"),
        ("DT_DOUBLE", "double", "double_val", "<f8"),
        ("DT_HALF", "half", "half_val", "<f2"),
        ("DT_COMPLEX64", "complex64", "scomplex_val", "<c8"),
        ("DT_COMPLEX128", "complex128", "dcomplex_val", "<c16"),
        ("DT_INT64", "int64", "int64_val", "<i8"),
        ("DT_INT32", "int32", "int_val", "<i4"),
        ("DT_INT16", "int16", "int_val", "<i2"),
        ("DT_INT8", "int8", "int_val", "i1"),
        ("DT_UINT64", "uint64", "uint64_val", "<u8"),
        ("DT_UINT32", "uint32", "uint32_val", "<u4"),
        ("DT_UINT16", "uint16", "int_val", "<u2"),
        ("DT_UINT8", "uint8", "int_val", "u1"),
        ("DT_BOOL", "bool", "bool_val", "?"),
        ("DT_STRING", "string", "string_val", "O"),
    ]
}
_NUMBERS: dict[np.dtype, int] = {kind.numpy: number for number, kind in _KINDS.items()}
_STRING = wire.DataType["DT_STRING"]
_BFLOAT16 = wire.DataType["DT_BFLOAT16"]
# Read and written as bytes, through wire.PackedTensor. The other fields are varints, one by one.
_PACKED = ("float_val", "double_val", "scomplex_val", "dcomplex_val")

# TensorFlow's C++ name of every type, for its error messages.
DTYPE_NAMES: dict[int, str] = {number: kind.name for number, kind in _KINDS.items()} | {_BFLOAT16: "bfloat16"}


def to_array(proto: wire.Message, writable: bool = True) -> np.ndarray:
    """Reads a TensorProto as TensorFlow does.

    Too few values: the last is repeated. None: zeros. Too many: the rest is ignored. Raw bytes must fit.

    Args:
        proto: A TensorProto, of this package or of TensorFlow.
        writable: Whether the array will be written to; one that is not saves a copy.

    Returns:
        The array; strings come as an object array of bytes.

    Raises:
        TensorError: It describes no tensor.

    Example:
        >>> proto = wire.TensorProto(dtype=wire.DataType["DT_FLOAT"], float_val=[1.0, 2.0])
        >>> proto.tensor_shape.dim.add(size=3).size
        3
        >>> to_array(proto).tolist()
        [1.0, 2.0, 2.0]
    """
    kind = _kind(proto.dtype)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if min(shape, default=0) < 0:
        raise TensorError(f"shape {shape} has a negative size")
    count = math.prod(shape)
    if count * kind.numpy.itemsize > _MOST_BYTES:
        raise TensorError(f"shape {shape} of {kind.name} is more than 2 GiB")
    content = proto.tensor_content  # each look at it makes new bytes
    if not content or not count:
        values = _fill(_values(proto, kind), count, writable)
    elif proto.dtype == _STRING:
        values = _strings(_split_strings(content, count))
    elif len(content) != count * kind.numpy.itemsize:
        raise TensorError(f"{len(content)} bytes do not fill shape {shape} of {kind.name}")
    else:
        values = np.frombuffer(content, kind.numpy)
        values = values.copy() if writable else values
    try:
        return values.reshape(shape)
    except ValueError as error:  # more dimensions than numpy has, or too large sizes beside a 0
        raise TensorError(f"shape {shape} is none that an array can have") from error


def claimed(proto: wire.Message) -> tuple[int, int]:
    """How many elements a TensorProto says that it has, and the bytes that those take as an array.

    Args:
        proto: A TensorProto, of this package or of TensorFlow.

    Returns:
        Elements and bytes. Both are 0 for what is no tensor; `to_array` says what is wrong with it.

    Example:
        >>> proto = wire.TensorProto(dtype=wire.DataType["DT_FLOAT"], float_val=[1.0])
        >>> proto.tensor_shape.dim.add(size=500_000_000).size
        500000000
        >>> claimed(proto)
        (500000000, 2000000000)
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.dtype not in DTYPE_NAMES or min(shape, default=0) < 0:
        return 0, 0
    count = math.prod(shape)
    return count, count * _kind(proto.dtype).numpy.itemsize


def write_content(array: np.ndarray, proto: wire.Message) -> None:
    """Writes an array into an empty TensorProto as raw bytes, strings one by one.

    Args:
        array: Any numeric or boolean array, or one of bytes or str.
        proto: The message to fill.

    Raises:
        TypeError: TensorFlow has no such type.
    """
    number, array = _typed(array)
    _write_head(proto, number, array.shape)
    if number == _STRING:
        proto.string_val.extend(array.ravel().tolist())
    else:
        proto.tensor_content = array.tobytes()


def write_values(array: np.ndarray, proto: wire.Message) -> None:
    """Writes an array into an empty TensorProto in the typed field of its type, as TF Serving answers.

    Args:
        array: Any numeric or boolean array, or one of bytes or str.
        proto: The message to fill.

    Raises:
        TypeError: TensorFlow has no such type.
    """
    number, array = _typed(array)
    kind = _kind(number)
    if kind.field in _PACKED:
        packed = wire.PackedTensor()
        _write_head(packed, number, array.shape)
        setattr(packed, kind.field, array.tobytes())
        proto.MergeFromString(packed.SerializeToString())
        return
    _write_head(proto, number, array.shape)
    if kind.field == "half_val":
        array = array.view(np.uint16)
    getattr(proto, kind.field).extend(array.ravel().tolist())


def dtype_name(array: np.ndarray) -> str:
    """TensorFlow's C++ name of an array's element type, as its error messages have it.

    Example:
        >>> dtype_name(np.zeros(3, np.float32))
        'float'
    """
    return DTYPE_NAMES[_NUMBERS[array.dtype]] if array.dtype in _NUMBERS else array.dtype.name


def numpy_dtype(number: int) -> np.dtype:
    """The numpy type of one of TensorFlow's, by its number; object for strings.

    Raises:
        TensorError: There is none.

    Example:
        >>> numpy_dtype(wire.DataType["DT_FLOAT"])
        dtype('float32')
    """
    return _kind(number).numpy


def _kind(number: int) -> _Kind:
    if number == _BFLOAT16:  # numpy has no such type; the package that adds it comes with TensorFlow
        return _Kind("bfloat16", "half_val", np.dtype(importlib.import_module("ml_dtypes").bfloat16))
    if number not in _KINDS:
        raise TensorError(f"data type {number} is none that can be read here")
    return _KINDS[number]


def _typed(array: np.ndarray) -> tuple[int, np.ndarray]:
    """TensorFlow's number for an array's type, and the array in that very type: little-endian, or bytes."""
    array = np.asarray(array)
    if array.dtype.kind != "O" and array.dtype in _NUMBERS:
        return _NUMBERS[array.dtype], array
    if array.dtype.kind in "SUO":
        encoded = [_encoded(value) for value in array.ravel().tolist()]
        return _STRING, _strings(encoded).reshape(array.shape)
    if array.dtype.name == "bfloat16":
        return _BFLOAT16, array
    little = array.dtype.newbyteorder("<")
    if little not in _NUMBERS:
        raise TypeError(
            f"an array of {array.dtype} came, which no tensor can hold; convert it with .astype first"
        )
    return _NUMBERS[little], array.astype(little, copy=False)


def _write_head(proto: wire.Message, number: int, shape: tuple[int, ...]) -> None:
    proto.dtype = number
    dims = proto.tensor_shape.dim
    for size in shape:
        dims.add().size = size
    if not shape:
        proto.tensor_shape.SetInParent()  # else a scalar's shape would not be sent at all


def _encoded(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    raise TypeError(
        f"an array of {type(value).__name__} objects came, but only bytes and str can be sent as strings; "
        "rows of unequal length make such an array too"
    )


def _strings(values: list[bytes]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _values(proto: wire.Message, kind: _Kind) -> np.ndarray:
    """The values of a tensor's typed field, as many as were sent."""
    if kind.field in _PACKED:
        content = getattr(wire.PackedTensor.FromString(proto.SerializeToString()), kind.field)
        odd = len(content) % kind.numpy.itemsize  # half of a complex number is none, to TensorFlow too
        return np.frombuffer(content[: len(content) - odd], kind.numpy)
    values = getattr(proto, kind.field)
    if kind.field == "string_val":
        return _strings(list(values))
    if kind.field == "half_val":
        return np.array(values, np.int32).astype(np.uint16).view(kind.numpy)
    return np.array(values, np.int32 if kind.field == "int_val" else kind.numpy).astype(
        kind.numpy, copy=False
    )


def _fill(values: np.ndarray, count: int, writable: bool) -> np.ndarray:
    """The first `count` values; where there are fewer the last one again, where there are none zeros."""
    if len(values) >= count:
        return values[:count].copy() if writable else values[:count]
    filled = np.full(count, b"", object) if values.dtype == object else np.zeros(count, values.dtype)
    if len(values):
        filled[: len(values)] = values
        filled[len(values) :] = values[-1]
    return filled


def _split_strings(content: bytes, count: int) -> list[bytes]:
    """Strings in raw form: all the lengths as varints, then all the characters."""
    lengths: list[int] = []
    length = shift = at = 0
    while len(lengths) < count:
        if at == len(content):
            raise TensorError(f"{len(content)} bytes do not hold {count} strings")
        length |= (content[at] & 0x7F) << shift
        shift += 7
        if not content[at] & 0x80:
            lengths.append(length)
            length = shift = 0
        at += 1
    if len(content) - at != sum(lengths):
        raise TensorError(f"{len(content) - at} bytes do not hold strings of {sum(lengths)} in all")
    ends = np.cumsum(lengths) + at
    return [content[end - size : end] for end, size in zip(ends, lengths, strict=True)]
