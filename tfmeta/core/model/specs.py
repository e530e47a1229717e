"""What a signature takes and gives, and the arrays that fit it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmeta.core.checks import TfmetaError, nearest
from tfmeta.wire import tensors

__all__ = ["ArraySpec", "InputError", "SignatureSpec"]


class InputError(TfmetaError, ValueError):
    """An input that does not fit a model: the text says what came, what was expected, and how to mend it."""


@dataclasses.dataclass(frozen=True)
class ArraySpec:
    """Type and shape of one input or output.

    Attributes:
        dtype: the type in numpy; `object` for strings.
        shape: the sizes, None where any size will do; None as a whole where any rank will do.

    Example:
        >>> str(ArraySpec(np.dtype("float32"), (None, 2)))
        'float32 [any, 2]'
    """

    dtype: np.dtype
    shape: tuple[int | None, ...] | None

    @property
    def dtype_name(self) -> str:
        """Name of the type."""
        return "string" if self.dtype == object else self.dtype.name

    def __str__(self) -> str:
        return f"{self.dtype_name} {self.shape_text}"

    @property
    def shape_text(self) -> str:
        """The shape in words."""
        if self.shape is None:
            return "of any shape"
        return f"[{', '.join('any' if size is None else str(size) for size in self.shape)}]"

    def convert(self, name: str, value: Any) -> np.ndarray:
        """Makes an array of this type, of whatever shape, without a change of its numbers.

        Args:
            name: what the value is called in an error.
            value: an array, or nested lists.

        Raises:
            InputError: if the value is of another kind, or would be changed, as 0.5 by integers.

        Example:
            >>> ArraySpec(np.dtype("int64"), None).convert("y", [0.0, 1.0])
            array([0, 1])
        """
        if self.dtype == object:
            return _strings(name, value)
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "biufOV":
                raise TypeError(f"it holds {array.dtype.name} values")
            with np.errstate(invalid="ignore", over="ignore"):  # what is changed is told below
                converted = array.astype(self.dtype, copy=False)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{name} cannot be read as {self.dtype_name}: {error}.") from error
        self._check_unchanged(name, array, converted)
        return converted

    def fit(self, name: str, value: Any) -> np.ndarray:
        """Makes an array of this type, and checks its shape.

        Raises:
            InputError: see `convert`, and if the shape does not fit.
        """
        array = self.convert(name, value)
        if not self.takes(array.shape):
            raise InputError(f"{name} has the shape {list(array.shape)}, expected {self.shape_text}.")
        return array

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Tells whether an array of this shape fits."""
        return self.shape is None or (
            len(shape) == len(self.shape)
            and all(mine in (None, size) for mine, size in zip(self.shape, shape, strict=True))
        )

    def _check_unchanged(self, name: str, array: np.ndarray, converted: np.ndarray) -> None:
        if converted is array:
            return
        if self.dtype.kind in "biu":
            changed, expected = converted != array, f"whole numbers ({self.dtype_name})"
        elif array.dtype.kind == "f" and array.dtype.itemsize > self.dtype.itemsize:
            changed, expected = np.isinf(converted) & ~np.isinf(array), f"numbers within {self.dtype_name}"
        else:
            return
        if np.any(changed):
            raise InputError(f"{name} holds {array[changed].flat[0]}, expected {expected}.")


@dataclasses.dataclass(frozen=True)
class SignatureSpec:
    """What a signature takes and gives.

    Attributes:
        name: its name.
        inputs: by name.
        outputs: by name.
        optional: names of the inputs that may be left out.

    Example:
        >>> half = SignatureSpec("half", {"x": ArraySpec(np.dtype("float32"), (None,))}, {})
        >>> half.fit({"x": [1, 2]})
        {'x': array([1., 2.], dtype=float32)}
        >>> half.fit({"y": [1, 2]})
        Traceback (most recent call last):
        tfmeta.core.model.specs.InputError: half has no input 'y'. Known: x.
    """

    name: str
    inputs: Mapping[str, ArraySpec]
    outputs: Mapping[str, ArraySpec]
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, name: str, definition: Any) -> "SignatureSpec":
        """Reads a SignatureDef message.

        Args:
            name: name of the signature.
            definition: the message, of TensorFlow's own class or of `tfmeta.wire`.
        """

        def spec(info: Any) -> ArraySpec:
            shape = info.tensor_shape
            sizes = tuple(None if dim.size < 0 else dim.size for dim in shape.dim)
            return ArraySpec(tensors.numpy_dtype(info.dtype), None if shape.unknown_rank else sizes)

        inputs, outputs = (
            {key: spec(info) for key, info in sorted(infos.items())}
            for infos in (definition.inputs, definition.outputs)
        )
        return cls(name, inputs, outputs, frozenset(definition.defaults))

    def fit(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Makes arrays of the inputs, each of its type and shape.

        Raises:
            InputError: if an input is unknown or missing, or does not fit.
        """
        for key in sorted(set(inputs) - set(self.inputs)):
            raise InputError(f"{self.name} has no input {key!r}. {nearest(key, self.inputs)}")
        missing = sorted(set(self.inputs) - self.optional - set(inputs))
        if missing:
            raise InputError(
                f"{self.name} was asked without {', '.join(missing)}; it takes {', '.join(self.inputs)}."
            )
        return {key: self.inputs[key].fit(f"{self.name}: {key}", value) for key, value in inputs.items()}


def _strings(name: str, value: Any) -> np.ndarray:
    """An array of objects: numpy's own strings would lose zeros at the end."""
    array = np.array(value, dtype=object)
    for entry in array.flat:
        if not isinstance(entry, bytes | str):
            raise InputError(f"{name} holds a {type(entry).__name__}, expected strings (str or bytes).")
    return array
