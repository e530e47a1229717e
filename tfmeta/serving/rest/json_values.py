"""The values of a tensor as JSON: which of them fit which type, and how they are written.

Conversions work on all values of a tensor at once, since a request may hold a hundred thousand.
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.wire import tensors

__all__ = ["excerpt", "is_base64", "json_type", "malformed", "read_bytes", "read_values", "write_values"]

_BASE64 = "b64"
_LONGEST_EXCERPT = 200
_JSON_TYPES = {
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
    type(None): "Null",
}


def read_values(values: list, number: int) -> np.ndarray:
    """The values of a tensor as an array of its type.

    Args:
        values: What JSON holds, [n].
        number: TensorFlow's number of the type.

    Returns:
        [n] array.

    Raises:
        ServingError: INVALID_ARGUMENT, a value is of another type or out of range; UNIMPLEMENTED, JSON cannot
            hold such a tensor.
    """
    name = tensors.DTYPE_NAMES.get(number, "")
    if name not in _READERS:
        raise ServingError(
            "UNIMPLEMENTED", f"Conversion of JSON Value: {excerpt(values[:1])} to type: {name or 'unknown'}"
        )
    types, read = _READERS[name]
    if not set(map(type, values)) <= types:
        raise _wrong_type(next(value for value in values if type(value) not in types), name)
    return read(values, name)


def write_values(array: np.ndarray, as_bytes: bool = False) -> list:
    """An array as nested lists of what JSON can hold.

    Numbers of single and half precision are written with as few digits as tell them from their neighbours. A string
    that is no UTF-8 is written as `{"b64": ...}`.

    Args:
        array: Of any type but the complex ones.
        as_bytes: Whether every string is written as `{"b64": ...}`.

    Raises:
        ServingError: INVALID_ARGUMENT, JSON cannot hold such values.
    """
    kind = array.dtype.kind
    if kind == "O":
        texts = np.empty(array.shape, object)
        texts.ravel()[:] = [_text(value, as_bytes) for value in array.ravel()]
        return texts.tolist()
    if kind == "c":
        raise invalid_argument(f"Failed to write JSON value for tensor type: {tensors.dtype_name(array)}")
    if kind in "iub" or array.dtype == np.float64:
        return array.tolist()
    return _short(array.astype(np.float32)).tolist()


def read_bytes(value: str | dict) -> bytes:
    """A string, or the bytes behind `{"b64": ...}`.

    Raises:
        ServingError: INVALID_ARGUMENT, it is neither.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {excerpt(value)} not formatted correctly for base64 data")
    text = "".join(value[_BASE64].split())
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def is_base64(value: Any) -> bool:
    """Whether a JSON value is `{"b64": "..."}`."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_BASE64), str)


def json_type(value: Any) -> str:
    """The word for a JSON value's type in error messages."""
    return str(value) if isinstance(value, bool) else _JSON_TYPES[type(value)]


def excerpt(value: Any) -> str:
    """A JSON value for an error message, which has no room for a whole image."""
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "..."


def malformed(value: Any, reason: str) -> ServingError:
    """A JSON value is not of the form that is wanted."""
    return invalid_argument(f"JSON Value: {excerpt(value)} {reason}")


def _read_floats(values: list, name: str) -> np.ndarray:
    kind = np.finfo(np.float32 if name == "float" else np.float64)
    try:
        doubles = np.array(values, np.float64)
    except OverflowError:
        raise _lossy(max(values, key=abs), name) from None
    for index in np.flatnonzero(np.abs(doubles) >= 2 ** (kind.nmant + 1)):  # below, whole numbers are exact
        whole = type(values[index]) is int
        if whole or (np.isfinite(doubles[index]) and abs(doubles[index]) > kind.max):
            raise _lossy(values[index], name)
    return doubles.astype(kind.dtype, copy=False)


def _read_integers(values: list, name: str) -> np.ndarray:
    limits = np.iinfo(name)
    if values and not (limits.min <= min(values) and max(values) <= limits.max):
        raise _wrong_type(next(value for value in values if not limits.min <= value <= limits.max), name)
    return np.array(values, name)


def _read_bools(values: list, name: str) -> np.ndarray:
    return np.array(values, bool)


def _read_strings(values: list, name: str) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [read_bytes(value) for value in values]
    return array


_READERS: dict[str, tuple[set[type], Callable[[list, str], np.ndarray]]] = {
    **dict.fromkeys(("float", "double"), ({int, float}, _read_floats)),
    **dict.fromkeys(
        ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), ({int}, _read_integers)
    ),
    "bool": ({bool}, _read_bools),
    "string": ({str, dict}, _read_strings),
}


def _lossy(value: int | float, name: str) -> ServingError:
    return invalid_argument(
        f"Cannot convert JSON value: {excerpt(value)} to {name} without loss of precision."
    )


def _wrong_type(value: Any, name: str) -> ServingError:
    return invalid_argument(
        f"JSON Value: {excerpt(value)} Type: {json_type(value)} is not of expected type: {name}"
    )


def _text(value: bytes, as_bytes: bool) -> str | dict[str, str]:
    if not as_bytes:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return {_BASE64: base64.b64encode(value).decode()}


def _short(array: np.ndarray) -> np.ndarray:
    """The double that is written with the fewest digits among those that a float32 stands for; six mostly do."""
    flat = array.ravel()
    values = np.array([float(f"{value:.6g}") for value in flat.tolist()], np.float64)
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    for index in np.flatnonzero(rounded != flat):
        values[index] = float(f"{flat[index]:.9g}")
    return values.reshape(array.shape)
