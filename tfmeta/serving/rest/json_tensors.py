"""The JSON of TF Serving's REST API: requests by rows or by columns into arrays, and answers back.

`{"instances": [...]}` holds one entry for each row of a batch and is answered with `{"predictions": [...]}`;
`{"inputs": ...}` holds whole tensors and is answered with `{"outputs": ...}`. A model of one input or output needs no
name for it. `{"b64": "..."}` is a string of any bytes. NaN, Infinity and -Infinity stand as these words, which
JSON does not know and which TF Serving reads and writes too.

Reference: https://www.tensorflow.org/tfx/serving/api_rest
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from tfmeta import wire
from tfmeta.serving.errors import ServingError, invalid_argument
from tfmeta.serving.rest.json_values import excerpt, is_base64, loads, malformed, read_values, write_values

__all__ = ["parse", "read_tensors", "write_tensors"]


def parse(body: bytes) -> dict[str, Any]:
    """The object in the body of a request.

    Raises:
        ServingError: INVALID_ARGUMENT, there is none.
    """
    document = loads(body)
    if not isinstance(document, dict):
        raise malformed(document, "Is not object")
    if not isinstance(document.get("signature_name", ""), str):
        raise malformed(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return document


def read_tensors(
    document: Mapping[str, Any], inputs: Mapping[str, wire.Message]
) -> tuple[dict[str, np.ndarray], bool]:
    """The inputs of a predict request.

    Args:
        document: The request.
        inputs: A TensorInfo for each input of the signature.

    Returns:
        An array for each input, and whether the answer is wanted by rows.

    Raises:
        ServingError: INVALID_ARGUMENT, the request is not of the form, or does not fit the inputs.
    """
    if not inputs:
        name = document.get("signature_name") or "DEFAULT"
        raise invalid_argument(f"Failed to get input map for signature: {name}")
    if "instances" in document and "inputs" in document:
        raise malformed(
            document,
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist ",
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise malformed(document, "Excepting 'instances' to be an list/array")
        if not instances:
            raise malformed(document, "No values in 'instances' array")
        return _read_rows(instances, inputs), True
    if "inputs" in document:
        return _read_columns(document["inputs"], inputs), False
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def write_tensors(outputs: Mapping[str, np.ndarray], by_rows: bool) -> dict[str, Any]:
    """The answer to a predict request, for `json_values.dumps`.

    Args:
        outputs: An array for each output.
        by_rows: Whether to answer with an entry for each row, for which all need the same first dimension.

    Raises:
        ServingError: INVALID_ARGUMENT, the outputs cannot be written so.
    """
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    if by_rows:
        _check_rows(outputs)
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        answer: Any = _write(name, array)
    elif by_rows:
        rows = range(len(next(iter(outputs.values()))))
        answer = [{name: _write(name, array[row, ...]) for name, array in outputs.items()} for row in rows]
    else:
        answer = {name: _write(name, array) for name, array in outputs.items()}
    return {"predictions" if by_rows else "outputs": answer}


def _write(name: str, array: np.ndarray) -> Any:
    return write_values(array, name.endswith("_bytes"))


def _read_columns(given: Any, inputs: Mapping[str, wire.Message]) -> dict[str, np.ndarray]:
    if not isinstance(given, dict) or is_base64(given):
        if len(inputs) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple "
                "input tensors required as per tensorinfo_map"
            )
        ((name, info),) = inputs.items()
        return {name: _tensor(given, info.dtype)}
    for name in sorted(inputs):
        if name not in given:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: _tensor(given[name], info.dtype) for name, info in inputs.items()}


def _read_rows(instances: list, inputs: Mapping[str, wire.Message]) -> dict[str, np.ndarray]:
    if not _is_named(instances[0]):
        if len(inputs) > 1:
            raise invalid_argument(
                "instances is a plain list, but expecting list of objects as multiple "
                "input tensors required as per tensorinfo_map"
            )
        for index, item in enumerate(instances):
            if _is_named(item):
                raise invalid_argument(f"Expecting value/list but got object at item {index} of input list")
        ((name, info),) = inputs.items()
        return {name: _stack(instances, info.dtype, "")}
    for index, item in enumerate(instances):
        if not _is_named(item):
            raise invalid_argument(f"Expecting object but got list at item {index} of input list")
        start = f"Failed to process element: {index}"
        for name in item:
            if name not in inputs:
                raise invalid_argument(
                    f"{start} key: {name} of 'instances' list. Error: "
                    f"INVALID_ARGUMENT: JSON object: does not have named input: {name}"
                )
        if len(item) != len(inputs):
            raise invalid_argument(
                f"{start} of 'instances' list. JSON object: {excerpt(item)} "
                f"keys must be equal to: {','.join(sorted(inputs))}"
            )
    return {
        name: _stack([item[name] for item in instances], info.dtype, f" key: {name}")
        for name, info in inputs.items()
    }


def _stack(rows: list, dtype: int, key: str) -> np.ndarray:
    """All rows as one tensor. Only where that fails they are looked at one by one, to say which is at fault."""
    try:
        return _tensor(rows, dtype)
    except ServingError as whole:
        first = None
        for index, row in enumerate(rows):
            start = f"Failed to process element: {index}{key} of 'instances' list. Error: "
            try:
                array = _tensor(row, dtype)
            except ServingError as error:
                raise ServingError("INVALID_ARGUMENT", f"{start}{error}") from None
            first = array if first is None else first
            if array.size != first.size:
                reason = f"Expecting tensor size: {first.size} but got: {array.size}"
                raise invalid_argument(f"{start}INVALID_ARGUMENT: {reason}") from None
            if array.shape != first.shape:
                reason = f"Expecting shape {_shape(first)} but got: {_shape(array)}"
                raise invalid_argument(f"{start}INVALID_ARGUMENT: {reason}") from None
        raise whole


def _tensor(value: Any, dtype: int) -> np.ndarray:
    """A scalar or nested lists, level by level: all lists of a level have the length of its first."""
    level: list[Any] = [value]
    shape: list[int] = []
    while level and isinstance(level[0], list):
        size = len(level[0])
        for item in level:
            if not isinstance(item, list):
                raise invalid_argument(
                    f"JSON Value: {excerpt(item)} found at incorrect level: {len(shape) + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape) + _depth(level[0])}"
                )
            if len(item) != size:
                raise invalid_argument(
                    f"Encountered list at unexpected size: {len(item)} at level: {len(shape)} "
                    f"expected size: {size}"
                )
        shape.append(size)
        level = list(chain.from_iterable(level))
    if list in set(map(type, level)):
        raise invalid_argument(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return read_values(level, dtype).reshape(shape)


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth += 1
        value = value[0] if value else None
    return depth


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    expected = None
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        expected = len(array) if expected is None else expected
        if len(array) != expected:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {expected}"
            )


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _shape(array: np.ndarray) -> str:
    return "[" + ",".join(map(str, array.shape)) + "]"
