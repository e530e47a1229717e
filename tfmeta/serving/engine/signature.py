"""A named function of a model: what a request must hold to be answered by it, in TF Serving's order and words."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfmeta import wire
from tfmeta.serving.engine.memory import Claim
from tfmeta.serving.errors import invalid_argument
from tfmeta.wire import tensors

__all__ = ["DEFAULT_SIGNATURE", "Signature", "check_dtypes"]

DEFAULT_SIGNATURE = "serving_default"
"""The signature that a request means which names none."""


class Signature:
    """Holds requests against a SignatureDef.

    Args:
        definition: The SignatureDef.
        strict_shapes: Whether `check` looks at shapes too, as TF Serving does not.
    """

    def __init__(self, definition: wire.Message, strict_shapes: bool = False):
        self._inputs = dict(sorted(definition.inputs.items()))
        self._expected = frozenset(self._inputs)
        self._defaults = dict(definition.defaults)
        self._strict_shapes = strict_shapes
        self.feeds = tuple(info.name for info in self._inputs.values())
        """Names of the tensors that the inputs go to, in the order of `values`."""
        self.outputs = {alias: info.name for alias, info in sorted(definition.outputs.items())}
        """The tensor that each output comes from."""

    def claimed(self, inputs: Mapping[str, "np.ndarray | wire.Message"]) -> Claim:
        """What the inputs of a request would take as arrays, by their shapes."""
        elements = size = 0
        for value in inputs.values():
            if isinstance(value, np.ndarray):
                count, taken = value.size, value.nbytes
            else:
                count, taken = tensors.claimed(value)
            elements, size = elements + count, size + taken
        return Claim(elements, size)

    def values(self, inputs: Mapping[str, "np.ndarray | wire.Message"]) -> list[np.ndarray]:
        """The arrays of a request in the order of `feeds`, defaults included; they may be read-only.

        Raises:
            ServingError: INVALID_ARGUMENT, an input is missing, is none of the signature's, or is no tensor.
        """
        sent, expected = set(inputs), self._expected
        if len(sent) != len(expected) and (len(sent) > len(expected) or not self._defaults):
            raise invalid_argument(
                f"input size does not match signature: {len(sent)}!={len(expected)} "
                f"len({_braced(sent)}) != len({_braced(expected)}). "
                f"Sent extra: {_braced(sent - expected)}. Missing but required: {_braced(expected - sent)}."
            )
        values = [self._value(alias, inputs) for alias in self._inputs]
        if not sent <= expected:
            raise invalid_argument(
                f"Inputs contains invalid name. Used request inputs: {','.join(sorted(sent & expected))}, "
                f"request input: {','.join(sorted(sent))}"
            )
        return values

    def wanted(self, output_filter: Iterable[str]) -> tuple[str, ...]:
        """Names of the outputs that are to be computed: those of the filter, or all.

        Raises:
            ServingError: INVALID_ARGUMENT, a name is none of the signature's, or comes twice.
        """
        seen: list[str] = []
        for alias in output_filter:
            if alias not in self.outputs:
                raise invalid_argument(
                    f"output tensor alias not found in signature: {alias} "
                    f"Outputs expected to be in the set {_braced(self.outputs)}."
                )
            if alias in seen:
                raise invalid_argument(f"duplicate output tensor alias: {alias}")
            seen.append(alias)
        return tuple(sorted(seen)) or tuple(self.outputs)

    def check(self, values: Sequence[np.ndarray]) -> None:
        """Checks the types of the arrays, and their shapes where that is wanted.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        check_dtypes(values, self._inputs.values())
        if self._strict_shapes:
            for (alias, info), value in zip(self._inputs.items(), values, strict=True):
                _check_shape(alias, info, value.shape)

    def _value(self, alias: str, inputs: Mapping) -> np.ndarray:
        value = inputs.get(alias)
        if value is None:
            value = self._defaults.get(alias)
        if value is None:
            raise invalid_argument(
                f"Signature input alias: {alias}(feed name: {self._inputs[alias].name}) not found in request "
                f"and no default value provided. Inputs expected to be in the request {_braced(inputs)}, "
                f"or default input alias set: {','.join(sorted(self._defaults))}"
            )
        if isinstance(value, np.ndarray):
            return value
        try:
            return tensors.to_array(value, writable=False)
        except tensors.TensorError as error:
            raise invalid_argument(f"tensor parsing error: {alias}") from error


def check_dtypes(values: Iterable[np.ndarray], infos: Iterable[wire.Message]) -> None:
    """Compares the types of arrays with those of the tensors that they are for.

    Args:
        values: The arrays.
        infos: A TensorInfo for each.

    Raises:
        ServingError: INVALID_ARGUMENT, in the words of TensorFlow's runtime.
    """
    for index, (value, info) in enumerate(zip(values, infos, strict=True)):
        sent = tensors.dtype_name(value)
        expected = tensors.DTYPE_NAMES.get(info.dtype)
        if sent != expected:
            raise invalid_argument(f"Expects arg[{index}] to be {expected} but {sent} is provided")


def _check_shape(alias: str, info: wire.Message, shape: tuple[int, ...]) -> None:
    if info.tensor_shape.unknown_rank:
        return
    expected = [dim.size for dim in info.tensor_shape.dim]
    fits = len(shape) == len(expected) and all(
        want in (-1, size) for want, size in zip(expected, shape, strict=True)
    )
    if not fits:
        wanted = ",".join("?" if size == -1 else str(size) for size in expected)
        came = ",".join(map(str, shape))
        raise invalid_argument(
            f"input {alias} has shape [{came}], but the signature wants [{wanted}], where ? is any size"
        )


def _braced(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
