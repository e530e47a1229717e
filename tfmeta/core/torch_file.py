"""Weights that PyTorch saved, read without PyTorch and without running what a file asks for."""

import pickle
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tfmeta.core.checks import TfmetaError

__all__ = ["read_torch_file"]

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001

_NUMBERS = {
    "BoolStorage": "?",
    "ByteStorage": "u1",
    "CharStorage": "i1",
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "ShortStorage": "<i2",
}


def read_torch_file(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a state dictionary that ``torch.save`` wrote before PyTorch 1.6.

    Such a file is a pickle, and a pickle may call any function that it names. Here a file may name ordered
    dictionaries, tensors and their storages. Another name ends the reading before anything is called. Sizes are
    checked against the length of the file, so that a small file cannot ask for much memory.

    Args:
        path: the file.

    Returns:
        The arrays by their names, in the order and with the types of the file. They cannot be written to.

    Raises:
        TfmetaError: if the file cannot be read, is not of this format, is cut short, or names anything else.

    Example:
        >>> from tfmeta.core.installed import installed_file
        >>> read_torch_file(installed_file("tfmeta", "version.py", "photos", "this example"))
        Traceback (most recent call last):
            ...
        tfmeta.core.checks.TfmetaError: ...version.py is not a file of weights that torch.save wrote before
        PyTorch 1.6: ...
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _state(file, path.stat().st_size)
    except OSError as error:
        raise TfmetaError(f"{path} cannot be read: {error.strerror}.") from None
    except _RefusedError as error:
        raise TfmetaError(
            f"{path} is not read: it {error}; expected a state dictionary of tensors. A pickle may run any code,"
            " so nothing else is accepted. Take the file from its publisher again, or save model.state_dict()."
        ) from None
    except Exception as error:  # a damaged pickle may fail in any way
        raise TfmetaError(
            f"{path} is not a file of weights that torch.save wrote before PyTorch 1.6: {error or 'it is cut short'}."
            " If it should be one, it is damaged: install or download it again. A newer file is written so:"
            " torch.save(state, path, _use_new_zipfile_serialization=False)."
        ) from None


class _RefusedError(Exception):
    """A file names what no state dictionary needs."""


class _Storage(NamedTuple):
    key: str
    numbers: str  # their type, as NumPy writes it
    length: int


class _Tensor(NamedTuple):
    """A tensor whose numbers come later in the file."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def within(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the part of a storage that the tensor is, which cannot be written to."""
        sizes = [self.offset, *self.shape, *self.strides]
        if len(self.shape) != len(self.strides) or not all(isinstance(n, int) and n >= 0 for n in sizes):
            raise ValueError(f"a tensor has the offset, sizes and strides {sizes}")
        last = self.offset + sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        # The first holds for strides of 0, which repeat numbers.
        if prod(self.shape) > numbers.size or (prod(self.shape) and last >= numbers.size):
            raise ValueError(f"a tensor of shape {self.shape} reaches beyond its {numbers.size} numbers")
        steps = [step * numbers.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(numbers[self.offset :], self.shape, steps, writeable=False)


class _Unpickler(pickle.Unpickler):
    """Reads the pickles of a file, with what they may name."""

    def find_class(self, module: str, name: str) -> Any:
        # Nothing that is returned can be changed by the file: a class of C, a bound method, a string.
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._tensor
        if module == "torch" and name in _NUMBERS:
            return _NUMBERS[name]
        raise _RefusedError(f"names {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, numbers, key, _, length, view = pid
        if kind != "storage" or view is not None or numbers not in _NUMBERS.values():
            raise _RefusedError(f"refers to {pid!r}")
        return _Storage(str(key), numbers, length)

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise _RefusedError("has a tensor without a storage")
        return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _state(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _VERSION:
        raise ValueError("it begins otherwise")
    machine, tensors, keys = (_Unpickler(file).load() for _ in range(3))
    if not machine["little_endian"]:
        raise ValueError("it is from a machine with another order of bytes")
    if not isinstance(tensors, dict) or not all(isinstance(tensor, _Tensor) for tensor in tensors.values()):
        raise _RefusedError("has more than tensors by their names")
    types = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages = {key: _numbers(file, types[key], size) for key in keys}
    return {str(name): tensor.within(storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(file: BinaryIO, storage: _Storage, size: int) -> np.ndarray:
    kind = np.dtype(storage.numbers)
    count = int.from_bytes(file.read(8), "little")
    if count != storage.length or count * kind.itemsize > size - file.tell():
        raise ValueError(
            f"it is cut short: {count} numbers are announced, and {size - file.tell()} bytes follow"
        )
    return np.frombuffer(file.read(count * kind.itemsize), kind)
